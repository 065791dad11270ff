//! The methods.

use guanxi_db::Transaction;
use guanxi_filter::PageRequest;
use guanxi_grpc::Call;
use guanxi_proto::product_catalog::v1::discount_policy_service_server::DiscountPolicyService;
use guanxi_proto::product_catalog::v1::{
    CreateDiscountPolicyRequest, CreateDiscountPolicyResponse, DeleteDiscountPolicyRequest,
    DeleteDiscountPolicyResponse, GetDiscountPolicyRequest, GetDiscountPolicyResponse, ListDiscountPoliciesRequest,
    ListDiscountPoliciesResponse, UndeleteDiscountPolicyRequest, UndeleteDiscountPolicyResponse,
    UpdateDiscountPolicyRequest, UpdateDiscountPolicyResponse,
};
use guanxi_resource::{Deletable, Error, Noun, Resources, Sight};
use tonic::{Request, Response, Status};

use super::model::DiscountPolicy as Row;
use super::{convert, store};
use crate::category::store as categories;
use crate::operator;

/// Serves discount policies.
#[derive(Clone)]
pub(crate) struct DiscountPolicyRpc {
    resources: Resources,
}

impl DiscountPolicyRpc {
    pub(crate) fn new(resources: Resources) -> Self {
        Self { resources }
    }
}

/// Creates the default policy where there is none yet, in the name of the service.
pub(crate) async fn ensure_default(resources: &Resources) -> Result<(), Error> {
    let call = Call::own("product-catalog", "guanxi.product_catalog.v1.DiscountPolicyService/CreateDiscountPolicy");
    let mut transaction = resources.begin().await?;
    if store::find(&mut transaction, None, Some("")).await?.is_some() {
        return Ok(());
    }
    let policy = Row::shipped(guanxi_db::new_id(call.now), call.now);
    match Row::save(&mut transaction, &policy).await {
        // Another replica was faster.
        Err(Error::Exists { .. }) => return Ok(()),
        saved => saved?,
    }
    resources.commit(transaction, &call, vec![Row::event("discount_policy.created", None, &policy)]).await?;
    Ok(())
}

#[tonic::async_trait]
impl DiscountPolicyService for DiscountPolicyRpc {
    async fn create_discount_policy(
        &self,
        request: Request<CreateDiscountPolicyRequest>,
    ) -> Result<Response<CreateDiscountPolicyResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (category_code, patch) = convert::creation(request.discount_policy)?;
        let make = async |transaction: &mut Transaction, id| {
            if !category_code.is_empty() {
                categories::share(transaction, &category_code).await?;
            }
            Ok(patch(Row::shipped(id, call.now)))
        };
        let created = self.resources.create(&call, key, &Sight::everywhere(), "discount_policy.created", make).await?;
        Ok(Response::new(CreateDiscountPolicyResponse { discount_policy: Some(created.0), position: created.1 }))
    }

    async fn get_discount_policy(
        &self,
        request: Request<GetDiscountPolicyRequest>,
    ) -> Result<Response<GetDiscountPolicyResponse>, Status> {
        let (_, request) = Call::open(request)?;
        let key = convert::key(request.key)?;
        let mut connection = self.resources.connection().await?;
        let policy = store::get(&mut connection, &key).await?;
        connection.release();
        Ok(Response::new(GetDiscountPolicyResponse { discount_policy: Some(convert::wire(&policy)) }))
    }

    async fn list_discount_policies(
        &self,
        request: Request<ListDiscountPoliciesRequest>,
    ) -> Result<Response<ListDiscountPoliciesResponse>, Status> {
        let (_, request) = Call::open(request)?;
        let query = store::LISTING.query(&PageRequest::of(&request, &[]))?;
        let page = self.resources.list::<Row>(&Sight::everywhere(), "", query).await?;
        Ok(Response::new(ListDiscountPoliciesResponse {
            discount_policies: page.rows,
            next_page_token: page.next_page_token,
            total: page.total,
        }))
    }

    async fn update_discount_policy(
        &self,
        request: Request<UpdateDiscountPolicyRequest>,
    ) -> Result<Response<UpdateDiscountPolicyResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let update = convert::update(request)?;
        let updated =
            self.resources.update(&call, key, &Sight::everywhere(), "discount_policy.updated", update).await?;
        Ok(Response::new(UpdateDiscountPolicyResponse { discount_policy: Some(updated.0), position: updated.1 }))
    }

    async fn delete_discount_policy(
        &self,
        request: Request<DeleteDiscountPolicyRequest>,
    ) -> Result<Response<DeleteDiscountPolicyResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let rule = async |_: &mut Transaction, policy: &Row| policy.deleted(call.now);
        let deleted =
            self.resources.alter(&call, &request, &Sight::everywhere(), "discount_policy.deleted", rule).await?;
        Ok(Response::new(DeleteDiscountPolicyResponse { discount_policy: Some(deleted.0), position: deleted.1 }))
    }

    async fn undelete_discount_policy(
        &self,
        request: Request<UndeleteDiscountPolicyRequest>,
    ) -> Result<Response<UndeleteDiscountPolicyResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let rule = async |transaction: &mut Transaction, policy: &Row| {
            let live = policy.undeleted()?;
            categories::share(transaction, &live.category_code).await?;
            Ok(live)
        };
        let live =
            self.resources.alter(&call, &request, &Sight::everywhere(), "discount_policy.undeleted", rule).await?;
        Ok(Response::new(UndeleteDiscountPolicyResponse { discount_policy: Some(live.0), position: live.1 }))
    }
}
