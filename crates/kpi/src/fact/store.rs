//! SQL of facts.

use std::collections::{BTreeMap, HashMap};

use guanxi_db::PgConnection;
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Attribution, Fact};

/// Waits for the turn to change facts, until the transaction ends.
pub(crate) async fn take_turn(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query_scalar!("select noun from kpi.turn where noun = 'fact' for update").fetch_one(connection).await?;
    Ok(())
}

/// The facts of some subjects in some measures, and how often each counts.
pub(crate) async fn of(
    connection: &mut PgConnection,
    subjects: &[Uuid],
    measures: &[String],
) -> Result<HashMap<Uuid, Vec<(Fact, i32)>>, sqlx::Error> {
    let rows = sqlx::query!(
        "select subject_id, measure, day, territory_code, manager_id, account_id, stage, tier, industry_code, currency_code, value, \
         offering_codes, offering_values as \"offering_values: Vec<Decimal>\", times from kpi.fact \
         where subject_id = any($1) and measure = any($2)",
        subjects,
        measures,
    );
    let mut facts: HashMap<Uuid, Vec<(Fact, i32)>> = HashMap::new();
    for row in rows.fetch_all(connection).await? {
        let attribution = Attribution {
            territory_code: row.territory_code,
            manager_id: row.manager_id,
            account_id: row.account_id,
            stage: row.stage,
            tier: row.tier,
            industry_code: row.industry_code,
        };
        let offerings: BTreeMap<String, Decimal> = row.offering_codes.into_iter().zip(row.offering_values).collect();
        let (measure, day, currency_code, value) = (row.measure, row.day, row.currency_code, row.value);
        let fact = Fact { measure, day, attribution, currency_code, value, offerings };
        facts.entry(row.subject_id).or_default().push((fact, row.times));
    }
    Ok(facts)
}

/// A fact as a row.
#[derive(Serialize)]
struct Row<'a> {
    subject_id: Uuid,
    digest: i64,
    noun: &'a str,
    measure: &'a str,
    day: String,
    territory_code: &'a str,
    manager_id: Option<Uuid>,
    account_id: Option<Uuid>,
    stage: &'a str,
    tier: &'a str,
    industry_code: &'a str,
    currency_code: &'a str,
    value: Decimal,
    offering_codes: Vec<&'a str>,
    offering_values: Vec<Decimal>,
    times: i32,
}

/// What changes of a subject: its id, its noun, and the facts that count more or less often.
pub(crate) type Change<'a> = (Uuid, &'static str, &'a [(Fact, i32)]);

/// Has facts of subjects count more or less often; what does not count any more is gone.
pub(crate) async fn add(connection: &mut PgConnection, changes: &[Change<'_>]) -> Result<(), sqlx::Error> {
    let rows =
        changes.iter().flat_map(|(id, noun, facts)| facts.iter().map(|(fact, times)| row(*id, noun, fact, *times)));
    sqlx::query_scalar!(
        r#"with written as (
            insert into kpi.fact (subject_id, digest, noun, measure, day, territory_code, manager_id, account_id, stage, tier, industry_code,
                currency_code, value, offering_codes, offering_values, times)
            select subject_id, digest, noun, measure, day, territory_code, manager_id, account_id, stage, tier, industry_code,
                currency_code, value, offering_codes, offering_values, times
            from jsonb_to_recordset($1) as new (subject_id uuid, digest bigint, noun text, measure text, day date, territory_code text,
                manager_id uuid, account_id uuid, stage text, tier text, industry_code text, currency_code text, value numeric,
                offering_codes text[], offering_values numeric[], times integer)
            on conflict (subject_id, digest) do update set times = fact.times + excluded.times returning 1
        ) select count(*) as "count!" from written"#,
        Json(rows.collect::<Vec<_>>()) as _,
    )
    .fetch_one(&mut *connection)
    .await?;
    let ids: Vec<Uuid> = changes.iter().map(|(id, ..)| *id).collect();
    sqlx::query!("delete from kpi.fact where subject_id = any($1) and times = 0", &ids).execute(connection).await?;
    Ok(())
}

fn row<'a>(subject_id: Uuid, noun: &'a str, fact: &'a Fact, times: i32) -> Row<'a> {
    let attribution = &fact.attribution;
    Row {
        subject_id,
        digest: fact.digest(),
        noun,
        measure: &fact.measure,
        day: fact.day.to_string(),
        territory_code: &attribution.territory_code,
        manager_id: attribution.manager_id,
        account_id: attribution.account_id,
        stage: &attribution.stage,
        tier: &attribution.tier,
        industry_code: &attribution.industry_code,
        currency_code: &fact.currency_code,
        value: fact.value.normalize(),
        offering_codes: fact.offerings.keys().map(String::as_str).collect(),
        offering_values: fact.offerings.values().map(Decimal::normalize).collect(),
        times,
    }
}
