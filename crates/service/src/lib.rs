//! What every service's process is: its command line, its settings, its schema brought up to date, what it serves beside its own
//! methods (the feed, the history of a resource), and the serving until it is told to stop.

pub mod peers;
mod program;
pub mod territories;

use std::sync::Arc;

use guanxi_db::Database;
use guanxi_events::{Changes, Feed, Guard, Reader};
use guanxi_grpc::{Services, Stopping};
use guanxi_proto::events::v1::change_service_server::ChangeServiceServer;
use guanxi_proto::events::v1::event_feed_service_server::EventFeedServiceServer;
use guanxi_resource::{Directory, Resources};
use sqlx::migrate::Migrator;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use self::program::{Program, Serve, Stop};

/// Name of the service that has the tree of territories.
pub const CLIENT_REGISTRY: &str = "client-registry";

/// Settings of every service.
#[derive(clap::Args, Clone, Debug)]
#[group(skip)]
pub struct Settings {
    /// Where to listen and whom to trust.
    #[command(flatten)]
    pub grpc: guanxi_grpc::Settings,
    /// Where the data is.
    #[command(flatten)]
    pub database: guanxi_db::Settings,
    /// Name of the cluster in the source of events, for example `guanxi` in `guanxi/client-registry`.
    #[arg(long, env = "GUANXI_CLUSTER", default_value = "guanxi")]
    pub cluster: String,
}

/// Why a service does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The schema could not be brought up to date.
    #[error("the migrations failed")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The database could not be used.
    #[error("the database cannot be used")]
    Database(#[from] guanxi_db::Error),
    /// The server failed.
    #[error("the server cannot serve")]
    Serve(#[from] guanxi_grpc::Error),
    /// The address could not be listened on.
    #[error("cannot listen")]
    Listen(#[from] std::io::Error),
    /// What the service has of its own could not be started.
    #[error("the service cannot be assembled")]
    Assemble(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a service stands on: its database and the reader of its events.
pub struct Foundation {
    /// The service's schema.
    pub database: Database,
    /// The service's own events.
    pub reader: Reader,
    /// Says when the process is about to stop.
    pub stopping: Stopping,
    switch: watch::Sender<bool>,
    guard: Option<Arc<dyn Guard>>,
}

impl Foundation {
    /// Brings the schema up to date where the settings name its owner, and opens it.
    pub async fn lay(settings: &Settings, schema: &'static str, migrator: &Migrator) -> Result<Self, Error> {
        if let Some(owner_url) = &settings.database.owner_database_url {
            guanxi_db::migrate(owner_url, migrator).await?;
        }
        let database = Database::connect(&settings.database, schema).await?;
        let reader = Reader::start(&database).await?;
        observe(&database, &reader);
        tokio::spawn(database.clone().keep_forgetting_requests());
        let (switch, stopping) = Stopping::switch();
        Ok(Self { database, reader, stopping, switch, guard: None })
    }

    /// What the service's methods work with.
    #[must_use]
    pub fn resources(&self, directory: Directory) -> Resources {
        Resources::new(self.database.clone(), directory, self.stopping.clone())
    }

    /// Shows the history of a resource only to those whom a guard lets see it, beside what lies in their territories.
    #[must_use]
    pub fn guarded_by(self, guard: impl Guard) -> Self {
        Self { guard: Some(Arc::new(guard)), ..self }
    }

    /// Serves the service's own methods, its feed and its changes until `stop` resolves. `name` is that of the service, for example
    /// `client-registry`. `listener` replaces the address of the settings where a test brings its own.
    pub async fn serve(
        self,
        settings: &Settings,
        name: &str,
        directory: &Directory,
        mut services: Services,
        listener: Option<TcpListener>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let source = format!("{}/{name}", settings.cluster);
        let feed =
            Feed::new(self.reader, directory.paths.clone(), directory.followed.clone(), source, self.stopping.clone());
        let changes = Changes::new(&self.database, directory.paths.clone(), self.guard);
        services.add(EventFeedServiceServer::new(feed)).add(ChangeServiceServer::new(changes));
        let listener = match listener {
            Some(listener) => listener,
            None => TcpListener::bind(settings.grpc.listen).await?,
        };
        tracing::info!(address = %listener.local_addr()?, "serving");
        // Its future is large, and rests on the stack of every caller otherwise.
        Ok(Box::pin(guanxi_grpc::serve(&settings.grpc, services, listener, self.switch, stop)).await?)
    }
}

/// Gauges of the inside of the process.
fn observe(database: &Database, reader: &Reader) {
    let (schema, database, newest) = (database.schema(), database.clone(), reader.newest());
    guanxi_telemetry::observe(
        "db.client.connection.available",
        "{connection}",
        "Connections that no call holds",
        move |gauge| gauge.report(i64::try_from(database.available()).unwrap_or(i64::MAX), &[("db.namespace", schema)]),
    );
    guanxi_telemetry::observe("guanxi.feed.position", "{event}", "Newest position of the feed", move |gauge| {
        gauge.report(*newest.borrow(), &[("db.namespace", schema)]);
    });
}
