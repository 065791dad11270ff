//! Days: business dates of Asia/Shanghai.

use guanxi_proto::errors::v1::ErrorReason;
use time::macros::{date, format_description, offset};
use time::{Date, OffsetDateTime};

use crate::Violation;

/// Nothing that is recorded began before this day.
pub const FIRST: Date = date!(1900 - 01 - 01);

/// The business day of an instant: Asia/Shanghai, which has had no daylight saving time since 1991.
#[must_use]
pub fn of(now: OffsetDateTime) -> Date {
    now.to_offset(offset!(+8)).date()
}

/// A day of ISO 8601, `2026-03-01`.
pub fn parse(field: &str, value: &str) -> Result<Date, Violation> {
    // A year with a sign reaches farther than the dates of Postgres.
    let plain = value.starts_with(|first: char| first.is_ascii_digit());
    let day = Date::parse(value, format_description!("[year]-[month]-[day]")).ok();
    day.filter(|_| plain).ok_or_else(|| {
        Violation::new(field, ErrorReason::Format).with("value", value).with("expected", "a day, 2026-03-01")
    })
}

/// A day of ISO 8601, or nothing.
pub fn read(field: &str, value: &str) -> Result<Option<Date>, Violation> {
    if value.is_empty() { Ok(None) } else { parse(field, value).map(Some) }
}

/// A day on the wire; empty for none.
#[must_use]
pub fn wire(day: Option<Date>) -> String {
    day.map(|day| day.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_day_is_that_of_shanghai() {
        assert_eq!(of(datetime!(2026-03-01 15:59 UTC)), date!(2026 - 03 - 01));
        assert_eq!(of(datetime!(2026-03-01 16:00 UTC)), date!(2026 - 03 - 02));
    }

    #[test]
    fn a_day_is_written_as_it_is_read() {
        assert_eq!(read("day", "2026-03-01"), Ok(Some(date!(2026 - 03 - 01))));
        assert_eq!((read("day", ""), wire(None)), (Ok(None), String::new()));
        assert_eq!(wire(Some(date!(0987 - 03 - 01))), "0987-03-01");
        for wrong in ["2026-3-1", "-2026-03-01", "2026-02-29", "01.03.2026"] {
            assert!(read("day", wrong).is_err(), "{wrong}");
        }
    }
}
