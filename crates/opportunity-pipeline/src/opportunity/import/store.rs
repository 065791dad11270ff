//! SQL of imported opportunities.

use std::collections::HashMap;

use guanxi_db::PgConnection;
use guanxi_resource::Error;
use sqlx::types::Json;
use uuid::Uuid;

use super::history::{Entry, Period};
use crate::opportunity::model::{
    CloseReason, Competitor, Intent, KeySuccessFactor, Kind, Line, Opportunity, State, TeamMember,
};
use crate::pipeline::ForecastCategory;

/// An opportunity that was imported before.
pub(super) struct Present {
    pub(super) opportunity: Opportunity,
    /// What imports told of its past.
    pub(super) entries: Vec<Entry>,
    /// True once it went through a stage here.
    pub(super) moved: bool,
}

/// The opportunities that were imported from some ids, by these, for a change of them.
pub(super) async fn lock(connection: &mut PgConnection, from: &[String]) -> Result<HashMap<String, Present>, Error> {
    sqlx::query_scalar!(
        "select id from opportunity_pipeline.opportunity where imported_from = any($1) order by id for no key update",
        from,
    )
    .fetch_all(&mut *connection)
    .await?;
    let found = sqlx::query_as!(
        Opportunity,
        r#"select id, title, account_id,
            (select legal_name from opportunity_pipeline.account where account.id = account_id) as account_name,
            (select tier from opportunity_pipeline.account where account.id = account_id) as account_tier,
            (select industry_code from opportunity_pipeline.account where account.id = account_id) as account_industry_code,
            kind as "kind: Kind", pipeline_code,
            stage_code, stage_enter_date, state as "state: State", owner_id, owner_employee_number,
            territory_code, territory_path, seen_by, amount, list_amount, currency_code, probability_percent,
            forecast_category as "forecast_category: ForecastCategory", expected_close_date, open_date, close_date,
            intent as "intent: Intent", lines as "lines: Json<Vec<Line>>", offering_codes,
            competitors as "competitors: Json<Vec<Competitor>>", team as "team: Json<Vec<TeamMember>>",
            key_success_factors as "key_success_factors: Json<Vec<KeySuccessFactor>>", flagship, description, tags,
            close_reason as "close_reason: CloseReason", reason, suspend_until_date, lead_id, imported_from,
            version, create_time, update_time, delete_time
        from opportunity_pipeline.opportunity where imported_from = any($1)"#,
        from,
    );
    let found = found.fetch_all(&mut *connection).await?;
    let ids: Vec<Uuid> = found.iter().map(|opportunity| opportunity.id).collect();
    let mut pasts = pasts(connection, &ids).await?;
    let present = found.into_iter().filter_map(|opportunity| {
        let (entries, moved) = pasts.remove(&opportunity.id).unwrap_or_default();
        let from = opportunity.imported_from.clone()?;
        Some((from, Present { opportunity, entries, moved }))
    });
    Ok(present.collect())
}

/// What imports told of the past of some opportunities, and whether they went through a stage here.
async fn pasts(connection: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, (Vec<Entry>, bool)>, Error> {
    let periods = sqlx::query!(
        "select opportunity_id, stage_code, enter_date, imported from opportunity_pipeline.stage_period \
         where opportunity_id = any($1) order by opportunity_id, number",
        ids,
    );
    let mut pasts = HashMap::<_, (Vec<Entry>, bool)>::new();
    for period in periods.fetch_all(connection).await? {
        let (entries, moved) = pasts.entry(period.opportunity_id).or_default();
        if period.imported {
            entries.push(Entry { stage_code: period.stage_code, enter_date: period.enter_date });
        } else {
            *moved = true;
        }
    }
    Ok(pasts)
}

/// Writes times in stages. One that was known before keeps when and by whom it was first told.
pub(super) async fn save_periods(connection: &mut PgConnection, periods: &[Period]) -> Result<(), Error> {
    sqlx::query_scalar!(
        "insert into opportunity_pipeline.stage_period (opportunity_id, number, stage_code, enter_date, leave_date, enter_time, \
         leave_time, reason, actor, imported) \
         select opportunity_id, number, stage_code, enter_date, leave_date, enter_time, leave_time, reason, actor, imported \
         from jsonb_to_recordset($1) as new (opportunity_id uuid, number integer, stage_code text, enter_date date, leave_date date, \
         enter_time timestamptz, leave_time timestamptz, reason text, actor text, imported boolean) \
         on conflict (opportunity_id, number) do update set stage_code = excluded.stage_code, enter_date = excluded.enter_date, \
         leave_date = excluded.leave_date, leave_time = coalesce(stage_period.leave_time, excluded.leave_time), \
         reason = excluded.reason returning number",
        Json(periods) as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}
