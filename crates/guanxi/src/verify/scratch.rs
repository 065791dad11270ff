//! A database of its own beside that of the cluster, for as long as the work takes.

use std::error::Error as AnyError;
use std::str::FromStr as _;

use guanxi_db::role_url;
use guanxi_local_postgres::SUPERUSER;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

use crate::cluster::Place;
use crate::running::Running;
use crate::up::password_file;

/// Why there is no database to work in. Each text says what to do next.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(
        "no cluster runs in {0}, and `rebuild` needs its database: start it with `guanxi up`, say which one with --data-dir DIR, or prove what \
         can be proven by calls with --only recount"
    )]
    NotRunning(String),
    #[error(
        "the cluster uses a Postgres of your own, and `rebuild` makes a database there: say --database-url (GUANXI_DATABASE_URL) as `guanxi up` got it"
    )]
    UrlNeeded,
    #[error("the database URL is not understood; one looks like postgres://admin:secret@db.internal:5432/postgres")]
    Url(#[source] sqlx::Error),
    #[error("the Postgres of the cluster cannot be used")]
    Unreachable(#[source] sqlx::Error),
    #[error(
        "the database `{name}` cannot be created: give the role of --database-url CREATEDB, or prove what can be proven by calls with --only recount"
    )]
    Create { name: String, source: sqlx::Error },
}

/// The database. Who made it has it dropped.
pub(super) struct Scratch {
    admin: PgConnectOptions,
    name: String,
    /// URL of the cluster's database with the role that owns the schema.
    live_url: String,
    /// The same of this one.
    url: String,
}

impl Scratch {
    /// Makes it with the tables of kpi, empty.
    pub(super) async fn make(place: &Place, database_url: Option<&str>) -> Result<Self, Box<dyn AnyError>> {
        let folder = place.resolve()?;
        let running = Running::read(&folder).ok_or_else(|| Error::NotRunning(folder.display().to_string()))?;
        // Only an operator's own Postgres asks for passwords.
        let password = std::fs::read_to_string(password_file(&folder, kpi::SCHEMA)).ok();
        let password = password.filter(|_| database_url.is_some());
        let socket = PgConnectOptions::from_str(&running.database_url)?.get_socket().is_some();
        let private = socket && folder.join("postgres").exists();
        let admin = match database_url {
            Some(url) => PgConnectOptions::from_str(url).map_err(Error::Url)?,
            None if private => PgConnectOptions::from_str(&role_url(&running.database_url, SUPERUSER, None)?)?,
            None => return Err(Error::UrlNeeded.into()),
        };
        let name = format!("guanxi_verify_{}", std::process::id());
        let owner = format!("{}_owner", kpi::SCHEMA);
        let live_url = role_url(&running.database_url, &owner, password.as_deref())?;
        let url = PgConnectOptions::from_str(&live_url)?.database(&name).to_url_lossy().to_string();
        let scratch = Self { admin: admin.application_name("guanxi verify"), name, live_url, url };
        let mut connection = scratch.admin.connect().await.map_err(Error::Unreachable)?;
        // Somebody with the same number may have been killed.
        connection.execute(AssertSqlSafe(scratch.drop_statement())).await?;
        let create = connection.execute(AssertSqlSafe(format!("create database {}", scratch.name))).await;
        create.map_err(|source| Error::Create { name: scratch.name.clone(), source })?;
        match scratch.fill().await {
            Ok(()) => Ok(scratch),
            Err(error) => {
                scratch.drop().await?;
                Err(error)
            }
        }
    }

    async fn fill(&self) -> Result<(), Box<dyn AnyError>> {
        let mut admin = self.admin.clone().database(&self.name).connect().await?;
        guanxi_db::provision(&mut admin, kpi::SCHEMA, None).await?;
        Ok(guanxi_db::migrate(&self.url, &kpi::MIGRATOR).await?)
    }

    /// A connection to what stands in the cluster.
    pub(super) async fn live(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnectOptions::from_str(&self.live_url)?.application_name("guanxi verify").connect().await
    }

    /// A connection to the place where it is made anew.
    pub(super) async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnectOptions::from_str(&self.url)?.application_name("guanxi verify").connect().await
    }

    /// Drops it, whoever is still connected.
    pub(super) async fn drop(self) -> Result<(), sqlx::Error> {
        self.admin.connect().await?.execute(AssertSqlSafe(self.drop_statement())).await?;
        Ok(())
    }

    fn drop_statement(&self) -> String {
        format!("drop database if exists {} with (force)", self.name)
    }
}
