//! The methods.

use guanxi_auth::Scope;
use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, parse_id};
use guanxi_proto::product_catalog::v1::category_service_server::CategoryService;
use guanxi_proto::product_catalog::v1::{
    CreateCategoryRequest, CreateCategoryResponse, DeleteCategoryRequest, DeleteCategoryResponse, GetCategoryRequest,
    GetCategoryResponse, ListCategoriesRequest, ListCategoriesResponse, UndeleteCategoryRequest,
    UndeleteCategoryResponse, UpdateCategoryRequest, UpdateCategoryResponse,
};
use guanxi_resource::Resources;
use tonic::{Request, Response, Status};

use super::model::Category as Row;
use super::{convert, store};
use crate::error::check_operator_wide;
use crate::value::Key;

/// Serves categories.
#[derive(Clone)]
pub(crate) struct CategoryRpc {
    resources: Resources,
}

impl CategoryRpc {
    pub(crate) fn new(resources: Resources) -> Self {
        Self { resources }
    }
}

#[tonic::async_trait]
impl CategoryService for CategoryRpc {
    async fn create_category(
        &self,
        request: Request<CreateCategoryRequest>,
    ) -> Result<Response<CreateCategoryResponse>, Status> {
        let (call, request) = Call::open(request)?;
        check_operator_wide(&self.resources, &call)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (parent_code, patch) = convert::creation(request.category)?;
        let id = guanxi_db::new_id(call.now);
        let mut transaction = self.resources.begin().await?;
        if let Some(first) = self.resources.claim(&mut transaction, key.as_ref(), id, call.now).await? {
            let category = Some(convert::wire(&store::get(&mut transaction, &Key::Id(first)).await?));
            return Ok(Response::new(CreateCategoryResponse { category, position: 0 }));
        }
        let parent = match parent_code {
            Some(code) => Some(store::lock_parent(&mut transaction, &code).await?),
            None => None,
        };
        let category = patch(Row::blank(id, call.now)).placed(parent.as_ref())?;
        store::save(&mut transaction, &category).await?;
        let event = convert::event("category.created", None, &category);
        let position = self.resources.commit(transaction, &call, vec![event]).await?;
        Ok(Response::new(CreateCategoryResponse { category: Some(convert::wire(&category)), position }))
    }

    async fn get_category(
        &self,
        request: Request<GetCategoryRequest>,
    ) -> Result<Response<GetCategoryResponse>, Status> {
        let (_, request) = Call::open(request)?;
        let key = convert::key(request.key)?;
        let mut connection = self.resources.connection().await?;
        let category = store::get(&mut connection, &key).await?;
        connection.release();
        Ok(Response::new(GetCategoryResponse { category: Some(convert::wire(&category)) }))
    }

    async fn list_categories(
        &self,
        request: Request<ListCategoriesRequest>,
    ) -> Result<Response<ListCategoriesResponse>, Status> {
        let (_, request) = Call::open(request)?;
        let query = store::LISTING.query(&PageRequest {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &request.filter,
            order_by: &request.order_by,
            show_deleted: request.show_deleted,
            with_total: request.with_total,
            bound: &[&request.under_code],
        })?;
        let mut connection = self.resources.connection().await?;
        let subtree = match request.under_code {
            code if code.is_empty() => Scope::everything(),
            code => Scope::everything().within(&store::get(&mut connection, &Key::Code(code)).await?.path),
        };
        let page =
            query.fetch::<Row>(&mut connection, &subtree.ranges()).await.map_err(guanxi_resource::Error::from)?;
        connection.release();
        Ok(Response::new(ListCategoriesResponse {
            categories: page.rows.iter().map(convert::wire).collect(),
            next_page_token: page.next_page_token,
            total: page.total,
        }))
    }

    async fn update_category(
        &self,
        request: Request<UpdateCategoryRequest>,
    ) -> Result<Response<UpdateCategoryResponse>, Status> {
        let (call, request) = Call::open(request)?;
        check_operator_wide(&self.resources, &call)?;
        let key = call.request_key(&request.request_id, &request)?;
        let update = convert::update(request)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, update.id).await?;
        let mut change = self.resources.change(&call, key, &update.etag, transaction, before).await?;
        change.decide(|category| update.apply(category))?;
        let (category, position) = change.finish("category.updated", store::save, convert::event).await?;
        Ok(Response::new(UpdateCategoryResponse { category: Some(convert::wire(&category)), position }))
    }

    async fn delete_category(
        &self,
        request: Request<DeleteCategoryRequest>,
    ) -> Result<Response<DeleteCategoryResponse>, Status> {
        let (call, request) = Call::open(request)?;
        check_operator_wide(&self.resources, &call)?;
        let key = call.request_key(&request.request_id, &request)?;
        let id = parse_id("id", &request.id)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, id).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        if !change.repeats {
            change.after = change.before.deleted(call.now)?;
            store::check_empty(&mut change.transaction, &change.before.code).await?;
        }
        let (category, position) = change.finish("category.deleted", store::save, convert::event).await?;
        Ok(Response::new(DeleteCategoryResponse { category: Some(convert::wire(&category)), position }))
    }

    async fn undelete_category(
        &self,
        request: Request<UndeleteCategoryRequest>,
    ) -> Result<Response<UndeleteCategoryResponse>, Status> {
        let (call, request) = Call::open(request)?;
        check_operator_wide(&self.resources, &call)?;
        let key = call.request_key(&request.request_id, &request)?;
        let id = parse_id("id", &request.id)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, id).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        change.decide(Row::undeleted)?;
        if let (false, Some(parent_code)) = (change.repeats, &change.before.parent_code) {
            store::lock_parent(&mut change.transaction, parent_code).await?;
        }
        let (category, position) = change.finish("category.undeleted", store::save, convert::event).await?;
        Ok(Response::new(UndeleteCategoryResponse { category: Some(convert::wire(&category)), position }))
    }
}
