//! Fields about persons, `(guanxi.auth.v1.personal)`: shown to who may see them, masked for the others, never in events.

use std::mem;

use guanxi_auth::{Scope, TerritoryPaths};
use guanxi_grpc::{Call, Violation, text};
use guanxi_proto::errors::v1::ErrorReason;

/// A message with fields about a person.
pub(crate) trait Personal: Default {
    /// All of them, each with its name. A test compares them with the protos.
    fn personal(&mut self) -> Vec<(&'static str, &mut String)>;
}

/// Where a caller may see resources of a noun, and where the persons in them.
pub(crate) struct Sight {
    pub(crate) scope: Scope,
    persons: Scope,
}

impl Sight {
    /// `permission` is the one that persons are seen with.
    pub(crate) fn of(call: &Call, permission: &str, paths: &TerritoryPaths) -> Self {
        Self { scope: call.scope(paths), persons: call.scope_of(permission, paths) }
    }

    /// A resource that lies at a path, as the caller may see it.
    pub(crate) fn veil<M: Personal>(&self, territory_path: &str, mut message: M) -> M {
        if !self.persons.contains(territory_path) {
            for (_, value) in message.personal() {
                *value = mask(value);
            }
        }
        message
    }
}

/// Takes the personal values out of both sides of a change; returns the names of the fields that it changed.
pub(crate) fn withhold<M: Personal>(before: &mut Option<M>, after: &mut M) -> Vec<String> {
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
fn mask(value: &str) -> String {
    let mut characters = value.chars();
    match (characters.next(), characters.count()) {
        (None, _) => String::new(),
        (Some(_), 0) => "*".to_owned(),
        (Some(first), hidden) => format!("{first}{}", "*".repeat(hidden)),
    }
}

/// A person's name. A masked one is refused, so that what was read without permission is never written back.
pub(crate) fn name(field: &str, value: &str) -> Result<String, Violation> {
    if value.contains('*') {
        let wrong = Violation::new(field, ErrorReason::Format).with("value", "*");
        return Err(wrong.with("expected", "the full name, not a masked one"));
    }
    text(field, value, 1, 100)
}

/// A person's number, E.164.
pub(crate) fn phone(field: &str, value: &str) -> Result<String, Violation> {
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
    use std::collections::BTreeMap;

    use guanxi_proto::DESCRIPTOR_POOL;
    use guanxi_proto::client_registry::v1::{Account, AccountManager};
    use prost::Name;

    use super::*;

    fn names<M: Personal + Name>() -> (String, Vec<String>) {
        (M::full_name(), M::default().personal().into_iter().map(|(name, _)| name.to_owned()).collect())
    }

    #[test]
    fn every_field_that_the_protos_call_personal_is_treated_as_one() {
        let option = DESCRIPTOR_POOL.get_extension_by_name("guanxi.auth.v1.personal").unwrap();
        let messages =
            DESCRIPTOR_POOL.all_messages().filter(|message| message.package_name() == "guanxi.client_registry.v1");
        let declared: BTreeMap<String, Vec<String>> = messages
            .map(|message| {
                let personal = message.fields().filter(|field| field.options().has_extension(&option));
                (message.full_name().to_owned(), personal.map(|field| field.name().to_owned()).collect::<Vec<_>>())
            })
            .filter(|(_, fields)| !fields.is_empty())
            .collect();
        assert_eq!(BTreeMap::from([names::<Account>(), names::<AccountManager>()]), declared);
    }

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
