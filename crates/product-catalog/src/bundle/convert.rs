//! Between the wire and the model.

use guanxi_events::NewEvent;
use guanxi_grpc::{Fields, Violation, Violations, etag, number, parse_id, text, timestamp};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::product_catalog::v1::{
    self as pb, BundleChange, ErrorReason, UpdateBundleRequest, get_bundle_request,
};
use guanxi_resource::{Deletable, Error, Update};

use super::model::{Bundle, Component, Content, Kind, MAX_COMPONENTS, State};
use crate::error::reason;
use crate::offering::{Standing, Standings};
use crate::value::{self, Key, wire_enum};

const MAX_QUANTITY: i64 = 1_000_000_000;

wire_enum!(Kind, pb::BundleKind, MobileFixed, TerminalTariffApplication, Custom);

pub(super) fn wire(bundle: &Bundle) -> pb::Bundle {
    let state = match bundle.state {
        State::Draft => pb::BundleState::Draft,
        State::Published => pb::BundleState::Published,
        State::Retired => pb::BundleState::Retired,
    };
    let components = bundle.content.components.iter().map(|component| pb::BundleComponent {
        offering_code: component.offering_code.clone(),
        min_quantity: component.min_quantity,
        max_quantity: component.max_quantity.unwrap_or_default(),
    });
    pb::Bundle {
        id: bundle.id.to_string(),
        code: bundle.code.clone(),
        name: Some(value::localized(&bundle.name_zh, bundle.name_en.as_deref())),
        kind: pb::BundleKind::from(bundle.kind).into(),
        components: components.collect(),
        discount_percent: bundle.content.discount.to_string(),
        valid_from_date: bundle.valid_from_date.map(|day| day.to_string()).unwrap_or_default(),
        valid_to_date: bundle.valid_to_date.map(|day| day.to_string()).unwrap_or_default(),
        state: state.into(),
        create_time: Some(timestamp(bundle.create_time)),
        update_time: Some(timestamp(bundle.update_time)),
        delete_time: bundle.delete_time.map(timestamp),
        etag: etag(bundle.version),
    }
}

/// The event of a change.
pub(super) fn event(kind: &'static str, before: Option<&Bundle>, after: &Bundle) -> NewEvent {
    let change = BundleChange { before: before.map(wire), after: Some(wire(after)) };
    guanxi_resource::event_of_all(kind, after.id, after.version, &change)
}

/// Reads the key of a Get.
pub(super) fn key(key: Option<get_bundle_request::Key>) -> Result<Key, Violation> {
    match key {
        None => Err(Violation::required("key")),
        Some(get_bundle_request::Key::Id(id)) => Ok(Key::Id(parse_id("id", &id)?)),
        Some(get_bundle_request::Key::Code(code)) => Ok(Key::Code(value::code("code", &code)?)),
    }
}

/// A checked creation: what becomes of a blank bundle.
pub(super) fn creation(sent: Option<pb::Bundle>) -> Result<impl FnOnce(Bundle) -> Bundle, Violations> {
    let sent = sent.ok_or_else(|| Violation::required("bundle"))?;
    let mut fields = Fields::of_creation("bundle");
    let patch = patch(&mut fields, sent);
    fields.finish(Some(patch))
}

/// Reads an update: what a bundle becomes, unless that is wrong beside the bundle as it is.
pub(super) fn update(
    request: UpdateBundleRequest,
) -> Result<Update<impl FnOnce(&Bundle) -> Result<Bundle, Error>>, Violations> {
    let sent = request.bundle.ok_or_else(|| Violation::required("bundle"))?;
    let mut fields = Fields::of_update("bundle", request.update_mask);
    let (id, etag) = (fields.keep(parse_id("bundle.id", &sent.id)), sent.etag.clone());
    let patch = patch(&mut fields, sent);
    let patch = move |before: &Bundle| {
        before.check_state("DRAFT")?;
        let after = patch(before.clone());
        if after.code != before.code {
            return Err(Violation::new("bundle.code", Shared::Immutable).with("value", &before.code).into());
        }
        Ok(after)
    };
    fields.finish(id.map(|id| Update { id, etag, patch }))
}

/// What shows only beside everything that the bundle is to be, and beside the offerings that there are.
pub(super) fn check(bundle: &Bundle, offerings: &Standings) -> Result<(), Error> {
    let mut violations = Violations::default();
    for (index, code) in bundle.offering_codes.iter().enumerate() {
        if offerings.get(code).is_none_or(|standing| *standing == Standing::Deleted) {
            violations.push(value::unknown(format!("bundle.components[{index}].offering_code"), "offering", code));
        }
    }
    if let (Some(from), Some(to)) = (bundle.valid_from_date, bundle.valid_to_date)
        && to <= from
    {
        let reversed = Violation::new("bundle.valid_to_date", reason(ErrorReason::DatesReversed));
        violations.push(reversed.with("value", to).with("from", from));
    }
    Ok(violations.check()?)
}

/// Reads the fields: what becomes of a bundle by them.
fn patch(fields: &mut Fields, sent: pb::Bundle) -> impl FnOnce(Bundle) -> Bundle + use<> {
    let name = sent.name.unwrap_or_default();
    let code = fields.required("code", &sent.code, value::code);
    let name_zh = fields.required("name.zh", &name.zh, |field, value| text(field, value, 1, 100));
    let name_en = fields.optional_text("name.en", &name.en, 100);
    let kind = fields
        .read("kind", sent.kind != 0, |field| Kind::read(field, sent.kind)?.ok_or_else(|| Violation::required(field)));
    let components = fields.list(
        "components",
        sent.components,
        MAX_COMPONENTS,
        |field, sent| component(field, &sent),
        |component| component.offering_code.clone(),
    );
    let discount = fields.required("discount_percent", &sent.discount_percent, value::percent);
    let valid_from_date = fields.optional("valid_from_date", &sent.valid_from_date, guanxi_grpc::day::parse);
    let valid_to_date = fields.optional("valid_to_date", &sent.valid_to_date, guanxi_grpc::day::parse);
    move |before: Bundle| {
        let Content { components: parts, discount: share } = before.content.0;
        let content = Content { components: components.unwrap_or(parts), discount: discount.unwrap_or(share) };
        Bundle {
            code: code.unwrap_or(before.code),
            name_zh: name_zh.unwrap_or(before.name_zh),
            name_en: name_en.unwrap_or(before.name_en),
            kind: kind.unwrap_or(before.kind),
            offering_codes: content.components.iter().map(|component| component.offering_code.clone()).collect(),
            valid_from_date: valid_from_date.unwrap_or(before.valid_from_date),
            valid_to_date: valid_to_date.unwrap_or(before.valid_to_date),
            content: content.into(),
            ..before
        }
    }
}

fn component(field: &str, sent: &pb::BundleComponent) -> Result<Component, Violation> {
    let offering_code = value::code(&format!("{field}.offering_code"), &sent.offering_code)?;
    let min_quantity = number(&format!("{field}.min_quantity"), sent.min_quantity, 0, MAX_QUANTITY)?;
    let max_quantity = match sent.max_quantity {
        0 => None,
        most => Some(number(&format!("{field}.max_quantity"), most, min_quantity.max(1), MAX_QUANTITY)?),
    };
    Ok(Component { offering_code, min_quantity, max_quantity })
}
