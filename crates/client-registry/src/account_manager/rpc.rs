//! The methods.

use guanxi_auth::permission::ACCOUNT_MANAGER_READ_PERSONAL;
use guanxi_db::Transaction;
use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, day};
use guanxi_proto::client_registry::v1::account_manager_service_server::AccountManagerService;
use guanxi_proto::client_registry::v1::{
    CreateAccountManagerRequest, CreateAccountManagerResponse, DeleteAccountManagerRequest,
    DeleteAccountManagerResponse, DepartAccountManagerRequest, DepartAccountManagerResponse, GetAccountManagerRequest,
    GetAccountManagerResponse, ListAccountManagersRequest, ListAccountManagersResponse, ReinstateAccountManagerRequest,
    ReinstateAccountManagerResponse, UndeleteAccountManagerRequest, UndeleteAccountManagerResponse,
    UpdateAccountManagerRequest, UpdateAccountManagerResponse,
};
use guanxi_resource::{Noun, Resource, Resources, Sight};
use tonic::{Request, Response, Status};

use super::model::AccountManager as Row;
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
        let sight = self.sight(&call);
        let make = async |transaction: &mut Transaction, id| {
            let codes = [territory_code];
            let found = territories::lock_shared(transaction, &sight.scope, &codes).await?;
            Ok(patch(Row::blank(id, territories::named(&found, &codes[0])?, call.now)))
        };
        let created = self.resources.create(&call, key, &sight, "account_manager.created", make).await?;
        Ok(Response::new(CreateAccountManagerResponse { account_manager: Some(created.0), position: created.1 }))
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
        Ok(Response::new(GetAccountManagerResponse { account_manager: Some(manager.message(&sight)) }))
    }

    async fn list_account_managers(
        &self,
        request: Request<ListAccountManagersRequest>,
    ) -> Result<Response<ListAccountManagersResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let query = store::LISTING.query(&PageRequest::of(&request, &[&request.territory_code]))?;
        let page = self.resources.list::<Row>(&self.sight(&call), &request.territory_code, query).await?;
        Ok(Response::new(ListAccountManagersResponse {
            account_managers: page.rows,
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
        let manager = (update.id, update.etag.as_str());
        let mut change = self.resources.begin_change(&call, key, transaction, manager, &sight).await?;
        change.decide(|manager| update.apply(manager, &territories))?;
        let updated = change.commit("account_manager.updated", &sight).await?;
        Ok(Response::new(UpdateAccountManagerResponse { account_manager: Some(updated.0), position: updated.1 }))
    }

    async fn delete_account_manager(
        &self,
        request: Request<DeleteAccountManagerRequest>,
    ) -> Result<Response<DeleteAccountManagerResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let sight = self.sight(&call);
        let rule = async |transaction: &mut Transaction, manager: &Row| {
            let open = assignments::open_paths_of(transaction, manager.id).await?;
            let visible = open.iter().filter(|path| sight.scope.contains(path)).count();
            manager.deleted(open.len(), visible, call.now)
        };
        let deleted = self.resources.alter(&call, &request, &sight, "account_manager.deleted", rule).await?;
        Ok(Response::new(DeleteAccountManagerResponse { account_manager: Some(deleted.0), position: deleted.1 }))
    }

    async fn undelete_account_manager(
        &self,
        request: Request<UndeleteAccountManagerRequest>,
    ) -> Result<Response<UndeleteAccountManagerResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let rule = async |_: &mut Transaction, manager: &Row| manager.undeleted();
        let live = self.resources.alter(&call, &request, &self.sight(&call), "account_manager.undeleted", rule).await?;
        Ok(Response::new(UndeleteAccountManagerResponse { account_manager: Some(live.0), position: live.1 }))
    }

    async fn depart_account_manager(
        &self,
        request: Request<DepartAccountManagerRequest>,
    ) -> Result<Response<DepartAccountManagerResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (id, day, reason) = convert::departure(&request, day::of(call.now))?;
        let (sight, transaction) = (self.sight(&call), self.resources.begin().await?);
        let mut change = self.resources.begin_change(&call, key, transaction, (id, &request.etag), &sight).await?;
        change.decide(|manager: &Row| manager.departed(day))?;
        let (mut closed, mut events) = (Vec::new(), Vec::new());
        if !change.repeats {
            change.after.stamp().advance(call.now);
            Row::save(&mut change.transaction, &change.after).await?;
            (closed, events) = assignment::end_all_of(&mut change.transaction, id, day, &reason, call.now).await?;
            let (before, after) = (Some(&change.before), &change.after);
            events.push(convert::event("account_manager.departed", before, after, &reason));
        }
        let position = self.resources.commit(change.transaction, &call, events).await?;
        let visible = closed.iter().filter(|assignment| sight.scope.contains(&assignment.territory_path)).count();
        let account_manager = Some(change.after.message(&sight));
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
        let (sight, transaction) = (self.sight(&call), self.resources.begin().await?);
        let mut change = self.resources.begin_change(&call, key, transaction, (id, &request.etag), &sight).await?;
        change.decide(Row::reinstated)?;
        let event = |kind, before: Option<&Row>, after: &Row| convert::event(kind, before, after, &reason);
        let (manager, position) = change.finish("account_manager.reinstated", Row::save, event).await?;
        let account_manager = Some(manager.message(&sight));
        Ok(Response::new(ReinstateAccountManagerResponse { account_manager, position }))
    }
}
