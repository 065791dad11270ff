//! The methods.

use guanxi_auth::Scope;
use guanxi_db::Transaction;
use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, day, parse_id};
use guanxi_proto::product_catalog::v1::price_service_server::PriceService;
use guanxi_proto::product_catalog::v1::{
    CreatePriceRequest, CreatePriceResponse, DeletePriceRequest, DeletePriceResponse, GetPriceRequest,
    GetPriceResponse, ImportPricesRequest, ImportPricesResponse, ListPricesRequest, ListPricesResponse,
    UndeletePriceRequest, UndeletePriceResponse, UpdatePriceRequest, UpdatePriceResponse,
};
use guanxi_resource::{Error, Resources};
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
        let price = convert::creation(request.price, guanxi_db::new_id(call.now), call.now)?;
        let mut transaction = self.resources.begin().await?;
        if let Some(first) = self.resources.claim(&mut transaction, key.as_ref(), price.id, call.now).await? {
            let price = Some(convert::wire(&store::get(&mut transaction, first).await?));
            return Ok(Response::new(CreatePriceResponse { price, position: 0 }));
        }
        offering::lock_offering(&mut transaction, &price.offering_code).await?;
        if let Some(other) = rival(&mut transaction, &price).await? {
            return Err(convert::overlaps(&other).into());
        }
        store::save(&mut transaction, &price).await?;
        let event = convert::event("price.created", None, &price);
        let position = self.resources.commit(transaction, &call, vec![event]).await?;
        Ok(Response::new(CreatePriceResponse { price: Some(convert::wire(&price)), position }))
    }

    async fn get_price(&self, request: Request<GetPriceRequest>) -> Result<Response<GetPriceResponse>, Status> {
        let (_call, request) = Call::open(request)?;
        let id = parse_id("id", &request.id)?;
        let mut connection = self.resources.connection().await?;
        let price = store::get(&mut connection, id).await?;
        connection.release();
        Ok(Response::new(GetPriceResponse { price: Some(convert::wire(&price)) }))
    }

    async fn list_prices(&self, request: Request<ListPricesRequest>) -> Result<Response<ListPricesResponse>, Status> {
        let (_call, request) = Call::open(request)?;
        let query = store::LISTING.query(&PageRequest::of(&request, &[]))?;
        let page = self.resources.page::<Row>(&Scope::everything(), "", query).await?;
        Ok(Response::new(ListPricesResponse {
            prices: page.rows.iter().map(convert::wire).collect(),
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
        let update = convert::Update::try_from(request)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, update.id).await?;
        let mut change = self.resources.change(&call, key, &update.etag, transaction, before).await?;
        change.decide(|price| update.apply(price, day::of(call.now)))?;
        if !change.repeats
            && let Some(other) = rival(&mut change.transaction, &change.after).await?
        {
            return Err(convert::overlaps(&other).into());
        }
        let (price, position) = change.finish("price.updated", store::save, convert::event).await?;
        Ok(Response::new(UpdatePriceResponse { price: Some(convert::wire(&price)), position }))
    }

    async fn delete_price(
        &self,
        request: Request<DeletePriceRequest>,
    ) -> Result<Response<DeletePriceResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let id = parse_id("id", &request.id)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, id).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        change.decide(|price| price.deleted(call.now, day::of(call.now)))?;
        let (price, position) = change.finish("price.deleted", store::save, convert::event).await?;
        Ok(Response::new(DeletePriceResponse { price: Some(convert::wire(&price)), position }))
    }

    async fn undelete_price(
        &self,
        request: Request<UndeletePriceRequest>,
    ) -> Result<Response<UndeletePriceResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let id = parse_id("id", &request.id)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, id).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        change.decide(Row::undeleted)?;
        if !change.repeats
            && let Some(other) = rival(&mut change.transaction, &change.after).await?
        {
            return Err(convert::comes_back_over(&other).into());
        }
        let (price, position) = change.finish("price.undeleted", store::save, convert::event).await?;
        Ok(Response::new(UndeletePriceResponse { price: Some(convert::wire(&price)), position }))
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
