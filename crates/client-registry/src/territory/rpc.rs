//! The methods.

use guanxi_db::Transaction;
use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, check_etag};
use guanxi_proto::client_registry::v1::territory_service_server::TerritoryService;
use guanxi_proto::client_registry::v1::{
    self as pb, CreateTerritoryRequest, CreateTerritoryResponse, DeleteTerritoryRequest, DeleteTerritoryResponse, GetTerritoryRequest,
    GetTerritoryResponse, ImportTerritoriesRequest, ImportTerritoriesResponse, ListTerritoriesRequest, ListTerritoriesResponse,
    ListTerritoryLevelsRequest, ListTerritoryLevelsResponse, MoveTerritoryRequest, MoveTerritoryResponse, UpdateTerritoryRequest,
    UpdateTerritoryResponse,
};
use guanxi_proto::r#type::v1::LocalizedText;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::convert::{self, Renaming};
use super::model::Territory;
use super::store;
use crate::error::Error;
use crate::registry::Registry;

/// Serves territories.
#[derive(Clone)]
pub(crate) struct TerritoryRpc {
    pub(super) registry: Registry,
}

impl TerritoryRpc {
    pub(crate) fn new(registry: Registry) -> Self {
        Self { registry }
    }

    async fn read(&self, call: &Call, code: &str) -> Result<pb::Territory, Error> {
        let scope = self.registry.scope(call);
        let mut connection = self.registry.connection().await?;
        let territory = store::get(&mut connection, &scope, code).await?;
        connection.release();
        Ok(convert::territory(&territory, &scope))
    }

    async fn commit(
        &self,
        transaction: Transaction,
        call: &Call,
        kind: &'static str,
        before: Option<&Territory>,
        after: Option<&Territory>,
    ) -> Result<i64, Error> {
        let event = convert::event(kind, before, after);
        self.registry.commit(transaction, call, event.into_iter().collect()).await
    }
}

#[tonic::async_trait]
impl TerritoryService for TerritoryRpc {
    async fn create_territory(&self, request: Request<CreateTerritoryRequest>) -> Result<Response<CreateTerritoryResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let new = convert::new_territory("territory", request.territory)?;
        let (scope, id) = (self.registry.scope(&call), guanxi_db::new_id(call.now));
        let mut transaction = self.registry.begin().await?;
        if let Some(first) = self.registry.claim(&mut transaction, key.as_ref(), id, call.now).await? {
            let territory = store::get_by_id(&mut transaction, &scope, first, &new.code).await?;
            return Ok(Response::new(CreateTerritoryResponse { territory: Some(convert::territory(&territory, &scope)), position: 0 }));
        }
        store::lock_tree(&mut transaction, "territory", false).await?;
        let levels = store::levels(&mut transaction).await?;
        convert::check_level("territory", &new.level, &levels)?;
        let parent = match &new.parent_code {
            Some(parent_code) => Some(store::get(&mut transaction, &scope, parent_code).await?),
            None => convert::check_root("territory", &scope).map(|()| None)?,
        };
        convert::check_code(&new.code, &store::retired(&mut transaction, std::slice::from_ref(&new.code)).await?)?;
        let territory = new.place(parent.as_ref(), &levels, id, call.now)?;
        store::insert(&mut transaction, std::slice::from_ref(&territory)).await?;
        let position = self.commit(transaction, &call, "territory.created", None, Some(&territory)).await?;
        Ok(Response::new(CreateTerritoryResponse { territory: Some(convert::territory(&territory, &scope)), position }))
    }

    async fn get_territory(&self, request: Request<GetTerritoryRequest>) -> Result<Response<GetTerritoryResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let code = convert::code("code", &request.code)?;
        Ok(Response::new(GetTerritoryResponse { territory: Some(self.read(&call, &code).await?) }))
    }

    async fn list_territories(&self, request: Request<ListTerritoriesRequest>) -> Result<Response<ListTerritoriesResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let query = store::LISTING.query(&PageRequest {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &request.filter,
            order_by: &request.order_by,
            bound: &[&request.under_code],
        })?;
        let scope = self.registry.scope(&call);
        let within = self.registry.within(&scope, &request.under_code)?;
        let query = query.seen_from(&scope.ranges());
        let mut connection = self.registry.connection().await?;
        let (page, total) = store::list(&mut connection, &within, &query, request.with_total).await?;
        connection.release();
        let territories = page.rows.iter().map(|territory| convert::territory(territory, &scope)).collect();
        Ok(Response::new(ListTerritoriesResponse { territories, next_page_token: page.next_page_token, total }))
    }

    async fn list_territory_levels(
        &self,
        _: Request<ListTerritoryLevelsRequest>,
    ) -> Result<Response<ListTerritoryLevelsResponse>, Status> {
        let mut connection = self.registry.connection().await?;
        let levels = store::named_levels(&mut connection).await?;
        connection.release();
        let levels = levels.into_iter().map(|level| pb::TerritoryLevel {
            code: level.code,
            name: Some(LocalizedText { zh: level.name_zh, en: level.name_en }),
            rank: level.rank,
        });
        Ok(Response::new(ListTerritoryLevelsResponse { levels: levels.collect() }))
    }

    async fn update_territory(&self, request: Request<UpdateTerritoryRequest>) -> Result<Response<UpdateTerritoryResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let renaming = Renaming::try_from(request)?;
        let scope = self.registry.scope(&call);
        let mut transaction = self.registry.begin().await?;
        let before = store::lock(&mut transaction, &scope, &renaming.code).await?;
        if self.registry.claim(&mut transaction, key.as_ref(), before.id, call.now).await?.is_some() {
            return Ok(Response::new(UpdateTerritoryResponse { territory: Some(convert::territory(&before, &scope)), position: 0 }));
        }
        check_etag(&renaming.etag, before.version)?;
        let Some(after) = renaming.apply(&before, call.now) else {
            self.registry.commit(transaction, &call, Vec::new()).await?;
            return Ok(Response::new(UpdateTerritoryResponse { territory: Some(convert::territory(&before, &scope)), position: 0 }));
        };
        store::update(&mut transaction, std::slice::from_ref(&after)).await?;
        let position = self.commit(transaction, &call, "territory.updated", Some(&before), Some(&after)).await?;
        Ok(Response::new(UpdateTerritoryResponse { territory: Some(convert::territory(&after, &scope)), position }))
    }

    async fn move_territory(&self, request: Request<MoveTerritoryRequest>) -> Result<Response<MoveTerritoryResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        convert::check_move(&request)?;
        let scope = self.registry.scope(&call);
        let answer = |territory: Territory, position, account_count| {
            let scope = self.registry.scope(&call);
            let territory = Some(convert::territory(&territory, &scope));
            Ok(Response::new(MoveTerritoryResponse { territory, position, account_count }))
        };
        let mut transaction = self.registry.begin().await?;
        store::lock_tree(&mut transaction, "territory", true).await?;
        let before = store::lock(&mut transaction, &scope, &request.code).await?;
        if self.registry.claim(&mut transaction, key.as_ref(), before.id, call.now).await?.is_some() {
            return answer(before, 0, 0);
        }
        check_etag(&request.etag, before.version)?;
        let parent = store::get(&mut transaction, &scope, &request.parent_code).await?;
        if before.parent_code.as_deref() == Some(&parent.code) {
            self.registry.commit(transaction, &call, Vec::new()).await?;
            return answer(before, 0, 0);
        }
        let levels = store::levels(&mut transaction).await?;
        let after = before.moved(&parent, &levels, call.now)?;
        store::update(&mut transaction, std::slice::from_ref(&after)).await?;
        let accounts = store::move_subtree(&mut transaction, &before.path, &after.path).await?;
        let position = self.commit(transaction, &call, "territory.moved", Some(&before), Some(&after)).await?;
        answer(after, position, i64::try_from(accounts).unwrap_or(i64::MAX))
    }

    async fn delete_territory(&self, request: Request<DeleteTerritoryRequest>) -> Result<Response<DeleteTerritoryResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let code = convert::code("code", &request.code)?;
        let scope = self.registry.scope(&call);
        let mut transaction = self.registry.begin().await?;
        // A repeat finds nothing to lock, so this claim comes first and names no id.
        if self.registry.claim(&mut transaction, key.as_ref(), Uuid::nil(), call.now).await?.is_some() {
            return Ok(Response::new(DeleteTerritoryResponse { position: 0 }));
        }
        store::lock_tree(&mut transaction, "territory", true).await?;
        let before = store::lock(&mut transaction, &scope, &code).await?;
        check_etag(&request.etag, before.version)?;
        store::delete(&mut transaction, &before, call.now).await?;
        let position = self.commit(transaction, &call, "territory.deleted", Some(&before), None).await?;
        Ok(Response::new(DeleteTerritoryResponse { position }))
    }

    type ImportTerritoriesStream = ReceiverStream<Result<ImportTerritoriesResponse, Status>>;

    async fn import_territories(
        &self,
        request: Request<Streaming<ImportTerritoriesRequest>>,
    ) -> Result<Response<Self::ImportTerritoriesStream>, Status> {
        let (call, stream) = Call::open(request)?;
        Ok(Response::new(crate::import::run(self.registry.clone(), self.clone(), &call, stream)))
    }
}
