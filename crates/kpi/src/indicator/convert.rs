//! Between the wire and the model.

use guanxi_events::NewEvent;
use guanxi_grpc::value::{Key, localized};
use guanxi_grpc::{Fields, Violation, Violations, etag, number, parse_id, text, timestamp, wire_enum};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::kpi::v1::{self as pb, IndicatorChange, UpdateIndicatorRequest, get_indicator_request};
use guanxi_resource::{Error, Update};

use super::model::{Direction, Indicator, Kind, Unit, read_formula};

wire_enum!(Kind, pb::IndicatorKind, Sum, Ratio, Average, Last);
wire_enum!(Unit, pb::IndicatorUnit, Count, Money, Ratio, Day);
wire_enum!(Direction, pb::IndicatorDirection, Up, Down);

/// The indicator on the wire.
pub(crate) fn wire(indicator: &Indicator) -> pb::Indicator {
    pb::Indicator {
        id: indicator.id.to_string(),
        code: indicator.code.clone(),
        name: Some(localized(&indicator.name_zh, indicator.name_en.as_deref())),
        formula: indicator.formula.clone(),
        kind: pb::IndicatorKind::from(indicator.kind).into(),
        unit: pb::IndicatorUnit::from(indicator.unit).into(),
        direction: pb::IndicatorDirection::from(indicator.direction).into(),
        decimal_places: indicator.decimal_places,
        owner: indicator.owner.clone(),
        description: indicator.description.clone(),
        version_number: indicator.version_number,
        measure_codes: indicator.measure_codes.clone(),
        shipped: indicator.shipped,
        create_time: Some(timestamp(indicator.create_time)),
        update_time: Some(timestamp(indicator.update_time)),
        delete_time: indicator.delete_time.map(timestamp),
        etag: etag(indicator.version),
    }
}

/// The event of a change.
pub(super) fn event(kind: &'static str, before: Option<&Indicator>, after: &Indicator) -> NewEvent {
    let change = IndicatorChange { before: before.map(wire), after: Some(wire(after)) };
    guanxi_resource::event_of_all(kind, after.id, after.version, &change)
}

/// The code of an indicator in a field.
pub(crate) fn code(field: &str, value: &str) -> Result<String, Violation> {
    let well_formed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    match value {
        "" => Err(Violation::required(field)),
        _ if value.len() <= 50 && value.bytes().all(well_formed) => Ok(value.to_owned()),
        _ => Err(Violation::new(field, Shared::Format)
            .with("value", value)
            .with("expected", "1 to 50 lower-case letters, digits and -")),
    }
}

/// Reads the key of a Get.
pub(super) fn key(key: Option<get_indicator_request::Key>) -> Result<Key, Violation> {
    match key {
        None => Err(Violation::required("key")),
        Some(get_indicator_request::Key::Id(id)) => Ok(Key::Id(parse_id("id", &id)?)),
        Some(get_indicator_request::Key::Code(sent)) => Ok(Key::Code(code("code", &sent)?)),
    }
}

/// A checked creation: what becomes of a blank indicator.
pub(super) fn creation(
    sent: Option<pb::Indicator>,
) -> Result<impl FnOnce(Indicator) -> Result<Indicator, Violations>, Violations> {
    let sent = sent.ok_or_else(|| Violation::required("indicator"))?;
    let mut fields = Fields::of_creation("indicator");
    let patch = patch(&mut fields, sent);
    fields.finish(Some(move |blank| patch(blank).checked()))
}

/// A checked update.
pub(super) fn update(
    request: UpdateIndicatorRequest,
) -> Result<Update<impl FnOnce(&Indicator) -> Result<Indicator, Error>>, Violations> {
    let sent = request.indicator.ok_or_else(|| Violation::required("indicator"))?;
    let mut fields = Fields::of_update("indicator", request.update_mask);
    let (id, etag) = (fields.keep(parse_id("indicator.id", &sent.id)), sent.etag.clone());
    let patch = patch(&mut fields, sent);
    let patch = move |before: &Indicator| before.changed_to(patch(before.clone()));
    fields.finish(id.map(|id| Update { id, etag, patch }))
}

/// Reads the fields: what becomes of an indicator by them.
fn patch(fields: &mut Fields, sent: pb::Indicator) -> impl FnOnce(Indicator) -> Indicator + use<> {
    let name = sent.name.unwrap_or_default();
    let code = fields.required("code", &sent.code, code);
    let name_zh = fields.required("name.zh", &name.zh, |field, value| text(field, value, 1, 100));
    let name_en = fields.optional_text("name.en", &name.en, 100);
    let populated = !sent.formula.is_empty();
    let formula = fields.read_all("formula", populated, |field, wrong| formula(field, &sent.formula, wrong));
    let kind = fields.read("kind", sent.kind != 0, |field| needed(field, Kind::read(field, sent.kind)?));
    let unit = fields.read("unit", sent.unit != 0, |field| needed(field, Unit::read(field, sent.unit)?));
    let direction = fields.read("direction", sent.direction != 0, |field| Direction::read(field, sent.direction));
    let places = fields.read("decimal_places", sent.decimal_places.is_some(), |field| {
        sent.decimal_places.map(|places| number(field, places, 0, 10)).transpose()
    });
    let owner = fields.optional_text("owner", &sent.owner, 100);
    let description = fields.read("description", !sent.description.is_empty(), |field| {
        guanxi_grpc::value::lines(field, &sent.description, 1_000)
    });
    move |before: Indicator| Indicator {
        code: code.unwrap_or(before.code),
        name_zh: name_zh.unwrap_or(before.name_zh),
        name_en: name_en.unwrap_or(before.name_en),
        formula: formula.unwrap_or(before.formula),
        kind: kind.unwrap_or(before.kind),
        unit: unit.unwrap_or(before.unit),
        direction: direction.map_or(before.direction, |direction| direction.unwrap_or(Direction::Up)),
        decimal_places: places.unwrap_or(before.decimal_places),
        owner: owner.map_or(before.owner, Option::unwrap_or_default),
        description: description.unwrap_or(before.description),
        ..before
    }
}

fn needed<T>(field: &str, value: Option<T>) -> Result<T, Violation> {
    value.ok_or_else(|| Violation::required(field))
}

fn formula(field: &str, sent: &str, wrong: &mut Violations) -> Option<String> {
    let written = wrong.keep(text(field, sent, 1, 500))?;
    match read_formula(field, &written) {
        Ok(_) => Some(written),
        Err(all) => {
            wrong.extend(all);
            None
        }
    }
}
