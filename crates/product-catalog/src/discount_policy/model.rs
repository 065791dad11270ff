//! The policy and its rules.

use guanxi_proto::product_catalog::v1::ErrorReason;
use guanxi_resource::{Deletable, Error, Resource, Stamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::precondition;

/// What the levels may grant until somebody says otherwise, in percent.
const DEFAULTS: [u8; 5] = [5, 10, 15, 25, 40];

/// What one level may grant, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Authority {
    pub(super) max_discount: Decimal,
    pub(super) min_margin: Option<Decimal>,
}

/// What every level may grant, the lowest first.
pub(super) type Authorities = [Authority; 5];

/// What a policy says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) authorities: Authorities,
    pub(super) reason: String,
}

/// A policy as it is stored; its fields are the columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(super) struct DiscountPolicy {
    pub(super) id: Uuid,
    pub(super) category_code: String,
    pub(super) content: Json<Content>,
    pub(super) version: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) create_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) update_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(super) delete_time: Option<OffsetDateTime>,
}

/// Where a level may grant less than the one below it: the index of the level, and true for its discount, false for its margin.
pub(super) fn not_rising(authorities: &Authorities) -> Vec<(usize, bool)> {
    let mut wrong = Vec::new();
    for (index, pair) in authorities.windows(2).enumerate() {
        if pair[1].max_discount < pair[0].max_discount {
            wrong.push((index + 1, true));
        }
        if pair[1].min_margin.is_some_and(|margin| pair[0].min_margin.is_none_or(|below| margin > below)) {
            wrong.push((index + 1, false));
        }
    }
    wrong
}

impl DiscountPolicy {
    /// The default policy as it is shipped; a new policy of a category begins as it.
    pub(super) fn shipped(id: Uuid, now: OffsetDateTime) -> Self {
        let authority = |percent| Authority { max_discount: Decimal::from(percent), min_margin: None };
        Self {
            id,
            category_code: String::new(),
            content: Json(Content { authorities: DEFAULTS.map(authority), reason: String::new() }),
            version: 1,
            create_time: now,
            update_time: now,
            delete_time: None,
        }
    }
}

impl Resource for DiscountPolicy {
    fn stamp(&mut self) -> Stamp<'_> {
        Stamp { id: self.id, version: &mut self.version, update_time: &mut self.update_time }
    }
}

impl Deletable for DiscountPolicy {
    const LIVE: &'static str = "LIVE";

    fn delete_time(&self) -> Option<OffsetDateTime> {
        self.delete_time
    }

    fn set_delete_time(&mut self, time: Option<OffsetDateTime>) {
        self.delete_time = time;
    }

    fn check_deletable(&self) -> Result<(), Error> {
        if self.category_code.is_empty() {
            return Err(precondition(ErrorReason::DefaultPolicyStays).into());
        }
        self.check_live()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(category_code: &str) -> DiscountPolicy {
        let shipped = DiscountPolicy::shipped(Uuid::nil(), OffsetDateTime::UNIX_EPOCH);
        DiscountPolicy { category_code: category_code.to_owned(), ..shipped }
    }

    #[test]
    fn no_level_grants_less_than_the_one_below_it() {
        let authorities = policy("").content.authorities;
        assert_eq!(not_rising(&authorities), []);
        let margins = |margins: [Option<i64>; 5]| {
            let mut authorities = authorities;
            for (authority, margin) in authorities.iter_mut().zip(margins) {
                authority.min_margin = margin.map(Decimal::from);
            }
            not_rising(&authorities)
        };
        assert_eq!(margins([Some(30), Some(30), Some(20), None, None]), []);
        assert_eq!(margins([Some(30), Some(31), Some(20), None, Some(-100)]), [(1, false), (4, false)]);
        let mut falling = authorities;
        falling[3].max_discount = Decimal::new(1499, 2);
        assert_eq!(not_rising(&falling), [(3, true)]);
    }

    #[test]
    fn a_deleted_policy_comes_back_as_it_was_and_the_default_one_stays() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let policy = policy("MARKETING");
        assert!(matches!(policy.undeleted(), Err(Error::StateForbids { expected: "DELETED", .. })));
        let deleted = policy.deleted(now).unwrap();
        assert!(matches!(deleted.deleted(now), Err(Error::StateForbids { state: "DELETED", .. })));
        assert_eq!(deleted.undeleted().unwrap(), policy);
        let refused = self::policy("").deleted(now).unwrap_err();
        assert_eq!(refused.refused_for(), Some("DEFAULT_POLICY_STAYS"));
    }
}
