//! The methods.

use guanxi_db::Transaction;
use guanxi_filter::PageRequest;
use guanxi_grpc::Call;
use guanxi_proto::product_catalog::v1::specification_service_server::SpecificationService;
use guanxi_proto::product_catalog::v1::{
    CreateSpecificationRequest, CreateSpecificationResponse, DeleteSpecificationRequest, DeleteSpecificationResponse,
    GetSpecificationRequest, GetSpecificationResponse, ListSpecificationsRequest, ListSpecificationsResponse,
    UndeleteSpecificationRequest, UndeleteSpecificationResponse, UpdateSpecificationRequest,
    UpdateSpecificationResponse,
};
use guanxi_resource::{Deletable, Error, Resources, Sight};
use tonic::{Request, Response, Status};

use super::model::Specification as Row;
use super::{convert, store};
use crate::operator;

/// Serves specifications.
#[derive(Clone)]
pub(crate) struct SpecificationRpc {
    resources: Resources,
}

impl SpecificationRpc {
    pub(crate) fn new(resources: Resources) -> Self {
        Self { resources }
    }
}

#[tonic::async_trait]
impl SpecificationService for SpecificationRpc {
    async fn create_specification(
        &self,
        request: Request<CreateSpecificationRequest>,
    ) -> Result<Response<CreateSpecificationResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let patch = convert::creation(request.specification)?;
        let make = async |_: &mut Transaction, id| Ok(patch(Row::blank(id, call.now)));
        let created = self.resources.create(&call, key, &Sight::everywhere(), "specification.created", make).await?;
        Ok(Response::new(CreateSpecificationResponse { specification: Some(created.0), position: created.1 }))
    }

    async fn get_specification(
        &self,
        request: Request<GetSpecificationRequest>,
    ) -> Result<Response<GetSpecificationResponse>, Status> {
        let (_, request) = Call::open(request)?;
        let key = convert::key(request.key)?;
        let mut connection = self.resources.connection().await?;
        let specification = store::get(&mut connection, &key).await?;
        connection.release();
        Ok(Response::new(GetSpecificationResponse { specification: Some(convert::wire(&specification)) }))
    }

    async fn list_specifications(
        &self,
        request: Request<ListSpecificationsRequest>,
    ) -> Result<Response<ListSpecificationsResponse>, Status> {
        let (_, request) = Call::open(request)?;
        let query = store::LISTING.query(&PageRequest::of(&request, &[]))?;
        let mut connection = self.resources.connection().await?;
        let page = query.fetch::<Row>(&mut connection, &[]).await.map_err(Error::from)?;
        connection.release();
        Ok(Response::new(ListSpecificationsResponse {
            specifications: page.rows.iter().map(convert::wire).collect(),
            next_page_token: page.next_page_token,
            total: page.total,
        }))
    }

    async fn update_specification(
        &self,
        request: Request<UpdateSpecificationRequest>,
    ) -> Result<Response<UpdateSpecificationResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let update = convert::update(request)?;
        let updated = self.resources.update(&call, key, &Sight::everywhere(), "specification.updated", update).await?;
        Ok(Response::new(UpdateSpecificationResponse { specification: Some(updated.0), position: updated.1 }))
    }

    async fn delete_specification(
        &self,
        request: Request<DeleteSpecificationRequest>,
    ) -> Result<Response<DeleteSpecificationResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let rule = async |transaction: &mut Transaction, specification: &Row| {
            store::check_unneeded(transaction, &specification.code).await?;
            specification.deleted(call.now)
        };
        let deleted =
            self.resources.alter(&call, &request, &Sight::everywhere(), "specification.deleted", rule).await?;
        Ok(Response::new(DeleteSpecificationResponse { specification: Some(deleted.0), position: deleted.1 }))
    }

    async fn undelete_specification(
        &self,
        request: Request<UndeleteSpecificationRequest>,
    ) -> Result<Response<UndeleteSpecificationResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let rule = async |_: &mut Transaction, specification: &Row| specification.undeleted();
        let live = self.resources.alter(&call, &request, &Sight::everywhere(), "specification.undeleted", rule).await?;
        Ok(Response::new(UndeleteSpecificationResponse { specification: Some(live.0), position: live.1 }))
    }
}
