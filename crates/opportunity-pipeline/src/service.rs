//! The assembly of the process.

use std::sync::LazyLock;

use futures_util::FutureExt;
use guanxi_events::Follower;
use guanxi_grpc::{Peer, Services};
use guanxi_proto::opportunity_pipeline::v1::approval_policy_service_server::ApprovalPolicyServiceServer;
use guanxi_proto::opportunity_pipeline::v1::lead_service_server::LeadServiceServer;
use guanxi_proto::opportunity_pipeline::v1::need_service_server::NeedServiceServer;
use guanxi_proto::opportunity_pipeline::v1::opportunity_service_server::OpportunityServiceServer;
use guanxi_proto::opportunity_pipeline::v1::opportunity_view_service_server::OpportunityViewServiceServer;
use guanxi_proto::opportunity_pipeline::v1::pipeline_service_server::PipelineServiceServer;
use guanxi_proto::opportunity_pipeline::v1::quote_service_server::QuoteServiceServer;
use guanxi_service::territories::{self, Beside};
use guanxi_service::{Error, Foundation, peers};
use sqlx::migrate::Migrator;
use tokio::net::TcpListener;

use crate::approval_policy::{self, ApprovalPolicyRpc};
use crate::copies::{self, CATALOG_TYPES, Copies, REGISTRY_TYPES, Upstream};
use crate::history::History;
use crate::lead::LeadRpc;
use crate::need::NeedRpc;
use crate::opportunity::OpportunityRpc;
use crate::opportunity_view::OpportunityViewRpc;
use crate::pipeline::{self, PipelineRpc};
use crate::place;
use crate::quote::{self, QuoteRpc};

/// Name of the service.
const NAME: &str = "opportunity-pipeline";
const CATALOG: &str = "product-catalog";

/// Name of the service's schema.
pub const SCHEMA: &str = "opportunity_pipeline";

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
    /// URL of product-catalog, for example http://product-catalog:50052, whose offerings and prices are followed and which prices quotes;
    /// without it the copy of them stays as it is, and nothing can be quoted.
    #[arg(long, env = "GUANXI_PRODUCT_CATALOG", value_name = "URL")]
    pub product_catalog: Option<String>,
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
    let beside = Beside {
        re_path: Some(place::re_path),
        take: Some((&REGISTRY_TYPES, |connection, events| copies::take_registry(connection, events).boxed())),
        ..Beside::default()
    };
    let newest = foundation.reader.newest();
    let (directory, followed) = territories::start(&foundation.database, newest, registry.clone(), beside).await?;
    let registry = registry.map(|peer| Upstream { peer, position: followed.position });
    let catalog = catalog.map(|peer| follow_catalog(&foundation, peer));
    let resources = foundation.resources(directory.clone());
    let copies = Copies::new(&foundation.database, directory.paths.clone(), registry, catalog);
    pipeline::ensure_standard(&resources).await.map_err(|error| Error::Assemble(error.into()))?;
    approval_policy::ensure(&resources).await.map_err(|error| Error::Assemble(error.into()))?;
    tokio::spawn(quote::watch_expiry(resources.clone()));
    let foundation = foundation.guarded_by(History::new(resources.clone()));
    let mut services = Services::default();
    services
        .add(PipelineServiceServer::new(PipelineRpc::new(resources.clone())))
        .add(LeadServiceServer::new(LeadRpc::new(resources.clone(), copies.clone())))
        .add(OpportunityServiceServer::new(OpportunityRpc::new(resources.clone(), copies.clone())))
        .add(OpportunityViewServiceServer::new(OpportunityViewRpc::new(resources.clone())))
        .add(NeedServiceServer::new(NeedRpc::new(resources.clone(), copies.clone())))
        .add(QuoteServiceServer::new(QuoteRpc::new(resources.clone(), copies)))
        .add(ApprovalPolicyServiceServer::new(ApprovalPolicyRpc::new(resources)));
    foundation.serve(&settings.service, NAME, &directory, services, listener, stop).await
}

/// Follows the catalog for as long as the process lives.
fn follow_catalog(foundation: &Foundation, peer: Peer) -> Upstream {
    let follower = Follower::new(&foundation.database, CATALOG, peer.clone(), &CATALOG_TYPES);
    let position = follower.position();
    tokio::spawn(follower.follow(async |transaction, events| copies::take_catalog(transaction, events).await));
    Upstream { peer, position }
}
