//! The methods.

use guanxi_grpc::value::Key;
use guanxi_grpc::{Call, day};
use guanxi_proto::opportunity_pipeline::v1::opportunity_view_service_server::OpportunityViewService;
use guanxi_proto::opportunity_pipeline::v1::{
    GetBoardRequest, GetBoardResponse, GetForecastRequest, GetForecastResponse, GetFunnelRequest, GetFunnelResponse,
    ListStalledOpportunitiesRequest, ListStalledOpportunitiesResponse,
};
use guanxi_resource::{Error, Noun, Resources, Sight};
use tonic::{Request, Response, Status};

use super::convert::Question;
use super::model::{Stalled, check_open};
use super::store::{Ranges, Seen};
use super::{convert, store};
use crate::opportunity::Opportunity;
use crate::pipeline;
use crate::sight;

/// Serves figures of opportunities.
#[derive(Clone)]
pub(crate) struct OpportunityViewRpc {
    resources: Resources,
}

impl OpportunityViewRpc {
    pub(crate) fn new(resources: Resources) -> Self {
        Self { resources }
    }

    /// As `OpportunityRpc` shows the opportunities themselves.
    fn sight(&self, call: &Call) -> Sight {
        sight::of(&self.resources, call)
    }

    /// Of which opportunities, for this caller.
    fn seen(&self, call: &Call, question: &Question) -> Result<Seen, Error> {
        let sight = self.sight(call);
        let within = self.resources.within(&sight.scope, &question.territory_code)?;
        let (all, subject) = sight.own();
        Ok(Seen {
            pipeline_code: question.pipeline_code.clone(),
            owner_id: question.owner_id,
            subject: subject.map(str::to_owned),
            all: Ranges::of(all),
            within: Ranges::of(within.ranges()),
        })
    }
}

#[tonic::async_trait]
impl OpportunityViewService for OpportunityViewRpc {
    async fn get_board(&self, request: Request<GetBoardRequest>) -> Result<Response<GetBoardResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let seen = self.seen(&call, &convert::board_question(&request)?)?;
        let mut connection = self.resources.connection().await?;
        let cells = store::board(&mut connection, &seen).await?;
        connection.release();
        if cells.is_empty() {
            return Err(Error::not_found("pipeline", &seen.pipeline_code).into());
        }
        Ok(Response::new(GetBoardResponse { stages: convert::board(cells) }))
    }

    async fn get_funnel(&self, request: Request<GetFunnelRequest>) -> Result<Response<GetFunnelResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let (question, from, to) = convert::funnel_question(&request)?;
        let seen = self.seen(&call, &question)?;
        let mut connection = self.resources.connection().await?;
        let stages = store::funnel(&mut connection, &seen, from, to).await?;
        connection.release();
        if stages.is_empty() {
            return Err(Error::not_found("pipeline", &seen.pipeline_code).into());
        }
        Ok(Response::new(GetFunnelResponse { stages: stages.iter().map(convert::funnel_stage).collect() }))
    }

    async fn get_forecast(
        &self,
        request: Request<GetForecastRequest>,
    ) -> Result<Response<GetForecastResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let (question, months) = convert::forecast_question(&request, day::of(call.now))?;
        let seen = self.seen(&call, &question)?;
        let roots = roots(&seen.within, &question.territory_code);
        let mut connection = self.resources.connection().await?;
        pipeline::store::get(&mut connection, &Key::Code(question.pipeline_code)).await?;
        let rows = store::forecast(&mut connection, &seen, months, &roots, &question.territory_code).await?;
        connection.release();
        Ok(Response::new(convert::forecast(&rows)?))
    }

    async fn list_stalled_opportunities(
        &self,
        request: Request<ListStalledOpportunitiesRequest>,
    ) -> Result<Response<ListStalledOpportunitiesResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let (question, as_of, query) = convert::stalled_question(&request, day::of(call.now))?;
        let mut connection = self.resources.connection().await?;
        let pipeline = pipeline::store::get(&mut connection, &Key::Code(question.pipeline_code)).await?;
        connection.release();
        if !request.stage_code.is_empty() {
            check_open(&pipeline, &request.stage_code)?;
        }
        let sight = self.sight(&call);
        let query = sight.narrow(query, Opportunity::SEEN_BY);
        let page = self.resources.page::<Stalled>(&sight.scope, &question.territory_code, query).await?;
        Ok(Response::new(ListStalledOpportunitiesResponse {
            stalled_opportunities: page.rows.iter().map(|row| convert::stalled(row, &sight, as_of)).collect(),
            next_page_token: page.next_page_token,
            total: page.total,
        }))
    }
}

/// The codes of the topmost territories that the caller sees, where it asks for no other: one for each range but that of the whole tree,
/// whose parts are the roots below it.
fn roots(within: &Ranges, territory_code: &str) -> Vec<Option<String>> {
    let last = |path: &String| path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    let root = |path: &String| Some(last(path)).filter(|code| territory_code.is_empty() && !code.is_empty());
    within.lows.iter().map(root).collect()
}
