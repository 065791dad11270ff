//! Sums of facts: by month for each key of each dimension, by day for the whole, and both for every level of the tree.

use std::collections::{BTreeMap, HashMap};

use guanxi_db::PgConnection;
use rust_decimal::Decimal;
use time::Date;

use super::Fact;

/// A dimension whose sums are kept. By account there are no sums: an account has few facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kept {
    /// The whole.
    Whole,
    Manager,
    Offering,
    Stage,
    Tier,
    Industry,
}

impl Kept {
    /// As it stands in the column.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::Manager => "MANAGER",
            Self::Offering => "OFFERING",
            Self::Stage => "STAGE",
            Self::Tier => "TIER",
            Self::Industry => "INDUSTRY",
        }
    }
}

/// Row of `rollup_month`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct MonthRow {
    measure: String,
    territory_code: String,
    dimension: Kept,
    key: String,
    month: Date,
    currency_code: String,
}

/// Row of `rollup_day`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct DayRow {
    measure: String,
    territory_code: String,
    day: Date,
    currency_code: String,
}

/// What becomes of sums by facts that come and go. Sorted, so that whoever writes them takes the rows in one order.
#[derive(Default)]
pub(crate) struct Deltas {
    months: BTreeMap<MonthRow, Decimal>,
    days: BTreeMap<DayRow, Decimal>,
}

impl Deltas {
    /// A fact that counts from now on.
    pub(crate) fn add(&mut self, fact: &Fact) {
        let attribution = &fact.attribution;
        let id = |id: Option<uuid::Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
        let keys = [
            (Kept::Whole, String::new()),
            (Kept::Manager, id(attribution.manager_id)),
            (Kept::Stage, attribution.stage.clone()),
            (Kept::Tier, attribution.tier.clone()),
            (Kept::Industry, attribution.industry_code.clone()),
        ];
        let whole = keys.into_iter().map(|(dimension, key)| (dimension, key, fact.value));
        let offerings = fact.offerings.iter().map(|(code, value)| (Kept::Offering, code.clone(), *value));
        for (dimension, key, value) in whole.chain(offerings) {
            let month = MonthRow {
                measure: fact.measure.clone(),
                territory_code: attribution.territory_code.clone(),
                dimension,
                key,
                month: month_of(fact.day),
                currency_code: fact.currency_code.clone(),
            };
            *self.months.entry(month).or_default() += value;
        }
        let day = DayRow {
            measure: fact.measure.clone(),
            territory_code: attribution.territory_code.clone(),
            day: fact.day,
            currency_code: fact.currency_code.clone(),
        };
        *self.days.entry(day).or_default() += fact.value;
    }

    /// Writes them for the territories of the facts and everything above these. The caller has the turn.
    pub(crate) async fn write(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let codes: Vec<String> = self.days.keys().map(|day| day.territory_code.clone()).collect();
        let above = above(connection, &codes).await?;
        let spread = |code: &str| above.get(code).cloned().unwrap_or_else(|| vec![code.to_owned()]);
        let (mut months, mut days) = (BTreeMap::new(), BTreeMap::new());
        for (month, value) in self.months.into_iter().filter(|(_, value)| !value.is_zero()) {
            for territory_code in spread(&month.territory_code) {
                *months.entry(MonthRow { territory_code, ..month.clone() }).or_insert(Decimal::ZERO) += value;
            }
        }
        for (day, value) in self.days.into_iter().filter(|(_, value)| !value.is_zero()) {
            for territory_code in spread(&day.territory_code) {
                *days.entry(DayRow { territory_code, ..day.clone() }).or_insert(Decimal::ZERO) += value;
            }
        }
        write_months(connection, &months).await?;
        write_days(connection, &days).await
    }
}

/// The first day of a month.
pub(crate) fn month_of(day: Date) -> Date {
    day.replace_day(1).unwrap_or(day)
}

/// The codes of territories and of everything above them, by code. One that is not in the tree has nothing above it yet.
async fn above(connection: &mut PgConnection, codes: &[String]) -> Result<HashMap<String, Vec<String>>, sqlx::Error> {
    let rows = sqlx::query!("select code, path from kpi.territory where code = any($1)", codes);
    let rows = rows.fetch_all(connection).await?;
    let steps = |path: &str| path.split_terminator('/').map(str::to_owned).collect();
    Ok(rows.into_iter().map(|row| (row.code, steps(&row.path))).collect())
}

async fn write_months(connection: &mut PgConnection, sums: &BTreeMap<MonthRow, Decimal>) -> Result<(), sqlx::Error> {
    let column = |of: fn(&MonthRow) -> &str| -> Vec<String> { sums.keys().map(|row| of(row).to_owned()).collect() };
    sqlx::query_scalar!(
        "insert into kpi.rollup_month (measure, territory_code, dimension, key, month, currency_code, value) \
         select measure, territory_code, dimension, key, month, currency_code, value \
         from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::date[], $6::text[], $7::numeric[]) \
         as new (measure, territory_code, dimension, key, month, currency_code, value) \
         on conflict (measure, territory_code, dimension, key, month, currency_code) \
         do update set value = trim_scale(rollup_month.value + excluded.value) returning 1 as \"one!\"",
        &column(|row| &row.measure),
        &column(|row| &row.territory_code),
        &column(|row| row.dimension.column()),
        &column(|row| &row.key),
        &sums.keys().map(|row| row.month).collect::<Vec<_>>(),
        &column(|row| &row.currency_code),
        &sums.values().map(Decimal::normalize).collect::<Vec<_>>(),
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

async fn write_days(connection: &mut PgConnection, sums: &BTreeMap<DayRow, Decimal>) -> Result<(), sqlx::Error> {
    let column = |of: fn(&DayRow) -> &str| -> Vec<String> { sums.keys().map(|row| of(row).to_owned()).collect() };
    sqlx::query_scalar!(
        "insert into kpi.rollup_day (measure, territory_code, day, currency_code, value) \
         select measure, territory_code, day, currency_code, value \
         from unnest($1::text[], $2::text[], $3::date[], $4::text[], $5::numeric[]) \
         as new (measure, territory_code, day, currency_code, value) \
         on conflict (measure, territory_code, day, currency_code) do update set value = trim_scale(rollup_day.value + excluded.value) \
         returning 1 as \"one!\"",
        &column(|row| &row.measure),
        &column(|row| &row.territory_code),
        &sums.keys().map(|row| row.day).collect::<Vec<_>>(),
        &column(|row| &row.currency_code),
        &sums.values().map(Decimal::normalize).collect::<Vec<_>>(),
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}
