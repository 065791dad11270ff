//! The price and its rules.

use guanxi_proto::product_catalog::v1::ErrorReason;
use guanxi_resource::{Error, Resource, Stamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::error::precondition;

time::serde::format_description!(iso_day, Date, "[year]-[month]-[day]");

/// When something is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ChargeKind {
    OneTime,
    Monthly,
    Yearly,
    Usage,
}

/// How an amount follows from a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Model {
    Flat,
    PerUnit,
    PerMember,
    Tiered,
    Volume,
    Stairstep,
}

impl Model {
    /// True where the amounts stand in tiers.
    pub(super) fn has_tiers(self) -> bool {
        matches!(self, Self::Tiered | Self::Volume | Self::Stairstep)
    }
}

/// A range of quantities with its amount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tier {
    pub(super) from: i64,
    pub(super) to: Option<i64>,
    pub(super) amount: Decimal,
}

/// A class of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum AccountTier {
    A,
    B,
    C,
}

/// What a reduction asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Condition {
    Tier(AccountTier),
    Term(i32),
    Volume(i64),
}

/// A share that is taken off where a condition holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reduction {
    pub(super) condition: Condition,
    pub(super) percent: Decimal,
}

/// What a price says beside when and for what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) model: Model,
    pub(super) amount: Option<Decimal>,
    pub(super) tiers: Vec<Tier>,
    pub(super) unit: Option<String>,
    pub(super) floor: Option<Decimal>,
    pub(super) cost: Option<Decimal>,
    pub(super) reductions: Vec<Reduction>,
}

/// A price as it is stored; its fields are the columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(super) struct Price {
    pub(super) id: Uuid,
    pub(super) offering_code: String,
    pub(super) charge_kind: ChargeKind,
    pub(super) currency_code: String,
    pub(super) content: Json<Content>,
    #[serde(with = "iso_day")]
    pub(super) valid_from_date: Date,
    #[serde(with = "iso_day::option")]
    pub(super) valid_to_date: Option<Date>,
    pub(super) version: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) create_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) update_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(super) delete_time: Option<OffsetDateTime>,
}

impl Price {
    /// A price that nothing is known of yet.
    pub(super) fn blank(id: Uuid, now: OffsetDateTime) -> Self {
        let content = Content {
            model: Model::Flat,
            amount: None,
            tiers: Vec::new(),
            unit: None,
            floor: None,
            cost: None,
            reductions: Vec::new(),
        };
        Self {
            id,
            offering_code: String::new(),
            charge_kind: ChargeKind::OneTime,
            currency_code: String::new(),
            content: Json(content),
            valid_from_date: now.date(),
            valid_to_date: None,
            version: 1,
            create_time: now,
            update_time: now,
            delete_time: None,
        }
    }

    /// The smallest amount that the price gives for a unit or a line.
    pub(super) fn smallest_amount(&self) -> Option<Decimal> {
        self.content.amount.into_iter().chain(self.content.tiers.iter().map(|tier| tier.amount)).min()
    }

    /// Whether both are live prices of one offering and kind that apply on the same day.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let begins_before_end =
            |one: &Self, other: &Self| other.valid_to_date.is_none_or(|end| one.valid_from_date < end);
        self.id != other.id
            && self.delete_time.is_none()
            && other.delete_time.is_none()
            && (&self.offering_code, self.charge_kind) == (&other.offering_code, other.charge_kind)
            && begins_before_end(self, other)
            && begins_before_end(other, self)
    }

    /// Refuses a change of a deleted price.
    pub(super) fn check_live(&self) -> Result<(), Error> {
        if self.delete_time.is_some() {
            return Err(Error::StateForbids { state: "DELETED", expected: "ANNOUNCED, IN_FORCE" });
        }
        Ok(())
    }

    /// Refuses to make `after` of this price: what applied once stays, and a price in force changes only in its end.
    pub(super) fn check_change(&self, after: &Self, today: Date) -> Result<(), Error> {
        self.check_live()?;
        if self.valid_from_date > today || self == after {
            return Ok(());
        }
        if self.valid_to_date.is_some_and(|end| end <= today) {
            return Err(Error::StateForbids { state: "ENDED", expected: "ANNOUNCED, IN_FORCE" });
        }
        let only_the_end = *after == Self { valid_to_date: after.valid_to_date, ..self.clone() };
        if only_the_end && after.valid_to_date.is_none_or(|end| end > today) {
            return Ok(());
        }
        Err(self.in_force(today))
    }

    /// Announced → DELETED.
    pub(super) fn deleted(&self, now: OffsetDateTime, today: Date) -> Result<Self, Error> {
        self.check_live()?;
        if self.valid_from_date <= today {
            return Err(self.in_force(today));
        }
        Ok(Self { delete_time: Some(now), ..self.clone() })
    }

    /// DELETED → as it was.
    pub(super) fn undeleted(&self) -> Result<Self, Error> {
        if self.delete_time.is_none() {
            return Err(Error::StateForbids { state: "ANNOUNCED", expected: "DELETED" });
        }
        Ok(Self { delete_time: None, ..self.clone() })
    }

    fn in_force(&self, today: Date) -> Error {
        let tomorrow = today.next_day().unwrap_or(today);
        let in_force = precondition(ErrorReason::PriceInForce).with("from", self.valid_from_date);
        in_force.with("earliest", tomorrow).into()
    }
}

impl Resource for Price {
    fn stamp(&mut self) -> Stamp<'_> {
        Stamp { id: self.id, version: &mut self.version, update_time: &mut self.update_time }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    const TODAY: Date = date!(2026 - 06 - 15);

    fn price(from: Date, to: Option<Date>) -> Price {
        let blank = Price::blank(guanxi_db::new_id(OffsetDateTime::UNIX_EPOCH), OffsetDateTime::UNIX_EPOCH);
        Price { valid_from_date: from, valid_to_date: to, ..blank }
    }

    fn reason(outcome: Result<(), Error>) -> Option<&'static str> {
        match outcome {
            Ok(()) => None,
            Err(Error::StateForbids { state, .. }) => Some(state),
            Err(error) => error.refused_for(),
        }
    }

    #[test]
    fn prices_overlap_where_both_apply_on_a_day() {
        let (may, june, july) = (date!(2026 - 05 - 01), date!(2026 - 06 - 01), date!(2026 - 07 - 01));
        let overlap = |one: (Date, Option<Date>), other: (Date, Option<Date>)| {
            let (one, other) = (price(one.0, one.1), price(other.0, other.1));
            assert_eq!(one.overlaps(&other), other.overlaps(&one));
            one.overlaps(&other)
        };
        assert!(!overlap((may, Some(june)), (june, None)));
        assert!(overlap((may, Some(july)), (june, None)));
        assert!(overlap((may, None), (june, Some(july))));
        assert!(overlap((may, None), (may, None)));
        let open = price(may, None);
        assert!(!open.overlaps(&open));
        let other = |change: fn(&mut Price)| {
            let mut other = price(may, None);
            change(&mut other);
            open.overlaps(&other)
        };
        assert!(other(|_| {}));
        assert!(!other(|other| other.charge_kind = ChargeKind::Usage));
        assert!(!other(|other| other.offering_code = "B".to_owned()));
        assert!(!other(|other| other.delete_time = Some(OffsetDateTime::UNIX_EPOCH)));
    }

    #[test]
    fn a_price_changes_freely_until_it_applies_then_only_in_its_end() {
        let dearer = |price: &Price| Price { currency_code: "USD".to_owned(), ..price.clone() };
        let until = |price: &Price, end| Price { valid_to_date: end, ..price.clone() };
        let announced = price(date!(2026 - 06 - 16), None);
        assert_eq!(reason(announced.check_change(&dearer(&announced), TODAY)), None);
        let applies = price(TODAY, None);
        assert_eq!(reason(applies.check_change(&applies, TODAY)), None);
        assert_eq!(reason(applies.check_change(&dearer(&applies), TODAY)), Some("PRICE_IN_FORCE"));
        assert_eq!(reason(applies.check_change(&until(&applies, Some(TODAY)), TODAY)), Some("PRICE_IN_FORCE"));
        let tomorrow = until(&applies, TODAY.next_day());
        assert_eq!(reason(applies.check_change(&tomorrow, TODAY)), None);
        assert_eq!(reason(tomorrow.check_change(&applies, TODAY)), None);
        let ended = price(date!(2025 - 01 - 01), Some(TODAY));
        assert_eq!(reason(ended.check_change(&until(&ended, None), TODAY)), Some("ENDED"));
    }

    #[test]
    fn only_what_never_applied_is_deleted_and_it_comes_back_as_it_was() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let announced = price(date!(2026 - 06 - 16), None);
        let deleted = announced.deleted(now, TODAY).unwrap();
        assert_eq!(reason(deleted.deleted(now, TODAY).map(|_| ())), Some("DELETED"));
        assert_eq!(reason(deleted.check_change(&deleted, TODAY)), Some("DELETED"));
        assert_eq!(deleted.undeleted().unwrap(), announced);
        assert_eq!(reason(announced.undeleted().map(|_| ())), Some("ANNOUNCED"));
        let applies = price(TODAY, None);
        assert_eq!(reason(applies.deleted(now, TODAY).map(|_| ())), Some("PRICE_IN_FORCE"));
    }
}
