//! SQL of the policy.

use guanxi_db::PgConnection;
use guanxi_resource::Error;

use super::model::AssignmentPolicy;
use crate::account_manager::Channel;

/// The policy.
pub(crate) async fn get(connection: &mut PgConnection) -> Result<AssignmentPolicy, Error> {
    let policy = sqlx::query_as!(
        AssignmentPolicy,
        r#"select id, tier_a_min_grade, tier_b_min_grade, tier_c_min_grade, untiered_min_grade, field_max_accounts,
            industry_max_accounts, phone_max_accounts, tier_c_channel as "tier_c_channel: Channel", vacancy_days, version, update_time
        from client_registry.assignment_policy"#
    );
    Ok(policy.fetch_one(connection).await?)
}

/// The policy for a change of it.
pub(super) async fn lock(connection: &mut PgConnection) -> Result<AssignmentPolicy, Error> {
    sqlx::query_scalar!("select id from client_registry.assignment_policy for no key update")
        .fetch_one(&mut *connection)
        .await?;
    get(connection).await
}

/// Saves everything that can change.
pub(super) async fn save(connection: &mut PgConnection, policy: &AssignmentPolicy) -> Result<(), Error> {
    sqlx::query!(
        "update client_registry.assignment_policy set tier_a_min_grade = $2, tier_b_min_grade = $3, tier_c_min_grade = $4, \
         untiered_min_grade = $5, field_max_accounts = $6, industry_max_accounts = $7, phone_max_accounts = $8, \
         tier_c_channel = $9, vacancy_days = $10, version = $11, update_time = $12 where id = $1",
        policy.id,
        policy.tier_a_min_grade,
        policy.tier_b_min_grade,
        policy.tier_c_min_grade,
        policy.untiered_min_grade,
        policy.field_max_accounts,
        policy.industry_max_accounts,
        policy.phone_max_accounts,
        policy.tier_c_channel as _,
        policy.vacancy_days,
        policy.version,
        policy.update_time,
    )
    .execute(connection)
    .await?;
    Ok(())
}
