//! SQL of quotes.

use std::collections::HashMap;

use guanxi_db::PgConnection;
use guanxi_events::NewEvent;
use guanxi_grpc::Refusal;
use guanxi_proto::opportunity_pipeline::v1::{self as pb, ErrorReason};
use guanxi_proto::product_catalog::v1::{PriceQuoteRequest, PriceQuoteResponse};
use guanxi_resource::{Error, Noun, Sight};
use sqlx::types::Json;
use time::Date;
use tonic::Code;
use uuid::Uuid;

use super::convert;
use super::model::{Concession, Quote, State};
use super::stored::Stored;
use crate::approval_policy::Level;
use crate::error::reason;
use crate::opportunity::State as DealState;

impl Noun for Quote {
    const NAME: &'static str = "quote";
    const SEEN_BY: Option<&'static str> = Some("opportunity.seen_by");
    type Message = pb::Quote;

    fn territory_path(&self) -> Option<&str> {
        Some(&self.territory_path)
    }

    fn message(&self, _: &Sight) -> pb::Quote {
        convert::wire(self)
    }

    fn event(kind: &'static str, before: Option<&Self>, after: &Self) -> NewEvent {
        convert::event(kind, before, after)
    }

    fn seen_by(&self) -> Option<&[String]> {
        Some(&self.seen_by)
    }

    async fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<Self>, Error> {
        let found = sqlx::query_as!(
            Quote,
            r#"select quote.id, opportunity_id, version_number, quote.state as "state: State", quote.currency_code,
                asked as "asked: Stored<PriceQuoteRequest>", priced as "priced: Stored<PriceQuoteResponse>",
                contract_list_amount, contract_net_amount, contract_cost_amount, concessions as "concessions: Json<Vec<Concession>>",
                margin_percent, required_level as "required_level: Level", discount_reason, catalog_version, price_date,
                valid_until_date, solution, terms, author, submitter, submit_time, decider, decide_time,
                decision_level as "decision_level: Level", quote.reason, accept_date, acceptance_reference, quote.version,
                quote.create_time, quote.update_time, opportunity.state as "deal_state: DealState",
                opportunity.delete_time is not null as "deal_deleted!", flagship, account_id,
                account.legal_name as "account_name?", opportunity.territory_code, territory_path, seen_by
            from opportunity_pipeline.quote
            join opportunity_pipeline.opportunity on opportunity.id = opportunity_id
            left join opportunity_pipeline.account on account.id = account_id
            where quote.id = $1"#,
            id,
        );
        Ok(found.fetch_optional(connection).await?)
    }

    /// The opportunity first, as whoever works on that does: its state is not to change before the quote has.
    async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<(), Error> {
        let opportunity = sqlx::query_scalar!(
            "select id from opportunity_pipeline.opportunity \
             where id = (select opportunity_id from opportunity_pipeline.quote where id = $1) for share",
            id,
        );
        opportunity.fetch_optional(&mut *connection).await?;
        let quote =
            sqlx::query_scalar!("select id from opportunity_pipeline.quote where id = $1 for no key update", id);
        quote.fetch_optional(connection).await?;
        Ok(())
    }

    async fn save(connection: &mut PgConnection, quote: &Self) -> Result<(), Error> {
        let saved = sqlx::query_scalar!(
            "insert into opportunity_pipeline.quote (id, opportunity_id, version_number, state, currency_code, asked, priced, \
             contract_list_amount, contract_net_amount, contract_cost_amount, concessions, margin_percent, required_level, \
             discount_reason, catalog_version, price_date, valid_until_date, solution, terms, author, submitter, submit_time, decider, \
             decide_time, decision_level, reason, accept_date, acceptance_reference, version, create_time, update_time) \
             select id, opportunity_id, version_number, state, currency_code, asked, priced, \
             contract_list_amount, contract_net_amount, contract_cost_amount, concessions, margin_percent, required_level, \
             discount_reason, catalog_version, price_date, valid_until_date, solution, terms, author, submitter, submit_time, decider, \
             decide_time, decision_level, reason, accept_date, acceptance_reference, version, create_time, update_time \
             from jsonb_to_record($1) as new (id uuid, opportunity_id uuid, version_number integer, state text, currency_code text, \
             asked bytea, priced bytea, contract_list_amount numeric, contract_net_amount numeric, contract_cost_amount numeric, \
             concessions jsonb, margin_percent numeric, required_level text, discount_reason text, catalog_version bigint, \
             price_date date, valid_until_date date, solution text, terms text, author text, submitter text, submit_time timestamptz, \
             decider text, decide_time timestamptz, decision_level text, reason text, accept_date date, acceptance_reference text, \
             version bigint, create_time timestamptz, update_time timestamptz) \
             on conflict (id) do update set state = excluded.state, currency_code = excluded.currency_code, asked = excluded.asked, \
             priced = excluded.priced, contract_list_amount = excluded.contract_list_amount, \
             contract_net_amount = excluded.contract_net_amount, contract_cost_amount = excluded.contract_cost_amount, \
             concessions = excluded.concessions, margin_percent = excluded.margin_percent, required_level = excluded.required_level, \
             discount_reason = excluded.discount_reason, catalog_version = excluded.catalog_version, price_date = excluded.price_date, \
             valid_until_date = excluded.valid_until_date, solution = excluded.solution, terms = excluded.terms, \
             submitter = excluded.submitter, submit_time = excluded.submit_time, decider = excluded.decider, \
             decide_time = excluded.decide_time, decision_level = excluded.decision_level, reason = excluded.reason, \
             accept_date = excluded.accept_date, acceptance_reference = excluded.acceptance_reference, version = excluded.version, \
             update_time = excluded.update_time returning id",
            Json(quote) as _,
        )
        .fetch_one(connection)
        .await;
        saved.map(|_id| ()).map_err(refusal)
    }
}

fn refusal(error: sqlx::Error) -> Error {
    match Error::from(error) {
        Error::Database(error) if error.constraint() == Some("quote_accepted_key") => {
            Refusal::new(Code::FailedPrecondition, reason(ErrorReason::QuoteAlreadyAccepted)).into()
        }
        error => error,
    }
}

/// Locks an opportunity for its next quote, whose number nobody else is to get.
pub(super) async fn lock_opportunity(connection: &mut PgConnection, opportunity_id: Uuid) -> Result<(), Error> {
    let locked = sqlx::query_scalar!(
        "select id from opportunity_pipeline.opportunity where id = $1 for no key update",
        opportunity_id,
    );
    locked.fetch_optional(connection).await?;
    Ok(())
}

/// The number of the next quote of a locked opportunity.
pub(super) async fn next_number(connection: &mut PgConnection, opportunity_id: Uuid) -> Result<i32, Error> {
    let last = sqlx::query_scalar!(
        "select max(version_number) from opportunity_pipeline.quote where opportunity_id = $1",
        opportunity_id,
    );
    Ok(last.fetch_one(connection).await?.unwrap_or_default() + 1)
}

/// Some quotes whose validity ended before a day, locked; those that another replica is at are left to it.
pub(super) async fn claim_due(connection: &mut PgConnection, today: Date, most: i64) -> Result<Vec<Uuid>, Error> {
    let due = sqlx::query_scalar!(
        "select id from opportunity_pipeline.quote where state in ('WAITING', 'APPROVED') and valid_until_date < $1 \
         order by valid_until_date, id limit $2 for no key update skip locked",
        today,
        most,
    );
    Ok(due.fetch_all(connection).await?)
}

/// The levels of the territories of some codes.
pub(super) async fn levels(connection: &mut PgConnection, codes: &[String]) -> Result<HashMap<String, String>, Error> {
    let levels = sqlx::query!("select code, level from opportunity_pipeline.territory where code = any($1)", codes);
    Ok(levels.fetch_all(connection).await?.into_iter().map(|row| (row.code, row.level)).collect())
}
