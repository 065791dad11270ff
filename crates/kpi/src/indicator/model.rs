//! The indicator and its rules.

use guanxi_grpc::{Refusal, Violation, Violations};
use guanxi_proto::kpi::v1::{ErrorReason, IndicatorKind, IndicatorUnit};
use guanxi_resource::{Deletable, Error, Resource, Stamp};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tonic::Code;
use uuid::Uuid;

use super::formula::{Formula, Wrong};
use crate::error::reason;
use crate::measure::Dimensionality;

/// How figures come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Kind {
    Sum,
    Ratio,
    Average,
    Last,
}

/// What figures are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Unit {
    Count,
    Money,
    Ratio,
    Day,
}

/// Which way is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Direction {
    Up,
    Down,
}

/// An indicator as it is stored; its fields are the columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct Indicator {
    pub(crate) id: Uuid,
    pub(crate) code: String,
    pub(crate) name_zh: String,
    pub(crate) name_en: Option<String>,
    pub(crate) formula: String,
    pub(crate) kind: Kind,
    pub(crate) unit: Unit,
    pub(crate) direction: Direction,
    pub(crate) decimal_places: Option<i32>,
    pub(crate) owner: String,
    pub(crate) description: String,
    pub(crate) version_number: i32,
    pub(crate) measure_codes: Vec<String>,
    pub(crate) shipped: bool,
    pub(crate) version: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) create_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) update_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) delete_time: Option<OffsetDateTime>,
}

impl Indicator {
    /// One that says nothing yet.
    pub(crate) fn blank(id: Uuid, now: OffsetDateTime) -> Self {
        Self {
            id,
            code: String::new(),
            name_zh: String::new(),
            name_en: None,
            formula: String::new(),
            kind: Kind::Sum,
            unit: Unit::Count,
            direction: Direction::Up,
            decimal_places: None,
            owner: String::new(),
            description: String::new(),
            version_number: 1,
            measure_codes: Vec::new(),
            shipped: false,
            version: 1,
            create_time: now,
            update_time: now,
            delete_time: None,
        }
    }

    /// True where parts add up to the whole.
    pub(crate) fn adds_up(&self) -> bool {
        matches!(self.kind, Kind::Sum | Kind::Last)
    }

    /// The indicator with what follows from its formula, or everything that is wrong with it.
    pub(crate) fn checked(self) -> Result<Self, Violations> {
        let mut wrong = Violations::default();
        let formula = read_formula("indicator.formula", &self.formula)?;
        if let Some(unfit) = self.unfit_unit(&formula) {
            wrong.push(unfit);
        }
        if let Some(problem) = self.unfit_kind(&formula) {
            let unfit = Violation::new("indicator.kind", reason(ErrorReason::KindUnfit));
            wrong.push(unfit.with("value", IndicatorKind::from(self.kind).as_str_name()).with("problem", problem));
        }
        let measure_codes = formula.measures().iter().map(|measure| measure.code.to_owned()).collect();
        if wrong.is_empty() { Ok(Self { measure_codes, ..self }) } else { Err(wrong) }
    }

    fn unfit_unit(&self, formula: &Formula) -> Option<Violation> {
        let fits = match formula.unit().ok()? {
            Some(Dimensionality::Money) => Unit::Money,
            Some(Dimensionality::Day) => Unit::Day,
            // Members by accounts is no share.
            Some(Dimensionality::Count) => Unit::Count,
            None if self.unit == Unit::Count => Unit::Count,
            None => Unit::Ratio,
        };
        let unfit = Violation::new("indicator.unit", reason(ErrorReason::UnitUnfit));
        let names = [self.unit, fits].map(|unit| IndicatorUnit::from(unit).as_str_name());
        (fits != self.unit).then(|| unfit.with("value", names[0]).with("expected", names[1]))
    }

    fn unfit_kind(&self, formula: &Formula) -> Option<&'static str> {
        let measures = formula.measures();
        match self.kind {
            Kind::Sum | Kind::Last if formula.divides() => Some("parts of a quotient do not add up"),
            Kind::Sum if measures.iter().any(|measure| measure.stock) => Some("a measure is as of a day"),
            Kind::Last if measures.iter().any(|measure| !measure.stock) => Some("a measure is not as of a day"),
            Kind::Ratio | Kind::Average if !formula.divides() => Some("nothing is divided"),
            _ => None,
        }
    }

    /// What becomes of it by a change: a new version where its figures say something else.
    pub(crate) fn changed_to(&self, after: Self) -> Result<Self, Error> {
        self.check_live()?;
        if after.code != self.code {
            let immutable = guanxi_proto::errors::v1::ErrorReason::Immutable;
            return Err(Violation::new("indicator.code", immutable).with("value", &self.code).into());
        }
        let after = after.checked()?;
        let says = |it: &Self| (it.formula.clone(), it.kind, it.unit, it.direction, it.decimal_places);
        if says(self) == says(&after) {
            return Ok(after);
        }
        self.check_own()?;
        Ok(Self { version_number: self.version_number + 1, ..after })
    }

    /// Refuses what cannot be done to an indicator that came with the product.
    pub(crate) fn check_own(&self) -> Result<(), Refusal> {
        if self.shipped {
            let shipped = Refusal::new(Code::FailedPrecondition, reason(ErrorReason::IndicatorShipped));
            return Err(shipped.with("code", &self.code));
        }
        Ok(())
    }
}

/// The formula in a field.
pub(super) fn read_formula(field: &str, text: &str) -> Result<Formula, Violations> {
    let of = |it: ErrorReason| Violation::new(field, reason(it));
    Formula::read(text).map_err(|all| {
        let mut wrong = Violations::default();
        for one in all {
            wrong.push(match one {
                Wrong::Invalid(problem) => of(ErrorReason::FormulaInvalid).with("problem", problem),
                Wrong::MeasureUnknown(code) => of(ErrorReason::MeasureUnknown).with("value", code),
                Wrong::DivisorZero(divisor) => of(ErrorReason::DivisorZero).with("value", divisor),
            });
        }
        wrong
    })
}

impl Resource for Indicator {
    fn stamp(&mut self) -> Stamp<'_> {
        Stamp { id: self.id, version: &mut self.version, update_time: &mut self.update_time }
    }
}

impl Deletable for Indicator {
    const LIVE: &'static str = "LIVE";

    fn delete_time(&self) -> Option<OffsetDateTime> {
        self.delete_time
    }

    fn set_delete_time(&mut self, time: Option<OffsetDateTime>) {
        self.delete_time = time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indicator(formula: &str, kind: Kind, unit: Unit) -> Indicator {
        let blank = Indicator::blank(Uuid::nil(), OffsetDateTime::UNIX_EPOCH);
        Indicator { formula: formula.to_owned(), kind, unit, ..blank }
    }

    fn wrong(indicator: Indicator) -> Vec<&'static str> {
        let wrong = indicator.checked().err().map(Violations::into_inner).unwrap_or_default();
        wrong.into_iter().map(|violation| violation.reason.name()).collect()
    }

    #[test]
    fn kind_and_unit_fit_the_formula() {
        for (formula, kind, unit) in [
            ("won_value", Kind::Sum, Unit::Money),
            ("accounts", Kind::Last, Unit::Count),
            ("opportunities_won / opportunities_opened", Kind::Ratio, Unit::Ratio),
            ("members / accounts", Kind::Ratio, Unit::Count),
            ("cycle_days_won / cycles_won", Kind::Average, Unit::Day),
        ] {
            assert_eq!(wrong(indicator(formula, kind, unit)), [""; 0], "{formula}");
        }
        for (formula, kind, unit, reasons) in [
            ("won_value", Kind::Sum, Unit::Count, vec!["UNIT_UNFIT"]),
            ("won_value", Kind::Last, Unit::Money, vec!["KIND_UNFIT"]),
            ("accounts", Kind::Sum, Unit::Day, vec!["UNIT_UNFIT", "KIND_UNFIT"]),
            ("won_value", Kind::Ratio, Unit::Money, vec!["KIND_UNFIT"]),
            ("won_value / opportunities_won", Kind::Sum, Unit::Money, vec!["KIND_UNFIT"]),
        ] {
            assert_eq!(wrong(indicator(formula, kind, unit)), reasons, "{formula}");
        }
    }

    #[test]
    fn what_figures_say_makes_a_version_and_stays_with_what_was_shipped() {
        let before = indicator("won_value", Kind::Sum, Unit::Money).checked().unwrap();
        let renamed = Indicator { name_zh: "签约额".to_owned(), ..before.clone() };
        assert_eq!(before.changed_to(renamed).unwrap().version_number, 1);
        let other = Indicator { formula: "lost_value".to_owned(), ..before.clone() };
        let changed = before.changed_to(other.clone()).unwrap();
        assert_eq!((changed.version_number, changed.measure_codes.as_slice()), (2, &["lost_value".to_owned()][..]));
        let shipped = Indicator { shipped: true, ..before };
        assert!(shipped.changed_to(Indicator { shipped: true, ..other }).is_err());
    }
}
