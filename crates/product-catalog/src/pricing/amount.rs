//! Amounts: how a price becomes the list amount of a line, and how it is rounded.

use rust_decimal::{Decimal, RoundingStrategy};

/// The largest amount of a line and charge kind: what 200 of them add up to still has at most 15 digits.
const MAX: Decimal = Decimal::from_parts(0xD4A5_0FFF, 0xE8, 0, false, 0);

/// How an amount follows from a quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Model {
    Flat(Decimal),
    PerUnit(Decimal),
    PerMember(Decimal),
    /// Each unit at the amount of the tier that it falls into.
    Tiered(Vec<Tier>),
    /// All units at the amount of the tier that the quantity falls into.
    Volume(Vec<Tier>),
    /// The amount of the tier that the quantity falls into, once.
    Stairstep(Vec<Tier>),
}

/// A range of quantities with its amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tier {
    pub(super) from: i64,
    pub(super) to: Option<i64>,
    pub(super) amount: Decimal,
}

/// Why there is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAmount {
    OutsideTiers,
    TooLarge,
}

impl Model {
    /// The list amount of a quantity for an account with so many members, not rounded.
    pub(super) fn amount(&self, quantity: i64, members: i64) -> Result<Decimal, NoAmount> {
        let amount = match self {
            Self::Flat(amount) => Some(*amount),
            Self::PerUnit(amount) | Self::PerMember(amount) => self.units(quantity, members).checked_mul(*amount),
            Self::Volume(tiers) => Decimal::from(quantity).checked_mul(tier_of(tiers, quantity)?.amount),
            Self::Stairstep(tiers) => Some(tier_of(tiers, quantity)?.amount),
            Self::Tiered(tiers) => {
                tier_of(tiers, quantity)?;
                let begun = tiers.iter().filter(|tier| tier.from <= quantity);
                let parts = begun.map(|tier| {
                    let last = tier.to.map_or(quantity, |to| to.min(quantity));
                    Decimal::from(last - tier.from + 1).checked_mul(tier.amount)
                });
                parts.reduce(|sum, part| sum?.checked_add(part?)).unwrap_or(Some(Decimal::ZERO))
            }
        };
        amount.filter(|amount| *amount <= MAX).ok_or(NoAmount::TooLarge)
    }

    /// How many units floors and costs are reckoned for.
    pub(super) fn units(&self, quantity: i64, members: i64) -> Decimal {
        match self {
            Self::Flat(_) | Self::Stairstep(_) => Decimal::ONE,
            Self::PerUnit(_) | Self::Tiered(_) | Self::Volume(_) => Decimal::from(quantity),
            Self::PerMember(_) => Decimal::from(quantity) * Decimal::from(members),
        }
    }
}

fn tier_of(tiers: &[Tier], quantity: i64) -> Result<&Tier, NoAmount> {
    let holds = |tier: &&Tier| tier.from <= quantity && tier.to.is_none_or(|to| quantity <= to);
    tiers.iter().find(holds).ok_or(NoAmount::OutsideTiers)
}

/// Rounds half up, away from zero, to the currency's minor unit: `places` after the point.
pub(super) fn round(amount: Decimal, places: u32) -> Decimal {
    amount.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero)
}

/// A share of an amount, rounded.
pub(super) fn share(amount: Decimal, percent: Decimal, places: u32) -> Decimal {
    round(amount * percent / Decimal::ONE_HUNDRED, places)
}

/// (net − cost) / net in percent with 2 places; none of nothing.
pub(super) fn margin(net: Decimal, cost: Decimal) -> Option<Decimal> {
    (!net.is_zero()).then(|| round((net - cost) * Decimal::ONE_HUNDRED / net, 2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn tiers(bounds: &[(i64, Option<i64>, &str)]) -> Vec<Tier> {
        bounds.iter().map(|(from, to, amount)| Tier { from: *from, to: *to, amount: decimal(amount) }).collect()
    }

    #[test]
    fn the_largest_amount_has_twelve_digits() {
        assert_eq!(MAX, decimal("999999999999"));
    }

    #[test]
    fn every_model_means_what_it_says_at_the_bounds_of_its_tiers() {
        let steps = tiers(&[(1, Some(10), "100"), (11, Some(20), "80"), (21, None, "50.5")]);
        let amounts = |model: &Model| [1, 10, 11, 20, 21].map(|quantity| model.amount(quantity, 7).unwrap());
        let expected = |texts: [&str; 5]| texts.map(decimal);
        assert_eq!(amounts(&Model::Flat(decimal("9.9"))), expected(["9.9"; 5]));
        assert_eq!(amounts(&Model::PerUnit(decimal("2.5"))), expected(["2.5", "25", "27.5", "50", "52.5"]));
        assert_eq!(amounts(&Model::PerMember(decimal("1"))), expected(["7", "70", "77", "140", "147"]));
        assert_eq!(amounts(&Model::Tiered(steps.clone())), expected(["100", "1000", "1080", "1800", "1850.5"]));
        assert_eq!(amounts(&Model::Volume(steps.clone())), expected(["100", "1000", "880", "1600", "1060.5"]));
        assert_eq!(amounts(&Model::Stairstep(steps)), expected(["100", "100", "80", "80", "50.5"]));
    }

    #[test]
    fn what_is_outside_or_too_large_has_no_amount() {
        let closed = tiers(&[(1, Some(10), "1")]);
        for model in [Model::Tiered(closed.clone()), Model::Volume(closed.clone()), Model::Stairstep(closed)] {
            assert_eq!(model.amount(11, 1), Err(NoAmount::OutsideTiers));
        }
        let dear = decimal("999999999.999999");
        assert_eq!(Model::PerMember(dear).amount(1_000_000_000, 1_000_000_000), Err(NoAmount::TooLarge));
        assert_eq!(Model::PerUnit(decimal("1000")).amount(1_000_000_000, 0), Err(NoAmount::TooLarge));
        assert_eq!(Model::PerUnit(decimal("999")).amount(1_000_000_000, 0), Ok(decimal("999000000000")));
    }

    #[test]
    fn halves_are_rounded_up() {
        for (amount, places, rounded) in
            [("0.005", 2, "0.01"), ("0.0049999", 2, "0"), ("2.5", 0, "3"), ("-0.125", 2, "-0.13")]
        {
            assert_eq!(round(decimal(amount), places), decimal(rounded), "{amount}");
        }
        assert_eq!(share(decimal("0.10"), decimal("5"), 2), decimal("0.01"));
        assert_eq!(margin(decimal("80"), decimal("70")), Some(decimal("12.5")));
        assert_eq!(margin(Decimal::ZERO, decimal("70")), None);
    }

    proptest! {
        #[test]
        fn a_tiered_amount_grows_by_the_amount_of_the_tier(
            widths in prop::collection::vec(1i64..50, 0..6), amounts in prop::collection::vec(0u32..100_000, 7), quantity in 1i64..400,
        ) {
            let mut from = 1;
            let mut steps = Vec::new();
            for (number, amount) in amounts.iter().enumerate().take(widths.len() + 1) {
                let to = widths.get(number).map(|width| from + width - 1);
                steps.push(Tier { from, to, amount: Decimal::new(i64::from(*amount), 3) });
                from = to.map_or(from, |to| to + 1);
            }
            let model = Model::Tiered(steps.clone());
            let at = |quantity| model.amount(quantity, 0).unwrap();
            let step = tier_of(&steps, quantity + 1).unwrap().amount;
            prop_assert_eq!(at(quantity + 1) - at(quantity), step);
        }

        #[test]
        fn more_of_a_share_never_leaves_more(cents in 0i64..1_000_000_000, less in 0i64..=10_000, more in 0i64..=10_000) {
            let (amount, less, more) = (Decimal::new(cents, 2), Decimal::new(less.min(more), 2), Decimal::new(less.max(more), 2));
            prop_assert!(share(amount, less, 2) <= share(amount, more, 2));
            prop_assert!(share(amount, more, 2) <= amount);
        }
    }
}
