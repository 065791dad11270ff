//! The methods.

use guanxi_db::Transaction;
use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, day, parse_id};
use guanxi_proto::Verb;
use guanxi_proto::opportunity_pipeline::v1::opportunity_service_server::OpportunityService;
use guanxi_proto::opportunity_pipeline::v1::{
    self as pb, AdvanceOpportunityRequest, AdvanceOpportunityResponse, CreateOpportunityRequest,
    CreateOpportunityResponse, DeleteOpportunityRequest, DeleteOpportunityResponse, GetOpportunityRequest,
    GetOpportunityResponse, ImportOpportunitiesRequest, ImportOpportunitiesResponse, ListOpportunitiesRequest,
    ListOpportunitiesResponse, ListStagePeriodsRequest, ListStagePeriodsResponse, LoseOpportunityRequest,
    LoseOpportunityResponse, ReassignOpportunityRequest, ReassignOpportunityResponse, ReopenOpportunityRequest,
    ReopenOpportunityResponse, SuspendOpportunityRequest, SuspendOpportunityResponse, UndeleteOpportunityRequest,
    UndeleteOpportunityResponse, UpdateOpportunityRequest, UpdateOpportunityResponse, WinOpportunityRequest,
    WinOpportunityResponse,
};
use guanxi_resource::{Deletable, Error, Noun, Resources, Sight, Update};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::import::OpportunityRows;
use super::listing::LISTING;
use super::model::Opportunity as Row;
use super::opening::open;
use super::{convert, desk, patch, request, store};
use crate::copies::Copies;
use crate::pipeline;
use crate::sight;

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
        sight::of(&self.resources, call)
    }
}

/// Most times in stages that are listed.
const MAX_STAGE_PERIODS: i64 = 1_000;

/// A verb that is told of: the kind of its event, and why.
type Told<'a> = (&'static str, &'a str);

impl OpportunityRpc {
    /// A verb: what `rule` makes of the opportunity is saved with its event, and where that is another stage it enters that.
    async fn turn(
        &self,
        call: &Call,
        transaction: Transaction,
        request: &impl Verb,
        (kind, reason): Told<'_>,
        rule: impl AsyncFnOnce(&mut Transaction, &Row) -> Result<Row, Error>,
    ) -> Result<(Option<pb::Opportunity>, i64), Error> {
        let key = call.request_key(request.request_id(), request)?;
        let (id, etag) = (parse_id("id", request.id())?, request.etag());
        let sight = self.sight(call);
        let mut change = self.resources.begin_change::<Row>(call, key, transaction, (id, etag), &sight).await?;
        if !change.repeats {
            change.after = rule(&mut change.transaction, &change.before).await?;
        }
        if change.after.stage_code != change.before.stage_code {
            let date = change.after.stage_enter_date.unwrap_or(day::of(call.now));
            let stage_code = &change.after.stage_code;
            let entry = store::Entry { stage_code, date, reason, actor: call.subject(), now: call.now };
            store::enter_stage(&mut change.transaction, id, &entry).await?;
        }
        let event = |kind, before: Option<&Row>, after: &Row| convert::event_for(kind, before, after, reason);
        let (opportunity, position) = change.finish(kind, Row::save, event).await?;
        Ok((Some(convert::wire(&opportunity)), position))
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
        let placing = desk::place(&self.resources, &self.copies, &call, "opportunity.owner_id", named.place()).await?;
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
        let rule = async |transaction: &mut Transaction, opportunity: &Row| {
            // A pipeline with live opportunities is not deleted.
            pipeline::store::share(transaction, &opportunity.pipeline_code).await?;
            opportunity.undeleted()
        };
        let live = self.resources.alter(&call, &request, &self.sight(&call), "opportunity.undeleted", rule).await?;
        Ok(Response::new(UndeleteOpportunityResponse { opportunity: Some(live.0), position: live.1 }))
    }

    async fn advance_opportunity(
        &self,
        request: Request<AdvanceOpportunityRequest>,
    ) -> Result<Response<AdvanceOpportunityResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let (stage_code, reason) = request::advance(&request)?;
        let rule = async |transaction: &mut Transaction, before: &Row| {
            let pipeline = pipeline::store::share(transaction, &before.pipeline_code).await?;
            let facts = store::facts(transaction, before.id).await?;
            before.advanced(&pipeline.stages, &facts, (stage_code.as_deref(), &reason), day::of(call.now))
        };
        let told = ("opportunity.advanced", reason.as_str());
        let (opportunity, position) = self.turn(&call, self.resources.begin().await?, &request, told, rule).await?;
        Ok(Response::new(AdvanceOpportunityResponse { opportunity, position }))
    }

    async fn win_opportunity(
        &self,
        request: Request<WinOpportunityRequest>,
    ) -> Result<Response<WinOpportunityResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let closing = request::win(&request)?;
        let rule = async |transaction: &mut Transaction, before: &Row| {
            let pipeline = pipeline::store::share(transaction, &before.pipeline_code).await?;
            let facts = store::facts(transaction, before.id).await?;
            before.won(&pipeline.stages, &facts, &closing, day::of(call.now))
        };
        let told = ("opportunity.won", closing.reason.as_str());
        let (opportunity, position) = self.turn(&call, self.resources.begin().await?, &request, told, rule).await?;
        Ok(Response::new(WinOpportunityResponse { opportunity, position }))
    }

    async fn lose_opportunity(
        &self,
        request: Request<LoseOpportunityRequest>,
    ) -> Result<Response<LoseOpportunityResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let closing = request::lose(&request)?;
        let rule = async |transaction: &mut Transaction, before: &Row| {
            let pipeline = pipeline::store::share(transaction, &before.pipeline_code).await?;
            before.lost(&pipeline.stages, &closing, day::of(call.now))
        };
        let told = ("opportunity.lost", closing.reason.as_str());
        let (opportunity, position) = self.turn(&call, self.resources.begin().await?, &request, told, rule).await?;
        Ok(Response::new(LoseOpportunityResponse { opportunity, position }))
    }

    async fn suspend_opportunity(
        &self,
        request: Request<SuspendOpportunityRequest>,
    ) -> Result<Response<SuspendOpportunityResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let (until, reason) = request::suspension(&request, day::of(call.now))?;
        let rule = async |_: &mut Transaction, before: &Row| before.suspended(until, &reason);
        let told = ("opportunity.suspended", reason.as_str());
        let (opportunity, position) = self.turn(&call, self.resources.begin().await?, &request, told, rule).await?;
        Ok(Response::new(SuspendOpportunityResponse { opportunity, position }))
    }

    async fn reopen_opportunity(
        &self,
        request: Request<ReopenOpportunityRequest>,
    ) -> Result<Response<ReopenOpportunityResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let reason = request::reopening(&request)?;
        let rule = async |transaction: &mut Transaction, before: &Row| {
            let pipeline = pipeline::store::share(transaction, &before.pipeline_code).await?;
            let past = store::stage_periods(transaction, before.id, MAX_STAGE_PERIODS).await?;
            let past: Vec<String> = past.into_iter().map(|period| period.stage_code).collect();
            before.reopened(&pipeline.stages, &past, &reason, day::of(call.now))
        };
        let told = ("opportunity.reopened", reason.as_str());
        let (opportunity, position) = self.turn(&call, self.resources.begin().await?, &request, told, rule).await?;
        Ok(Response::new(ReopenOpportunityResponse { opportunity, position }))
    }

    async fn reassign_opportunity(
        &self,
        request: Request<ReassignOpportunityRequest>,
    ) -> Result<Response<ReassignOpportunityResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let named = request::reassignment(&request)?;
        let owner = desk::new_owner(&self.copies, named.owner_id).await?;
        let mut transaction = self.resources.begin().await?;
        let (sight, code) = (self.sight(&call), named.territory_code.as_deref());
        let territory = desk::new_territory(&mut transaction, &sight, code).await?;
        let target = desk::Target { owner, territory };
        let rule = async |_: &mut Transaction, before: &Row| before.reassigned(target.placing(before), &named.reason);
        let told = ("opportunity.reassigned", named.reason.as_str());
        let (opportunity, position) = self.turn(&call, transaction, &request, told, rule).await?;
        Ok(Response::new(ReassignOpportunityResponse { opportunity, position }))
    }

    async fn list_stage_periods(
        &self,
        request: Request<ListStagePeriodsRequest>,
    ) -> Result<Response<ListStagePeriodsResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let id = parse_id("opportunity_id", &request.opportunity_id)?;
        let mut connection = self.resources.connection().await?;
        let opportunity: Row = self.resources.get(&mut connection, &self.sight(&call), id).await?;
        let periods = store::stage_periods(&mut connection, opportunity.id, MAX_STAGE_PERIODS).await?;
        connection.release();
        let today = day::of(call.now);
        let stage_periods = periods.iter().rev().map(|period| convert::stage_period(period, today)).collect();
        Ok(Response::new(ListStagePeriodsResponse { stage_periods }))
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
