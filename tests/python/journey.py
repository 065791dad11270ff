"""From an account without a manager to a quote for it, over two services, with the official grpcio and nothing of ours.

usage: journey.py REGISTRY CATALOG TOKEN
"""

import sys
import time

import grpc
from client import Client, refused

REGISTRY, CATALOG = "guanxi.client_registry.v1", "guanxi.product_catalog.v1"


def ask(client, package, service, method, **fields):
    request = client.message(f"{package}.{method}Request", **fields)
    return client.call(f"{package}.{service}Service", method, request)


def staffed(registry):
    """An account with a manager, active."""
    ask(registry, REGISTRY, "Territory", "CreateTerritory", territory={"code": "CN", "level": "HEADQUARTERS", "name": {"zh": "总部"}})
    ask(registry, REGISTRY, "Territory", "CreateTerritory",
        territory={"code": "440000", "level": "PROVINCE", "parent_code": "CN", "name": {"zh": "广东"}})
    account = ask(registry, REGISTRY, "Account", "CreateAccount",
                  account={"legal_name": "广东星河通讯有限公司", "territory_code": "440000"}).account
    activate = lambda: ask(registry, REGISTRY, "Account", "ActivateAccount", id=account.id)
    code, details = refused(activate)
    assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PRIMARY_MISSING"), details
    manager = ask(registry, REGISTRY, "AccountManager", "CreateAccountManager",
                  account_manager={"employee_number": "E7", "name": "王芳", "territory_code": "440000", "channel": 1}).account_manager
    assign = dict(account_id=account.id, account_manager_id=manager.id, role=1)
    opened = ask(registry, REGISTRY, "Assignment", "OpenAssignment", **assign)
    assert opened.assignment.account_manager_id == manager.id
    code, details = refused(lambda: ask(registry, REGISTRY, "Assignment", "OpenAssignment", **assign))
    assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PRIMARY_EXISTS"), details
    activate()
    return account


def sold(catalog):
    """An offering with a price; the version of the catalog that has it."""
    ask(catalog, CATALOG, "Category", "CreateCategory",
        category={"code": "LINE", "name": {"zh": "专线"}, "functional_class": 1, "strategic_class": 1})
    draft = ask(catalog, CATALOG, "Offering", "CreateOffering",
                offering={"code": "INTERNET", "name": {"zh": "互联网专线"}, "category_codes": ["LINE"],
                          "available_territory_codes": ["440000"]}).offering
    ask(catalog, CATALOG, "Offering", "PublishOffering", id=draft.id)
    price = {"offering_code": "INTERNET", "charge_kind": 2, "model": 2, "currency_code": "CNY", "amount": "3200",
             "cost_amount": "1600", "valid_from_date": "2025-01-01"}
    return ask(catalog, CATALOG, "Price", "CreatePrice", price=price).position


def await_territory(catalog, code):
    """The tree of territories is on its way from one service to the other."""
    for _ in range(100):
        try:
            ask(catalog, CATALOG, "Pricing", "PriceQuote", profile={"territory_code": code},
                lines=[{"offering_code": "NOTHING", "quantity": 1}])
            return
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND, error
            time.sleep(0.1)
    raise AssertionError("the territory does not arrive")


def main(registry, catalog, token):
    registry, catalog = Client(registry, token), Client(catalog, token)
    account = staffed(registry)
    await_territory(catalog, account.territory_code)
    version = sold(catalog)
    quote = ask(catalog, CATALOG, "Pricing", "PriceQuote", catalog_version=version,
                profile={"territory_code": account.territory_code, "member_count": 10},
                lines=[{"offering_code": "INTERNET", "quantity": 3, "manual_discount_percent": "10"}])
    charge = quote.lines[0].charges[0]
    assert (charge.list_amount.amount, charge.net_amount.amount, charge.margin_percent) == ("9600.00", "8640.00", "44.44"), quote
    assert quote.allowed and quote.required_level == 2 and quote.catalog_version == version, quote
    print("from an account to a quote: done")


if __name__ == "__main__":
    main(*sys.argv[1:])
