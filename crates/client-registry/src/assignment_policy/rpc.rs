//! The methods.

use guanxi_grpc::Call;
use guanxi_proto::client_registry::v1::assignment_policy_service_server::AssignmentPolicyService;
use guanxi_proto::client_registry::v1::{
    GetAssignmentPolicyRequest, GetAssignmentPolicyResponse, UpdateAssignmentPolicyRequest,
    UpdateAssignmentPolicyResponse,
};
use guanxi_resource::Resources;
use tonic::{Request, Response, Status};

use super::{convert, store};

/// Serves the assignment policy.
#[derive(Clone)]
pub(crate) struct AssignmentPolicyRpc {
    resources: Resources,
}

impl AssignmentPolicyRpc {
    pub(crate) fn new(resources: Resources) -> Self {
        Self { resources }
    }
}

#[tonic::async_trait]
impl AssignmentPolicyService for AssignmentPolicyRpc {
    async fn get_assignment_policy(
        &self,
        request: Request<GetAssignmentPolicyRequest>,
    ) -> Result<Response<GetAssignmentPolicyResponse>, Status> {
        let (_call, GetAssignmentPolicyRequest {}) = Call::open(request)?;
        let mut connection = self.resources.connection().await?;
        let policy = store::get(&mut connection).await?;
        connection.release();
        Ok(Response::new(GetAssignmentPolicyResponse { assignment_policy: Some(convert::wire(&policy)) }))
    }

    async fn update_assignment_policy(
        &self,
        request: Request<UpdateAssignmentPolicyRequest>,
    ) -> Result<Response<UpdateAssignmentPolicyResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        self.resources.check_whole_tree(&call)?;
        let (etag, patch) = convert::update(request)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction).await?;
        let mut change = self.resources.change(&call, key, &etag, transaction, before).await?;
        change.decide(|policy| Ok(patch(policy.clone())))?;
        let (policy, position) = change.finish("assignment_policy.updated", store::save, convert::event).await?;
        let assignment_policy = Some(convert::wire(&policy));
        Ok(Response::new(UpdateAssignmentPolicyResponse { assignment_policy, position }))
    }
}
