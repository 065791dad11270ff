//! Who sees which figures.

use std::collections::BTreeMap;

use guanxi_auth::Role;
use guanxi_proto::kpi::v1::FigureDimension::{self, Month, Territory, Unspecified};
use guanxi_proto::kpi::v1::indicator_service_client::IndicatorServiceClient;
use guanxi_proto::kpi::v1::{ExplainIndicatorRequest, ExplainIndicatorResponse, FigureFact, FigureQuestion};
use guanxi_test_support::{reason, with_token};
use tonic::{Code, Status};

use crate::agency::{Known, question, rows};

/// Indicators whose figures come from the other services.
const TOLD: [&str; 16] = [
    "accounts",
    "new-accounts",
    "opportunities-opened",
    "opportunities-won",
    "opportunities-lost",
    "win-rate",
    "won-value",
    "average-deal",
    "cycle-days-won",
    "cycle-days-closed",
    "pipeline-count",
    "pipeline-value",
    "weighted-pipeline",
    "discount-depth",
    "accounts-per-manager",
    "quotes-waiting",
];

/// A token, whose it is, and which territories he may hear of.
struct Caller<'a> {
    token: String,
    territories: &'a [&'a str],
}

impl Known {
    fn token(&self, employee_number: &str, grants: &[(Role, &str)]) -> String {
        self.agency.cluster.token_for(employee_number, grants)
    }

    async fn assert_seen(&self, token: &str, question: FigureQuestion, expected: &[(&str, &str)]) {
        let answer = self.agency.figures(token, question.clone()).await.unwrap();
        assert_eq!(rows(&answer), expected, "{question:?}");
    }

    async fn explain(&self, token: &str, request: ExplainIndicatorRequest) -> Result<ExplainIndicatorResponse, Status> {
        self.agency.settle(&self.agency.cluster.kpi).await;
        let mut indicators = IndicatorServiceClient::new(self.agency.cluster.kpi.channel());
        Ok(indicators.explain_indicator(with_token(request, token)).await?.into_inner())
    }

    /// All facts behind a figure, one by one, and its measures; they add up.
    async fn facts(&self, token: &str, question: FigureQuestion, key: &str) -> Vec<FigureFact> {
        let (mut facts, mut page_token) = (Vec::new(), String::new());
        loop {
            let (question, key) = (Some(question.clone()), key.to_owned());
            let request = ExplainIndicatorRequest { question, key, page_size: 1, page_token };
            let page = self.explain(token, request).await.unwrap();
            assert_eq!(page.facts.len(), 1, "{page:?}");
            facts.extend(page.facts);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                assert_eq!(sums(&facts), measures(&page.measures), "{:?}", page.figures);
                return facts;
            }
            assert!(facts.len() < 100, "pages without an end");
        }
    }
}

/// Sums of facts by measure; what is nothing is left out, as in figures.
fn sums(facts: &[FigureFact]) -> BTreeMap<&str, f64> {
    let mut sums = BTreeMap::new();
    for fact in facts {
        *sums.entry(fact.measure_code.as_str()).or_default() += fact.value.parse::<f64>().unwrap();
    }
    sums.retain(|_, sum| *sum != 0.0);
    sums
}

/// Sums of measures over all currencies.
fn measures(measures: &[guanxi_proto::kpi::v1::FigureMeasure]) -> BTreeMap<&str, f64> {
    let mut sums = BTreeMap::new();
    for measure in measures {
        *sums.entry(measure.measure_code.as_str()).or_default() += measure.value.parse::<f64>().unwrap();
    }
    sums
}

fn subjects(facts: &[FigureFact]) -> Vec<&str> {
    facts.iter().map(|fact| fact.subject.as_str()).collect()
}

#[tokio::test]
async fn an_account_manager_sees_figures_of_his_own() {
    let known = Known::open().await;
    let seven = known.token("E7", &[(Role::AccountManager, "44")]);
    for (indicator_code, whole) in
        [("won-value", "1800"), ("opportunities-opened", "2"), ("win-rate", "0.5"), ("accounts", "1")]
    {
        known.assert_seen(&seven, question(indicator_code, Unspecified), &[("", whole)]).await;
        known.assert_seen(&seven, question(indicator_code, Territory), &[("4403", whole)]).await;
        let months = known.agency.figures(&seven, question(indicator_code, Month)).await.unwrap();
        assert_eq!((months.figures.len(), months.figures[0].value.as_str()), (1, whole), "{indicator_code}");
    }
    known.assert_seen(&seven, question("pipeline-value", Unspecified), &[]).await;
    let accounts = known.agency.figures(&seven, question("won-value", FigureDimension::Account)).await.unwrap();
    assert_eq!((accounts.figures.len(), accounts.figures[0].share.as_str()), (1, "1"), "{accounts:?}");
    let managers = known.agency.figures(&seven, question("opportunities-opened", FigureDimension::Manager)).await;
    assert_eq!(rows(&managers.unwrap()), [(known.managers[0].as_str(), "2")]);
    let offerings = question("won-value", FigureDimension::Offering);
    known.assert_seen(&seven, offerings, &[("LINE", "1800")]).await;
    let narrowed = FigureQuestion {
        r#where: FigureDimension::Manager.into(),
        where_key: known.managers[1].clone(),
        ..question("opportunities-opened", Unspecified)
    };
    known.assert_seen(&seven, narrowed, &[("", "0")]).await;

    let away = known.token("E9", &[(Role::AccountManager, "44")]);
    known.assert_seen(&away, question("won-value", Unspecified), &[]).await;
    let nobody = known.token("E1", &[(Role::ProductManager, "CN")]);
    known.assert_seen(&nobody, question("opportunities-opened", Unspecified), &[("", "0")]).await;
    for by in [Territory, Month, FigureDimension::Manager] {
        known.assert_seen(&nobody, question("opportunities-opened", by), &[]).await;
    }
}

#[tokio::test]
async fn leads_see_everything_in_their_territories_and_others_nothing() {
    let known = Known::open().await;
    let city = known.token("E2", &[(Role::Supervisor, "4401")]);
    known.assert_seen(&city, question("pipeline-value", Unspecified), &[("", "5400")]).await;
    known.assert_seen(&city, question("accounts", Territory), &[("4401", "1")]).await;
    known.assert_seen(&city, question("won-value", Unspecified), &[]).await;
    for (token, territory_code) in [
        (&city, "4403"),
        (&city, "44"),
        (&city, "NOWHERE"),
        (&known.token("E7", &[(Role::AccountManager, "4403")]), "4401"),
    ] {
        let territory_code = territory_code.to_owned();
        let asked = FigureQuestion { territory_code, ..question("won-value", Unspecified) };
        let refused = known.agency.figures(token, asked.clone()).await.unwrap_err();
        assert_eq!((refused.code(), &*reason(&refused)), (Code::NotFound, "RESOURCE_NOT_FOUND"));
        let request = ExplainIndicatorRequest { question: Some(asked), ..Default::default() };
        assert_eq!(known.explain(token, request).await.unwrap_err().code(), Code::NotFound);
    }

    let two = known.token("E2", &[(Role::Supervisor, "44"), (Role::Director, "33")]);
    known.assert_seen(&two, question("won-value", Territory), &[("33", "700"), ("44", "1800")]).await;
    known.assert_seen(&two, question("won-value", Unspecified), &[("", "2500")]).await;

    // All of one city, his own in the province of another, and both in one province, where nothing counts twice.
    let mixed = known.token("E8", &[(Role::Supervisor, "3301"), (Role::AccountManager, "44")]);
    known.assert_seen(&mixed, question("opportunities-opened", Territory), &[("3301", "1"), ("44", "2")]).await;
    known.assert_seen(&mixed, question("opportunities-opened", Unspecified), &[("", "3")]).await;
    known.assert_seen(&mixed, question("won-value", Unspecified), &[("", "700")]).await;
    let both = known.token("E8", &[(Role::Supervisor, "4401"), (Role::AccountManager, "44")]);
    known.assert_seen(&both, question("opportunities-opened", Territory), &[("4401", "2")]).await;
    known.assert_seen(&both, question("opportunities-opened", Unspecified), &[("", "2")]).await;
    let lead = known.token("E7", &[(Role::Supervisor, "4401"), (Role::AccountManager, "44")]);
    known.assert_seen(&lead, question("opportunities-opened", Territory), &[("4401", "2"), ("4403", "2")]).await;
}

#[tokio::test]
async fn an_explanation_shows_what_may_be_seen_page_by_page() {
    let known = Known::open().await;
    let [won, lost, ..] = known.deals.each_ref().map(|id| format!("opportunity/{id}"));
    let seven = known.token("E7", &[(Role::AccountManager, "44")]);
    let all = known.token("E2", &[(Role::Analyst, "CN")]);
    assert_eq!(subjects(&known.facts(&seven, question("won-value", Territory), "4403").await), [won.as_str()]);
    let mut rate = known.facts(&seven, question("win-rate", Unspecified), "").await;
    rate.sort_by(|one, other| one.measure_code.cmp(&other.measure_code));
    assert_eq!(subjects(&rate), [lost.as_str(), won.as_str()]);
    assert_eq!(known.facts(&all, question("win-rate", Unspecified), "").await.len(), 3);
    // Accounts and managers together.
    assert_eq!(known.facts(&all, question("accounts-per-manager", Unspecified), "").await.len(), 5);

    for (token, key) in [(&seven, "4401"), (&all, "NOWHERE")] {
        let (question, key) = (Some(question("won-value", Territory)), key.to_owned());
        let request = ExplainIndicatorRequest { question, key, ..Default::default() };
        assert_eq!(known.explain(token, request).await.unwrap_err().code(), Code::NotFound);
    }
    let first = ExplainIndicatorRequest {
        question: Some(question("win-rate", Unspecified)),
        page_size: 1,
        ..Default::default()
    };
    let page_token = known.explain(&all, first.clone()).await.unwrap().next_page_token;
    let other = Some(question("won-value", Unspecified));
    let refused = known.explain(&all, ExplainIndicatorRequest { question: other, page_token, ..first }).await;
    assert_eq!(guanxi_test_support::violations(&refused.unwrap_err())[0].1, "PAGE_TOKEN_INVALID");
}

#[tokio::test]
async fn no_answer_names_a_territory_outside() {
    let known = Known::open().await;
    let callers = [
        Caller { token: known.token("E2", &[(Role::Supervisor, "4403")]), territories: &["4403"] },
        Caller { token: known.token("E8", &[(Role::AccountManager, "44")]), territories: &["44", "4401"] },
        Caller {
            token: known.token("E7", &[(Role::AccountManager, "44"), (Role::Supervisor, "3301")]),
            territories: &["44", "4403", "3301"],
        },
    ];
    for Caller { token, territories } in callers {
        let mut heard = 0;
        for indicator_code in TOLD {
            let parts = known.agency.figures(&token, question(indicator_code, Territory)).await.unwrap();
            for figure in &parts.figures {
                assert!(territories.contains(&figure.key.as_str()), "{indicator_code}: {figure:?}");
                let facts = known.facts(&token, question(indicator_code, Territory), &figure.key).await;
                for fact in facts {
                    assert!(territories.contains(&fact.territory_code.as_str()), "{indicator_code}: {fact:?}");
                    heard += 1;
                }
            }
        }
        assert!(heard > 3, "{heard}");
    }
}
