//! Between the wire and the model.

use guanxi_events::NewEvent;
use guanxi_grpc::{Fields, Violation, Violations, etag, number, parse_id, timestamp};
use guanxi_proto::errors::v1::ErrorReason;
use guanxi_proto::product_catalog::v1::{
    self as pb, ErrorReason as OwnReason, GetOfferingRequest, OfferingChange, RetireOfferingRequest,
    UpdateOfferingRequest, get_offering_request, retire_offering_request,
};
use guanxi_resource::{Deletable, Error, Update};
use time::Date;

use super::eligibility::Eligibility;
use super::model::{Offering, State};
use super::patch::patch;
use crate::error::reason;
use crate::specification::wire_characteristic;
use crate::value::{self, Key};

/// The version on the wire.
pub(super) fn wire(offering: &Offering) -> pb::Offering {
    let content = &*offering.content;
    let day = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
    let described = content.description_zh.is_some() || content.description_en.is_some();
    let description_zh = content.description_zh.as_deref().unwrap_or_default();
    let state = match offering.state {
        State::Draft => pb::OfferingState::Draft,
        State::Published => pb::OfferingState::Published,
        State::Retired => pb::OfferingState::Retired,
    };
    pb::Offering {
        id: offering.id.to_string(),
        code: offering.code.clone(),
        version_number: offering.version_number,
        state: state.into(),
        name: Some(value::localized(&offering.name_zh, offering.name_en.as_deref())),
        description: described.then(|| value::localized(description_zh, content.description_en.as_deref())),
        category_codes: offering.category_codes.clone(),
        specification_code: offering.specification_code.clone().unwrap_or_default(),
        characteristics: content.characteristics.iter().map(wire_characteristic).collect(),
        supply: pb::OfferingSupply::from(offering.supply).into(),
        partner_name: content.partner_name.clone().unwrap_or_default(),
        group_payment: content.group_payment,
        trial_days: content.trial_days,
        valid_from_date: day(offering.valid_from_date),
        valid_to_date: day(offering.valid_to_date),
        available_territory_codes: content.available_territory_codes.clone(),
        eligibility: content.eligibility.as_ref().map(Eligibility::wire),
        prerequisite_offering_codes: offering.prerequisite_offering_codes.clone(),
        excluded_offering_codes: content.excluded_offering_codes.clone(),
        successor_code: offering.successor_code.clone().unwrap_or_default(),
        create_time: Some(timestamp(offering.create_time)),
        update_time: Some(timestamp(offering.update_time)),
        publish_time: offering.publish_time.map(timestamp),
        retire_time: offering.retire_time.map(timestamp),
        delete_time: offering.delete_time.map(timestamp),
        etag: etag(offering.version),
    }
}

/// The event of a change.
pub(super) fn event(kind: &'static str, before: Option<&Offering>, after: &Offering) -> NewEvent {
    let change = OfferingChange { before: before.map(wire), after: Some(wire(after)) };
    guanxi_resource::event_of_all(kind, after.id, after.version, &change)
}

/// Reads what a Get names.
pub(super) fn key(request: GetOfferingRequest) -> Result<(Key, i32), Violations> {
    let mut violations = Violations::default();
    let key = match request.key {
        None => Err(Violation::required("key")),
        Some(get_offering_request::Key::Id(id)) => parse_id("id", &id).map(Key::Id),
        Some(get_offering_request::Key::Code(code)) => value::code("code", &code).map(Key::Code),
    };
    let key = violations.keep(key);
    let number = violations.keep(number("version_number", request.version_number, 0, i32::MAX));
    key.zip(number).ok_or(violations)
}

/// A checked creation: what becomes of a blank draft.
pub(super) fn creation(sent: Option<pb::Offering>) -> Result<impl FnOnce(Offering) -> Offering, Violations> {
    let sent = sent.ok_or_else(|| Violation::required("offering"))?;
    let mut fields = Fields::of_creation("offering");
    let patch = patch(&mut fields, sent);
    fields.finish(Some(patch))
}

/// Reads an update: what a draft becomes, unless that is wrong beside the draft as it is.
pub(super) fn update(
    request: UpdateOfferingRequest,
) -> Result<Update<impl FnOnce(&Offering) -> Result<Offering, Error>>, Violations> {
    let sent = request.offering.ok_or_else(|| Violation::required("offering"))?;
    let mut fields = Fields::of_update("offering", request.update_mask);
    let (id, etag) = (fields.keep(parse_id("offering.id", &sent.id)), sent.etag.clone());
    let patch = patch(&mut fields, sent);
    let patch = move |before: &Offering| {
        before.check_state("DRAFT")?;
        let after = patch(before.clone());
        if after.code != before.code {
            let immutable = Violation::new("offering.code", ErrorReason::Immutable);
            return Err(immutable.with("value", &before.code).into());
        }
        Ok(after)
    };
    fields.finish(id.map(|id| Update { id, etag, patch }))
}

/// Reads a retirement: what is retired, and what follows it.
pub(super) fn retirement(request: RetireOfferingRequest) -> Result<(Key, Option<String>), Violations> {
    let mut violations = Violations::default();
    let key = match request.key {
        None => Err(Violation::required("key")),
        Some(retire_offering_request::Key::Id(id)) => parse_id("id", &id).map(Key::Id),
        Some(retire_offering_request::Key::Code(code)) => value::code("code", &code).map(Key::Code),
    };
    let key = violations.keep(key);
    if matches!(key, Some(Key::Code(_))) && !request.etag.is_empty() {
        violations.push(Violation::new("etag", reason(OwnReason::NotApplicable)).with("because", "code"));
    }
    let successor_code = match request.successor_code.as_str() {
        "" => Some(None),
        code => violations.keep(value::code("successor_code", code)).map(Some),
    };
    match key.zip(successor_code) {
        Some(read) if violations.is_empty() => Ok(read),
        _ => Err(violations),
    }
}
