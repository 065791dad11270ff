//! The methods.

use guanxi_db::Transaction;
use guanxi_filter::PageRequest;
use guanxi_grpc::Call;
use guanxi_proto::kpi::v1::indicator_service_server::IndicatorService;
use guanxi_proto::kpi::v1::{
    CreateIndicatorRequest, CreateIndicatorResponse, DeleteIndicatorRequest, DeleteIndicatorResponse,
    ExplainIndicatorRequest, ExplainIndicatorResponse, GetIndicatorRequest, GetIndicatorResponse,
    ListIndicatorsRequest, ListIndicatorsResponse, ListMeasuresRequest, ListMeasuresResponse, QueryIndicatorRequest,
    QueryIndicatorResponse, UndeleteIndicatorRequest, UndeleteIndicatorResponse, UpdateIndicatorRequest,
    UpdateIndicatorResponse, WatchIndicatorRequest, WatchIndicatorResponse,
};
use guanxi_resource::{Deletable, Error, Resources, Sight};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::model::Indicator as Row;
use super::{convert, store};
use crate::figure::{self, Watched};
use crate::measure::{self, Measure};

/// Serves indicators and their figures.
#[derive(Clone)]
pub(crate) struct IndicatorRpc {
    resources: Resources,
    watched: Watched,
}

impl IndicatorRpc {
    pub(crate) fn new(resources: Resources, watched: Watched) -> Self {
        Self { resources, watched }
    }

    /// Opens a call that changes what holds for the whole operator.
    fn open<T>(&self, request: Request<T>) -> Result<(Call, T), Error> {
        let (call, request) = Call::open(request)?;
        self.resources.check_whole_tree(&call)?;
        Ok((call, request))
    }
}

#[tonic::async_trait]
impl IndicatorService for IndicatorRpc {
    type WatchIndicatorStream = ReceiverStream<Result<WatchIndicatorResponse, Status>>;

    async fn create_indicator(
        &self,
        request: Request<CreateIndicatorRequest>,
    ) -> Result<Response<CreateIndicatorResponse>, Status> {
        let (call, request) = self.open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let patch = convert::creation(request.indicator)?;
        let make = async |_: &mut Transaction, id| Ok(patch(Row::blank(id, call.now))?);
        let created = self.resources.create(&call, key, &Sight::everywhere(), "indicator.created", make).await?;
        Ok(Response::new(CreateIndicatorResponse { indicator: Some(created.0), position: created.1 }))
    }

    async fn get_indicator(
        &self,
        request: Request<GetIndicatorRequest>,
    ) -> Result<Response<GetIndicatorResponse>, Status> {
        let (_, request) = Call::open(request)?;
        let key = convert::key(request.key)?;
        let mut connection = self.resources.connection().await?;
        let indicator = store::get(&mut connection, &key).await?;
        connection.release();
        Ok(Response::new(GetIndicatorResponse { indicator: Some(convert::wire(&indicator)) }))
    }

    async fn list_indicators(
        &self,
        request: Request<ListIndicatorsRequest>,
    ) -> Result<Response<ListIndicatorsResponse>, Status> {
        let (_, request) = Call::open(request)?;
        let query = store::LISTING.query(&PageRequest::of(&request, &[]))?;
        let page = self.resources.list::<Row>(&Sight::everywhere(), "", query).await?;
        Ok(Response::new(ListIndicatorsResponse {
            indicators: page.rows,
            next_page_token: page.next_page_token,
            total: page.total,
        }))
    }

    async fn update_indicator(
        &self,
        request: Request<UpdateIndicatorRequest>,
    ) -> Result<Response<UpdateIndicatorResponse>, Status> {
        let (call, request) = self.open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let update = convert::update(request)?;
        let updated = self.resources.update(&call, key, &Sight::everywhere(), "indicator.updated", update).await?;
        Ok(Response::new(UpdateIndicatorResponse { indicator: Some(updated.0), position: updated.1 }))
    }

    async fn delete_indicator(
        &self,
        request: Request<DeleteIndicatorRequest>,
    ) -> Result<Response<DeleteIndicatorResponse>, Status> {
        let (call, request) = self.open(request)?;
        let rule = async |_: &mut Transaction, indicator: &Row| {
            indicator.check_own()?;
            indicator.deleted(call.now)
        };
        let deleted = self.resources.alter(&call, &request, &Sight::everywhere(), "indicator.deleted", rule).await?;
        Ok(Response::new(DeleteIndicatorResponse { indicator: Some(deleted.0), position: deleted.1 }))
    }

    async fn undelete_indicator(
        &self,
        request: Request<UndeleteIndicatorRequest>,
    ) -> Result<Response<UndeleteIndicatorResponse>, Status> {
        let (call, request) = self.open(request)?;
        let rule = async |_: &mut Transaction, indicator: &Row| indicator.undeleted();
        let live = self.resources.alter(&call, &request, &Sight::everywhere(), "indicator.undeleted", rule).await?;
        Ok(Response::new(UndeleteIndicatorResponse { indicator: Some(live.0), position: live.1 }))
    }

    async fn list_measures(&self, _: Request<ListMeasuresRequest>) -> Result<Response<ListMeasuresResponse>, Status> {
        Ok(Response::new(ListMeasuresResponse { measures: measure::ALL.iter().map(Measure::wire).collect() }))
    }

    async fn query_indicator(
        &self,
        request: Request<QueryIndicatorRequest>,
    ) -> Result<Response<QueryIndicatorResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let (question, paging) = figure::query(&request)?;
        let answer = figure::answer(&self.resources, &call, &question).await?;
        Ok(Response::new(paging.page(answer)))
    }

    async fn watch_indicator(
        &self,
        request: Request<WatchIndicatorRequest>,
    ) -> Result<Response<Self::WatchIndicatorStream>, Status> {
        let (call, request) = Call::open(request)?;
        let question = figure::question(request.question.as_ref())?;
        // What cannot be answered is refused before the stream begins.
        figure::answer(&self.resources, &call, &question).await?;
        Ok(Response::new(figure::watch(self.resources.clone(), self.watched.clone(), &call, question)))
    }

    async fn explain_indicator(
        &self,
        request: Request<ExplainIndicatorRequest>,
    ) -> Result<Response<ExplainIndicatorResponse>, Status> {
        let (call, request) = Call::open(request)?;
        Ok(Response::new(figure::explain(&self.resources, &call, &request).await?))
    }
}
