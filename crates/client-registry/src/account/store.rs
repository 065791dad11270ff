//! SQL of accounts.

use std::collections::HashMap;

use guanxi_auth::Scope;
use guanxi_db::PgConnection;
use guanxi_resource::Error;
use serde::Serialize;
use sqlx::types::Json;
use time::Date;
use uuid::Uuid;

use super::model::{Account, STEP, State, Tier};
use super::tier::Period;

/// Refusal of an account that does not exist for a scope.
pub(super) fn not_found(value: &impl ToString) -> Error {
    Error::not_found("account", value.to_string())
}

/// The accounts of some ids that lie in the scope, in no order.
pub(super) async fn find(connection: &mut PgConnection, scope: &Scope, ids: &[Uuid]) -> Result<Vec<Account>, Error> {
    let mut found = sqlx::query_as!(
        Account,
        r#"select account.id as "id!", account.legal_name as "legal_name!", account.short_name,
            account.aliases as "aliases!", account.credit_code, account.external_ids as "external_ids!",
            account.industry_code, account.parent_id, account.tree_path as "tree_path!",
            account.territory_code as "territory_code!", account.territory_path as "territory_path!",
            account.address, account.employee_count, account.registered_capital, account.registered_capital_currency,
            account.tax_rank, account.public_sector as "public_sector!", account.legal_representative,
            account.tier as "tier: Tier", account.state as "state!: State", account.source, account.tags as "tags!",
            account.attributes as "attributes!: _", account.version as "version!",
            account.create_time as "create_time!", account.update_time as "update_time!", account.delete_time,
            account.activate_time, parent.territory_code as "parent_territory_code?",
            parent.territory_path as "parent_territory_path?"
        from client_registry.account
        left join client_registry.account parent on parent.id = account.parent_id
        where account.id = any($1)"#,
        ids,
    )
    .fetch_all(connection)
    .await?;
    found.retain(|account| scope.contains(&account.territory_path));
    Ok(found)
}

/// The account of an id, or the refusal that it does not exist for this scope.
pub(super) async fn get(connection: &mut PgConnection, scope: &Scope, id: Uuid) -> Result<Account, Error> {
    find(connection, scope, &[id]).await?.pop().ok_or_else(|| not_found(&id))
}

/// Refuses an account that does not exist for this scope, for what belongs to it.
pub(crate) async fn check_visible(connection: &mut PgConnection, scope: &Scope, id: Uuid) -> Result<(), Error> {
    let path = sqlx::query_scalar!("select territory_path from client_registry.account where id = $1", id);
    let path = path.fetch_optional(connection).await?.filter(|path| scope.contains(path));
    path.map(|_| ()).ok_or_else(|| not_found(&id))
}

/// The account of an id for a change of it.
pub(super) async fn lock(connection: &mut PgConnection, scope: &Scope, id: Uuid) -> Result<Account, Error> {
    lock_all(connection, &[id]).await?;
    get(connection, scope, id).await
}

/// Locks accounts against simultaneous changes, always in the same order. Not against what refers to them: a subsidiary that is just
/// being created only needs its parent to stay.
pub(super) async fn lock_all(connection: &mut PgConnection, ids: &[Uuid]) -> Result<(), Error> {
    sqlx::query_scalar!("select id from client_registry.account where id = any($1) order by id for no key update", ids)
        .fetch_all(connection)
        .await?;
    Ok(())
}

/// Who has which credit code.
pub(super) async fn ids_of_credit_codes(
    connection: &mut PgConnection,
    codes: &[String],
) -> Result<Vec<(String, Uuid)>, Error> {
    let rows = sqlx::query!(
        r#"select credit_code as "credit_code!", id from client_registry.account where credit_code = any($1)"#,
        codes,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.credit_code, row.id)).collect())
}

/// Who has which external id, as `system=value`.
pub(super) async fn ids_of_external_ids(
    connection: &mut PgConnection,
    ids: &[String],
) -> Result<Vec<(String, Uuid)>, Error> {
    let (systems, values): (Vec<_>, Vec<_>) = ids
        .iter()
        .filter_map(|id| id.split_once('='))
        .map(|(system, value)| (system.to_owned(), value.to_owned()))
        .unzip();
    let rows = sqlx::query!(
        "select system, value, account_id from client_registry.account_external_id \
         where (system, value) in (select * from unnest($1::text[], $2::text[]))",
        &systems,
        &values,
    );
    let rows = rows.fetch_all(connection).await?;
    Ok(rows.into_iter().map(|row| (format!("{}={}", row.system, row.value), row.account_id)).collect())
}

/// What is written of an account: its fields, and the grams of its names.
#[derive(Serialize)]
struct Record<'a> {
    #[serde(flatten)]
    account: &'a Account,
    grams: Vec<String>,
}

fn records(accounts: &[Account]) -> Json<Vec<Record<'_>>> {
    Json(accounts.iter().map(|account| Record { account, grams: account.grams() }).collect())
}

pub(super) async fn insert(connection: &mut PgConnection, accounts: &[Account]) -> Result<(), Error> {
    if accounts.is_empty() {
        return Ok(());
    }
    let outcome = sqlx::query_scalar!(
        "insert into client_registry.account (id, legal_name, short_name, aliases, credit_code, external_ids, industry_code, \
         parent_id, tree_path, territory_code, territory_path, address, employee_count, registered_capital, \
         registered_capital_currency, tax_rank, public_sector, legal_representative, tier, state, source, tags, attributes, grams, \
         version, create_time, update_time, delete_time, activate_time) \
         select id, legal_name, short_name, aliases, credit_code, external_ids, industry_code, parent_id, tree_path, territory_code, \
         territory_path, address, employee_count, registered_capital, registered_capital_currency, tax_rank, public_sector, \
         legal_representative, tier, state, source, tags, attributes, grams, version, create_time, update_time, delete_time, \
         activate_time \
         from jsonb_to_recordset($1) as new (id uuid, legal_name text, short_name text, aliases text[], credit_code text, \
         external_ids text[], industry_code text, parent_id uuid, tree_path text, territory_code text, territory_path text, \
         address text, employee_count bigint, registered_capital numeric, registered_capital_currency text, tax_rank integer, \
         public_sector boolean, legal_representative text, tier text, state text, source text, tags text[], attributes jsonb, \
         grams text[], version bigint, create_time timestamptz, update_time timestamptz, delete_time timestamptz, \
         activate_time timestamptz) \
         returning id",
        records(accounts) as _,
    )
    .fetch_all(&mut *connection)
    .await;
    meaning(outcome.map(|_| ()), accounts)?;
    insert_external_ids(connection, accounts).await
}

/// Saves everything that can change. `keys_changed` says whether external ids may have.
pub(super) async fn update(
    connection: &mut PgConnection,
    accounts: &[Account],
    keys_changed: bool,
) -> Result<(), Error> {
    if accounts.is_empty() {
        return Ok(());
    }
    let outcome = sqlx::query_scalar!(
        "update client_registry.account known set legal_name = new.legal_name, short_name = new.short_name, \
         aliases = new.aliases, credit_code = new.credit_code, external_ids = new.external_ids, industry_code = new.industry_code, \
         parent_id = new.parent_id, tree_path = new.tree_path, territory_code = new.territory_code, \
         territory_path = new.territory_path, address = new.address, employee_count = new.employee_count, \
         registered_capital = new.registered_capital, registered_capital_currency = new.registered_capital_currency, \
         tax_rank = new.tax_rank, public_sector = new.public_sector, legal_representative = new.legal_representative, \
         tier = new.tier, state = new.state, source = new.source, tags = new.tags, attributes = new.attributes, \
         grams = new.grams, version = new.version, update_time = new.update_time, delete_time = new.delete_time, \
         activate_time = new.activate_time \
         from jsonb_to_recordset($1) as new (id uuid, legal_name text, short_name text, aliases text[], credit_code text, \
         external_ids text[], industry_code text, parent_id uuid, tree_path text, territory_code text, territory_path text, \
         address text, employee_count bigint, registered_capital numeric, registered_capital_currency text, tax_rank integer, \
         public_sector boolean, legal_representative text, tier text, state text, source text, tags text[], attributes jsonb, \
         grams text[], version bigint, update_time timestamptz, delete_time timestamptz, activate_time timestamptz) \
         where known.id = new.id returning known.id",
        records(accounts) as _,
    )
    .fetch_all(&mut *connection)
    .await;
    meaning(outcome.map(|_| ()), accounts)?;
    if !keys_changed {
        return Ok(());
    }
    let ids: Vec<Uuid> = accounts.iter().map(|account| account.id).collect();
    sqlx::query!("delete from client_registry.account_external_id where account_id = any($1)", &ids)
        .execute(&mut *connection)
        .await?;
    insert_external_ids(connection, accounts).await
}

async fn insert_external_ids(connection: &mut PgConnection, accounts: &[Account]) -> Result<(), Error> {
    let rows = accounts.iter().flat_map(|account| account.external_ids.iter().map(|id| (account.id, id)));
    let (mut owners, mut systems, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for (owner, (system, value)) in rows.filter_map(|(owner, id)| Some((owner, id.split_once('=')?))) {
        owners.push(owner);
        systems.push(system.to_owned());
        values.push(value.to_owned());
    }
    if owners.is_empty() {
        return Ok(());
    }
    let outcome = sqlx::query_scalar!(
        "insert into client_registry.account_external_id (account_id, system, value) \
         select * from unnest($1::uuid[], $2::text[], $3::text[]) returning account_id",
        &owners,
        &systems,
        &values,
    )
    .fetch_all(connection)
    .await;
    meaning(outcome.map(|_| ()), accounts)
}

/// What a broken constraint means where one account is written; an import, which writes many, looks again.
fn meaning(outcome: Result<(), sqlx::Error>, accounts: &[Account]) -> Result<(), Error> {
    let Err(error) = outcome.map_err(guanxi_db::Error::from) else { return Ok(()) };
    let exists = |field, value: String| Err(Error::Exists { resource: "account", field, value });
    match (error.constraint(), accounts) {
        (Some("account_credit_code_key"), [account]) => {
            exists("credit_code", account.credit_code.clone().unwrap_or_default())
        }
        (Some("account_external_id_pkey"), [account]) => exists("external_ids", account.external_ids.join(", ")),
        _ => Err(error.into()),
    }
}

/// Levels of the subtree of each account, itself included.
pub(super) async fn heights(
    connection: &mut PgConnection,
    accounts: &[Account],
) -> Result<HashMap<Uuid, usize>, Error> {
    let ids: Vec<Uuid> = accounts.iter().map(|account| account.id).collect();
    let paths: Vec<String> = accounts.iter().map(|account| account.tree_path.clone()).collect();
    let ends: Vec<String> = paths.iter().map(|path| guanxi_auth::subtree_end(path)).collect();
    let rows = sqlx::query!(
        r#"select top.id as "id!", max(length(below.tree_path) - length(top.path)) as "longer!"
        from unnest($1::uuid[], $2::text[], $3::text[]) as top (id, path, path_end)
        join client_registry.account below on below.tree_path >= top.path and below.tree_path < top.path_end
        group by top.id"#,
        &ids,
        &paths,
        &ends,
    );
    let rows = rows.fetch_all(connection).await?;
    Ok(rows.into_iter().map(|row| (row.id, 1 + usize::try_from(row.longer).unwrap_or_default() / STEP)).collect())
}

/// Hangs everything below a path, the account itself excepted, under another one. The caller holds the tree alone.
pub(super) async fn move_subsidiaries(connection: &mut PgConnection, old: &str, new: &str) -> Result<(), Error> {
    sqlx::query!(
        "update client_registry.account set tree_path = $3 || substr(tree_path, length($1) + 1) \
         where tree_path > $1 and tree_path < $2",
        old,
        guanxi_auth::subtree_end(old),
        new,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Where direct subsidiaries lie that are not deleted; at most 1,000.
pub(super) async fn subsidiary_paths(connection: &mut PgConnection, id: Uuid) -> Result<Vec<String>, Error> {
    let paths = sqlx::query_scalar!(
        "select territory_path from client_registry.account where parent_id = $1 and delete_time is null limit 1000",
        id,
    );
    Ok(paths.fetch_all(connection).await?)
}

/// The live accounts at and below a path that lie in the scope, parents first, at most `limit`.
pub(super) async fn hierarchy(
    connection: &mut PgConnection,
    scope: &Scope,
    path: &str,
    limit: i64,
) -> Result<Vec<Account>, Error> {
    let (lows, highs): (Vec<String>, Vec<String>) = scope.ranges().into_iter().unzip();
    let ids = sqlx::query_scalar!(
        "select id from client_registry.account \
         where tree_path >= $1 and tree_path < $2 and delete_time is null and exists (select from unnest($3::text[], $4::text[]) \
         as visible (low, high) where territory_path >= visible.low and territory_path < visible.high) \
         order by tree_path limit $5",
        path,
        guanxi_auth::subtree_end(path),
        &lows,
        &highs,
        limit,
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut accounts = find(connection, scope, &ids).await?;
    accounts.sort_by(|one, other| one.tree_path.cmp(&other.tree_path));
    Ok(accounts)
}

/// Codes of the provinces that some territory paths lie in.
pub(super) async fn provinces(connection: &mut PgConnection, paths: &[String]) -> Result<Vec<String>, Error> {
    let provinces = sqlx::query_scalar!(
        "select code from client_registry.territory where level = 'PROVINCE' \
         and exists (select from unnest($1::text[]) as below (path) where starts_with(below.path, territory.path))",
        paths,
    );
    Ok(provinces.fetch_all(connection).await?)
}

/// The period that lasts.
pub(super) async fn open_period(connection: &mut PgConnection, account_id: Uuid) -> Result<Option<Period>, Error> {
    let period = sqlx::query_as!(
        Period,
        r#"select id, account_id, tier as "tier: Tier", start_date, end_date, reason, evaluator, create_time
        from client_registry.account_tier_period where account_id = $1 and end_date is null"#,
        account_id,
    );
    Ok(period.fetch_optional(connection).await?)
}

/// All periods, newest first, at most 1,000.
pub(super) async fn periods(connection: &mut PgConnection, account_id: Uuid) -> Result<Vec<Period>, Error> {
    let periods = sqlx::query_as!(
        Period,
        r#"select id, account_id, tier as "tier: Tier", start_date, end_date, reason, evaluator, create_time
        from client_registry.account_tier_period where account_id = $1 order by start_date desc, id desc limit 1000"#,
        account_id,
    );
    Ok(periods.fetch_all(connection).await?)
}

/// Ends the period that lasts and begins another.
pub(super) async fn begin_period(
    connection: &mut PgConnection,
    period: &Period,
    previous_end: Date,
) -> Result<(), Error> {
    sqlx::query!(
        "update client_registry.account_tier_period set end_date = $2 where account_id = $1 and end_date is null",
        period.account_id,
        previous_end,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query_scalar!(
        "insert into client_registry.account_tier_period (id, account_id, tier, start_date, reason, evaluator, create_time) \
         values ($1, $2, $3, $4, $5, $6, $7) returning id",
        period.id,
        period.account_id,
        period.tier as _,
        period.start_date,
        period.reason,
        period.evaluator,
        period.create_time,
    )
    .fetch_one(connection)
    .await?;
    Ok(())
}
