//! The methods.

use std::sync::Arc;

use guanxi_grpc::{Call, Refusal};
use guanxi_proto::product_catalog::v1::pricing_service_server::PricingService;
use guanxi_proto::product_catalog::v1::{
    ErrorReason, GetCatalogVersionRequest, GetCatalogVersionResponse, PriceQuoteRequest, PriceQuoteResponse,
};
use guanxi_resource::{Error, Resources};
use tonic::{Code, Request, Response, Status};

use super::catalog::Catalog;
use super::{Keeper, convert, quote};
use crate::error::reason;

/// Serves quotes.
#[derive(Clone)]
pub(crate) struct PricingRpc {
    resources: Resources,
    keeper: Keeper,
}

impl PricingRpc {
    pub(crate) fn new(resources: Resources, keeper: Keeper) -> Self {
        Self { resources, keeper }
    }

    /// The catalog at a version, the newest one for 0.
    async fn catalog(&self, version: i64) -> Result<Arc<Catalog>, Error> {
        if version == 0 {
            return Ok(self.keeper.newest());
        }
        let unknown = |newest| {
            let refusal = Refusal::new(Code::OutOfRange, reason(ErrorReason::CatalogVersionUnknown));
            refusal.with("value", version).with("max", newest).into()
        };
        self.keeper.at(version).await?.map_err(unknown)
    }
}

#[tonic::async_trait]
impl PricingService for PricingRpc {
    async fn price_quote(&self, request: Request<PriceQuoteRequest>) -> Result<Response<PriceQuoteResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let version = request.catalog_version;
        let mut asked = convert::asked(request, call.now)?;
        convert::locate(&mut asked, &self.resources.scope(&call), self.resources.paths())?;
        let catalog = self.catalog(version).await?;
        let quoted = quote::quote(&catalog, &asked);
        Ok(Response::new(convert::response(&asked, &quoted, catalog.version)))
    }

    async fn get_catalog_version(
        &self,
        _: Request<GetCatalogVersionRequest>,
    ) -> Result<Response<GetCatalogVersionResponse>, Status> {
        Ok(Response::new(GetCatalogVersionResponse { catalog_version: self.keeper.newest().version }))
    }
}
