//! Figures of kpi from what happens in the other services.

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::Tier;
use guanxi_proto::kpi::v1::FigureDimension::{self, Manager, Month, Territory, Tier as Tiers, Unspecified};
use sqlx::Row;

use crate::agency::{Agency, Known, question, rows, settle_with};
use crate::cluster::{Cluster, eventually};

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

impl Known {
    async fn assert_parts(&self, indicator_code: &str, by: FigureDimension, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected.iter().copied().map(owned).collect();
        assert_eq!(self.agency.parts(indicator_code, by).await, expected, "{indicator_code} by {by:?}");
    }

    /// Waits for what every call sees of a tree that changed.
    async fn await_parts(&self, indicator_code: &str, by: FigureDimension, expected: &[(&str, &str)]) {
        let token = self.agency.cluster.token(Role::Administrator, "*");
        let there =
            async || rows(&self.agency.figures(&token, question(indicator_code, by)).await.unwrap()) == expected;
        eventually(&format!("{indicator_code} is {expected:?}"), there).await;
    }
}

#[tokio::test]
async fn figures_follow_from_accounts_managers_deals_and_quotes() {
    let known = Known::open().await;
    let [seven, eight, nine] = known.managers.each_ref().map(String::as_str);
    known.assert_parts("accounts", Territory, &[("33", "1"), ("44", "3")]).await;
    known.assert_parts("accounts", FigureDimension::Tier, &[("A", "2"), ("B", "1"), ("", "1")]).await;
    known.assert_parts("accounts-per-manager", Unspecified, &[("", "0.6667")]).await;
    known.assert_parts("accounts-per-manager", Territory, &[("33", "0"), ("44", "1")]).await;
    known.assert_parts("accounts-per-manager", Manager, &[(seven, "1"), (eight, "1"), (nine, "0")]).await;
    for (indicator_code, whole, parts) in [
        ("new-accounts", "4", [("33", "1"), ("44", "3")]),
        ("opportunities-opened", "5", [("33", "1"), ("44", "4")]),
        ("opportunities-won", "2", [("33", "1"), ("44", "1")]),
        ("win-rate", "0.666667", [("33", "1"), ("44", "0.5")]),
        ("won-value", "2500", [("33", "700"), ("44", "1800")]),
        ("average-deal", "1250", [("33", "700"), ("44", "1800")]),
    ] {
        known.assert_parts(indicator_code, Unspecified, &[("", whole)]).await;
        known.assert_parts(indicator_code, Territory, &parts).await;
        let months = known.agency.parts(indicator_code, Month).await;
        assert_eq!((months.len(), months[0].1.as_str()), (1, whole), "all of it is of this month: {months:?}");
    }
    for (indicator_code, whole) in [
        ("opportunities-lost", "1"),
        ("pipeline-count", "2"),
        ("pipeline-value", "5400"),
        // A fifth of 3,000, half of 2,400.
        ("weighted-pipeline", "1800"),
        ("quotes-waiting", "1"),
        // (2,400 − 1,800) / 2,400: the other won deal has no list value.
        ("discount-depth", "0.25"),
        ("cycle-days-won", "0"),
    ] {
        known.assert_parts(indicator_code, Unspecified, &[("", whole)]).await;
    }
    known.assert_parts("pipeline-value", Territory, &[("44", "5400")]).await;
    known.assert_parts("won-value", FigureDimension::Offering, &[("LINE", "1800"), ("", "700")]).await;
    known.assert_parts("won-value", FigureDimension::Tier, &[("A", "1800"), ("", "700")]).await;
    known.assert_parts("pipeline-value", FigureDimension::Stage, &[("SHORT/TALK", "5400")]).await;
    let token = known.agency.cluster.token(Role::Administrator, "*");
    let answer = known.agency.figures(&token, question("won-value", Territory)).await.unwrap();
    let shares: Vec<_> = answer.figures.iter().map(|figure| (figure.share.as_str(), figure.rank)).collect();
    assert_eq!(shares, [("0.28", 2), ("0.72", 1)]);
}

#[tokio::test]
async fn figures_follow_what_becomes_of_territories_and_deals() {
    let known = Known::open().await;
    let (agency, deals) = (&known.agency, &known.deals);
    let [seven, eight, nine] = known.managers.each_ref().map(String::as_str);
    known.assert_parts("won-value", Territory, &[("33", "700"), ("44", "1800")]).await;
    agency.cluster.planner().relocate("4403", "33").await.unwrap();
    known.await_parts("won-value", Territory, &[("33", "2500")]).await;
    known.await_parts("accounts", Territory, &[("33", "3"), ("44", "1")]).await;
    known.await_parts("win-rate", Territory, &[("33", "0.666667")]).await;

    agency.delete(&deals[0]).await.unwrap();
    known.assert_parts("won-value", Manager, &[(nine, "700")]).await;
    known.assert_parts("opportunities-opened", Unspecified, &[("", "4")]).await;
    known.assert_parts("discount-depth", Unspecified, &[]).await;
    agency.undelete(&deals[0]).await.unwrap();
    known.assert_parts("won-value", Manager, &[(seven, "1800"), (nine, "700")]).await;
    known.assert_parts("discount-depth", Unspecified, &[("", "0.25")]).await;

    // With its quote.
    agency.delete(&deals[3]).await.unwrap();
    known.assert_parts("pipeline-value", Unspecified, &[("", "3000")]).await;
    known.assert_parts("quotes-waiting", Unspecified, &[("", "0")]).await;
    agency.undelete(&deals[3]).await.unwrap();
    known.assert_parts("weighted-pipeline", Unspecified, &[("", "1800")]).await;
    known.assert_parts("quotes-waiting", Manager, &[(eight, "1")]).await;

    agency.reassign(&deals[0], nine, "1101").await.unwrap();
    agency.reassign(&deals[2], nine, "1101").await.unwrap();
    known.assert_parts("pipeline-value", Manager, &[(eight, "2400"), (nine, "3000")]).await;
    known.assert_parts("pipeline-value", Territory, &[("11", "3000"), ("44", "2400")]).await;
    known.assert_parts("won-value", Manager, &[(seven, "1800"), (nine, "700")]).await;
    known.assert_parts("won-value", Territory, &[("33", "2500")]).await;
}

#[tokio::test]
async fn kpi_may_start_first_and_each_service_may_be_away() {
    let mut cluster = Cluster::prepare().await;
    cluster.kpi.start().await;
    let admin = cluster.token(Role::Administrator, "*");
    cluster.registry.start().await;
    tokio::join!(cluster.catalog.start(), cluster.pipeline.start());
    let mut agency = Agency::open(cluster).await;
    let empty = agency.query(&agency.cluster.kpi, &admin, question("won-value", Unspecified)).await.unwrap();
    assert_eq!((empty.figures.len(), empty.totals.len()), (0, 0));
    let seven = agency.employ("E7", "4403").await;
    let account = agency.account("4403", Tier::A, &seven).await;
    let deal = agency.deal(&account, &seven, "100").await;

    agency.settle(&agency.cluster.kpi).await;
    agency.cluster.registry.kill();
    agency.win(&deal, "").await.unwrap();
    assert_eq!(agency.parts("won-value", Manager).await, [(seven.clone(), "100".to_owned())]);
    agency.cluster.registry.start().await;

    agency.cluster.pipeline.kill();
    agency.account("4401", Tier::Unspecified, "").await;
    assert_eq!(agency.parts("accounts", Tiers).await, [("A", "1"), ("", "1")].map(owned));
    agency.cluster.pipeline.start().await;

    agency.cluster.catalog.kill();
    agency.deal(&account, &seven, "50").await;
    assert_eq!(agency.parts("pipeline-value", Territory).await, [("44", "50")].map(owned));
    agency.cluster.catalog.start().await;

    agency.cluster.kpi.kill();
    let lost = agency.deal(&account, &seven, "70").await;
    agency.lose(&lost).await.unwrap();
    agency.cluster.kpi.start().await;
    assert_eq!(agency.parts("win-rate", Unspecified).await, [("", "0.5")].map(owned));

    // Nobody else serves, and it starts and answers.
    for service in [&mut agency.cluster.registry, &mut agency.cluster.catalog, &mut agency.cluster.pipeline] {
        service.kill();
    }
    agency.cluster.kpi.kill();
    agency.cluster.kpi.start().await;
    assert_eq!(agency.parts("won-value", Territory).await, [("44", "100")].map(owned));
    assert_eq!(agency.parts("opportunities-opened", Unspecified).await, [("", "3")].map(owned));
}

#[tokio::test]
async fn an_event_that_does_not_fit_holds_up_its_own_feed_alone() {
    let mut agency = Agency::open(Cluster::start().await).await;
    let seven = agency.employ("E7", "4403").await;
    let account = agency.account("4403", Tier::A, &seven).await;
    let deal = agency.deal(&account, &seven, "100").await;
    agency.settle(&agency.cluster.kpi).await;
    agency.cluster.kpi.kill();
    agency.account("4403", Tier::Unspecified, "").await;
    let position = agency.cluster.registry.head().await;
    agency.account("4401", Tier::Unspecified, "").await;
    let spoil = "update client_registry.event set subject = 'account/nobody' where position = ";
    let spoiled = format!("select subject from client_registry.event where position = {position}");
    let subject: String = agency.cluster.registry.rows(&spoiled).await[0].get(0);
    // What a process keeps of its feed goes with it.
    agency.cluster.registry.kill();
    agency.cluster.registry.rows(&format!("{spoil}{position}")).await;
    agency.cluster.registry.start().await;
    agency.cluster.kpi.start().await;
    let told = format!("the event at position {position} cannot be applied: account/nobody: its subject has no id");
    eventually("it is told", async || agency.cluster.kpi.said().contains(&told)).await;

    agency.win(&deal, "").await.unwrap();
    let won = async |expected: &[(&str, &str)]| {
        settle_with(&agency.cluster.kpi, &agency.cluster.pipeline).await;
        let admin = agency.cluster.token(Role::Administrator, "*");
        let answer = agency.query(&agency.cluster.kpi, &admin, question("won-value", Territory)).await.unwrap();
        assert_eq!(rows(&answer), expected);
        let answer = agency.query(&agency.cluster.kpi, &admin, question("accounts", Unspecified)).await.unwrap();
        rows(&answer)[0].1.to_owned()
    };
    assert_eq!(won(&[("44", "100")]).await, "1", "nothing of what came with it is taken in");
    assert!(agency.cluster.kpi.followed(&agency.cluster.registry).await < position);
    let repair = format!("update client_registry.event set subject = '{subject}' where position = {position}");
    agency.cluster.registry.rows(&repair).await;
    agency.settle(&agency.cluster.kpi).await;
    assert_eq!(won(&[("44", "100")]).await, "3");
}
