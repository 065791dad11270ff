//! The assembly of the process.

use guanxi_grpc::Services;
use guanxi_proto::product_catalog::v1::category_service_server::CategoryServiceServer;
use guanxi_proto::product_catalog::v1::pricing_service_server::PricingServiceServer;
use guanxi_proto::product_catalog::v1::specification_service_server::SpecificationServiceServer;
use guanxi_service::{Error, Foundation};
use sqlx::migrate::Migrator;
use tokio::net::TcpListener;

use crate::category::CategoryRpc;
use crate::directory;
use crate::pricing::{Keeper, PricingRpc};
use crate::specification::SpecificationRpc;

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
}

/// Serves until `stop` resolves. `listener` replaces the address of the settings where a test brings its own.
pub async fn serve(
    settings: &Settings,
    listener: Option<TcpListener>,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let foundation = Foundation::lay(&settings.service, SCHEMA, &MIGRATOR).await?;
    let directory = directory::start(&foundation.database).await?;
    let resources = foundation.resources(directory.clone());
    let keeper = Keeper::start(&foundation.reader).await?;
    let mut services = Services::default();
    services
        .add(CategoryServiceServer::new(CategoryRpc::new(resources.clone())))
        .add(PricingServiceServer::new(PricingRpc::new(resources.clone(), keeper)))
        .add(SpecificationServiceServer::new(SpecificationRpc::new(resources)));
    foundation.serve(&settings.service, "product-catalog", &directory, services, listener, stop).await
}
