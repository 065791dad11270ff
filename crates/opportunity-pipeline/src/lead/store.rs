//! SQL of leads.

use guanxi_db::PgConnection;
use guanxi_events::NewEvent;
use guanxi_proto::opportunity_pipeline::v1 as pb;
use guanxi_resource::{Error, Noun, Sight};
use sqlx::types::Json;
use uuid::Uuid;

use super::convert;
use super::model::{DisqualifyReason, Lead, Source, State};

impl Noun for Lead {
    const NAME: &'static str = "lead";
    const SEEN_BY: Option<&'static str> = Some("lead.seen_by");
    type Message = pb::Lead;

    fn territory_path(&self) -> Option<&str> {
        Some(&self.territory_path)
    }

    fn seen_by(&self) -> Option<&[String]> {
        Some(&self.seen_by)
    }

    fn message(&self, sight: &Sight) -> pb::Lead {
        sight.veil(&self.territory_path, convert::wire(self))
    }

    fn event(kind: &'static str, before: Option<&Self>, after: &Self) -> NewEvent {
        convert::event(kind, before, after)
    }

    async fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<Self>, Error> {
        let found = sqlx::query_as!(
            Lead,
            r#"select lead.id, title, title_key, source as "source: Source", source_reference, account_id,
                account.legal_name as "account_name?", account.tier as "account_tier?",
                account.industry_code as "account_industry_code?", company_name, company_key, contact_name, contact_phone, description, score,
                owner_id, owner_employee_number, lead.territory_code, territory_path, seen_by, state as "state: State",
                disqualify_reason as "disqualify_reason: DisqualifyReason", reason, duplicate_of_lead_id, opportunity_id, tags,
                lead.version, create_time, update_time, delete_time
            from opportunity_pipeline.lead
            left join opportunity_pipeline.account on account.id = account_id
            where lead.id = $1"#,
            id,
        );
        Ok(found.fetch_optional(connection).await?)
    }

    async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<(), Error> {
        let locked =
            sqlx::query_scalar!("select id from opportunity_pipeline.lead where id = $1 for no key update", id);
        locked.fetch_optional(connection).await?;
        Ok(())
    }

    async fn save(connection: &mut PgConnection, lead: &Self) -> Result<(), Error> {
        sqlx::query_scalar!(
            "insert into opportunity_pipeline.lead (id, title, title_key, source, source_reference, account_id, company_name, company_key, \
             contact_name, contact_phone, description, score, owner_id, owner_employee_number, territory_code, territory_path, seen_by, \
             state, disqualify_reason, reason, duplicate_of_lead_id, opportunity_id, tags, version, create_time, update_time, \
             delete_time) \
             select id, title, title_key, source, source_reference, account_id, company_name, company_key, contact_name, contact_phone, \
             description, score, owner_id, owner_employee_number, territory_code, territory_path, seen_by, state, disqualify_reason, \
             reason, duplicate_of_lead_id, opportunity_id, tags, version, create_time, update_time, delete_time \
             from jsonb_to_record($1) as new (id uuid, title text, title_key text, source text, source_reference text, account_id uuid, \
             company_name text, company_key text, contact_name text, contact_phone text, description text, score integer, owner_id uuid, \
             owner_employee_number text, territory_code text, territory_path text, seen_by text[], state text, disqualify_reason text, \
             reason text, duplicate_of_lead_id uuid, opportunity_id uuid, tags text[], version bigint, create_time timestamptz, \
             update_time timestamptz, delete_time timestamptz) \
             on conflict (id) do update set title = excluded.title, title_key = excluded.title_key, source = excluded.source, \
             source_reference = excluded.source_reference, account_id = excluded.account_id, company_name = excluded.company_name, \
             company_key = excluded.company_key, contact_name = excluded.contact_name, contact_phone = excluded.contact_phone, \
             description = excluded.description, score = excluded.score, owner_id = excluded.owner_id, \
             owner_employee_number = excluded.owner_employee_number, territory_code = excluded.territory_code, \
             territory_path = excluded.territory_path, seen_by = excluded.seen_by, state = excluded.state, \
             disqualify_reason = excluded.disqualify_reason, reason = excluded.reason, \
             duplicate_of_lead_id = excluded.duplicate_of_lead_id, opportunity_id = excluded.opportunity_id, tags = excluded.tags, \
             version = excluded.version, update_time = excluded.update_time, delete_time = excluded.delete_time \
             returning id",
            Json(lead) as _,
        )
        .fetch_one(connection)
        .await?;
        Ok(())
    }
}

/// The oldest lead that a new one repeats, of those that its maker sees.
pub(super) async fn repeated(connection: &mut PgConnection, sight: &Sight, new: &Lead) -> Result<Option<Uuid>, Error> {
    let (lows, highs): (Vec<String>, Vec<String>) = sight.scope.ranges().into_iter().unzip();
    let (everything, subject) = sight.own();
    let (all_lows, all_highs): (Vec<String>, Vec<String>) = everything.into_iter().unzip();
    let oldest = sqlx::query_scalar!(
        "select id from opportunity_pipeline.lead \
         where delete_time is null and state <> 'DISQUALIFIED' \
         and (contact_phone = $1 or (account_id = $2 and title_key = $3) or company_key = $4) \
         and exists (select from unnest($5::text[], $6::text[]) as visible (low, high) \
         where territory_path >= visible.low and territory_path < visible.high) \
         and ($9::text is null or $9 = any(seen_by) or exists (select from unnest($7::text[], $8::text[]) as shared (low, high) \
         where territory_path >= shared.low and territory_path < shared.high)) \
         order by create_time, id limit 1",
        new.contact_phone,
        new.account_id,
        new.title_key,
        new.company_key,
        &lows,
        &highs,
        &all_lows,
        &all_highs,
        subject,
    );
    Ok(oldest.fetch_optional(connection).await?)
}

/// Lets nobody else link leads until the transaction ends: two links at once could close a circle.
pub(super) async fn lock_links(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended('opportunity_pipeline.lead.duplicate_of_lead_id', 0))")
        .fetch_one(connection)
        .await?;
    Ok(())
}

/// A lead, the one that it repeats, and so on to the one that repeats no other.
pub(super) async fn chain(connection: &mut PgConnection, id: Uuid) -> Result<Vec<Uuid>, Error> {
    let chain = sqlx::query_scalar!(
        r#"with recursive chain (id, next, number) as (
            select id, duplicate_of_lead_id, 1 from opportunity_pipeline.lead where id = $1
            union all
            select lead.id, lead.duplicate_of_lead_id, number + 1 from opportunity_pipeline.lead join chain on lead.id = chain.next
        )
        select id as "id!" from chain order by number"#,
        id,
    );
    Ok(chain.fetch_all(connection).await?)
}
