//! The copy of accounts.

use std::collections::HashMap;

use guanxi_db::PgConnection;
use guanxi_events::FollowError;
use guanxi_grpc::{Call, Peer, PeerError, Refusal, pass_on};
use guanxi_proto::client_registry::v1::account_service_client::AccountServiceClient;
use guanxi_proto::client_registry::v1::{self as pb, AccountChange, GetAccountRequest, get_account_request};
use guanxi_proto::events::v1::Event;
use guanxi_resource::Error;
use uuid::Uuid;

use super::ExternalId;

/// What is known of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) id: Uuid,
    pub(crate) legal_name: String,
    pub(crate) territory_code: String,
    pub(crate) tier: Option<String>,
    pub(crate) industry_code: Option<String>,
    pub(crate) deleted: bool,
    pub(crate) version: i64,
}

impl Account {
    fn read(id: Uuid, version: i64, account: &pb::Account) -> Self {
        let tier = match account.tier() {
            pb::Tier::Unspecified => None,
            pb::Tier::A => Some("A"),
            pb::Tier::B => Some("B"),
            pb::Tier::C => Some("C"),
        };
        Self {
            id,
            legal_name: account.legal_name.clone(),
            territory_code: account.territory_code.clone(),
            tier: tier.map(str::to_owned),
            industry_code: Some(account.industry_code.clone()).filter(|code| !code.is_empty()),
            deleted: account.delete_time.is_some(),
            version,
        }
    }
}

/// The tier of an account as it is stored, on the wire.
pub(crate) fn wire_tier(tier: Option<&str>) -> pb::Tier {
    match tier {
        Some("A") => pb::Tier::A,
        Some("B") => pb::Tier::B,
        Some("C") => pb::Tier::C,
        _ => pb::Tier::Unspecified,
    }
}

/// The account of an id.
pub(super) async fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<Account>, Error> {
    let account = sqlx::query_as!(
        Account,
        "select id, legal_name, territory_code, tier, industry_code, deleted, version from opportunity_pipeline.account where id = $1",
        id,
    );
    Ok(account.fetch_optional(connection).await?)
}

/// The accounts of some ids.
pub(super) async fn find_all(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Account>, Error> {
    let accounts = sqlx::query_as!(
        Account,
        "select id, legal_name, territory_code, tier, industry_code, deleted, version from opportunity_pipeline.account \
         where id = any($1)",
        ids,
    );
    Ok(accounts.fetch_all(connection).await?)
}

/// Which accounts have some ids in other systems.
pub(super) async fn ids_of(
    connection: &mut PgConnection,
    external_ids: &[ExternalId],
) -> Result<HashMap<ExternalId, Uuid>, Error> {
    let (systems, values): (Vec<String>, Vec<String>) = external_ids.iter().cloned().unzip();
    let found = sqlx::query!(
        "select system, value, account_id from opportunity_pipeline.account_external_id \
         where (system, value) in (select * from unnest($1::text[], $2::text[]))",
        &systems,
        &values,
    );
    let found = found.fetch_all(connection).await?;
    Ok(found.into_iter().map(|row| ((row.system, row.value), row.account_id)).collect())
}

/// Asks client-registry for an account on the caller's behalf.
pub(super) async fn ask(registry: &Peer, call: &Call, id: Uuid) -> Result<Account, Error> {
    let key = Some(get_account_request::Key::Id(id.to_string()));
    let request = registry.on_behalf(call, GetAccountRequest { key }).map_err(refuse)?;
    let answer = AccountServiceClient::new(registry.channel()).get_account(request).await;
    let answer = answer.map_err(|status| Error::from(pass_on("client-registry", status)))?;
    let account = answer.into_inner().account.unwrap_or_default();
    let version = account.etag.trim_matches('"').parse().unwrap_or_default();
    Ok(Account::read(id, version, &account))
}

fn refuse(error: PeerError) -> Error {
    Refusal::from(error).into()
}

/// Notes an account that was asked for, unless the feed has brought it meanwhile.
pub(super) async fn note(connection: &mut PgConnection, account: &Account) -> Result<(), Error> {
    sqlx::query!(
        "insert into opportunity_pipeline.account (id, legal_name, territory_code, tier, industry_code, deleted, version) \
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing",
        account.id,
        account.legal_name,
        account.territory_code,
        account.tier,
        account.industry_code,
        account.deleted,
        account.version,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes in what events tell of accounts.
pub(super) async fn take(connection: &mut PgConnection, events: &[Event]) -> Result<(), FollowError> {
    let changes = super::newest(events, "account/", |change: AccountChange| change.after)?;
    if changes.is_empty() {
        return Ok(());
    }
    let accounts: Vec<Account> =
        changes.iter().map(|(id, version, account)| Account::read(*id, *version, account)).collect();
    let taken = sqlx::query_scalar!(
        "insert into opportunity_pipeline.account (id, legal_name, territory_code, tier, industry_code, deleted, version) \
         select id, legal_name, territory_code, tier, industry_code, deleted, version \
         from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::bigint[]) \
         as new (id, legal_name, territory_code, tier, industry_code, deleted, version) order by id \
         on conflict (id) do update set legal_name = excluded.legal_name, territory_code = excluded.territory_code, \
         tier = excluded.tier, industry_code = excluded.industry_code, deleted = excluded.deleted, version = excluded.version \
         where excluded.version >= account.version returning id",
        &accounts.iter().map(|account| account.id).collect::<Vec<_>>(),
        &accounts.iter().map(|account| account.legal_name.clone()).collect::<Vec<_>>(),
        &accounts.iter().map(|account| account.territory_code.clone()).collect::<Vec<_>>(),
        &accounts.iter().map(|account| account.tier.clone()).collect::<Vec<_>>() as _,
        &accounts.iter().map(|account| account.industry_code.clone()).collect::<Vec<_>>() as _,
        &accounts.iter().map(|account| account.deleted).collect::<Vec<_>>(),
        &accounts.iter().map(|account| account.version).collect::<Vec<_>>(),
    )
    .fetch_all(&mut *connection)
    .await?;
    take_external_ids(connection, &changes, &taken).await
}

/// Replaces the external ids of the accounts that were just taken: an account has those of its newest event.
async fn take_external_ids(
    connection: &mut PgConnection,
    changes: &[(Uuid, i64, pb::Account)],
    taken: &[Uuid],
) -> Result<(), FollowError> {
    sqlx::query!("delete from opportunity_pipeline.account_external_id where account_id = any($1)", taken)
        .execute(&mut *connection)
        .await?;
    let (mut systems, mut values, mut owners) = (Vec::new(), Vec::new(), Vec::new());
    for (id, _, account) in changes.iter().filter(|(id, ..)| taken.contains(id)) {
        for external in &account.external_ids {
            systems.push(external.system.clone());
            values.push(external.value.clone());
            owners.push(*id);
        }
    }
    sqlx::query_scalar!(
        "insert into opportunity_pipeline.account_external_id (system, value, account_id) \
         select system, value, account_id from unnest($1::text[], $2::text[], $3::uuid[]) as new (system, value, account_id) \
         on conflict (system, value) do update set account_id = excluded.account_id returning account_id",
        &systems,
        &values,
        &owners,
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}
