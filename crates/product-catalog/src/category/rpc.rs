//! The methods.

use guanxi_auth::Scope;
use guanxi_db::Transaction;
use guanxi_filter::PageRequest;
use guanxi_grpc::Call;
use guanxi_proto::product_catalog::v1::category_service_server::CategoryService;
use guanxi_proto::product_catalog::v1::{
    CreateCategoryRequest, CreateCategoryResponse, DeleteCategoryRequest, DeleteCategoryResponse, GetCategoryRequest,
    GetCategoryResponse, ListCategoriesRequest, ListCategoriesResponse, UndeleteCategoryRequest,
    UndeleteCategoryResponse, UpdateCategoryRequest, UpdateCategoryResponse,
};
use guanxi_resource::{Deletable, Error, Resources, Sight};
use tonic::{Request, Response, Status};

use super::model::Category as Row;
use super::{convert, store};
use crate::operator;
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
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (parent_code, patch) = convert::creation(request.category)?;
        let make = async |transaction: &mut Transaction, id| {
            let parent = match parent_code {
                Some(code) => Some(store::lock_parent(transaction, &code).await?),
                None => None,
            };
            patch(Row::blank(id, call.now)).placed(parent.as_ref())
        };
        let created = self.resources.create(&call, key, &Sight::everywhere(), "category.created", make).await?;
        Ok(Response::new(CreateCategoryResponse { category: Some(created.0), position: created.1 }))
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
        let query = store::LISTING.query(&PageRequest::of(&request, &[&request.under_code]))?;
        let mut connection = self.resources.connection().await?;
        let subtree = match request.under_code {
            code if code.is_empty() => Scope::everything(),
            code => Scope::everything().within(&store::get(&mut connection, &Key::Code(code)).await?.path),
        };
        let page = query.fetch::<Row>(&mut connection, &subtree.ranges()).await.map_err(Error::from)?;
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
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let update = convert::update(request)?;
        let updated = self.resources.update(&call, key, &Sight::everywhere(), "category.updated", update).await?;
        Ok(Response::new(UpdateCategoryResponse { category: Some(updated.0), position: updated.1 }))
    }

    async fn delete_category(
        &self,
        request: Request<DeleteCategoryRequest>,
    ) -> Result<Response<DeleteCategoryResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let rule = async |transaction: &mut Transaction, category: &Row| {
            store::check_empty(transaction, &category.code).await?;
            category.deleted(call.now)
        };
        let deleted = self.resources.alter(&call, &request, &Sight::everywhere(), "category.deleted", rule).await?;
        Ok(Response::new(DeleteCategoryResponse { category: Some(deleted.0), position: deleted.1 }))
    }

    async fn undelete_category(
        &self,
        request: Request<UndeleteCategoryRequest>,
    ) -> Result<Response<UndeleteCategoryResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let rule = async |transaction: &mut Transaction, category: &Row| {
            if let Some(parent_code) = &category.parent_code {
                store::lock_parent(transaction, parent_code).await?;
            }
            category.undeleted()
        };
        let live = self.resources.alter(&call, &request, &Sight::everywhere(), "category.undeleted", rule).await?;
        Ok(Response::new(UndeleteCategoryResponse { category: Some(live.0), position: live.1 }))
    }
}
