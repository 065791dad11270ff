//! The board, the funnel, the forecast and what is stalled, by examples that can be counted by hand.

use std::fmt::Write as _;

use guanxi_auth::Role;
use guanxi_proto::opportunity_pipeline::v1::*;
use guanxi_test_support::contract::{INSIDE, OUTSIDE};
use guanxi_test_support::rows;
use tonic::{Code, Status};

use crate::support::{Service, money, named, opportunity, refusal, violations, with};

/// Opens an opportunity worth so many CNY, and gives it a past: stages, each with the day on which it was entered.
async fn deal(service: &Service, amount: i64, state: &str, past: &[(&str, &str)]) -> String {
    let worth = Opportunity { amount: Some(money(&amount.to_string(), "CNY")), ..opportunity("商机", INSIDE) };
    let id = service.opportunity(worth).await.unwrap().id;
    let (last, entered) = past.last().unwrap();
    let mut sql = format!(
        "update opportunity_pipeline.opportunity set stage_code = '{last}', stage_enter_date = '{entered}', state = '{state}', \
         close_date = case when '{state}' in ('WON', 'LOST') then date '{entered}' end where id = '{id}';\
         delete from opportunity_pipeline.stage_period where opportunity_id = '{id}';"
    );
    for (index, (stage, enter)) in past.iter().enumerate() {
        let next = past.get(index + 1);
        let leave = next.map_or_else(|| "null".to_owned(), |(_, day)| format!("'{day}'"));
        let left = if next.is_some() { "now()" } else { "null" };
        let _ = write!(
            sql,
            "insert into opportunity_pipeline.stage_period values ('{id}', {}, '{stage}', '{enter}', {leave}, now(), {left}, '', 'E1000', \
             false);",
            index + 1
        );
    }
    rows(&mut service.database.admin().await, sql).await;
    id
}

async fn board(service: &Service, request: GetBoardRequest) -> Result<Vec<BoardStage>, Status> {
    Ok(service.views().get_board(service.as_admin(request)).await?.into_inner().stages)
}

async fn forecast(service: &Service, request: GetForecastRequest) -> Result<GetForecastResponse, Status> {
    Ok(service.views().get_forecast(service.as_admin(request)).await?.into_inner())
}

async fn stalled(service: &Service, request: ListStalledOpportunitiesRequest) -> Result<Vec<String>, Status> {
    let page = service.views().list_stalled_opportunities(service.as_admin(request)).await?.into_inner();
    Ok(page.stalled_opportunities.into_iter().map(|stalled| stalled.opportunity.unwrap().id).collect())
}

#[tokio::test]
async fn the_board_counts_and_weighs_every_stage() {
    let service = Service::start().await;
    deal(&service, 1_001, "OPEN", &[("NEED_EVALUATED", "2026-01-01")]).await;
    let hand = deal(&service, 500, "OPEN", &[("NEED_EVALUATED", "2026-01-01")]).await;
    deal(&service, 900, "SUSPENDED", &[("NEED_EVALUATED", "2026-01-01")]).await;
    deal(&service, 70, "WON", &[("CONTRACTED", "2026-01-01")]).await;
    service.opportunity(opportunity("无价", INSIDE)).await.unwrap();
    let certain = Opportunity { id: hand, probability_percent: Some(90), ..Default::default() };
    service.update(certain, &["probability_percent"]).await.unwrap();

    let stages = board(&service, GetBoardRequest::default()).await.unwrap();
    assert_eq!(stages.len(), 10);
    let sum = |opportunity_count, value: &str, weighted: &str| {
        let (value, weighted_value) = (Some(money(value, "CNY")), Some(money(weighted, "CNY")));
        vec![BoardSum { opportunity_count, value, weighted_value }]
    };
    let counts = |stage: &BoardStage| (stage.opportunity_count, stage.suspended_count, stage.without_value_count);
    assert_eq!((counts(&stages[0]), &stages[0].sums), ((1, 0, 1), &vec![]));
    // 1,001 at 35 % and 500 at 90 %.
    assert_eq!((counts(&stages[2]), &stages[2].sums), ((2, 1, 0), &sum(2, "1501", "800.35")));
    assert_eq!((counts(&stages[6]), &stages[6].sums), ((1, 0, 0), &sum(1, "70", "70")));
    assert_eq!((stages[9].kind(), counts(&stages[9])), (StageKind::Lost, (0, 0, 0)));
    assert_eq!(stages[2].name.as_ref().unwrap().en, "Need evaluated");
}

#[tokio::test]
async fn the_funnel_follows_each_opportunity_from_its_latest_entry() {
    let service = Service::start().await;
    let (first, second) = ("NEED_HYPOTHESIS", "NEED_VERIFIED");
    deal(&service, 1, "OPEN", &[(first, "2026-01-01"), (second, "2026-01-11")]).await;
    deal(&service, 1, "LOST", &[(first, "2026-01-01"), ("LOST", "2026-01-02")]).await;
    let there_and_back = [(first, "2026-01-01"), (second, "2026-01-05"), (first, "2026-01-20")];
    deal(&service, 1, "OPEN", &there_and_back).await;
    let stages = async |from_date: &str, to_date: &str| {
        let dates = (from_date.to_owned(), to_date.to_owned());
        let request = GetFunnelRequest { from_date: dates.0, to_date: dates.1, ..Default::default() };
        service.views().get_funnel(service.as_admin(request)).await.unwrap().into_inner().stages
    };
    let counts = |stage: &FunnelStage| {
        [stage.entered_count, stage.advanced_count, stage.lost_count, stage.returned_count, stage.remaining_count]
    };
    let all = stages("", "").await;
    assert_eq!((counts(&all[0]), all[0].conversion_percent.as_deref()), ([3, 1, 1, 0, 1], Some("33.33")));
    // 10, 1 and 4 days.
    let days = (all[0].finished_count, all[0].mean_days.as_deref(), all[0].median_days.as_deref());
    assert_eq!(days, (3, Some("5"), Some("4")));
    assert_eq!((counts(&all[1]), all[1].conversion_percent.as_deref()), ([2, 0, 0, 1, 1], Some("0")));
    assert_eq!((counts(&all[2]), &all[2].conversion_percent, &all[2].mean_days), ([0; 5], &None, &None));
    // Before its second entry the third one went on.
    assert_eq!(counts(&stages("", "2026-01-19").await[0]), [3, 2, 1, 0, 0]);
    assert_eq!(counts(&stages("2026-01-20", "").await[0]), [1, 0, 0, 0, 1]);
}

#[tokio::test]
async fn the_forecast_goes_by_month_and_by_the_parts_of_what_is_seen() {
    let service = Service::start().await;
    let expected = async |id: String, day: &str, category: ForecastCategory| {
        let expected_close_date = day.to_owned();
        let forecast_category = category.into();
        let changed = Opportunity { id, expected_close_date, forecast_category, ..Default::default() };
        service.update(changed, &["expected_close_date", "forecast_category"]).await.unwrap()
    };
    let quoted = deal(&service, 1_000, "OPEN", &[("QUOTED", "2026-01-01")]).await;
    expected(quoted, "2026-03-31", ForecastCategory::Unspecified).await;
    let promised = deal(&service, 200, "OPEN", &[("QUOTED", "2026-01-01")]).await;
    expected(promised, "2026-04-01", ForecastCategory::Commit).await;
    let omitted = deal(&service, 7, "OPEN", &[("QUOTED", "2026-01-01")]).await;
    expected(omitted, "2026-03-01", ForecastCategory::Omitted).await;
    deal(&service, 50, "WON", &[("CONTRACTED", "2026-03-05")]).await;
    deal(&service, 30, "OPEN", &[("SOLUTION", "2026-01-01")]).await;
    service.opportunity(opportunity("外地", OUTSIDE)).await.unwrap();

    let request = |territory_code: &str| GetForecastRequest {
        territory_code: territory_code.to_owned(),
        from_month: "2026-03".to_owned(),
        to_month: "2026-04".to_owned(),
        ..Default::default()
    };
    let line = |row: &ForecastRow| {
        let amount = |money: &Option<_>| {
            money.as_ref().map_or("-".to_owned(), |money: &guanxi_proto::r#type::v1::Money| money.amount.clone())
        };
        let sums = [&row.won, &row.commit, &row.best_case, &row.pipeline, &row.weighted_value].map(amount);
        format!("{}/{} {}: {}", row.month, row.territory_code, row.opportunity_count, sums.join(" "))
    };
    let lines = |rows: &[ForecastRow]| rows.iter().map(line).collect::<Vec<_>>();
    let answer = forecast(&service, request("440000")).await.unwrap();
    let rows = ["2026-03/440300 2: 50 0 1000 0 700", "2026-04/440300 1: 0 200 0 0 130", "/440300 1: 0 0 30 0 15"];
    assert_eq!(lines(&answer.rows), rows);
    assert_eq!(lines(&answer.months), rows.map(|row| row.replace("440300", "")));
    assert_eq!(lines(&answer.totals), ["/ 4: 50 200 1030 0 845"]);
    let answer = forecast(&service, request("CN")).await.unwrap();
    assert_eq!(lines(&answer.rows)[2..], ["/330000 1: - - - - -", "/440000 1: 0 0 30 0 15"]);
    assert_eq!(forecast(&service, request("")).await.unwrap().rows[0].territory_code, "CN");
    let supervisor = service.keys.token("E1", &[(Role::Supervisor, INSIDE.city), (Role::Supervisor, OUTSIDE.county)]);
    let answer = service.views().get_forecast(with(request(""), &supervisor)).await.unwrap().into_inner();
    let parts: Vec<&str> = answer.rows.iter().map(|row| row.territory_code.as_str()).collect();
    assert_eq!(parts, [INSIDE.city, INSIDE.city, OUTSIDE.county, INSIDE.city]);
}

#[tokio::test]
async fn who_rests_too_long_is_stalled_as_of_a_day() {
    let service = Service::start().await;
    let first = deal(&service, 1, "OPEN", &[("SOLUTION", "2026-01-01"), ("QUOTED", "2026-03-01")]).await;
    let second = deal(&service, 1, "OPEN", &[("QUOTED", "2026-01-02")]).await;
    deal(&service, 1, "WON", &[("CONTRACTED", "2026-01-01")]).await;
    let request = |as_of_date: &str, min_days, stage_code: &str| ListStalledOpportunitiesRequest {
        as_of_date: as_of_date.to_owned(),
        min_days,
        stage_code: stage_code.to_owned(),
        ..Default::default()
    };
    let (first, second) = (first.as_str(), second.as_str());
    // More than 30 days, and 30 are not more.
    assert_eq!(stalled(&service, request("2026-01-31", 0, "")).await.unwrap(), [""; 0]);
    assert_eq!(stalled(&service, request("2026-02-01", 0, "")).await.unwrap(), [first]);
    assert_eq!(stalled(&service, request("2026-02-28", 30, "")).await.unwrap(), [first, second]);
    assert_eq!(stalled(&service, request("2026-02-28", 30, "QUOTED")).await.unwrap(), [second]);
    // Left on that day.
    assert_eq!(stalled(&service, request("2026-03-01", 30, "")).await.unwrap(), [second]);
    assert_eq!(stalled(&service, request("2026-12-31", 30, "")).await.unwrap(), [second, first]);
    for code in ["CONTRACTED", "NONE"] {
        let status = stalled(&service, request("", 0, code)).await.unwrap_err();
        assert_eq!(violations(&status), named(&[("stage_code", "UNKNOWN_VALUE")]), "{code}");
    }
    let wrong = ListStalledOpportunitiesRequest {
        owner_id: "x".to_owned(),
        page_size: -1,
        page_token: "?".to_owned(),
        ..request("1899-12-31", 10_001, "a b")
    };
    let status = stalled(&service, wrong).await.unwrap_err();
    let expected = [
        ("owner_id", "FORMAT"),
        ("as_of_date", "OUT_OF_RANGE"),
        ("min_days", "OUT_OF_RANGE"),
        ("stage_code", "FORMAT"),
        ("page_size", "OUT_OF_RANGE"),
        ("page_token", "PAGE_TOKEN_INVALID"),
    ];
    assert_eq!(violations(&status), named(&expected));
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused() {
    let service = Service::start().await;
    let months = async |from_month: &str, to_month: &str| {
        let (from_month, to_month) = (from_month.to_owned(), to_month.to_owned());
        let request = GetForecastRequest { from_month, to_month, ..Default::default() };
        forecast(&service, request).await.map_err(|status| violations(&status)).map(|_| ())
    };
    for (from, to, wrong) in [
        ("2026-03", "2026-02", ("to_month", "OUT_OF_RANGE")),
        ("2026-03", "2029-03", ("to_month", "OUT_OF_RANGE")),
        ("2026-13", "", ("from_month", "FORMAT")),
        ("2026-03-01", "", ("from_month", "FORMAT")),
        ("2026-03", "2026", ("to_month", "FORMAT")),
    ] {
        assert_eq!(months(from, to).await, Err(named(&[wrong])), "{from} {to}");
    }
    for (from, to) in
        [("2026-03", "2029-02"), ("2026-03", "2026-03"), ("", ""), ("9999-12", "9999-12"), ("9999-12", "")]
    {
        assert_eq!(months(from, to).await, Ok(()), "{from} {to}");
    }
    let (from_date, to_date) = ("2026-03-02".to_owned(), "2026-03-01".to_owned());
    let request = GetFunnelRequest { from_date, to_date, pipeline_code: "a b".to_owned(), ..Default::default() };
    let status = service.views().get_funnel(service.as_admin(request)).await.unwrap_err();
    assert_eq!(violations(&status), named(&[("pipeline_code", "FORMAT"), ("to_date", "OUT_OF_RANGE")]));

    let missing = (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned());
    let pipeline_code = "NONE".to_owned();
    let views = service.views();
    let board = GetBoardRequest { pipeline_code: pipeline_code.clone(), ..Default::default() };
    assert_eq!(refusal(&views.clone().get_board(service.as_admin(board)).await.unwrap_err()), missing);
    let funnel = GetFunnelRequest { pipeline_code: pipeline_code.clone(), ..Default::default() };
    assert_eq!(refusal(&views.clone().get_funnel(service.as_admin(funnel)).await.unwrap_err()), missing);
    let none = GetForecastRequest { pipeline_code: pipeline_code.clone(), ..Default::default() };
    assert_eq!(refusal(&forecast(&service, none).await.unwrap_err()), missing);
    let none = ListStalledOpportunitiesRequest { pipeline_code, ..Default::default() };
    assert_eq!(refusal(&stalled(&service, none).await.unwrap_err()), missing);
    let token = service.token(Role::Supervisor, INSIDE.city);
    let outside = GetBoardRequest { territory_code: OUTSIDE.county.to_owned(), ..Default::default() };
    assert_eq!(refusal(&views.clone().get_board(with(outside, &token)).await.unwrap_err()), missing);
}
