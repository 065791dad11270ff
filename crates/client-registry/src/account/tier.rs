//! Tier periods: which tier an account had when, and why.

use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::model::Tier;
use guanxi_grpc::day;

/// A time in which an account had a tier. A period that was replaced on its first day ends the day before it began: it never applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) id: Uuid,
    pub(super) account_id: Uuid,
    pub(super) tier: Option<Tier>,
    pub(super) start_date: Date,
    pub(super) end_date: Option<Date>,
    pub(super) reason: String,
    pub(super) evaluator: String,
    pub(super) create_time: OffsetDateTime,
}

/// The earliest and the latest day on which a new period may begin: not before the one it follows, not in the future.
pub(super) fn possible_starts(current: Option<&Period>, now: OffsetDateTime) -> (Date, Date) {
    (current.map_or(day::FIRST, |current| current.start_date), day::of(now))
}

/// The last day of the period that another one follows.
pub(super) fn end_before(start: Date) -> Date {
    start.previous_day().unwrap_or(start)
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn a_period_ends_the_day_before_the_next_one() {
        assert_eq!(end_before(date!(2026 - 03 - 01)), date!(2026 - 02 - 28));
    }
}
