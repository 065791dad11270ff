//! The methods.

use guanxi_db::Transaction;
use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, parse_id};
use guanxi_proto::product_catalog::v1::bundle_service_server::BundleService;
use guanxi_proto::product_catalog::v1::{
    CreateBundleRequest, CreateBundleResponse, DeleteBundleRequest, DeleteBundleResponse, GetBundleRequest,
    GetBundleResponse, ListBundlesRequest, ListBundlesResponse, PublishBundleRequest, PublishBundleResponse,
    RetireBundleRequest, RetireBundleResponse, UndeleteBundleRequest, UndeleteBundleResponse, UpdateBundleRequest,
    UpdateBundleResponse,
};
use guanxi_resource::{Deletable, Noun, Resources, Sight};
use tonic::{Request, Response, Status};

use super::model::Bundle as Row;
use super::{convert, store};
use crate::offering;
use crate::operator;

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
        let make = async |transaction: &mut Transaction, id| {
            let bundle = patch(Row::blank(id, call.now));
            convert::check(&bundle, &offering::lock_offerings(transaction, &bundle.offering_codes).await?)?;
            Ok(bundle)
        };
        let created = self.resources.create(&call, key, &Sight::everywhere(), "bundle.created", make).await?;
        Ok(Response::new(CreateBundleResponse { bundle: Some(created.0), position: created.1 }))
    }

    async fn get_bundle(&self, request: Request<GetBundleRequest>) -> Result<Response<GetBundleResponse>, Status> {
        let (_, request) = Call::open(request)?;
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
        let (_, request) = Call::open(request)?;
        let query = store::LISTING.query(&PageRequest::of(&request, &[]))?;
        let page = self.resources.list::<Row>(&Sight::everywhere(), "", query).await?;
        Ok(Response::new(ListBundlesResponse {
            bundles: page.rows,
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
        let (sight, transaction) = (Sight::everywhere(), self.resources.begin().await?);
        let bundle = (update.id, update.etag.as_str());
        let mut change = self.resources.begin_change(&call, key, transaction, bundle, &sight).await?;
        change.decide(update.patch)?;
        if !change.repeats {
            let codes = &change.after.offering_codes;
            convert::check(&change.after, &offering::lock_offerings(&mut change.transaction, codes).await?)?;
        }
        let updated = change.commit("bundle.updated", &sight).await?;
        Ok(Response::new(UpdateBundleResponse { bundle: Some(updated.0), position: updated.1 }))
    }

    async fn publish_bundle(
        &self,
        request: Request<PublishBundleRequest>,
    ) -> Result<Response<PublishBundleResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (sight, id) = (Sight::everywhere(), parse_id("id", &request.id)?);
        let mut transaction = self.resources.begin().await?;
        Row::lock(&mut transaction, id).await?;
        let before: Row = self.resources.get(&mut transaction, &sight, id).await?;
        let offerings = offering::lock_offerings(&mut transaction, &before.offering_codes).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        change.decide(|bundle| bundle.published(&offerings, guanxi_grpc::day::of(call.now)))?;
        let published = change.commit("bundle.published", &sight).await?;
        Ok(Response::new(PublishBundleResponse { bundle: Some(published.0), position: published.1 }))
    }

    async fn retire_bundle(
        &self,
        request: Request<RetireBundleRequest>,
    ) -> Result<Response<RetireBundleResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let rule = async |_: &mut Transaction, bundle: &Row| bundle.retired();
        let retired = self.resources.alter(&call, &request, &Sight::everywhere(), "bundle.retired", rule).await?;
        Ok(Response::new(RetireBundleResponse { bundle: Some(retired.0), position: retired.1 }))
    }

    async fn delete_bundle(
        &self,
        request: Request<DeleteBundleRequest>,
    ) -> Result<Response<DeleteBundleResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let rule = async |_: &mut Transaction, bundle: &Row| bundle.deleted(call.now);
        let deleted = self.resources.alter(&call, &request, &Sight::everywhere(), "bundle.deleted", rule).await?;
        Ok(Response::new(DeleteBundleResponse { bundle: Some(deleted.0), position: deleted.1 }))
    }

    async fn undelete_bundle(
        &self,
        request: Request<UndeleteBundleRequest>,
    ) -> Result<Response<UndeleteBundleResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let rule = async |_: &mut Transaction, bundle: &Row| bundle.undeleted();
        let live = self.resources.alter(&call, &request, &Sight::everywhere(), "bundle.undeleted", rule).await?;
        Ok(Response::new(UndeleteBundleResponse { bundle: Some(live.0), position: live.1 }))
    }
}
