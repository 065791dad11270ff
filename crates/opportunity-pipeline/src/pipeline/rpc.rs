//! The methods.

use guanxi_db::Transaction;
use guanxi_filter::PageRequest;
use guanxi_grpc::Call;
use guanxi_proto::opportunity_pipeline::v1::pipeline_service_server::PipelineService;
use guanxi_proto::opportunity_pipeline::v1::{
    CreatePipelineRequest, CreatePipelineResponse, DeletePipelineRequest, DeletePipelineResponse, GetPipelineRequest,
    GetPipelineResponse, ListPipelinesRequest, ListPipelinesResponse, UndeletePipelineRequest,
    UndeletePipelineResponse, UpdatePipelineRequest, UpdatePipelineResponse,
};
use guanxi_resource::{Deletable, Error, Resources, Sight, Update};
use tonic::{Request, Response, Status};

use super::model::{Pipeline as Row, check_unused};
use super::{convert, store};

/// Serves pipelines.
#[derive(Clone)]
pub(crate) struct PipelineRpc {
    resources: Resources,
}

impl PipelineRpc {
    pub(crate) fn new(resources: Resources) -> Self {
        Self { resources }
    }

    /// Opens a call that changes what holds for the whole operator.
    fn open<T>(&self, request: Request<T>) -> Result<(Call, T), Error> {
        let (call, request) = Call::open(request)?;
        self.resources.check_whole_tree(&call)?;
        Ok((call, request))
    }
}

#[tonic::async_trait]
impl PipelineService for PipelineRpc {
    async fn create_pipeline(
        &self,
        request: Request<CreatePipelineRequest>,
    ) -> Result<Response<CreatePipelineResponse>, Status> {
        let (call, request) = self.open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let patch = convert::creation(request.pipeline)?;
        let make = async |_: &mut Transaction, id| Ok(patch(Row::blank(id, call.now)));
        let created = self.resources.create(&call, key, &Sight::everywhere(), "pipeline.created", make).await?;
        Ok(Response::new(CreatePipelineResponse { pipeline: Some(created.0), position: created.1 }))
    }

    async fn get_pipeline(
        &self,
        request: Request<GetPipelineRequest>,
    ) -> Result<Response<GetPipelineResponse>, Status> {
        let (_, request) = Call::open(request)?;
        let key = convert::key(request.key)?;
        let mut connection = self.resources.connection().await?;
        let pipeline = store::get(&mut connection, &key).await?;
        connection.release();
        Ok(Response::new(GetPipelineResponse { pipeline: Some(convert::wire(&pipeline)) }))
    }

    async fn list_pipelines(
        &self,
        request: Request<ListPipelinesRequest>,
    ) -> Result<Response<ListPipelinesResponse>, Status> {
        let (_, request) = Call::open(request)?;
        let query = store::LISTING.query(&PageRequest::of(&request, &[]))?;
        let page = self.resources.list::<Row>(&Sight::everywhere(), "", query).await?;
        Ok(Response::new(ListPipelinesResponse {
            pipelines: page.rows,
            next_page_token: page.next_page_token,
            total: page.total,
        }))
    }

    async fn update_pipeline(
        &self,
        request: Request<UpdatePipelineRequest>,
    ) -> Result<Response<UpdatePipelineResponse>, Status> {
        let (call, request) = self.open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let Update { id, etag, patch } = convert::update(request)?;
        let (sight, transaction) = (Sight::everywhere(), self.resources.begin().await?);
        let mut change = self.resources.begin_change::<Row>(&call, key, transaction, (id, &etag), &sight).await?;
        change.decide(patch)?;
        let moved = change.before.moved(&change.after);
        let codes: Vec<String> = moved.iter().map(|(_, code)| code.clone()).collect();
        let used = store::used(&mut change.transaction, &change.before.code, &codes).await?;
        check_unused(moved, &used)?;
        let updated = change.commit("pipeline.updated", &sight).await?;
        Ok(Response::new(UpdatePipelineResponse { pipeline: Some(updated.0), position: updated.1 }))
    }

    async fn delete_pipeline(
        &self,
        request: Request<DeletePipelineRequest>,
    ) -> Result<Response<DeletePipelineResponse>, Status> {
        let (call, request) = self.open(request)?;
        let rule = async |transaction: &mut Transaction, pipeline: &Row| {
            pipeline.given_up(store::in_use(transaction, &pipeline.code).await?, call.now)
        };
        let deleted = self.resources.alter(&call, &request, &Sight::everywhere(), "pipeline.deleted", rule).await?;
        Ok(Response::new(DeletePipelineResponse { pipeline: Some(deleted.0), position: deleted.1 }))
    }

    async fn undelete_pipeline(
        &self,
        request: Request<UndeletePipelineRequest>,
    ) -> Result<Response<UndeletePipelineResponse>, Status> {
        let (call, request) = self.open(request)?;
        let rule = async |_: &mut Transaction, pipeline: &Row| pipeline.undeleted();
        let live = self.resources.alter(&call, &request, &Sight::everywhere(), "pipeline.undeleted", rule).await?;
        Ok(Response::new(UndeletePipelineResponse { pipeline: Some(live.0), position: live.1 }))
    }
}
