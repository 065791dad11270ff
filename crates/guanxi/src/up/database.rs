//! The cluster's Postgres: a private one under its folder, or one of the operator's own.

use std::error::Error as AnyError;
use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use guanxi_local_postgres::{Binaries, Durability, SUPERUSER, Server, StartOptions, default_cache};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, Row as _};
use tokio::sync::{mpsc, oneshot};

use super::Error;
use super::folder::{Folder, LOOK};
use super::process::Log;
use crate::service::Service;
use crate::terminal::Step;

/// Name of the product's database.
const DATABASE: &str = "guanxi";
/// Connections of a cluster that was killed are gone by then.
const GOODBYE: Duration = Duration::from_secs(5);

/// A Postgres that can be used.
pub(super) enum Postgres {
    /// Started by us, reached through a socket that nobody else can reach.
    Private { server: Server, log: Log },
    /// An administrator's way to a server that was there before.
    Own(Box<PgConnectOptions>),
}

/// What the service's processes need to know.
pub(super) struct Access {
    /// URL of the database with the role that owns the schema.
    pub(super) owner_url: String,
    /// URL of the database with the role that serves.
    pub(super) service_url: String,
}

impl Postgres {
    /// Starts a private server, or reaches the operator's own where its URL is given.
    pub(super) async fn start(url: Option<&str>, folder: &Folder) -> Result<Self, Box<dyn AnyError>> {
        match url {
            None => Self::start_private(folder).await,
            Some(url) => {
                let step = Step::begin("Postgres");
                let options = PgConnectOptions::from_str(url).map_err(Error::DatabaseUrl)?;
                let postgres = Self::Own(Box::new(options.application_name("guanxi up")));
                let version = postgres.make_database().await?;
                step.done(&format!("{version} at {}", postgres.place()));
                Ok(postgres)
            }
        }
    }

    async fn start_private(folder: &Folder) -> Result<Self, Box<dyn AnyError>> {
        let step = Step::begin("Postgres");
        let log = Log::open(&folder.log("postgres"));
        keep_log(&log)?;
        let options = StartOptions::new(folder.path.join("postgres"), Durability::Durable);
        let (say, mut said) = mpsc::unbounded_channel();
        let started = apart(move || {
            let progress = |note: &str| drop(say.send(note.to_owned()));
            let binaries = find_binaries(&options.data_dir, &progress)?;
            progress(&format!("{} starts …", binaries.major()));
            Server::start(&binaries, &options)
        });
        while let Some(note) = said.recv().await {
            step.note(&note);
        }
        let postgres = Self::Private { server: started.await??, log };
        let version = postgres.make_database().await?;
        step.done(&format!("{version} at {}", postgres.place()));
        Ok(postgres)
    }

    /// Where it is, for people.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Private { server, .. } => {
                format!("a private socket, with the programs in {}", server.binaries().dir().display())
            }
            Self::Own(options) => format!("{}:{}", options.get_host(), options.get_port()),
        }
    }

    /// Makes the database if it is missing, and says which version the server has.
    async fn make_database(&self) -> Result<String, Box<dyn AnyError>> {
        // An administrator may have made ours and have no other.
        let mut admin = match self.admin("postgres").await {
            Ok(admin) => admin,
            Err(_) => self
                .admin(DATABASE)
                .await
                .map_err(|source| Error::DatabaseUnreachable { place: self.place(), source })?,
        };
        let ours = format!("select 1 from pg_database where datname = '{DATABASE}'");
        if admin.fetch_optional(AssertSqlSafe(ours)).await?.is_none() {
            admin.execute(AssertSqlSafe(format!("create database {DATABASE}"))).await.map_err(Error::CreateDatabase)?;
        }
        let version: String = admin.fetch_one("show server_version").await?.try_get(0)?;
        // Debian adds its package's version.
        Ok(version.split_whitespace().next().unwrap_or_default().to_owned())
    }

    /// Makes a service's roles and schema.
    pub(super) async fn provision(&self, service: Service, folder: &Folder) -> Result<Access, Box<dyn AnyError>> {
        let schema = service.schema();
        let password = match self {
            Self::Private { .. } => None,
            Self::Own(_) => Some(folder.password(schema)?),
        };
        let mut admin = self.admin(DATABASE).await?;
        if password.is_some() {
            self.refuse_sharing(&mut admin, schema).await?;
        }
        guanxi_db::provision(&mut admin, schema, password.as_deref()).await?;
        let url = self.options(DATABASE)?.to_url_lossy().to_string();
        let role_url = |role| guanxi_db::role_url(&url, &format!("{schema}_{role}"), password.as_deref());
        let access = Access { owner_url: role_url("owner")?, service_url: role_url("service")? };
        let tried = PgConnectOptions::from_str(&access.service_url)?.connect().await;
        tried.map_err(|source| Error::Role { role: format!("{schema}_service"), source })?;
        Ok(access)
    }

    /// Two clusters on one database would set each other's passwords.
    async fn refuse_sharing(&self, admin: &mut PgConnection, schema: &str) -> Result<(), Box<dyn AnyError>> {
        let used =
            format!("select 1 from pg_stat_activity where datname = '{DATABASE}' and usename = '{schema}_service'");
        let gone = tokio::time::timeout(GOODBYE, async {
            while admin.fetch_optional(AssertSqlSafe(used.clone())).await?.is_some() {
                tokio::time::sleep(LOOK).await;
            }
            Ok::<(), sqlx::Error>(())
        });
        Ok(gone.await.map_err(|_elapsed| Error::DatabaseInUse { place: self.place() })??)
    }

    async fn admin(&self, database: &str) -> Result<PgConnection, sqlx::Error> {
        self.options(database)?.connect().await
    }

    fn options(&self, database: &str) -> Result<PgConnectOptions, sqlx::Error> {
        match self {
            // Whatever PGSSLMODE of the operator asks for other servers: a socket has no TLS.
            Self::Private { server, .. } => {
                Ok(PgConnectOptions::from_str(&server.url(SUPERUSER, database))?.ssl_mode(PgSslMode::Disable))
            }
            Self::Own(options) => Ok(PgConnectOptions::clone(options).database(database)),
        }
    }

    /// Says so if it has ended although nobody stopped it. The operator's own may come and go: the services wait for it.
    pub(super) fn died(&mut self) -> Option<Error> {
        let Self::Private { server, log } = self else { return None };
        Some(log.died("Postgres", server.ended().ok().flatten()?))
    }

    /// Stops a private one.
    pub(super) async fn stop(self) -> Result<(), Box<dyn AnyError>> {
        let Self::Private { server, .. } = self else { return Ok(()) };
        Ok(apart(move || server.stop()).await??)
    }
}

/// Server programs that fit the data: a folder of packaged ones stays usable when the machine gets others.
fn find_binaries(folder: &Path, progress: &dyn Fn(&str)) -> Result<Binaries, guanxi_local_postgres::Error> {
    let cache = default_cache(std::env::home_dir().as_deref());
    let found = Binaries::find(&cache, progress)?;
    let major =
        std::fs::read_to_string(folder.join("pgdata/PG_VERSION")).ok().and_then(|major| major.trim().parse().ok());
    if major.is_none_or(|major: u32| major == found.major()) {
        return Ok(found);
    }
    let packaged = Binaries::packaged(&cache, progress).ok();
    Ok(packaged.filter(|packaged| Some(packaged.major()) == major).unwrap_or(found))
}

/// Runs what blocks on a thread of its own. Unlike the runtime's threads it does not keep the process from ending.
fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> oneshot::Receiver<T> {
    let (send, receive) = oneshot::channel();
    std::thread::spawn(move || send.send(work()));
    receive
}

/// Has what the private server says written to its log.
fn keep_log(log: &Log) -> Result<(), Box<dyn AnyError>> {
    let subscriber =
        tracing_subscriber::fmt().with_writer(std::sync::Mutex::new(log.append()?)).with_ansi(false).with_target(false);
    Ok(subscriber
        .with_env_filter("postgres=debug,guanxi_local_postgres=debug")
        .try_init()
        .map_err(|error| error.to_string())?)
}
