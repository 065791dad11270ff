//! The services as processes, each on a database of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::territory_service_client::TerritoryServiceClient;
use guanxi_proto::client_registry::v1::{
    CreateTerritoryRequest, DeleteTerritoryRequest, MoveTerritoryRequest, Territory,
};
use guanxi_proto::r#type::v1::LocalizedText;
use guanxi_test_support::{Keys, TestDatabase, with_token};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use crate::process::{Process, free_address};

pub(crate) const REGISTRY: &str = "client-registry";
pub(crate) const CATALOG: &str = "product-catalog";

/// A cluster whose processes are killed when it is dropped.
pub(crate) struct Cluster {
    pub(crate) registry: SocketAddr,
    pub(crate) catalog: SocketAddr,
    pub(crate) registry_database: TestDatabase,
    pub(crate) catalog_database: TestDatabase,
    pub(crate) catalog_key: PathBuf,
    pub(crate) registry_process: Option<Process>,
    pub(crate) catalog_process: Option<Process>,
    /// Where product-catalog sends its metrics.
    pub(crate) otlp_endpoint: Option<String>,
    keys: Keys,
}

impl Cluster {
    /// Both services, serving.
    pub(crate) async fn start() -> Self {
        let mut cluster = Self::prepare().await;
        cluster.start_registry().await;
        cluster.start_catalog().await;
        cluster
    }

    /// Databases, keys and addresses; nothing runs.
    pub(crate) async fn prepare() -> Self {
        let keys = Keys::new();
        Self {
            registry: free_address(),
            catalog: free_address(),
            registry_database: TestDatabase::create(client_registry::SCHEMA, &client_registry::MIGRATOR).await,
            catalog_database: TestDatabase::create(product_catalog::SCHEMA, &product_catalog::MIGRATOR).await,
            catalog_key: keys.of_service(CATALOG),
            registry_process: None,
            catalog_process: None,
            otlp_endpoint: None,
            keys,
        }
    }

    pub(crate) async fn start_registry(&mut self) {
        let settings = self.settings(&self.registry_database);
        self.registry_process = Some(Process::start(REGISTRY, self.registry, &settings, &self.log(REGISTRY)).await);
    }

    pub(crate) async fn start_catalog(&mut self) {
        let settings = self.catalog_settings();
        self.catalog_process = Some(Process::start(CATALOG, self.catalog, &settings, &self.log(CATALOG)).await);
    }

    /// A further process of product-catalog; the caller waits for whatever it waits for.
    pub(crate) fn launch_catalog(&self, address: SocketAddr) -> Process {
        Process::launch(CATALOG, address, &self.catalog_settings(), &self.log(CATALOG))
    }

    fn catalog_settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = self.settings(&self.catalog_database);
        settings.push(("GUANXI_CLIENT_REGISTRY", format!("http://{}", self.registry)));
        settings.push(("GUANXI_SERVICE_KEY", self.catalog_key.to_str().unwrap().to_owned()));
        if let Some(url) = &self.otlp_endpoint {
            settings.push(("GUANXI_OTLP_ENDPOINT", url.clone()));
            settings.push(("OTEL_METRIC_EXPORT_INTERVAL", "200".to_owned()));
        }
        settings
    }

    /// What the processes of a service said.
    pub(crate) fn said(&self, name: &str) -> String {
        std::fs::read_to_string(self.log(name)).unwrap()
    }

    fn log(&self, name: &str) -> PathBuf {
        self.keys.folder().join(name).with_extension("log")
    }

    fn settings(&self, database: &TestDatabase) -> Vec<(&'static str, String)> {
        let jwks = self.keys.jwks().to_str().unwrap().to_owned();
        vec![("GUANXI_JWKS", jwks), ("GUANXI_DATABASE_URL", database.service_url())]
    }

    pub(crate) fn token(&self, role: Role, territory: &str) -> String {
        self.keys.token("E0001", &[(role, territory)])
    }

    /// Whoever may change the tree.
    pub(crate) fn planner(&self) -> Planner {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.registry)).unwrap();
        let client = TerritoryServiceClient::new(endpoint.connect_lazy());
        Planner { client, token: self.token(Role::Administrator, "*") }
    }

    /// The tree as client-registry has it: codes, paths and levels.
    pub(crate) async fn tree(&self) -> Vec<(String, String, String)> {
        places(&self.registry_database, "select code, path, level from client_registry.territory order by code").await
    }

    /// The tree as product-catalog has it.
    pub(crate) async fn copy(&self) -> Vec<(String, String, String)> {
        places(&self.catalog_database, "select code, path, level from product_catalog.territory order by code").await
    }

    /// How far product-catalog has taken the feed in; -1 before it began.
    pub(crate) async fn followed(&self) -> i64 {
        let rows = rows(&self.catalog_database, "select position from product_catalog.followed").await;
        rows.first().map_or(-1, |row| row.get(0))
    }

    /// Waits until product-catalog has taken in what stands at a position.
    pub(crate) async fn await_followed(&self, position: i64) {
        eventually("the event is taken in", async || self.followed().await >= position).await;
    }
}

/// Changes the tree in client-registry; each change gives the position of its event.
#[derive(Clone)]
pub(crate) struct Planner {
    client: TerritoryServiceClient<Channel>,
    token: String,
}

impl Planner {
    pub(crate) async fn create(&self, code: &str, level: &str, parent: &str) -> Result<i64, Status> {
        let territory = Territory {
            code: code.to_owned(),
            name: Some(LocalizedText { zh: format!("区域{code}"), en: String::new() }),
            level: level.to_owned(),
            parent_code: parent.to_owned(),
            ..Default::default()
        };
        let request = CreateTerritoryRequest { territory: Some(territory), request_id: String::new() };
        Ok(self.client.clone().create_territory(with_token(request, &self.token)).await?.into_inner().position)
    }

    pub(crate) async fn relocate(&self, code: &str, parent: &str) -> Result<i64, Status> {
        let request =
            MoveTerritoryRequest { code: code.to_owned(), parent_code: parent.to_owned(), ..Default::default() };
        Ok(self.client.clone().move_territory(with_token(request, &self.token)).await?.into_inner().position)
    }

    pub(crate) async fn delete(&self, code: &str) -> Result<i64, Status> {
        let request = DeleteTerritoryRequest { code: code.to_owned(), ..Default::default() };
        Ok(self.client.clone().delete_territory(with_token(request, &self.token)).await?.into_inner().position)
    }
}

async fn places(database: &TestDatabase, sql: &str) -> Vec<(String, String, String)> {
    rows(database, sql).await.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

/// The rows of a statement with which a test looks, or changes something, for itself.
pub(crate) async fn rows(database: &TestDatabase, sql: &str) -> Vec<PgRow> {
    let outcome = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(&mut database.admin().await).await;
    outcome.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Asks again until the answer is yes.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
