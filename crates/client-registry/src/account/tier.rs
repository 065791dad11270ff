//! Tier periods: which tier an account had when, and why.

use time::macros::date;
use time::{Date, OffsetDateTime, UtcOffset};
use uuid::Uuid;

use super::model::Tier;

/// No account was classified before this day.
const FIRST_DAY: Date = date!(1900 - 01 - 01);

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

/// The business day of an instant: Asia/Shanghai, which has had no daylight saving time since 1991.
pub(super) fn business_day(now: OffsetDateTime) -> Date {
    let shanghai = UtcOffset::from_hms(8, 0, 0).unwrap_or(UtcOffset::UTC);
    now.to_offset(shanghai).date()
}

/// The earliest and the latest day on which a new period may begin: not before the one it follows, not in the future.
pub(super) fn possible_starts(current: Option<&Period>, now: OffsetDateTime) -> (Date, Date) {
    (current.map_or(FIRST_DAY, |current| current.start_date), business_day(now))
}

/// The last day of the period that another one follows.
pub(super) fn end_before(start: Date) -> Date {
    start.previous_day().unwrap_or(start)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_day_is_that_of_shanghai() {
        assert_eq!(business_day(datetime!(2026-03-01 15:59 UTC)), date!(2026 - 03 - 01));
        assert_eq!(business_day(datetime!(2026-03-01 16:00 UTC)), date!(2026 - 03 - 02));
        assert_eq!(end_before(date!(2026 - 03 - 01)), date!(2026 - 02 - 28));
    }
}
