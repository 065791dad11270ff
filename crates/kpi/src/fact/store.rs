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
    sqlx::query_scalar!("select id from kpi.turn for update").fetch_one(connection).await?;
    Ok(())
}

/// The facts of some subjects.
pub(crate) async fn of(
    connection: &mut PgConnection,
    subjects: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Fact>>, sqlx::Error> {
    let rows = sqlx::query!(
        "select subject_id, measure, day, territory_code, manager_id, account_id, stage, tier, industry_code, currency_code, value, \
         offering_codes, offering_values as \"offering_values: Vec<Decimal>\" from kpi.fact where subject_id = any($1) order by subject_id, number",
        subjects,
    );
    let mut facts: HashMap<Uuid, Vec<Fact>> = HashMap::new();
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
        facts.entry(row.subject_id).or_default().push(Fact {
            measure: row.measure,
            day: row.day,
            attribution,
            currency_code: row.currency_code,
            value: row.value,
            offerings,
        });
    }
    Ok(facts)
}

/// A fact as a row.
#[derive(Serialize)]
struct Row<'a> {
    subject_id: Uuid,
    number: usize,
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
}

/// Replaces the facts of subjects by others.
pub(crate) async fn replace(
    connection: &mut PgConnection,
    subjects: &[(Uuid, &'static str, &[Fact])],
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = subjects.iter().map(|(id, ..)| *id).collect();
    sqlx::query!("delete from kpi.fact where subject_id = any($1)", &ids).execute(&mut *connection).await?;
    let rows = subjects
        .iter()
        .flat_map(|(id, noun, facts)| facts.iter().enumerate().map(move |(number, fact)| row(*id, number, noun, fact)));
    sqlx::query_scalar!(
        "insert into kpi.fact (subject_id, number, noun, measure, day, territory_code, manager_id, account_id, stage, tier, industry_code, \
         currency_code, value, offering_codes, offering_values) \
         select subject_id, number, noun, measure, day, territory_code, manager_id, account_id, stage, tier, industry_code, \
         currency_code, value, offering_codes, offering_values \
         from jsonb_to_recordset($1) as new (subject_id uuid, number integer, noun text, measure text, day date, territory_code text, \
         manager_id uuid, account_id uuid, stage text, tier text, industry_code text, currency_code text, value numeric, \
         offering_codes text[], offering_values numeric[]) returning 1 as \"one!\"",
        Json(rows.collect::<Vec<_>>()) as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

fn row<'a>(subject_id: Uuid, number: usize, noun: &'a str, fact: &'a Fact) -> Row<'a> {
    let attribution = &fact.attribution;
    Row {
        subject_id,
        number,
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
    }
}
