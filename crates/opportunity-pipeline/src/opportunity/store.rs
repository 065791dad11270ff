//! SQL of opportunities.

use guanxi_db::PgConnection;
use guanxi_events::NewEvent;
use guanxi_proto::opportunity_pipeline::v1 as pb;
use guanxi_resource::{Error, Noun, Sight};
use sqlx::types::Json;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::convert;
use super::criteria::Facts;
use super::model::{
    CloseReason, Competitor, Intent, KeySuccessFactor, Kind, Line, Opportunity, StagePeriod, State, TeamMember,
};
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
            r#"select opportunity.id, title, account_id, account.legal_name as "account_name?",
                account.tier as "account_tier?", account.industry_code as "account_industry_code?", kind as "kind: Kind", pipeline_code,
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
    sqlx::query_scalar!(
        "update opportunity_pipeline.stage_period set leave_date = $2, leave_time = $3 \
         where opportunity_id = $1 and leave_time is null returning number",
        opportunity_id,
        entry.date,
        entry.now,
    )
    .fetch_optional(&mut *connection)
    .await?;
    sqlx::query_scalar!(
        "insert into opportunity_pipeline.stage_period (opportunity_id, number, stage_code, enter_date, enter_time, reason, actor, \
         imported) select $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, false \
         from opportunity_pipeline.stage_period where opportunity_id = $1 returning number",
        opportunity_id,
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

/// The latest times of an opportunity in stages, the latest first.
pub(super) async fn stage_periods(
    connection: &mut PgConnection,
    opportunity_id: Uuid,
    count: i64,
) -> Result<Vec<StagePeriod>, Error> {
    let periods = sqlx::query_as!(
        StagePeriod,
        "select number, stage_code, enter_date, leave_date, enter_time, leave_time, reason, actor, imported \
         from opportunity_pipeline.stage_period where opportunity_id = $1 order by number desc limit $2",
        opportunity_id,
        count,
    );
    Ok(periods.fetch_all(connection).await?)
}

/// What exit criteria ask of the needs and quotes of an opportunity.
pub(super) async fn facts(connection: &mut PgConnection, opportunity_id: Uuid) -> Result<Facts, Error> {
    let facts = sqlx::query_as!(
        Facts,
        r#"select needs_hypothesised as "needs_hypothesised!", needs_verified as "needs_verified!",
            needs_evaluated as "needs_evaluated!", quotes_waiting as "quotes_waiting!", quotes_approved as "quotes_approved!",
            quotes_accepted as "quotes_accepted!"
        from (select count(*) filter (where state = 'HYPOTHESIS') as needs_hypothesised,
            count(*) filter (where state = 'VERIFIED') as needs_verified,
            count(*) filter (where state = 'EVALUATED') as needs_evaluated
            from opportunity_pipeline.need where opportunity_id = $1 and delete_time is null) needs
        cross join (select count(*) filter (where state = 'WAITING') as quotes_waiting,
            count(*) filter (where state = 'APPROVED') as quotes_approved,
            count(*) filter (where state = 'ACCEPTED') as quotes_accepted
            from opportunity_pipeline.quote where opportunity_id = $1) quotes"#,
        opportunity_id,
    );
    Ok(facts.fetch_one(connection).await?)
}

#[cfg(test)]
mod tests {
    use guanxi_db::Database;
    use guanxi_test_support::TestDatabase;

    use super::*;
    use crate::place::re_path;

    /// An opportunity that lies at a path.
    fn at(number: u128, territory_path: &str) -> Opportunity {
        Opportunity { id: Uuid::from_u128(number), territory_path: territory_path.to_owned(), ..Opportunity::sample() }
    }

    #[tokio::test]
    async fn opportunities_go_along_when_their_territory_moves() {
        let database = TestDatabase::create(crate::SCHEMA, &crate::MIGRATOR).await;
        let database = Database::connect(&database.settings(), crate::SCHEMA).await.unwrap();
        let mut transaction = database.begin().await.unwrap();
        let deleted = Opportunity { delete_time: Some(OffsetDateTime::UNIX_EPOCH), ..at(3, "CN/44/03/05/") };
        for opportunity in [at(1, "CN/44/03/"), at(2, "CN/44/"), deleted, at(4, "CN/44/030/")] {
            Opportunity::save(&mut transaction, &opportunity).await.unwrap();
        }
        re_path(&mut transaction, "CN/44/03/", "CN/33/03/").await.unwrap();
        for (number, path) in [(1, "CN/33/03/"), (2, "CN/44/"), (3, "CN/33/03/05/"), (4, "CN/44/030/")] {
            let moved = Opportunity::find(&mut transaction, Uuid::from_u128(number)).await.unwrap().unwrap();
            assert_eq!(moved.territory_path, path);
        }
    }
}
