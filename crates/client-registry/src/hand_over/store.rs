//! SQL of hand-overs.

use guanxi_db::PgConnection;
use guanxi_resource::Error;

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
