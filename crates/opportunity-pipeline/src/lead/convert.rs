//! Model → wire, and the verbs' requests.

use guanxi_events::NewEvent;
use guanxi_grpc::value::{code, money};
use guanxi_grpc::{Violation, Violations, day, etag, parse_id, text, timestamp, wire_enum};
use guanxi_proto::opportunity_pipeline::v1::{
    self as pb, DisqualifyLeadRequest, LeadChange, LinkDuplicateLeadRequest, QualifyLeadRequest, ReassignLeadRequest,
    ReopenLeadRequest,
};
use guanxi_resource::{personal, place};
use rust_decimal::Decimal;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::model::{DisqualifyReason, Lead, Source, State};
use crate::opportunity::{Kind, Opportunity, territory_code};
use crate::pipeline::STANDARD;

/// Most characters of a reason.
const MAX_REASON: usize = 500;
/// Events whose method asks for a reason.
const WITH_REASON: [&str; 3] = ["lead.disqualified", "lead.reopened", "lead.reassigned"];

wire_enum!(Source, pb::LeadSource, Campaign, Manager, Phone, Portal, Recommendation, Warning, Interaction);
wire_enum!(DisqualifyReason, pb::DisqualifyReason, NoNeed, NoBudget, Duplicate, Unreachable, Competitor, Other);

/// The lead on the wire, persons included.
pub(super) fn wire(lead: &Lead) -> pb::Lead {
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    pb::Lead {
        id: lead.id.to_string(),
        title: lead.title.clone(),
        source: pb::LeadSource::from(lead.source).into(),
        source_reference: lead.source_reference.clone(),
        account_id: id(lead.account_id),
        account_name: lead.account_name.clone().unwrap_or_default(),
        company_name: lead.company_name.clone(),
        contact_name: lead.contact_name.clone(),
        contact_phone: lead.contact_phone.clone().unwrap_or_default(),
        description: lead.description.clone(),
        score: lead.score,
        owner_id: lead.owner_id.to_string(),
        owner_employee_number: lead.owner_employee_number.clone(),
        territory_code: lead.territory_code.clone(),
        state: state(lead).into(),
        disqualify_reason: lead.disqualify_reason.map_or(pb::DisqualifyReason::Unspecified, Into::into).into(),
        reason: lead.reason.clone(),
        duplicate_of_lead_id: id(lead.duplicate_of_lead_id),
        opportunity_id: id(lead.opportunity_id),
        tags: lead.tags.clone(),
        create_time: Some(timestamp(lead.create_time)),
        update_time: Some(timestamp(lead.update_time)),
        delete_time: lead.delete_time.map(timestamp),
        etag: etag(lead.version),
    }
}

fn state(lead: &Lead) -> pb::LeadState {
    match (lead.delete_time, lead.state) {
        (Some(_), _) => pb::LeadState::Deleted,
        (None, State::New) => pb::LeadState::New,
        (None, State::Working) => pb::LeadState::Working,
        (None, State::Qualified) => pb::LeadState::Qualified,
        (None, State::Disqualified) => pb::LeadState::Disqualified,
    }
}

/// The event of a change, without persons.
pub(super) fn event(kind: &'static str, before: Option<&Lead>, after: &Lead) -> NewEvent {
    let lies = |lead: &Lead| place(&lead.territory_code, &lead.territory_path);
    let (mut old, mut new) = (before.map(wire), wire(after));
    let changed_personal_fields = personal::withhold(&mut old, &mut new);
    let reason = if WITH_REASON.contains(&kind) { after.reason.clone() } else { String::new() };
    let change = LeadChange { before: old, after: Some(new), changed_personal_fields, reason };
    guanxi_resource::event(kind, after.id, after.version, before.map(lies), lies(after), &change)
}

/// What becomes of a lead that is qualified.
pub(super) struct Qualification {
    pub(super) id: Uuid,
    pub(super) kind: Kind,
    pub(super) pipeline_code: String,
    pub(super) amount: Option<(Decimal, String)>,
    pub(super) expected_close_date: Option<Date>,
}

/// Reads a qualification.
pub(super) fn qualification(request: &QualifyLeadRequest) -> Result<Qualification, Violations> {
    let mut violations = Violations::default();
    let id = violations.keep(parse_id("id", &request.id));
    let kind = violations.keep(Kind::read("kind", request.kind));
    let pipeline_code = match request.pipeline_code.as_str() {
        "" => Some(STANDARD.to_owned()),
        sent => violations.keep(code("pipeline_code", sent)),
    };
    let amount = request.amount.as_ref().map(|amount| money("amount", amount)).transpose();
    let amount = violations.keep(amount);
    let expected_close_date = violations.keep(day::read("expected_close_date", &request.expected_close_date));
    match (id, kind, pipeline_code, amount, expected_close_date) {
        (Some(id), Some(kind), Some(pipeline_code), Some(amount), Some(expected_close_date)) => {
            let kind = kind.unwrap_or(Kind::New);
            Ok(Qualification { id, kind, pipeline_code, amount, expected_close_date })
        }
        _ => Err(violations),
    }
}

/// The opportunity that a lead becomes, with what the lead says and what the request adds.
pub(super) fn opportunity(lead: &Lead, wanted: &Qualification, id: Uuid, now: OffsetDateTime) -> Opportunity {
    let (amount, currency_code) = wanted.amount.clone().unzip();
    let opportunity = Opportunity {
        title: lead.title.clone(),
        account_id: lead.account_id,
        account_name: lead.account_name.clone(),
        account_tier: lead.account_tier.clone(),
        account_industry_code: lead.account_industry_code.clone(),
        kind: wanted.kind,
        amount,
        currency_code,
        expected_close_date: wanted.expected_close_date,
        description: lead.description.clone(),
        lead_id: Some(lead.id),
        ..Opportunity::blank(id, lead.placing(), day::of(now), now)
    };
    opportunity.settled()
}

/// Reads a disqualification: why, and what people say about it, which they must where it is something else.
pub(super) fn disqualification(request: &DisqualifyLeadRequest) -> Result<(DisqualifyReason, String), Violations> {
    let mut violations = Violations::default();
    let id = violations.keep(parse_id("id", &request.id));
    let why = DisqualifyReason::read("disqualify_reason", request.disqualify_reason);
    let why = why.and_then(|why| why.ok_or_else(|| Violation::required("disqualify_reason")));
    let why = violations.keep(why);
    let least = usize::from(why == Some(DisqualifyReason::Other));
    let reason = violations.keep(text("reason", &request.reason, least, MAX_REASON));
    match (id, why, reason) {
        (Some(_), Some(why), Some(reason)) => Ok((why, reason)),
        _ => Err(violations),
    }
}

/// Reads why a lead is worked on again.
pub(super) fn reopening(request: &ReopenLeadRequest) -> Result<String, Violations> {
    let mut violations = Violations::default();
    let id = violations.keep(parse_id("id", &request.id));
    let reason = violations.keep(text("reason", &request.reason, 1, MAX_REASON));
    id.and(reason).ok_or(violations)
}

/// Who gets a lead, where, and why.
pub(super) struct Reassignment {
    pub(super) id: Uuid,
    pub(super) owner_id: Option<Uuid>,
    pub(super) territory_code: Option<String>,
    pub(super) reason: String,
}

/// Reads a reassignment: it names an owner, a territory or both.
pub(super) fn reassignment(request: &ReassignLeadRequest) -> Result<Reassignment, Violations> {
    let mut violations = Violations::default();
    let id = violations.keep(parse_id("id", &request.id));
    let owner_id = optional(&request.owner_id, |value| parse_id("owner_id", value));
    let owner_id = violations.keep(owner_id);
    let territory_code = optional(&request.territory_code, |value| territory_code("territory_code", value));
    let territory_code = violations.keep(territory_code);
    if (&owner_id, &territory_code) == (&Some(None), &Some(None)) {
        violations.push(Violation::required("owner_id"));
    }
    let reason = violations.keep(text("reason", &request.reason, 1, MAX_REASON));
    match (id, owner_id, territory_code, reason) {
        (Some(id), Some(owner_id), Some(territory_code), Some(reason)) if violations.is_empty() => {
            Ok(Reassignment { id, owner_id, territory_code, reason })
        }
        _ => Err(violations),
    }
}

/// Reads a link: the lead, and the one that it repeats, if any.
pub(super) fn link(request: &LinkDuplicateLeadRequest) -> Result<(Uuid, Option<Uuid>), Violations> {
    let mut violations = Violations::default();
    let id = violations.keep(parse_id("id", &request.id));
    let target = optional(&request.duplicate_of_lead_id, |value| parse_id("duplicate_of_lead_id", value));
    id.zip(violations.keep(target)).ok_or(violations)
}

fn optional<T>(value: &str, read: impl FnOnce(&str) -> Result<T, Violation>) -> Result<Option<T>, Violation> {
    if value.is_empty() { Ok(None) } else { read(value).map(Some) }
}
