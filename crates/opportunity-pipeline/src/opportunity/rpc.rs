//! The methods.

use guanxi_auth::permission::OPPORTUNITY_READ_ALL;
use guanxi_db::Transaction;
use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, day, parse_id};
use guanxi_proto::opportunity_pipeline::v1::opportunity_service_server::OpportunityService;
use guanxi_proto::opportunity_pipeline::v1::{
    CreateOpportunityRequest, CreateOpportunityResponse, DeleteOpportunityRequest, DeleteOpportunityResponse,
    GetOpportunityRequest, GetOpportunityResponse, ImportOpportunitiesRequest, ImportOpportunitiesResponse,
    ListOpportunitiesRequest, ListOpportunitiesResponse, UndeleteOpportunityRequest, UndeleteOpportunityResponse,
    UpdateOpportunityRequest, UpdateOpportunityResponse,
};
use guanxi_resource::{Deletable, Resources, Sight, Update};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::import::OpportunityRows;
use super::listing::LISTING;
use super::model::Opportunity as Row;
use super::opening::open;
use super::{desk, patch};
use crate::copies::Copies;

/// Serves opportunities.
#[derive(Clone)]
pub(crate) struct OpportunityRpc {
    resources: Resources,
    copies: Copies,
}

impl OpportunityRpc {
    pub(crate) fn new(resources: Resources, copies: Copies) -> Self {
        Self { resources, copies }
    }

    /// Who may not see all opportunities of a territory sees his own.
    fn sight(&self, call: &Call) -> Sight {
        Sight::of(call, "", self.resources.paths()).or_own(call, OPPORTUNITY_READ_ALL, self.resources.paths())
    }
}

#[tonic::async_trait]
impl OpportunityService for OpportunityRpc {
    async fn create_opportunity(
        &self,
        request: Request<CreateOpportunityRequest>,
    ) -> Result<Response<CreateOpportunityResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (named, patch) = patch::creation(request.opportunity)?;
        let (sight, today) = (self.sight(&call), day::of(call.now));
        let found = desk::find(&self.copies, &call, &sight, &named, None, today).await?;
        let placing = desk::place(&self.resources, &self.copies, &call, &named, &found).await?;
        let make = async |transaction: &mut Transaction, id| {
            let opportunity = patch(Row::blank(id, placing, today, call.now), &found)?;
            open(transaction, &call, &named.pipeline_code, opportunity).await
        };
        let created = self.resources.create(&call, key, &sight, "opportunity.created", make).await?;
        Ok(Response::new(CreateOpportunityResponse { opportunity: Some(created.0), position: created.1 }))
    }

    async fn get_opportunity(
        &self,
        request: Request<GetOpportunityRequest>,
    ) -> Result<Response<GetOpportunityResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let id = parse_id("id", &request.id)?;
        let opportunity = self.resources.show::<Row>(&self.sight(&call), id).await?;
        Ok(Response::new(GetOpportunityResponse { opportunity: Some(opportunity) }))
    }

    async fn list_opportunities(
        &self,
        request: Request<ListOpportunitiesRequest>,
    ) -> Result<Response<ListOpportunitiesResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let query = LISTING.query(&PageRequest::of(&request, &[&request.territory_code]))?;
        let page = self.resources.list::<Row>(&self.sight(&call), &request.territory_code, query).await?;
        Ok(Response::new(ListOpportunitiesResponse {
            opportunities: page.rows,
            next_page_token: page.next_page_token,
            total: page.total,
        }))
    }

    async fn update_opportunity(
        &self,
        request: Request<UpdateOpportunityRequest>,
    ) -> Result<Response<UpdateOpportunityResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (named, Update { id, etag, patch }) = patch::update(request)?;
        let sight = self.sight(&call);
        let mut connection = self.resources.connection().await?;
        let present: Row = self.resources.get(&mut connection, &sight, id).await?;
        connection.release();
        let today = day::of(call.now);
        let found = desk::find(&self.copies, &call, &sight, &named, present.account_id, today).await?;
        let update = Update { id, etag, patch: |before: &Row| patch(before.clone(), &found) };
        let updated = self.resources.update(&call, key, &sight, "opportunity.updated", update).await?;
        Ok(Response::new(UpdateOpportunityResponse { opportunity: Some(updated.0), position: updated.1 }))
    }

    async fn delete_opportunity(
        &self,
        request: Request<DeleteOpportunityRequest>,
    ) -> Result<Response<DeleteOpportunityResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let rule = async |_: &mut Transaction, opportunity: &Row| opportunity.deleted(call.now);
        let deleted = self.resources.alter(&call, &request, &self.sight(&call), "opportunity.deleted", rule).await?;
        Ok(Response::new(DeleteOpportunityResponse { opportunity: Some(deleted.0), position: deleted.1 }))
    }

    async fn undelete_opportunity(
        &self,
        request: Request<UndeleteOpportunityRequest>,
    ) -> Result<Response<UndeleteOpportunityResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let rule = async |_: &mut Transaction, opportunity: &Row| opportunity.undeleted();
        let live = self.resources.alter(&call, &request, &self.sight(&call), "opportunity.undeleted", rule).await?;
        Ok(Response::new(UndeleteOpportunityResponse { opportunity: Some(live.0), position: live.1 }))
    }

    type ImportOpportunitiesStream = ReceiverStream<Result<ImportOpportunitiesResponse, Status>>;

    async fn import_opportunities(
        &self,
        request: Request<Streaming<ImportOpportunitiesRequest>>,
    ) -> Result<Response<Self::ImportOpportunitiesStream>, Status> {
        let (call, stream) = Call::open(request)?;
        let rows = OpportunityRows::new(self.resources.clone(), self.copies.clone());
        Ok(Response::new(guanxi_resource::import(self.resources.clone(), rows, &call, stream)))
    }
}
