//! Importing accounts: rows keyed by id, credit code or external id.

use std::collections::HashMap;

use guanxi_db::Transaction;
use guanxi_events::NewEvent;
use guanxi_grpc::{Call, Fields, Refusal, Violation, Violations, parse_id};
use guanxi_proto::client_registry::v1::{ErrorReason, ImportAccountRow, ImportAccountsRequest, ImportAccountsResponse};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::imports::v1::{ImportOptions, ImportProgress};
use guanxi_resource::{Error, Import, Mode, Outcome, Resource, Rows};
use uuid::Uuid;

use super::AccountRpc;
use super::convert;
use super::model::Account;
use super::patch::{self, Patch};
use super::store;
use crate::assignment::store as assignments;
use crate::error::reason;
use crate::territory::Territory;
use crate::territory::store as territories;

impl Rows for AccountRpc {
    type Request = ImportAccountsRequest;
    type Response = ImportAccountsResponse;
    type Row = ImportAccountRow;
    const NOUN: &'static str = "account";

    fn take(request: ImportAccountsRequest) -> (Option<ImportOptions>, Vec<ImportAccountRow>) {
        (request.options, request.rows)
    }

    fn number(row: &ImportAccountRow) -> i64 {
        row.row_number
    }

    fn answer(progress: ImportProgress) -> ImportAccountsResponse {
        ImportAccountsResponse { progress: Some(progress) }
    }

    async fn apply(
        &self,
        transaction: &mut Transaction,
        call: &Call,
        import: &Import,
        rows: &[ImportAccountRow],
    ) -> Result<(Vec<Outcome>, Vec<NewEvent>), Error> {
        let parsed: Vec<Result<Row, Violations>> = rows.iter().cloned().map(Row::try_from).collect();
        let mut batch = Batch::load(self, transaction, call, import.mode, parsed.iter().flatten()).await?;
        let mut outcomes = Vec::with_capacity(parsed.len());
        for (sent, row) in rows.iter().zip(parsed) {
            outcomes.push(match row.map_err(Error::from).and_then(|row| batch.judge(&row)) {
                Ok(outcome) => outcome,
                Err(refusal) => {
                    let field = field(&refusal, sent);
                    Outcome::Rejected(Refusal::from(refusal).into_violations(&field))
                }
            });
        }
        Ok((outcomes, batch.save(transaction).await?))
    }
}

/// A checked row.
struct Row {
    number: i64,
    id: Option<Uuid>,
    patch: Patch,
    parent: Option<Key>,
}

/// What a row or an account is recognised by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Id(Uuid),
    CreditCode(String),
    ExternalId(String),
}

impl TryFrom<ImportAccountRow> for Row {
    type Error = Violations;

    fn try_from(row: ImportAccountRow) -> Result<Self, Violations> {
        // Without a mask: empty fields of a row say nothing.
        let mut fields = Fields::of_update("account", None);
        let account = row.account.map(|account| *account).unwrap_or_default();
        let id = match account.id.as_str() {
            "" => None,
            id => fields.keep(parse_id("account.id", id)),
        };
        // Whether a new account has what it needs is judged when it is known to be new.
        let patch = Patch::read(&mut fields, account);
        let parent = match (&row.parent_external_id, patch.parent_id.flatten()) {
            (Some(id), _) => fields.keep(patch::external_id("parent_external_id", id)).map(Key::ExternalId),
            (None, parent) => parent.map(Key::Id),
        };
        fields.finish(Some(Self { number: row.row_number, id, patch, parent }))
    }
}

impl Row {
    fn keys(&self) -> Vec<Key> {
        let credit_code = self.patch.credit_code.clone().flatten().map(Key::CreditCode);
        let external_ids = self.patch.external_ids.iter().flatten().cloned().map(Key::ExternalId);
        self.id.map(Key::Id).into_iter().chain(credit_code).chain(external_ids).collect()
    }

    fn required(&self) -> Result<(), Violations> {
        let mut violations = Violations::default();
        for (field, filled) in
            [("legal_name", self.patch.legal_name.is_some()), ("territory_code", self.patch.territory_code.is_some())]
        {
            if !filled {
                violations.push(Violation::new(format!("account.{field}"), Shared::Required));
            }
        }
        violations.is_empty().then_some(()).ok_or(violations)
    }
}

/// The rows of one message against what is known.
struct Batch {
    call: Call,
    scope: guanxi_auth::Scope,
    mode: Mode,
    territories: HashMap<String, Territory>,
    owners: HashMap<Key, Uuid>,
    accounts: HashMap<Uuid, Account>,
    heights: HashMap<Uuid, usize>,
    /// Which row claimed a key.
    rows: HashMap<Key, i64>,
    created: Vec<Uuid>,
    /// Accounts as they were before.
    changed: Vec<Account>,
}

impl Batch {
    /// Reads everything that the rows name, in a fixed number of statements. Changed accounts, their territories and the shape of the
    /// hierarchy stay as they are until the transaction ends.
    async fn load(
        service: &AccountRpc,
        transaction: &mut Transaction,
        call: &Call,
        mode: Mode,
        rows: impl Iterator<Item = &Row> + Clone,
    ) -> Result<Self, Error> {
        let scope = service.resources.scope(call);
        let codes: Vec<String> = rows.clone().filter_map(|row| row.patch.territory_code.clone()).collect();
        let found = territories::lock_shared(transaction, &scope, &codes).await?;
        if rows.clone().any(|row| row.parent.is_some()) {
            territories::lock_tree(transaction, "account", true).await?;
        }
        let keys: Vec<Key> = rows.clone().flat_map(|row| row.keys().into_iter().chain(row.parent.clone())).collect();
        let owners = owners(transaction, &keys).await?;
        let mut ids: Vec<Uuid> = owners.values().copied().collect();
        ids.sort_unstable();
        ids.dedup();
        store::lock_all(transaction, &ids).await?;
        let known = store::find(transaction, &guanxi_auth::Scope::everything(), &ids).await?;
        let hangs = rows.clone().any(|row| row.parent.is_some());
        let heights = if hangs { store::heights(transaction, &known).await? } else { HashMap::new() };
        Ok(Self {
            call: call.clone(),
            scope,
            mode,
            territories: found.into_iter().map(|territory| (territory.code.clone(), territory)).collect(),
            owners,
            accounts: known.into_iter().map(|account| (account.id, account)).collect(),
            heights,
            rows: HashMap::new(),
            created: Vec::new(),
            changed: Vec::new(),
        })
    }

    fn judge(&mut self, row: &Row) -> Result<Outcome, Error> {
        let keys = row.keys();
        if keys.is_empty() {
            return Err(Violation::new("account", reason(ErrorReason::RowWithoutKey)).into());
        }
        // What the caller cannot see is not there, and no other key of the row stands in for it.
        if let Some(id) = row.id.filter(|id| self.visible(*id).is_none()) {
            return Err(store::not_found(&id));
        }
        if let Some(earlier) = keys.iter().find_map(|key| self.rows.get(key)) {
            return Err(repeated(*earlier));
        }
        let owner = self.owner(&keys)?;
        // The account may have been recognised by another key then.
        if let Some(earlier) = owner.and_then(|id| self.rows.get(&Key::Id(id))) {
            return Err(repeated(*earlier));
        }
        let outcome = match owner {
            Some(id) => self.judge_known(row, id)?,
            None => self.judge_new(row, &keys)?,
        };
        self.rows.extend(keys.into_iter().chain(owner.map(Key::Id)).map(|key| (key, row.number)));
        Ok(outcome)
    }

    /// The one account that all keys of a row belong to.
    fn owner(&self, keys: &[Key]) -> Result<Option<Uuid>, Error> {
        let mut owners: Vec<Uuid> = keys.iter().filter_map(|key| self.owners.get(key)).copied().collect();
        owners.sort_unstable();
        owners.dedup();
        match owners.as_slice() {
            [] => Ok(None),
            [id] => Ok(Some(*id)),
            several => {
                // Ids of accounts out of scope are not for the caller.
                let seen = several.iter().filter(|id| self.visible(**id).is_some()).map(ToString::to_string);
                let seen = seen.collect::<Vec<_>>().join(", ");
                Err(Violation::new("account", reason(ErrorReason::RowAmbiguous)).with("value", seen).into())
            }
        }
    }

    fn visible(&self, id: Uuid) -> Option<&Account> {
        self.accounts.get(&id).filter(|account| self.scope.contains(&account.territory_path))
    }

    fn judge_new(&mut self, row: &Row, keys: &[Key]) -> Result<Outcome, Error> {
        row.required()?;
        let territory = self.territory(row)?.ok_or(Error::NotFound { resource: "territory", value: String::new() })?;
        let id = guanxi_db::new_id(self.call.now);
        let mut account = Account::blank(id, self.call.now, territory);
        row.patch.apply(&mut account);
        if let Some(parent) = self.parent(row)? {
            account.hang(Some(parent), 1)?;
        }
        if self.mode != Mode::ReportDifferences {
            self.created.push(id);
        }
        self.owners.extend(keys.iter().map(|key| (key.clone(), id)));
        self.accounts.insert(id, account);
        Ok(Outcome::Created)
    }

    fn judge_known(&mut self, row: &Row, id: Uuid) -> Result<Outcome, Error> {
        let before = self.visible(id).ok_or_else(|| taken(row))?.clone();
        if self.mode == Mode::InsertOnly {
            return Err(taken(row));
        }
        before.check_live()?;
        let mut after = before.clone();
        row.patch.apply(&mut after);
        // A row adds what it knows of other systems; it does not take away what it does not mention.
        after.external_ids = merged(&before.external_ids, &after.external_ids);
        if let Some(territory) = self.territory(row)?.filter(|territory| territory.code != before.territory_code) {
            after.territory_code.clone_from(&territory.code);
            after.territory_path.clone_from(&territory.path);
        }
        if let Some(parent) = self.parent(row)?.filter(|parent| before.parent_id != Some(parent.id)) {
            after.hang(Some(parent), self.height(&before))?;
        }
        if after == before {
            return Ok(Outcome::Unchanged);
        }
        if self.mode == Mode::ReportDifferences {
            let fields = convert::differences(&before, &after).join(", ");
            return Err(Violation::new("account", Shared::RowDiffers).with("fields", fields).into());
        }
        if after.tree_path != before.tree_path {
            for below in self.accounts.values_mut().filter(|below| below.tree_path.starts_with(&before.tree_path)) {
                below.tree_path = format!("{}{}", after.tree_path, &below.tree_path[before.tree_path.len()..]);
            }
        }
        after.stamp().advance(self.call.now);
        self.accounts.insert(id, after);
        self.changed.push(before);
        Ok(Outcome::Updated)
    }

    /// Levels of the subtree of an account, with what earlier rows of the message hung into it.
    fn height(&self, account: &Account) -> usize {
        let below = self.accounts.values().filter(|below| below.tree_path.starts_with(&account.tree_path));
        let heights =
            below.map(|below| below.depth() - account.depth() + self.heights.get(&below.id).copied().unwrap_or(1));
        heights.max().unwrap_or(1)
    }

    fn territory(&self, row: &Row) -> Result<Option<&Territory>, Error> {
        let Some(code) = &row.patch.territory_code else { return Ok(None) };
        let territory = self.territories.get(code);
        territory.map(Some).ok_or_else(|| Error::not_found("territory", code))
    }

    fn parent(&self, row: &Row) -> Result<Option<&Account>, Error> {
        let Some(key) = &row.parent else { return Ok(None) };
        let parent = self.owners.get(key).and_then(|id| self.visible(*id));
        parent.map(Some).ok_or_else(|| match key {
            Key::Id(id) => Error::not_found("parent account", id),
            Key::CreditCode(value) | Key::ExternalId(value) => Error::not_found("parent account", value),
        })
    }

    async fn save(mut self, transaction: &mut Transaction) -> Result<Vec<NewEvent>, Error> {
        let mut events = Vec::new();
        let created: Vec<Account> = self.created.iter().filter_map(|id| self.accounts.get(id).cloned()).collect();
        store::insert(transaction, &created).await?;
        events.extend(created.iter().map(|account| convert::event("account.created", None, account, "")));
        let changed = std::mem::take(&mut self.changed);
        let after: Vec<Account> = changed.iter().filter_map(|before| self.accounts.get(&before.id).cloned()).collect();
        let moved = changed.iter().zip(&after).filter(|(before, after)| before.territory_path != after.territory_path);
        let moved: Vec<_> = moved.map(|(_, after)| (after.id, after.territory_path.clone())).collect();
        assignments::follow(transaction, &moved).await?;
        store::update(transaction, &after, true).await?;
        for (before, after) in changed.iter().zip(&after) {
            if before.tree_path != after.tree_path {
                store::move_subsidiaries(transaction, &before.tree_path, &after.tree_path).await?;
            }
            events.push(convert::event("account.updated", Some(before), after, ""));
        }
        Ok(events)
    }
}

/// Who has which of the keys.
async fn owners(transaction: &mut Transaction, keys: &[Key]) -> Result<HashMap<Key, Uuid>, Error> {
    let codes: Vec<String> =
        keys.iter().filter_map(|key| if let Key::CreditCode(code) = key { Some(code.clone()) } else { None }).collect();
    let ids: Vec<String> =
        keys.iter().filter_map(|key| if let Key::ExternalId(id) = key { Some(id.clone()) } else { None }).collect();
    let of_codes = store::ids_of_credit_codes(transaction, &codes)
        .await?
        .into_iter()
        .map(|(code, id)| (Key::CreditCode(code), id));
    let of_ids = store::ids_of_external_ids(transaction, &ids)
        .await?
        .into_iter()
        .map(|(external, id)| (Key::ExternalId(external), id));
    let own: Vec<Uuid> = keys.iter().filter_map(|key| if let Key::Id(id) = key { Some(*id) } else { None }).collect();
    let own = store::find(transaction, &guanxi_auth::Scope::everything(), &own).await?;
    let own = own.into_iter().map(|account| (Key::Id(account.id), account.id));
    Ok(of_codes.chain(of_ids).chain(own).collect())
}

/// An earlier row of the message was about the same account.
fn repeated(row: i64) -> Error {
    Violation::new("account", Shared::RowRepeated).with("row", row).into()
}

/// The field of the row that a refusal is about.
fn field(refusal: &Error, row: &ImportAccountRow) -> String {
    match refusal {
        Error::NotFound { resource: "account", .. } => "account.id".to_owned(),
        Error::NotFound { resource: "territory", .. } => "account.territory_code".to_owned(),
        Error::Exists { field, .. } => format!("account.{field}"),
        Error::Refused(refusal) if !["ACCOUNT_CYCLE", "ACCOUNT_TREE_TOO_DEEP"].contains(&refusal.reason().name()) => {
            "account".to_owned()
        }
        Error::NotFound { .. } | Error::Refused(_) => match row.parent_external_id {
            Some(_) => "parent_external_id".to_owned(),
            None => "account.parent_account_id".to_owned(),
        },
        _ => "account".to_owned(),
    }
}

/// The key of the row belongs to an account that may not be changed by it, be it for the mode or for the scope.
fn taken(row: &Row) -> Error {
    let (field, value) = match row.keys().into_iter().next() {
        Some(Key::CreditCode(code)) => ("credit_code", code),
        Some(Key::ExternalId(id)) => ("external_ids", id),
        Some(Key::Id(id)) => ("id", id.to_string()),
        None => ("id", String::new()),
    };
    Error::Exists { resource: "account", field, value }
}

/// The ids of two lists, those of the second winning per system.
fn merged(before: &[String], row: &[String]) -> Vec<String> {
    let system = |id: &str| id.split_once('=').map_or(String::new(), |(system, _)| system.to_owned());
    let kept = before.iter().filter(|id| row.iter().all(|new| system(new) != system(id)));
    let mut merged: Vec<String> = kept.chain(row).cloned().collect();
    merged.sort();
    merged.dedup();
    merged
}
