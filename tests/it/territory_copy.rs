//! The tree of client-registry, as product-catalog copies it.

use std::time::{Duration, Instant};

use guanxi_test_support::Collector;
use tonic::{Code, Status};

use crate::cluster::{Cluster, Planner, eventually};
use crate::process::free_address;
use crate::random::Random;

/// Levels from the root down.
const LEVELS: [&str; 4] = ["HEADQUARTERS", "PROVINCE", "CITY", "COUNTY"];
const PROVINCES: [&str; 3] = ["44", "33", "11"];

/// Makes a root, three provinces, and a city with a county in the first of them.
async fn plant(planner: &Planner) {
    planner.create("CN", LEVELS[0], "").await.unwrap();
    for code in PROVINCES {
        planner.create(code, LEVELS[1], "CN").await.unwrap();
    }
    planner.create("4403", LEVELS[2], "44").await.unwrap();
    planner.create("440305", LEVELS[3], "4403").await.unwrap();
}

/// Lets cities and counties come, move and go.
struct Wind {
    planner: Planner,
    random: Random,
    /// The codes of each level that are known to be there.
    codes: [Vec<String>; 4],
}

impl Wind {
    fn new(planner: Planner) -> Self {
        let codes = [vec!["CN".to_owned()], PROVINCES.map(str::to_owned).to_vec(), Vec::new(), Vec::new()];
        Self { planner, random: Random(11), codes }
    }

    async fn blow(&mut self, changes: usize) {
        for _ in 0..changes {
            let level = if self.codes[2].len() < 3 { 2 } else { 2 + self.random.below(2) };
            let parent = self.codes[level - 1][self.random.below(self.codes[level - 1].len())].clone();
            let (codes, planner) = (&mut self.codes[level], &self.planner);
            match self.random.below(4) {
                0 if !codes.is_empty() => {
                    let code = &codes[self.random.below(codes.len())];
                    insist(async || planner.relocate(code, &parent).await).await.unwrap();
                }
                1 if codes.len() > 3 => {
                    let code = codes.remove(self.random.below(codes.len()));
                    // A city with counties stays.
                    let _ = insist(async || planner.delete(&code).await).await;
                }
                _ => {
                    let code = format!("C{:x}", self.random.below(usize::MAX));
                    insist(async || planner.create(&code, LEVELS[level], &parent).await).await.unwrap();
                    codes.push(code);
                }
            }
        }
    }
}

/// Tries until there is an answer: who is asked may be killed meanwhile, before or after its commit.
async fn insist(change: impl AsyncFn() -> Result<i64, Status>) -> Result<(), Status> {
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut again = false;
    loop {
        match change().await {
            Err(status) if matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled) => {
                assert!(Instant::now() < deadline, "{status:?}");
                again = true;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(status) if again && matches!(status.code(), Code::AlreadyExists | Code::NotFound) => return Ok(()),
            outcome => return outcome.map(drop),
        }
    }
}

impl Cluster {
    /// Waits until the copy has everything, and compares.
    async fn assert_copied(&self) {
        self.catalog.await_followed(&self.registry, self.registry.head().await).await;
        assert_eq!(self.catalog.tree().await, self.registry.tree().await);
    }
}

#[tokio::test]
async fn what_happens_to_a_territory_happens_to_its_copy() {
    let cluster = Cluster::start().await;
    let planner = cluster.planner();
    plant(&planner).await;
    cluster.assert_copied().await;
    let path = async |code: &str| {
        cluster.catalog.tree().await.into_iter().find(|(found, ..)| found == code).map(|found| found.1)
    };
    assert_eq!(path("440305").await.as_deref(), Some("CN/44/4403/440305/"));

    let moved = planner.relocate("4403", "33").await.unwrap();
    let answered = Instant::now();
    cluster.catalog.await_followed(&cluster.registry, moved).await;
    println!("a move was in the copy {:?} after its answer", answered.elapsed());
    assert_eq!(path("440305").await.as_deref(), Some("CN/33/4403/440305/"));

    let deleted = planner.delete("440305").await.unwrap();
    cluster.catalog.await_followed(&cluster.registry, deleted).await;
    assert_eq!(path("440305").await, None);
    cluster.assert_copied().await;
}

#[tokio::test]
async fn either_side_may_be_killed_at_any_moment() {
    let mut cluster = Cluster::start().await;
    plant(&cluster.planner()).await;
    let other = free_address();
    let mut replica = cluster.catalog.launch(other);
    let mut wind = Wind::new(cluster.planner());
    for round in 0..24 {
        // Killed in the middle of what these changes bring.
        let kill = async {
            match round % 4 {
                0 | 2 => {
                    cluster.catalog.kill();
                    cluster.catalog.start().await;
                }
                1 => replica = cluster.catalog.launch(other),
                _ => {
                    cluster.registry.kill();
                    cluster.registry.start().await;
                }
            }
        };
        tokio::join!(wind.blow(10), kill);
    }
    cluster.assert_copied().await;
    assert!(cluster.catalog.tree().await.len() > 40, "{}", cluster.catalog.tree().await.len());
}

#[tokio::test]
async fn a_copy_that_is_made_anew_is_the_same() {
    let cluster = Cluster::start().await;
    plant(&cluster.planner()).await;
    Wind::new(cluster.planner()).blow(150).await;
    cluster.assert_copied().await;
    let live = cluster.catalog.tree().await;
    let anew = "begin; delete from product_catalog.territory; update product_catalog.followed set position = 0; commit";
    cluster.catalog.rows(anew).await;
    assert_eq!((cluster.catalog.tree().await.len(), cluster.catalog.followed(&cluster.registry).await), (0, 0));
    // The process that runs notices by itself.
    cluster.assert_copied().await;
    assert_eq!(cluster.catalog.tree().await, live);
}

#[tokio::test]
async fn a_copy_from_before_there_were_levels_gets_them() {
    let cluster = Cluster::start().await;
    plant(&cluster.planner()).await;
    Wind::new(cluster.planner()).blow(50).await;
    cluster.assert_copied().await;
    // What the migration leaves behind.
    let before = "begin; update product_catalog.territory set level = ''; \
        update product_catalog.followed set position = 0; commit";
    cluster.catalog.rows(before).await;
    cluster.assert_copied().await;
}

#[tokio::test]
async fn the_source_may_come_late_hang_and_go() {
    let mut cluster = Cluster::prepare().await;
    cluster.catalog.start().await;
    // It serves alone.
    cluster.catalog.await_followed(&cluster.registry, 0).await;
    cluster.registry.start().await;
    plant(&cluster.planner()).await;
    cluster.assert_copied().await;

    // It neither answers nor closes a connection, and goes without a word.
    cluster.registry.signal("-STOP");
    assert!(cluster.catalog.serves().await);
    let told = async || cluster.catalog.said().matches("the feed cannot be followed").count() == 2;
    eventually("it is told a second time", told).await;
    cluster.registry.kill();
    cluster.registry.start().await;
    cluster.planner().create("4401", LEVELS[2], "44").await.unwrap();
    cluster.assert_copied().await;
    cluster.registry.kill();
    assert!(cluster.catalog.serves().await);
    // Alone it starts too, with the copy that it has.
    cluster.catalog.kill();
    cluster.catalog.start().await;
    assert_eq!(cluster.catalog.tree().await, cluster.registry.tree().await);
}

#[tokio::test]
async fn progress_without_events_is_stored_and_a_loss_is_refused_until_it_is_repaired() {
    let mut cluster = Cluster::prepare().await;
    let collector = Collector::start().await;
    cluster.catalog.send_metrics_to(&collector);
    cluster.registry.start().await;
    plant(&cluster.planner()).await;
    cluster.registry.kill();
    // A loss that no process knows of yet; and the sixth event is no territory's.
    let lose = "create table client_registry.lost as select * from client_registry.event where position = 4; \
        delete from client_registry.event where position = 4; \
        update client_registry.event set kind = 'guanxi.client_registry.v1.other' where position = 6";
    cluster.registry.rows(lose).await;
    cluster.registry.start().await;
    cluster.catalog.start().await;
    let told = async || cluster.catalog.said().contains("The events after position 3 were lost (the next is 5)");
    eventually("the loss is told", told).await;
    let gauge = |name: &str, value: i64| {
        collector.has_metric(name) && collector.numbers(name).iter().any(|(found, _)| *found == value)
    };
    eventually("the loss is measured", async || gauge("guanxi.feed.lost", 1)).await;
    assert_eq!(
        (cluster.catalog.followed(&cluster.registry).await, cluster.catalog.tree().await.len()),
        (3, 3),
        "what stood before it is taken in"
    );
    assert!(cluster.catalog.serves().await);

    let repair = "insert into client_registry.event select * from client_registry.lost";
    cluster.registry.rows(repair).await;
    cluster.catalog.await_followed(&cluster.registry, 6).await;
    assert_eq!(cluster.catalog.tree().await.len(), 5, "the sixth event is none of ours");
    eventually("nothing is missing any more", async || gauge("guanxi.feed.lost", 0) && gauge("guanxi.feed.lag", 0))
        .await;
}
