//! What is brought in.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use time::Date;
use uuid::Uuid;

use crate::fact::{Attribution, Fact};

/// What a measurement is recognised by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) measure: String,
    pub(super) day: Date,
    pub(super) territory_code: String,
    pub(super) manager_id: Option<Uuid>,
    pub(super) account_id: Option<Uuid>,
    /// Empty for none.
    pub(super) offering_code: String,
    /// Empty for what is no money.
    pub(super) currency_code: String,
}

/// A value that billing or usage brings in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Measurement {
    pub(super) key: Key,
    /// Empty for none.
    pub(super) tier: String,
    /// Empty for none.
    pub(super) industry_code: String,
    pub(super) value: Decimal,
}

impl Measurement {
    /// As it counts.
    pub(super) fn fact(&self) -> Fact {
        let key = &self.key;
        Fact {
            measure: key.measure.clone(),
            day: key.day,
            attribution: Attribution {
                territory_code: key.territory_code.clone(),
                manager_id: key.manager_id,
                account_id: key.account_id,
                stage: String::new(),
                tier: self.tier.clone(),
                industry_code: self.industry_code.clone(),
            },
            currency_code: key.currency_code.clone(),
            value: self.value,
            offerings: BTreeMap::from([(key.offering_code.clone(), self.value)]),
        }
    }

    /// The fields in which a later one differs; nothing but the value for one that takes this away.
    pub(super) fn differences(&self, later: &Self) -> Vec<&'static str> {
        if later.value.is_zero() {
            return vec!["value"];
        }
        let fields = [
            ("value", self.value != later.value),
            ("tier", self.tier != later.tier),
            ("industry_code", self.industry_code != later.industry_code),
        ];
        fields.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    fn measurement(value: i64, tier: &str) -> Measurement {
        let key = Key {
            measure: "revenue".to_owned(),
            day: date!(2026 - 03 - 01),
            territory_code: "440300".to_owned(),
            manager_id: None,
            account_id: None,
            offering_code: "LINE".to_owned(),
            currency_code: "CNY".to_owned(),
        };
        Measurement { key, tier: tier.to_owned(), industry_code: String::new(), value: value.into() }
    }

    #[test]
    fn a_later_value_is_compared_field_by_field_and_zero_by_its_value_alone() {
        let one = measurement(100, "A");
        assert!(one.differences(&Measurement { value: Decimal::new(10_000, 2), ..one.clone() }).is_empty());
        assert_eq!(one.differences(&measurement(90, "B")), ["value", "tier"]);
        assert_eq!(one.differences(&measurement(0, "")), ["value"]);
    }

    #[test]
    fn the_whole_value_counts_for_its_offering() {
        let fact = measurement(100, "A").fact();
        assert_eq!(fact.offerings, BTreeMap::from([("LINE".to_owned(), fact.value)]));
    }
}
