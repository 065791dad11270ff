//! The policy and what it says.

use guanxi_resource::{Resource, Stamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::{Uuid, uuid};

/// A level of authority, the lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Level {
    Manager,
    County,
    City,
    Province,
    Headquarters,
}

impl Level {
    /// The levels, the lowest first.
    pub(crate) const ALL: [Self; 5] = [Self::Manager, Self::County, Self::City, Self::Province, Self::Headquarters];

    /// The authority that a grant in a territory of a level gives; none in one of a level that is not known.
    pub(crate) fn of_territory(level_code: &str) -> Option<Self> {
        match level_code {
            "HEADQUARTERS" => Some(Self::Headquarters),
            "PROVINCE" => Some(Self::Province),
            "CITY" => Some(Self::City),
            // A grid is a part of a county and counts as one.
            "COUNTY" | "GRID" => Some(Self::County),
            _ => None,
        }
    }
}

/// An amount above which a level is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Threshold {
    pub(crate) currency_code: String,
    pub(crate) above_amount: Decimal,
    pub(crate) level: Level,
}

/// The policy as it is stored; its fields are the columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ApprovalPolicy {
    pub(crate) id: Uuid,
    pub(crate) thresholds: Json<Vec<Threshold>>,
    pub(crate) flagship_level: Level,
    pub(crate) loss_level: Level,
    pub(crate) version: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) create_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) update_time: OffsetDateTime,
}

/// What the policy asks of an offer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer<'a> {
    pub(crate) currency_code: &'a str,
    /// Over the term.
    pub(crate) net_amount: Decimal,
    pub(crate) flagship: bool,
    /// It loses money after the concessions that we pay.
    pub(crate) loses: bool,
}

impl ApprovalPolicy {
    /// The policy as it is shipped.
    pub(crate) fn shipped(now: OffsetDateTime) -> Self {
        let above = |amount: i64, level| Threshold {
            currency_code: "CNY".to_owned(),
            above_amount: Decimal::from(amount),
            level,
        };
        let thresholds = vec![
            above(500_000, Level::City),
            above(2_000_000, Level::Province),
            above(10_000_000, Level::Headquarters),
        ];
        Self {
            // There is one.
            id: uuid!("01990000-0000-7000-8000-000000000001"),
            thresholds: Json(thresholds),
            flagship_level: Level::Province,
            loss_level: Level::Province,
            version: 1,
            create_time: now,
            update_time: now,
        }
    }

    /// The lowest level that may approve an offer.
    pub(crate) fn required(&self, offer: Offer<'_>) -> Level {
        let exceeded = |threshold: &&Threshold| {
            threshold.currency_code == offer.currency_code && offer.net_amount > threshold.above_amount
        };
        let by_amount = self.thresholds.iter().filter(exceeded).map(|threshold| threshold.level);
        let flagship = offer.flagship.then_some(self.flagship_level);
        let loses = offer.loses.then_some(self.loss_level);
        by_amount.chain(flagship).chain(loses).max().unwrap_or(Level::Manager)
    }
}

/// Thresholds whose amount is not larger than that of the level below in their currency: the index, and the amount of that level.
pub(super) fn not_rising(thresholds: &[Threshold]) -> Vec<(usize, Decimal)> {
    let mut wrong = Vec::new();
    for (index, threshold) in thresholds.iter().enumerate() {
        let below =
            |other: &&Threshold| other.currency_code == threshold.currency_code && other.level < threshold.level;
        let largest = thresholds.iter().filter(below).map(|other| other.above_amount).max();
        wrong.extend(largest.filter(|below| *below >= threshold.above_amount).map(|below| (index, below)));
    }
    wrong
}

impl Resource for ApprovalPolicy {
    fn stamp(&mut self) -> Stamp<'_> {
        Stamp { id: self.id, version: &mut self.version, update_time: &mut self.update_time }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(net_amount: i64) -> Offer<'static> {
        Offer { currency_code: "CNY", net_amount: Decimal::from(net_amount), flagship: false, loses: false }
    }

    #[test]
    fn the_level_rises_above_each_threshold_of_its_currency() {
        let policy = ApprovalPolicy::shipped(OffsetDateTime::UNIX_EPOCH);
        for (amount, level) in [
            (0, Level::Manager),
            (500_000, Level::Manager),
            (500_001, Level::City),
            (2_000_000, Level::City),
            (2_000_001, Level::Province),
            (10_000_000, Level::Province),
            (10_000_001, Level::Headquarters),
        ] {
            assert_eq!(policy.required(offer(amount)), level, "{amount}");
            assert_eq!(policy.required(Offer { currency_code: "USD", ..offer(amount) }), Level::Manager);
        }
    }

    #[test]
    fn a_flagship_and_a_loss_need_their_level_and_the_highest_counts() {
        let shipped = ApprovalPolicy::shipped(OffsetDateTime::UNIX_EPOCH);
        let policy = ApprovalPolicy { flagship_level: Level::County, ..shipped };
        assert_eq!(policy.required(Offer { flagship: true, ..offer(1) }), Level::County);
        assert_eq!(policy.required(Offer { loses: true, ..offer(1) }), Level::Province);
        assert_eq!(policy.required(Offer { loses: true, flagship: true, ..offer(1) }), Level::Province);
        assert_eq!(policy.required(Offer { flagship: true, ..offer(600_000) }), Level::City);
        assert_eq!(policy.required(Offer { loses: true, ..offer(20_000_000) }), Level::Headquarters);
    }

    #[test]
    fn a_higher_level_has_a_larger_amount() {
        let above = |currency_code: &str, amount: i64, level| Threshold {
            currency_code: currency_code.to_owned(),
            above_amount: Decimal::from(amount),
            level,
        };
        let rising = [above("CNY", 2, Level::Province), above("CNY", 1, Level::City), above("USD", 1, Level::County)];
        assert_eq!(not_rising(&rising), []);
        let same = [above("CNY", 2, Level::Province), above("CNY", 2, Level::City)];
        assert_eq!(not_rising(&same), [(0, Decimal::TWO)]);
    }

    #[test]
    fn a_territory_gives_the_authority_of_its_level() {
        assert!(Level::ALL.is_sorted());
        let levels = ["GRID", "COUNTY", "CITY", "PROVINCE", "HEADQUARTERS"].map(Level::of_territory);
        let expected = [Level::County, Level::County, Level::City, Level::Province, Level::Headquarters];
        assert_eq!(levels, expected.map(Some));
        assert_eq!(Level::of_territory("TEAM"), None);
    }
}
