//! The methods.

use guanxi_db::Transaction;
use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, check_etag, day, parse_id};
use guanxi_proto::product_catalog::v1::offering_service_server::OfferingService;
use guanxi_proto::product_catalog::v1::{
    CreateOfferingRequest, CreateOfferingResponse, DeleteOfferingRequest, DeleteOfferingResponse, GetOfferingRequest,
    GetOfferingResponse, ListOfferingsRequest, ListOfferingsResponse, PublishOfferingRequest, PublishOfferingResponse,
    RetireOfferingRequest, RetireOfferingResponse, ReviseOfferingRequest, ReviseOfferingResponse,
    UndeleteOfferingRequest, UndeleteOfferingResponse, UpdateOfferingRequest, UpdateOfferingResponse,
};
use guanxi_resource::{Deletable, Error, Resources, Sight};
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
        let make = async |transaction: &mut Transaction, id| {
            let offering = patch(Row::blank(id, call.now));
            reference::check_draft(transaction, self.resources.paths(), &offering).await?;
            Ok(offering)
        };
        let created = self.resources.create(&call, key, &Sight::everywhere(), "offering.created", make).await?;
        Ok(Response::new(CreateOfferingResponse { offering: Some(created.0), position: created.1 }))
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
        let page = self.resources.list::<Row>(&Sight::everywhere(), "", query).await?;
        Ok(Response::new(ListOfferingsResponse {
            offerings: page.rows,
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
        let (sight, transaction) = (Sight::everywhere(), self.resources.begin().await?);
        let draft = (update.id, update.etag.as_str());
        let mut change = self.resources.begin_change(&call, key, transaction, draft, &sight).await?;
        change.decide(update.patch)?;
        if !change.repeats {
            reference::check_draft(&mut change.transaction, self.resources.paths(), &change.after).await?;
        }
        let updated = change.commit("offering.updated", &sight).await?;
        Ok(Response::new(UpdateOfferingResponse { offering: Some(updated.0), position: updated.1 }))
    }

    async fn revise_offering(
        &self,
        request: Request<ReviseOfferingRequest>,
    ) -> Result<Response<ReviseOfferingResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let code = value::code("code", &request.code)?;
        let make = async |transaction: &mut Transaction, id| {
            let versions = store::lock_versions(transaction, &Key::Code(code.clone())).await?;
            check_etag(&request.etag, versions.last().map_or(0, |newest| newest.version))?;
            let number = store::next_number(transaction, &code).await?;
            model::revised(&versions, id, number, call.now)?.ok_or_else(|| Error::not_found("offering", code))
        };
        let draft = self.resources.create(&call, key, &Sight::everywhere(), "offering.created", make).await?;
        Ok(Response::new(ReviseOfferingResponse { offering: Some(draft.0), position: draft.1 }))
    }

    async fn publish_offering(
        &self,
        request: Request<PublishOfferingRequest>,
    ) -> Result<Response<PublishOfferingResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (id, sight) = (parse_id("id", &request.id)?, Sight::everywhere());
        let mut transaction = self.resources.begin().await?;
        store::lock_publishing(&mut transaction).await?;
        let draft = (id, request.etag.as_str());
        let mut change = self.resources.begin_change::<Row>(&call, key, transaction, draft, &sight).await?;
        if !change.repeats {
            change.before.check_state("DRAFT")?;
            let (today, paths) = (day::of(call.now), self.resources.paths());
            let characteristics =
                reference::check_publishable(&mut change.transaction, paths, &change.before, today).await?;
            change.after = change.before.published(characteristics, call.now)?;
        }
        let published = change.commit("offering.published", &sight).await?;
        Ok(Response::new(PublishOfferingResponse { offering: Some(published.0), position: published.1 }))
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
        let mut versions = store::lock_versions(&mut transaction, &key).await?;
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
        let (id, sight) = (parse_id("id", &request.id)?, Sight::everywhere());
        let mut transaction = self.resources.begin().await?;
        store::lock_publishing(&mut transaction).await?;
        let draft = (id, request.etag.as_str());
        let mut change = self.resources.begin_change::<Row>(&call, key, transaction, draft, &sight).await?;
        if !change.repeats {
            change.after = change.before.deleted(call.now)?;
            let staying = ["DRAFT", "PUBLISHED"];
            reference::check_unneeded(&mut change.transaction, &[&change.before], &staying).await?;
        }
        let deleted = change.commit("offering.deleted", &sight).await?;
        Ok(Response::new(DeleteOfferingResponse { offering: Some(deleted.0), position: deleted.1 }))
    }

    async fn undelete_offering(
        &self,
        request: Request<UndeleteOfferingRequest>,
    ) -> Result<Response<UndeleteOfferingResponse>, Status> {
        let (call, request) = operator::open(&self.resources, request)?;
        let rule = async |_: &mut Transaction, offering: &Row| offering.undeleted();
        let live = self.resources.alter(&call, &request, &Sight::everywhere(), "offering.undeleted", rule).await?;
        Ok(Response::new(UndeleteOfferingResponse { offering: Some(live.0), position: live.1 }))
    }
}
