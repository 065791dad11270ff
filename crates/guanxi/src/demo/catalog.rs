//! Loads the demo's price book into product-catalog.

use guanxi_proto::product_catalog::v1::bundle_service_client::BundleServiceClient;
use guanxi_proto::product_catalog::v1::category_service_client::CategoryServiceClient;
use guanxi_proto::product_catalog::v1::offering_service_client::OfferingServiceClient;
use guanxi_proto::product_catalog::v1::price_service_client::PriceServiceClient;
use guanxi_proto::product_catalog::v1::specification_service_client::SpecificationServiceClient;
use guanxi_proto::product_catalog::v1::{
    BundleState, CreateBundleRequest, CreateCategoryRequest, CreateOfferingRequest, CreatePriceRequest,
    CreateSpecificationRequest, OfferingState, PublishBundleRequest, PublishOfferingRequest,
};
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

use super::{Loader, offerings};
use crate::wording::Failure;

impl Loader {
    /// Brings in what is missing of the price book; counts what is sold.
    pub(super) async fn sell(&self, catalog: &Channel) -> Result<usize, Failure> {
        let mut categories = CategoryServiceClient::new(catalog.clone());
        for category in offerings::categories() {
            let request_id = self.id(&["category", &category.code]).to_string();
            let message = CreateCategoryRequest { category: Some(category), request_id };
            unless_there(categories.create_category(self.ask(message)?).await)?;
        }
        let mut specifications = SpecificationServiceClient::new(catalog.clone());
        for specification in offerings::specifications() {
            let request_id = self.id(&["specification", &specification.code]).to_string();
            let message = CreateSpecificationRequest { specification: Some(specification), request_id };
            unless_there(specifications.create_specification(self.ask(message)?).await)?;
        }
        let offered = self.offer(catalog).await?;
        let mut prices = PriceServiceClient::new(catalog.clone());
        for price in offerings::prices() {
            let request_id = self.id(&["price", &price.offering_code, price.charge_kind().as_str_name()]).to_string();
            unless_there(prices.create_price(self.ask(CreatePriceRequest { price: Some(price), request_id })?).await)?;
        }
        self.bundle(catalog).await?;
        Ok(offered)
    }

    async fn offer(&self, catalog: &Channel) -> Result<usize, Failure> {
        let mut client = OfferingServiceClient::new(catalog.clone());
        let wanted = offerings::offerings();
        let count = wanted.len();
        for offering in wanted {
            let code = offering.code.clone();
            let request_id = self.id(&["offering", &code]).to_string();
            let message = CreateOfferingRequest { offering: Some(offering), request_id };
            let Some(answer) = unless_there(client.create_offering(self.ask(message)?).await)? else { continue };
            let created = answer.offering.unwrap_or_default();
            if created.state() == OfferingState::Draft {
                let request_id = self.id(&["publish", &code]).to_string();
                let message = PublishOfferingRequest { id: created.id, etag: String::new(), request_id };
                client.publish_offering(self.ask(message)?).await?;
            }
        }
        Ok(count)
    }

    async fn bundle(&self, catalog: &Channel) -> Result<(), Failure> {
        let mut client = BundleServiceClient::new(catalog.clone());
        for bundle in offerings::bundles() {
            let code = bundle.code.clone();
            let request_id = self.id(&["bundle", &code]).to_string();
            let message = CreateBundleRequest { bundle: Some(bundle), request_id };
            let Some(answer) = unless_there(client.create_bundle(self.ask(message)?).await)? else { continue };
            let created = answer.bundle.unwrap_or_default();
            if created.state() == BundleState::Draft {
                let request_id = self.id(&["publish bundle", &code]).to_string();
                let message = PublishBundleRequest { id: created.id, etag: String::new(), request_id };
                client.publish_bundle(self.ask(message)?).await?;
            }
        }
        Ok(())
    }
}

/// The answer to a creation; none where somebody brought the same in before.
fn unless_there<T>(outcome: Result<Response<T>, Status>) -> Result<Option<T>, Failure> {
    match outcome {
        Ok(answer) => Ok(Some(answer.into_inner())),
        Err(status) if status.code() == Code::AlreadyExists || overlaps(&status) => Ok(None),
        Err(status) => Err(status.into()),
    }
}

fn overlaps(status: &Status) -> bool {
    let details = status.get_error_details();
    let named = |reason: &str| reason == "PRICE_OVERLAPS";
    details.error_info().is_some_and(|info| named(&info.reason))
        || details.bad_request().is_some_and(|wrong| wrong.field_violations.iter().all(|one| named(&one.reason)))
}
