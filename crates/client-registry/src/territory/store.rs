//! SQL of territories.

use guanxi_auth::Scope;
use guanxi_db::PgConnection;
use guanxi_filter::{Field, Kind, Listing, Order};
use guanxi_proto::client_registry::v1::ErrorReason;
use guanxi_resource::Error;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::model::{Levels, Territory};
use crate::assignment::store as assignments;
use crate::error::Refused;

/// Locks the shape of a tree: shared to hang something into it, alone to move a part of it.
pub(crate) async fn lock_tree(connection: &mut PgConnection, noun: &str, alone: bool) -> Result<(), Error> {
    if alone {
        sqlx::query_scalar!("select noun from client_registry.tree where noun = $1 for update", noun)
            .fetch_one(connection)
            .await?;
    } else {
        sqlx::query_scalar!("select noun from client_registry.tree where noun = $1 for share", noun)
            .fetch_one(connection)
            .await?;
    }
    Ok(())
}

pub(super) async fn levels(connection: &mut PgConnection) -> Result<Levels, Error> {
    let rows = sqlx::query!("select code, rank from client_registry.territory_level").fetch_all(connection).await?;
    Ok(Levels(rows.into_iter().map(|row| (row.code, row.rank)).collect()))
}

/// A level with its names.
pub(super) struct NamedLevel {
    pub(super) code: String,
    pub(super) rank: i32,
    pub(super) name_zh: String,
    pub(super) name_en: String,
}

pub(super) async fn named_levels(connection: &mut PgConnection) -> Result<Vec<NamedLevel>, Error> {
    let levels = sqlx::query_as!(
        NamedLevel,
        "select code, rank, name_zh, name_en from client_registry.territory_level order by rank"
    );
    Ok(levels.fetch_all(connection).await?)
}

/// The territories of some codes that lie in the scope.
pub(crate) async fn find(
    connection: &mut PgConnection,
    scope: &Scope,
    codes: &[String],
) -> Result<Vec<Territory>, Error> {
    let mut found = sqlx::query_as!(
        Territory,
        "select id, code, name_zh, name_en, level, parent_code, path, version, create_time, update_time \
         from client_registry.territory where code = any($1)",
        codes,
    )
    .fetch_all(connection)
    .await?;
    found.retain(|territory| scope.contains(&territory.path));
    Ok(found)
}

/// The territory of a code, or the refusal that it does not exist for this scope.
pub(crate) async fn get(connection: &mut PgConnection, scope: &Scope, code: &str) -> Result<Territory, Error> {
    let found = find(connection, scope, &[code.to_owned()]).await?;
    found.into_iter().next().ok_or_else(|| not_found(code))
}

/// The territory of an id, or the refusal that the named one does not exist for this scope.
pub(super) async fn get_by_id(
    connection: &mut PgConnection,
    scope: &Scope,
    id: Uuid,
    code: &str,
) -> Result<Territory, Error> {
    let found = sqlx::query_as!(
        Territory,
        "select id, code, name_zh, name_en, level, parent_code, path, version, create_time, update_time \
         from client_registry.territory where id = $1",
        id,
    );
    let found = found.fetch_optional(connection).await?.filter(|territory| scope.contains(&territory.path));
    found.ok_or_else(|| not_found(code))
}

/// Which of the codes a deleted territory had: grants, events and other systems may still mean that one by them.
pub(super) async fn retired(connection: &mut PgConnection, codes: &[String]) -> Result<Vec<String>, Error> {
    let retired = sqlx::query_scalar!("select code from client_registry.territory_retired where code = any($1)", codes);
    Ok(retired.fetch_all(connection).await?)
}

fn not_found(code: &str) -> Error {
    Error::not_found("territory", code)
}

/// Territories by code for whoever places something in them: none of them moves or goes until the transaction ends.
pub(crate) async fn lock_shared(
    connection: &mut PgConnection,
    scope: &Scope,
    codes: &[String],
) -> Result<Vec<Territory>, Error> {
    if codes.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = sqlx::query_as!(
        Territory,
        "select id, code, name_zh, name_en, level, parent_code, path, version, create_time, update_time \
         from client_registry.territory where code = any($1) order by code for share",
        codes,
    )
    .fetch_all(connection)
    .await?;
    found.retain(|territory| scope.contains(&territory.path));
    Ok(found)
}

/// The territory of a code among those that were found.
pub(crate) fn named<'a>(found: &'a [Territory], code: &str) -> Result<&'a Territory, Error> {
    found.iter().find(|territory| territory.code == code).ok_or_else(|| not_found(code))
}

/// The territory of a code for a change of it.
pub(super) async fn lock(connection: &mut PgConnection, scope: &Scope, code: &str) -> Result<Territory, Error> {
    sqlx::query_scalar!("select id from client_registry.territory where code = $1 for no key update", code)
        .fetch_optional(&mut *connection)
        .await?;
    get(connection, scope, code).await
}

pub(super) async fn insert(connection: &mut PgConnection, territories: &[Territory]) -> Result<(), Error> {
    let outcome = sqlx::query_scalar!(
        "insert into client_registry.territory \
         (id, code, name_zh, name_en, level, parent_code, path, version, create_time, update_time) \
         select id, code, name_zh, name_en, level, parent_code, path, version, create_time, update_time \
         from jsonb_to_recordset($1) as new (id uuid, code text, name_zh text, name_en text, level text, parent_code text, \
         path text, version bigint, create_time timestamptz, update_time timestamptz) \
         returning id",
        Json(territories) as _,
    )
    .fetch_all(connection)
    .await
    .map_err(guanxi_db::Error::from);
    match (outcome, territories) {
        // Only one is known to be the one at fault; an import looks again.
        (Err(error), [territory]) if error.constraint() == Some("territory_code_key") => {
            Err(Error::Exists { resource: "territory", field: "code", value: territory.code.clone() })
        }
        (outcome, _) => Ok(outcome.map(|_| ())?),
    }
}

/// Saves name and parent.
pub(super) async fn update(connection: &mut PgConnection, territory: &Territory) -> Result<(), Error> {
    sqlx::query!(
        "update client_registry.territory set name_zh = $2, name_en = $3, parent_code = $4, version = $5, update_time = $6 where id = $1",
        territory.id,
        territory.name_zh,
        territory.name_en,
        territory.parent_code,
        territory.version,
        territory.update_time,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Hangs everything below a path under another one: the territories first, whose locks keep whoever places something in them
/// waiting, then what lies in them. Returns the number of accounts. The caller holds the tree alone.
pub(super) async fn move_subtree(connection: &mut PgConnection, old: &str, new: &str) -> Result<u64, Error> {
    let end = guanxi_auth::subtree_end(old);
    // A province may hold a million accounts; the caller's deadline still ends it earlier.
    sqlx::query!("set local statement_timeout = '5min'").execute(&mut *connection).await?;
    sqlx::query!(
        "update client_registry.territory set path = $3 || substr(path, length($1) + 1) where path >= $1 and path < $2",
        old,
        end,
        new,
    )
    .execute(&mut *connection)
    .await?;
    let accounts = sqlx::query!(
        "update client_registry.account set territory_path = $3 || substr(territory_path, length($1) + 1) \
         where territory_path >= $1 and territory_path < $2",
        old,
        end,
        new,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "update client_registry.account_manager set territory_path = $3 || substr(territory_path, length($1) + 1) \
         where territory_path >= $1 and territory_path < $2",
        old,
        end,
        new,
    )
    .execute(&mut *connection)
    .await?;
    assignments::move_subtree(connection, old, new).await?;
    Ok(accounts.rows_affected())
}

/// Deletes for good; the code is never used again. Hand-overs of the territory go to the one above.
pub(super) async fn delete(
    connection: &mut PgConnection,
    territory: &Territory,
    now: OffsetDateTime,
) -> Result<(), Error> {
    sqlx::query_scalar!(
        "insert into client_registry.territory_retired (code, territory_id, delete_time) values ($1, $2, $3) returning code",
        territory.code,
        territory.id,
        now,
    )
    .fetch_one(&mut *connection)
    .await?;
    let above = territory.path.strip_suffix(&format!("{}/", territory.code)).unwrap_or_default();
    sqlx::query!(
        "update client_registry.hand_over set territory_path = $2 where territory_path = $1",
        territory.path,
        above,
    )
    .execute(&mut *connection)
    .await?;
    let outcome =
        sqlx::query!("delete from client_registry.territory where id = $1", territory.id).execute(connection).await;
    let Err(error) = outcome.map_err(guanxi_db::Error::from) else { return Ok(()) };
    let holds = match error.constraint() {
        Some("territory_parent_fkey") => ErrorReason::TerritoryHasChildren,
        Some("account_territory_fkey") => ErrorReason::TerritoryHasAccounts,
        Some("account_manager_territory_fkey") => ErrorReason::TerritoryHasAccountManagers,
        _ => return Err(error.into()),
    };
    Err(Refused::TerritoryNotEmpty { code: territory.code.clone(), holds }.into())
}

/// The path of the parent.
const PARENT_PATH: &str = "left(path, -length(code) - 1)";

/// How territories are listed.
pub(super) static LISTING: Listing = Listing {
    name: "territory",
    columns: "id, code, name_zh, name_en, level, parent_code, path, version, create_time, update_time",
    from: "client_registry.territory",
    id: "id",
    path: Some("path"),
    live: None,
    fields: &[
        Field { name: "code", column: "code", kind: Kind::Text },
        Field { name: "level", column: "level", kind: Kind::Text },
        Field { name: "parent_code", column: "parent_code", kind: Kind::Shown(&Kind::Text, PARENT_PATH) },
        Field { name: "name.zh", column: "name_zh", kind: Kind::Text },
        Field { name: "name.en", column: "name_en", kind: Kind::Text },
    ],
    orders: &[Order { name: "path", key: Some("path"), descending: false }],
    default_page_size: 50,
    max_page_size: 1_000,
};
