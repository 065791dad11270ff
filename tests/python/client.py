"""Drives client-registry with the official grpcio and nothing of ours: the stubs are made from what reflection says.

usage: client.py ADDRESS TOKEN NARROW_TOKEN
"""

import sys
import uuid

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

PACKAGE = "guanxi.client_registry.v1"


class Client:
    """Methods and messages by name, as reflection describes them."""

    def __init__(self, address, token):
        self.channel = grpc.insecure_channel(address)
        self.database = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = descriptor_pool.DescriptorPool(self.database)
        self.token = token

    def message(self, name, **fields):
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))(**fields)

    def call(self, service, method, request, token=None, timeout=20, language="en"):
        descriptor = self.pool.FindServiceByName(service).FindMethodByName(method)
        answer = message_factory.GetMessageClass(descriptor.output_type)
        kind = "{}_{}".format(
            "stream" if descriptor.client_streaming else "unary", "stream" if descriptor.server_streaming else "unary"
        )
        stub = getattr(self.channel, kind)(
            f"/{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        metadata = [("authorization", "Bearer " + (self.token if token is None else token)), ("accept-language", language)]
        return stub(request, timeout=timeout, metadata=metadata)


def refused(call):
    """The reason and the details of a refusal."""
    try:
        call()
    except grpc.RpcError as error:
        details = {}
        for detail in rpc_status.from_call(error).details:
            for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest,
                         error_details_pb2.PreconditionFailure, error_details_pb2.LocalizedMessage):
                if detail.Is(kind.DESCRIPTOR):
                    details[kind.DESCRIPTOR.name] = kind()
                    detail.Unpack(details[kind.DESCRIPTOR.name])
        return error.code(), details
    raise AssertionError("the call was not refused")


def main(address, token, narrow):
    client = Client(address, token)
    territories, accounts = PACKAGE + ".TerritoryService", PACKAGE + ".AccountService"

    assert health_pb2_grpc.HealthStub(client.channel).Check(health_pb2.HealthCheckRequest()).status == 1
    listed = set(client.database.get_services())
    assert {territories, accounts, "guanxi.events.v1.EventFeedService", "guanxi.auth.v1.IdentityService"} <= listed, listed

    who = client.call("guanxi.auth.v1.IdentityService", "WhoAmI", client.message("guanxi.auth.v1.WhoAmIRequest"))
    assert who.grants[0].role == "administrator", who

    for code, level, parent in [("CN", "HEADQUARTERS", ""), ("440000", "PROVINCE", "CN"), ("330000", "PROVINCE", "CN")]:
        request = client.message(PACKAGE + ".CreateTerritoryRequest")
        request.territory.code, request.territory.level, request.territory.parent_code = code, level, parent
        request.territory.name.zh = "区域" + code
        client.call(territories, "CreateTerritory", request)

    create = client.message(PACKAGE + ".CreateAccountRequest", request_id=str(uuid.uuid4()))
    create.account.legal_name, create.account.territory_code = "广东星河通讯有限公司", "440000"
    create.account.attributes["founded"] = "1999"
    created = client.call(accounts, "CreateAccount", create)
    assert client.call(accounts, "CreateAccount", create).account == created.account, "a repeat answers with the first outcome"

    get = client.message(PACKAGE + ".GetAccountRequest", id=created.account.id)
    assert client.call(accounts, "GetAccount", get).account == created.account
    code, details = refused(lambda: client.call(accounts, "GetAccount", get, token=narrow))
    assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"), details

    search = client.message(PACKAGE + ".SearchAccountsRequest", query="星何通讯")
    assert [found.account.id for found in client.call(accounts, "SearchAccounts", search).results] == [created.account.id]

    wrong = client.message(PACKAGE + ".CreateAccountRequest")
    wrong.account.credit_code = "91110000600037341N"
    code, details = refused(lambda: client.call(accounts, "CreateAccount", wrong, language="zh-CN"))
    fields = {violation.field: violation.reason for violation in details["BadRequest"].field_violations}
    assert fields == {
        "account.legal_name": "REQUIRED",
        "account.credit_code": "CREDIT_CODE_CHECK_DIGIT",
        "account.territory_code": "REQUIRED",
    }, fields
    assert details["LocalizedMessage"].locale == "zh-CN" and "字段" in details["LocalizedMessage"].message
    code, details = refused(lambda: client.call(accounts, "GetAccount", get, token=""))
    assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"), details

    message = client.message(PACKAGE + ".ImportAccountsRequest")
    message.options.import_id = str(uuid.uuid4())
    for number in range(1, 4):
        row = message.rows.add(row_number=number)
        row.account.legal_name, row.account.territory_code = f"导入样例{number}", "440000" if number < 3 else "999999"
        row.account.external_ids.add(system="boss", value=str(number))
    (answer,) = client.call(accounts, "ImportAccounts", iter([message]))
    assert answer.progress.created_count == 2 and answer.progress.rejected_rows[0].row_number == 3, answer
    (again,) = client.call(accounts, "ImportAccounts", iter([message]))
    assert again.progress.repeated_count == 2 and again.progress.created_count == 0, again

    export = client.message(PACKAGE + ".ExportAccountsRequest", territory_code="440000")
    names = [account.legal_name for part in client.call(accounts, "ExportAccounts", export) for account in part.accounts]
    assert names == ["广东星河通讯有限公司", "导入样例1", "导入样例2"], names

    follow = client.message("guanxi.events.v1.FollowRequest")
    feed = client.call("guanxi.events.v1.EventFeedService", "Follow", follow)
    events = [next(feed).event for _ in range(6)]
    feed.cancel()
    assert [event.position for event in events] == [1, 2, 3, 4, 5, 6]
    assert events[3].type == PACKAGE + ".account.created" and events[3].subject == "account/" + created.account.id
    change = client.message(PACKAGE + ".AccountChange")
    assert events[3].payload.Unpack(change) and change.after.legal_name == created.account.legal_name
    print("the Python client is content")


if __name__ == "__main__":
    main(*sys.argv[1:])
