//! SQL of hand-overs.

use guanxi_auth::Scope;
use guanxi_db::PgConnection;
use guanxi_filter::{Field, Kind, Listing, Order};
use guanxi_resource::Error;
use uuid::Uuid;

use super::model::HandOver;

/// Writes a hand-over.
pub(super) async fn insert(connection: &mut PgConnection, hand_over: &HandOver) -> Result<(), Error> {
    sqlx::query!(
        "insert into client_registry.hand_over (id, from_account_manager_ids, to_account_manager_ids, account_count, reason, note, \
         actor, territory_path, create_time) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        hand_over.id,
        &hand_over.from_account_manager_ids,
        &hand_over.to_account_manager_ids,
        hand_over.account_count,
        hand_over.reason,
        hand_over.note,
        hand_over.actor,
        hand_over.territory_path,
        hand_over.create_time,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The hand-over of an id, or the refusal that it does not exist for this scope.
pub(super) async fn get(connection: &mut PgConnection, scope: &Scope, id: Uuid) -> Result<HandOver, Error> {
    let found = sqlx::query_as!(
        HandOver,
        "select id, from_account_manager_ids, to_account_manager_ids, account_count, reason, note, actor, territory_path, create_time \
         from client_registry.hand_over where id = $1",
        id,
    );
    let found = found.fetch_optional(connection).await?.filter(|hand_over| scope.contains(&hand_over.territory_path));
    found.ok_or_else(|| Error::not_found("hand_over", id))
}

/// How hand-overs are listed. One may name 2,000 managers, so pages are short.
pub(super) static LISTING: Listing = Listing {
    name: "hand_over",
    columns: "id, from_account_manager_ids, to_account_manager_ids, account_count, reason, note, actor, territory_path, create_time",
    from: "client_registry.hand_over",
    id: "id",
    path: Some("territory_path"),
    live: None,
    fields: &[
        Field { name: "from_account_manager_ids", column: "(from_account_manager_ids::text[])", kind: Kind::TextList },
        Field { name: "to_account_manager_ids", column: "(to_account_manager_ids::text[])", kind: Kind::TextList },
        Field { name: "account_count", column: "account_count", kind: Kind::Integer },
        Field { name: "actor", column: "actor", kind: Kind::Text },
        Field { name: "create_time", column: "create_time", kind: Kind::Instant },
    ],
    orders: &[Order { name: "territory", key: Some("territory_path"), descending: false }],
    default_page_size: 20,
    max_page_size: 50,
};
