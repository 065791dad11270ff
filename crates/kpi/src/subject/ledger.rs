//! What stocks entered and left.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use time::Date;

use crate::fact::{Attribution, Fact, UNDATED};

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

/// What entered stocks and left them by some events, each with its day: facts that count once more or once less. The sum of all up to a day is
/// what there was as of that day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger(Vec<(Fact, i32)>);

impl Ledger {
    /// On a day, what was held gives way to something else.
    pub(crate) fn turn(&mut self, day: Date, before: &[Holding], after: &[Holding]) {
        if before != after {
            self.0.extend(before.iter().map(|holding| (holding.entered(day), -1)));
            self.0.extend(after.iter().map(|holding| (holding.entered(day), 1)));
        }
    }

    /// Takes everything about some measures back: what these events brought, and what was there before all of them.
    pub(crate) fn forget(&mut self, measures: &[&str], there: &[(Fact, i32)]) {
        let forgotten = |fact: &Fact| measures.contains(&fact.measure.as_str());
        self.0.retain(|(fact, _)| !forgotten(fact));
        self.0.extend(there.iter().filter(|(fact, _)| forgotten(fact)).map(|(fact, times)| (fact.clone(), -times)));
    }

    /// The entries.
    pub(crate) fn entries(&self) -> &[(Fact, i32)] {
        &self.0
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

    fn entries(ledger: &Ledger) -> Vec<(Date, String, Decimal)> {
        let entry = |(fact, times): &(Fact, i32)| {
            (fact.day, fact.attribution.territory_code.clone(), fact.value * Decimal::from(*times))
        };
        ledger.entries().iter().map(entry).collect()
    }

    #[test]
    fn what_leaves_enters_elsewhere_on_the_same_day() {
        let (first, second) = (date!(2026 - 01 - 05), date!(2026 - 02 - 01));
        let (here, there) = (holding("A", 10), holding("B", 15));
        let mut ledger = Ledger::default();
        ledger.turn(first, &[], std::slice::from_ref(&here));
        ledger.turn(second, std::slice::from_ref(&here), std::slice::from_ref(&here));
        ledger.turn(second, std::slice::from_ref(&here), std::slice::from_ref(&there));
        let of = |day, code: &str, value: i64| (day, code.to_owned(), Decimal::from(value));
        assert_eq!(entries(&ledger), [of(first, "A", 10), of(second, "A", -10), of(second, "B", 15)]);
    }

    #[test]
    fn what_has_no_day_leaves_without_one() {
        let held = Holding { undated: true, ..holding("A", 10) };
        let mut ledger = Ledger::default();
        ledger.turn(date!(2026 - 01 - 05), &[], std::slice::from_ref(&held));
        ledger.turn(date!(2026 - 02 - 05), &[held], &[]);
        let of = |value: i64| (UNDATED, "A".to_owned(), Decimal::from(value));
        assert_eq!(entries(&ledger), [of(10), of(-10)]);
    }

    #[test]
    fn what_is_forgotten_is_taken_back() {
        let mut before = Ledger::default();
        before.turn(date!(2026 - 01 - 05), &[], &[holding("A", 10)]);
        let mut ledger = Ledger::default();
        ledger.turn(date!(2026 - 02 - 05), &[], &[holding("B", 5)]);
        ledger.forget(&["pipeline_value"], before.entries());
        assert_eq!(entries(&ledger), [(date!(2026 - 01 - 05), "A".to_owned(), Decimal::from(-10))]);
    }
}
