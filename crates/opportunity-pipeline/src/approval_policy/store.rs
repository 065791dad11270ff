//! SQL of the policy.

use guanxi_db::PgConnection;
use guanxi_resource::Error;
use sqlx::types::Json;

use super::model::{ApprovalPolicy, Level, Threshold};

/// The policy.
pub(crate) async fn get(connection: &mut PgConnection) -> Result<ApprovalPolicy, Error> {
    let policy = sqlx::query_as!(
        ApprovalPolicy,
        r#"select id, thresholds as "thresholds: Json<Vec<Threshold>>", flagship_level as "flagship_level: Level",
            loss_level as "loss_level: Level", version, create_time, update_time
        from opportunity_pipeline.approval_policy"#
    );
    Ok(policy.fetch_one(connection).await?)
}

/// The policy for a change of it.
pub(super) async fn lock(connection: &mut PgConnection) -> Result<ApprovalPolicy, Error> {
    sqlx::query_scalar!("select id from opportunity_pipeline.approval_policy for no key update")
        .fetch_one(&mut *connection)
        .await?;
    get(connection).await
}

/// Makes the policy, unless it is there.
pub(super) async fn make(connection: &mut PgConnection, policy: &ApprovalPolicy) -> Result<bool, Error> {
    let made = sqlx::query_scalar!(
        "insert into opportunity_pipeline.approval_policy (id, thresholds, flagship_level, loss_level, version, create_time, update_time) \
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing returning id",
        policy.id,
        &policy.thresholds as _,
        policy.flagship_level as _,
        policy.loss_level as _,
        policy.version,
        policy.create_time,
        policy.update_time,
    );
    Ok(made.fetch_optional(connection).await?.is_some())
}

/// Saves everything that can change.
pub(super) async fn save(connection: &mut PgConnection, policy: &ApprovalPolicy) -> Result<(), Error> {
    sqlx::query!(
        "update opportunity_pipeline.approval_policy set thresholds = $2, flagship_level = $3, loss_level = $4, version = $5, \
         update_time = $6 where id = $1",
        policy.id,
        &policy.thresholds as _,
        policy.flagship_level as _,
        policy.loss_level as _,
        policy.version,
        policy.update_time,
    )
    .execute(connection)
    .await?;
    Ok(())
}
