//! Following a real feed: each event once, whenever whoever follows is killed.

use std::sync::Arc;

use guanxi_auth::ServiceIdentity;
use guanxi_db::Database;
use guanxi_events::Follower;
use guanxi_grpc::Peer;
use sqlx::{AssertSqlSafe, Executor, Row};
use tokio::task::JoinHandle;

use crate::cluster::{CATALOG, Cluster, REGISTRY};
use crate::random::Random;

/// What the followers derive: a row for each event that they take in, without anything that would keep a second one out.
const TAKEN: &str = "create table product_catalog.taken (position bigint not null); \
    grant select, insert on product_catalog.taken to product_catalog_service";

impl Cluster {
    /// A process' worth of product-catalog that follows everything.
    async fn follow(&self) -> (JoinHandle<()>, tokio::sync::watch::Receiver<i64>) {
        let settings = guanxi_db::Settings {
            database_url: self.catalog.database.service_url(),
            owner_database_url: None,
            database_connections: 2,
        };
        let database = Database::connect(&settings, product_catalog::SCHEMA).await.unwrap();
        let identity = ServiceIdentity::load(CATALOG, &self.catalog.key).unwrap();
        let peer = Peer::at(&self.registry.url(), Arc::new(identity)).unwrap();
        let follower = Follower::new(&database, REGISTRY, peer, &[]);
        let position = follower.position();
        let task = follower.follow(async |transaction, events| {
            let positions: Vec<String> = events.iter().map(|event| format!("({})", event.position)).collect();
            let insert = format!("insert into product_catalog.taken (position) values {}", positions.join(", "));
            transaction.execute(AssertSqlSafe(insert)).await?;
            Ok(())
        });
        (tokio::spawn(task), position)
    }

    async fn taken(&self) -> Vec<i64> {
        let taken = self.catalog.rows("select position from product_catalog.taken order by position").await;
        taken.iter().map(|row| row.get(0)).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_is_taken_in_once_whenever_two_followers_are_killed() {
    const EVENTS: i64 = 401;
    let mut cluster = Cluster::prepare().await;
    cluster.registry.start().await;
    cluster.catalog.rows(TAKEN).await;
    let write = async {
        let planner = cluster.planner();
        planner.create("CN", "HEADQUARTERS", "").await.unwrap();
        for number in 1..EVENTS {
            planner.create(&format!("P{number}"), "PROVINCE", "CN").await.unwrap();
        }
    };
    let kill = async {
        let mut random = Random(7);
        let mut followers = [cluster.follow().await, cluster.follow().await];
        for round in 0..20 {
            let (task, position) = &mut followers[round % 2];
            let until = *position.borrow() + i64::try_from(random.below(15)).unwrap();
            position.wait_for(|position| *position >= until.min(EVENTS)).await.unwrap();
            for _ in 0..random.below(30) {
                tokio::task::yield_now().await;
            }
            task.abort();
            followers[round % 2] = cluster.follow().await;
        }
        for (_, position) in &mut followers {
            position.wait_for(|position| *position == EVENTS).await.unwrap();
        }
        followers
    };
    let ((), followers) = tokio::join!(write, kill);
    assert_eq!(cluster.taken().await, (1..=EVENTS).collect::<Vec<_>>());
    assert_eq!(cluster.catalog.followed(&cluster.registry).await, EVENTS);
    for (task, _) in followers {
        task.abort();
    }
}
