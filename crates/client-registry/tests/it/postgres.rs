//! A Postgres of its own for a test that stops it or moves data into it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use guanxi_local_postgres::{Durability, SUPERUSER, Server, StartOptions};
use guanxi_test_support::TestDatabase;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A server, and the database `registry` on it. It goes when it is dropped, and its data with it.
pub(crate) struct Postgres {
    server: Option<Server>,
    options: StartOptions,
}

impl Postgres {
    /// Starts a server with the roles of the service and an empty database.
    pub(crate) async fn start(durability: Durability) -> Self {
        Self::with_settings(durability, &[]).await
    }

    /// The same with more settings of Postgres.
    pub(crate) async fn with_settings(durability: Durability, settings: &[(&str, &str)]) -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("guanxi-test-{}-{number}", std::process::id()));
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let options = StartOptions { settings, ..StartOptions::new(folder, durability) };
        let mut postgres = Self { server: None, options };
        postgres.start_again();
        let mut admin = PgConnection::connect(&postgres.url(SUPERUSER, "postgres")).await.unwrap();
        guanxi_db::provision(&mut admin, client_registry::SCHEMA, None).await.unwrap();
        admin.execute("create database registry").await.unwrap();
        postgres
    }

    /// Makes the service's schema in the database.
    pub(crate) async fn migrate(&self) {
        guanxi_db::provision(&mut self.admin().await, client_registry::SCHEMA, None).await.unwrap();
        guanxi_db::migrate(&self.url("client_registry_owner", "registry"), &client_registry::MIGRATOR).await.unwrap();
    }

    pub(crate) fn url(&self, user: &str, database: &str) -> String {
        self.server.as_ref().unwrap().url(user, database)
    }

    pub(crate) fn service_url(&self) -> String {
        self.url("client_registry_service", "registry")
    }

    pub(crate) fn admin_url(&self) -> String {
        self.url(SUPERUSER, "registry")
    }

    pub(crate) async fn admin(&self) -> PgConnection {
        PgConnection::connect(&self.admin_url()).await.unwrap()
    }

    /// Stops the server; the data stays where it is durable.
    pub(crate) fn stop(&mut self) {
        self.server.take().unwrap().stop().unwrap();
    }

    /// Starts the server on the data that is there.
    pub(crate) fn start_again(&mut self) {
        self.server = Some(Server::start(TestDatabase::server().binaries(), &self.options).unwrap());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.server.take());
        remove(&self.options.data_dir);
    }
}

/// Removes a folder, and where it leads to if it is a link.
fn remove(folder: &PathBuf) {
    if let Ok(target) = std::fs::canonicalize(folder) {
        let _ = std::fs::remove_dir_all(target);
    }
    let _ = std::fs::remove_file(folder);
}
