//! Model → wire.

use guanxi_events::NewEvent;
use guanxi_grpc::value::wire_money;
use guanxi_grpc::{day, etag, timestamp, wire_enum};
use guanxi_proto::opportunity_pipeline::v1::{self as pb, QuoteChange};
use guanxi_proto::product_catalog::v1::AuthorityLevel;
use guanxi_resource::place;
use rust_decimal::Decimal;

use super::model::{Concession, Payer, Quote, State};

wire_enum!(Payer, pb::ConcessionPayer, Operator, Customer, Shared);

/// The quote on the wire.
pub(super) fn wire(quote: &Quote) -> pb::Quote {
    let money = |amount: Decimal| wire_money(amount, &quote.currency_code);
    pb::Quote {
        id: quote.id.to_string(),
        opportunity_id: quote.opportunity_id.to_string(),
        version_number: quote.version_number,
        state: state(quote.state).into(),
        territory_code: quote.territory_code.clone(),
        account_id: quote.account_id.map(|id| id.to_string()).unwrap_or_default(),
        account_name: quote.account_name.clone().unwrap_or_default(),
        currency_code: quote.currency_code.clone(),
        lines: quote.asked.0.lines.clone(),
        quoted_lines: quote.priced.0.lines.clone(),
        totals: quote.priced.0.totals.clone(),
        contract_list_amount: Some(money(quote.contract_list_amount)),
        contract_net_amount: Some(money(quote.contract_net_amount)),
        contract_cost_amount: quote.contract_cost_amount.map(money),
        concessions: quote.concessions.iter().map(|each| concession(each, &quote.currency_code)).collect(),
        margin_percent: quote.margin_percent.map(|margin| margin.normalize().to_string()).unwrap_or_default(),
        required_level: AuthorityLevel::from(quote.required_level).into(),
        discount_reason: quote.discount_reason.clone(),
        catalog_version: quote.catalog_version,
        price_date: day::wire(Some(quote.price_date)),
        valid_until_date: day::wire(Some(quote.valid_until_date)),
        solution: quote.solution.clone(),
        terms: quote.terms.clone(),
        author: quote.author.clone(),
        submitter: quote.submitter.clone().unwrap_or_default(),
        submit_time: quote.submit_time.map(timestamp),
        decider: quote.decider.clone().unwrap_or_default(),
        decide_time: quote.decide_time.map(timestamp),
        decision_level: quote.decision_level.map_or(AuthorityLevel::Unspecified, Into::into).into(),
        reason: quote.reason.clone(),
        accept_date: day::wire(quote.accept_date),
        acceptance_reference: quote.acceptance_reference.clone(),
        create_time: Some(timestamp(quote.create_time)),
        update_time: Some(timestamp(quote.update_time)),
        etag: etag(quote.version),
    }
}

fn state(state: State) -> pb::QuoteState {
    match state {
        State::Draft => pb::QuoteState::Draft,
        State::Waiting => pb::QuoteState::Waiting,
        State::Approved => pb::QuoteState::Approved,
        State::Accepted => pb::QuoteState::Accepted,
        State::Rejected => pb::QuoteState::Rejected,
        State::Withdrawn => pb::QuoteState::Withdrawn,
        State::Expired => pb::QuoteState::Expired,
        State::Declined => pb::QuoteState::Declined,
    }
}

fn concession(concession: &Concession, currency_code: &str) -> pb::Concession {
    let share = concession.operator_share_percent.map(|share| share.normalize().to_string());
    pb::Concession {
        text: concession.text.clone(),
        cost: Some(wire_money(concession.cost, currency_code)),
        payer: pb::ConcessionPayer::from(concession.payer).into(),
        operator_share_percent: share.unwrap_or_default(),
    }
}

/// The event of a change. It lies where the opportunity lies.
pub(super) fn event(kind: &'static str, before: Option<&Quote>, after: &Quote) -> NewEvent {
    let lies = |quote: &Quote| place(&quote.territory_code, &quote.territory_path);
    let change = QuoteChange { before: before.map(wire), after: Some(wire(after)) };
    guanxi_resource::event(kind, after.id, after.version, before.map(lies), lies(after), &change)
}
