//! Progress of targets, and splits by what was before, over sums as they are derived.

use guanxi_proto::kpi::v1::decompose_target_request::Method;
use guanxi_proto::kpi::v1::*;
use guanxi_test_support::contract::INSIDE;
use guanxi_test_support::rows;
use tonic::Code;

use crate::support::{Service, reason, target};

/// Puts the value that was won in a month into the sums of a territory and of those above it.
async fn won(service: &Service, month: &str, territories: &[&str], value: &str) {
    let mut owner = service.database.admin().await;
    for territory in territories {
        let row = format!("'won_value', '{territory}', '', '', '{month}-01', 'CNY', {value}");
        let insert = "insert into kpi.rollup_month (measure, territory_code, dimension, key, month, currency_code, value) values";
        let add =
            "on conflict on constraint rollup_month_pkey do update set value = rollup_month.value + excluded.value";
        rows(&mut owner, format!("{insert} ({row}) {add}")).await;
    }
}

async fn progress(service: &Service, id: &str) -> TargetProgress {
    let request = service.as_admin(GetTargetProgressRequest { id: id.to_owned() });
    service.targets().get_target_progress(request).await.unwrap().into_inner().progress.unwrap()
}

#[tokio::test]
async fn a_period_that_is_over_is_judged_by_what_was_reached() {
    let service = Service::start().await;
    won(&service, "2020-03", &["CN", "440000", INSIDE.city], "90").await;
    won(&service, "2020-12", &["CN", "330000"], "5").await;
    won(&service, "2021-01", &["CN", "330000"], "1000").await;
    let of = |territory: &str| Target { period: "2020".to_owned(), ..target("won-value", territory, "100") };
    for (territory, actual, reached, light) in [
        ("CN", "95", "0.95", TargetLight::Amber),
        ("440000", "90", "0.9", TargetLight::Amber),
        ("330000", "5", "0.05", TargetLight::Red),
        (INSIDE.county, "0", "0", TargetLight::Red),
    ] {
        let id = service.target(of(territory)).await.unwrap().id;
        let found = progress(&service, &id).await;
        assert_eq!((found.actual_value.as_str(), found.reached_share.as_str()), (actual, reached), "{territory}");
        assert_eq!((found.elapsed_share.as_str(), found.projected_value.as_str()), ("1", actual), "{territory}");
        assert_eq!(found.light(), light, "{territory}");
    }
    let request = ListTargetProgressRequest {
        indicator_code: "won-value".to_owned(),
        period: "2020".to_owned(),
        page_size: 3,
        ..Default::default()
    };
    let page = service.targets().list_target_progress(service.as_admin(request.clone())).await.unwrap().into_inner();
    let actual: Vec<&str> = page.progress.iter().map(|progress| progress.actual_value.as_str()).collect();
    assert_eq!(actual, ["95", "5", "90"]);
    let request = ListTargetProgressRequest { page_token: page.next_page_token, ..request };
    let page = service.targets().list_target_progress(service.as_admin(request)).await.unwrap().into_inner();
    assert_eq!((page.progress.len(), page.next_page_token.as_str()), (1, ""));
}

#[tokio::test]
async fn a_period_to_come_has_no_light() {
    let service = Service::start().await;
    let later = Target { period: "2199".to_owned(), ..target("won-value", "CN", "100") };
    let found = progress(&service, &service.target(later).await.unwrap().id).await;
    assert_eq!((found.elapsed_share.as_str(), found.projected_value.as_str()), ("0", ""));
    assert_eq!(found.light(), TargetLight::Unspecified);
    let rate = Target { currency_code: String::new(), ..target("win-rate", "CN", "0.4") };
    let found = progress(&service, &service.target(rate).await.unwrap().id).await;
    assert_eq!((found.actual_value.as_str(), found.light()), ("", TargetLight::Unspecified));
}

#[tokio::test]
async fn a_target_is_split_by_what_was_before() {
    let service = Service::start().await;
    won(&service, "2020-03", &["CN", "440000"], "2").await;
    won(&service, "2020-03", &["CN", "330000"], "1").await;
    let country = Target { period: "2021".to_owned(), ..target("won-value", "CN", "100") };
    let id = service.target(country).await.unwrap().id;
    let split = async |from: &str, to: &str| {
        let method = Method::History(TargetHistory { from_date: from.to_owned(), to_date: to.to_owned() });
        let request = DecomposeTargetRequest { id: id.clone(), method: Some(method), ..Default::default() };
        let split = service.targets().decompose_target(service.as_admin(request)).await;
        split.map(|answer| answer.into_inner().parts.into_iter().map(|part| part.value).collect::<Vec<_>>())
    };
    assert_eq!(split("", "").await.unwrap(), ["33.33", "66.67"]);
    assert_eq!(split("2020-01-01", "2020-06-30").await.unwrap(), ["33.33", "66.67"]);
    let status = split("2020-04-01", "2020-06-30").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "TARGET_WITHOUT_HISTORY"));
}
