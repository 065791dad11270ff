//! What stocks entered and left.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use time::Date;

use crate::fact::{Attribution, Fact, UNDATED, folded};

/// What counts in a stock for as long as it stays the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) measure: &'static str,
    pub(crate) attribution: Attribution,
    pub(crate) currency_code: String,
    pub(crate) value: Decimal,
    pub(crate) offerings: BTreeMap<String, Decimal>,
    /// Nobody knows since when: nothing of it has a day.
    pub(crate) undated: bool,
}

impl Holding {
    /// One of something that is no money and has no offerings.
    pub(crate) fn one(measure: &'static str, attribution: Attribution) -> Self {
        let offerings = BTreeMap::from([(String::new(), Decimal::ONE)]);
        Self { measure, attribution, currency_code: String::new(), value: Decimal::ONE, offerings, undated: false }
    }

    fn entered(&self, day: Date) -> Fact {
        Fact {
            measure: self.measure.to_owned(),
            day: if self.undated { UNDATED } else { day },
            attribution: self.attribution.clone(),
            currency_code: self.currency_code.clone(),
            value: self.value,
            offerings: self.offerings.clone(),
        }
    }
}

/// Everything that entered a stock and left it, each with its day. Its sum up to a day is what there was as of that day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger(Vec<Fact>);

impl Ledger {
    /// A ledger as it was kept.
    pub(crate) fn of(entries: Vec<Fact>) -> Self {
        Self(entries)
    }

    /// On a day, what was held gives way to something else.
    pub(crate) fn turn(&mut self, day: Date, before: &[Holding], after: &[Holding]) {
        if before != after {
            let left = before.iter().map(|holding| holding.entered(day).reversed());
            let entered = after.iter().map(|holding| holding.entered(day));
            self.0 = folded(std::mem::take(&mut self.0).into_iter().chain(left).chain(entered));
        }
    }

    /// Forgets everything about some measures.
    pub(crate) fn forget(&mut self, measures: &[&str]) {
        self.0.retain(|entry| !measures.contains(&entry.measure.as_str()));
    }

    /// The entries.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    fn holding(territory_code: &str, value: i64) -> Holding {
        let attribution = Attribution { territory_code: territory_code.to_owned(), ..Attribution::default() };
        Holding { value: Decimal::from(value), ..Holding::one("pipeline_value", attribution) }
    }

    fn sums(ledger: &Ledger) -> Vec<(Date, String, Decimal)> {
        let entry = |fact: Fact| (fact.day, fact.attribution.territory_code, fact.value);
        ledger.facts().into_iter().map(entry).collect()
    }

    #[test]
    fn what_leaves_enters_elsewhere_on_the_same_day() {
        let (first, second) = (date!(2026 - 01 - 05), date!(2026 - 02 - 01));
        let (here, there) = (holding("A", 10), holding("B", 15));
        let mut ledger = Ledger::default();
        ledger.turn(first, &[], std::slice::from_ref(&here));
        ledger.turn(second, std::slice::from_ref(&here), std::slice::from_ref(&there));
        let of = |day, code: &str, value: i64| (day, code.to_owned(), Decimal::from(value));
        assert_eq!(sums(&ledger), [of(first, "A", 10), of(second, "A", -10), of(second, "B", 15)]);
        ledger.turn(second, &[there], &[here]);
        assert_eq!(sums(&ledger), [of(first, "A", 10)], "there and back on one day is nothing");
    }

    #[test]
    fn what_has_no_day_leaves_without_one() {
        let held = Holding { undated: true, ..holding("A", 10) };
        let mut ledger = Ledger::default();
        ledger.turn(date!(2026 - 01 - 05), &[], std::slice::from_ref(&held));
        assert_eq!(sums(&ledger), [(UNDATED, "A".to_owned(), Decimal::from(10))]);
        ledger.turn(date!(2026 - 02 - 05), &[held], &[]);
        assert_eq!(sums(&ledger), []);
    }
}
