//! A row of an import as it was sent.

use guanxi_grpc::value::{bounded, code, currencies, minor_unit};
use guanxi_grpc::{Violation, Violations, day, known, parse_id, text};
use guanxi_proto::client_registry::v1::Tier;
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::kpi::v1::{ErrorReason, ImportMeasurementRow};
use rust_decimal::Decimal;
use time::Date;
use time::macros::date;
use uuid::Uuid;

use crate::error::reason;
use crate::follow::tier;
use crate::measure::{self, Dimensionality, Measure};

/// Nothing is measured after this day.
const LAST: Date = date!(2999 - 12 - 31);
/// Places after the point of a value.
const PLACES: usize = 4;

/// What an account manager is named by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ManagerKey {
    Id(Uuid),
    EmployeeNumber(String),
}

/// What a row says, as far as it could be read, and everything that is wrong with it.
#[derive(Default)]
pub(super) struct Row {
    pub(super) number: i64,
    pub(super) measure: Option<&'static Measure>,
    pub(super) day: Option<Date>,
    pub(super) territory_code: Option<String>,
    pub(super) manager: Option<ManagerKey>,
    pub(super) account_id: Option<Uuid>,
    pub(super) offering_code: String,
    pub(super) tier: &'static str,
    pub(super) industry_code: String,
    pub(super) value: Option<Decimal>,
    pub(super) currency_code: String,
    pub(super) wrong: Violations,
}

impl ManagerKey {
    /// The field of the row.
    pub(super) fn field(&self) -> &'static str {
        match self {
            Self::Id(_) => "measurement.manager_id",
            Self::EmployeeNumber(_) => "manager_employee_number",
        }
    }
}

/// Reads a row.
pub(super) fn read(row: ImportMeasurementRow) -> Row {
    let sent = row.measurement.map(|measurement| *measurement).unwrap_or_default();
    let mut wrong = Violations::default();
    let measure = wrong.keep(measure_of("measurement.measure_code", &sent.measure_code));
    let day = wrong.keep(business_day("measurement.date", &sent.date));
    let territory_code = wrong.keep(text("measurement.territory_code", &sent.territory_code, 1, 50));
    let manager = match row.manager_employee_number.as_str() {
        "" => given(&sent.manager_id, |id| parse_id("measurement.manager_id", id)).map(|id| id.map(ManagerKey::Id)),
        number => text("manager_employee_number", number, 1, 50).map(ManagerKey::EmployeeNumber).map(Some),
    };
    let manager = wrong.keep(manager).flatten();
    let account_id = wrong.keep(given(&sent.account_id, |id| parse_id("measurement.account_id", id))).flatten();
    let offering_code =
        wrong.keep(given(&sent.offering_code, |value| code("measurement.offering_code", value))).flatten();
    let tier = wrong.keep(known("measurement.tier", sent.tier, Tier::as_str_name)).map_or("", tier);
    let industry_code =
        wrong.keep(given(&sent.industry_code, |value| code("measurement.industry_code", value))).flatten();
    let value = wrong.keep(bounded("measurement.value", &sent.value, PLACES, Decimal::MIN, Decimal::MAX));
    let currency_code = measure.and_then(|measure| wrong.keep(currency(measure, &sent.currency_code)));
    Row {
        number: row.row_number,
        measure,
        day,
        territory_code,
        manager,
        account_id,
        offering_code: offering_code.unwrap_or_default(),
        tier,
        industry_code: industry_code.unwrap_or_default(),
        value,
        currency_code: currency_code.unwrap_or_default(),
        wrong,
    }
}

/// What is read of a text that may be empty.
fn given<T>(text: &str, read: impl FnOnce(&str) -> Result<T, Violation>) -> Result<Option<T>, Violation> {
    if text.is_empty() { Ok(None) } else { read(text).map(Some) }
}

/// A measure that comes in by imports.
fn measure_of(field: &str, code: &str) -> Result<&'static Measure, Violation> {
    if code.is_empty() {
        return Err(Violation::required(field));
    }
    let measure = Measure::of(code)
        .ok_or_else(|| Violation::new(field, reason(ErrorReason::MeasureUnknown)).with("value", code))?;
    if measure.imported {
        return Ok(measure);
    }
    let imported = measure::ALL.iter().filter(|measure| measure.imported).map(|measure| measure.code);
    let wrong = Violation::new(field, reason(ErrorReason::MeasureNotImported)).with("value", code);
    Err(wrong.with("expected", imported.collect::<Vec<_>>().join(", ")))
}

fn business_day(field: &str, value: &str) -> Result<Date, Violation> {
    if value.is_empty() {
        return Err(Violation::required(field));
    }
    let day = day::parse(field, value)?;
    if (day::FIRST..=LAST).contains(&day) {
        return Ok(day);
    }
    Err(Violation::new(field, Shared::OutOfRange).with("value", value).with("min", day::FIRST).with("max", LAST))
}

/// The currency of a measure in money; none of another.
fn currency(measure: &Measure, code: &str) -> Result<String, Violation> {
    let field = "measurement.currency_code";
    match (measure.counted_in == Dimensionality::Money, code) {
        (false, "") => Ok(String::new()),
        (false, _) => {
            let wrong = Violation::new(field, reason(ErrorReason::CurrencyUnfit)).with("value", measure.code);
            Err(wrong.with("currency", code))
        }
        (true, "") => Err(Violation::required(field)),
        (true, _) if minor_unit(code).is_some() => Ok(code.to_owned()),
        (true, _) => {
            Err(Violation::new(field, Shared::UnknownValue).with("value", code).with("expected", currencies()))
        }
    }
}

#[cfg(test)]
mod tests {
    use guanxi_proto::kpi::v1::Measurement;

    use super::*;

    fn wrong(measurement: Measurement) -> Vec<(String, &'static str)> {
        let row = ImportMeasurementRow { measurement: Some(Box::new(measurement)), ..Default::default() };
        let wrong = read(row).wrong.into_inner().into_iter();
        wrong.map(|violation| (violation.field.clone(), violation.reason.name())).collect()
    }

    fn good() -> Measurement {
        Measurement {
            measure_code: "revenue".to_owned(),
            date: "2026-03-01".to_owned(),
            territory_code: "440300".to_owned(),
            value: "-12.5".to_owned(),
            currency_code: "CNY".to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn a_day_is_one_of_the_calendar_and_of_an_age_that_can_be() {
        assert_eq!(wrong(good()), []);
        for (date, reason) in [
            ("", "REQUIRED"),
            ("2026-02-29", "FORMAT"),
            ("2026/03/01", "FORMAT"),
            ("1899-12-31", "OUT_OF_RANGE"),
            ("3000-01-01", "OUT_OF_RANGE"),
        ] {
            let named = wrong(Measurement { date: date.to_owned(), ..good() });
            assert_eq!(named, [("measurement.date".to_owned(), reason)], "{date}");
        }
    }

    #[test]
    fn money_has_a_currency_and_nothing_else_has_one() {
        let of = |measure_code: &str, currency_code: &str| {
            let (measure_code, currency_code) = (measure_code.to_owned(), currency_code.to_owned());
            wrong(Measurement { measure_code, currency_code, ..good() })
        };
        let named = |reason| vec![("measurement.currency_code".to_owned(), reason)];
        assert_eq!((of("usage", ""), of("revenue", "")), (vec![], named("REQUIRED")));
        assert_eq!(of("usage", "CNY"), named("CURRENCY_UNFIT"));
        assert_eq!(of("revenue", "RMB"), named("UNKNOWN_VALUE"));
    }
}
