//! Model → wire, and the parts of a message that are read one by one.

use guanxi_events::NewEvent;
use guanxi_grpc::value::wire_money;
use guanxi_grpc::{day, etag, timestamp, wire_enum};
use guanxi_proto::opportunity_pipeline::v1::{self as pb, OpportunityChange};
use guanxi_proto::r#type::v1::Money;
use guanxi_resource::place;
use rust_decimal::Decimal;
use time::Date;

use super::model::{
    CloseReason, Competitor, FactorKind, Intent, KeySuccessFactor, Kind, Line, Opportunity, StagePeriod, State,
    TeamMember, TeamRole,
};
use crate::copies::wire_tier;

wire_enum!(Kind, pb::OpportunityKind, New, Expand, Renew, WinBack, Attack);
wire_enum!(Intent, pb::CustomerIntent, Unaware, Aware, Interested, Planning, Purchasing);
wire_enum!(TeamRole, pb::TeamRole, AccountManager, ProductManager, SupportManager);
wire_enum!(FactorKind, pb::KeySuccessFactorKind, SuccessFactor, EntryPoint);
wire_enum!(
    CloseReason,
    pb::CloseReason,
    Price,
    Product,
    Service,
    Relationship,
    Competitor,
    Budget,
    Timing,
    NoDecision,
    Other,
    Unknown
);

/// The opportunity on the wire.
pub(crate) fn wire(opportunity: &Opportunity) -> pb::Opportunity {
    let currency_code = opportunity.currency_code.as_deref();
    let money = |amount: Option<Decimal>| in_currency(amount, currency_code);
    pb::Opportunity {
        id: opportunity.id.to_string(),
        title: opportunity.title.clone(),
        account_id: opportunity.account_id.map(|id| id.to_string()).unwrap_or_default(),
        account_name: opportunity.account_name.clone().unwrap_or_default(),
        kind: pb::OpportunityKind::from(opportunity.kind).into(),
        pipeline_code: opportunity.pipeline_code.clone(),
        stage_code: opportunity.stage_code.clone(),
        stage_enter_date: day::wire(opportunity.stage_enter_date),
        state: state(opportunity).into(),
        owner_id: opportunity.owner_id.to_string(),
        owner_employee_number: opportunity.owner_employee_number.clone(),
        territory_code: opportunity.territory_code.clone(),
        amount: money(opportunity.amount),
        list_amount: money(opportunity.list_amount),
        value: money(opportunity.value()),
        probability_percent: opportunity.probability_percent,
        forecast_category: opportunity.forecast_category.map_or(pb::ForecastCategory::Unspecified, Into::into).into(),
        expected_close_date: day::wire(opportunity.expected_close_date),
        open_date: day::wire(opportunity.open_date),
        close_date: day::wire(opportunity.close_date),
        intent: opportunity.intent.map_or(pb::CustomerIntent::Unspecified, Into::into).into(),
        lines: opportunity.lines.iter().map(|each| line(each, currency_code)).collect(),
        competitors: opportunity.competitors.iter().map(competitor).collect(),
        team: opportunity.team.iter().map(member).collect(),
        key_success_factors: opportunity.key_success_factors.iter().map(factor).collect(),
        flagship: opportunity.flagship,
        description: opportunity.description.clone(),
        tags: opportunity.tags.clone(),
        close_reason: opportunity.close_reason.map_or(pb::CloseReason::Unspecified, Into::into).into(),
        reason: opportunity.reason.clone(),
        suspend_until_date: day::wire(opportunity.suspend_until_date),
        lead_id: opportunity.lead_id.map(|id| id.to_string()).unwrap_or_default(),
        imported_from: opportunity.imported_from.clone().unwrap_or_default(),
        create_time: Some(timestamp(opportunity.create_time)),
        update_time: Some(timestamp(opportunity.update_time)),
        delete_time: opportunity.delete_time.map(timestamp),
        etag: etag(opportunity.version),
    }
}

fn state(opportunity: &Opportunity) -> pb::OpportunityState {
    match (opportunity.delete_time, opportunity.state) {
        (Some(_), _) => pb::OpportunityState::Deleted,
        (None, State::Open) => pb::OpportunityState::Open,
        (None, State::Won) => pb::OpportunityState::Won,
        (None, State::Lost) => pb::OpportunityState::Lost,
        (None, State::Suspended) => pb::OpportunityState::Suspended,
    }
}

fn in_currency(amount: Option<Decimal>, currency_code: Option<&str>) -> Option<Money> {
    amount.zip(currency_code).map(|(amount, currency_code)| wire_money(amount, currency_code))
}

fn line(line: &Line, currency_code: Option<&str>) -> pb::OpportunityLine {
    pb::OpportunityLine {
        offering_code: line.offering_code.clone(),
        offering_name: line.offering_name.clone(),
        quantity: line.quantity,
        term_months: line.term_months,
        list_amount: in_currency(line.list_amount, currency_code),
    }
}

fn competitor(competitor: &Competitor) -> pb::OpportunityCompetitor {
    pb::OpportunityCompetitor {
        name: competitor.name.clone(),
        offer: competitor.offer.clone(),
        price: in_currency(competitor.price, competitor.currency_code.as_deref()),
    }
}

fn member(member: &TeamMember) -> pb::OpportunityTeamMember {
    pb::OpportunityTeamMember {
        account_manager_id: member.account_manager_id.to_string(),
        employee_number: member.employee_number.clone(),
        role: pb::TeamRole::from(member.role).into(),
    }
}

fn factor(factor: &KeySuccessFactor) -> pb::KeySuccessFactor {
    let kind = pb::KeySuccessFactorKind::from(factor.kind).into();
    pb::KeySuccessFactor { text: factor.text.clone(), kind, met: factor.met }
}

/// A time in a stage on the wire.
pub(super) fn stage_period(period: &StagePeriod, today: Date) -> pb::StagePeriod {
    pb::StagePeriod {
        number: period.number,
        stage_code: period.stage_code.clone(),
        enter_date: day::wire(period.enter_date),
        leave_date: day::wire(period.leave_date),
        days: period.days(today).and_then(|days| i32::try_from(days).ok()),
        enter_time: Some(timestamp(period.enter_time)),
        leave_time: period.leave_time.map(timestamp),
        reason: period.reason.clone(),
        actor: period.actor.clone(),
        imported: period.imported,
    }
}

/// The names of the fields in which two versions differ, as far as people or other systems say what is in them.
pub(super) fn differences(before: &Opportunity, after: &Opportunity) -> Vec<&'static str> {
    let fields = [
        ("title", before.title == after.title),
        ("account_id", before.account_id == after.account_id),
        ("kind", before.kind == after.kind),
        ("stage_code", before.stage_code == after.stage_code),
        ("stage_enter_date", before.stage_enter_date == after.stage_enter_date),
        ("amount", (before.amount, &before.currency_code) == (after.amount, &after.currency_code)),
        ("probability_percent", before.probability_percent == after.probability_percent),
        ("forecast_category", before.forecast_category == after.forecast_category),
        ("expected_close_date", before.expected_close_date == after.expected_close_date),
        ("open_date", before.open_date == after.open_date),
        ("close_date", before.close_date == after.close_date),
        ("intent", before.intent == after.intent),
        ("lines", before.lines == after.lines),
        ("competitors", before.competitors == after.competitors),
        ("team", before.team == after.team),
        ("key_success_factors", before.key_success_factors == after.key_success_factors),
        ("flagship", before.flagship == after.flagship),
        ("description", before.description == after.description),
        ("tags", before.tags == after.tags),
        ("close_reason", before.close_reason == after.close_reason),
        ("reason", before.reason == after.reason),
    ];
    fields.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
}

/// The event of a change without a reason.
pub(crate) fn event(kind: &'static str, before: Option<&Opportunity>, after: &Opportunity) -> NewEvent {
    event_for(kind, before, after, "")
}

/// The event of a change. It carries everything of the account that somebody may count by.
pub(crate) fn event_for(
    kind: &'static str,
    before: Option<&Opportunity>,
    after: &Opportunity,
    reason: &str,
) -> NewEvent {
    let lies = |opportunity: &Opportunity| place(&opportunity.territory_code, &opportunity.territory_path);
    let change = OpportunityChange {
        before: before.map(wire),
        after: Some(wire(after)),
        reason: reason.to_owned(),
        account_tier: wire_tier(after.account_tier.as_deref()).into(),
        account_industry_code: after.account_industry_code.clone().unwrap_or_default(),
    };
    guanxi_resource::event(kind, after.id, after.version, before.map(lies), lies(after), &change)
}
