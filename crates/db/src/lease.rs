//! A few owned connections, handed out one call at a time.
//!
//! A pool that pings on acquire and release triples the round trips of a call, so this one does neither. What it watches
//! instead is how a lease ends: [`Connection::release`] and [`Transaction::commit`] give the connection back at once; a lease
//! that is dropped otherwise (an early error, a deadline, a caller that went away) may still have a statement running, which
//! dropping a future does not stop. Such a connection is rolled back, its statement cancelled if it does not end by itself, and
//! only then used again.

use std::ops::{Deref, DerefMut};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Executor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Error;
use crate::request::RequestStatements;

/// How long a statement of an abandoned lease may take to end by itself before it is cancelled.
const GRACE: Duration = Duration::from_millis(5);
/// How long to wait for the server to acknowledge the end of an abandoned statement before the connection is thrown away.
const ABANDON_AFTER: Duration = Duration::from_secs(5);

/// Settings of the database.
#[derive(clap::Args, Clone, Debug)]
#[group(skip)]
pub struct Settings {
    /// Postgres URL with the service's own role, for example `postgres://client_registry_service:secret@db/guanxi`.
    #[arg(long, env = "GUANXI_DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// Postgres URL with the role that owns the schema: when given, migrations run at start.
    #[arg(long, env = "GUANXI_OWNER_DATABASE_URL", hide_env_values = true)]
    pub owner_database_url: Option<String>,
    /// Number of connections of this process; more than 8 rarely helps.
    #[arg(long, env = "GUANXI_DATABASE_CONNECTIONS", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub database_connections: u16,
}

/// The connections of a process to its schema. Cheap to clone.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    options: PgConnectOptions,
    schema: &'static str,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Session>>,
    control: tokio::sync::Mutex<Option<PgConnection>>,
    requests: RequestStatements,
}

struct Session {
    connection: PgConnection,
    backend: i32,
}

impl Database {
    /// Connects to the schema of a service. Fails where the server cannot be reached.
    pub async fn connect(settings: &Settings, schema: &'static str) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(&settings.database_url)?
            .application_name(schema)
            .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(1))
            .log_statements(tracing::log::LevelFilter::Trace);
        let inner = Inner {
            options,
            schema,
            permits: Arc::new(Semaphore::new(usize::from(settings.database_connections))),
            idle: Mutex::default(),
            control: tokio::sync::Mutex::default(),
            requests: RequestStatements::of(schema),
        };
        let database = Self(Arc::new(inner));
        database.connection().await?.release();
        Ok(database)
    }

    /// Name of the schema.
    #[must_use]
    pub fn schema(&self) -> &'static str {
        self.0.schema
    }

    /// Options of a further connection, for listeners.
    #[must_use]
    pub fn options(&self) -> PgConnectOptions {
        self.0.options.clone()
    }

    /// Number of connections that nobody holds, made or not.
    #[must_use]
    pub fn available(&self) -> usize {
        self.0.permits.available_permits()
    }

    /// Leases a connection for statements that each stand for themselves. Waits for one, first come, first served.
    pub async fn connection(&self) -> Result<Connection, Error> {
        let permit = Arc::clone(&self.0.permits)
            .acquire_owned()
            .await
            .map_err(|_closed| Error::Unavailable(sqlx::Error::PoolClosed))?;
        let idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let session = match idle {
            Some(session) => session,
            None => self.0.open().await?,
        };
        let span = tracing::info_span!(
            "database",
            otel.kind = "client",
            db.system = "postgresql",
            db.namespace = self.0.schema
        );
        Ok(Connection { session: Some(session), permit: Some(permit), home: Arc::clone(&self.0), _span: span })
    }

    /// Leases a connection and begins a transaction on it.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        let mut connection = self.connection().await?;
        connection.execute("begin").await?;
        Ok(Transaction(connection))
    }

    /// Runs a statement that returns nothing on a connection of its own, apart from all leases. For notifications.
    pub async fn control(&self, statement: &'static str) -> Result<(), Error> {
        let mut control = self.0.control.lock().await;
        let work = async {
            let mut connection = match control.take() {
                Some(connection) => connection,
                None => self.0.options.connect().await?,
            };
            connection.execute(statement).await?;
            Ok(connection)
        };
        *control = Some(in_time(work).await?);
        Ok(())
    }
}

impl Inner {
    async fn open(&self) -> Result<Session, Error> {
        let mut connection = self.options.connect().await?;
        let backend = sqlx::query_scalar!("select pg_backend_pid() as \"pid!\"").fetch_one(&mut connection).await?;
        Ok(Session { connection, backend })
    }

    fn keep(&self, session: Session) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
    }

    /// Ends whatever an abandoned lease left behind; the connection is kept only when the server has said that it is clean.
    async fn recover(&self, mut session: Session) {
        match tokio::time::timeout(ABANDON_AFTER, self.roll_back(&mut session)).await {
            Ok(Ok(())) => return self.keep(session),
            Ok(Err(error)) => tracing::debug!(error = %error, "a database connection was thrown away"),
            Err(_elapsed) => tracing::warn!(backend = session.backend, "an abandoned statement did not end"),
        }
        // The server may have gone: whatever is idle was connected to it too.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn roll_back(&self, session: &mut Session) -> Result<(), Error> {
        let backend = session.backend;
        for attempt in 0..3 {
            let mut rollback = std::pin::pin!(session.connection.execute("rollback"));
            let outcome = tokio::select! {
                outcome = &mut rollback => outcome,
                () = tokio::time::sleep(GRACE), if attempt == 0 => {
                    self.cancel(backend).await?;
                    rollback.await
                }
            };
            match outcome {
                Ok(_) => return Ok(()),
                // The error of the abandoned statement, or the cancel that came late and hit the rollback: once more.
                Err(sqlx::Error::Database(error)) => tracing::debug!(%error, "an abandoned statement ended"),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Unexpected(sqlx::Error::Protocol("the connection does not become clean".to_owned())))
    }

    async fn cancel(&self, backend: i32) -> Result<(), Error> {
        let mut control = self.control.lock().await;
        // The kept connection may have died since it was used.
        if let Some(mut connection) = control.take()
            && in_time(send_cancel(&mut connection, backend)).await.is_ok()
        {
            *control = Some(connection);
            return Ok(());
        }
        let work = async {
            let mut connection = self.options.connect().await?;
            send_cancel(&mut connection, backend).await?;
            Ok(connection)
        };
        *control = Some(in_time(work).await?);
        Ok(())
    }
}

/// What is said over the control connection is short; a longer wait means that the other end has gone without a word.
async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Error> {
    const PATIENCE: Duration = Duration::from_secs(2);
    let outcome = tokio::time::timeout(PATIENCE, work).await;
    Ok(outcome.unwrap_or_else(|_elapsed| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))?)
}

async fn send_cancel(control: &mut PgConnection, backend: i32) -> Result<(), sqlx::Error> {
    sqlx::query_scalar!("select pg_cancel_backend($1) as \"sent!\"", backend).fetch_one(control).await?;
    Ok(())
}

/// A leased connection. [`Connection::release`] it when the last statement has been answered.
pub struct Connection {
    session: Option<Session>,
    permit: Option<OwnedSemaphorePermit>,
    home: Arc<Inner>,
    _span: tracing::Span,
}

impl Connection {
    /// Gives the connection back. Dropping it works too, at the cost of a round trip that nobody waits for.
    pub fn release(mut self) {
        if let Some(session) = self.session.take() {
            self.home.keep(session);
        }
    }

    pub(crate) fn requests(&self) -> RequestStatements {
        self.home.requests
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        let (home, permit) = (Arc::clone(&self.home), self.permit.take());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                home.recover(session).await;
                drop(permit);
            });
        }
    }
}

#[expect(clippy::expect_used, reason = "a lease has its session until it is released, which consumes it")]
impl Deref for Connection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.session.as_ref().expect("the session is taken only when the lease ends").connection
    }
}

#[expect(clippy::expect_used, reason = "a lease has its session until it is released, which consumes it")]
impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.session.as_mut().expect("the session is taken only when the lease ends").connection
    }
}

/// A leased connection in a transaction. Dropped without [`Transaction::commit`] it is rolled back.
pub struct Transaction(Connection);

impl Transaction {
    /// Commits and gives the connection back. After an error nobody knows whether the transaction was committed.
    pub async fn commit(mut self) -> Result<(), Error> {
        self.0.execute("commit").await?;
        self.0.release();
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}
