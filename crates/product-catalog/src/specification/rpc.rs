//! The methods.

use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, parse_id};
use guanxi_proto::product_catalog::v1::specification_service_server::SpecificationService;
use guanxi_proto::product_catalog::v1::{
    CreateSpecificationRequest, CreateSpecificationResponse, DeleteSpecificationRequest, DeleteSpecificationResponse,
    GetSpecificationRequest, GetSpecificationResponse, ListSpecificationsRequest, ListSpecificationsResponse,
    UndeleteSpecificationRequest, UndeleteSpecificationResponse, UpdateSpecificationRequest,
    UpdateSpecificationResponse,
};
use guanxi_resource::Resources;
use tonic::{Request, Response, Status};

use super::model::Specification as Row;
use super::{convert, store};
use crate::error::check_operator_wide;
use crate::value::Key;

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
        let (call, request) = Call::open(request)?;
        check_operator_wide(&self.resources, &call)?;
        let key = call.request_key(&request.request_id, &request)?;
        let patch = convert::creation(request.specification)?;
        let id = guanxi_db::new_id(call.now);
        let mut transaction = self.resources.begin().await?;
        if let Some(first) = self.resources.claim(&mut transaction, key.as_ref(), id, call.now).await? {
            let specification = Some(convert::wire(&store::get(&mut transaction, &Key::Id(first)).await?));
            return Ok(Response::new(CreateSpecificationResponse { specification, position: 0 }));
        }
        let specification = patch(Row::blank(id, call.now));
        store::save(&mut transaction, &specification).await?;
        let event = convert::event("specification.created", None, &specification);
        let position = self.resources.commit(transaction, &call, vec![event]).await?;
        Ok(Response::new(CreateSpecificationResponse { specification: Some(convert::wire(&specification)), position }))
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
        let query = store::LISTING.query(&PageRequest {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &request.filter,
            order_by: &request.order_by,
            show_deleted: request.show_deleted,
            with_total: request.with_total,
            bound: &[],
        })?;
        let mut connection = self.resources.connection().await?;
        let page = query.fetch::<Row>(&mut connection, &[]).await.map_err(guanxi_resource::Error::from)?;
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
        let (call, request) = Call::open(request)?;
        check_operator_wide(&self.resources, &call)?;
        let key = call.request_key(&request.request_id, &request)?;
        let update = convert::update(request)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, update.id).await?;
        let mut change = self.resources.change(&call, key, &update.etag, transaction, before).await?;
        change.decide(|specification| update.apply(specification))?;
        let (specification, position) = change.finish("specification.updated", store::save, convert::event).await?;
        Ok(Response::new(UpdateSpecificationResponse { specification: Some(convert::wire(&specification)), position }))
    }

    async fn delete_specification(
        &self,
        request: Request<DeleteSpecificationRequest>,
    ) -> Result<Response<DeleteSpecificationResponse>, Status> {
        let (call, request) = Call::open(request)?;
        check_operator_wide(&self.resources, &call)?;
        let key = call.request_key(&request.request_id, &request)?;
        let id = parse_id("id", &request.id)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, id).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        if !change.repeats {
            change.after = change.before.deleted(call.now)?;
            store::check_unneeded(&mut change.transaction, &change.before.code).await?;
        }
        let (specification, position) = change.finish("specification.deleted", store::save, convert::event).await?;
        Ok(Response::new(DeleteSpecificationResponse { specification: Some(convert::wire(&specification)), position }))
    }

    async fn undelete_specification(
        &self,
        request: Request<UndeleteSpecificationRequest>,
    ) -> Result<Response<UndeleteSpecificationResponse>, Status> {
        let (call, request) = Call::open(request)?;
        check_operator_wide(&self.resources, &call)?;
        let key = call.request_key(&request.request_id, &request)?;
        let id = parse_id("id", &request.id)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, id).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        change.decide(Row::undeleted)?;
        let (specification, position) = change.finish("specification.undeleted", store::save, convert::event).await?;
        Ok(Response::new(UndeleteSpecificationResponse {
            specification: Some(convert::wire(&specification)),
            position,
        }))
    }
}
