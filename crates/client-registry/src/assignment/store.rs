//! SQL of assignments, and of the vacancies that they leave.

use std::collections::HashMap;

use guanxi_auth::Scope;
use guanxi_db::PgConnection;
use guanxi_filter::{Field, Kind, Listing, Order};
use guanxi_resource::Error;
use sqlx::types::Json;
use time::Date;
use uuid::Uuid;

use super::gate::{Account, Manager};
use super::model::{Assignment, Role};
use crate::account::{State, Tier};
use crate::account_manager::Channel;

/// The assignments of some ids, in the order of ids.
async fn find(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Assignment>, Error> {
    let found = sqlx::query_as!(
        Assignment,
        r#"select assignment.id, assignment.account_id, assignment.account_manager_id, assignment.role as "role: Role",
            assignment.start_date, assignment.end_date, assignment.open_reason, assignment.close_reason,
            assignment.exception_reason, assignment.hand_over_id, assignment.closing_hand_over_id, assignment.territory_path,
            assignment.version, assignment.create_time, assignment.update_time, account.tier as "account_tier: Tier"
        from client_registry.assignment join client_registry.account on account.id = assignment.account_id
        where assignment.id = any($1) order by assignment.id"#,
        ids,
    );
    Ok(found.fetch_all(connection).await?)
}

/// The assignment of an id, or the refusal that it does not exist for this scope.
pub(super) async fn get(connection: &mut PgConnection, scope: &Scope, id: Uuid) -> Result<Assignment, Error> {
    let found = find(connection, &[id]).await?.pop().filter(|assignment| scope.contains(&assignment.territory_path));
    found.ok_or_else(|| Error::not_found("assignment", id))
}

/// The assignment of an id for a change of it.
pub(super) async fn lock(connection: &mut PgConnection, scope: &Scope, id: Uuid) -> Result<Assignment, Error> {
    sqlx::query_scalar!("select id from client_registry.assignment where id = $1 for no key update", id)
        .fetch_optional(&mut *connection)
        .await?;
    get(connection, scope, id).await
}

/// Those in force on a day, PRIMARY first; at most 200.
pub(super) async fn in_force(
    connection: &mut PgConnection,
    account_id: Uuid,
    day: Date,
) -> Result<Vec<Assignment>, Error> {
    let ids = sqlx::query_scalar!(
        "select id from client_registry.assignment where account_id = $1 and start_date <= $2 and (end_date is null or end_date > $2) \
         order by id limit 200",
        account_id,
        day,
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut found = find(connection, &ids).await?;
    found.sort_by_key(|assignment| assignment.role != Role::Primary);
    Ok(found)
}

/// Accounts of the scope, locked in the order of their ids.
pub(super) async fn lock_accounts(
    connection: &mut PgConnection,
    scope: &Scope,
    ids: &[Uuid],
) -> Result<Vec<Account>, Error> {
    let mut found = sqlx::query_as!(
        Account,
        r#"select id, territory_path, industry_code, tier as "tier: Tier", state as "state: State", delete_time is not null as "deleted!"
        from client_registry.account where id = any($1) order by id for no key update"#,
        ids,
    )
    .fetch_all(connection)
    .await?;
    found.retain(|account| scope.contains(&account.territory_path));
    Ok(found)
}

/// Managers of the scope, locked in the order of their ids.
pub(super) async fn lock_managers(
    connection: &mut PgConnection,
    scope: &Scope,
    ids: &[Uuid],
) -> Result<Vec<Manager>, Error> {
    let mut found = sqlx::query_as!(
        Manager,
        r#"select id, territory_path, channel as "channel: Channel", grade, industry_codes,
            depart_date is not null as "departed!", delete_time is not null as "deleted!"
        from client_registry.account_manager where id = any($1) order by id for no key update"#,
        ids,
    )
    .fetch_all(connection)
    .await?;
    found.retain(|manager| scope.contains(&manager.territory_path));
    Ok(found)
}

/// Refuses a manager that does not exist for this scope, for what belongs to it.
pub(crate) async fn check_manager(connection: &mut PgConnection, scope: &Scope, id: Uuid) -> Result<(), Error> {
    let path = sqlx::query_scalar!("select territory_path from client_registry.account_manager where id = $1", id);
    let path = path.fetch_optional(connection).await?.filter(|path| scope.contains(path));
    path.map(|_| ()).ok_or_else(|| Error::not_found("account_manager", id))
}

/// The accounts of the scope whose open PRIMARY a manager is, in the order of the assignments.
pub(crate) async fn portfolio(
    connection: &mut PgConnection,
    scope: &Scope,
    manager_id: Uuid,
) -> Result<Vec<Uuid>, Error> {
    let rows = sqlx::query!(
        "select account_id, territory_path from client_registry.assignment \
         where account_manager_id = $1 and role = 'PRIMARY' and end_date is null order by id",
        manager_id,
    );
    let rows = rows.fetch_all(connection).await?.into_iter().filter(|row| scope.contains(&row.territory_path));
    Ok(rows.map(|row| row.account_id).collect())
}

/// Number of open PRIMARYs of managers.
pub(crate) async fn loads(connection: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, i64>, Error> {
    let rows = sqlx::query!(
        r#"select account_manager_id, count(*) as "count!" from client_registry.assignment
        where account_manager_id = any($1) and role = 'PRIMARY' and end_date is null group by account_manager_id"#,
        ids,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.account_manager_id, row.count)).collect())
}

/// The open PRIMARYs of accounts, locked in the order of their ids.
pub(super) async fn lock_primaries(
    connection: &mut PgConnection,
    account_ids: &[Uuid],
) -> Result<Vec<Assignment>, Error> {
    let ids = sqlx::query_scalar!(
        "select id from client_registry.assignment where account_id = any($1) and role = 'PRIMARY' and end_date is null \
         order by id for no key update",
        account_ids,
    )
    .fetch_all(&mut *connection)
    .await?;
    find(connection, &ids).await
}

/// All open assignments of a manager, locked in the order of their ids.
pub(super) async fn lock_open_of_manager(
    connection: &mut PgConnection,
    manager_id: Uuid,
) -> Result<Vec<Assignment>, Error> {
    let ids = sqlx::query_scalar!(
        "select id from client_registry.assignment where account_manager_id = $1 and end_date is null order by id for no key update",
        manager_id,
    )
    .fetch_all(&mut *connection)
    .await?;
    find(connection, &ids).await
}

/// True if an account has an open PRIMARY, which then stays open until the transaction ends.
pub(crate) async fn lock_primary_of(connection: &mut PgConnection, account_id: Uuid) -> Result<bool, Error> {
    let open = sqlx::query_scalar!(
        "select id from client_registry.assignment where account_id = $1 and role = 'PRIMARY' and end_date is null for share",
        account_id,
    );
    Ok(open.fetch_optional(connection).await?.is_some())
}

/// Number of open assignments of an account.
pub(crate) async fn count_open_of(connection: &mut PgConnection, account_id: Uuid) -> Result<usize, Error> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from client_registry.assignment where account_id = $1 and end_date is null"#,
        account_id,
    );
    Ok(usize::try_from(count.fetch_one(connection).await?).unwrap_or_default())
}

/// Paths of the accounts of a manager's open assignments.
pub(crate) async fn open_paths_of(connection: &mut PgConnection, manager_id: Uuid) -> Result<Vec<String>, Error> {
    let paths = sqlx::query_scalar!(
        "select territory_path from client_registry.assignment where account_manager_id = $1 and end_date is null",
        manager_id,
    );
    Ok(paths.fetch_all(connection).await?)
}

/// The latest end of a closed PRIMARY that applied, by account; of no account without asking.
pub(super) async fn last_ends(
    connection: &mut PgConnection,
    account_ids: &[Uuid],
) -> Result<HashMap<Uuid, Date>, Error> {
    if account_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query!(
        r#"select account_id, max(end_date) as "end_date!" from client_registry.assignment
        where account_id = any($1) and role = 'PRIMARY' and end_date > start_date group by account_id"#,
        account_ids,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.account_id, row.end_date)).collect())
}

/// Writes new assignments; the accounts of PRIMARYs are vacant no longer.
pub(crate) async fn insert(connection: &mut PgConnection, assignments: &[Assignment]) -> Result<(), Error> {
    let inserted = sqlx::query_scalar!(
        "insert into client_registry.assignment (id, account_id, account_manager_id, role, start_date, end_date, open_reason, \
         close_reason, exception_reason, hand_over_id, closing_hand_over_id, territory_path, version, create_time, update_time) \
         select id, account_id, account_manager_id, role, start_date, end_date, open_reason, close_reason, exception_reason, \
         hand_over_id, closing_hand_over_id, territory_path, version, create_time, update_time \
         from jsonb_to_recordset($1) as new (id uuid, account_id uuid, account_manager_id uuid, role text, start_date date, \
         end_date date, open_reason text, close_reason text, exception_reason text, hand_over_id uuid, closing_hand_over_id uuid, \
         territory_path text, version bigint, create_time timestamptz, update_time timestamptz) \
         returning id",
        Json(assignments) as _,
    )
    .fetch_all(&mut *connection)
    .await;
    match (inserted.map_err(guanxi_db::Error::from), assignments) {
        (Err(error), [assignment]) if error.constraint() == Some("assignment_open_key") => {
            let value = assignment.account_manager_id.to_string();
            return Err(Error::Exists { resource: "assignment", field: "account_manager_id", value });
        }
        (inserted, _) => inserted?,
    };
    let primaries = assignments.iter().filter(|assignment| assignment.role == Role::Primary);
    let accounts: Vec<Uuid> = primaries.map(|assignment| assignment.account_id).collect();
    sqlx::query!("delete from client_registry.vacancy where account_id = any($1)", &accounts)
        .execute(connection)
        .await?;
    Ok(())
}

/// Saves the ends of assignments that were just closed.
pub(crate) async fn close(connection: &mut PgConnection, assignments: &[Assignment]) -> Result<(), Error> {
    sqlx::query!(
        "update client_registry.assignment known set end_date = new.end_date, close_reason = new.close_reason, \
         closing_hand_over_id = new.closing_hand_over_id, version = new.version, update_time = new.update_time \
         from jsonb_to_recordset($1) as new (id uuid, end_date date, close_reason text, closing_hand_over_id uuid, version bigint, \
         update_time timestamptz) where known.id = new.id",
        Json(assignments) as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes the accounts that closed PRIMARYs leave vacant: customers have to have somebody.
pub(super) async fn vacate(connection: &mut PgConnection, assignments: &[Assignment]) -> Result<(), Error> {
    let ids: Vec<Uuid> = assignments.iter().map(|assignment| assignment.id).collect();
    sqlx::query_scalar!(
        "insert into client_registry.vacancy (account_id, since_date, territory_path) \
         select account.id, assignment.end_date, account.territory_path \
         from client_registry.assignment join client_registry.account on account.id = assignment.account_id \
         where assignment.id = any($1) and assignment.role = 'PRIMARY' and account.state <> 'PROSPECT' \
         on conflict (account_id) do update set since_date = excluded.since_date, territory_path = excluded.territory_path \
         returning account_id",
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

/// Takes what belongs to accounts along to where they go. Assignments first: who closes one meanwhile waits, and then notes the vacancy
/// where the account lies.
pub(crate) async fn follow(connection: &mut PgConnection, moved: &[(Uuid, String)]) -> Result<(), Error> {
    if moved.is_empty() {
        return Ok(());
    }
    let (ids, paths): (Vec<Uuid>, Vec<String>) = moved.iter().cloned().unzip();
    sqlx::query!(
        "update client_registry.assignment set territory_path = moved.path \
         from unnest($1::uuid[], $2::text[]) as moved (id, path) where account_id = moved.id",
        &ids,
        &paths,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "update client_registry.vacancy set territory_path = moved.path \
         from unnest($1::uuid[], $2::text[]) as moved (id, path) where account_id = moved.id",
        &ids,
        &paths,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The same for everything in a subtree of territories.
pub(crate) async fn move_subtree(connection: &mut PgConnection, old: &str, new: &str) -> Result<(), Error> {
    let end = guanxi_auth::subtree_end(old);
    sqlx::query!(
        "update client_registry.assignment set territory_path = $3 || substr(territory_path, length($1) + 1) \
         where territory_path >= $1 and territory_path < $2",
        old,
        end,
        new,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "update client_registry.vacancy set territory_path = $3 || substr(territory_path, length($1) + 1) \
         where territory_path >= $1 and territory_path < $2",
        old,
        end,
        new,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "update client_registry.hand_over set territory_path = $3 || substr(territory_path, length($1) + 1) \
         where territory_path >= $1 and territory_path < $2",
        old,
        end,
        new,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How assignments are listed.
pub(super) static LISTING: Listing = Listing {
    name: "assignment",
    columns: "id, account_id, account_manager_id, role, start_date, end_date, open_reason, close_reason, exception_reason, \
         hand_over_id, closing_hand_over_id, territory_path, version, create_time, update_time",
    from: "client_registry.assignment",
    id: "id",
    path: Some("territory_path"),
    live: None,
    fields: &[
        Field { name: "account_id", column: "account_id", kind: Kind::Id },
        Field { name: "account_manager_id", column: "account_manager_id", kind: Kind::Id },
        Field { name: "role", column: "role", kind: Kind::Enum(&ROLES) },
        Field {
            name: "state",
            column: "(case when end_date is null then 'OPEN' else 'CLOSED' end)",
            kind: Kind::Enum(&[("ASSIGNMENT_STATE_OPEN", "OPEN"), ("ASSIGNMENT_STATE_CLOSED", "CLOSED")]),
        },
        Field { name: "start_date", column: "start_date", kind: Kind::Day },
        Field { name: "end_date", column: "end_date", kind: Kind::Day },
        Field { name: "hand_over_id", column: "hand_over_id", kind: Kind::Id },
        Field { name: "closing_hand_over_id", column: "closing_hand_over_id", kind: Kind::Id },
    ],
    orders: &[Order { name: "territory", key: Some("territory_path"), descending: false }],
    default_page_size: 50,
    max_page_size: 1_000,
};

const ROLES: [(&str, &str); 4] = [
    ("ASSIGNMENT_ROLE_PRIMARY", "PRIMARY"),
    ("ASSIGNMENT_ROLE_BACKUP", "BACKUP"),
    ("ASSIGNMENT_ROLE_PRODUCT_MANAGER", "PRODUCT_MANAGER"),
    ("ASSIGNMENT_ROLE_SUPPORT_MANAGER", "SUPPORT_MANAGER"),
];
