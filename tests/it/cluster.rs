//! The services as processes, each on a database of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::territory_service_client::TerritoryServiceClient;
use guanxi_proto::client_registry::v1::{
    CreateTerritoryRequest, DeleteTerritoryRequest, MoveTerritoryRequest, Territory,
};
use guanxi_proto::r#type::v1::LocalizedText;
use guanxi_test_support::{Collector, Keys, TestDatabase, with_token};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use crate::process::{Process, free_address};

pub(crate) const REGISTRY: &str = "client-registry";
pub(crate) const CATALOG: &str = "product-catalog";
pub(crate) const PIPELINE: &str = "opportunity-pipeline";
pub(crate) const KPI: &str = "kpi";

const DATABASE_URL: &str = "GUANXI_DATABASE_URL";

/// A cluster whose processes are killed when it is dropped.
pub(crate) struct Cluster {
    pub(crate) registry: Service,
    pub(crate) catalog: Service,
    pub(crate) pipeline: Service,
    pub(crate) kpi: Service,
    keys: Keys,
}

/// A service of a cluster, which runs or does not.
pub(crate) struct Service {
    name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) database: TestDatabase,
    pub(crate) key: PathBuf,
    /// Where it logs.
    log: PathBuf,
    /// What it is told besides its address.
    settings: Vec<(&'static str, String)>,
    process: Option<Process>,
}

impl Service {
    fn new(name: &'static str, keys: &Keys, database: TestDatabase) -> Self {
        let (key, log) = (keys.of_service(name), keys.folder().join(name).with_extension("log"));
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let settings = vec![
            ("GUANXI_JWKS", path(&keys.jwks())),
            (DATABASE_URL, database.service_url()),
            ("GUANXI_SERVICE_KEY", path(&key)),
        ];
        Self { name, address: free_address(), database, key, log, settings, process: None }
    }

    /// Has it call another service.
    pub(crate) fn know(mut self, variable: &'static str, other: &Self) -> Self {
        self.settings.push((variable, other.url()));
        self
    }

    /// Has it call a service no longer.
    pub(crate) fn without(mut self, variable: &str) -> Self {
        self.settings.retain(|(name, _)| *name != variable);
        self
    }

    /// The same service over another database, at another address.
    pub(crate) fn beside(&self, database: TestDatabase) -> Self {
        let mut settings = self.settings.clone();
        settings.retain(|(name, _)| *name != DATABASE_URL);
        settings.push((DATABASE_URL, database.service_url()));
        let (name, key, log) = (self.name, self.key.clone(), self.log.clone());
        Self { name, address: free_address(), database, key, log, settings, process: None }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A channel to it, whether it runs or not.
    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from_shared(self.url()).unwrap().connect_lazy()
    }

    /// Has it send its metrics somewhere.
    pub(crate) fn send_metrics_to(&mut self, collector: &Collector) {
        self.settings.push(("GUANXI_OTLP_ENDPOINT", collector.url.clone()));
        self.settings.push(("OTEL_METRIC_EXPORT_INTERVAL", "200".to_owned()));
    }

    /// Starts it and waits until it serves.
    pub(crate) async fn start(&mut self) {
        self.process = Some(Process::start(self.name, self.address, &self.settings, &self.log).await);
    }

    /// Kills it: nothing is told, nothing is finished.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// A further process; the caller waits for whatever it waits for.
    pub(crate) fn launch(&self, address: SocketAddr) -> Process {
        Process::launch(self.name, address, &self.settings, &self.log)
    }

    /// Sends it a signal, for example `-STOP`.
    pub(crate) fn signal(&self, name: &str) {
        self.process.as_ref().unwrap().signal(name);
    }

    pub(crate) async fn serves(&self) -> bool {
        guanxi_grpc::health_check(self.address).await.is_ok()
    }

    /// What its processes said.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// The rows of a statement with which a test looks, or changes something, for itself.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<PgRow> {
        let outcome = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(&mut self.database.admin().await).await;
        outcome.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The tree of territories as it has it: codes, paths and levels.
    pub(crate) async fn tree(&self) -> Vec<(String, String, String)> {
        let sql = format!("select code, path, level from {}.territory order by code", self.database.schema());
        self.rows(&sql).await.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
    }

    /// Position of its newest event.
    pub(crate) async fn head(&self) -> i64 {
        self.rows(&format!("select position from {}.event_head", self.database.schema())).await[0].get(0)
    }

    /// How far it has taken in the feed of another service; -1 before it began.
    pub(crate) async fn followed(&self, source: &Self) -> i64 {
        let sql = format!("select position from {}.followed where source = '{}'", self.database.schema(), source.name);
        self.rows(&sql).await.first().map_or(-1, |row| row.get(0))
    }

    /// Waits until it has taken in what stands at a position.
    pub(crate) async fn await_followed(&self, source: &Self, position: i64) {
        eventually("the event is taken in", async || self.followed(source).await >= position).await;
    }
}

impl Cluster {
    /// All services, serving.
    pub(crate) async fn start() -> Self {
        let mut cluster = Self::prepare().await;
        cluster.registry.start().await;
        tokio::join!(cluster.catalog.start(), cluster.pipeline.start(), cluster.kpi.start());
        cluster
    }

    /// Databases, keys and addresses; nothing runs.
    pub(crate) async fn prepare() -> Self {
        let keys = Keys::new();
        let registry = TestDatabase::create(client_registry::SCHEMA, &client_registry::MIGRATOR).await;
        let registry = Service::new(REGISTRY, &keys, registry);
        let catalog = TestDatabase::create(product_catalog::SCHEMA, &product_catalog::MIGRATOR).await;
        let catalog = Service::new(CATALOG, &keys, catalog).know("GUANXI_CLIENT_REGISTRY", &registry);
        let pipeline = TestDatabase::create(opportunity_pipeline::SCHEMA, &opportunity_pipeline::MIGRATOR).await;
        let pipeline = Service::new(PIPELINE, &keys, pipeline)
            .know("GUANXI_CLIENT_REGISTRY", &registry)
            .know("GUANXI_PRODUCT_CATALOG", &catalog);
        let kpi = TestDatabase::create(kpi::SCHEMA, &kpi::MIGRATOR).await;
        let kpi = Service::new(KPI, &keys, kpi)
            .know("GUANXI_CLIENT_REGISTRY", &registry)
            .know("GUANXI_PRODUCT_CATALOG", &catalog)
            .know("GUANXI_OPPORTUNITY_PIPELINE", &pipeline);
        Self { registry, catalog, pipeline, kpi, keys }
    }

    pub(crate) fn token(&self, role: Role, territory: &str) -> String {
        self.token_of("E0001", role, territory)
    }

    /// A token of an employee.
    pub(crate) fn token_of(&self, employee_number: &str, role: Role, territory: &str) -> String {
        self.token_for(employee_number, &[(role, territory)])
    }

    /// A token of an employee with several grants.
    pub(crate) fn token_for(&self, employee_number: &str, grants: &[(Role, &str)]) -> String {
        self.keys.token(employee_number, grants)
    }

    /// Whoever may change the tree.
    pub(crate) fn planner(&self) -> Planner {
        let client = TerritoryServiceClient::new(self.registry.channel());
        Planner { client, token: self.token(Role::Administrator, "*") }
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

/// Asks again until the answer is yes.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
