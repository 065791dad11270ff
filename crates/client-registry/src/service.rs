//! The life of the process: settings, migrations, assembly.

use guanxi_db::Database;
use guanxi_events::{Changes, Feed, Outbox, Reader};
use guanxi_grpc::{Services, Stopping};
use guanxi_proto::client_registry::v1::account_manager_service_server::AccountManagerServiceServer;
use guanxi_proto::client_registry::v1::account_service_server::AccountServiceServer;
use guanxi_proto::client_registry::v1::assignment_policy_service_server::AssignmentPolicyServiceServer;
use guanxi_proto::client_registry::v1::assignment_service_server::AssignmentServiceServer;
use guanxi_proto::client_registry::v1::hand_over_service_server::HandOverServiceServer;
use guanxi_proto::client_registry::v1::territory_service_server::TerritoryServiceServer;
use guanxi_proto::client_registry::v1::vacancy_service_server::VacancyServiceServer;
use guanxi_proto::events::v1::change_service_server::ChangeServiceServer;
use guanxi_proto::events::v1::event_feed_service_server::EventFeedServiceServer;
use sqlx::migrate::Migrator;
use tokio::net::TcpListener;

use crate::account::AccountRpc;
use crate::account_manager::AccountManagerRpc;
use crate::assignment::AssignmentRpc;
use crate::assignment_policy::AssignmentPolicyRpc;
use crate::directory::Directory;
use crate::hand_over::HandOverRpc;
use crate::registry::Registry;
use crate::territory::TerritoryRpc;
use crate::vacancy::VacancyRpc;

/// Name of the service's schema.
pub const SCHEMA: &str = "client_registry";

/// The service's migrations.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// Settings of the service.
#[derive(clap::Args, Clone, Debug)]
#[group(skip)]
pub struct Settings {
    /// Where to listen and whom to trust.
    #[command(flatten)]
    pub grpc: guanxi_grpc::Settings,
    /// Where the data is.
    #[command(flatten)]
    pub database: guanxi_db::Settings,
    /// Name of the cluster in the source of events, `<cluster>/client-registry`.
    #[arg(long, env = "GUANXI_CLUSTER", default_value = "guanxi")]
    pub cluster: String,
}

/// Why the service does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The schema could not be brought up to date.
    #[error("the migrations failed")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The database could not be used.
    #[error("the database cannot be used")]
    Database(#[from] guanxi_db::Error),
    /// The address could not be listened on, or the server failed.
    #[error("the server cannot serve")]
    Serve(#[from] guanxi_grpc::Error),
    /// The address could not be listened on.
    #[error("cannot listen")]
    Listen(#[from] std::io::Error),
}

/// Brings the schema up to date.
pub async fn migrate(owner_url: &str) -> Result<(), StartError> {
    Ok(guanxi_db::migrate(owner_url, &MIGRATOR).await?)
}

/// Serves until `stop` resolves. `listener` replaces the address of the settings where a test brings its own.
pub async fn serve(
    settings: &Settings,
    listener: Option<TcpListener>,
    stop: impl Future<Output = ()>,
) -> Result<(), StartError> {
    if let Some(owner_url) = &settings.database.owner_database_url {
        migrate(owner_url).await?;
    }
    let database = Database::connect(&settings.database, SCHEMA).await?;
    let reader = Reader::start(&database).await?;
    observe(&database, &reader);
    tokio::spawn(database.clone().keep_forgetting_requests());
    let directory = Directory::start(&database, &reader).await?;
    let (switch, stopping) = Stopping::switch();
    let (paths, ready) = (directory.paths.clone(), directory.followed());
    let outbox = Outbox::new(&database);
    let registry = Registry { database: database.clone(), outbox, directory, stopping: stopping.clone() };
    let feed = Feed::new(reader, paths.clone(), ready, format!("{}/client-registry", settings.cluster), stopping);

    let mut services = Services::default();
    services
        .add(TerritoryServiceServer::new(TerritoryRpc::new(registry.clone())))
        .add(AccountServiceServer::new(AccountRpc::new(registry.clone())))
        .add(AccountManagerServiceServer::new(AccountManagerRpc::new(registry.clone())))
        .add(AssignmentServiceServer::new(AssignmentRpc::new(registry.clone())))
        .add(AssignmentPolicyServiceServer::new(AssignmentPolicyRpc::new(registry.clone())))
        .add(HandOverServiceServer::new(HandOverRpc::new(registry.clone())))
        .add(VacancyServiceServer::new(VacancyRpc::new(registry)))
        .add(EventFeedServiceServer::new(feed))
        .add(ChangeServiceServer::new(Changes::new(&database, paths)));
    let listener = match listener {
        Some(listener) => listener,
        None => TcpListener::bind(settings.grpc.listen).await?,
    };
    tracing::info!(address = %listener.local_addr()?, "serving");
    Ok(guanxi_grpc::serve(&settings.grpc, services, listener, switch, stop).await?)
}

/// Gauges of the inside of the process.
fn observe(database: &Database, reader: &Reader) {
    let (database, newest) = (database.clone(), reader.newest());
    guanxi_telemetry::observe(
        "db.client.connection.available",
        "{connection}",
        "Connections that no call holds",
        move |gauge| gauge.report(i64::try_from(database.available()).unwrap_or(i64::MAX), &[("db.namespace", SCHEMA)]),
    );
    guanxi_telemetry::observe("guanxi.feed.position", "{event}", "Newest position of the feed", move |gauge| {
        gauge.report(*newest.borrow(), &[("db.namespace", SCHEMA)]);
    });
}
