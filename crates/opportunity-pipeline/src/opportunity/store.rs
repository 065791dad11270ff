//! SQL of opportunities.

use guanxi_db::PgConnection;
use guanxi_events::NewEvent;
use guanxi_proto::opportunity_pipeline::v1 as pb;
use guanxi_resource::{Error, Noun, Sight};
use sqlx::types::Json;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::convert;
use super::model::{CloseReason, Competitor, Intent, KeySuccessFactor, Kind, Line, Opportunity, State, TeamMember};
use crate::pipeline::ForecastCategory;

impl Noun for Opportunity {
    const NAME: &'static str = "opportunity";
    const SEEN_BY: Option<&'static str> = Some("opportunity.seen_by");
    type Message = pb::Opportunity;

    fn territory_path(&self) -> Option<&str> {
        Some(&self.territory_path)
    }

    fn seen_by(&self) -> Option<&[String]> {
        Some(&self.seen_by)
    }

    fn message(&self, _: &Sight) -> pb::Opportunity {
        convert::wire(self)
    }

    fn event(kind: &'static str, before: Option<&Self>, after: &Self) -> NewEvent {
        convert::event(kind, before, after)
    }

    async fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<Self>, Error> {
        let found = sqlx::query_as!(
            Opportunity,
            r#"select opportunity.id, title, account_id, account.legal_name as "account_name?", kind as "kind: Kind", pipeline_code,
                stage_code, stage_enter_date, state as "state: State", owner_id, owner_employee_number,
                opportunity.territory_code, territory_path, seen_by, amount, list_amount, currency_code, probability_percent,
                forecast_category as "forecast_category: ForecastCategory", expected_close_date, open_date, close_date,
                intent as "intent: Intent", lines as "lines: Json<Vec<Line>>", offering_codes,
                competitors as "competitors: Json<Vec<Competitor>>", team as "team: Json<Vec<TeamMember>>",
                key_success_factors as "key_success_factors: Json<Vec<KeySuccessFactor>>", flagship, description, tags,
                close_reason as "close_reason: CloseReason", reason, suspend_until_date, lead_id, imported_from,
                opportunity.version, create_time, update_time, delete_time
            from opportunity_pipeline.opportunity
            left join opportunity_pipeline.account on account.id = account_id
            where opportunity.id = $1"#,
            id,
        );
        Ok(found.fetch_optional(connection).await?)
    }

    async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<(), Error> {
        let locked =
            sqlx::query_scalar!("select id from opportunity_pipeline.opportunity where id = $1 for no key update", id);
        locked.fetch_optional(connection).await?;
        Ok(())
    }

    async fn save(connection: &mut PgConnection, opportunity: &Self) -> Result<(), Error> {
        save_all(connection, std::slice::from_ref(opportunity)).await
    }
}

/// Saves new opportunities, or everything that can change of ones that are locked.
pub(super) async fn save_all(connection: &mut PgConnection, opportunities: &[Opportunity]) -> Result<(), Error> {
    sqlx::query_scalar!(
            "insert into opportunity_pipeline.opportunity (id, title, account_id, kind, pipeline_code, stage_code, stage_enter_date, \
             state, owner_id, owner_employee_number, territory_code, territory_path, seen_by, amount, list_amount, currency_code, \
             probability_percent, forecast_category, expected_close_date, open_date, close_date, intent, lines, offering_codes, \
             competitors, team, key_success_factors, flagship, description, tags, close_reason, reason, suspend_until_date, lead_id, \
             imported_from, version, create_time, update_time, delete_time) \
             select id, title, account_id, kind, pipeline_code, stage_code, stage_enter_date, \
             state, owner_id, owner_employee_number, territory_code, territory_path, seen_by, amount, list_amount, currency_code, \
             probability_percent, forecast_category, expected_close_date, open_date, close_date, intent, lines, offering_codes, \
             competitors, team, key_success_factors, flagship, description, tags, close_reason, reason, suspend_until_date, lead_id, \
             imported_from, version, create_time, update_time, delete_time \
             from jsonb_to_recordset($1) as new (id uuid, title text, account_id uuid, kind text, pipeline_code text, stage_code text, \
             stage_enter_date date, state text, owner_id uuid, owner_employee_number text, territory_code text, territory_path text, \
             seen_by text[], amount numeric, list_amount numeric, currency_code text, probability_percent integer, \
             forecast_category text, expected_close_date date, open_date date, close_date date, intent text, lines jsonb, \
             offering_codes text[], competitors jsonb, team jsonb, key_success_factors jsonb, flagship boolean, description text, \
             tags text[], close_reason text, reason text, suspend_until_date date, lead_id uuid, imported_from text, version bigint, \
             create_time timestamptz, update_time timestamptz, delete_time timestamptz) \
             on conflict (id) do update set title = excluded.title, account_id = excluded.account_id, kind = excluded.kind, \
             stage_code = excluded.stage_code, stage_enter_date = excluded.stage_enter_date, state = excluded.state, \
             owner_id = excluded.owner_id, owner_employee_number = excluded.owner_employee_number, \
             territory_code = excluded.territory_code, territory_path = excluded.territory_path, seen_by = excluded.seen_by, \
             amount = excluded.amount, list_amount = excluded.list_amount, currency_code = excluded.currency_code, \
             probability_percent = excluded.probability_percent, forecast_category = excluded.forecast_category, \
             expected_close_date = excluded.expected_close_date, open_date = excluded.open_date, close_date = excluded.close_date, \
             intent = excluded.intent, lines = excluded.lines, offering_codes = excluded.offering_codes, \
             competitors = excluded.competitors, team = excluded.team, key_success_factors = excluded.key_success_factors, \
             flagship = excluded.flagship, description = excluded.description, tags = excluded.tags, \
             close_reason = excluded.close_reason, reason = excluded.reason, suspend_until_date = excluded.suspend_until_date, \
             version = excluded.version, update_time = excluded.update_time, delete_time = excluded.delete_time \
             returning id",
            Json(opportunities) as _,
        )
        .fetch_all(connection)
        .await?;
    Ok(())
}

/// An opportunity's entry into a stage.
pub(crate) struct Entry<'a> {
    pub(crate) stage_code: &'a str,
    pub(crate) date: Date,
    pub(crate) reason: &'a str,
    pub(crate) actor: &'a str,
    pub(crate) now: OffsetDateTime,
}

/// Ends the present stage of a locked opportunity, if it has one, and begins the next.
pub(crate) async fn enter_stage(
    connection: &mut PgConnection,
    opportunity_id: Uuid,
    entry: &Entry<'_>,
) -> Result<(), Error> {
    let last = sqlx::query_scalar!(
        "update opportunity_pipeline.stage_period set leave_date = $2, leave_time = $3 \
         where opportunity_id = $1 and leave_time is null returning number",
        opportunity_id,
        entry.date,
        entry.now,
    );
    let last = last.fetch_optional(&mut *connection).await?.unwrap_or_default();
    sqlx::query_scalar!(
        "insert into opportunity_pipeline.stage_period (opportunity_id, number, stage_code, enter_date, enter_time, reason, actor, \
         imported) values ($1, $2, $3, $4, $5, $6, $7, false) returning number",
        opportunity_id,
        last + 1,
        entry.stage_code,
        entry.date,
        entry.now,
        entry.reason,
        entry.actor,
    )
    .fetch_one(connection)
    .await?;
    Ok(())
}
