//! How a target stands: what was reached, what is to be expected, and the light.

use rust_decimal::{Decimal, RoundingStrategy};
use time::Date;

use super::model::{Target, places};
use super::period::Period;
use crate::indicator::{Direction, Indicator, Kind};

/// Places of shares.
const SHARE_PLACES: u32 = 4;

/// How good it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Light {
    Green,
    Amber,
    Red,
}

/// How a target stands on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) actual: Option<Decimal>,
    pub(super) elapsed_share: Decimal,
    pub(super) reached_share: Option<Decimal>,
    pub(super) projected: Option<Decimal>,
    pub(super) light: Option<Light>,
}

impl Progress {
    /// `figure` is the value of the indicator in the territory and the period, if it has one.
    pub(super) fn of(target: &Target, indicator: &Indicator, figure: Option<Decimal>, today: Date) -> Self {
        let (begun, days) = Period::of(&target.period).map_or((0, 1), |period| (period.begun(today), period.days()));
        // Where nothing was counted, what adds up is zero.
        let actual = figure.or_else(|| indicator.adds_up().then_some(Decimal::ZERO));
        let projected = actual.filter(|_| begun > 0).and_then(|actual| match indicator.kind {
            Kind::Sum => actual.checked_mul(days.into())?.checked_div(begun.into()),
            Kind::Last | Kind::Ratio | Kind::Average => Some(actual),
        });
        let places = places(indicator, &target.currency_code);
        Self {
            actual,
            elapsed_share: rounded(Decimal::from(begun) / Decimal::from(days), SHARE_PLACES),
            reached_share: actual
                .and_then(|actual| actual.checked_div(target.value))
                .map(|share| rounded(share, SHARE_PLACES)),
            light: projected.map(|projected| light(indicator.direction, projected, target.value)),
            projected: projected.map(|projected| rounded(projected, places)),
        }
    }
}

/// The light of a projected value: at most a tenth of the target may be missing, or too much.
fn light(direction: Direction, projected: Decimal, target: Decimal) -> Light {
    let tenth = target / Decimal::TEN;
    let (reached, nearly) = match direction {
        Direction::Up => (projected >= target, projected >= target - tenth),
        Direction::Down => (projected <= target, projected <= target + tenth),
    };
    match (reached, nearly) {
        (true, _) => Light::Green,
        (false, true) => Light::Amber,
        (false, false) => Light::Red,
    }
}

fn rounded(value: Decimal, places: u32) -> Decimal {
    value.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero).normalize()
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use time::macros::date;
    use uuid::Uuid;

    use super::super::model::tests::target;
    use super::*;

    fn indicator(kind: Kind, direction: Direction) -> Indicator {
        Indicator { kind, direction, ..Indicator::blank(Uuid::nil(), OffsetDateTime::UNIX_EPOCH) }
    }

    #[test]
    fn what_adds_up_over_time_is_projected_by_the_days() {
        let flow = indicator(Kind::Sum, Direction::Up);
        let at = |figure: i64, today| Progress::of(&target(365), &flow, Some(figure.into()), today);
        // 73 of 365 days: a fifth.
        let fifth = at(73, date!(2026 - 03 - 14));
        assert_eq!((fifth.elapsed_share, fifth.reached_share), (Decimal::new(2, 1), Some(Decimal::new(2, 1))));
        assert_eq!((fifth.projected, fifth.light), (Some(365.into()), Some(Light::Green)));
        assert_eq!(at(72, date!(2026 - 03 - 14)).light, Some(Light::Amber));
        assert_eq!(at(65, date!(2026 - 03 - 14)).light, Some(Light::Red));
        assert_eq!(at(365, date!(2027 - 01 - 01)).elapsed_share, Decimal::ONE);
        let before = at(0, date!(2025 - 12 - 31));
        assert_eq!((before.elapsed_share, before.projected, before.light), (Decimal::ZERO, None, None));
    }

    #[test]
    fn stocks_and_rates_are_as_they_are() {
        let today = date!(2026 - 03 - 14);
        let stock = Progress::of(&target(100), &indicator(Kind::Last, Direction::Up), Some(95.into()), today);
        assert_eq!((stock.projected, stock.light), (Some(95.into()), Some(Light::Amber)));
        let nothing = Progress::of(&target(100), &indicator(Kind::Last, Direction::Up), None, today);
        assert_eq!((nothing.actual, nothing.light), (Some(Decimal::ZERO), Some(Light::Red)));
        let rate = Progress::of(&target(100), &indicator(Kind::Ratio, Direction::Up), None, today);
        assert_eq!((rate.actual, rate.reached_share, rate.projected, rate.light), (None, None, None, None));
    }

    #[test]
    fn the_light_goes_by_the_direction() {
        use Direction::{Down, Up};
        let cases = [
            (Up, 100, Light::Green),
            (Up, 90, Light::Amber),
            (Up, 89, Light::Red),
            (Down, 100, Light::Green),
            (Down, 110, Light::Amber),
            (Down, 111, Light::Red),
        ];
        for (direction, projected, expected) in cases {
            assert_eq!(light(direction, projected.into(), 100.into()), expected, "{direction:?} {projected}");
        }
        assert_eq!(light(Up, Decimal::ZERO, Decimal::ZERO), Light::Green);
        let zero = Progress::of(&target(0), &indicator(Kind::Sum, Up), Some(5.into()), date!(2026 - 03 - 14));
        assert_eq!(zero.reached_share, None);
    }
}
