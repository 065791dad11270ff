//! Runs a search: candidates from Postgres, the decision from [`search`](super::search).

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use guanxi_auth::Scope;
use guanxi_db::{Database, PgConnection};
use guanxi_resource::Error;
use sqlx::{Execute, Postgres};
use uuid::Uuid;

use super::gram::Shares;
use super::search::{Candidate, Contained, Fit, MAX_CANDIDATES, Query, Similar, rank};

/// How often the statistics are read; Postgres renews them as the table changes.
const REFRESH: Duration = Duration::from_mins(1);
/// Finds accounts by name. Cheap to clone.
#[derive(Clone)]
pub(super) struct Finder(Arc<RwLock<Shares>>);

/// A row that may be meant.
#[derive(sqlx::FromRow)]
struct Found {
    id: Uuid,
    #[sqlx(rename = "names!")]
    names: Vec<String>,
    address: Option<String>,
    #[sqlx(rename = "places!")]
    places: Vec<String>,
}

/// Where and among which accounts a search looks: in some ranges of territories, which lie from `low` to `high`.
struct Bounds {
    lows: Vec<String>,
    highs: Vec<String>,
    low: String,
    high: String,
    show_deleted: bool,
}

impl Bounds {
    fn of(scope: &Scope, show_deleted: bool) -> Self {
        let (lows, highs): (Vec<String>, Vec<String>) = scope.ranges().into_iter().unzip();
        let (low, high) = (lows.first().cloned().unwrap_or_default(), highs.last().cloned().unwrap_or_default());
        Self { lows, highs, low, high, show_deleted }
    }
}

impl Finder {
    /// A finder that keeps itself informed of how common grams are.
    pub(super) fn start(database: &Database) -> Self {
        let finder = Self(Arc::default());
        tokio::spawn(refresh(finder.clone(), database.clone()));
        finder
    }

    /// The accounts of a scope that are meant, best first, each with a score above 0 and at most 1.
    pub(super) async fn find(
        &self,
        connection: &mut PgConnection,
        scope: &Scope,
        query: &Query,
        show_deleted: bool,
        wanted: usize,
    ) -> Result<Vec<(Uuid, f64)>, Error> {
        let plan = query.plan(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        let bounds = Bounds::of(scope, show_deleted);
        for contained in &plan.contained {
            let found = if contained.sorted {
                contained_sorted(connection, contained, &bounds).await?
            } else {
                contained_unsorted(connection, contained, &bounds).await?
            };
            let hits = judge(query, &found, wanted);
            if !hits.is_empty() {
                return Ok(hits);
            }
        }
        if plan.similar.telling.is_empty() {
            return Ok(Vec::new());
        }
        let found = similar(connection, &plan.similar, &bounds).await?;
        Ok(judge(query, &found, wanted))
    }
}

fn judge(query: &Query, found: &[Found], wanted: usize) -> Vec<(Uuid, f64)> {
    let candidates: Vec<Candidate<'_>> = found
        .iter()
        .map(|found| Candidate {
            names: found.names.iter().map(String::as_str).collect(),
            address: found.address.as_deref().unwrap_or_default(),
            place_names: found.places.iter().map(String::as_str).collect(),
        })
        .collect();
    let hits = rank(query, &candidates).into_iter().take(wanted);
    hits.map(|hit| (found[hit.index].id, score(hit.fit, hit.closeness))).collect()
}

/// Hits of a better fit score higher, whatever their closeness.
fn score(fit: Fit, closeness: f32) -> f64 {
    let (from, to) = match fit {
        Fit::Exact => return 1.0,
        Fit::Prefix => (0.75, 1.0),
        Fit::Contained => (0.5, 0.75),
        Fit::Similar => (0.25, 0.5),
    };
    from + (to - from) * f64::from(closeness.clamp(0.0, 0.99))
}

/// Runs a checked statement anew. Postgres plans it for its values: how common the grams and how narrow the territories are decides which
/// index serves it, and the plan that it would keep for all values is bad for most.
async fn fetch(connection: &mut PgConnection, mut statement: impl Execute<'_, Postgres>) -> Result<Vec<Found>, Error> {
    let arguments = statement.take_arguments().map_err(sqlx::Error::Encode)?.unwrap_or_default();
    let found = sqlx::query_as_with(statement.sql(), arguments).persistent(false);
    Ok(found.fetch_all(connection).await?)
}

/// Rows that hold every gram, and every place in their address or above them, shorter names first.
async fn contained_sorted(
    connection: &mut PgConnection,
    wanted: &Contained,
    bounds: &Bounds,
) -> Result<Vec<Found>, Error> {
    let found = sqlx::query_as!(
        Found,
        r#"with place as materialized (select wanted.place,
            array(select path from client_registry.territory where strpos(name_zh, wanted.place) > 0) as paths
            from unnest($5::text[]) as wanted (place))
        select id, array_remove(array[legal_name, short_name] || aliases, null) as "names!", address,
            array(select name_zh from client_registry.territory where code = any(string_to_array(territory_path, '/'))) as "places!"
        from client_registry.account
        where grams @> $1 and ($2 or delete_time is null)
            and territory_path >= $7 and territory_path < $8
            and exists (select from unnest($3::text[], $4::text[]) as visible (low, high)
                where territory_path >= visible.low and territory_path < visible.high)
            and not exists (select from place where strpos(coalesce(address, ''), place.place) = 0
                and not exists (select from unnest(place.paths) as above (path) where starts_with(territory_path, above.path)))
        order by least(char_length(legal_name), char_length(short_name)), id
        limit $6"#,
        &wanted.grams,
        bounds.show_deleted,
        &bounds.lows,
        &bounds.highs,
        &wanted.places,
        MAX_CANDIDATES,
        bounds.low,
        bounds.high,
    );
    fetch(connection, found).await
}

/// Rows that hold every gram, in any order: where all grams are common, sorting would read a tenth of the table.
async fn contained_unsorted(
    connection: &mut PgConnection,
    wanted: &Contained,
    bounds: &Bounds,
) -> Result<Vec<Found>, Error> {
    let found = sqlx::query_as!(
        Found,
        r#"select id, array_remove(array[legal_name, short_name] || aliases, null) as "names!", address,
            '{}'::text[] as "places!"
        from client_registry.account
        where grams @> $1 and ($2 or delete_time is null)
            and territory_path >= $6 and territory_path < $7
            and exists (select from unnest($3::text[], $4::text[]) as visible (low, high)
                where territory_path >= visible.low and territory_path < visible.high)
        limit $5"#,
        &wanted.grams,
        bounds.show_deleted,
        &bounds.lows,
        &bounds.highs,
        MAX_CANDIDATES,
        bounds.low,
        bounds.high,
    );
    fetch(connection, found).await
}

/// Rows that hold some of the grams, those with most of them first.
async fn similar(connection: &mut PgConnection, wanted: &Similar, bounds: &Bounds) -> Result<Vec<Found>, Error> {
    let found = sqlx::query_as!(
        Found,
        r#"select id, array_remove(array[legal_name, short_name] || aliases, null) as "names!", address,
            '{}'::text[] as "places!"
        from client_registry.account
        where grams && $1 and ($2 or delete_time is null)
            and territory_path >= $7 and territory_path < $8
            and exists (select from unnest($3::text[], $4::text[]) as visible (low, high)
                where territory_path >= visible.low and territory_path < visible.high)
        order by (select count(*) from unnest(grams) as held (gram) where held.gram = any($6)) desc,
            least(char_length(legal_name), char_length(short_name)), id
        limit $5"#,
        &wanted.telling,
        bounds.show_deleted,
        &bounds.lows,
        &bounds.highs,
        MAX_CANDIDATES,
        &wanted.grams,
        bounds.low,
        bounds.high,
    );
    fetch(connection, found).await
}

async fn refresh(finder: Finder, database: Database) {
    loop {
        match shares(&database).await {
            Ok(shares) => *finder.0.write().unwrap_or_else(PoisonError::into_inner) = shares,
            Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "the statistics cannot be read"),
        }
        tokio::time::sleep(REFRESH).await;
    }
}

/// How common grams were when Postgres last looked; nothing before it has.
async fn shares(database: &Database) -> Result<Shares, Error> {
    let mut connection = database.connection().await?;
    let rows = sqlx::query!(
        r#"select gram as "gram!", frequency as "frequency!", reltuples as "rows!"
        from pg_stats
        join pg_class on pg_class.oid = 'client_registry.account'::regclass,
            unnest(most_common_elems::text::text[], most_common_elem_freqs[1:cardinality(most_common_elems::text::text[])])
                as common (gram, frequency)
        where schemaname = 'client_registry' and tablename = 'account' and attname = 'grams'"#,
    )
    .fetch_all(&mut *connection)
    .await?;
    connection.release();
    let total = rows.first().map_or(0.0, |row| row.rows);
    Ok(Shares::new(total, rows.into_iter().map(|row| (row.gram, row.frequency))))
}
