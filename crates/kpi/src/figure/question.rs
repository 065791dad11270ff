//! What is asked, and the keys of the answers.

use std::fmt::Write as _;

use time::{Date, Month};

use crate::fact::UNDATED;

/// What figures are broken down by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Whole,
    Territory,
    Manager,
    Account,
    Offering,
    Stage,
    Tier,
    Industry,
    Month,
    Quarter,
    Year,
}

impl By {
    /// True for a break-down by time.
    pub(crate) fn is_time(self) -> bool {
        matches!(self, Self::Month | Self::Quarter | Self::Year)
    }

    /// Its name in SQL, and of the names of its parts.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::Whole | Self::Month | Self::Quarter | Self::Year => "",
            Self::Territory => "TERRITORY",
            Self::Manager => "MANAGER",
            Self::Account => "ACCOUNT",
            Self::Offering => "OFFERING",
            Self::Stage => "STAGE",
            Self::Tier => "TIER",
            Self::Industry => "INDUSTRY",
        }
    }

    /// Months of a period of time.
    pub(crate) fn months(self) -> i32 {
        match self {
            Self::Quarter => 3,
            Self::Year => 12,
            _ => 1,
        }
    }

    /// The key of the period that a month lies in; empty for an unknown one.
    pub(crate) fn key_of(self, month: Date) -> String {
        let mut key = String::new();
        if month == UNDATED {
            return key;
        }
        let number = u8::from(month.month());
        // Writing to a text does not fail.
        let _ = match self {
            Self::Year => write!(key, "{:04}", month.year()),
            Self::Quarter => write!(key, "{:04}-Q{}", month.year(), (number - 1) / 3 + 1),
            _ => write!(key, "{:04}-{number:02}", month.year()),
        };
        key
    }

    /// The first day of the period with a key.
    pub(crate) fn first_day(self, key: &str) -> Option<Date> {
        let (year, rest) = key.split_once('-').unwrap_or((key, ""));
        let month: u8 = match self {
            Self::Year => 1,
            Self::Quarter => (rest.strip_prefix('Q')?.parse::<u8>().ok()?.checked_sub(1)?) * 3 + 1,
            _ => rest.parse().ok()?,
        };
        let day = Date::from_calendar_date(year.parse().ok()?, Month::try_from(month).ok()?, 1).ok()?;
        (self.is_time() && self.key_of(day) == key).then_some(day)
    }
}

/// A day so many months later, or the last day of that month where it is too short; the last day of a month stays the last one.
pub(crate) fn later(day: Date, months: i32) -> Option<Date> {
    let count = day.year().checked_mul(12)?.checked_add(i32::from(u8::from(day.month())) - 1)?.checked_add(months)?;
    let month = Month::try_from(u8::try_from(count.rem_euclid(12) + 1).ok()?).ok()?;
    let year = count.div_euclid(12);
    let length = month.length(year);
    let number = if day.day() == day.month().length(day.year()) { length } else { day.day().min(length) };
    Date::from_calendar_date(year, month, number).ok()
}

/// A checked question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) indicator_code: String,
    pub(crate) by: By,
    /// Empty for everything that the caller may see.
    pub(crate) territory_code: String,
    pub(crate) territory_level: String,
    pub(crate) from: Option<Date>,
    pub(crate) to: Option<Date>,
    /// Empty for all.
    pub(crate) currency_code: String,
    /// Only what has this key in a dimension.
    pub(crate) only: Vec<(By, String)>,
}

impl Question {
    /// The same of the period before; `None` without a whole range.
    pub(crate) fn before(&self) -> Option<Self> {
        let (from, to) = (self.from?, self.to?);
        if self.by.is_time() {
            return self.earlier(self.by.months());
        }
        let next = to.next_day()?;
        let whole = from.day() == 1 && next.day() == 1;
        if whole {
            let months = (next.year() - from.year()) * 12 + i32::from(u8::from(next.month()))
                - i32::from(u8::from(from.month()));
            return self.earlier(months);
        }
        let length = to - from;
        let to = from.previous_day()?;
        Some(Self { from: to.checked_sub(length), to: Some(to), ..self.clone() })
    }

    /// The same so many months before; `None` without an end.
    pub(crate) fn earlier(&self, months: i32) -> Option<Self> {
        let to = later(self.to?, -months)?;
        let from = match self.from {
            Some(from) => Some(later(from, -months).filter(|_| from.day() != 1).or_else(|| first(from, -months))?),
            None => None,
        };
        Some(Self { from, to: Some(to), ..self.clone() })
    }
}

/// The first day of a month so many months away.
fn first(day: Date, months: i32) -> Option<Date> {
    later(day.replace_day(1).ok()?, months)?.replace_day(1).ok()
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn a_period_has_a_key_and_a_first_day() {
        for (by, key, first) in [
            (By::Month, "2026-03", date!(2026 - 03 - 01)),
            (By::Quarter, "2026-Q4", date!(2026 - 10 - 01)),
            (By::Year, "2026", date!(2026 - 01 - 01)),
        ] {
            assert_eq!((by.key_of(first).as_str(), by.first_day(key)), (key, Some(first)));
        }
        assert_eq!(By::Month.key_of(UNDATED), "");
        for (by, key) in [
            (By::Month, "2026-13"),
            (By::Month, "2026-3"),
            (By::Quarter, "2026-Q5"),
            (By::Quarter, "2026-Q0"),
            (By::Year, ""),
        ] {
            assert_eq!(by.first_day(key), None, "{key}");
        }
    }

    fn asked(by: By, from: Date, to: Date) -> Question {
        Question {
            indicator_code: "won-value".to_owned(),
            by,
            territory_code: String::new(),
            territory_level: String::new(),
            from: Some(from),
            to: Some(to),
            currency_code: String::new(),
            only: Vec::new(),
        }
    }

    #[test]
    fn the_period_before_is_as_long() {
        for (from, to, before) in [
            (date!(2026 - 03 - 01), date!(2026 - 03 - 31), (date!(2026 - 02 - 01), date!(2026 - 02 - 28))),
            (date!(2026 - 01 - 01), date!(2026 - 12 - 31), (date!(2025 - 01 - 01), date!(2025 - 12 - 31))),
            (date!(2026 - 03 - 05), date!(2026 - 03 - 14), (date!(2026 - 02 - 23), date!(2026 - 03 - 04))),
        ] {
            let found = asked(By::Whole, from, to).before().unwrap();
            assert_eq!((found.from, found.to), (Some(before.0), Some(before.1)));
        }
        let quarters = asked(By::Quarter, date!(2026 - 04 - 01), date!(2026 - 12 - 31)).before().unwrap();
        assert_eq!((quarters.from, quarters.to), (Some(date!(2026 - 01 - 01)), Some(date!(2026 - 09 - 30))));
        let year = asked(By::Whole, date!(2024 - 02 - 10), date!(2024 - 02 - 29)).earlier(12).unwrap();
        assert_eq!((year.from, year.to), (Some(date!(2023 - 02 - 10)), Some(date!(2023 - 02 - 28))));
        let unbounded = Question { to: None, ..asked(By::Whole, date!(2026 - 01 - 01), date!(2026 - 01 - 02)) };
        assert_eq!((unbounded.before(), unbounded.earlier(12)), (None, None));
    }
}
