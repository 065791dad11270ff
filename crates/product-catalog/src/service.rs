//! The assembly of the process.

use std::path::PathBuf;
use std::sync::Arc;

use guanxi_auth::ServiceIdentity;
use guanxi_grpc::{Peer, PeerError, Services};
use guanxi_proto::product_catalog::v1::bundle_service_server::BundleServiceServer;
use guanxi_proto::product_catalog::v1::category_service_server::CategoryServiceServer;
use guanxi_proto::product_catalog::v1::discount_policy_service_server::DiscountPolicyServiceServer;
use guanxi_proto::product_catalog::v1::offering_service_server::OfferingServiceServer;
use guanxi_proto::product_catalog::v1::price_service_server::PriceServiceServer;
use guanxi_proto::product_catalog::v1::pricing_service_server::PricingServiceServer;
use guanxi_proto::product_catalog::v1::specification_service_server::SpecificationServiceServer;
use guanxi_service::{Error, Foundation};
use sqlx::migrate::Migrator;
use tokio::net::TcpListener;

use crate::bundle::BundleRpc;
use crate::category::CategoryRpc;
use crate::directory;
use crate::discount_policy::{self, DiscountPolicyRpc};
use crate::offering::OfferingRpc;
use crate::price::PriceRpc;
use crate::pricing::{Keeper, PricingRpc};
use crate::specification::SpecificationRpc;

/// Name of the service.
const NAME: &str = "product-catalog";

/// Name of the service's schema.
pub const SCHEMA: &str = "product_catalog";

/// The service's migrations.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// Settings of the service.
#[derive(clap::Args, Clone, Debug)]
#[group(skip)]
pub struct Settings {
    /// What every service has.
    #[command(flatten)]
    pub service: guanxi_service::Settings,
    /// URL of client-registry, for example http://client-registry:50051, whose territories are followed; without it the copy of
    /// them stays as it is.
    #[arg(long, env = "GUANXI_CLIENT_REGISTRY", value_name = "URL")]
    pub client_registry: Option<String>,
    /// File with the service's own private key (Ed25519, PEM), which signs its calls to other services; needed with
    /// --client-registry.
    #[arg(long, env = "GUANXI_SERVICE_KEY", value_name = "FILE")]
    pub service_key: Option<PathBuf>,
}

/// The settings do not say how to call another service.
#[derive(Debug, thiserror::Error)]
enum PeerMissing {
    #[error("--client-registry (GUANXI_CLIENT_REGISTRY) needs --service-key (GUANXI_SERVICE_KEY) to call with")]
    Key,
    #[error(transparent)]
    Peer(#[from] PeerError),
}

impl Settings {
    /// The service that has the tree of territories, if it is to be followed.
    fn registry(&self) -> Result<Option<Peer>, PeerMissing> {
        // Compose files pass an unset variable on as an empty one.
        let Some(url) = self.client_registry.as_deref().filter(|url| !url.is_empty()) else { return Ok(None) };
        let key = self.service_key.as_deref().filter(|file| !file.as_os_str().is_empty()).ok_or(PeerMissing::Key)?;
        let identity = ServiceIdentity::load(NAME, key).map_err(PeerError::from)?;
        Ok(Some(Peer::at(url, Arc::new(identity))?))
    }
}

/// Serves until `stop` resolves. `listener` replaces the address of the settings where a test brings its own.
pub async fn serve(
    settings: &Settings,
    listener: Option<TcpListener>,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let foundation = Foundation::lay(&settings.service, SCHEMA, &MIGRATOR).await?;
    let registry = settings.registry().map_err(|error| Error::Assemble(error.into()))?;
    let directory = directory::start(&foundation.database, foundation.reader.newest(), registry).await?;
    let resources = foundation.resources(directory.clone());
    discount_policy::ensure_default(&resources).await.map_err(|error| Error::Assemble(error.into()))?;
    let keeper = Keeper::start(&foundation.reader).await?;
    let mut services = Services::default();
    services
        .add(CategoryServiceServer::new(CategoryRpc::new(resources.clone())))
        .add(PricingServiceServer::new(PricingRpc::new(resources.clone(), keeper)))
        .add(SpecificationServiceServer::new(SpecificationRpc::new(resources.clone())))
        .add(OfferingServiceServer::new(OfferingRpc::new(resources.clone())))
        .add(PriceServiceServer::new(PriceRpc::new(resources.clone())))
        .add(BundleServiceServer::new(BundleRpc::new(resources.clone())))
        .add(DiscountPolicyServiceServer::new(DiscountPolicyRpc::new(resources)));
    foundation.serve(&settings.service, NAME, &directory, services, listener, stop).await
}
