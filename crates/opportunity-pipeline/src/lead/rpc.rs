//! The methods.

use guanxi_auth::permission::{LEAD_READ_PERSONAL, OPPORTUNITY_READ_ALL};
use guanxi_db::Transaction;
use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, parse_id};
use guanxi_proto::opportunity_pipeline::v1::lead_service_server::LeadService;
use guanxi_proto::opportunity_pipeline::v1::{
    CreateLeadRequest, CreateLeadResponse, DeleteLeadRequest, DeleteLeadResponse, DisqualifyLeadRequest,
    DisqualifyLeadResponse, GetLeadRequest, GetLeadResponse, LinkDuplicateLeadRequest, LinkDuplicateLeadResponse,
    ListLeadsRequest, ListLeadsResponse, QualifyLeadRequest, QualifyLeadResponse, ReassignLeadRequest,
    ReassignLeadResponse, ReopenLeadRequest, ReopenLeadResponse, UndeleteLeadRequest, UndeleteLeadResponse,
    UpdateLeadRequest, UpdateLeadResponse, WorkLeadRequest, WorkLeadResponse,
};
use guanxi_resource::{Change, Deletable, Error, Noun, Resource, Resources, Sight, Update};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::listing::LISTING;
use super::model::Lead as Row;
use super::{convert, desk, patch, store};
use crate::copies::{self, Copies};
use crate::opportunity::{self, Opportunity, open};

/// Serves leads.
#[derive(Clone)]
pub(crate) struct LeadRpc {
    resources: Resources,
    copies: Copies,
}

impl LeadRpc {
    pub(crate) fn new(resources: Resources, copies: Copies) -> Self {
        Self { resources, copies }
    }

    /// Who may not see all leads of a territory sees his own.
    fn sight(&self, call: &Call) -> Sight {
        let paths = self.resources.paths();
        self.resources.sight(call, LEAD_READ_PERSONAL).or_own(call, OPPORTUNITY_READ_ALL, paths)
    }

    /// A lead as it is before its change, without a lock.
    async fn present(&self, sight: &Sight, id: Uuid) -> Result<Row, Error> {
        let mut connection = self.resources.connection().await?;
        let present = self.resources.get(&mut connection, sight, id).await?;
        connection.release();
        Ok(present)
    }

    /// The lead that another one is linked to when people say that it repeats `target`, and those between them: the last one that the caller
    /// sees.
    async fn linked(
        &self,
        transaction: &mut Transaction,
        sight: &Sight,
        target: Uuid,
    ) -> Result<(Uuid, Vec<Uuid>), Error> {
        self.resources.get::<Row>(transaction, sight, target).await?.check_live()?;
        let chain = store::chain(transaction, target).await?;
        let end = chain.last().copied().unwrap_or(target);
        let seen = Row::find(transaction, end).await?.is_some_and(|end| end.exists_for(sight));
        Ok((if seen { end } else { target }, chain))
    }

    /// Commits a lead that has become an opportunity, both in one.
    async fn qualify(
        &self,
        call: &Call,
        mut change: Change<'_, Row>,
        wanted: &convert::Qualification,
    ) -> Result<(Row, Opportunity, i64), Error> {
        let id = guanxi_db::new_id(call.now);
        let mut lead = change.before.qualified(id)?;
        let new = convert::opportunity(&lead, wanted, id, call.now);
        let opportunity = open(&mut change.transaction, call, &wanted.pipeline_code, new).await?;
        Opportunity::save(&mut change.transaction, &opportunity).await?;
        lead.stamp().advance(call.now);
        Row::save(&mut change.transaction, &lead).await?;
        let opened = Opportunity::event("opportunity.created", None, &opportunity);
        let qualified = Row::event("lead.qualified", Some(&change.before), &lead);
        let position = self.resources.commit(change.transaction, call, vec![opened, qualified]).await?;
        Ok((lead, opportunity, position))
    }
}

#[tonic::async_trait]
impl LeadService for LeadRpc {
    async fn create_lead(&self, request: Request<CreateLeadRequest>) -> Result<Response<CreateLeadResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (named, patch) = patch::creation(request.lead)?;
        let sight = self.sight(&call);
        let account = opportunity::desk::account(&self.copies, &call, &sight, named.account_id, None).await?;
        let placing =
            opportunity::desk::place(&self.resources, &self.copies, &call, "lead.owner_id", named.place()).await?;
        let make = async |transaction: &mut Transaction, id| {
            let territory_path = copies::lock_territory(transaction, &placing.territory_code).await?;
            let lead = patch(Row { territory_path, ..Row::blank(id, placing, call.now) }, account.as_ref())?;
            let duplicate_of_lead_id = store::repeated(transaction, &sight, &lead).await?;
            Ok(Row { duplicate_of_lead_id, ..lead })
        };
        let created = self.resources.create(&call, key, &sight, "lead.created", make).await?;
        Ok(Response::new(CreateLeadResponse { lead: Some(created.0), position: created.1 }))
    }

    async fn get_lead(&self, request: Request<GetLeadRequest>) -> Result<Response<GetLeadResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let id = parse_id("id", &request.id)?;
        let lead = self.resources.show::<Row>(&self.sight(&call), id).await?;
        Ok(Response::new(GetLeadResponse { lead: Some(lead) }))
    }

    async fn list_leads(&self, request: Request<ListLeadsRequest>) -> Result<Response<ListLeadsResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let query = LISTING.query(&PageRequest::of(&request, &[&request.territory_code]))?;
        let page = self.resources.list::<Row>(&self.sight(&call), &request.territory_code, query).await?;
        Ok(Response::new(ListLeadsResponse {
            leads: page.rows,
            next_page_token: page.next_page_token,
            total: page.total,
        }))
    }

    async fn update_lead(&self, request: Request<UpdateLeadRequest>) -> Result<Response<UpdateLeadResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (account_id, Update { id, etag, patch }) = patch::update(request)?;
        let sight = self.sight(&call);
        let known = self.present(&sight, id).await?.account_id;
        let account = opportunity::desk::account(&self.copies, &call, &sight, account_id, known).await?;
        let update = Update { id, etag, patch: |before: &Row| patch(before.clone(), account.as_ref()) };
        let updated = self.resources.update(&call, key, &sight, "lead.updated", update).await?;
        Ok(Response::new(UpdateLeadResponse { lead: Some(updated.0), position: updated.1 }))
    }

    async fn work_lead(&self, request: Request<WorkLeadRequest>) -> Result<Response<WorkLeadResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let rule = async |_: &mut Transaction, lead: &Row| lead.worked();
        let worked = self.resources.alter(&call, &request, &self.sight(&call), "lead.worked", rule).await?;
        Ok(Response::new(WorkLeadResponse { lead: Some(worked.0), position: worked.1 }))
    }

    async fn qualify_lead(
        &self,
        request: Request<QualifyLeadRequest>,
    ) -> Result<Response<QualifyLeadResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let wanted = convert::qualification(&request)?;
        let sight = self.sight(&call);
        let present = self.present(&sight, wanted.id).await?;
        let mut transaction = self.resources.begin().await?;
        copies::lock_territory(&mut transaction, &present.territory_code).await?;
        let lead = (wanted.id, request.etag.as_str());
        let mut change: Change<'_, Row> = self.resources.begin_change(&call, key, transaction, lead, &sight).await?;
        if change.repeats {
            let opportunity_id = change.before.opportunity_id.unwrap_or_default();
            let opportunity = Opportunity::find(&mut change.transaction, opportunity_id).await?;
            let opportunity = opportunity.filter(|opportunity| opportunity.exists_for(&sight));
            let opportunity = opportunity.map(|opportunity| opportunity.message(&sight));
            let lead = Some(change.before.message(&sight));
            return Ok(Response::new(QualifyLeadResponse { lead, opportunity, position: 0 }));
        }
        let (lead, opportunity, position) = self.qualify(&call, change, &wanted).await?;
        let (lead, opportunity) = (Some(lead.message(&sight)), Some(opportunity.message(&sight)));
        Ok(Response::new(QualifyLeadResponse { lead, opportunity, position }))
    }

    async fn disqualify_lead(
        &self,
        request: Request<DisqualifyLeadRequest>,
    ) -> Result<Response<DisqualifyLeadResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let (why, reason) = convert::disqualification(&request)?;
        let rule = async |_: &mut Transaction, lead: &Row| lead.disqualified(why, reason);
        let done = self.resources.alter(&call, &request, &self.sight(&call), "lead.disqualified", rule).await?;
        Ok(Response::new(DisqualifyLeadResponse { lead: Some(done.0), position: done.1 }))
    }

    async fn reopen_lead(&self, request: Request<ReopenLeadRequest>) -> Result<Response<ReopenLeadResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let reason = convert::reopening(&request)?;
        let rule = async |_: &mut Transaction, lead: &Row| lead.reopened(reason);
        let reopened = self.resources.alter(&call, &request, &self.sight(&call), "lead.reopened", rule).await?;
        Ok(Response::new(ReopenLeadResponse { lead: Some(reopened.0), position: reopened.1 }))
    }

    async fn link_duplicate_lead(
        &self,
        request: Request<LinkDuplicateLeadRequest>,
    ) -> Result<Response<LinkDuplicateLeadResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (id, target) = convert::link(&request)?;
        let (sight, mut transaction) = (self.sight(&call), self.resources.begin().await?);
        store::lock_links(&mut transaction).await?;
        let mut change: Change<'_, Row> =
            self.resources.begin_change(&call, key, transaction, (id, &request.etag), &sight).await?;
        let (end, chain) = match target {
            Some(target) if !change.repeats => {
                let (end, chain) = self.linked(&mut change.transaction, &sight, target).await?;
                (Some(end), chain)
            }
            _ => (None, Vec::new()),
        };
        change.decide(|lead| lead.linked(end, &chain))?;
        let linked = change.commit("lead.linked", &sight).await?;
        Ok(Response::new(LinkDuplicateLeadResponse { lead: Some(linked.0), position: linked.1 }))
    }

    async fn reassign_lead(
        &self,
        request: Request<ReassignLeadRequest>,
    ) -> Result<Response<ReassignLeadResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let wanted = convert::reassignment(&request)?;
        let sight = self.sight(&call);
        let present = self.present(&sight, wanted.id).await?;
        let mut placing = desk::place_anew(&self.resources, &self.copies, &call, &present, &wanted).await?;
        let mut transaction = self.resources.begin().await?;
        placing.territory_path = copies::lock_territory(&mut transaction, &placing.territory_code).await?;
        let lead = (wanted.id, request.etag.as_str());
        let mut change: Change<'_, Row> = self.resources.begin_change(&call, key, transaction, lead, &sight).await?;
        change.decide(|lead| lead.reassigned(placing, wanted.reason))?;
        let reassigned = change.commit("lead.reassigned", &sight).await?;
        Ok(Response::new(ReassignLeadResponse { lead: Some(reassigned.0), position: reassigned.1 }))
    }

    async fn delete_lead(&self, request: Request<DeleteLeadRequest>) -> Result<Response<DeleteLeadResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let rule = async |_: &mut Transaction, lead: &Row| lead.deleted(call.now);
        let deleted = self.resources.alter(&call, &request, &self.sight(&call), "lead.deleted", rule).await?;
        Ok(Response::new(DeleteLeadResponse { lead: Some(deleted.0), position: deleted.1 }))
    }

    async fn undelete_lead(
        &self,
        request: Request<UndeleteLeadRequest>,
    ) -> Result<Response<UndeleteLeadResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let rule = async |_: &mut Transaction, lead: &Row| lead.undeleted();
        let live = self.resources.alter(&call, &request, &self.sight(&call), "lead.undeleted", rule).await?;
        Ok(Response::new(UndeleteLeadResponse { lead: Some(live.0), position: live.1 }))
    }
}
