"""From a lead to a won deal, over three services, with the official grpcio and nothing of ours: an agent works on it, the supervisor
approves what is above the agent's authority.

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


def stopped(client, opportunity, because, *unmet, verb="Advance", **fields):
    """The deal does not go on, for this reason, and everything that is missing is named."""
    code, details = refused(lambda: ask(client, PIPELINE, "Opportunity", f"{verb}Opportunity", id=opportunity.id, **fields))
    assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.FAILED_PRECONDITION, because), details
    named = details["PreconditionFailure"].violations if unmet else []
    assert [each.type for each in named] == list(unmet), details


def advanced(client, opportunity, stage_code):
    deal = ask(client, PIPELINE, "Opportunity", "AdvanceOpportunity", id=opportunity.id).opportunity
    assert deal.stage_code == stage_code, deal


def qualified(agent, account):
    """A lead from a visit becomes an opportunity."""
    lead = {"title": "新厂区要专线", "source": 7, "account_id": account.id, "contact_name": "李工", "score": 80}
    lead = ask(agent, PIPELINE, "Lead", "CreateLead", lead=lead).lead
    ask(agent, PIPELINE, "Lead", "WorkLead", id=lead.id)
    both = ask(agent, PIPELINE, "Lead", "QualifyLead", id=lead.id)
    assert both.opportunity.lead_id == lead.id and both.lead.opportunity_id == both.opportunity.id, both
    return both.opportunity


def understood(agent, opportunity):
    """What the customer needs: supposed, verified, evaluated, each before the stage that asks for it."""
    stopped(agent, opportunity, "EXIT_CRITERIA_UNMET", "NEED_MISSING")
    need = {"opportunity_id": opportunity.id, "text": "新厂区与总部之间要有专线"}
    need = ask(agent, PIPELINE, "Need", "CreateNeed", need=need).need
    advanced(agent, opportunity, "NEED_VERIFIED")
    stopped(agent, opportunity, "EXIT_CRITERIA_UNMET", "NEED_UNVERIFIED")
    ask(agent, PIPELINE, "Need", "VerifyNeed", id=need.id, verification="走访确认", evidence="厂区规划图")
    advanced(agent, opportunity, "NEED_EVALUATED")
    ask(agent, PIPELINE, "Need", "EvaluateNeed", id=need.id, evaluation="三条线路即可", fit=90)
    advanced(agent, opportunity, "SOLUTION")
    lines = [{"offering_code": "INTERNET", "quantity": 3, "term_months": 24}]
    ask(agent, PIPELINE, "Opportunity", "UpdateOpportunity", opportunity={"id": opportunity.id, "lines": lines})
    advanced(agent, opportunity, "QUOTED")


def agreed(agent, supervisor, stranger, opportunity):
    """A quote over the agent's authority is approved by the supervisor and accepted by the customer."""
    stopped(agent, opportunity, "EXIT_CRITERIA_UNMET", "QUOTE_UNAPPROVED")
    lines = [{"offering_code": "INTERNET", "quantity": 3, "term_months": 24, "manual_discount_percent": "10"}]
    quote = {"opportunity_id": opportunity.id, "lines": lines, "discount_reason": "竞争对手报价低", "solution": "三条互联网专线"}
    quote = ask(agent, PIPELINE, "Quote", "CreateQuote", quote=quote).quote
    assert (quote.contract_list_amount.amount, quote.contract_net_amount.amount) == ("230400", "207360"), quote
    quote = ask(agent, PIPELINE, "Quote", "SubmitQuote", id=quote.id).quote
    # Above MANAGER: it waits for the county or higher.
    assert (quote.required_level, quote.decider) == (2, ""), quote
    for client, reason in ((agent, "OWN_REQUEST"), (stranger, "RESOURCE_NOT_FOUND")):
        _, details = refused(lambda: ask(client, PIPELINE, "Quote", "ApproveQuote", id=quote.id))
        assert details["ErrorInfo"].reason == reason, details
    (waiting,) = ask(supervisor, PIPELINE, "Quote", "ListQuotesWaiting").quotes
    approved = ask(supervisor, PIPELINE, "Quote", "ApproveQuote", id=waiting.id).quote
    assert (approved.decider, approved.decision_level) == ("E9", 4), approved
    _, details = refused(lambda: ask(supervisor, PIPELINE, "Quote", "ApproveQuote", id=quote.id))
    assert details["ErrorInfo"].reason == "STATE_FORBIDS", details
    proposal = ask(agent, PIPELINE, "Quote", "GetQuoteProposal", id=quote.id)
    assert "新厂区与总部之间要有专线" in str(proposal.markdown) and "三条互联网专线" in proposal.markdown, proposal
    advanced(agent, opportunity, "APPROVED")
    stopped(agent, opportunity, "EXIT_CRITERIA_UNMET", "QUOTE_UNACCEPTED", verb="Win", close_reason=2, reason="方案合适")
    ask(agent, PIPELINE, "Quote", "AcceptQuote", id=quote.id, acceptance_reference="HT-2026-001")


def won(agent, supervisor, opportunity):
    """The deal is won, delivered and accepted; the board shows it."""
    stopped(agent, opportunity, "STAGE_SKIPPED")
    ask(agent, PIPELINE, "Opportunity", "WinOpportunity", id=opportunity.id, close_reason=2, reason="方案合适",
        amount={"amount": "207360", "currency_code": "CNY"})
    advanced(agent, opportunity, "DELIVERING")
    advanced(agent, opportunity, "ACCEPTED")
    stages = {each.stage_code: each for each in ask(supervisor, PIPELINE, "OpportunityView", "GetBoard").stages}
    (total,) = stages["ACCEPTED"].sums
    assert (total.opportunity_count, total.value.amount) == (1, "207360"), stages["ACCEPTED"]
    periods = ask(agent, PIPELINE, "Opportunity", "ListStagePeriods", opportunity_id=opportunity.id).stage_periods
    assert [each.stage_code for each in periods] == [
        "NEED_HYPOTHESIS", "NEED_VERIFIED", "NEED_EVALUATED", "SOLUTION", "QUOTED", "APPROVED", "CONTRACTED",
        "DELIVERING", "ACCEPTED"], periods


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
    deal = qualified(agent, account)
    understood(agent, deal)
    agreed(agent, supervisor, stranger, deal)
    won(agent, supervisor, deal)
    print("from a lead to a won deal: done")


if __name__ == "__main__":
    main(*sys.argv[1:])
