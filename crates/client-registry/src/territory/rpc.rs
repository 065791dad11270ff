//! The methods.

use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, check_etag};
use guanxi_proto::client_registry::v1::territory_service_server::TerritoryService;
use guanxi_proto::client_registry::v1::{
    self as pb, CreateTerritoryRequest, CreateTerritoryResponse, DeleteTerritoryRequest, DeleteTerritoryResponse,
    GetTerritoryRequest, GetTerritoryResponse, ImportTerritoriesRequest, ImportTerritoriesResponse,
    ListTerritoriesRequest, ListTerritoriesResponse, ListTerritoryLevelsRequest, ListTerritoryLevelsResponse,
    MoveTerritoryRequest, MoveTerritoryResponse, UpdateTerritoryRequest, UpdateTerritoryResponse,
};
use guanxi_proto::r#type::v1::LocalizedText;
use guanxi_resource::Resources;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::convert::{self, Renaming};
use super::store;

/// Serves territories.
#[derive(Clone)]
pub(crate) struct TerritoryRpc {
    pub(super) resources: Resources,
}

impl TerritoryRpc {
    pub(crate) fn new(resources: Resources) -> Self {
        Self { resources }
    }
}

#[tonic::async_trait]
impl TerritoryService for TerritoryRpc {
    async fn create_territory(
        &self,
        request: Request<CreateTerritoryRequest>,
    ) -> Result<Response<CreateTerritoryResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let new = convert::new_territory("territory", request.territory)?;
        let (scope, id) = (self.resources.scope(&call), guanxi_db::new_id(call.now));
        let mut transaction = self.resources.begin().await?;
        if let Some(first) = self.resources.claim(&mut transaction, key.as_ref(), id, call.now).await? {
            let territory = store::get_by_id(&mut transaction, &scope, first, &new.code).await?;
            return Ok(Response::new(CreateTerritoryResponse {
                territory: Some(convert::territory(&territory, &scope)),
                position: 0,
            }));
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
        let event = convert::event("territory.created", None, &territory);
        let position = self.resources.commit(transaction, &call, vec![event]).await?;
        Ok(Response::new(CreateTerritoryResponse { territory: Some(convert::territory(&territory, &scope)), position }))
    }

    async fn get_territory(
        &self,
        request: Request<GetTerritoryRequest>,
    ) -> Result<Response<GetTerritoryResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let code = convert::code("code", &request.code)?;
        let scope = self.resources.scope(&call);
        let mut connection = self.resources.connection().await?;
        let territory = store::get(&mut connection, &scope, &code).await?;
        connection.release();
        Ok(Response::new(GetTerritoryResponse { territory: Some(convert::territory(&territory, &scope)) }))
    }

    async fn list_territories(
        &self,
        request: Request<ListTerritoriesRequest>,
    ) -> Result<Response<ListTerritoriesResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let query = store::LISTING.query(&PageRequest::of(&request, &[&request.under_code]))?;
        let scope = self.resources.scope(&call);
        let page = self.resources.page(&scope, &request.under_code, query).await?;
        Ok(Response::new(ListTerritoriesResponse {
            territories: page.rows.iter().map(|territory| convert::territory(territory, &scope)).collect(),
            next_page_token: page.next_page_token,
            total: page.total,
        }))
    }

    async fn list_territory_levels(
        &self,
        _: Request<ListTerritoryLevelsRequest>,
    ) -> Result<Response<ListTerritoryLevelsResponse>, Status> {
        let mut connection = self.resources.connection().await?;
        let levels = store::named_levels(&mut connection).await?;
        connection.release();
        let levels = levels.into_iter().map(|level| pb::TerritoryLevel {
            code: level.code,
            name: Some(LocalizedText { zh: level.name_zh, en: level.name_en }),
            rank: level.rank,
        });
        Ok(Response::new(ListTerritoryLevelsResponse { levels: levels.collect() }))
    }

    async fn update_territory(
        &self,
        request: Request<UpdateTerritoryRequest>,
    ) -> Result<Response<UpdateTerritoryResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let renaming = Renaming::try_from(request)?;
        let scope = self.resources.scope(&call);
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, &scope, &renaming.code).await?;
        let mut change = self.resources.change(&call, key, &renaming.etag, transaction, before).await?;
        change.decide(|territory| Ok(renaming.apply(territory.clone())))?;
        let (territory, position) = change.finish("territory.updated", store::update, convert::event).await?;
        Ok(Response::new(UpdateTerritoryResponse { territory: Some(convert::territory(&territory, &scope)), position }))
    }

    async fn move_territory(
        &self,
        request: Request<MoveTerritoryRequest>,
    ) -> Result<Response<MoveTerritoryResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        convert::check_move(&request)?;
        let scope = self.resources.scope(&call);
        let mut transaction = self.resources.begin().await?;
        store::lock_tree(&mut transaction, "territory", true).await?;
        let before = store::lock(&mut transaction, &scope, &request.code).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        let mut accounts = 0;
        if !change.repeats {
            let parent = store::get(&mut change.transaction, &scope, &request.parent_code).await?;
            if change.before.parent_code.as_deref() != Some(&parent.code) {
                let levels = store::levels(&mut change.transaction).await?;
                change.after = change.before.moved(&parent, &levels)?;
                accounts =
                    store::move_subtree(&mut change.transaction, &change.before.path, &change.after.path).await?;
            }
        }
        let (territory, position) = change.finish("territory.moved", store::update, convert::event).await?;
        // What lay in the caller's territories may lie elsewhere now.
        let territory = Some(convert::territory(&territory, &self.resources.scope(&call)));
        let account_count = i64::try_from(accounts).unwrap_or(i64::MAX);
        Ok(Response::new(MoveTerritoryResponse { territory, position, account_count }))
    }

    async fn delete_territory(
        &self,
        request: Request<DeleteTerritoryRequest>,
    ) -> Result<Response<DeleteTerritoryResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let code = convert::code("code", &request.code)?;
        let scope = self.resources.scope(&call);
        let mut transaction = self.resources.begin().await?;
        // A repeat finds nothing to lock, so this claim comes first and names no id.
        if self.resources.claim(&mut transaction, key.as_ref(), Uuid::nil(), call.now).await?.is_some() {
            return Ok(Response::new(DeleteTerritoryResponse { position: 0 }));
        }
        store::lock_tree(&mut transaction, "territory", true).await?;
        let before = store::lock(&mut transaction, &scope, &code).await?;
        check_etag(&request.etag, before.version)?;
        store::delete(&mut transaction, &before, call.now).await?;
        let position = self.resources.commit(transaction, &call, vec![convert::deletion(&before)]).await?;
        Ok(Response::new(DeleteTerritoryResponse { position }))
    }

    type ImportTerritoriesStream = ReceiverStream<Result<ImportTerritoriesResponse, Status>>;

    async fn import_territories(
        &self,
        request: Request<Streaming<ImportTerritoriesRequest>>,
    ) -> Result<Response<Self::ImportTerritoriesStream>, Status> {
        let (call, stream) = Call::open(request)?;
        Ok(Response::new(guanxi_resource::import(self.resources.clone(), self.clone(), &call, stream)))
    }
}
