//! Figures of kpi from what happens in the other services.

use guanxi_auth::Role;
use guanxi_proto::kpi::v1::FigureDimension::{self, Manager, Month, Territory, Unspecified};

use crate::agency::{Known, question, rows};
use crate::cluster::eventually;

impl Known {
    async fn assert_parts(&self, indicator_code: &str, by: FigureDimension, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
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
    known.assert_parts("quotes-waiting", Unspecified, &[]).await;
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
