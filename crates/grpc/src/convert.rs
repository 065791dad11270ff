//! Between the wire and the types that rules work with: what every noun needs.

use guanxi_proto::errors::v1::ErrorReason;
use prost_types::Timestamp;
use time::OffsetDateTime;

use crate::{Violation, Violations};

/// An instant on the wire.
#[must_use]
pub fn timestamp(instant: OffsetDateTime) -> Timestamp {
    Timestamp { seconds: instant.unix_timestamp(), nanos: i32::try_from(instant.nanosecond()).unwrap_or_default() }
}

/// A text of `min` to `max` characters, blanks at the ends cut off. Control characters are refused.
pub fn text(field: &str, value: &str, min: usize, max: usize) -> Result<String, Violation> {
    let value = value.trim();
    let length = value.chars().count();
    if value.is_empty() && min > 0 {
        return Err(Violation::new(field, ErrorReason::Required));
    }
    if length > max {
        return Err(Violation::new(field, ErrorReason::TooLong).with("max", max).with("length", length));
    }
    if length < min || value.chars().any(char::is_control) {
        return Err(Violation::new(field, ErrorReason::Format)
            .with("value", value.escape_debug())
            .with("expected", format!("text of {min} to {max} characters on one line")));
    }
    Ok(value.to_owned())
}

/// A number within bounds.
pub fn number<N: PartialOrd + ToString + Copy>(field: &str, value: N, min: N, max: N) -> Result<N, Violation> {
    if value < min || value > max {
        return Err(Violation::new(field, ErrorReason::OutOfRange)
            .with("value", value.to_string())
            .with("min", min.to_string())
            .with("max", max.to_string()));
    }
    Ok(value)
}

/// A list of at most `max` elements, each converted; every wrong element is noted as `field[index]`, and so is each one whose
/// `key` stands there twice.
pub fn list<T, U, K: Ord + ToString>(
    violations: &mut Violations,
    field: &str,
    values: Vec<T>,
    max: usize,
    convert: impl Fn(&str, T) -> Result<U, Violation>,
    key: impl Fn(&U) -> K,
) -> Vec<U> {
    if values.len() > max {
        violations.push(Violation::new(field, ErrorReason::TooMany).with("max", max).with("count", values.len()));
        return Vec::new();
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut converted = Vec::with_capacity(values.len());
    for (index, value) in values.into_iter().enumerate() {
        let name = format!("{field}[{index}]");
        let Some(value) = violations.keep(convert(&name, value)) else { continue };
        let key = key(&value);
        if seen.contains(&key) {
            violations.push(Violation::new(name, ErrorReason::Duplicate).with("value", key.to_string()));
        } else {
            seen.insert(key);
            converted.push(value);
        }
    }
    converted
}

/// A value that an enum of the protos has.
pub fn known<E: TryFrom<i32>>(field: &str, value: i32, name: fn(&E) -> &'static str) -> Result<E, Violation> {
    E::try_from(value).map_err(|_| {
        let values = (0..100).filter_map(|number| E::try_from(number).ok());
        let names: Vec<_> = values.map(|value| name(&value)).filter(|name| !name.ends_with("_UNSPECIFIED")).collect();
        Violation::new(field, ErrorReason::UnknownValue).with("value", value).with("expected", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_trimmed_counted_in_characters_and_kept_on_one_line() {
        assert_eq!(text("name", "  中国移动 ", 1, 4), Ok("中国移动".to_owned()));
        assert_eq!(text("name", "中国移动通信", 1, 4).map_err(|wrong| wrong.reason.name()), Err("TOO_LONG"));
        assert_eq!(text("name", "  ", 1, 4).map_err(|wrong| wrong.reason.name()), Err("REQUIRED"));
        assert_eq!(text("name", "a\nb", 0, 4).map_err(|wrong| wrong.reason.name()), Err("FORMAT"));
        assert_eq!(text("name", "", 0, 4), Ok(String::new()));
    }

    #[test]
    fn a_list_names_every_wrong_element() {
        let mut violations = Violations::default();
        let kept = list(
            &mut violations,
            "tags",
            vec!["a", "", "a", "b"],
            5,
            |field, value| text(field, value, 1, 5),
            Clone::clone,
        );
        let fields: Vec<String> = violations.into_inner().into_iter().map(|violation| violation.field).collect();
        assert_eq!(
            (kept, fields),
            (vec!["a".to_owned(), "b".to_owned()], vec!["tags[1]".to_owned(), "tags[2]".to_owned()])
        );
    }

    #[test]
    fn an_enum_names_the_values_that_it_has() {
        assert_eq!(known("reason", 2, ErrorReason::as_str_name), Ok(ErrorReason::Required));
        let wrong = known("reason", -1, ErrorReason::as_str_name).unwrap_err();
        assert_eq!(wrong.values[0], ("value", "-1".to_owned()));
        assert!(wrong.values[1].1.starts_with("ERROR_REASON_FIELDS_INVALID, ERROR_REASON_REQUIRED, "), "{wrong:?}");
    }
}
