//! kpi behind stand-ins for the three services whose feeds it follows.

use std::net::SocketAddr;

use guanxi_auth::Role;
use guanxi_proto::events::v1::Event;
use guanxi_proto::kpi::v1::indicator_service_client::IndicatorServiceClient;
use guanxi_proto::kpi::v1::{Figure, FigureQuestion, QueryIndicatorRequest, QueryIndicatorResponse};
use guanxi_test_support::{Keys, Running, TestDatabase, channel, eventually, rows, with_token};
use sqlx::Row as _;
use tonic::Status;

use crate::world::feeds::FeedStandIn;
use crate::world::generate::World;

/// The sources, in the order of [`Following::feeds`].
const SOURCES: [&str; 3] = ["client-registry", "product-catalog", "opportunity-pipeline"];
/// What is derived, with what tells a row that counts from one that does not.
const DERIVED: [(&str, &str); 7] = [
    ("territory", "true"),
    ("name", "true"),
    ("stage", "true"),
    ("subject", "true"),
    ("fact", "true"),
    ("rollup_month", "value <> 0"),
    ("rollup_day", "value <> 0"),
];

/// A kpi that follows what a test lets it.
pub(crate) struct Following {
    pub(crate) database: TestDatabase,
    pub(crate) feeds: [FeedStandIn; 3],
    keys: Keys,
    pub(crate) admin: String,
    running: Option<Running>,
}

impl Following {
    /// Nothing is released, and kpi does not run.
    pub(crate) async fn prepare(world: &World) -> Self {
        let database = TestDatabase::create(kpi::SCHEMA, &kpi::MIGRATOR).await;
        let keys = Keys::new();
        let _key = keys.of_service("kpi");
        let admin = keys.token("E0001", &[(Role::Administrator, "*")]);
        let feed = |events: &Vec<Event>| FeedStandIn::new(events.clone());
        let feeds = [feed(&world.registry), feed(&world.catalog), feed(&world.pipeline)];
        Self { database, feeds, keys, admin, running: None }
    }

    /// Starts a process' worth of it, unless one runs.
    pub(crate) fn start(&mut self) {
        if self.running.is_none() {
            self.running = Some(self.another());
        }
    }

    /// Starts one more process' worth of it over the same database.
    pub(crate) fn another(&self) -> Running {
        let url = |feed: &FeedStandIn| Some(format!("http://{}", feed.address));
        let service = guanxi_service::Settings {
            grpc: self.keys.settings(),
            database: guanxi_db::Settings {
                database_url: self.database.service_url(),
                owner_database_url: None,
                database_connections: 8,
            },
            cluster: "test".to_owned(),
        };
        let service_key = Some(self.keys.folder().join("kpi.pem"));
        let peers = guanxi_service::peers::Settings { service_key, client_registry: url(&self.feeds[0]) };
        let (product_catalog, opportunity_pipeline) = (url(&self.feeds[1]), url(&self.feeds[2]));
        let settings = kpi::Settings { service, peers, product_catalog, opportunity_pipeline };
        Running::start(async move |listener, stop| {
            // As if it were killed: nothing is finished.
            tokio::select! {
                ended = kpi::serve(&settings, Some(listener), std::future::pending()) => Ok(ended?),
                () = stop => Ok(()),
            }
        })
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.end();
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.running.as_ref().unwrap().address
    }

    /// How far each feed is taken in.
    pub(crate) async fn followed(&self) -> [i64; 3] {
        let mut connection = self.database.admin().await;
        let found = rows(&mut connection, "select source, position from kpi.followed".to_owned()).await;
        SOURCES.map(|source| found.iter().find(|row| row.get::<String, _>(0) == source).map_or(0, |row| row.get(1)))
    }

    /// Waits until it has taken in everything that is released.
    pub(crate) async fn catch_up(&self) {
        let released = self.feeds.each_ref().map(FeedStandIn::released);
        eventually("everything is taken in", async || self.followed().await == released).await;
    }

    /// Everything that is derived: table, and a row as text.
    pub(crate) async fn derived(&self) -> Vec<(String, String)> {
        let mut connection = self.database.admin().await;
        let mut derived = Vec::new();
        for (table, counts) in DERIVED {
            let sql = format!("select to_jsonb(t)::text from kpi.{table} t where {counts} order by 1");
            let found = rows(&mut connection, sql).await;
            derived.extend(found.iter().map(|row| (table.to_owned(), row.get::<String, _>(0))));
        }
        derived
    }

    /// Asks as somebody who sees everything.
    pub(crate) async fn ask(&self, question: FigureQuestion) -> Result<QueryIndicatorResponse, Status> {
        let request = QueryIndicatorRequest { question: Some(question), page_size: 10_000, ..Default::default() };
        let mut client = IndicatorServiceClient::new(channel(self.address()));
        Ok(client.query_indicator(with_token(request, &self.admin)).await?.into_inner())
    }

    /// The figures of a question.
    pub(crate) async fn figures(&self, question: FigureQuestion) -> Vec<Figure> {
        self.ask(question).await.unwrap().figures
    }
}
