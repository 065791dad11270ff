//! Periods: years, quarters and months by their keys.

use guanxi_grpc::Violation;
use guanxi_proto::kpi::v1::ErrorReason;
use time::Date;

use crate::error::reason;
use crate::figure::{By, later};

/// Years in which targets are set.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=2199;

/// The days of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) first: Date,
    pub(super) last: Date,
}

impl Period {
    /// The period with a key: `2026`, `2026-Q1` or `2026-03`.
    pub(super) fn of(key: &str) -> Option<Self> {
        [By::Year, By::Quarter, By::Month].into_iter().find_map(|by| {
            let first = by.first_day(key).filter(|first| YEARS.contains(&first.year()))?;
            Some(Self { first, last: later(first, by.months())?.previous_day()? })
        })
    }

    /// Days that count.
    pub(super) fn days(self) -> i64 {
        (self.last - self.first).whole_days() + 1
    }

    /// Days of it that have begun on a day.
    pub(super) fn begun(self, today: Date) -> i64 {
        ((today - self.first).whole_days() + 1).clamp(0, self.days())
    }

    /// The same a year before.
    pub(super) fn year_before(self) -> Option<Self> {
        let behind = later(self.last.next_day()?, -12)?;
        Some(Self { first: later(self.first, -12)?, last: behind.previous_day()? })
    }
}

/// Reads the key of a period.
pub(super) fn period(field: &str, key: &str) -> Result<String, Violation> {
    match key {
        "" => Err(Violation::required(field)),
        _ if Period::of(key).is_some() => Ok(key.to_owned()),
        _ => Err(Violation::new(field, reason(ErrorReason::PeriodUnknown)).with("value", key)),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn a_period_has_a_first_and_a_last_day() {
        for (key, first, last) in [
            ("2026", date!(2026 - 01 - 01), date!(2026 - 12 - 31)),
            ("2026-Q1", date!(2026 - 01 - 01), date!(2026 - 03 - 31)),
            ("2024-02", date!(2024 - 02 - 01), date!(2024 - 02 - 29)),
        ] {
            assert_eq!(Period::of(key), Some(Period { first, last }), "{key}");
        }
        for key in ["", "26", "2026-13", "2026-Q5", "2026-3", "1899", "2200", "+2026", "2026-03-01"] {
            assert_eq!(Period::of(key), None, "{key}");
        }
    }

    #[test]
    fn days_begin_one_by_one() {
        let february = Period::of("2024-02").unwrap();
        let days = [date!(2024 - 01 - 31), date!(2024 - 02 - 01), date!(2024 - 02 - 29), date!(2025 - 01 - 01)];
        assert_eq!(days.map(|today| february.begun(today)), [0, 1, 29, 29]);
        assert_eq!(february.year_before(), Period::of("2023-02"));
        assert_eq!(Period::of("2025-02").unwrap().year_before(), Period::of("2024-02"));
    }
}
