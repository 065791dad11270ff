//! The methods.

use guanxi_auth::permission::ACCOUNT_MANAGER_READ_PERSONAL;
use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, day, parse_id};
use guanxi_proto::client_registry::v1::account_manager_service_server::AccountManagerService;
use guanxi_proto::client_registry::v1::{
    CreateAccountManagerRequest, CreateAccountManagerResponse, DeleteAccountManagerRequest,
    DeleteAccountManagerResponse, DepartAccountManagerRequest, DepartAccountManagerResponse, GetAccountManagerRequest,
    GetAccountManagerResponse, ListAccountManagersRequest, ListAccountManagersResponse, ReinstateAccountManagerRequest,
    ReinstateAccountManagerResponse, UndeleteAccountManagerRequest, UndeleteAccountManagerResponse,
    UpdateAccountManagerRequest, UpdateAccountManagerResponse,
};
use guanxi_resource::{Resource, Resources, Sight};
use tonic::{Request, Response, Status};

use super::model::{AccountManager as Row, Key};
use super::{convert, store};
use crate::assignment::{self, store as assignments};
use crate::territory::store as territories;

/// Serves account managers.
#[derive(Clone)]
pub(crate) struct AccountManagerRpc {
    resources: Resources,
}

impl AccountManagerRpc {
    pub(crate) fn new(resources: Resources) -> Self {
        Self { resources }
    }

    fn sight(&self, call: &Call) -> Sight {
        self.resources.sight(call, ACCOUNT_MANAGER_READ_PERSONAL)
    }
}

#[tonic::async_trait]
impl AccountManagerService for AccountManagerRpc {
    async fn create_account_manager(
        &self,
        request: Request<CreateAccountManagerRequest>,
    ) -> Result<Response<CreateAccountManagerResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (territory_code, patch) = convert::creation(request.account_manager)?;
        let (sight, id) = (self.sight(&call), guanxi_db::new_id(call.now));
        let mut transaction = self.resources.begin().await?;
        if let Some(first) = self.resources.claim(&mut transaction, key.as_ref(), id, call.now).await? {
            let first = store::get(&mut transaction, &sight.scope, &Key::Id(first)).await?;
            let account_manager = Some(convert::seen(&sight, &first));
            return Ok(Response::new(CreateAccountManagerResponse { account_manager, position: 0 }));
        }
        let codes = [territory_code];
        let found = territories::lock_shared(&mut transaction, &sight.scope, &codes).await?;
        let manager = patch(Row::blank(id, territories::named(&found, &codes[0])?, call.now));
        store::save(&mut transaction, &manager).await?;
        let event = convert::event("account_manager.created", None, &manager);
        let position = self.resources.commit(transaction, &call, vec![event]).await?;
        let account_manager = Some(convert::seen(&sight, &manager));
        Ok(Response::new(CreateAccountManagerResponse { account_manager, position }))
    }

    async fn get_account_manager(
        &self,
        request: Request<GetAccountManagerRequest>,
    ) -> Result<Response<GetAccountManagerResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = convert::key(request.key)?;
        let sight = self.sight(&call);
        let mut connection = self.resources.connection().await?;
        let manager = store::get(&mut connection, &sight.scope, &key).await?;
        connection.release();
        Ok(Response::new(GetAccountManagerResponse { account_manager: Some(convert::seen(&sight, &manager)) }))
    }

    async fn list_account_managers(
        &self,
        request: Request<ListAccountManagersRequest>,
    ) -> Result<Response<ListAccountManagersResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let query = store::LISTING.query(&PageRequest::of(&request, &[&request.territory_code]))?;
        let sight = self.sight(&call);
        let page = self.resources.page::<Row>(&sight.scope, &request.territory_code, query).await?;
        Ok(Response::new(ListAccountManagersResponse {
            account_managers: page.rows.iter().map(|manager| convert::seen(&sight, manager)).collect(),
            next_page_token: page.next_page_token,
            total: page.total,
        }))
    }

    async fn update_account_manager(
        &self,
        request: Request<UpdateAccountManagerRequest>,
    ) -> Result<Response<UpdateAccountManagerResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let update = convert::update(request)?;
        let sight = self.sight(&call);
        let mut transaction = self.resources.begin().await?;
        let codes = update.territory_code.as_slice();
        let territories = territories::lock_shared(&mut transaction, &sight.scope, codes).await?;
        let before = store::lock(&mut transaction, &sight.scope, update.id).await?;
        let mut change = self.resources.change(&call, key, &update.etag, transaction, before).await?;
        change.decide(|manager| update.apply(manager, &territories))?;
        let (manager, position) = change.finish("account_manager.updated", store::save, convert::event).await?;
        let account_manager = Some(convert::seen(&sight, &manager));
        Ok(Response::new(UpdateAccountManagerResponse { account_manager, position }))
    }

    async fn delete_account_manager(
        &self,
        request: Request<DeleteAccountManagerRequest>,
    ) -> Result<Response<DeleteAccountManagerResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (sight, id) = (self.sight(&call), parse_id("id", &request.id)?);
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, &sight.scope, id).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        let open = assignments::open_paths_of(&mut change.transaction, id).await?;
        let visible = open.iter().filter(|path| sight.scope.contains(path)).count();
        change.decide(|manager| manager.deleted(open.len(), visible, call.now))?;
        let (manager, position) = change.finish("account_manager.deleted", store::save, convert::event).await?;
        let account_manager = Some(convert::seen(&sight, &manager));
        Ok(Response::new(DeleteAccountManagerResponse { account_manager, position }))
    }

    async fn undelete_account_manager(
        &self,
        request: Request<UndeleteAccountManagerRequest>,
    ) -> Result<Response<UndeleteAccountManagerResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (sight, id) = (self.sight(&call), parse_id("id", &request.id)?);
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, &sight.scope, id).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        change.decide(Row::undeleted)?;
        let (manager, position) = change.finish("account_manager.undeleted", store::save, convert::event).await?;
        let account_manager = Some(convert::seen(&sight, &manager));
        Ok(Response::new(UndeleteAccountManagerResponse { account_manager, position }))
    }

    async fn depart_account_manager(
        &self,
        request: Request<DepartAccountManagerRequest>,
    ) -> Result<Response<DepartAccountManagerResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (id, day, reason) = convert::departure(&request, day::of(call.now))?;
        let sight = self.sight(&call);
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, &sight.scope, id).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        change.decide(|manager| manager.departed(day))?;
        let (mut closed, mut events) = (Vec::new(), Vec::new());
        if !change.repeats {
            change.after.stamp().advance(call.now);
            store::save(&mut change.transaction, &change.after).await?;
            (closed, events) = assignment::end_all_of(&mut change.transaction, id, day, &reason, call.now).await?;
            let (before, after) = (Some(&change.before), &change.after);
            events.push(convert::event_for("account_manager.departed", before, after, &reason));
        }
        let position = self.resources.commit(change.transaction, &call, events).await?;
        let visible = closed.iter().filter(|assignment| sight.scope.contains(&assignment.territory_path)).count();
        let account_manager = Some(convert::seen(&sight, &change.after));
        let closed_count = i32::try_from(visible).unwrap_or(i32::MAX);
        Ok(Response::new(DepartAccountManagerResponse { account_manager, closed_count, position }))
    }

    async fn reinstate_account_manager(
        &self,
        request: Request<ReinstateAccountManagerRequest>,
    ) -> Result<Response<ReinstateAccountManagerResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (id, reason) = convert::reinstatement(&request)?;
        let sight = self.sight(&call);
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, &sight.scope, id).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        change.decide(Row::reinstated)?;
        let event = |kind, before: Option<&Row>, after: &Row| convert::event_for(kind, before, after, &reason);
        let (manager, position) = change.finish("account_manager.reinstated", store::save, event).await?;
        let account_manager = Some(convert::seen(&sight, &manager));
        Ok(Response::new(ReinstateAccountManagerResponse { account_manager, position }))
    }
}
