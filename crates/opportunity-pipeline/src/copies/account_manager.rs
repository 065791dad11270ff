//! The copy of account managers. Their names are personal and stay where they are.

use guanxi_db::PgConnection;
use guanxi_events::FollowError;
use guanxi_proto::client_registry::v1::AccountManagerChange;
use guanxi_proto::events::v1::Event;
use guanxi_resource::Error;
use uuid::Uuid;

/// What is known of an account manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manager {
    pub(crate) id: Uuid,
    pub(crate) employee_number: String,
    pub(crate) territory_code: String,
    pub(crate) in_service: bool,
}

/// The managers of some ids.
pub(super) async fn find(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Manager>, Error> {
    let managers = sqlx::query_as!(
        Manager,
        "select id, employee_number, territory_code, in_service from opportunity_pipeline.account_manager where id = any($1)",
        ids,
    );
    Ok(managers.fetch_all(connection).await?)
}

/// The manager with an employee number.
pub(super) async fn find_by_number(connection: &mut PgConnection, number: &str) -> Result<Option<Manager>, Error> {
    let manager = sqlx::query_as!(
        Manager,
        "select id, employee_number, territory_code, in_service from opportunity_pipeline.account_manager where employee_number = $1",
        number,
    );
    Ok(manager.fetch_optional(connection).await?)
}

/// The managers of some ids, and those with some employee numbers.
pub(super) async fn find_named(
    connection: &mut PgConnection,
    ids: &[Uuid],
    numbers: &[String],
) -> Result<Vec<Manager>, Error> {
    let managers = sqlx::query_as!(
        Manager,
        "select id, employee_number, territory_code, in_service from opportunity_pipeline.account_manager \
         where id = any($1) or employee_number = any($2)",
        ids,
        numbers,
    );
    Ok(managers.fetch_all(connection).await?)
}

/// Takes in what events tell of account managers.
pub(super) async fn take(connection: &mut PgConnection, events: &[Event]) -> Result<(), FollowError> {
    let changes = super::newest(events, "account_manager/", |change: AccountManagerChange| change.after)?;
    if changes.is_empty() {
        return Ok(());
    }
    let (mut ids, mut numbers, mut territories) = (Vec::new(), Vec::new(), Vec::new());
    let (mut in_service, mut versions) = (Vec::new(), Vec::new());
    for (id, version, manager) in changes {
        ids.push(id);
        in_service.push(manager.delete_time.is_none() && manager.depart_date.is_empty());
        numbers.push(manager.employee_number);
        territories.push(manager.territory_code);
        versions.push(version);
    }
    sqlx::query_scalar!(
        "insert into opportunity_pipeline.account_manager (id, employee_number, territory_code, in_service, version) \
         select id, employee_number, territory_code, in_service, version \
         from unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::bigint[]) \
         as new (id, employee_number, territory_code, in_service, version) order by id \
         on conflict (id) do update set territory_code = excluded.territory_code, in_service = excluded.in_service, \
         version = excluded.version where excluded.version >= account_manager.version returning id",
        &ids,
        &numbers,
        &territories,
        &in_service,
        &versions,
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}
