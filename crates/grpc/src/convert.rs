//! Between the wire and the types that rules work with: what every noun needs.

use guanxi_proto::errors::v1::ErrorReason;
use prost_types::{FieldMask, Timestamp};
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

/// The fields that an update changes (AIP-134): those of the mask, all for `*`, or the populated ones where there is no mask.
#[derive(Clone, Debug)]
pub struct UpdateMask(Option<Vec<String>>);

impl UpdateMask {
    /// Checks the mask against the fields that can be changed.
    pub fn parse(mask: Option<FieldMask>, changeable: &[&str], violations: &mut Violations) -> Self {
        const MAX_PATHS: usize = 100;
        let Some(mask) = mask.filter(|mask| !mask.paths.is_empty()) else { return Self(None) };
        if mask.paths.len() > MAX_PATHS {
            violations
                .push(Violation::new("update_mask", ErrorReason::TooMany).with("max", MAX_PATHS).with("count", mask.paths.len()));
            return Self(None);
        }
        if mask.paths == ["*"] {
            return Self(Some(changeable.iter().map(|field| (*field).to_owned()).collect()));
        }
        for path in mask.paths.iter().filter(|path| !changeable.contains(&path.as_str())) {
            violations.push(
                Violation::new("update_mask", ErrorReason::MaskPathUnknown)
                    .with("value", path)
                    .with("expected", changeable.join(", ")),
            );
        }
        Self(Some(mask.paths))
    }

    /// True where the update changes the field; `populated` says whether the request fills it.
    #[must_use]
    pub fn changes(&self, field: &str, populated: bool) -> bool {
        match &self.0 {
            Some(paths) => paths.iter().any(|path| path == field),
            None => populated,
        }
    }
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
        assert_eq!((kept, fields), (vec!["a".to_owned(), "b".to_owned()], vec!["tags[1]".to_owned(), "tags[2]".to_owned()]));
    }

    #[test]
    fn a_mask_names_what_cannot_be_changed() {
        let mask = |paths: &[&str]| Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() });
        let mut violations = Violations::default();
        let update = UpdateMask::parse(mask(&["name", "state"]), &["name", "tags"], &mut violations);
        assert!(update.changes("name", false) && !update.changes("tags", true));
        assert_eq!(violations.into_inner().len(), 1);
        let mut violations = Violations::default();
        assert!(UpdateMask::parse(mask(&["*"]), &["name", "tags"], &mut violations).changes("tags", false));
        assert!(!UpdateMask::parse(None, &["name"], &mut violations).changes("name", false));
        assert!(violations.is_empty());
    }
}
