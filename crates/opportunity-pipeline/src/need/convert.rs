//! Between the wire and the model.

use std::collections::HashMap;

use guanxi_events::NewEvent;
use guanxi_grpc::value::{code, lines, money, wire_money};
use guanxi_grpc::{Fields, Violation, Violations, etag, number, parse_id, text, timestamp, wire_enum};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::opportunity_pipeline::v1::{
    self as pb, ErrorReason, EvaluateNeedRequest, NeedChange, RefuteNeedRequest, UpdateNeedRequest, VerifyNeedRequest,
};
use guanxi_resource::{Error, Update, place};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::model::{Need, State, ValueChainLink};
use crate::copies::Offering;
use crate::error::reason;

/// Most characters of what was found, and of what an evaluation says.
const MAX_FINDING: usize = 1_000;

wire_enum!(ValueChainLink, pb::ValueChainLink, Supply, Operation, Sales, Customer);

/// The offerings that were found of those that a request names.
type Found = HashMap<String, Offering>;

/// What becomes of a need by the offerings that were found.
pub(super) type Patch = Box<dyn FnOnce(Need, &Found) -> Result<Need, Error> + Send>;

/// The need on the wire.
pub(super) fn wire(need: &Need) -> pb::Need {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let value = need.value.zip(need.currency_code.as_deref());
    pb::Need {
        id: need.id.to_string(),
        opportunity_id: need.opportunity_id.to_string(),
        text: need.text.clone(),
        value_chain_link: need.value_chain_link.map_or(pb::ValueChainLink::Unspecified, Into::into).into(),
        evidence: need.evidence.clone(),
        value: value.map(|(value, currency_code)| wire_money(value, currency_code)),
        offering_codes: need.offering_codes.clone(),
        state: state(need).into(),
        verified_by: text(&need.verified_by),
        verify_time: need.verify_time.map(timestamp),
        verification: need.verification.clone(),
        evaluated_by: text(&need.evaluated_by),
        evaluate_time: need.evaluate_time.map(timestamp),
        evaluation: need.evaluation.clone(),
        fit: need.fit,
        refute_reason: need.refute_reason.clone(),
        create_time: Some(timestamp(need.create_time)),
        update_time: Some(timestamp(need.update_time)),
        delete_time: need.delete_time.map(timestamp),
        etag: etag(need.version),
    }
}

fn state(need: &Need) -> pb::NeedState {
    match (need.delete_time, need.state) {
        (Some(_), _) => pb::NeedState::Deleted,
        (None, State::Hypothesis) => pb::NeedState::Hypothesis,
        (None, State::Verified) => pb::NeedState::Verified,
        (None, State::Evaluated) => pb::NeedState::Evaluated,
        (None, State::Refuted) => pb::NeedState::Refuted,
    }
}

/// The event of a change. It lies where the opportunity lies.
pub(super) fn event(kind: &'static str, before: Option<&Need>, after: &Need) -> NewEvent {
    let lies = place(&after.territory_code, &after.territory_path);
    let reason = if kind == "need.refuted" { after.refute_reason.clone() } else { String::new() };
    let change = NeedChange { before: before.map(wire), after: Some(wire(after)), reason };
    guanxi_resource::event(kind, after.id, after.version, None, lies, &change)
}

/// A checked creation: the opportunity, the offerings that are named, and what becomes of a blank need.
pub(super) fn creation(sent: Option<pb::Need>) -> Result<(Uuid, Vec<String>, Patch), Violations> {
    let sent = sent.ok_or_else(|| Violation::required("need"))?;
    let mut fields = Fields::of_creation("need");
    let opportunity_id = fields.required("opportunity_id", &sent.opportunity_id, opportunity_id);
    let (codes, patch) = patch(&mut fields, sent);
    fields.finish(opportunity_id.map(|id| (id, codes, patch)))
}

fn opportunity_id(field: &str, value: &str) -> Result<Uuid, Violation> {
    if value.is_empty() { Err(Violation::required(field)) } else { parse_id(field, value) }
}

/// A checked update: the offerings that are named, and what becomes of the need.
pub(super) fn update(request: UpdateNeedRequest) -> Result<(Vec<String>, Update<Patch>), Violations> {
    let sent = request.need.ok_or_else(|| Violation::required("need"))?;
    let mut fields = Fields::of_update("need", request.update_mask);
    let (id, etag) = (fields.keep(parse_id("need.id", &sent.id)), sent.etag.clone());
    // It may be sent back as it was read, and nothing else.
    let opportunity_id = sent.opportunity_id.clone();
    let opportunity_id = fields.read("opportunity_id", !opportunity_id.is_empty(), |_| Ok(opportunity_id));
    let (codes, patch) = patch(&mut fields, sent);
    let patch = move |before: Need, found: &Found| {
        before.check_undecided()?;
        let present = before.opportunity_id.to_string();
        if opportunity_id.is_some_and(|sent| !sent.is_empty() && sent != present) {
            return Err(Violation::new("need.opportunity_id", Shared::Immutable).with("value", present).into());
        }
        patch(before, found)
    };
    fields.finish(id.map(|id| (codes, Update { id, etag, patch: Box::new(patch) as Patch })))
}

/// Reads the fields that a creation and an update have in common: the offerings that are named, and what becomes of a need.
fn patch(fields: &mut Fields, sent: pb::Need) -> (Vec<String>, Patch) {
    let needed = fields.required("text", &sent.text, |field, value| text(field, value, 1, 500));
    let link = fields.read("value_chain_link", sent.value_chain_link != 0, |field| {
        ValueChainLink::read(field, sent.value_chain_link)
    });
    let evidence = fields.read("evidence", !sent.evidence.is_empty(), |field| lines(field, &sent.evidence, 2_000));
    let sum = sent.value.as_ref();
    let value = fields.read("value", sum.is_some(), |field| sum.map(|sum| money(field, sum)).transpose());
    let codes =
        fields.list("offering_codes", sent.offering_codes, 20, |field, value| code(field, &value), Clone::clone);
    let named = codes.clone().unwrap_or_default();
    let patch = move |before: Need, found: &Found| {
        let offering_codes = codes.map(|codes| offered(codes, &before, found)).transpose()?;
        let (value, currency_code) = match value {
            None => (before.value, before.currency_code),
            Some(sum) => sum.unzip(),
        };
        Ok(Need {
            text: needed.unwrap_or(before.text),
            value_chain_link: link.unwrap_or(before.value_chain_link),
            evidence: evidence.unwrap_or(before.evidence),
            value,
            currency_code,
            offering_codes: offering_codes.unwrap_or(before.offering_codes),
            ..before
        })
    };
    (named, Box::new(patch))
}

/// The codes, where each is of an offering on sale or was there before.
fn offered(codes: Vec<String>, before: &Need, found: &Found) -> Result<Vec<String>, Error> {
    let mut violations = Violations::default();
    for (index, code) in codes.iter().enumerate() {
        let on_sale = found.get(code).is_some_and(|offering| offering.on_sale);
        if !on_sale && !before.offering_codes.contains(code) {
            let unknown = Violation::new(format!("need.offering_codes[{index}]"), reason(ErrorReason::OfferingUnknown));
            violations.push(unknown.with("value", code));
        }
    }
    violations.check()?;
    Ok(codes)
}

/// Reads a verification: what was found, and new evidence.
pub(super) fn verification(request: &VerifyNeedRequest) -> Result<(String, Option<String>), Error> {
    let mut violations = Violations::default();
    violations.keep(parse_id("id", &request.id));
    let found = violations.keep(lines("verification", &request.verification, MAX_FINDING));
    if found.as_ref().is_some_and(String::is_empty) {
        violations.push(Violation::required("verification"));
    }
    let evidence = violations.keep(lines("evidence", &request.evidence, 2_000));
    violations.check()?;
    Ok((found.unwrap_or_default(), evidence.filter(|evidence| !evidence.is_empty())))
}

/// What an evaluation says.
pub(super) struct Evaluation {
    pub(super) text: String,
    pub(super) value: Option<(Decimal, String)>,
    pub(super) fit: Option<i32>,
}

/// Reads an evaluation.
pub(super) fn evaluation(request: &EvaluateNeedRequest) -> Result<Evaluation, Error> {
    let mut violations = Violations::default();
    violations.keep(parse_id("id", &request.id));
    let text = violations.keep(lines("evaluation", &request.evaluation, MAX_FINDING));
    let value = request.value.as_ref().and_then(|value| violations.keep(money("value", value)));
    let fit = request.fit.and_then(|fit| violations.keep(number("fit", fit, 0, 100)));
    violations.check()?;
    Ok(Evaluation { text: text.unwrap_or_default(), value, fit })
}

/// Reads why a need is none.
pub(super) fn refutation(request: &RefuteNeedRequest) -> Result<String, Violations> {
    let mut violations = Violations::default();
    violations.keep(parse_id("id", &request.id));
    let why = violations.keep(text("reason", &request.reason, 1, 500));
    why.filter(|_| violations.is_empty()).ok_or(violations)
}

/// Reads which opportunity a list is of; `None` for all.
pub(super) fn listed(opportunity_id: &str) -> Result<Option<Uuid>, Violation> {
    if opportunity_id.is_empty() { Ok(None) } else { parse_id("opportunity_id", opportunity_id).map(Some) }
}
