//! The methods.

use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, check_etag, day, parse_id};
use guanxi_proto::product_catalog::v1::offering_service_server::OfferingService;
use guanxi_proto::product_catalog::v1::{
    CreateOfferingRequest, CreateOfferingResponse, DeleteOfferingRequest, DeleteOfferingResponse, GetOfferingRequest,
    GetOfferingResponse, ListOfferingsRequest, ListOfferingsResponse, PublishOfferingRequest, PublishOfferingResponse,
    RetireOfferingRequest, RetireOfferingResponse, ReviseOfferingRequest, ReviseOfferingResponse,
    UndeleteOfferingRequest, UndeleteOfferingResponse, UpdateOfferingRequest, UpdateOfferingResponse,
};
use guanxi_resource::{Error, Resources};
use tonic::{Request, Response, Status};

use super::model::{self, Offering as Row, State};
use super::{convert, reference, store};
use crate::operator;
use crate::value::{self, Key};

/// Serves offerings.
#[derive(Clone)]
pub(crate) struct OfferingRpc {
    resources: Resources,
}

impl OfferingRpc {
    pub(crate) fn new(resources: Resources) -> Self {
        Self { resources }
    }
}

#[tonic::async_trait]
impl OfferingService for OfferingRpc {
    async fn create_offering(
        &self,
        request: Request<CreateOfferingRequest>,
    ) -> Result<Response<CreateOfferingResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let patch = convert::creation(request.offering)?;
        let id = guanxi_db::new_id(call.now);
        let mut transaction = self.resources.begin().await?;
        if let Some(first) = self.resources.claim(&mut transaction, key.as_ref(), id, call.now).await? {
            let offering = Some(convert::wire(&store::get(&mut transaction, first).await?));
            return Ok(Response::new(CreateOfferingResponse { offering, position: 0 }));
        }
        let offering = patch(Row::blank(id, call.now));
        reference::check_draft(&mut transaction, self.resources.paths(), &offering).await?;
        store::save(&mut transaction, &offering).await?;
        let event = convert::event("offering.created", None, &offering);
        let position = self.resources.commit(transaction, &call, vec![event]).await?;
        Ok(Response::new(CreateOfferingResponse { offering: Some(convert::wire(&offering)), position }))
    }

    async fn get_offering(
        &self,
        request: Request<GetOfferingRequest>,
    ) -> Result<Response<GetOfferingResponse>, Status> {
        let (_, request) = Call::open(request)?;
        let (key, number) = convert::key(request)?;
        let mut connection = self.resources.connection().await?;
        let mut versions = store::versions(&mut connection, &key).await?;
        connection.release();
        let offering = match key {
            Key::Id(_) => versions.pop(),
            Key::Code(_) => model::shown(versions, number),
        };
        let offering = offering.ok_or_else(|| Error::not_found("offering", key.parts().2))?;
        Ok(Response::new(GetOfferingResponse { offering: Some(convert::wire(&offering)) }))
    }

    async fn list_offerings(
        &self,
        request: Request<ListOfferingsRequest>,
    ) -> Result<Response<ListOfferingsResponse>, Status> {
        let (_, request) = Call::open(request)?;
        let query = store::LISTING.query(&PageRequest::of(&request, &[]))?;
        let mut connection = self.resources.connection().await?;
        let page = query.fetch::<Row>(&mut connection, &[]).await.map_err(Error::from)?;
        connection.release();
        Ok(Response::new(ListOfferingsResponse {
            offerings: page.rows.iter().map(convert::wire).collect(),
            next_page_token: page.next_page_token,
            total: page.total,
        }))
    }

    async fn update_offering(
        &self,
        request: Request<UpdateOfferingRequest>,
    ) -> Result<Response<UpdateOfferingResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let update = convert::update(request)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock_one(&mut transaction, update.id).await?;
        let mut change = self.resources.change(&call, key, &update.etag, transaction, before).await?;
        if !change.repeats {
            change.after = update.apply(&change.before)?;
            reference::check_draft(&mut change.transaction, self.resources.paths(), &change.after).await?;
        }
        let (offering, position) = change.finish("offering.updated", store::save, convert::event).await?;
        Ok(Response::new(UpdateOfferingResponse { offering: Some(convert::wire(&offering)), position }))
    }

    async fn revise_offering(
        &self,
        request: Request<ReviseOfferingRequest>,
    ) -> Result<Response<ReviseOfferingResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let code = value::code("code", &request.code)?;
        let id = guanxi_db::new_id(call.now);
        let mut transaction = self.resources.begin().await?;
        if let Some(first) = self.resources.claim(&mut transaction, key.as_ref(), id, call.now).await? {
            let offering = Some(convert::wire(&store::get(&mut transaction, first).await?));
            return Ok(Response::new(ReviseOfferingResponse { offering, position: 0 }));
        }
        let versions = store::lock(&mut transaction, &Key::Code(code.clone())).await?;
        check_etag(&request.etag, versions.last().map_or(0, |newest| newest.version))?;
        let number = store::next_number(&mut transaction, &code).await?;
        let draft =
            model::revised(&versions, id, number, call.now)?.ok_or_else(|| Error::not_found("offering", code))?;
        store::save(&mut transaction, &draft).await?;
        let event = convert::event("offering.created", None, &draft);
        let position = self.resources.commit(transaction, &call, vec![event]).await?;
        Ok(Response::new(ReviseOfferingResponse { offering: Some(convert::wire(&draft)), position }))
    }

    async fn publish_offering(
        &self,
        request: Request<PublishOfferingRequest>,
    ) -> Result<Response<PublishOfferingResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (id, paths) = (parse_id("id", &request.id)?, self.resources.paths());
        let mut transaction = self.resources.begin().await?;
        store::lock_publishing(&mut transaction).await?;
        let before = store::lock_one(&mut transaction, id).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        if !change.repeats {
            change.before.check_draft()?;
            let today = day::of(call.now);
            let characteristics =
                reference::check_publishable(&mut change.transaction, paths, &change.before, today).await?;
            change.after = change.before.published(characteristics, call.now)?;
        }
        let (offering, position) = change.finish("offering.published", store::save, convert::event).await?;
        Ok(Response::new(PublishOfferingResponse { offering: Some(convert::wire(&offering)), position }))
    }

    async fn retire_offering(
        &self,
        request: Request<RetireOfferingRequest>,
    ) -> Result<Response<RetireOfferingResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let request_key = call.request_key(&request.request_id, &request)?;
        let etag = request.etag.clone();
        let (key, successor) = convert::retirement(request)?;
        let mut transaction = self.resources.begin().await?;
        store::lock_publishing(&mut transaction).await?;
        let mut versions = store::lock(&mut transaction, &key).await?;
        if self.resources.claim(&mut transaction, request_key.as_ref(), versions[0].id, call.now).await?.is_some() {
            versions.retain(|version| version.state == State::Retired);
            let offerings = versions.iter().map(convert::wire).collect();
            return Ok(Response::new(RetireOfferingResponse { offerings, position: 0 }));
        }
        check_etag(&etag, versions[0].version)?;
        let pairs = model::retired(&versions, successor.as_deref(), call.now)?;
        if let Some(successor) = &successor {
            reference::check_successor(&mut transaction, &versions[0].code, successor).await?;
        }
        let going: Vec<&Row> = pairs.iter().map(|(before, _)| before).collect();
        reference::check_unneeded(&mut transaction, &going, &["PUBLISHED"]).await?;
        let ids: Vec<_> = going.iter().map(|version| version.id).collect();
        store::retire(&mut transaction, &ids, successor.as_deref(), call.now).await?;
        let events = pairs.iter().map(|(before, after)| convert::event("offering.retired", Some(before), after));
        let position = self.resources.commit(transaction, &call, events.collect()).await?;
        versions.retain(|version| version.state == State::Retired);
        versions.extend(pairs.into_iter().map(|(_, after)| after));
        versions.sort_by_key(|version| version.version_number);
        let offerings = versions.iter().map(convert::wire).collect();
        Ok(Response::new(RetireOfferingResponse { offerings, position }))
    }

    async fn delete_offering(
        &self,
        request: Request<DeleteOfferingRequest>,
    ) -> Result<Response<DeleteOfferingResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let id = parse_id("id", &request.id)?;
        let mut transaction = self.resources.begin().await?;
        store::lock_publishing(&mut transaction).await?;
        let before = store::lock_one(&mut transaction, id).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        if !change.repeats {
            change.after = change.before.deleted(call.now)?;
            let staying = ["DRAFT", "PUBLISHED"];
            reference::check_unneeded(&mut change.transaction, &[&change.before], &staying).await?;
        }
        let (offering, position) = change.finish("offering.deleted", store::save, convert::event).await?;
        Ok(Response::new(DeleteOfferingResponse { offering: Some(convert::wire(&offering)), position }))
    }

    async fn undelete_offering(
        &self,
        request: Request<UndeleteOfferingRequest>,
    ) -> Result<Response<UndeleteOfferingResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let id = parse_id("id", &request.id)?;
        let mut transaction = self.resources.begin().await?;
        let before = store::lock_one(&mut transaction, id).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        change.decide(Row::undeleted)?;
        let (offering, position) = change.finish("offering.undeleted", store::save, convert::event).await?;
        Ok(Response::new(UndeleteOfferingResponse { offering: Some(convert::wire(&offering)), position }))
    }
}
