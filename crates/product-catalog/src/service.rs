//! The assembly of the process.

use std::sync::LazyLock;

use guanxi_grpc::Services;
use guanxi_proto::product_catalog::v1::bundle_service_server::BundleServiceServer;
use guanxi_proto::product_catalog::v1::category_service_server::CategoryServiceServer;
use guanxi_proto::product_catalog::v1::discount_policy_service_server::DiscountPolicyServiceServer;
use guanxi_proto::product_catalog::v1::offering_service_server::OfferingServiceServer;
use guanxi_proto::product_catalog::v1::price_service_server::PriceServiceServer;
use guanxi_proto::product_catalog::v1::pricing_service_server::PricingServiceServer;
use guanxi_proto::product_catalog::v1::specification_service_server::SpecificationServiceServer;
use guanxi_service::{Error, Foundation, peers, territories};
use sqlx::migrate::Migrator;
use tokio::net::TcpListener;

use crate::bundle::BundleRpc;
use crate::category::CategoryRpc;
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
pub static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| guanxi_db::migrator(SCHEMA, &sqlx::migrate!()));

/// Settings of the service.
#[derive(clap::Args, Clone, Debug)]
#[group(skip)]
pub struct Settings {
    /// What every service has.
    #[command(flatten)]
    pub service: guanxi_service::Settings,
    /// How it calls others.
    #[command(flatten)]
    pub peers: peers::Settings,
}

/// Serves until `stop` resolves. `listener` replaces the address of the settings where a test brings its own.
pub async fn serve(
    settings: &Settings,
    listener: Option<TcpListener>,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let foundation = Foundation::lay(&settings.service, SCHEMA, &MIGRATOR).await?;
    let registry = settings.peers.client_registry(NAME)?;
    // Nothing of the catalog lies in a territory.
    let beside = territories::Beside::default();
    let (directory, _) = territories::start(&foundation.database, foundation.reader.newest(), registry, beside).await?;
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
