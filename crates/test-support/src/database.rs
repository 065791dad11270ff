//! One private Postgres per test process, one database per test.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use guanxi_local_postgres::{Binaries, Durability, SUPERUSER, Server, StartOptions, default_cache};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use tokio::sync::Mutex;

static SERVER: OnceLock<Server> = OnceLock::new();
static TEMPLATES: Mutex<Option<HashMap<&'static str, String>>> = Mutex::const_new(None);
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// The server of this process. It dies with the process, and its data with it.
fn server() -> &'static Server {
    SERVER.get_or_init(|| {
        let cache = default_cache(std::env::home_dir().as_deref());
        let binaries = Binaries::find(&cache, &|_| {}).unwrap();
        let folder = std::env::temp_dir().join(format!("guanxi-test-{}", std::process::id()));
        Server::start(&binaries, &StartOptions::new(folder, Durability::Throwaway)).unwrap()
    })
}

/// A database with the schema of one service, for one test.
pub struct TestDatabase {
    name: String,
    schema: &'static str,
}

impl TestDatabase {
    /// Makes the database as a copy of one that was migrated once in this process.
    pub async fn create(schema: &'static str, migrator: &Migrator) -> Self {
        let mut templates = TEMPLATES.lock().await;
        let templates = templates.get_or_insert_default();
        if !templates.contains_key(schema) {
            templates.insert(schema, template(schema, migrator).await);
        }
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut admin = connect(&server().url(SUPERUSER, "postgres")).await;
        admin.execute(AssertSqlSafe(format!("create database {name} template {}", templates[schema]))).await.unwrap();
        Self { name, schema }
    }

    /// The schema of the service.
    #[must_use]
    pub fn schema(&self) -> &'static str {
        self.schema
    }

    /// The URL of the service's role.
    #[must_use]
    pub fn service_url(&self) -> String {
        server().url(&format!("{}_service", self.schema), &self.name)
    }

    /// Settings of a service that works on this database.
    #[must_use]
    pub fn settings(&self) -> guanxi_db::Settings {
        guanxi_db::Settings { database_url: self.service_url(), owner_database_url: None, database_connections: 8 }
    }

    /// The URL of the role that owns the schema.
    #[must_use]
    pub fn owner_url(&self) -> String {
        server().url(&format!("{}_owner", self.schema), &self.name)
    }

    /// The URL of the superuser.
    #[must_use]
    pub fn admin_url(&self) -> String {
        server().url(SUPERUSER, &self.name)
    }

    /// A connection of the superuser, for looking at what a service did.
    pub async fn admin(&self) -> PgConnection {
        connect(&self.admin_url()).await
    }

    /// The server that the database is on.
    #[must_use]
    pub fn server() -> &'static Server {
        server()
    }
}

async fn template(schema: &'static str, migrator: &Migrator) -> String {
    let name = format!("template_{schema}");
    let mut admin = connect(&server().url(SUPERUSER, "postgres")).await;
    admin.execute(AssertSqlSafe(format!("create database {name}"))).await.unwrap();
    let mut admin = connect(&server().url(SUPERUSER, &name)).await;
    guanxi_db::provision(&mut admin, schema, None).await.unwrap();
    guanxi_db::migrate(&server().url(&format!("{schema}_owner"), &name), migrator).await.unwrap();
    name
}

async fn connect(url: &str) -> PgConnection {
    PgConnectOptions::from_str(url).unwrap().connect().await.unwrap()
}
