//! The methods.

use guanxi_grpc::Call;
use guanxi_proto::opportunity_pipeline::v1::approval_policy_service_server::ApprovalPolicyService;
use guanxi_proto::opportunity_pipeline::v1::{
    GetApprovalPolicyRequest, GetApprovalPolicyResponse, UpdateApprovalPolicyRequest, UpdateApprovalPolicyResponse,
};
use guanxi_resource::{Error, Resources};
use tonic::{Request, Response, Status};

use super::model::ApprovalPolicy;
use super::{convert, store};

/// Serves the approval policy.
#[derive(Clone)]
pub(crate) struct ApprovalPolicyRpc {
    resources: Resources,
}

impl ApprovalPolicyRpc {
    pub(crate) fn new(resources: Resources) -> Self {
        Self { resources }
    }
}

/// Creates the policy where there is none yet, in the name of the service.
pub(crate) async fn ensure(resources: &Resources) -> Result<(), Error> {
    let method = "guanxi.opportunity_pipeline.v1.ApprovalPolicyService/CreateApprovalPolicy";
    let call = Call::own("opportunity-pipeline", method);
    let policy = ApprovalPolicy::shipped(call.now);
    let mut transaction = resources.begin().await?;
    if store::make(&mut transaction, &policy).await? {
        resources.commit(transaction, &call, vec![convert::event("approval_policy.created", None, &policy)]).await?;
    }
    Ok(())
}

#[tonic::async_trait]
impl ApprovalPolicyService for ApprovalPolicyRpc {
    async fn get_approval_policy(
        &self,
        request: Request<GetApprovalPolicyRequest>,
    ) -> Result<Response<GetApprovalPolicyResponse>, Status> {
        let (_call, GetApprovalPolicyRequest {}) = Call::open(request)?;
        let mut connection = self.resources.connection().await?;
        let policy = store::get(&mut connection).await?;
        connection.release();
        Ok(Response::new(GetApprovalPolicyResponse { approval_policy: Some(convert::wire(&policy)) }))
    }

    async fn update_approval_policy(
        &self,
        request: Request<UpdateApprovalPolicyRequest>,
    ) -> Result<Response<UpdateApprovalPolicyResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        self.resources.check_whole_tree(&call)?;
        let (etag, patch) = convert::update(request)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction).await?;
        let mut change = self.resources.change(&call, key, &etag, transaction, before).await?;
        change.decide(|policy| Ok(patch(policy.clone())))?;
        let (policy, position) = change.finish("approval_policy.updated", store::save, convert::event).await?;
        let approval_policy = Some(convert::wire(&policy));
        Ok(Response::new(UpdateApprovalPolicyResponse { approval_policy, position }))
    }
}
