//! The methods.

use guanxi_auth::Scope;
use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, parse_id};
use guanxi_proto::product_catalog::v1::discount_policy_service_server::DiscountPolicyService;
use guanxi_proto::product_catalog::v1::{
    CreateDiscountPolicyRequest, CreateDiscountPolicyResponse, DeleteDiscountPolicyRequest,
    DeleteDiscountPolicyResponse, GetDiscountPolicyRequest, GetDiscountPolicyResponse, ListDiscountPoliciesRequest,
    ListDiscountPoliciesResponse, UndeleteDiscountPolicyRequest, UndeleteDiscountPolicyResponse,
    UpdateDiscountPolicyRequest, UpdateDiscountPolicyResponse,
};
use guanxi_resource::{Error, Resources};
use tonic::{Request, Response, Status};

use super::model::{DiscountPolicy as Row, Key};
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
    match store::get(&mut transaction, &Key::CategoryCode(String::new())).await {
        Err(Error::NotFound { .. }) => {}
        found => return found.map(|_policy| ()),
    }
    let policy = Row::shipped(guanxi_db::new_id(call.now), call.now);
    match store::save(&mut transaction, &policy).await {
        // Another replica was faster.
        Err(Error::Exists { .. }) => return Ok(()),
        saved => saved?,
    }
    resources.commit(transaction, &call, vec![convert::event("discount_policy.created", None, &policy)]).await?;
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
        let id = guanxi_db::new_id(call.now);
        let mut transaction = self.resources.begin().await?;
        if let Some(first) = self.resources.claim(&mut transaction, key.as_ref(), id, call.now).await? {
            let discount_policy = Some(convert::wire(&store::get(&mut transaction, &Key::Id(first)).await?));
            return Ok(Response::new(CreateDiscountPolicyResponse { discount_policy, position: 0 }));
        }
        if !category_code.is_empty() {
            categories::share(&mut transaction, &category_code).await?;
        }
        let policy = patch(Row::shipped(id, call.now));
        store::save(&mut transaction, &policy).await?;
        let event = convert::event("discount_policy.created", None, &policy);
        let position = self.resources.commit(transaction, &call, vec![event]).await?;
        let discount_policy = Some(convert::wire(&policy));
        Ok(Response::new(CreateDiscountPolicyResponse { discount_policy, position }))
    }

    async fn get_discount_policy(
        &self,
        request: Request<GetDiscountPolicyRequest>,
    ) -> Result<Response<GetDiscountPolicyResponse>, Status> {
        let (_call, request) = Call::open(request)?;
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
        let (_call, request) = Call::open(request)?;
        let query = store::LISTING.query(&PageRequest::of(&request, &[]))?;
        let page = self.resources.page::<Row>(&Scope::everything(), "", query).await?;
        Ok(Response::new(ListDiscountPoliciesResponse {
            discount_policies: page.rows.iter().map(convert::wire).collect(),
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
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, update.id).await?;
        let mut change = self.resources.change(&call, key, &update.etag, transaction, before).await?;
        change.decide(|policy| update.apply(policy))?;
        let (policy, position) = change.finish("discount_policy.updated", store::save, convert::event).await?;
        let discount_policy = Some(convert::wire(&policy));
        Ok(Response::new(UpdateDiscountPolicyResponse { discount_policy, position }))
    }

    async fn delete_discount_policy(
        &self,
        request: Request<DeleteDiscountPolicyRequest>,
    ) -> Result<Response<DeleteDiscountPolicyResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let id = parse_id("id", &request.id)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, id).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        change.decide(|policy| policy.deleted(call.now))?;
        let (policy, position) = change.finish("discount_policy.deleted", store::save, convert::event).await?;
        let discount_policy = Some(convert::wire(&policy));
        Ok(Response::new(DeleteDiscountPolicyResponse { discount_policy, position }))
    }

    async fn undelete_discount_policy(
        &self,
        request: Request<UndeleteDiscountPolicyRequest>,
    ) -> Result<Response<UndeleteDiscountPolicyResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let id = parse_id("id", &request.id)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, id).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        change.decide(Row::undeleted)?;
        if !change.repeats {
            categories::share(&mut change.transaction, &change.after.category_code).await?;
        }
        let (policy, position) = change.finish("discount_policy.undeleted", store::save, convert::event).await?;
        let discount_policy = Some(convert::wire(&policy));
        Ok(Response::new(UndeleteDiscountPolicyResponse { discount_policy, position }))
    }
}
