//! The target and its rules.

use guanxi_grpc::value::minor_unit;
use guanxi_grpc::{Refusal, Violation};
use guanxi_proto::kpi::v1::ErrorReason;
use guanxi_resource::{Deletable, Error, Resource, Stamp};
use rust_decimal::Decimal;
use serde::Serialize;
use time::OffsetDateTime;
use tonic::Code;
use uuid::Uuid;

use crate::error::reason;
use crate::indicator::{Indicator, Unit};

/// Places of what does not add up, such as a rate.
const RATE_PLACES: u32 = 6;

/// A target as it is stored; its fields are the columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct Target {
    pub(crate) id: Uuid,
    pub(crate) indicator_code: String,
    pub(crate) territory_code: String,
    pub(crate) territory_path: String,
    pub(crate) period: String,
    /// Empty where the indicator is not of money.
    pub(crate) currency_code: String,
    pub(crate) value: Decimal,
    pub(crate) note: String,
    pub(crate) parent_target_id: Option<Uuid>,
    pub(crate) locked: bool,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) decompose_time: Option<OffsetDateTime>,
    pub(crate) version_number: i32,
    pub(crate) version: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) create_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) update_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) delete_time: Option<OffsetDateTime>,
}

impl Target {
    /// The same with another value: a version of its own.
    pub(crate) fn worth(&self, value: Decimal) -> Self {
        let more = i32::from(value != self.value);
        Self { value, version_number: self.version_number + more, ..self.clone() }
    }

    /// Open → locked or the other way round.
    pub(crate) fn set_locked(&self, locked: bool) -> Result<Self, Error> {
        self.check_state(if locked { "OPEN" } else { "LOCKED" })?;
        Ok(Self { locked, ..self.clone() })
    }

    /// Refuses a change of a locked one.
    pub(crate) fn check_open(&self) -> Result<(), Error> {
        self.check_live()?;
        if self.locked {
            return Err(self.refusal(ErrorReason::TargetLocked).into());
        }
        Ok(())
    }

    /// Refuses what only the target can do that it was decomposed from.
    pub(crate) fn check_no_parent(&self) -> Result<(), Error> {
        match self.parent_target_id {
            Some(parent) => Err(self.refusal(ErrorReason::TargetHasParent).with("parent_target_id", parent).into()),
            None => Ok(()),
        }
    }

    fn refusal(&self, why: ErrorReason) -> Refusal {
        Refusal::new(Code::FailedPrecondition, reason(why)).with("id", self.id)
    }

    /// Refuses a currency where the indicator has none, and the other way round.
    pub(crate) fn check_currency(&self, indicator: &Indicator) -> Result<(), Violation> {
        if (indicator.unit == Unit::Money) == self.currency_code.is_empty() {
            let unfit = Violation::new("target.currency_code", reason(ErrorReason::TargetCurrencyUnfit));
            return Err(unfit.with("value", &self.currency_code).with("code", &indicator.code));
        }
        Ok(())
    }
}

/// Most places of a value of a target.
pub(crate) fn places(indicator: &Indicator, currency_code: &str) -> u32 {
    match minor_unit(currency_code) {
        Some(places) => places,
        None if indicator.adds_up() => 0,
        None => RATE_PLACES,
    }
}

impl Resource for Target {
    fn stamp(&mut self) -> Stamp<'_> {
        Stamp { id: self.id, version: &mut self.version, update_time: &mut self.update_time }
    }
}

impl Deletable for Target {
    const LIVE: &'static str = "OPEN, LOCKED";

    fn delete_time(&self) -> Option<OffsetDateTime> {
        self.delete_time
    }

    fn set_delete_time(&mut self, time: Option<OffsetDateTime>) {
        self.delete_time = time;
    }

    fn state_name(&self) -> &'static str {
        match (self.delete_time, self.locked) {
            (Some(_), _) => "DELETED",
            (None, true) => "LOCKED",
            (None, false) => "OPEN",
        }
    }

    fn check_deletable(&self) -> Result<(), Error> {
        self.check_open()?;
        self.check_no_parent()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A target of a province in 2026.
    pub(crate) fn target(value: i64) -> Target {
        let now = OffsetDateTime::UNIX_EPOCH;
        Target {
            id: Uuid::from_u128(1),
            indicator_code: "won-value".to_owned(),
            territory_code: "440000".to_owned(),
            territory_path: "CN/440000/".to_owned(),
            period: "2026".to_owned(),
            currency_code: "CNY".to_owned(),
            value: Decimal::from(value),
            note: String::new(),
            parent_target_id: None,
            locked: false,
            decompose_time: None,
            version_number: 1,
            version: 1,
            create_time: now,
            update_time: now,
            delete_time: None,
        }
    }

    fn refused(outcome: Result<(), Error>) -> Option<&'static str> {
        outcome.err().and_then(|error| error.refused_for())
    }

    #[test]
    fn each_new_value_is_a_version() {
        let changed = target(1).worth(Decimal::TWO);
        assert_eq!((changed.value, changed.version_number), (Decimal::TWO, 2));
        assert_eq!(changed.worth(Decimal::TWO).version_number, 2);
    }

    #[test]
    fn a_locked_target_and_a_part_stay() {
        let locked = target(1).set_locked(true).unwrap();
        assert_eq!(refused(locked.check_deletable()), Some("TARGET_LOCKED"));
        assert!(matches!(locked.set_locked(true), Err(Error::StateForbids { state: "LOCKED", expected: "OPEN" })));
        assert_eq!(locked.set_locked(false).unwrap(), target(1));
        let part = Target { parent_target_id: Some(Uuid::nil()), ..target(1) };
        assert_eq!(refused(part.check_deletable()), Some("TARGET_HAS_PARENT"));
    }

    #[test]
    fn money_has_a_currency_and_nothing_else_has() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let indicator = |unit| Indicator { unit, ..Indicator::blank(Uuid::nil(), now) };
        let plain = Target { currency_code: String::new(), ..target(1) };
        assert_eq!(target(1).check_currency(&indicator(Unit::Money)), Ok(()));
        assert_eq!(plain.check_currency(&indicator(Unit::Count)), Ok(()));
        for (target, unit) in [(target(1), Unit::Count), (plain, Unit::Money)] {
            let wrong = target.check_currency(&indicator(unit)).unwrap_err();
            assert_eq!(wrong.reason.name(), "TARGET_CURRENCY_UNFIT");
        }
        assert_eq!([places(&indicator(Unit::Money), "JPY"), places(&indicator(Unit::Count), "")], [0, 0]);
    }
}
