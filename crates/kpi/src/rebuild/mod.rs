//! The proof that figures follow from the feeds: everything that kpi derives is made anew in a second place, from position 0 of each feed and by the
//! code that the followers run, and compared with what stands in the first.
//!
//! The feeds are taken in one after the other, in an order in which nobody ever gets them: any order gives the same figures.

mod compare;
mod replay;
mod table;

use std::collections::HashMap;

use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use guanxi_db::PgConnection;
use guanxi_events::FollowError;
use guanxi_proto::events::v1::Event;
use guanxi_service::CLIENT_REGISTRY;
use guanxi_service::territories::Intake;
use sqlx::Connection as _;
use uuid::Uuid;

pub use compare::{Compared, Difference};
pub use replay::Source;

use crate::fact::{Attribution, Deltas, Fact, store};
use crate::follow::{self, CATALOG_TYPES, PIPELINE_TYPES};
use crate::service::{CATALOG, PIPELINE, SCHEMA, beside};

/// Measurements that are rolled up together.
const TOGETHER: usize = 5_000;

/// Why nothing can be said. Each text says what to do next where there is something to do.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// A feed cannot be taken in.
    #[error("the feed of {source_name} cannot be taken in anew")]
    Feed {
        /// Whose feed.
        source_name: &'static str,
        /// Why.
        #[source]
        error: FollowError,
    },
    /// The live position is one that there is not.
    #[error(
        "kpi says that it took in {source_name} up to position {position}, whose newest is {newest}: its database is not of this cluster, or that of \
         {source_name} was set back to a backup"
    )]
    Ahead {
        /// Whose feed.
        source_name: &'static str,
        /// Where kpi is.
        position: i64,
        /// Where the source is.
        newest: i64,
    },
}

/// The feeds.
pub struct Sources {
    /// That of client-registry.
    pub client_registry: Source,
    /// That of product-catalog.
    pub product_catalog: Source,
    /// That of opportunity-pipeline.
    pub opportunity_pipeline: Source,
}

/// What the work is at, and how much of it is done of how much.
pub type Progress<'a> = &'a (dyn Fn(&'static str, u64, u64) + Send + Sync);

/// Makes everything anew in `scratch`, a database with the fresh tables of kpi, and compares it with `live`. Both as the role that owns the schema. `live`
/// is only read, as of one moment; `most` is how many differing rows of each table are told.
pub async fn rebuild(
    live: &mut PgConnection,
    scratch: &mut PgConnection,
    sources: &Sources,
    most: usize,
    progress: Progress<'_>,
) -> Result<Vec<Compared>, RebuildError> {
    let mut live = live.begin_with("begin isolation level repeatable read read only").await?;
    // What is lost with the server is made anew in any case.
    sqlx::query_scalar!("select set_config('synchronous_commit', 'off', false) as \"set!\"")
        .fetch_one(&mut *scratch)
        .await?;
    let positions = sqlx::query!("select source, position from kpi.followed").fetch_all(&mut *live).await?;
    let positions: HashMap<String, i64> = positions.into_iter().map(|row| (row.source, row.position)).collect();
    let until = |source| positions.get(source).copied().unwrap_or_default();

    roll_up_measurements(&mut live, scratch, progress).await?;
    let pipeline = &sources.opportunity_pipeline;
    replay::replay(pipeline, (PIPELINE, &PIPELINE_TYPES, until(PIPELINE)), scratch, &take_pipeline, progress).await?;
    let intake = Intake::of(SCHEMA, beside());
    let take: &replay::Take = &move |connection, events| Box::pin(intake.apply(connection, events));
    let registry = &sources.client_registry;
    let feed = (CLIENT_REGISTRY, &*intake.types(), until(CLIENT_REGISTRY));
    replay::replay(registry, feed, scratch, take, progress).await?;
    let catalog = &sources.product_catalog;
    replay::replay(catalog, (CATALOG, &CATALOG_TYPES, until(CATALOG)), scratch, &take_catalog, progress).await?;

    let mut compared = Vec::new();
    for table in table::ALL {
        let note = |rows| progress(table.name(), rows, 0);
        compared.push(compare::compare(table.name(), table.rows(&mut live), table.rows(scratch), most, &note).await?);
    }
    live.rollback().await?;
    Ok(compared)
}

fn take_pipeline<'c>(connection: &'c mut PgConnection, events: &'c [Event]) -> BoxFuture<'c, Result<(), FollowError>> {
    Box::pin(follow::take_pipeline(connection, events))
}

fn take_catalog<'c>(connection: &'c mut PgConnection, events: &'c [Event]) -> BoxFuture<'c, Result<(), FollowError>> {
    Box::pin(follow::take_catalog(connection, events))
}

/// Measurements came by no feed: their sums are made from what they are.
async fn roll_up_measurements(
    live: &mut PgConnection,
    scratch: &mut PgConnection,
    progress: Progress<'_>,
) -> Result<(), RebuildError> {
    let rows = sqlx::query!(
        "select measure, day, territory_code, manager_id, account_id, offering_code, currency_code, tier, industry_code, value \
         from kpi.measurement",
    );
    let known = |id: Uuid| Some(id).filter(|id| !id.is_nil());
    let facts = rows.fetch(live).map_ok(|row| Fact {
        measure: row.measure,
        day: row.day,
        attribution: Attribution {
            territory_code: row.territory_code,
            manager_id: known(row.manager_id),
            account_id: known(row.account_id),
            stage: String::new(),
            tier: row.tier,
            industry_code: row.industry_code,
        },
        currency_code: row.currency_code,
        value: row.value,
        offerings: [(row.offering_code, row.value)].into(),
    });
    let mut chunks = std::pin::pin!(facts.try_chunks(TOGETHER));
    let mut done = 0;
    while let Some(chunk) = chunks.try_next().await.map_err(|error| error.1)? {
        let mut deltas = Deltas::default();
        for fact in &chunk {
            deltas.add(fact, 1);
        }
        let mut transaction = scratch.begin().await?;
        store::take_turn(&mut transaction).await?;
        deltas.write(&mut transaction).await?;
        transaction.commit().await?;
        done += chunk.len() as u64;
        progress("measurement", done, 0);
    }
    Ok(())
}
