//! kpi killed, cut off and made anew while everything changes: its figures are a recount, and what it derives is always the same.

use std::cell::Cell;

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::Tier;
use guanxi_proto::kpi::v1::FigureDimension::{Territory, Unspecified};
use guanxi_proto::kpi::v1::{FigureDimension, FigureQuestion};
use guanxi_test_support::TestDatabase;
use sqlx::Row;
use tonic::{Code, Status};

use crate::agency::{Agency, question, rows, settle_with};
use crate::cluster::{Cluster, Service, eventually};
use crate::process::free_address;
use crate::random::Random;

const CITIES: [&str; 4] = ["4401", "4403", "3301", "1101"];

/// What kpi derives, as texts. A sum of nothing may stand or not.
const DERIVED: [&str; 5] = [
    "row(subject_id, noun, measure, day, territory_code, manager_id, account_id, stage, tier, industry_code, currency_code, \
     trim_scale(value), offering_codes, (select array_agg(trim_scale(value)) from unnest(offering_values) as part (value)))::text \
     from kpi.fact",
    "row(measure, territory_code, dimension, key, month, currency_code, trim_scale(value))::text from kpi.rollup_month where value <> 0",
    "row(measure, territory_code, day, currency_code, trim_scale(value))::text from kpi.rollup_day where value <> 0",
    "row(id, pipeline_code, known, position)::text from kpi.subject",
    "row(dimension, key, name_zh, name_en, rank)::text from kpi.name",
];

/// Figures with the SQL that counts the same in the tables of the other services: keys and values. True where those are of client-registry.
const RECOUNTS: [(&str, FigureDimension, &str, bool); 9] = [
    (
        "accounts",
        Territory,
        "territory_code, count(*)::numeric from client_registry.account where delete_time is null and state <> 'MERGED' group by 1",
        true,
    ),
    (
        "accounts",
        FigureDimension::Tier,
        "coalesce(tier, ''), count(*)::numeric from client_registry.account where delete_time is null and state <> 'MERGED' group by 1",
        true,
    ),
    (
        "new-accounts",
        Unspecified,
        "'', nullif(count(*), 0)::numeric from client_registry.account where delete_time is null and state <> 'MERGED'",
        true,
    ),
    (
        "opportunities-opened",
        Unspecified,
        "'', nullif(count(*), 0)::numeric from opportunity_pipeline.opportunity where delete_time is null",
        false,
    ),
    (
        "opportunities-lost",
        Unspecified,
        "'', nullif(count(*), 0)::numeric from opportunity_pipeline.opportunity where delete_time is null and state = 'LOST'",
        false,
    ),
    (
        "won-value",
        Unspecified,
        "'', sum(coalesce(amount, list_amount)) from opportunity_pipeline.opportunity where delete_time is null and state = 'WON'",
        false,
    ),
    (
        "pipeline-value",
        Territory,
        "territory_code, sum(coalesce(amount, list_amount)) from opportunity_pipeline.opportunity \
         where delete_time is null and state = 'OPEN' group by 1",
        false,
    ),
    (
        "weighted-pipeline",
        FigureDimension::Manager,
        "owner_id::text, sum(coalesce(amount, list_amount) * coalesce(probability_percent, case stage_code when 'TALK' then 20 else 50 end) / 100) \
         from opportunity_pipeline.opportunity where delete_time is null and state = 'OPEN' group by 1",
        false,
    ),
    (
        "quotes-waiting",
        Territory,
        "territory_code, count(*)::numeric from opportunity_pipeline.quote join opportunity_pipeline.opportunity on opportunity.id = opportunity_id \
         where quote.state = 'WAITING' and delete_time is null group by 1",
        false,
    ),
];

/// Deals that change at random.
struct Deals {
    random: Random,
    account_ids: Vec<String>,
    manager_ids: Vec<String>,
    ids: Vec<String>,
}

fn one_of<'a>(random: &mut Random, of: &'a [String]) -> &'a str {
    &of[random.below(of.len())]
}

/// What a deal is not in a state for is no change.
fn unless_refused(outcome: Result<(), Status>) {
    if let Err(status) = outcome {
        assert!(matches!(status.code(), Code::FailedPrecondition | Code::NotFound), "{status:?}");
    }
}

impl Deals {
    /// With managers and accounts of their own in every city.
    async fn open(agency: &Agency) -> Self {
        let (mut account_ids, mut manager_ids) = (Vec::new(), Vec::new());
        for (city, tier) in CITIES.into_iter().zip([Tier::A, Tier::B, Tier::A, Tier::Unspecified]) {
            let manager = agency.employ(&format!("E{city}"), city).await;
            account_ids.push(agency.account(city, tier, &manager).await);
            manager_ids.push(manager);
        }
        Self { random: Random(41), account_ids, manager_ids, ids: Vec::new() }
    }

    async fn change(&mut self, agency: &Agency, changes: usize) {
        for _ in 0..changes {
            let what = if self.ids.len() < 8 { 0 } else { self.random.below(9) };
            let amount = format!("{}.{:02}", 1 + self.random.below(10_000), self.random.below(100));
            if what < 2 {
                let owner = one_of(&mut self.random, &self.manager_ids);
                let account = one_of(&mut self.random, &self.account_ids);
                // Two of three have an amount.
                let amount = if self.random.below(3) == 0 { "" } else { &amount };
                self.ids.push(agency.deal(account, owner, amount).await);
                continue;
            }
            let owner = one_of(&mut self.random, &self.manager_ids);
            let (id, city) = (one_of(&mut self.random, &self.ids), CITIES[self.random.below(CITIES.len())]);
            match what {
                2 => unless_refused(agency.win(id, &amount).await),
                3 => unless_refused(agency.lose(id).await),
                4 => unless_refused(agency.delete(id).await),
                5 | 6 => unless_refused(agency.undelete(id).await),
                7 => unless_refused(agency.reassign(id, owner, city).await),
                _ => {
                    let owner = &CITIES[self.random.below(CITIES.len())];
                    let id = agency.deal(&self.account_ids[0], &self.manager_ids[0], "").await;
                    agency.reassign(&id, "", owner).await.unwrap_or_default();
                    agency.quote(&id, "E4401").await;
                    self.ids.push(id);
                }
            }
        }
    }
}

/// Everything that a process derived.
async fn derived(kpi: &Service) -> Vec<Vec<String>> {
    let mut derived = Vec::new();
    for rows in DERIVED {
        let rows = kpi.rows(&format!("select {rows} order by 1")).await;
        derived.push(rows.iter().map(|row| row.get(0)).collect());
    }
    derived
}

fn assert_same(one: &[Vec<String>], other: &[Vec<String>]) {
    for (table, (one, other)) in DERIVED.iter().zip(one.iter().zip(other)) {
        let only = |some: &Vec<String>, others: &Vec<String>| -> Vec<String> {
            some.iter().filter(|row| !others.contains(row)).take(5).cloned().collect()
        };
        assert_eq!((only(one, other), only(other, one)), (vec![], vec![]), "{table}");
        assert_eq!(one.len(), other.len(), "{table}");
    }
}

impl Agency {
    /// Compares the figures of a process with what the tables of the other services have.
    async fn assert_recounted(&self, kpi: &Service) {
        let token = self.cluster.token(Role::Administrator, "*");
        for (indicator_code, by, sql, of_registry) in RECOUNTS {
            let source = if of_registry { &self.cluster.registry } else { &self.cluster.pipeline };
            let counted = source.rows(&format!("select key, trim_scale(value)::text from (select {sql}) as counted (key, value) where value <> 0 order by key = '', key collate \"C\"")).await;
            let counted: Vec<(String, String)> = counted.iter().map(|row| (row.get(0), row.get(1))).collect();
            let territory_level = if by == Territory { "CITY".to_owned() } else { String::new() };
            let asked = FigureQuestion { territory_level, ..question(indicator_code, by) };
            let agree = async || {
                let answer = self.query(kpi, &token, asked.clone()).await.unwrap();
                rows(&answer) == counted.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>()
            };
            // The paths in memory may be a moment behind.
            eventually(&format!("{indicator_code} by {by:?} is {counted:?}"), agree).await;
            assert!(!counted.is_empty(), "{indicator_code}: nothing is compared");
        }
    }

    /// Another kpi, with nothing yet.
    async fn further_kpi(&self) -> Service {
        self.cluster.kpi.beside(TestDatabase::create(kpi::SCHEMA, &kpi::MIGRATOR).await)
    }

    /// How far the feeds are taken in together.
    async fn progress(&self) -> i64 {
        let kpi = &self.cluster.kpi;
        kpi.followed(&self.cluster.registry).await + kpi.followed(&self.cluster.pipeline).await
    }
}

/// Ends every connection that kpi has to its database; how many.
async fn cut(kpi: &Service) -> usize {
    kpi.rows(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = 'kpi_service'",
    )
    .await
    .len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_are_a_recount_whenever_kpi_is_killed_and_however_the_feeds_come() {
    let mut cluster = Cluster::prepare().await;
    cluster.registry.start().await;
    tokio::join!(cluster.catalog.start(), cluster.pipeline.start());
    let (agency, mut market) = Agency::with_market(cluster).await;
    let mut deals = Deals::open(&agency).await;
    let addresses = [agency.cluster.kpi.address, free_address()];
    let mut processes = addresses.map(|address| Some(agency.cluster.kpi.launch(address)));
    let (mut random, mut ends) = (Random(3), 0);
    for round in 0..14 {
        let until = agency.progress().await + i64::try_from(random.below(25)).unwrap();
        let done = Cell::new(false);
        let change = async {
            tokio::join!(deals.change(&agency, 10), market.trade(8));
            done.set(true);
        };
        let kill = async {
            eventually("it is taken in", async || done.get() || agency.progress().await >= until).await;
            match round % 3 {
                2 => ends += cut(&agency.cluster.kpi).await,
                which => {
                    // The address is free once the process is gone.
                    drop(processes[which].take());
                    processes[which] = Some(agency.cluster.kpi.launch(addresses[which]));
                }
            }
        };
        tokio::join!(change, kill);
    }
    let kpi = &agency.cluster.kpi;
    eventually("it serves", async || kpi.serves().await).await;
    assert!(ends > 3, "connections were ended: {ends}");
    agency.settle(kpi).await;
    agency.assert_recounted(kpi).await;

    // From zero, and with either feed wholly before the other.
    let mut anew = agency.further_kpi().await;
    let mut deals_first = agency.further_kpi().await.without("GUANXI_CLIENT_REGISTRY");
    let mut tree_first = agency.further_kpi().await.without("GUANXI_OPPORTUNITY_PIPELINE");
    tokio::join!(anew.start(), deals_first.start(), tree_first.start());
    let cluster = &agency.cluster;
    settle_with(&deals_first, &cluster.pipeline).await;
    settle_with(&tree_first, &cluster.registry).await;
    deals_first.kill();
    tree_first.kill();
    let mut deals_first = deals_first.know("GUANXI_CLIENT_REGISTRY", &cluster.registry);
    let mut tree_first = tree_first.know("GUANXI_OPPORTUNITY_PIPELINE", &cluster.pipeline);
    tokio::join!(deals_first.start(), tree_first.start());
    let live = derived(kpi).await;
    assert!(live.iter().all(|rows| rows.len() > 20), "{:?}", live.iter().map(Vec::len).collect::<Vec<_>>());
    // And once more over what is there.
    tree_first.rows("update kpi.followed set position = 0").await;
    for other in [&anew, &deals_first, &tree_first] {
        agency.settle(other).await;
        assert_same(&derived(other).await, &live);
        agency.assert_recounted(other).await;
    }
}
