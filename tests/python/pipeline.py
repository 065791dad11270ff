"""A deal of an agent and what the supervisor sees of it, over three services, with the official grpcio and nothing of ours.

usage: pipeline.py REGISTRY CATALOG PIPELINE ADMINISTRATOR AGENT SUPERVISOR STRANGER
The agent is E7 of 440000, the supervisor that of 440000, the stranger an agent of 440000 who has nothing to do with it: their tokens.
"""

import sys

import grpc
from client import Client, refused
from journey import ask, sold, staffed

PIPELINE = "guanxi.opportunity_pipeline.v1"


def opened(agent, account):
    """An opportunity of the agent's with a line at list price: what was made a moment ago elsewhere is known."""
    lines = [{"offering_code": "INTERNET", "quantity": 3, "term_months": 24}]
    opportunity = {"title": "星河通讯互联网专线", "account_id": account.id, "lines": lines, "expected_close_date": "2099-06-30"}
    opened = ask(agent, PIPELINE, "Opportunity", "CreateOpportunity", opportunity=opportunity).opportunity
    assert (opened.stage_code, opened.account_name, opened.owner_employee_number) == (
        "NEED_HYPOTHESIS", account.legal_name, "E7"), opened
    assert (opened.value.amount, opened.value.currency_code) == ("230400", "CNY"), opened.value
    return opened


def seen(client):
    return ask(client, PIPELINE, "Opportunity", "ListOpportunities").opportunities


def main(registry, catalog, pipeline, administrator, agent, supervisor, stranger):
    account = staffed(Client(registry, administrator))
    sold(Client(catalog, administrator))
    agent, supervisor, stranger = (Client(pipeline, token) for token in (agent, supervisor, stranger))
    opportunity = opened(agent, account)
    for client in (agent, supervisor):
        # As text: each client made its messages from what reflection told it.
        assert [str(each) for each in seen(client)] == [str(opportunity)], seen(client)
        got = ask(client, PIPELINE, "Opportunity", "GetOpportunity", id=opportunity.id).opportunity
        assert str(got) == str(opportunity), got
    assert not seen(stranger)
    code, details = refused(lambda: ask(stranger, PIPELINE, "Opportunity", "GetOpportunity", id=opportunity.id))
    assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"), details
    lines = [{"offering_code": "NOTHING"}]
    code, details = refused(lambda: ask(
        agent, PIPELINE, "Opportunity", "CreateOpportunity", opportunity={"title": "无", "lines": lines}))
    (violation,) = details["BadRequest"].field_violations
    assert (violation.field, violation.reason) == ("opportunity.lines[0].offering_code", "OFFERING_UNKNOWN"), details
    print("an agent's deal: done")


if __name__ == "__main__":
    main(*sys.argv[1:])
