//! The methods.

use guanxi_auth::Scope;
use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, parse_id};
use guanxi_proto::product_catalog::v1::bundle_service_server::BundleService;
use guanxi_proto::product_catalog::v1::{
    CreateBundleRequest, CreateBundleResponse, DeleteBundleRequest, DeleteBundleResponse, GetBundleRequest,
    GetBundleResponse, ListBundlesRequest, ListBundlesResponse, PublishBundleRequest, PublishBundleResponse,
    RetireBundleRequest, RetireBundleResponse, UndeleteBundleRequest, UndeleteBundleResponse, UpdateBundleRequest,
    UpdateBundleResponse,
};
use guanxi_resource::Resources;
use tonic::{Request, Response, Status};

use super::model::Bundle as Row;
use super::{convert, store};
use crate::offering;
use crate::operator;
use crate::value::Key;

/// Serves bundles.
#[derive(Clone)]
pub(crate) struct BundleRpc {
    resources: Resources,
}

impl BundleRpc {
    pub(crate) fn new(resources: Resources) -> Self {
        Self { resources }
    }
}

#[tonic::async_trait]
impl BundleService for BundleRpc {
    async fn create_bundle(
        &self,
        request: Request<CreateBundleRequest>,
    ) -> Result<Response<CreateBundleResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let patch = convert::creation(request.bundle)?;
        let id = guanxi_db::new_id(call.now);
        let mut transaction = self.resources.begin().await?;
        if let Some(first) = self.resources.claim(&mut transaction, key.as_ref(), id, call.now).await? {
            let bundle = Some(convert::wire(&store::get(&mut transaction, &Key::Id(first)).await?));
            return Ok(Response::new(CreateBundleResponse { bundle, position: 0 }));
        }
        let bundle = patch(Row::blank(id, call.now));
        convert::check(&bundle, &offering::lock_offerings(&mut transaction, &bundle.offering_codes).await?)?;
        store::save(&mut transaction, &bundle).await?;
        let event = convert::event("bundle.created", None, &bundle);
        let position = self.resources.commit(transaction, &call, vec![event]).await?;
        Ok(Response::new(CreateBundleResponse { bundle: Some(convert::wire(&bundle)), position }))
    }

    async fn get_bundle(&self, request: Request<GetBundleRequest>) -> Result<Response<GetBundleResponse>, Status> {
        let (_call, request) = Call::open(request)?;
        let key = convert::key(request.key)?;
        let mut connection = self.resources.connection().await?;
        let bundle = store::get(&mut connection, &key).await?;
        connection.release();
        Ok(Response::new(GetBundleResponse { bundle: Some(convert::wire(&bundle)) }))
    }

    async fn list_bundles(
        &self,
        request: Request<ListBundlesRequest>,
    ) -> Result<Response<ListBundlesResponse>, Status> {
        let (_call, request) = Call::open(request)?;
        let query = store::LISTING.query(&PageRequest::of(&request, &[]))?;
        let page = self.resources.page::<Row>(&Scope::everything(), "", query).await?;
        Ok(Response::new(ListBundlesResponse {
            bundles: page.rows.iter().map(convert::wire).collect(),
            next_page_token: page.next_page_token,
            total: page.total,
        }))
    }

    async fn update_bundle(
        &self,
        request: Request<UpdateBundleRequest>,
    ) -> Result<Response<UpdateBundleResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let update = convert::update(request)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, update.id).await?;
        let mut change = self.resources.change(&call, key, &update.etag, transaction, before).await?;
        change.decide(|bundle| update.apply(bundle))?;
        if !change.repeats {
            let codes = &change.after.offering_codes;
            convert::check(&change.after, &offering::lock_offerings(&mut change.transaction, codes).await?)?;
        }
        let (bundle, position) = change.finish("bundle.updated", store::save, convert::event).await?;
        Ok(Response::new(UpdateBundleResponse { bundle: Some(convert::wire(&bundle)), position }))
    }

    async fn publish_bundle(
        &self,
        request: Request<PublishBundleRequest>,
    ) -> Result<Response<PublishBundleResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let id = parse_id("id", &request.id)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, id).await?;
        let offerings = offering::lock_offerings(&mut transaction, &before.offering_codes).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        change.decide(|bundle| bundle.published(&offerings, guanxi_grpc::day::of(call.now)))?;
        let (bundle, position) = change.finish("bundle.published", store::save, convert::event).await?;
        Ok(Response::new(PublishBundleResponse { bundle: Some(convert::wire(&bundle)), position }))
    }

    async fn retire_bundle(
        &self,
        request: Request<RetireBundleRequest>,
    ) -> Result<Response<RetireBundleResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let id = parse_id("id", &request.id)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, id).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        change.decide(Row::retired)?;
        let (bundle, position) = change.finish("bundle.retired", store::save, convert::event).await?;
        Ok(Response::new(RetireBundleResponse { bundle: Some(convert::wire(&bundle)), position }))
    }

    async fn delete_bundle(
        &self,
        request: Request<DeleteBundleRequest>,
    ) -> Result<Response<DeleteBundleResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let id = parse_id("id", &request.id)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, id).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        change.decide(|bundle| bundle.deleted(call.now))?;
        let (bundle, position) = change.finish("bundle.deleted", store::save, convert::event).await?;
        Ok(Response::new(DeleteBundleResponse { bundle: Some(convert::wire(&bundle)), position }))
    }

    async fn undelete_bundle(
        &self,
        request: Request<UndeleteBundleRequest>,
    ) -> Result<Response<UndeleteBundleResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let id = parse_id("id", &request.id)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, id).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        change.decide(Row::undeleted)?;
        let (bundle, position) = change.finish("bundle.undeleted", store::save, convert::event).await?;
        Ok(Response::new(UndeleteBundleResponse { bundle: Some(convert::wire(&bundle)), position }))
    }
}
