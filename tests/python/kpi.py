"""From a won deal to its figures, over all four services, with the official grpcio and nothing of ours: an agent sees figures of his own, an
administrator makes an indicator, and whoever watches hears of the next deal.

usage: kpi.py REGISTRY CATALOG PIPELINE KPI ADMINISTRATOR AGENT STRANGER
The agent is E7 of 440000, the stranger an agent of 440000 who has nothing to do with it: their tokens.
"""

import sys
import time
import uuid

import grpc
from client import Client, refused
from journey import ask, sold, staffed

PIPELINE, KPI = "guanxi.opportunity_pipeline.v1", "guanxi.kpi.v1"
MANAGER, MONTH = 2, 8


def query(client, code, **question):
    return ask(client, KPI, "Indicator", "QueryIndicator", question={"indicator_code": code, **question})


def values(answer):
    return [(figure.key, figure.currency_code, figure.value) for figure in answer.figures]


def awaited(client, code, expected, **question):
    """Figures follow a moment after what they count."""
    for _ in range(100):
        found = values(query(client, code, **question))
        if found == expected:
            return
        time.sleep(0.1)
    raise AssertionError(f"{code} is {found}, not {expected}")


def opened(agent, account, amount):
    value = {"amount": amount, "currency_code": "CNY"}
    opportunity = {"title": "专线", "account_id": account.id, "pipeline_code": "SHORT", "amount": value}
    return ask(agent, PIPELINE, "Opportunity", "CreateOpportunity", opportunity=opportunity).opportunity


def won(agent, deal):
    ask(agent, PIPELINE, "Opportunity", "WinOpportunity", id=deal.id, close_reason=2, reason="方案合适")


def shortened(administrator):
    """A pipeline of one open stage."""
    stages = [{"code": code, "name": {"zh": code}, "kind": kind, "probability_percent": percent}
              for code, kind, percent in (("TALK", 1, 20), ("SIGNED", 2, 100), ("LOST", 3, 0))]
    ask(administrator, PIPELINE, "Pipeline", "CreatePipeline", pipeline={"code": "SHORT", "name": {"zh": "短流程"}, "stages": stages})


def explained(client, deal):
    """What is behind the figure is the deal."""
    request = {"question": {"indicator_code": "won-value", "by": MANAGER}, "key": deal.owner_id}
    answer = ask(client, KPI, "Indicator", "ExplainIndicator", **request)
    assert [(each.measure_code, each.value) for each in answer.measures] == [("won_value", "1000")], answer
    (fact,) = answer.facts
    assert (fact.subject, fact.territory_code, fact.value) == ("opportunity/" + deal.id, "440000", "1000"), fact
    assert answer.indicator.formula == "won_value" and not answer.next_page_token, answer


def created(administrator, agent):
    """An indicator of one's own, once however often it is sent; figures follow at once."""
    indicator = {"code": "lost-share", "name": {"zh": "丢单占比"}, "kind": 2, "unit": 3, "decimal_places": 2,
                 "formula": "opportunities_lost / (opportunities_won + opportunities_lost)"}
    request = {"indicator": indicator, "request_id": str(uuid.uuid4())}
    first = ask(administrator, KPI, "Indicator", "CreateIndicator", **request).indicator
    again = ask(administrator, KPI, "Indicator", "CreateIndicator", **request).indicator
    assert first.id and str(first) == str(again), (first, again)
    assert values(query(administrator, "lost-share")) == [("", "", "0")]
    code, details = refused(lambda: ask(agent, KPI, "Indicator", "CreateIndicator", indicator=indicator))
    assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_MISSING"), details


def named(client):
    """Everything that is wrong is named."""
    wrong = {"code": "Wrong Code", "formula": "won_value / nothing_known + (", "kind": 1, "unit": 2}
    _, details = refused(lambda: ask(client, KPI, "Indicator", "CreateIndicator", indicator=wrong))
    fields = {each.field for each in details["BadRequest"].field_violations}
    assert fields >= {"indicator.code", "indicator.name.zh", "indicator.formula"}, fields
    question = {"by": MONTH, "territory_level": "CITY", "from_date": "2026-02-01", "to_date": "2026-01-01", "currency_code": "XXX1"}
    _, details = refused(lambda: query(client, "won-value", **question))
    reasons = {each.field: each.reason for each in details["BadRequest"].field_violations}
    assert reasons == {"question.territory_level": "DIMENSION_UNFIT", "question.to_date": "RANGE_REVERSED",
                       "question.currency_code": "UNKNOWN_VALUE"}, reasons
    for code, question in (("no-such", {}), ("won-value", {"territory_code": "330000"})):
        status, details = refused(lambda: query(client, code, **question))
        assert (status, details["ErrorInfo"].reason) == (grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"), details


def main(registry, catalog, pipeline, kpi, administrator, agent, stranger):
    account = staffed(Client(registry, administrator))
    sold(Client(catalog, administrator))
    shortened(Client(pipeline, administrator))
    seller, whole, own, foreign = Client(pipeline, agent), Client(kpi, administrator), Client(kpi, agent), Client(kpi, stranger)
    deal = opened(seller, account, "1000")
    won(seller, deal)
    awaited(whole, "won-value", [("", "CNY", "1000")])
    assert values(query(own, "won-value", by=MANAGER)) == [(deal.owner_id, "CNY", "1000")]
    (figure,) = query(own, "won-value", by=MANAGER).figures
    assert (figure.name.zh, figure.share, figure.rank) == ("E7", "1", 1), figure
    assert values(query(foreign, "won-value")) == []
    explained(own, deal)
    created(whole, own)
    named(whole)

    request = own.message(KPI + ".WatchIndicatorRequest", question={"indicator_code": "won-value"})
    watched = own.call(KPI + ".IndicatorService", "WatchIndicator", request)
    assert values(next(watched)) == [("", "CNY", "1000")]
    won(seller, opened(seller, account, "500"))
    assert values(next(watched)) == [("", "CNY", "1500")]
    watched.cancel()
    measures = ask(whole, KPI, "Indicator", "ListMeasures").measures
    assert "won_value" in [measure.code for measure in measures], measures
    print("from a won deal to its figures: done")


if __name__ == "__main__":
    main(*sys.argv[1:])
