//! The methods.

use guanxi_db::Transaction;
use guanxi_filter::{PageRequest, Value};
use guanxi_grpc::{Call, parse_id};
use guanxi_proto::opportunity_pipeline::v1::need_service_server::NeedService;
use guanxi_proto::opportunity_pipeline::v1::{
    CreateNeedRequest, CreateNeedResponse, DeleteNeedRequest, DeleteNeedResponse, EvaluateNeedRequest,
    EvaluateNeedResponse, GetNeedRequest, GetNeedResponse, ListNeedsRequest, ListNeedsResponse, RefuteNeedRequest,
    RefuteNeedResponse, UndeleteNeedRequest, UndeleteNeedResponse, UpdateNeedRequest, UpdateNeedResponse,
    VerifyNeedRequest, VerifyNeedResponse,
};
use guanxi_resource::{Deletable, Resources, Sight, Update};
use tonic::{Request, Response, Status};

use super::model::{Actor, Need as Row};
use super::{convert, store};
use crate::copies::Copies;
use crate::opportunity::Opportunity;
use crate::sight;

/// Serves needs.
#[derive(Clone)]
pub(crate) struct NeedRpc {
    resources: Resources,
    copies: Copies,
}

impl NeedRpc {
    pub(crate) fn new(resources: Resources, copies: Copies) -> Self {
        Self { resources, copies }
    }

    /// That of opportunities: who may not see all of a territory sees his own.
    fn sight(&self, call: &Call) -> Sight {
        sight::of(&self.resources, call)
    }
}

#[tonic::async_trait]
impl NeedService for NeedRpc {
    async fn create_need(&self, request: Request<CreateNeedRequest>) -> Result<Response<CreateNeedResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (opportunity_id, codes, patch) = convert::creation(request.need)?;
        let (sight, found) = (self.sight(&call), self.copies.offerings(&codes).await?);
        let make = async |transaction: &mut Transaction, id| {
            store::share_opportunity(transaction, opportunity_id).await?;
            let opportunity: Opportunity = self.resources.get(transaction, &sight, opportunity_id).await?;
            let blank = Row::blank(id, &opportunity, call.now);
            blank.check_opportunity()?;
            patch(blank, &found)
        };
        let created = self.resources.create(&call, key, &sight, "need.created", make).await?;
        Ok(Response::new(CreateNeedResponse { need: Some(created.0), position: created.1 }))
    }

    async fn get_need(&self, request: Request<GetNeedRequest>) -> Result<Response<GetNeedResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let id = parse_id("id", &request.id)?;
        let need = self.resources.show::<Row>(&self.sight(&call), id).await?;
        Ok(Response::new(GetNeedResponse { need: Some(need) }))
    }

    async fn list_needs(&self, request: Request<ListNeedsRequest>) -> Result<Response<ListNeedsResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let opportunity_id = convert::listed(&request.opportunity_id)?;
        let bound = [request.opportunity_id.as_str(), request.territory_code.as_str()];
        let mut query = store::LISTING.query(&PageRequest::of(&request, &bound))?;
        let sight = self.sight(&call);
        if let Some(id) = opportunity_id {
            self.resources.show::<Opportunity>(&sight, id).await?;
            query = query.only("need.opportunity_id", Value::Id(id));
        }
        let page = self.resources.list::<Row>(&sight, &request.territory_code, query).await?;
        Ok(Response::new(ListNeedsResponse {
            needs: page.rows,
            next_page_token: page.next_page_token,
            total: page.total,
        }))
    }

    async fn update_need(&self, request: Request<UpdateNeedRequest>) -> Result<Response<UpdateNeedResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (codes, Update { id, etag, patch }) = convert::update(request)?;
        let found = self.copies.offerings(&codes).await?;
        let update = Update { id, etag, patch: |before: &Row| patch(before.clone(), &found) };
        let updated = self.resources.update(&call, key, &self.sight(&call), "need.updated", update).await?;
        Ok(Response::new(UpdateNeedResponse { need: Some(updated.0), position: updated.1 }))
    }

    async fn verify_need(&self, request: Request<VerifyNeedRequest>) -> Result<Response<VerifyNeedResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let (verification, evidence) = convert::verification(&request)?;
        let actor = Actor { subject: call.subject(), now: call.now };
        let rule = async |_: &mut Transaction, need: &Row| need.verified(actor, verification, evidence);
        let verified = self.resources.alter(&call, &request, &self.sight(&call), "need.verified", rule).await?;
        Ok(Response::new(VerifyNeedResponse { need: Some(verified.0), position: verified.1 }))
    }

    async fn evaluate_need(
        &self,
        request: Request<EvaluateNeedRequest>,
    ) -> Result<Response<EvaluateNeedResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let convert::Evaluation { text, value, fit } = convert::evaluation(&request)?;
        let actor = Actor { subject: call.subject(), now: call.now };
        let rule = async |_: &mut Transaction, need: &Row| need.evaluated(actor, text, value, fit);
        let evaluated = self.resources.alter(&call, &request, &self.sight(&call), "need.evaluated", rule).await?;
        Ok(Response::new(EvaluateNeedResponse { need: Some(evaluated.0), position: evaluated.1 }))
    }

    async fn refute_need(&self, request: Request<RefuteNeedRequest>) -> Result<Response<RefuteNeedResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let reason = convert::refutation(&request)?;
        let rule = async |_: &mut Transaction, need: &Row| need.refuted(reason);
        let refuted = self.resources.alter(&call, &request, &self.sight(&call), "need.refuted", rule).await?;
        Ok(Response::new(RefuteNeedResponse { need: Some(refuted.0), position: refuted.1 }))
    }

    async fn delete_need(&self, request: Request<DeleteNeedRequest>) -> Result<Response<DeleteNeedResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let rule = async |_: &mut Transaction, need: &Row| {
            need.check_opportunity()?;
            need.deleted(call.now)
        };
        let deleted = self.resources.alter(&call, &request, &self.sight(&call), "need.deleted", rule).await?;
        Ok(Response::new(DeleteNeedResponse { need: Some(deleted.0), position: deleted.1 }))
    }

    async fn undelete_need(
        &self,
        request: Request<UndeleteNeedRequest>,
    ) -> Result<Response<UndeleteNeedResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let rule = async |_: &mut Transaction, need: &Row| {
            need.check_opportunity()?;
            need.undeleted()
        };
        let live = self.resources.alter(&call, &request, &self.sight(&call), "need.undeleted", rule).await?;
        Ok(Response::new(UndeleteNeedResponse { need: Some(live.0), position: live.1 }))
    }
}
