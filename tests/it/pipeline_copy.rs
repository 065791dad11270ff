//! What opportunity-pipeline copies of client-registry and product-catalog.

use std::cell::Cell;

use guanxi_test_support::{Collector, TestDatabase, text};
use sqlx::Row;

use crate::cluster::{CATALOG, Cluster, REGISTRY, Service, eventually};
use crate::market::Market;
use crate::process::free_address;
use crate::random::Random;

/// A table of copies, and what the tables of the other services say that is in it: each row as one text.
struct Table {
    copy: &'static str,
    source: &'static str,
    of_catalog: bool,
}

const TABLES: [Table; 6] = [
    Table {
        copy: "row(code, path, level)::text from opportunity_pipeline.territory",
        source: "row(code, path, level)::text from client_registry.territory",
        of_catalog: false,
    },
    Table {
        copy: "row(id, legal_name, territory_code, tier, industry_code, deleted, version)::text from opportunity_pipeline.account",
        source: "row(id, legal_name, territory_code, tier, industry_code, delete_time is not null, version)::text \
            from client_registry.account",
        of_catalog: false,
    },
    Table {
        copy: "row(system, value, account_id)::text from opportunity_pipeline.account_external_id",
        source: "row(system, value, account_id)::text from client_registry.account_external_id",
        of_catalog: false,
    },
    Table {
        copy: "row(id, employee_number, territory_code, in_service, version)::text from opportunity_pipeline.account_manager",
        source: "row(id, employee_number, territory_code, depart_date is null and delete_time is null, version)::text \
            from client_registry.account_manager",
        of_catalog: false,
    },
    Table {
        copy: "row(id, code, version_number, name_zh, on_sale, version)::text from opportunity_pipeline.offering",
        source: "row(id, code, version_number, name_zh, state = 'PUBLISHED', version)::text from product_catalog.offering",
        of_catalog: true,
    },
    Table {
        copy: "row(id, offering_code, charge_kind, currency_code, amount, per_unit, valid_from_date, valid_to_date, deleted, \
            version)::text from opportunity_pipeline.price",
        source: "row(id, offering_code, charge_kind, currency_code, \
            coalesce(content ->> 'amount', content -> 'tiers' -> 0 ->> 'amount')::numeric(24, 10), \
            content ->> 'model' not in ('FLAT', 'STAIRSTEP'), valid_from_date, valid_to_date, \
            delete_time is not null or charge_kind = 'USAGE', version)::text from product_catalog.price",
        of_catalog: true,
    },
];

/// All rows of something, in an order.
async fn texts(service: &Service, rows: &str) -> Vec<String> {
    let rows = service.rows(&format!("select {rows} order by 1")).await;
    rows.iter().map(|row| row.get(0)).collect()
}

impl Cluster {
    /// Waits until a process of opportunity-pipeline has taken in everything.
    async fn await_all(&self, pipeline: &Service) {
        let (registry, catalog) = tokio::join!(self.registry.head(), self.catalog.head());
        pipeline.await_followed(&self.registry, registry).await;
        pipeline.await_followed(&self.catalog, catalog).await;
    }

    /// Compares the copies with what they are of.
    async fn assert_same(&self, pipeline: &Service) {
        for table in TABLES {
            let source = if table.of_catalog { &self.catalog } else { &self.registry };
            let (copy, expected) = (texts(pipeline, table.copy).await, texts(source, table.source).await);
            assert!(!expected.is_empty(), "nothing is compared: {}", table.source);
            assert_eq!(copy, expected, "{}", table.copy);
        }
    }

    /// Another opportunity-pipeline, with nothing yet.
    async fn further_pipeline(&self) -> Service {
        let schema = opportunity_pipeline::SCHEMA;
        self.pipeline.beside(TestDatabase::create(schema, &opportunity_pipeline::MIGRATOR).await)
    }

    /// How far both feeds are taken in together.
    async fn progress(&self) -> i64 {
        self.pipeline.followed(&self.registry).await + self.pipeline.followed(&self.catalog).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_copies_are_what_they_are_of_whenever_they_are_killed_and_however_the_feeds_come() {
    let mut cluster = Cluster::prepare().await;
    cluster.registry.start().await;
    cluster.catalog.start().await;
    let mut market = Market::open(&cluster).await;
    market.trade(40).await;
    let addresses = [free_address(), free_address()];
    let mut processes = addresses.map(|address| cluster.pipeline.launch(address));
    let mut random = Random(5);
    for round in 0..20 {
        let until = cluster.progress().await + i64::try_from(random.below(20)).unwrap();
        let done = Cell::new(false);
        let trade = async {
            market.trade(50).await;
            done.set(true);
        };
        // In the middle of what comes, as most changes are events.
        let kill = async {
            eventually("it is taken in", async || done.get() || cluster.progress().await >= until).await;
            processes[round % 2] = cluster.pipeline.launch(addresses[round % 2]);
        };
        tokio::join!(trade, kill);
    }
    cluster.await_all(&cluster.pipeline).await;
    cluster.assert_same(&cluster.pipeline).await;

    // From zero; one feed wholly before the other; and the other way round.
    let mut anew = cluster.further_pipeline().await;
    let mut accounts_first = cluster.further_pipeline().await.without("GUANXI_PRODUCT_CATALOG");
    let mut offerings_first = cluster.further_pipeline().await.without("GUANXI_CLIENT_REGISTRY");
    tokio::join!(anew.start(), accounts_first.start(), offerings_first.start());
    let heads = (cluster.registry.head().await, cluster.catalog.head().await);
    assert!(heads.0 > 150 && heads.1 > 150, "little happened: {heads:?}");
    accounts_first.await_followed(&cluster.registry, heads.0).await;
    offerings_first.await_followed(&cluster.catalog, heads.1).await;
    let mut accounts_first = accounts_first.know("GUANXI_PRODUCT_CATALOG", &cluster.catalog);
    let mut offerings_first = offerings_first.know("GUANXI_CLIENT_REGISTRY", &cluster.registry);
    tokio::join!(accounts_first.start(), offerings_first.start());
    // And once more over what is there.
    cluster.pipeline.rows("update opportunity_pipeline.followed set position = 0").await;
    for pipeline in [&anew, &accounts_first, &offerings_first, &cluster.pipeline] {
        cluster.await_all(pipeline).await;
        cluster.assert_same(pipeline).await;
    }
}

#[tokio::test]
async fn the_gauges_of_two_followed_feeds_are_told_apart() {
    let mut cluster = Cluster::prepare().await;
    let collector = Collector::start().await;
    cluster.pipeline.send_metrics_to(&collector);
    cluster.registry.start().await;
    Market::tree(&cluster.planner()).await;
    cluster.registry.kill();
    cluster.registry.rows("delete from client_registry.event where position = 3").await;
    cluster.registry.start().await;
    cluster.catalog.start().await;
    cluster.pipeline.start().await;
    let lost = async || {
        let told = collector.has_metric("guanxi.feed.lost").then(|| collector.numbers("guanxi.feed.lost"));
        let told = told.unwrap_or_default();
        let of = |source| told.iter().find(|(_, attributes)| text(attributes, "guanxi.feed.source") == source);
        let value = |source| of(source).map(|(value, _)| *value);
        (value(REGISTRY), value(CATALOG)) == (Some(1), Some(0))
    };
    eventually("one feed is lost and the other is not", lost).await;
}
