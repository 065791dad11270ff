//! From sums to figures: pure.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::{Decimal, RoundingStrategy};
use time::Date;

use super::question::{By, later};
use super::store::Sum;
use crate::fact::UNDATED;
use crate::fact::rollup::month_of;
use crate::indicator::{Formula, Indicator};

/// Values of measures.
pub(super) type Measures = BTreeMap<String, Decimal>;
/// Values of measures by key and currency.
pub(super) type Table = BTreeMap<(String, String), Measures>;

/// Sums of flows and of stocks by key, month and currency.
#[derive(Default)]
pub(super) struct Sums(Vec<(String, Option<Date>, Sum, bool)>);

impl Sums {
    /// Adds a sum that stands under a key. `stock` tells what there is from what happened.
    pub(super) fn add(&mut self, key: String, sum: Sum, stock: bool) {
        self.0.push((key, sum.month, sum, stock));
    }

    /// As one table, by the keys that the sums have.
    pub(super) fn by_key(self) -> Table {
        let mut table = Table::new();
        for (key, _, sum, _) in self.0 {
            add(&mut table, key, &sum);
        }
        table
    }

    /// As one table by periods of time. What happened stands in its period; what there is, in every period up to that of `last`: as of its
    /// end. Periods before `from` are left out. What has no date stands under the empty key.
    pub(super) fn by_time(self, by: By, from: Option<Date>, last: Date) -> Table {
        let mut table = Table::new();
        let dated = |month: &Option<Date>| month.is_some_and(|month| month != UNDATED);
        let first =
            self.0.iter().filter(|(_, month, _, stock)| *stock && dated(month)).filter_map(|(_, month, ..)| *month);
        let first = from.or(first.min()).map(month_of);
        let periods = first.map(|first| periods(by, first, last)).unwrap_or_default();
        for (_, month, sum, stock) in self.0 {
            let month = month.unwrap_or(UNDATED);
            if !stock || month == UNDATED {
                add(&mut table, by.key_of(month), &sum);
                continue;
            }
            for (key, end) in &periods {
                if month < *end {
                    add(&mut table, key.clone(), &sum);
                }
            }
        }
        table
    }
}

fn add(table: &mut Table, key: String, sum: &Sum) {
    let measures = table.entry((key, sum.currency_code.clone())).or_default();
    *measures.entry(sum.measure.clone()).or_default() += sum.value;
}

/// The periods from that of a month to that of a day: their keys, and the first day behind each.
fn periods(by: By, first: Date, last: Date) -> Vec<(String, Date)> {
    let mut periods = Vec::new();
    let mut start = by.first_day(&by.key_of(first)).unwrap_or(first);
    while start <= last {
        let Some(end) = later(start, by.months()) else { break };
        periods.push((by.key_of(start), end));
        start = end;
    }
    periods
}

/// Values of the formula by key and currency. Without money, currencies add up; with money, what has no currency goes with each one of its key.
/// What is nothing in every measure has no row.
pub(super) fn values(
    table: Table,
    indicator: &Indicator,
    formula: &Formula,
    currency_code: &str,
) -> BTreeMap<(String, String), (Option<Decimal>, Measures)> {
    let mut by_key: BTreeMap<String, Vec<(String, Measures)>> = BTreeMap::new();
    for ((key, currency), mut measures) in table {
        measures.retain(|_, value| !value.is_zero());
        if !measures.is_empty() {
            by_key.entry(key).or_default().push((currency, measures));
        }
    }
    let mut values = BTreeMap::new();
    for (key, parts) in by_key {
        let currencies: BTreeSet<String> = if formula.has_money() {
            let currencies = parts.iter().map(|(currency, _)| currency.clone()).filter(|currency| !currency.is_empty());
            currencies.filter(|currency| currency_code.is_empty() || currency == currency_code).collect()
        } else {
            BTreeSet::from([String::new()])
        };
        for currency in currencies {
            let mut sums = Measures::new();
            let counts = |of: &String| !formula.has_money() || of.is_empty() || *of == currency;
            for (code, value) in parts.iter().filter(|(of, _)| counts(of)).flat_map(|(_, measures)| measures) {
                *sums.entry(code.clone()).or_default() += value;
            }
            sums.retain(|_, value| !value.is_zero());
            if !sums.is_empty() {
                let value = formula.value(&sums).map(|value| rounded(value, indicator.decimal_places));
                values.insert((key.clone(), currency), (value, sums));
            }
        }
    }
    values
}

fn rounded(value: Decimal, places: Option<i32>) -> Decimal {
    match places.and_then(|places| u32::try_from(places).ok()) {
        Some(places) => value.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero),
        None => value,
    }
    .normalize()
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use time::macros::date;
    use uuid::Uuid;

    use super::*;

    fn sum(measure: &str, month: Option<Date>, currency: &str, value: i64) -> Sum {
        Sum {
            measure: measure.to_owned(),
            key: String::new(),
            territory_code: String::new(),
            month,
            currency_code: currency.to_owned(),
            value: Decimal::from(value),
        }
    }

    fn shown(table: Table, formula: &str) -> Vec<(String, String, String)> {
        let indicator =
            Indicator { decimal_places: Some(2), ..Indicator::blank(Uuid::nil(), OffsetDateTime::UNIX_EPOCH) };
        let formula = Formula::read(formula).unwrap();
        let values = values(table, &indicator, &formula, "");
        let text = |value: Option<Decimal>| value.map(|value| value.to_string()).unwrap_or_default();
        values.into_iter().map(|((key, currency), (value, _))| (key, currency, text(value))).collect()
    }

    fn row(key: &str, currency: &str, value: &str) -> (String, String, String) {
        (key.to_owned(), currency.to_owned(), value.to_owned())
    }

    #[test]
    fn currencies_never_add_up_and_what_has_none_goes_with_each() {
        let mut sums = Sums::default();
        for (measure, currency, value) in [
            ("won_value", "CNY", 100),
            ("won_value", "USD", 7),
            ("opportunities_won", "CNY", 2),
            ("opportunities_won", "USD", 1),
            ("opportunities_won", "", 1),
        ] {
            sums.add("A".to_owned(), sum(measure, None, currency, value), false);
        }
        sums.add("B".to_owned(), sum("opportunities_won", None, "", 1), false);
        let table = sums.by_key();
        let average = shown(table.clone(), "won_value / opportunities_won");
        assert_eq!(average, [row("A", "CNY", "33.33"), row("A", "USD", "3.5")]);
        assert_eq!(shown(table, "opportunities_won"), [row("A", "", "4"), row("B", "", "1")]);
    }

    #[test]
    fn what_happened_stands_in_its_period_and_what_there_is_as_of_its_end() {
        let (january, april) = (Some(date!(2026 - 01 - 01)), Some(date!(2026 - 04 - 01)));
        let all = || {
            let mut sums = Sums::default();
            for (measure, month, value, stock) in [
                ("opportunities_won", january, 1, false),
                ("opportunities_won", april, 2, false),
                ("opportunities_won", Some(UNDATED), 4, false),
                ("accounts", january, 10, true),
                ("accounts", april, -3, true),
                ("accounts", Some(UNDATED), 5, true),
            ] {
                sums.add(String::new(), sum(measure, month, "", value), stock);
            }
            sums
        };
        let last = date!(2026 - 04 - 15);
        let won = shown(all().by_time(By::Quarter, None, last), "opportunities_won");
        assert_eq!(won, [row("", "", "4"), row("2026-Q1", "", "1"), row("2026-Q2", "", "2")]);
        let accounts = shown(all().by_time(By::Month, None, last), "accounts");
        let months = [("2026-01", "10"), ("2026-02", "10"), ("2026-03", "10"), ("2026-04", "7")];
        let expected: Vec<_> = months.map(|(key, value)| row(key, "", value)).into();
        assert_eq!(accounts, [&[row("", "", "5")], expected.as_slice()].concat());
        let mut later = all();
        later.0.retain(|(.., stock)| *stock);
        let later = shown(later.by_time(By::Month, Some(date!(2026 - 03 - 01)), last), "accounts");
        assert_eq!(later[1..], [row("2026-03", "", "10"), row("2026-04", "", "7")]);
    }
}
