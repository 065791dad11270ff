//! The specification and its rules.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_resource::{Deletable, Resource, Stamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::value;

/// What the values of a characteristic are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum CharacteristicKind {
    Number,
    Text,
    Enum,
    Boolean,
}

/// One thing that can be configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Characteristic {
    pub(crate) code: String,
    pub(crate) name_zh: String,
    pub(crate) name_en: Option<String>,
    pub(crate) kind: CharacteristicKind,
    pub(crate) unit: Option<String>,
    pub(crate) minimum: Option<Decimal>,
    pub(crate) maximum: Option<Decimal>,
    pub(crate) options: Vec<String>,
    pub(crate) default_value: Option<String>,
    pub(crate) required: bool,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A condition on another characteristic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) characteristic_code: String,
    pub(crate) value: String,
}

/// Why a value is none of a characteristic's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Number,
    Range,
    Text,
    Option,
    Boolean,
}

/// A number of a characteristic.
pub(super) fn number(value: &str) -> Option<Decimal> {
    value::decimal(value, 15, 4)
}

impl Characteristic {
    /// Says why a value is not one of the characteristic's.
    pub(super) fn check(&self, value: &str) -> Result<(), Wrong> {
        let length = value.chars().count();
        let (holds, wrong) = match self.kind {
            CharacteristicKind::Number => {
                let number = number(value).ok_or(Wrong::Number)?;
                let above = self.minimum.is_none_or(|minimum| minimum <= number);
                (above && self.maximum.is_none_or(|maximum| number <= maximum), Wrong::Range)
            }
            CharacteristicKind::Text => {
                ((1..=200).contains(&length) && !value.chars().any(char::is_control), Wrong::Text)
            }
            CharacteristicKind::Enum => (self.options.iter().any(|option| option == value), Wrong::Option),
            CharacteristicKind::Boolean => (matches!(value, "true" | "false"), Wrong::Boolean),
        };
        if holds { Ok(()) } else { Err(wrong) }
    }

    /// True where two valid values mean the same: numbers may be written in several ways.
    fn same(&self, one: &str, other: &str) -> bool {
        one == other || (self.kind == CharacteristicKind::Number && number(one) == number(other))
    }

    /// The value in a configuration whose part that this one depends on is complete; refused where it is wrong or missing.
    fn settle(&self, applies: bool, values: &BTreeMap<String, String>) -> Result<Option<String>, &str> {
        let settled = match values.get(&self.code) {
            Some(value) => applies && self.check(value).is_ok(),
            None => !applies || !self.required || self.default_value.is_some(),
        };
        let default = || self.default_value.clone().filter(|_| applies);
        if settled { Ok(values.get(&self.code).cloned().or_else(default)) } else { Err(&self.code) }
    }
}

/// The configuration that some values make, completed with the defaults; or the codes, sorted, of the characteristics that are
/// missing, wrong, unknown, or set where their dependencies do not hold.
pub(crate) fn configure(
    characteristics: &[Characteristic],
    values: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Vec<String>> {
    let by_code: BTreeMap<&str, &Characteristic> =
        characteristics.iter().map(|characteristic| (characteristic.code.as_str(), characteristic)).collect();
    let mut wrong: BTreeSet<&str> =
        values.keys().map(String::as_str).filter(|code| !by_code.contains_key(code)).collect();
    let mut completed = BTreeMap::<String, String>::new();
    let mut waiting = by_code.clone();
    while !waiting.is_empty() {
        let (ready, later) = waiting.iter().partition::<BTreeMap<&str, &Characteristic>, _>(|(_, characteristic)| {
            let mut others = characteristic.dependencies.iter().map(|dependency| &dependency.characteristic_code);
            others.all(|other| !waiting.contains_key(other.as_str()))
        });
        if ready.is_empty() {
            // A circle, which no specification has.
            wrong.extend(later.keys());
            break;
        }
        for (code, characteristic) in ready {
            let applies = characteristic.dependencies.iter().all(|dependency| {
                let other = dependency.characteristic_code.as_str();
                let value = by_code.get(other).zip(completed.get(other));
                value.is_some_and(|(other, value)| other.same(value, &dependency.value))
            });
            match characteristic.settle(applies, values) {
                Ok(value) => completed.extend(value.map(|value| (code.to_owned(), value))),
                Err(code) => wrong.extend([code]),
            }
        }
        waiting = later;
    }
    if wrong.is_empty() { Ok(completed) } else { Err(wrong.into_iter().map(str::to_owned).collect()) }
}

/// The codes of the characteristics whose dependencies lead back to themselves.
pub(super) fn circular(characteristics: &[Characteristic]) -> BTreeSet<&str> {
    let others = |code: &str| {
        let found = characteristics.iter().filter(move |characteristic| characteristic.code == code);
        let dependencies = found.flat_map(|characteristic| &characteristic.dependencies);
        dependencies.map(|dependency| dependency.characteristic_code.as_str()).collect::<Vec<_>>()
    };
    let leads_back = |code: &str| {
        let (mut seen, mut next) = (BTreeSet::new(), others(code));
        while let Some(other) = next.pop() {
            if seen.insert(other) {
                next.extend(others(other));
            }
        }
        seen.contains(code)
    };
    characteristics.iter().map(|characteristic| characteristic.code.as_str()).filter(|code| leads_back(code)).collect()
}

/// A specification as it is stored; its fields are the columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct Specification {
    pub(super) id: Uuid,
    pub(super) code: String,
    pub(super) name_zh: String,
    pub(super) name_en: Option<String>,
    pub(super) characteristics: Json<Vec<Characteristic>>,
    pub(super) version: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) create_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) update_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(super) delete_time: Option<OffsetDateTime>,
}

impl Specification {
    /// A specification that nothing is known of yet.
    pub(super) fn blank(id: Uuid, now: OffsetDateTime) -> Self {
        Self {
            id,
            code: String::new(),
            name_zh: String::new(),
            name_en: None,
            characteristics: Json(Vec::new()),
            version: 1,
            create_time: now,
            update_time: now,
            delete_time: None,
        }
    }
}

impl Resource for Specification {
    fn stamp(&mut self) -> Stamp<'_> {
        Stamp { id: self.id, version: &mut self.version, update_time: &mut self.update_time }
    }
}

impl Deletable for Specification {
    const LIVE: &'static str = "LIVE";

    fn delete_time(&self) -> Option<OffsetDateTime> {
        self.delete_time
    }

    fn set_delete_time(&mut self, time: Option<OffsetDateTime>) {
        self.delete_time = time;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of_kind(code: &str, kind: CharacteristicKind) -> Characteristic {
        Characteristic {
            code: code.to_owned(),
            name_zh: code.to_owned(),
            name_en: None,
            kind,
            unit: None,
            minimum: None,
            maximum: None,
            options: Vec::new(),
            default_value: None,
            required: false,
            dependencies: Vec::new(),
        }
    }

    fn depending(mut characteristic: Characteristic, on: &[(&str, &str)]) -> Characteristic {
        let conditions = on.iter().map(|(code, value)| (String::from(*code), String::from(*value)));
        characteristic.dependencies =
            conditions.map(|(characteristic_code, value)| Dependency { characteristic_code, value }).collect();
        characteristic
    }

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(code, value)| (String::from(*code), String::from(*value))).collect()
    }

    /// A line: its bandwidth, whether it is encrypted, and by what if it is.
    fn line() -> Vec<Characteristic> {
        let mut bandwidth = of_kind("BANDWIDTH", CharacteristicKind::Number);
        (bandwidth.minimum, bandwidth.maximum) = (number("2"), number("1000"));
        bandwidth.required = true;
        let mut cipher = of_kind("CIPHER", CharacteristicKind::Enum);
        cipher.options = vec!["SM4".to_owned(), "AES".to_owned()];
        cipher.default_value = Some("SM4".to_owned());
        let mut key = of_kind("KEY", CharacteristicKind::Text);
        key.required = true;
        let encrypted = of_kind("ENCRYPTED", CharacteristicKind::Boolean);
        let cipher = depending(cipher, &[("ENCRYPTED", "true"), ("BANDWIDTH", "100")]);
        vec![depending(key, &[("CIPHER", "AES")]), cipher, encrypted, bandwidth]
    }

    #[test]
    fn values_fit_their_kind() {
        let line = line();
        for (index, value, outcome) in [
            (3, "2", Ok(())),
            (3, "1000.0", Ok(())),
            (3, "1.9999", Err(Wrong::Range)),
            (3, "1000.0001", Err(Wrong::Range)),
            (3, "1e2", Err(Wrong::Number)),
            (2, "true", Ok(())),
            (2, "TRUE", Err(Wrong::Boolean)),
            (1, "AES", Ok(())),
            (1, "aes", Err(Wrong::Option)),
            (0, "密钥", Ok(())),
            (0, "", Err(Wrong::Text)),
            (0, "a\nb", Err(Wrong::Text)),
        ] {
            assert_eq!(line[index].check(value), outcome, "{value}");
        }
        assert_eq!(line[0].check(&"长".repeat(200)), Ok(()));
        assert_eq!(line[0].check(&"长".repeat(201)), Err(Wrong::Text));
    }

    #[test]
    fn a_configuration_is_completed_or_what_is_wrong_is_named() {
        let complete = |pairs: &[(&str, &str)], expected: &[(&str, &str)]| {
            assert_eq!(configure(&line(), &values(pairs)), Ok(values(expected)));
        };
        complete(&[("BANDWIDTH", "50")], &[("BANDWIDTH", "50")]);
        complete(
            &[("BANDWIDTH", "100.00"), ("ENCRYPTED", "true")],
            &[("BANDWIDTH", "100.00"), ("CIPHER", "SM4"), ("ENCRYPTED", "true")],
        );
        let every = [("BANDWIDTH", "100"), ("CIPHER", "AES"), ("ENCRYPTED", "true"), ("KEY", "k")];
        complete(&every, &every);
        for (pairs, wrong) in [
            (&[][..], &["BANDWIDTH"][..]),
            (&[("BANDWIDTH", "1")], &["BANDWIDTH"]),
            (&[("BANDWIDTH", "50"), ("CIPHER", "AES")], &["CIPHER"]),
            (&[("BANDWIDTH", "50"), ("KEY", "k"), ("COLOUR", "red")], &["COLOUR", "KEY"]),
            (&[("BANDWIDTH", "100"), ("ENCRYPTED", "true"), ("CIPHER", "AES")], &["KEY"]),
            (&[("BANDWIDTH", "x"), ("ENCRYPTED", "no"), ("CIPHER", "DES")], &["BANDWIDTH", "CIPHER", "ENCRYPTED"]),
        ] {
            assert_eq!(configure(&line(), &values(pairs)).unwrap_err(), wrong, "{pairs:?}");
        }
        assert_eq!(configure(&[], &BTreeMap::new()), Ok(BTreeMap::new()));
    }

    #[test]
    fn a_circle_is_found_and_never_turns_for_ever() {
        let text = |code: &str, on: &[(&str, &str)]| depending(of_kind(code, CharacteristicKind::Text), on);
        let circle =
            [text("A", &[("B", "x")]), text("B", &[("C", "x")]), text("C", &[("A", "x")]), text("D", &[("A", "x")])];
        assert_eq!(circular(&circle).into_iter().collect::<Vec<_>>(), ["A", "B", "C"]);
        assert_eq!(circular(&[text("A", &[("A", "x")])]).len(), 1);
        assert!(circular(&line()).is_empty());
        assert_eq!(configure(&circle, &BTreeMap::new()).unwrap_err(), ["A", "B", "C", "D"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// What was completed once is complete, and names only what there is.
        #[test]
        fn a_completed_configuration_stays_as_it_is(
            sent in proptest::collection::btree_map(
                proptest::sample::select(vec!["BANDWIDTH", "CIPHER", "ENCRYPTED", "KEY"]).prop_map(str::to_owned),
                proptest::sample::select(vec!["100", "50", "true", "AES", "SM4", "", "0"]).prop_map(str::to_owned),
                0..5,
            )
        ) {
            match configure(&line(), &sent) {
                Ok(completed) => {
                    prop_assert!(sent.iter().all(|(code, value)| completed.get(code) == Some(value)));
                    prop_assert_eq!(configure(&line(), &completed), Ok(completed));
                }
                Err(wrong) => prop_assert!(!wrong.is_empty() && wrong.is_sorted()),
            }
        }
    }
}
