//! Fields about persons, `(guanxi.auth.v1.personal)`: shown to who may see them, masked for the others, never in events.

use std::mem;

use guanxi_grpc::{Violation, text};
use guanxi_proto::Personal;
use guanxi_proto::errors::v1::ErrorReason;

/// Takes the personal values out of both sides of a change; returns the names of the fields that it changed.
pub fn withhold<M: Personal>(before: &mut Option<M>, after: &mut M) -> Vec<String> {
    let mut nothing = M::default();
    let before = before.as_mut().unwrap_or(&mut nothing);
    let values = before.personal().into_iter().zip(after.personal());
    let changed =
        values.filter(|((_, before), (_, after))| before != after).map(|((name, _), _)| name.to_owned()).collect();
    for (_, value) in before.personal().into_iter().chain(after.personal()) {
        mem::take(value);
    }
    changed
}

/// A name or number with all but its first character hidden, and that one too where it is the whole name.
pub(crate) fn mask(value: &str) -> String {
    let mut characters = value.chars();
    match (characters.next(), characters.count()) {
        (None, _) => String::new(),
        (Some(_), 0) => "*".to_owned(),
        (Some(first), hidden) => format!("{first}{}", "*".repeat(hidden)),
    }
}

/// A person's name. A masked one is refused, so that what was read without permission is never written back.
pub fn name(field: &str, value: &str) -> Result<String, Violation> {
    if value.contains('*') {
        let wrong = Violation::new(field, ErrorReason::Format).with("value", "*");
        return Err(wrong.with("expected", "the full name, not a masked one"));
    }
    text(field, value, 1, 100)
}

/// A person's number, E.164.
pub fn phone(field: &str, value: &str) -> Result<String, Violation> {
    let digits = value.strip_prefix('+').unwrap_or_default();
    if (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Ok(value.to_owned());
    }
    // What was sent may be a number all the same, and refusals are logged.
    let wrong = Violation::new(field, ErrorReason::Format).with("value", "*");
    Err(wrong.with("expected", "E.164, not masked: + and 7 to 15 digits, for example +8613800138000"))
}

#[cfg(test)]
mod tests {
    use guanxi_proto::client_registry::v1::AccountManager;

    use super::*;

    #[test]
    fn a_change_names_personal_fields_and_holds_none() {
        let manager = |name: &str, phone: &str| AccountManager {
            name: name.to_owned(),
            phone: phone.to_owned(),
            ..Default::default()
        };
        let (mut before, mut after) = (Some(manager("张三", "+8613800138000")), manager("张三", ""));
        assert_eq!(withhold(&mut before, &mut after), ["phone"]);
        assert_eq!((before, after), (Some(manager("", "")), manager("", "")));
        assert_eq!(withhold(&mut None, &mut manager("张三", "")), ["name"]);
    }

    #[test]
    fn a_masked_value_hides_the_person_and_is_not_written_back() {
        for (value, masked) in
            [("张三丰", "张**"), ("张三", "张*"), ("张", "*"), ("", ""), ("+8613800138000", "+*************")]
        {
            assert_eq!(mask(value), masked);
        }
        for masked in ["张**", "*"] {
            assert!(name("name", masked).is_err(), "{masked}");
        }
        for wrong in [
            "+*************",
            "13800138000",
            "+",
            "+0861380013",
            "+861380013800０",
            "+86 138",
            "+123456",
            "+1234567890123456",
        ] {
            assert!(phone("phone", wrong).is_err(), "{wrong}");
        }
        assert!(phone("phone", "+8613800138000").is_ok() && name("name", "张三").is_ok());
    }
}
