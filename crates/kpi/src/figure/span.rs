//! The days that count: whole months, which roll-ups have, and days at the ends.

use time::Date;
use time::macros::date;

use crate::fact::UNDATED;
use crate::fact::rollup::month_of;

/// Behind every day.
const END: Date = date!(9999 - 12 - 31);
/// The first month behind [`UNDATED`].
const DATED: Date = date!(0001 - 02 - 01);

/// Days that count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Whole months, by their first days: from the first to before the second.
    pub(crate) months: (Date, Date),
    /// Days beside them: from the first to the second of each pair, both counting.
    pub(crate) days: Vec<(Date, Date)>,
}

impl Span {
    /// The days from one to another, both counting. Without both, everything counts, what is UNDATED too.
    pub(crate) fn of(from: Option<Date>, to: Option<Date>) -> Self {
        let beginning = if to.is_none() { UNDATED } else { DATED };
        let first = from.map_or(beginning, |from| if from.day() == 1 { from } else { next_month(from) });
        let last = to.map_or(END, |to| to.next_day().map_or(END, month_of));
        if let (Some(from), Some(to)) = (from, to)
            && first >= last
        {
            // Within a month, or over the end of one.
            return Self { months: (first, first), days: vec![(from, to)] };
        }
        let before = from.filter(|from| *from < first).and_then(|from| Some((from, first.previous_day()?)));
        let after = to.filter(|to| *to >= last).map(|to| (last, to));
        Self { months: (first, last), days: before.into_iter().chain(after).collect() }
    }
}

fn next_month(day: Date) -> Date {
    let last = day.replace_day(day.month().length(day.year())).ok();
    last.and_then(Date::next_day).unwrap_or(END)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_whole_months_and_the_days_beside_them() {
        let of = |from, to| {
            let span = Span::of(from, to);
            (span.months, span.days)
        };
        assert_eq!(of(None, None), ((UNDATED, END), vec![]));
        assert_eq!(of(None, Some(date!(2026 - 03 - 31))), ((DATED, date!(2026 - 04 - 01)), vec![]));
        assert_eq!(
            of(None, Some(date!(2026 - 03 - 30))),
            ((DATED, date!(2026 - 03 - 01)), vec![(date!(2026 - 03 - 01), date!(2026 - 03 - 30))])
        );
        assert_eq!(
            of(Some(date!(2026 - 01 - 31)), None),
            ((date!(2026 - 02 - 01), END), vec![(date!(2026 - 01 - 31), date!(2026 - 01 - 31))])
        );
        let (first, last) = (date!(2026 - 01 - 15), date!(2026 - 03 - 15));
        let ends = vec![(first, date!(2026 - 01 - 31)), (date!(2026 - 03 - 01), last)];
        assert_eq!(of(Some(first), Some(last)), ((date!(2026 - 02 - 01), date!(2026 - 03 - 01)), ends));
        let within = (date!(2026 - 01 - 15), date!(2026 - 02 - 03));
        assert_eq!(of(Some(within.0), Some(within.1)).1, [within]);
        let month = (date!(2026 - 02 - 01), date!(2026 - 02 - 28));
        assert_eq!(of(Some(month.0), Some(month.1)), ((month.0, date!(2026 - 03 - 01)), vec![]));
    }
}
