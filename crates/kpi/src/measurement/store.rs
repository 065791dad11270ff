//! SQL of measurements.

use std::collections::HashMap;

use guanxi_db::PgConnection;
use rust_decimal::Decimal;
use time::Date;
use uuid::Uuid;

use super::model::{Key, Measurement};

/// The paths of territories.
pub(super) async fn paths(
    connection: &mut PgConnection,
    codes: &[String],
) -> Result<HashMap<String, String>, sqlx::Error> {
    let rows = sqlx::query!("select code, path from kpi.territory where code = any($1)", codes);
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.code, row.path)).collect())
}

/// Account managers that are known by some ids or employee numbers: id and number, who has a number by the newest word last.
pub(super) async fn managers(
    connection: &mut PgConnection,
    ids: &[String],
    employee_numbers: &[String],
) -> Result<Vec<(Uuid, String)>, sqlx::Error> {
    let rows = sqlx::query!(
        "select key, name_zh from kpi.name where dimension = 'MANAGER' and (key = any($1) or name_zh = any($2)) order by rank",
        ids,
        employee_numbers,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows.filter_map(|row| Some((Uuid::try_parse(&row.key).ok()?, row.name_zh))).collect())
}

/// Which of some accounts are known.
pub(super) async fn accounts(connection: &mut PgConnection, ids: &[String]) -> Result<Vec<Uuid>, sqlx::Error> {
    let keys = sqlx::query_scalar!("select key from kpi.name where dimension = 'ACCOUNT' and key = any($1)", ids);
    let keys = keys.fetch_all(connection).await?;
    Ok(keys.iter().filter_map(|key| Uuid::try_parse(key).ok()).collect())
}

/// Keys by columns.
struct Columns {
    measures: Vec<String>,
    days: Vec<Date>,
    territory_codes: Vec<String>,
    manager_ids: Vec<Uuid>,
    account_ids: Vec<Uuid>,
    offering_codes: Vec<String>,
    currency_codes: Vec<String>,
}

impl Columns {
    fn of<'a>(keys: impl Iterator<Item = &'a Key> + Clone) -> Self {
        Self {
            measures: keys.clone().map(|key| key.measure.clone()).collect(),
            days: keys.clone().map(|key| key.day).collect(),
            territory_codes: keys.clone().map(|key| key.territory_code.clone()).collect(),
            manager_ids: keys.clone().map(|key| key.manager_id.unwrap_or_default()).collect(),
            account_ids: keys.clone().map(|key| key.account_id.unwrap_or_default()).collect(),
            offering_codes: keys.clone().map(|key| key.offering_code.clone()).collect(),
            currency_codes: keys.map(|key| key.currency_code.clone()).collect(),
        }
    }
}

/// The measurements of some keys. The caller has the turn.
pub(super) async fn of<'a>(
    connection: &mut PgConnection,
    keys: impl Iterator<Item = &'a Key> + Clone,
) -> Result<HashMap<Key, Measurement>, sqlx::Error> {
    let columns = Columns::of(keys);
    let rows = sqlx::query!(
        "select measure, day, territory_code, manager_id, account_id, offering_code, currency_code, tier, industry_code, value \
         from kpi.measurement where (measure, day, territory_code, manager_id, account_id, offering_code, currency_code) in \
         (select * from unnest($1::text[], $2::date[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::text[]))",
        &columns.measures,
        &columns.days,
        &columns.territory_codes,
        &columns.manager_ids,
        &columns.account_ids,
        &columns.offering_codes,
        &columns.currency_codes,
    );
    let rows = rows.fetch_all(connection).await?.into_iter().map(|row| {
        let key = Key {
            measure: row.measure,
            day: row.day,
            territory_code: row.territory_code,
            manager_id: Some(row.manager_id).filter(|id| !id.is_nil()),
            account_id: Some(row.account_id).filter(|id| !id.is_nil()),
            offering_code: row.offering_code,
            currency_code: row.currency_code,
        };
        let (tier, industry_code, value) = (row.tier, row.industry_code, row.value);
        (key.clone(), Measurement { key, tier, industry_code, value })
    });
    Ok(rows.collect())
}

/// Writes measurements over those of the same keys.
pub(super) async fn save(connection: &mut PgConnection, rows: &[&Measurement]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(rows.iter().map(|row| &row.key));
    sqlx::query_scalar!(
        "insert into kpi.measurement (measure, day, territory_code, manager_id, account_id, offering_code, currency_code, tier, \
         industry_code, value) \
         select measure, day, territory_code, manager_id, account_id, offering_code, currency_code, tier, industry_code, value \
         from unnest($1::text[], $2::date[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[], \
         $10::numeric[]) as new (measure, day, territory_code, manager_id, account_id, offering_code, currency_code, tier, \
         industry_code, value) \
         on conflict (measure, day, territory_code, manager_id, account_id, offering_code, currency_code) \
         do update set tier = excluded.tier, industry_code = excluded.industry_code, value = excluded.value returning 1 as \"one!\"",
        &columns.measures,
        &columns.days,
        &columns.territory_codes,
        &columns.manager_ids,
        &columns.account_ids,
        &columns.offering_codes,
        &columns.currency_codes,
        &rows.iter().map(|row| row.tier.clone()).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.industry_code.clone()).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.value).collect::<Vec<Decimal>>(),
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

/// Takes measurements away.
pub(super) async fn remove(connection: &mut PgConnection, rows: &[&Measurement]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(rows.iter().map(|row| &row.key));
    sqlx::query!(
        "delete from kpi.measurement where (measure, day, territory_code, manager_id, account_id, offering_code, currency_code) in \
         (select * from unnest($1::text[], $2::date[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::text[]))",
        &columns.measures,
        &columns.days,
        &columns.territory_codes,
        &columns.manager_ids,
        &columns.account_ids,
        &columns.offering_codes,
        &columns.currency_codes,
    )
    .execute(connection)
    .await?;
    Ok(())
}
