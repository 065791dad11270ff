//! Between the wire and the model.

use guanxi_events::NewEvent;
use guanxi_grpc::{Fields, Violation, Violations, etag, list, parse_id, text, timestamp};
use guanxi_proto::errors::v1::ErrorReason;
use guanxi_proto::product_catalog::v1::{
    self as pb, ErrorReason as OwnReason, SpecificationChange, UpdateSpecificationRequest, get_specification_request,
};
use guanxi_resource::{Deletable, Error, Update};
use rust_decimal::Decimal;
use sqlx::types::Json;

use super::model::{self, Characteristic, CharacteristicKind, Dependency, Specification, Wrong};
use crate::error::reason;
use crate::value::{self, Key, wire_enum};

/// Largest number of a characteristic.
const LARGEST: &str = "999999999999999";

wire_enum!(CharacteristicKind, pb::CharacteristicKind, Number, Text, Enum, Boolean);

/// The specification on the wire.
pub(super) fn wire(specification: &Specification) -> pb::Specification {
    pb::Specification {
        id: specification.id.to_string(),
        code: specification.code.clone(),
        name: Some(value::localized(&specification.name_zh, specification.name_en.as_deref())),
        characteristics: specification.characteristics.iter().map(wire_characteristic).collect(),
        create_time: Some(timestamp(specification.create_time)),
        update_time: Some(timestamp(specification.update_time)),
        delete_time: specification.delete_time.map(timestamp),
        etag: etag(specification.version),
    }
}

/// A characteristic on the wire.
pub(crate) fn wire_characteristic(characteristic: &Characteristic) -> pb::Characteristic {
    let number = |number: Option<Decimal>| number.map(|number| number.to_string()).unwrap_or_default();
    let dependency = |dependency: &Dependency| pb::CharacteristicDependency {
        characteristic_code: dependency.characteristic_code.clone(),
        value: dependency.value.clone(),
    };
    pb::Characteristic {
        code: characteristic.code.clone(),
        name: Some(value::localized(&characteristic.name_zh, characteristic.name_en.as_deref())),
        kind: pb::CharacteristicKind::from(characteristic.kind).into(),
        unit: characteristic.unit.clone().unwrap_or_default(),
        minimum: number(characteristic.minimum),
        maximum: number(characteristic.maximum),
        options: characteristic.options.clone(),
        default_value: characteristic.default_value.clone().unwrap_or_default(),
        required: characteristic.required,
        dependencies: characteristic.dependencies.iter().map(dependency).collect(),
    }
}

/// The event of a change.
pub(super) fn event(kind: &'static str, before: Option<&Specification>, after: &Specification) -> NewEvent {
    let change = SpecificationChange { before: before.map(wire), after: Some(wire(after)) };
    guanxi_resource::event_of_all(kind, after.id, after.version, &change)
}

/// Reads the key of a Get.
pub(super) fn key(key: Option<get_specification_request::Key>) -> Result<Key, Violation> {
    match key {
        None => Err(Violation::required("key")),
        Some(get_specification_request::Key::Id(id)) => Ok(Key::Id(parse_id("id", &id)?)),
        Some(get_specification_request::Key::Code(code)) => Ok(Key::Code(value::code("code", &code)?)),
    }
}

/// A checked creation: what becomes of a blank specification.
pub(super) fn creation(
    sent: Option<pb::Specification>,
) -> Result<impl FnOnce(Specification) -> Specification, Violations> {
    let sent = sent.ok_or_else(|| Violation::required("specification"))?;
    let mut fields = Fields::of_creation("specification");
    let patch = patch(&mut fields, sent);
    fields.finish(Some(patch))
}

/// Reads an update.
pub(super) fn update(
    request: UpdateSpecificationRequest,
) -> Result<Update<impl FnOnce(&Specification) -> Result<Specification, Error>>, Violations> {
    let sent = request.specification.ok_or_else(|| Violation::required("specification"))?;
    let mut fields = Fields::of_update("specification", request.update_mask);
    let (id, etag) = (fields.keep(parse_id("specification.id", &sent.id)), sent.etag.clone());
    let patch = patch(&mut fields, sent);
    let patch = move |before: &Specification| {
        before.check_live()?;
        let after = patch(before.clone());
        if after.code != before.code {
            let immutable = Violation::new("specification.code", ErrorReason::Immutable);
            return Err(immutable.with("value", &before.code).into());
        }
        Ok(after)
    };
    fields.finish(id.map(|id| Update { id, etag, patch }))
}

fn patch(fields: &mut Fields, sent: pb::Specification) -> impl FnOnce(Specification) -> Specification + use<> {
    let name = sent.name.unwrap_or_default();
    let code = fields.required("code", &sent.code, value::code);
    let name_zh = fields.required("name.zh", &name.zh, |field, value| text(field, value, 1, 100));
    let name_en = fields.optional_text("name.en", &name.en, 100);
    let populated = !sent.characteristics.is_empty();
    let characteristics = fields.read_all("characteristics", populated, |field, violations| {
        Some(characteristics(field, &sent.characteristics, violations))
    });
    move |before: Specification| Specification {
        code: code.unwrap_or(before.code),
        name_zh: name_zh.unwrap_or(before.name_zh),
        name_en: name_en.unwrap_or(before.name_en),
        characteristics: characteristics.map_or(before.characteristics, Json),
        ..before
    }
}

/// Reads the characteristics: each by itself, then what one says of another.
pub(crate) fn characteristics(
    field: &str,
    sent: &[pb::Characteristic],
    violations: &mut Violations,
) -> Vec<Characteristic> {
    const MAX: usize = 50;
    if sent.len() > MAX {
        let many = Violation::new(field, ErrorReason::TooMany).with("max", MAX);
        violations.push(many.with("count", sent.len()));
        return Vec::new();
    }
    let mut read = Vec::with_capacity(sent.len());
    for (index, one) in sent.iter().enumerate() {
        let field = format!("{field}[{index}]");
        if !one.code.is_empty() && sent[..index].iter().any(|other| other.code == one.code) {
            let twice = Violation::new(format!("{field}.code"), ErrorReason::Duplicate);
            violations.push(twice.with("value", &one.code));
        }
        read.extend(characteristic(&field, one.clone(), violations));
    }
    check_dependencies(field, sent, &read, violations);
    read
}

fn characteristic(field: &str, sent: pb::Characteristic, violations: &mut Violations) -> Option<Characteristic> {
    let at = |name: &str| format!("{field}.{name}");
    let name = sent.name.unwrap_or_default();
    let optional = |field: String, value: &str, max| {
        text(&field, value, 0, max).map(|text| Some(text).filter(|text| !text.is_empty()))
    };
    let code = violations.keep(value::code(&at("code"), &sent.code));
    let name_zh = violations.keep(text(&at("name.zh"), &name.zh, 1, 100));
    let name_en = violations.keep(optional(at("name.en"), &name.en, 100));
    let kind = CharacteristicKind::read(&at("kind"), sent.kind);
    let kind = violations.keep(kind.and_then(|kind| kind.ok_or_else(|| Violation::required(at("kind")))));
    let unit = violations.keep(optional(at("unit"), &sent.unit, 20));
    let minimum = violations.keep(bound(&at("minimum"), &sent.minimum));
    let maximum = violations.keep(bound(&at("maximum"), &sent.maximum));
    let options =
        list(violations, &at("options"), sent.options, 100, |field, value| text(field, &value, 1, 50), Clone::clone);
    let default_value = violations.keep(optional(at("default_value"), &sent.default_value, 200));
    let other = |dependency: &Dependency| dependency.characteristic_code.clone();
    let dependencies =
        list(violations, &at("dependencies"), sent.dependencies, 10, |field, sent| dependency(field, &sent), other);
    let read = Characteristic {
        code: code?,
        name_zh: name_zh?,
        name_en: name_en?,
        kind: kind?,
        unit: unit?,
        minimum: minimum?,
        maximum: maximum?,
        options,
        default_value: default_value?,
        required: sent.required,
        dependencies,
    };
    check_kind(field, &read, violations);
    Some(read)
}

fn bound(field: &str, value: &str) -> Result<Option<Decimal>, Violation> {
    match value {
        "" => Ok(None),
        _ => model::number(value).map(Some).ok_or_else(|| no_number(field, value)),
    }
}

fn dependency(field: &str, sent: &pb::CharacteristicDependency) -> Result<Dependency, Violation> {
    let characteristic_code = value::code(&format!("{field}.characteristic_code"), &sent.characteristic_code)?;
    Ok(Dependency { characteristic_code, value: text(&format!("{field}.value"), &sent.value, 1, 200)? })
}

/// Notes what does not go with the kind of a characteristic.
fn check_kind(field: &str, characteristic: &Characteristic, violations: &mut Violations) {
    let (kind, at) = (characteristic.kind, |name: &str| format!("{field}.{name}"));
    let because = pb::CharacteristicKind::from(kind).as_str_name();
    let (of_number, of_enum) = (kind == CharacteristicKind::Number, kind == CharacteristicKind::Enum);
    for (name, set, fits) in [
        ("unit", characteristic.unit.is_some(), of_number),
        ("minimum", characteristic.minimum.is_some(), of_number),
        ("maximum", characteristic.maximum.is_some(), of_number),
        ("options", !characteristic.options.is_empty(), of_enum),
    ] {
        if set && !fits {
            violations.push(Violation::new(at(name), reason(OwnReason::NotApplicable)).with("because", because));
        }
    }
    if of_enum && characteristic.options.is_empty() {
        violations.push(Violation::required(at("options")));
    }
    if let (Some(minimum), Some(maximum)) = (characteristic.minimum, characteristic.maximum)
        && maximum < minimum
    {
        let reversed = Violation::new(at("maximum"), ErrorReason::OutOfRange).with("value", maximum);
        violations.push(reversed.with("min", minimum).with("max", LARGEST));
    } else if let Some(value) = &characteristic.default_value {
        violations.keep(check_value(&at("default_value"), characteristic, value));
    }
}

/// Notes what is wrong between characteristics. Those that could not be read count as being there.
fn check_dependencies(field: &str, sent: &[pb::Characteristic], read: &[Characteristic], violations: &mut Violations) {
    let circular = model::circular(read);
    let codes = || sent.iter().map(|characteristic| characteristic.code.as_str());
    for (index, one) in sent.iter().enumerate() {
        for (place, dependency) in one.dependencies.iter().enumerate() {
            let (at, other) = (format!("{field}[{index}].dependencies[{place}]"), &dependency.characteristic_code);
            if let Some(other) = read.iter().find(|characteristic| characteristic.code == *other) {
                violations.keep(check_value(&format!("{at}.value"), other, dependency.value.trim()));
            } else if !other.is_empty() && !codes().any(|code| code == other) {
                let unknown = Violation::new(format!("{at}.characteristic_code"), ErrorReason::UnknownValue);
                violations.push(unknown.with("value", other).with("expected", codes().collect::<Vec<_>>().join(", ")));
            }
        }
        if circular.contains(one.code.as_str()) {
            let circle = Violation::new(format!("{field}[{index}].dependencies"), reason(OwnReason::Circular));
            violations.push(circle.with("value", &one.code));
        }
    }
}

fn check_value(field: &str, characteristic: &Characteristic, value: &str) -> Result<(), Violation> {
    characteristic.check(value).map_err(|wrong| {
        let bound = |bound: Option<Decimal>, sign| bound.map_or(format!("{sign}{LARGEST}"), |bound| bound.to_string());
        let unknown = Violation::new(field, ErrorReason::UnknownValue).with("value", value);
        match wrong {
            Wrong::Number => no_number(field, value),
            Wrong::Range => Violation::new(field, ErrorReason::OutOfRange)
                .with("value", value)
                .with("min", bound(characteristic.minimum, "-"))
                .with("max", bound(characteristic.maximum, "")),
            Wrong::Text => Violation::new(field, ErrorReason::Format)
                .with("value", value)
                .with("expected", "text of 1 to 200 characters on one line"),
            Wrong::Option => unknown.with("expected", characteristic.options.join(", ")),
            Wrong::Boolean => unknown.with("expected", "true, false"),
        }
    })
}

fn no_number(field: &str, value: &str) -> Violation {
    let wrong = Violation::new(field, ErrorReason::Format).with("value", value);
    wrong.with("expected", "a decimal number of at most 15 digits and 4 places")
}
