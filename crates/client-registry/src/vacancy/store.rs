//! SQL of vacant accounts, and of whom a suggestion looks at.

use guanxi_auth::Scope;
use guanxi_db::PgConnection;
use guanxi_filter::{Field, Kind, Listing, Order};
use guanxi_resource::Error;
use time::Date;
use uuid::Uuid;

use crate::account::{State, Tier};
use crate::account_manager::Channel;
use crate::assignment::gate::{Account, Manager};

/// A vacant account as it is listed.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct VacantAccount {
    pub(super) account_id: Uuid,
    pub(super) legal_name: String,
    pub(super) tier: Option<Tier>,
    pub(super) territory_path: String,
    pub(super) since_date: Date,
}

/// How vacant accounts are listed.
pub(super) static LISTING: Listing = Listing {
    name: "vacancy",
    columns: "vacancy.account_id, account.legal_name, account.tier, vacancy.territory_path, vacancy.since_date",
    from: "client_registry.vacancy join client_registry.account on account.id = vacancy.account_id",
    id: "vacancy.account_id",
    path: Some("vacancy.territory_path"),
    live: Some("account.state = 'ACTIVE' and account.delete_time is null"),
    fields: &[
        Field {
            name: "tier",
            column: "account.tier",
            kind: Kind::Enum(&[("TIER_A", "A"), ("TIER_B", "B"), ("TIER_C", "C")]),
        },
        Field { name: "since_date", column: "vacancy.since_date", kind: Kind::Day },
    ],
    orders: &[Order { name: "territory", key: Some("vacancy.territory_path"), descending: false }],
    default_page_size: 50,
    max_page_size: 1_000,
};

/// The vacant accounts of a subtree.
pub(super) async fn vacant(
    connection: &mut PgConnection,
    territory_path: &str,
    limit: i64,
) -> Result<Vec<Account>, Error> {
    let accounts = sqlx::query_as!(
        Account,
        r#"select account.id, account.territory_path, account.industry_code, account.tier as "tier: Tier",
            account.state as "state: State", account.delete_time is not null as "deleted!"
        from client_registry.vacancy join client_registry.account on account.id = vacancy.account_id
        where vacancy.territory_path >= $1 and vacancy.territory_path < $2 and account.state = 'ACTIVE'
            and account.delete_time is null
        order by vacancy.territory_path, vacancy.account_id limit $3"#,
        territory_path,
        guanxi_auth::subtree_end(territory_path),
        limit,
    );
    Ok(accounts.fetch_all(connection).await?)
}

/// Accounts by id, in the order of ids.
pub(super) async fn accounts(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Account>, Error> {
    let accounts = sqlx::query_as!(
        Account,
        r#"select id, territory_path, industry_code, tier as "tier: Tier", state as "state: State", delete_time is not null as "deleted!"
        from client_registry.account where id = any($1) order by id"#,
        ids,
    );
    Ok(accounts.fetch_all(connection).await?)
}

/// The managers in service who may fit accounts that lie at some paths: those of the territories above them, and of industries.
pub(super) async fn candidates(
    connection: &mut PgConnection,
    scope: &Scope,
    above: &[String],
) -> Result<Vec<Manager>, Error> {
    let mut managers = sqlx::query_as!(
        Manager,
        r#"select id, territory_path, channel as "channel: Channel", grade, industry_codes, false as "departed!", false as "deleted!"
        from client_registry.account_manager
        where depart_date is null and delete_time is null and (territory_path = any($1) or channel = 'INDUSTRY')"#,
        above,
    )
    .fetch_all(connection)
    .await?;
    managers.retain(|manager| scope.contains(&manager.territory_path));
    Ok(managers)
}
