//! SQL of needs.

use guanxi_db::PgConnection;
use guanxi_events::NewEvent;
use guanxi_filter::{Field, Kind, Listing, Order};
use guanxi_proto::opportunity_pipeline::v1 as pb;
use guanxi_resource::{Error, Noun, Sight};
use sqlx::types::Json;
use uuid::Uuid;

use super::convert;
use super::model::{Need, State, ValueChainLink};
use crate::opportunity;

/// How needs are listed.
pub(super) static LISTING: Listing = Listing {
    name: "need",
    columns: "need.id, need.opportunity_id, need.text, need.value_chain_link, need.evidence, need.value, need.currency_code, \
         need.offering_codes, need.state, need.verified_by, need.verify_time, need.verification, need.evaluated_by, need.evaluate_time, \
         need.evaluation, need.fit, need.refute_reason, need.version, need.create_time, need.update_time, need.delete_time, \
         opportunity.state as opportunity_state, opportunity.delete_time is not null as opportunity_deleted, \
         opportunity.territory_code, opportunity.territory_path, opportunity.seen_by",
    from: "opportunity_pipeline.need join opportunity_pipeline.opportunity on opportunity.id = need.opportunity_id",
    id: "need.id",
    path: Some("opportunity.territory_path"),
    live: Some("need.delete_time is null and opportunity.delete_time is null"),
    fields: &FIELDS,
    orders: &[
        Order { name: "territory", key: Some("opportunity.territory_path"), descending: false },
        Order { name: "create_time", key: None, descending: true },
    ],
    default_page_size: 50,
    max_page_size: 1_000,
};

/// What a filter over needs can name.
const FIELDS: [Field; 13] = [
    Field { name: "text", column: "need.text", kind: Kind::Text },
    Field {
        name: "state",
        column: "(case when need.delete_time is null then need.state else 'DELETED' end)",
        kind: Kind::Enum(&STATES),
    },
    Field { name: "value_chain_link", column: "need.value_chain_link", kind: Kind::Enum(&LINKS) },
    Field { name: "value", column: "need.value", kind: Kind::Decimal },
    Field { name: "currency_code", column: "need.currency_code", kind: Kind::Text },
    Field { name: "fit", column: "need.fit", kind: Kind::Integer },
    Field { name: "offering_codes", column: "need.offering_codes", kind: Kind::TextList },
    Field { name: "verified_by", column: "need.verified_by", kind: Kind::Text },
    Field { name: "evaluated_by", column: "need.evaluated_by", kind: Kind::Text },
    Field { name: "verify_time", column: "need.verify_time", kind: Kind::Instant },
    Field { name: "evaluate_time", column: "need.evaluate_time", kind: Kind::Instant },
    Field { name: "create_time", column: "need.create_time", kind: Kind::Instant },
    Field { name: "update_time", column: "need.update_time", kind: Kind::Instant },
];

const STATES: [(&str, &str); 5] = [
    ("NEED_STATE_HYPOTHESIS", "HYPOTHESIS"),
    ("NEED_STATE_VERIFIED", "VERIFIED"),
    ("NEED_STATE_EVALUATED", "EVALUATED"),
    ("NEED_STATE_REFUTED", "REFUTED"),
    ("NEED_STATE_DELETED", "DELETED"),
];

const LINKS: [(&str, &str); 4] = [
    ("VALUE_CHAIN_LINK_SUPPLY", "SUPPLY"),
    ("VALUE_CHAIN_LINK_OPERATION", "OPERATION"),
    ("VALUE_CHAIN_LINK_SALES", "SALES"),
    ("VALUE_CHAIN_LINK_CUSTOMER", "CUSTOMER"),
];

impl Noun for Need {
    const NAME: &'static str = "need";
    const SEEN_BY: Option<&'static str> = Some("opportunity.seen_by");
    type Message = pb::Need;

    fn territory_path(&self) -> Option<&str> {
        Some(&self.territory_path)
    }

    fn seen_by(&self) -> Option<&[String]> {
        Some(&self.seen_by)
    }

    fn message(&self, _: &Sight) -> pb::Need {
        convert::wire(self)
    }

    fn event(kind: &'static str, before: Option<&Self>, after: &Self) -> NewEvent {
        convert::event(kind, before, after)
    }

    async fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<Self>, Error> {
        let found = sqlx::query_as!(
            Need,
            r#"select need.id, opportunity_id, text, value_chain_link as "value_chain_link: ValueChainLink", evidence, value,
                need.currency_code, need.offering_codes, need.state as "state: State", verified_by, verify_time, verification,
                evaluated_by, evaluate_time, evaluation, fit, refute_reason, need.version, need.create_time, need.update_time,
                need.delete_time, opportunity.state as "opportunity_state: opportunity::State",
                opportunity.delete_time is not null as "opportunity_deleted!", territory_code, territory_path, seen_by
            from opportunity_pipeline.need
            join opportunity_pipeline.opportunity on opportunity.id = opportunity_id
            where need.id = $1"#,
            id,
        );
        Ok(found.fetch_optional(connection).await?)
    }

    /// Locks the need, and before it its opportunity, which neither closes nor moves meanwhile.
    async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<(), Error> {
        let of = sqlx::query_scalar!("select opportunity_id from opportunity_pipeline.need where id = $1", id);
        let Some(opportunity_id) = of.fetch_optional(&mut *connection).await? else { return Ok(()) };
        share_opportunity(connection, opportunity_id).await?;
        let locked =
            sqlx::query_scalar!("select id from opportunity_pipeline.need where id = $1 for no key update", id);
        locked.fetch_optional(connection).await?;
        Ok(())
    }

    async fn save(connection: &mut PgConnection, need: &Self) -> Result<(), Error> {
        sqlx::query_scalar!(
            "insert into opportunity_pipeline.need (id, opportunity_id, text, value_chain_link, evidence, value, currency_code, \
             offering_codes, state, verified_by, verify_time, verification, evaluated_by, evaluate_time, evaluation, fit, refute_reason, \
             version, create_time, update_time, delete_time) \
             select id, opportunity_id, text, value_chain_link, evidence, value, currency_code, offering_codes, state, verified_by, \
             verify_time, verification, evaluated_by, evaluate_time, evaluation, fit, refute_reason, version, create_time, update_time, \
             delete_time \
             from jsonb_to_record($1) as new (id uuid, opportunity_id uuid, text text, value_chain_link text, evidence text, \
             value numeric, currency_code text, offering_codes text[], state text, verified_by text, verify_time timestamptz, \
             verification text, evaluated_by text, evaluate_time timestamptz, evaluation text, fit integer, refute_reason text, \
             version bigint, create_time timestamptz, update_time timestamptz, delete_time timestamptz) \
             on conflict (id) do update set text = excluded.text, value_chain_link = excluded.value_chain_link, \
             evidence = excluded.evidence, value = excluded.value, currency_code = excluded.currency_code, \
             offering_codes = excluded.offering_codes, state = excluded.state, verified_by = excluded.verified_by, \
             verify_time = excluded.verify_time, verification = excluded.verification, evaluated_by = excluded.evaluated_by, \
             evaluate_time = excluded.evaluate_time, evaluation = excluded.evaluation, fit = excluded.fit, \
             refute_reason = excluded.refute_reason, version = excluded.version, update_time = excluded.update_time, \
             delete_time = excluded.delete_time \
             returning id",
            Json(need) as _,
        )
        .fetch_one(connection)
        .await?;
        Ok(())
    }
}

/// Keeps an opportunity as it is until the transaction ends.
pub(super) async fn share_opportunity(connection: &mut PgConnection, id: Uuid) -> Result<(), Error> {
    let locked = sqlx::query_scalar!("select id from opportunity_pipeline.opportunity where id = $1 for share", id);
    locked.fetch_optional(connection).await?;
    Ok(())
}

/// What an opportunity's customer is known to need: the texts of what was verified or evaluated, the oldest first.
pub(crate) async fn known_texts(connection: &mut PgConnection, opportunity_id: Uuid) -> Result<Vec<String>, Error> {
    let texts = sqlx::query_scalar!(
        "select text from opportunity_pipeline.need where opportunity_id = $1 and state in ('VERIFIED', 'EVALUATED') \
         and delete_time is null order by id",
        opportunity_id,
    );
    Ok(texts.fetch_all(connection).await?)
}
