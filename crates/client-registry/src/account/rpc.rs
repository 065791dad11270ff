//! The methods.

use std::collections::HashMap;

use guanxi_auth::permission::ACCOUNT_READ_PERSONAL;
use guanxi_db::{PgConnection, RequestKey};
use guanxi_grpc::{Call, number, parse_id};
use guanxi_proto::client_registry::v1::account_service_server::AccountService;
use guanxi_proto::client_registry::v1::{
    Account, ActivateAccountRequest, ActivateAccountResponse, BatchGetAccountsRequest, BatchGetAccountsResponse,
    CreateAccountRequest, CreateAccountResponse, DeleteAccountRequest, DeleteAccountResponse, ExportAccountsRequest,
    ExportAccountsResponse, FoundAccount, GetAccountRequest, GetAccountResponse, GetAccountTreeRequest,
    GetAccountTreeResponse, ImportAccountsRequest, ImportAccountsResponse, ListAccountTierPeriodsRequest,
    ListAccountTierPeriodsResponse, ListAccountsRequest, ListAccountsResponse, SearchAccountsRequest,
    SearchAccountsResponse, SetAccountTierRequest, SetAccountTierResponse, UndeleteAccountRequest,
    UndeleteAccountResponse, UpdateAccountRequest, UpdateAccountResponse,
};
use guanxi_resource::{Change, Error, Resources, Sight};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::convert::{self, Classification, Key, Update};
use super::find::Finder;
use super::model::{Account as Row, connected};
use super::patch::Patch;
use super::store;
use super::tier::{self, Period};
use crate::assignment::store as assignments;
use crate::territory::{Territory, store as territories};

const MAX_NODES: usize = 1_000;
/// Messages of an export that wait for a slow reader.
const EXPORTS_WAITING: usize = 2;

/// Serves accounts.
#[derive(Clone)]
pub(crate) struct AccountRpc {
    pub(super) resources: Resources,
    finder: Finder,
}

/// What a change locks before its account. Everybody locks in this order, territory, hierarchy, account, so nobody waits in a circle.
#[derive(Default)]
struct Around {
    territory_code: Option<String>,
    /// Whether it needs the hierarchy for itself, if it needs it at all.
    tree_alone: Option<bool>,
}

impl AccountRpc {
    pub(crate) fn new(resources: Resources) -> Self {
        let finder = Finder::start(&resources.database);
        Self { resources, finder }
    }

    pub(super) fn sight(&self, call: &Call) -> Sight {
        self.resources.sight(call, ACCOUNT_READ_PERSONAL)
    }

    /// Locks an account for a change, and what the change needs around it.
    async fn begin<'a>(
        &'a self,
        call: &'a Call,
        key: Option<RequestKey>,
        (id, etag): (Uuid, &str),
        around: Around,
    ) -> Result<(Change<'a, Row>, Sight, Vec<Territory>), Error> {
        let sight = self.sight(call);
        let mut transaction = self.resources.begin().await?;
        let territories =
            territories::lock_shared(&mut transaction, &sight.scope, around.territory_code.as_slice()).await?;
        if let Some(alone) = around.tree_alone {
            territories::lock_tree(&mut transaction, "account", alone).await?;
        }
        let before = store::lock(&mut transaction, &sight.scope, id).await?;
        let change = self.resources.change(call, key, etag, transaction, before).await?;
        Ok((change, sight, territories))
    }

    /// Saves and commits a change with its event, or nothing where nothing changed.
    async fn finish(
        &self,
        change: Change<'_, Row>,
        sight: &Sight,
        kind: &'static str,
        reason: &str,
    ) -> Result<(Option<Account>, i64), Error> {
        let keys_changed = change.after.external_ids != change.before.external_ids;
        let save = async |connection: &mut PgConnection, account: &Row| {
            store::update(connection, std::slice::from_ref(account), keys_changed).await
        };
        let event = |kind, before: Option<&Row>, after: &Row| convert::event(kind, before, after, reason);
        let (account, position) = change.finish(kind, save, event).await?;
        Ok((Some(convert::seen(sight, &account)), position))
    }

    /// Puts an account where it is to lie and hang.
    async fn place(
        &self,
        change: &mut Change<'_, Row>,
        patch: &Patch,
        sight: &Sight,
        territories: &[Territory],
    ) -> Result<(), Error> {
        let Change { transaction, before, after, .. } = change;
        if let Some(code) = patch.territory_code.as_ref().filter(|code| **code != after.territory_code) {
            let territory = territories::named(territories, code)?;
            after.territory_code.clone_from(&territory.code);
            after.territory_path.clone_from(&territory.path);
            assignments::follow(transaction, std::slice::from_ref(&(after.id, territory.path.clone()))).await?;
        }
        // A parent that does not show is not taken away by writing back what was read.
        let hidden = after.parent_territory_path.as_deref().is_some_and(|path| !sight.scope.contains(path));
        let meant = |parent_id: &Option<Uuid>| *parent_id != after.parent_id && (parent_id.is_some() || !hidden);
        if let Some(parent_id) = patch.parent_id.filter(meant) {
            let parent = match parent_id {
                Some(parent_id) => Some(store::get(transaction, &sight.scope, parent_id).await?),
                None => None,
            };
            let heights = store::heights(transaction, std::slice::from_ref(before)).await?;
            after.hang(parent.as_ref(), heights.get(&before.id).copied().unwrap_or(1))?;
            store::move_subsidiaries(transaction, &before.tree_path, &after.tree_path).await?;
        }
        Ok(())
    }
}

/// Gives an account a tier, and begins a period where it is another one.
async fn classify(change: &mut Change<'_, Row>, call: &Call, wanted: &Classification) -> Result<(), Error> {
    let current = store::open_period(&mut change.transaction, wanted.id).await?;
    let (earliest, latest) = tier::possible_starts(current.as_ref(), call.now);
    let start_date = number("start_date", wanted.start_date.unwrap_or(latest), earliest, latest)?;
    if wanted.tier == change.before.tier {
        return Ok(());
    }
    change.after.tier = wanted.tier;
    let period = Period {
        id: guanxi_db::new_id(call.now),
        account_id: wanted.id,
        tier: wanted.tier,
        start_date,
        end_date: None,
        reason: wanted.reason.clone(),
        evaluator: call.subject().to_owned(),
        create_time: call.now,
    };
    store::begin_period(&mut change.transaction, &period, tier::end_before(start_date)).await
}

#[tonic::async_trait]
impl AccountService for AccountRpc {
    async fn create_account(
        &self,
        request: Request<CreateAccountRequest>,
    ) -> Result<Response<CreateAccountResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (patch, territory_code) = convert::new_account(request.account)?;
        let (sight, id) = (self.sight(&call), guanxi_db::new_id(call.now));
        let mut transaction = self.resources.begin().await?;
        if let Some(first) = self.resources.claim(&mut transaction, key.as_ref(), id, call.now).await? {
            let account = store::get(&mut transaction, &sight.scope, first).await?;
            return Ok(Response::new(CreateAccountResponse {
                account: Some(convert::seen(&sight, &account)),
                position: 0,
            }));
        }
        let found =
            territories::lock_shared(&mut transaction, &sight.scope, std::slice::from_ref(&territory_code)).await?;
        let mut account = Row::blank(id, call.now, territories::named(&found, &territory_code)?);
        patch.apply(&mut account);
        if let Some(parent_id) = patch.parent_id.flatten() {
            territories::lock_tree(&mut transaction, "account", false).await?;
            let parent = store::get(&mut transaction, &sight.scope, parent_id).await?;
            account.hang(Some(&parent), 1)?;
        }
        store::insert(&mut transaction, std::slice::from_ref(&account)).await?;
        let event = convert::event("account.created", None, &account, "");
        let position = self.resources.commit(transaction, &call, vec![event]).await?;
        Ok(Response::new(CreateAccountResponse { account: Some(convert::seen(&sight, &account)), position }))
    }

    async fn get_account(&self, request: Request<GetAccountRequest>) -> Result<Response<GetAccountResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = convert::key(request.key)?;
        let sight = self.sight(&call);
        let mut connection = self.resources.connection().await?;
        let (named, owner) = match key {
            Key::Id(id) => (id.to_string(), Some(id)),
            Key::CreditCode(code) => {
                let owners = store::ids_of_credit_codes(&mut connection, std::slice::from_ref(&code)).await?;
                (code, owners.first().map(|(_, id)| *id))
            }
            Key::ExternalId { system, value } => {
                let owners = store::ids_of_external_ids(&mut connection, &[format!("{system}={value}")]).await?;
                (format!("{system} {value}"), owners.first().map(|(_, id)| *id))
            }
        };
        let found = store::find(&mut connection, &sight.scope, owner.as_slice()).await?;
        connection.release();
        let account = found.first().ok_or_else(|| store::not_found(&named))?;
        Ok(Response::new(GetAccountResponse { account: Some(convert::seen(&sight, account)) }))
    }

    async fn batch_get_accounts(
        &self,
        request: Request<BatchGetAccountsRequest>,
    ) -> Result<Response<BatchGetAccountsResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let ids = convert::ids(&request.ids)?;
        let sight = self.sight(&call);
        let mut connection = self.resources.connection().await?;
        let found = store::find(&mut connection, &sight.scope, &ids).await?;
        connection.release();
        let found: HashMap<Uuid, Row> = found.into_iter().map(|account| (account.id, account)).collect();
        let missing = ids.iter().filter(|id| !found.contains_key(*id)).map(ToString::to_string);
        Ok(Response::new(BatchGetAccountsResponse {
            accounts: ids.iter().filter_map(|id| found.get(id)).map(|account| convert::seen(&sight, account)).collect(),
            missing_ids: missing.collect(),
        }))
    }

    async fn list_accounts(
        &self,
        request: Request<ListAccountsRequest>,
    ) -> Result<Response<ListAccountsResponse>, Status> {
        let (call, request) = Call::open(request)?;
        Ok(Response::new(self.page(&call, &request).await?))
    }

    async fn search_accounts(
        &self,
        request: Request<SearchAccountsRequest>,
    ) -> Result<Response<SearchAccountsResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let (query, wanted) = convert::search(&request)?;
        let sight = self.sight(&call);
        let within = self.resources.within(&sight.scope, &request.territory_code)?;
        let mut connection = self.resources.connection().await?;
        let hits = self.finder.find(&mut connection, &within, &query, request.show_deleted, wanted).await?;
        let ids: Vec<Uuid> = hits.iter().map(|(id, _)| *id).collect();
        let found = store::find(&mut connection, &within, &ids).await?;
        connection.release();
        let found: HashMap<Uuid, Row> = found.into_iter().map(|account| (account.id, account)).collect();
        let results = hits.into_iter().filter_map(|(id, score)| Some((found.get(&id)?, score)));
        let results =
            results.map(|(account, score)| FoundAccount { account: Some(convert::seen(&sight, account)), score });
        Ok(Response::new(SearchAccountsResponse { results: results.collect() }))
    }

    async fn update_account(
        &self,
        request: Request<UpdateAccountRequest>,
    ) -> Result<Response<UpdateAccountResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let update = Update::try_from(request)?;
        let around = Around {
            territory_code: update.patch.territory_code.clone(),
            tree_alone: update.patch.parent_id.map(|_| true),
        };
        let (mut change, sight, territories) = self.begin(&call, key, (update.id, &update.etag), around).await?;
        if !change.repeats {
            change.before.check_live()?;
            update.patch.apply(&mut change.after);
            self.place(&mut change, &update.patch, &sight, &territories).await?;
        }
        let (account, position) = self.finish(change, &sight, "account.updated", "").await?;
        Ok(Response::new(UpdateAccountResponse { account, position }))
    }

    async fn delete_account(
        &self,
        request: Request<DeleteAccountRequest>,
    ) -> Result<Response<DeleteAccountResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let id = parse_id("id", &request.id)?;
        // Nobody hangs a subsidiary under it meanwhile.
        let around = Around { tree_alone: Some(true), ..Around::default() };
        let (mut change, sight, _) = self.begin(&call, key, (id, &request.etag), around).await?;
        let subsidiaries = store::subsidiary_paths(&mut change.transaction, id).await?;
        let visible = subsidiaries.iter().filter(|path| sight.scope.contains(path)).count();
        let assignments = assignments::count_open_of(&mut change.transaction, id).await?;
        change.decide(|account| account.deleted((subsidiaries.len(), visible), assignments, call.now))?;
        let (account, position) = self.finish(change, &sight, "account.deleted", "").await?;
        Ok(Response::new(DeleteAccountResponse { account, position }))
    }

    async fn undelete_account(
        &self,
        request: Request<UndeleteAccountRequest>,
    ) -> Result<Response<UndeleteAccountResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let id = parse_id("id", &request.id)?;
        // Nobody deletes the parent meanwhile.
        let around = Around { tree_alone: Some(false), ..Around::default() };
        let (mut change, sight, _) = self.begin(&call, key, (id, &request.etag), around).await?;
        let everywhere = guanxi_auth::Scope::everything();
        let parent = store::find(&mut change.transaction, &everywhere, change.before.parent_id.as_slice()).await?;
        change.decide(|account| account.undeleted(parent.first()))?;
        let (account, position) = self.finish(change, &sight, "account.undeleted", "").await?;
        Ok(Response::new(UndeleteAccountResponse { account, position }))
    }

    async fn activate_account(
        &self,
        request: Request<ActivateAccountRequest>,
    ) -> Result<Response<ActivateAccountResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let id = parse_id("id", &request.id)?;
        let (mut change, sight, _) = self.begin(&call, key, (id, &request.etag), Around::default()).await?;
        let has_primary = assignments::lock_primary_of(&mut change.transaction, id).await?;
        change.decide(|account| account.activated(has_primary, call.now))?;
        let (account, position) = self.finish(change, &sight, "account.activated", "").await?;
        Ok(Response::new(ActivateAccountResponse { account, position }))
    }

    async fn set_account_tier(
        &self,
        request: Request<SetAccountTierRequest>,
    ) -> Result<Response<SetAccountTierResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let wanted = Classification::try_from(request)?;
        let (mut change, sight, _) = self.begin(&call, key, (wanted.id, &wanted.etag), Around::default()).await?;
        if !change.repeats {
            change.before.check_live()?;
            classify(&mut change, &call, &wanted).await?;
        }
        let (account, position) = self.finish(change, &sight, "account.tier_set", &wanted.reason).await?;
        Ok(Response::new(SetAccountTierResponse { account, position }))
    }

    async fn list_account_tier_periods(
        &self,
        request: Request<ListAccountTierPeriodsRequest>,
    ) -> Result<Response<ListAccountTierPeriodsResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let id = parse_id("account_id", &request.account_id)?;
        let sight = self.sight(&call);
        let mut connection = self.resources.connection().await?;
        store::get(&mut connection, &sight.scope, id).await?;
        let periods = store::periods(&mut connection, id).await?;
        connection.release();
        Ok(Response::new(ListAccountTierPeriodsResponse {
            periods: periods.into_iter().map(convert::period).collect(),
        }))
    }

    async fn get_account_tree(
        &self,
        request: Request<GetAccountTreeRequest>,
    ) -> Result<Response<GetAccountTreeResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let id = parse_id("id", &request.id)?;
        let sight = self.sight(&call);
        let mut connection = self.resources.connection().await?;
        let account = store::get(&mut connection, &sight.scope, id).await?;
        let above = store::find(&mut connection, &sight.scope, &account.ancestors()).await?;
        let top = account.top_among(&above);
        let limit = i64::try_from(MAX_NODES + 1).unwrap_or(i64::MAX);
        let mut accounts = store::hierarchy(&mut connection, &sight.scope, &top.tree_path, limit).await?;
        let truncated = accounts.len() > MAX_NODES;
        accounts.truncate(MAX_NODES);
        let tree = connected(&accounts, top.id);
        let paths: Vec<String> = tree.iter().map(|(account, _)| account.territory_path.clone()).collect();
        let cross_province = store::provinces(&mut connection, &paths).await?.len() > 1;
        connection.release();
        Ok(Response::new(GetAccountTreeResponse { nodes: convert::nodes(&tree, &sight), truncated, cross_province }))
    }

    type ImportAccountsStream = ReceiverStream<Result<ImportAccountsResponse, Status>>;

    async fn import_accounts(
        &self,
        request: Request<Streaming<ImportAccountsRequest>>,
    ) -> Result<Response<Self::ImportAccountsStream>, Status> {
        let (call, stream) = Call::open(request)?;
        Ok(Response::new(guanxi_resource::import(self.resources.clone(), self.clone(), &call, stream)))
    }

    type ExportAccountsStream = ReceiverStream<Result<ExportAccountsResponse, Status>>;

    async fn export_accounts(
        &self,
        request: Request<ExportAccountsRequest>,
    ) -> Result<Response<Self::ExportAccountsStream>, Status> {
        let (call, request) = Call::open(request)?;
        let (service, caller) = (self.clone(), call.clone());
        let work = move |answers| async move { service.export(&caller, request, answers).await };
        Ok(Response::new(guanxi_grpc::stream(&call, self.resources.stopping.clone(), EXPORTS_WAITING, work)))
    }
}
