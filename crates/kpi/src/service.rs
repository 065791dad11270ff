//! The assembly of the process.

use std::sync::LazyLock;

use futures_util::FutureExt;
use guanxi_events::Follower;
use guanxi_grpc::Services;
use guanxi_proto::kpi::v1::indicator_service_server::IndicatorServiceServer;
use guanxi_proto::kpi::v1::measurement_service_server::MeasurementServiceServer;
use guanxi_proto::kpi::v1::target_service_server::TargetServiceServer;
use guanxi_service::territories::{self, Beside};
use guanxi_service::{Error, Foundation, peers};
use sqlx::migrate::Migrator;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::fact::place;
use crate::figure::Watched;
use crate::follow::{self, CATALOG_TYPES, PIPELINE_TYPES, REGISTRY_TYPES};
use crate::indicator::{self, IndicatorRpc};
use crate::measurement::MeasurementRpc;
use crate::target::{self, TargetRpc};

/// Name of the service.
const NAME: &str = "kpi";
pub(crate) const CATALOG: &str = "product-catalog";
pub(crate) const PIPELINE: &str = "opportunity-pipeline";

/// Name of the service's schema.
pub const SCHEMA: &str = "kpi";

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
    /// URL of product-catalog, for example http://product-catalog:50052, whose feed names offerings; without it those stay as they are.
    #[arg(long, env = "GUANXI_PRODUCT_CATALOG", value_name = "URL")]
    pub product_catalog: Option<String>,
    /// URL of opportunity-pipeline, for example http://opportunity-pipeline:50053, whose feed tells of opportunities and quotes; without it
    /// figures of them stay as they are.
    #[arg(long, env = "GUANXI_OPPORTUNITY_PIPELINE", value_name = "URL")]
    pub opportunity_pipeline: Option<String>,
}

/// Serves until `stop` resolves. `listener` replaces the address of the settings where a test brings its own.
pub async fn serve(
    settings: &Settings,
    listener: Option<TcpListener>,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let foundation = Foundation::lay(&settings.service, SCHEMA, &MIGRATOR).await?;
    let registry = settings.peers.client_registry(NAME)?;
    let catalog = settings.peers.peer(NAME, CATALOG, settings.product_catalog.as_deref())?;
    let pipeline = settings.peers.peer(NAME, PIPELINE, settings.opportunity_pipeline.as_deref())?;
    let newest = foundation.reader.newest();
    let (directory, followed) = territories::start(&foundation.database, newest.clone(), registry, beside()).await?;
    let mut watched = vec![newest, followed.position, followed.loaded];
    watched.extend(catalog.map(|peer| follow_catalog(&foundation, peer)));
    watched.extend(pipeline.map(|peer| follow_pipeline(&foundation, peer)));
    let resources = foundation.resources(directory.clone());
    indicator::ensure(&resources).await.map_err(|error| Error::Assemble(error.into()))?;
    let mut services = Services::default();
    services.add(TargetServiceServer::new(TargetRpc::new(resources.clone())));
    services.add(MeasurementServiceServer::new(MeasurementRpc::new(resources.clone())));
    services.add(IndicatorServiceServer::new(IndicatorRpc::new(resources, Watched(watched))));
    foundation.serve(&settings.service, NAME, &directory, services, listener, stop).await
}

/// What is made of the feed of client-registry beside the tree.
pub(crate) fn beside() -> Beside {
    Beside {
        re_path: Some(target::re_path),
        restate: Some(place::restate),
        take: Some((&REGISTRY_TYPES, |connection, events| follow::take_registry(connection, events).boxed())),
    }
}

/// Follows the catalog for as long as the process lives. Returns how far.
fn follow_catalog(foundation: &Foundation, peer: guanxi_grpc::Peer) -> watch::Receiver<i64> {
    let follower = Follower::new(&foundation.database, CATALOG, peer, &CATALOG_TYPES);
    let position = follower.position();
    tokio::spawn(follower.follow(async |transaction, events| follow::take_catalog(transaction, events).await));
    position
}

/// Follows opportunities for as long as the process lives. Returns how far.
fn follow_pipeline(foundation: &Foundation, peer: guanxi_grpc::Peer) -> watch::Receiver<i64> {
    let follower = Follower::new(&foundation.database, PIPELINE, peer, &PIPELINE_TYPES);
    let position = follower.position();
    tokio::spawn(follower.follow(async |transaction, events| follow::take_pipeline(transaction, events).await));
    position
}
