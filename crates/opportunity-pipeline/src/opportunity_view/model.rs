//! The figures and their rules.

use std::collections::BTreeMap;

use guanxi_grpc::Violation;
use guanxi_grpc::value::minor_unit;
use guanxi_proto::errors::v1::ErrorReason as Shared;
use rust_decimal::{Decimal, RoundingStrategy};
use sqlx::types::Json;
use time::Date;

use crate::opportunity::Opportunity;
use crate::pipeline::{Pipeline, Stage, StageKind};

/// Most rows of a forecast: an answer stays below 4 MiB.
pub(super) const MAX_FORECAST_ROWS: usize = 20_000;

/// What is in a stage now, in one currency.
pub(super) struct BoardCell {
    pub(super) stage: Json<Stage>,
    pub(super) currency_code: Option<String>,
    pub(super) opportunity_count: i64,
    pub(super) suspended_count: i64,
    /// Those of `opportunity_count` that have a value.
    pub(super) valued_count: i64,
    pub(super) value: Option<Decimal>,
    /// Sum of values times chances in percent.
    pub(super) weighted_percent: Option<Decimal>,
}

/// How opportunities went through a stage.
pub(super) struct FunnelStage {
    pub(super) stage: Json<Stage>,
    pub(super) entered_count: i64,
    pub(super) advanced_count: i64,
    pub(super) lost_count: i64,
    pub(super) returned_count: i64,
    pub(super) remaining_count: i64,
    pub(super) finished_count: i64,
    pub(super) mean_days: Option<Decimal>,
    pub(super) median_days: Option<Decimal>,
}

/// What is expected in a month, from a part of the tree, in one currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ForecastRow {
    /// `2026-03`.
    pub(super) month: Option<String>,
    pub(super) territory_code: Option<String>,
    pub(super) currency_code: Option<String>,
    pub(super) opportunity_count: i64,
    pub(super) won: Decimal,
    pub(super) commit: Decimal,
    pub(super) best_case: Decimal,
    pub(super) pipeline: Decimal,
    /// Sum of values times chances in percent.
    pub(super) weighted_percent: Decimal,
}

impl ForecastRow {
    fn add(&mut self, other: &Self) {
        self.opportunity_count += other.opportunity_count;
        self.won += other.won;
        self.commit += other.commit;
        self.best_case += other.best_case;
        self.pipeline += other.pipeline;
        self.weighted_percent += other.weighted_percent;
    }
}

/// The sums of rows of a forecast over all parts of the tree, by month and currency: what has no month comes last.
pub(super) fn by_month(rows: &[ForecastRow]) -> Vec<ForecastRow> {
    summed(rows, |row| ForecastRow {
        month: row.month.clone(),
        currency_code: row.currency_code.clone(),
        ..Default::default()
    })
}

/// The sums of all rows of a forecast by currency.
pub(super) fn by_currency(rows: &[ForecastRow]) -> Vec<ForecastRow> {
    summed(rows, |row| ForecastRow { currency_code: row.currency_code.clone(), ..Default::default() })
}

fn summed(rows: &[ForecastRow], blank: impl Fn(&ForecastRow) -> ForecastRow) -> Vec<ForecastRow> {
    let mut sums = BTreeMap::new();
    for row in rows {
        let sum = blank(row);
        let key = (sum.month.is_none(), sum.month.clone(), sum.currency_code.clone());
        sums.entry(key).or_insert(sum).add(row);
    }
    sums.into_values().collect()
}

/// A sum of values times chances in percent, as money: half up to the minor unit of the currency.
pub(super) fn weighted(weighted_percent: Decimal, currency_code: &str) -> Decimal {
    let places = minor_unit(currency_code).unwrap_or(2);
    (weighted_percent / Decimal::ONE_HUNDRED).round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero)
}

/// A number for people: half up to 2 places.
pub(super) fn rounded(number: Decimal) -> String {
    number.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero).normalize().to_string()
}

/// A part in percent of a whole; `None` of nothing.
pub(super) fn percent(part: i64, whole: i64) -> Option<String> {
    Some(rounded((Decimal::from(part) * Decimal::ONE_HUNDRED).checked_div(Decimal::from(whole))?))
}

/// Months that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Months {
    /// First day of the first one.
    pub(super) from: Date,
    /// Last day of the last one.
    pub(super) to: Date,
}

/// The first day of the month so many months later, as far as there are months.
pub(super) fn months_later(day: Date, months: i32) -> Date {
    let number = day.year() * 12 + i32::from(u8::from(day.month())) - 1 + months;
    let month = u8::try_from(number.rem_euclid(12) + 1).ok().and_then(|month| time::Month::try_from(month).ok());
    let later = month.and_then(|month| Date::from_calendar_date(number.div_euclid(12), month, 1).ok());
    later.unwrap_or(Date::MAX)
}

/// A stage of the pipeline that opportunities can be stalled in.
pub(super) fn check_open(pipeline: &Pipeline, code: &str) -> Result<(), Violation> {
    if pipeline.stage(code).is_some_and(|stage| stage.kind == StageKind::Open) {
        return Ok(());
    }
    let open = pipeline.stages.iter().filter(|stage| stage.kind == StageKind::Open);
    let open: Vec<&str> = open.map(|stage| stage.code.as_str()).collect();
    Err(Violation::new("stage_code", Shared::UnknownValue).with("value", code).with("expected", open.join(", ")))
}

/// An opportunity that was in an open stage for long.
#[derive(sqlx::FromRow)]
pub(super) struct Stalled {
    #[sqlx(flatten)]
    pub(super) opportunity: Opportunity,
    pub(super) period_stage_code: String,
    pub(super) period_enter_date: Date,
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn chances_weigh_half_up_to_the_minor_unit() {
        for (sum, currency_code, weighed) in
            [("1250.5", "CNY", "12.51"), ("1250.4999", "CNY", "12.50"), ("1250", "JPY", "13"), ("0", "USD", "0")]
        {
            assert_eq!(weighted(sum.parse().unwrap(), currency_code), weighed.parse().unwrap(), "{sum}");
        }
    }

    #[test]
    fn a_share_has_two_places_and_there_is_none_of_nothing() {
        let shares = [percent(2, 3), percent(1, 2), percent(1, 800), percent(0, 9), percent(0, 0)];
        assert_eq!(shares.map(Option::unwrap_or_default), ["66.67", "50", "0.13", "0", ""]);
    }

    #[test]
    fn months_go_on_over_the_year_and_end_with_the_calendar() {
        assert_eq!(months_later(date!(2025 - 12 - 31), 1), date!(2026 - 01 - 01));
        assert_eq!(months_later(date!(2026 - 01 - 15), 35), date!(2028 - 12 - 01));
        assert_eq!(months_later(date!(9999 - 12 - 01), 1), Date::MAX);
    }

    #[test]
    fn a_forecast_sums_up_by_currency_what_has_no_month_last() {
        let row = |month: Option<&str>, part: &str, currency_code: &str, won: i64| ForecastRow {
            month: month.map(str::to_owned),
            territory_code: Some(part.to_owned()),
            currency_code: Some(currency_code.to_owned()),
            opportunity_count: 1,
            won: won.into(),
            ..Default::default()
        };
        let rows = [
            row(None, "A", "CNY", 1),
            row(Some("2026-03"), "A", "CNY", 2),
            row(Some("2026-03"), "B", "CNY", 4),
            row(Some("2026-03"), "B", "USD", 8),
        ];
        let sums = |rows: Vec<ForecastRow>| -> Vec<(String, i64, Decimal)> {
            rows.into_iter().map(|row| (row.month.unwrap_or_default(), row.opportunity_count, row.won)).collect()
        };
        let sum = |month: &str, count, won: i64| (month.to_owned(), count, Decimal::from(won));
        assert_eq!(sums(by_month(&rows)), [sum("2026-03", 2, 6), sum("2026-03", 1, 8), sum("", 1, 1)]);
        assert_eq!(sums(by_currency(&rows)), [sum("", 3, 7), sum("", 1, 8)]);
    }
}
