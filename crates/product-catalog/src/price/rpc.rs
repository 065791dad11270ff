//! The methods.

use guanxi_db::Transaction;
use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, day, parse_id};
use guanxi_proto::product_catalog::v1::price_service_server::PriceService;
use guanxi_proto::product_catalog::v1::{
    CreatePriceRequest, CreatePriceResponse, DeletePriceRequest, DeletePriceResponse, GetPriceRequest,
    GetPriceResponse, ImportPricesRequest, ImportPricesResponse, ListPricesRequest, ListPricesResponse,
    UndeletePriceRequest, UndeletePriceResponse, UpdatePriceRequest, UpdatePriceResponse,
};
use guanxi_resource::{Error, Resources, Sight};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::model::Price as Row;
use super::{convert, store};
use crate::offering;
use crate::operator;

/// Serves prices.
#[derive(Clone)]
pub(crate) struct PriceRpc {
    pub(super) resources: Resources,
}

impl PriceRpc {
    pub(crate) fn new(resources: Resources) -> Self {
        Self { resources }
    }
}

/// Another live price of the offering and kind that applies on a day on which this one does. The caller holds the offering's lock.
async fn rival(transaction: &mut Transaction, price: &Row) -> Result<Option<Row>, Error> {
    let others = store::of_offerings(transaction, std::slice::from_ref(&price.offering_code)).await?;
    Ok(others.into_iter().filter(|other| price.overlaps(other)).min_by_key(|other| other.valid_from_date))
}

#[tonic::async_trait]
impl PriceService for PriceRpc {
    async fn create_price(
        &self,
        request: Request<CreatePriceRequest>,
    ) -> Result<Response<CreatePriceResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let price = convert::creation(request.price, call.now)?;
        let make = async |transaction: &mut Transaction, id| {
            let price = Row { id, ..price };
            offering::lock_offering(transaction, &price.offering_code).await?;
            match rival(transaction, &price).await? {
                Some(other) => Err(convert::overlaps(&other).into()),
                None => Ok(price),
            }
        };
        let created = self.resources.create(&call, key, &Sight::everywhere(), "price.created", make).await?;
        Ok(Response::new(CreatePriceResponse { price: Some(created.0), position: created.1 }))
    }

    async fn get_price(&self, request: Request<GetPriceRequest>) -> Result<Response<GetPriceResponse>, Status> {
        let (_, request) = Call::open(request)?;
        let id = parse_id("id", &request.id)?;
        let price = self.resources.show::<Row>(&Sight::everywhere(), id).await?;
        Ok(Response::new(GetPriceResponse { price: Some(price) }))
    }

    async fn list_prices(&self, request: Request<ListPricesRequest>) -> Result<Response<ListPricesResponse>, Status> {
        let (_, request) = Call::open(request)?;
        let query = store::LISTING.query(&PageRequest::of(&request, &[]))?;
        let page = self.resources.list::<Row>(&Sight::everywhere(), "", query).await?;
        Ok(Response::new(ListPricesResponse {
            prices: page.rows,
            next_page_token: page.next_page_token,
            total: page.total,
        }))
    }

    async fn update_price(
        &self,
        request: Request<UpdatePriceRequest>,
    ) -> Result<Response<UpdatePriceResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let update = convert::update(request, day::of(call.now))?;
        let (sight, transaction) = (Sight::everywhere(), self.resources.begin().await?);
        let price = (update.id, update.etag.as_str());
        let mut change = self.resources.begin_change(&call, key, transaction, price, &sight).await?;
        change.decide(update.patch)?;
        if !change.repeats
            && let Some(other) = rival(&mut change.transaction, &change.after).await?
        {
            return Err(convert::overlaps(&other).into());
        }
        let updated = change.commit("price.updated", &sight).await?;
        Ok(Response::new(UpdatePriceResponse { price: Some(updated.0), position: updated.1 }))
    }

    async fn delete_price(
        &self,
        request: Request<DeletePriceRequest>,
    ) -> Result<Response<DeletePriceResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let rule = async |_: &mut Transaction, price: &Row| price.deleted(call.now, day::of(call.now));
        let deleted = self.resources.alter(&call, &request, &Sight::everywhere(), "price.deleted", rule).await?;
        Ok(Response::new(DeletePriceResponse { price: Some(deleted.0), position: deleted.1 }))
    }

    async fn undelete_price(
        &self,
        request: Request<UndeletePriceRequest>,
    ) -> Result<Response<UndeletePriceResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let rule = async |transaction: &mut Transaction, price: &Row| {
            let live = price.undeleted()?;
            match rival(transaction, &live).await? {
                Some(other) => Err(convert::comes_back_over(&other).into()),
                None => Ok(live),
            }
        };
        let live = self.resources.alter(&call, &request, &Sight::everywhere(), "price.undeleted", rule).await?;
        Ok(Response::new(UndeletePriceResponse { price: Some(live.0), position: live.1 }))
    }

    type ImportPricesStream = ReceiverStream<Result<ImportPricesResponse, Status>>;

    async fn import_prices(
        &self,
        request: Request<Streaming<ImportPricesRequest>>,
    ) -> Result<Response<Self::ImportPricesStream>, Status> {
        let (call, stream) = operator::open(&self.resources, request)?;
        Ok(Response::new(guanxi_resource::import(self.resources.clone(), self.clone(), &call, stream)))
    }
}
