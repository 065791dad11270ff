//! What answers say beside the figures: shares, ranks, periods before, narrower questions, pages and explanations agree with each other.

use std::collections::BTreeMap;

use guanxi_proto::kpi::v1::indicator_service_client::IndicatorServiceClient;
use guanxi_proto::kpi::v1::*;
use guanxi_test_support::{channel, with_token};
use rust_decimal::{Decimal, RoundingStrategy};

use crate::following::Following;
use crate::world::feeds::FeedStandIn;
use crate::world::generate::World;

async fn counted() -> Following {
    let mut kpi = Following::prepare(&World::new(4, 200)).await;
    kpi.start();
    kpi.feeds.iter().for_each(FeedStandIn::release_all);
    kpi.catch_up().await;
    kpi
}

fn question(indicator_code: &str, by: FigureDimension) -> FigureQuestion {
    FigureQuestion { indicator_code: indicator_code.to_owned(), by: by.into(), ..Default::default() }
}

fn between(from: &str, to: &str, question: FigureQuestion) -> FigureQuestion {
    FigureQuestion { from_date: from.to_owned(), to_date: to.to_owned(), ..question }
}

fn decimal(text: &str) -> Option<Decimal> {
    text.parse().ok()
}

/// Values by key and currency.
fn values(figures: &[Figure]) -> BTreeMap<(String, String), String> {
    let value = |figure: &Figure| ((figure.key.clone(), figure.currency_code.clone()), figure.value.clone());
    figures.iter().map(value).collect()
}

fn quotient(one: Decimal, other: Decimal) -> Decimal {
    (one / other).round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero)
}

#[tokio::test]
async fn shares_are_of_the_total_and_ranks_follow_the_direction() {
    let kpi = counted().await;
    for (indicator, up) in [("won-value", true), ("opportunities-lost", false), ("pipeline-count", true)] {
        let answer = kpi.ask(question(indicator, FigureDimension::Territory)).await.unwrap();
        assert!(answer.figures.len() > 2, "{indicator}");
        for total in &answer.totals {
            let rows: Vec<&Figure> =
                answer.figures.iter().filter(|figure| figure.currency_code == total.currency_code).collect();
            let whole = decimal(&total.value).unwrap();
            let sum: Decimal = rows.iter().filter_map(|figure| decimal(&figure.value)).sum();
            assert_eq!(sum, whole, "{indicator}: parts add up");
            for row in &rows {
                let value = decimal(&row.value).unwrap();
                assert_eq!(decimal(&row.share), Some(quotient(value, whole)), "{row:?}");
                let better = |other: &&&Figure| {
                    let other = decimal(&other.value).unwrap();
                    if up { other > value } else { other < value }
                };
                assert_eq!(usize::try_from(row.rank).unwrap(), rows.iter().filter(better).count() + 1, "{row:?}");
            }
        }
    }
    let rates = kpi.figures(question("win-rate", FigureDimension::Territory)).await;
    assert!(rates.iter().all(|figure| figure.share.is_empty() && figure.rank > 0), "{rates:?}");
}

#[tokio::test]
async fn what_a_figure_is_compared_to_is_the_figure_of_that_period() {
    let kpi = counted().await;
    let by = FigureDimension::Territory;
    let asked = kpi.figures(between("2025-07-01", "2025-12-31", question("won-value", by))).await;
    let before = values(&kpi.figures(between("2025-01-01", "2025-06-30", question("won-value", by))).await);
    let year = values(&kpi.figures(between("2024-07-01", "2024-12-31", question("won-value", by))).await);
    let mut compared = 0;
    for figure in &asked {
        let key = (figure.key.clone(), figure.currency_code.clone());
        assert_eq!(figure.previous_value, before.get(&key).cloned().unwrap_or_default(), "{figure:?}");
        assert_eq!(figure.year_before_value, year.get(&key).cloned().unwrap_or_default(), "{figure:?}");
        if let (Some(value), Some(previous)) = (decimal(&figure.value), decimal(&figure.previous_value)) {
            assert_eq!(decimal(&figure.previous_growth), Some(quotient(value - previous, previous)), "{figure:?}");
            compared += 1;
        }
    }
    assert!(compared > 0);

    let months = kpi.figures(question("opportunities-won", FigureDimension::Month)).await;
    let by_key = values(&months);
    let value = |key: &str| by_key.get(&(key.to_owned(), String::new())).cloned().unwrap_or_default();
    let may = months.iter().find(|figure| figure.key == "2025-05").unwrap();
    assert_eq!((&may.previous_value, &may.year_before_value), (&value("2025-04"), &value("2024-05")));
    let ranged =
        kpi.figures(between("2025-05-01", "2025-07-31", question("opportunities-won", FigureDimension::Month)));
    let ranged = ranged.await;
    assert_eq!(ranged[0], *may, "a month is compared alike, whether what is before it was asked for or not");
}

#[tokio::test]
async fn a_narrower_question_has_the_figure_of_the_wider_answer() {
    let kpi = counted().await;
    let (from, to) = ("2024-09-10", "2025-08-20");
    for (indicator, by) in [
        ("won-value", FigureDimension::Manager),
        ("opportunities-won", FigureDimension::Offering),
        ("pipeline-value", FigureDimension::Stage),
        ("win-rate", FigureDimension::Tier),
        ("discount-depth", FigureDimension::Industry),
        ("average-deal", FigureDimension::Account),
    ] {
        for figure in kpi.figures(between(from, to, question(indicator, by))).await {
            let narrow = FigureQuestion {
                r#where: by.into(),
                where_key: figure.key.clone(),
                currency_code: figure.currency_code.clone(),
                ..between(from, to, question(indicator, FigureDimension::Unspecified))
            };
            let found = kpi.figures(narrow.clone()).await;
            assert_eq!(found.iter().map(|one| &one.value).collect::<Vec<_>>(), [&figure.value], "{figure:?}");
            // Across two dimensions, parts still add up.
            if indicator == "won-value" {
                let across = FigureQuestion { by: FigureDimension::Tier.into(), ..narrow };
                let sum: Decimal = kpi.figures(across).await.iter().filter_map(|one| decimal(&one.value)).sum();
                assert_eq!(Some(sum), decimal(&figure.value), "{figure:?}");
            }
        }
    }
    let cities = FigureQuestion {
        territory_level: "CITY".to_owned(),
        ..question("opportunities-opened", FigureDimension::Territory)
    };
    let cities = kpi.figures(cities).await;
    assert!(cities.len() > 1, "{cities:?}");
    for city in cities {
        let within = FigureQuestion {
            territory_code: city.key.clone(),
            ..question("opportunities-opened", FigureDimension::Unspecified)
        };
        assert_eq!(kpi.figures(within).await[0].value, city.value, "{city:?}");
        assert!(city.name.is_some_and(|name| !name.zh.is_empty()));
    }
}

#[tokio::test]
async fn an_explanation_has_the_measures_and_every_fact_of_the_figure() {
    let kpi = counted().await;
    let mut client = IndicatorServiceClient::new(channel(kpi.address()));
    for (indicator, by) in [
        ("won-value", FigureDimension::Territory),
        ("win-rate", FigureDimension::Quarter),
        ("pipeline-value", FigureDimension::Manager),
        ("accounts", FigureDimension::Tier),
        ("opportunities-opened", FigureDimension::Month),
    ] {
        let question = question(indicator, by);
        for figure in kpi.figures(question.clone()).await.into_iter().take(6) {
            let (mut facts, mut page_token) = (Vec::new(), String::new());
            loop {
                let request = ExplainIndicatorRequest {
                    question: Some(question.clone()),
                    key: figure.key.clone(),
                    page_size: 7,
                    page_token,
                };
                let page = client.explain_indicator(with_token(request, &kpi.admin)).await.unwrap().into_inner();
                assert!(page.figures.iter().any(|one| one.value == figure.value), "{figure:?}");
                assert!(!page.indicator.unwrap().formula.is_empty());
                facts.extend(page.facts);
                page_token = page.next_page_token;
                if page_token.is_empty() {
                    let mut sums: BTreeMap<(String, String), Decimal> = BTreeMap::new();
                    for fact in &facts {
                        let money = fact.measure_code.ends_with("value");
                        let currency = if money { fact.currency_code.clone() } else { String::new() };
                        *sums.entry((fact.measure_code.clone(), currency)).or_default() +=
                            decimal(&fact.value).unwrap();
                    }
                    for measure in &page.measures {
                        let key = (measure.measure_code.clone(), measure.currency_code.clone());
                        assert_eq!(sums.get(&key).copied(), decimal(&measure.value), "{figure:?} {measure:?}");
                    }
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn pages_are_the_answer_in_parts() {
    let kpi = counted().await;
    let mut client = IndicatorServiceClient::new(channel(kpi.address()));
    let asked = question("opportunities-opened", FigureDimension::Account);
    let all = kpi.figures(asked.clone()).await;
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let order_by = "rank".to_owned();
        let request = QueryIndicatorRequest { question: Some(asked.clone()), page_size: 9, page_token, order_by };
        let page = client.query_indicator(with_token(request, &kpi.admin)).await.unwrap().into_inner();
        assert!(page.figures.len() <= 9);
        found.extend(page.figures);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert!(found.len() > 9 && found.is_sorted_by_key(|figure| figure.rank), "{}", found.len());
    found.sort_by_key(|figure| (figure.key.is_empty(), figure.key.clone()));
    assert_eq!(found, all);
}
