//! Opportunities that come in with their past.

use std::time::{Duration, Instant};

use guanxi_auth::Role;
use guanxi_proto::events::v1::ListChangesRequest;
use guanxi_proto::imports::v1::{ImportMode, ImportOptions, ImportProgress};
use guanxi_proto::opportunity_pipeline::v1::*;
use guanxi_test_support::contract::{INSIDE, OUTSIDE};
use guanxi_test_support::rows;
use sqlx::Row as _;
use tonic::{Code, Status};

use crate::support::{
    ACCOUNT, ACCOUNT_DELETED, ACCOUNT_OUTSIDE, E1000, E2000, Service, line, money, named, opportunity, reason, with,
};

/// A row of E1000's with stages and their first days.
fn row(row_number: i64, id: &str, stages: &[(&str, &str)], opportunity: Opportunity) -> ImportOpportunityRow {
    let stage =
        |&(code, date): &(&str, &str)| ImportedStage { stage_code: code.to_owned(), enter_date: date.to_owned() };
    ImportOpportunityRow {
        row_number,
        external_id: Some(external("maven", id)),
        opportunity: Some(Box::new(opportunity)),
        owner_employee_number: "E1000".to_owned(),
        stages: stages.iter().map(stage).collect(),
        ..Default::default()
    }
}

fn external(system: &str, value: &str) -> ExternalId {
    ExternalId { system: system.to_owned(), value: value.to_owned() }
}

/// One that was won after all that there is to go through.
fn won(row_number: i64, id: &str) -> ImportOpportunityRow {
    let stages =
        [("NEED_HYPOTHESIS", ""), ("SOLUTION", "2017-01-10"), ("CONTRACTED", "2017-03-01"), ("ACCEPTED", "2017-05-01")];
    let amount = Some(money("1080", "CNY"));
    let account_id = ACCOUNT.to_owned();
    row(
        row_number,
        id,
        &stages,
        Opportunity { amount, account_id, lines: vec![line("CLOUD", 1)], ..Default::default() },
    )
}

fn open(row_number: i64, id: &str) -> ImportOpportunityRow {
    row(row_number, id, &[("NEED_HYPOTHESIS", "2017-01-10")], Opportunity::default())
}

fn options(mode: ImportMode) -> ImportOptions {
    ImportOptions { import_id: uuid::Uuid::now_v7().to_string(), mode: mode.into(), dry_run: false }
}

/// Sends messages of rows as one import.
async fn send(
    service: &Service,
    token: &str,
    options: ImportOptions,
    messages: Vec<Vec<ImportOpportunityRow>>,
) -> Result<Vec<ImportProgress>, Status> {
    let mut options = Some(options);
    let messages = messages.into_iter().map(move |rows| ImportOpportunitiesRequest { options: options.take(), rows });
    let stream = tokio_stream::iter(messages.collect::<Vec<_>>());
    let mut answers = service.opportunities().import_opportunities(with(stream, token)).await?.into_inner();
    let mut progress = Vec::new();
    while let Some(answer) = answers.message().await? {
        progress.push(answer.progress.unwrap());
    }
    Ok(progress)
}

async fn import(service: &Service, mode: ImportMode, rows: Vec<ImportOpportunityRow>) -> ImportProgress {
    send(service, &service.admin, options(mode), vec![rows]).await.unwrap().remove(0)
}

/// Rows that were created, updated, unchanged and repeated.
fn counts(progress: &ImportProgress) -> [i32; 4] {
    [progress.created_count, progress.updated_count, progress.unchanged_count, progress.repeated_count]
}

/// Fields and reasons of the rows that were rejected, by number.
fn rejected(progress: &ImportProgress) -> Vec<(i64, Vec<(String, String)>)> {
    let violations = |row: &guanxi_proto::imports::v1::RejectedRow| {
        row.violations.iter().map(|wrong| (wrong.field.clone(), wrong.reason.clone())).collect()
    };
    progress.rejected_rows.iter().map(|row| (row.row_number, violations(row))).collect()
}

async fn found(service: &Service, id: &str) -> Opportunity {
    let filter = format!("imported_from = \"maven/{id}\"");
    let request = service.as_admin(ListOpportunitiesRequest { filter, ..Default::default() });
    service.opportunities().list_opportunities(request).await.unwrap().into_inner().opportunities.remove(0)
}

/// What happened to an opportunity, the latest first.
async fn kinds(service: &Service, id: &str) -> Vec<String> {
    let request = ListChangesRequest { subject: format!("opportunity/{id}"), ..Default::default() };
    let changes = service.changes().list_changes(service.as_admin(request)).await.unwrap().into_inner().changes;
    changes.into_iter().map(|change| change.r#type).collect()
}

/// Stage, first and last day of the periods of an opportunity, all of them marked as imported.
async fn periods(service: &Service, id: &str) -> Vec<[String; 3]> {
    let query = format!(
        "select stage_code, coalesce(enter_date::text, ''), coalesce(leave_date::text, ''), imported, leave_time is null \
         from opportunity_pipeline.stage_period where opportunity_id = '{id}' order by number"
    );
    let periods = rows(&mut service.database.admin().await, query).await;
    let last = periods.len() - 1;
    let period = |(index, row): (usize, &sqlx::postgres::PgRow)| {
        assert_eq!((row.get::<bool, _>(3), row.get::<bool, _>(4)), (true, index == last));
        [row.get(0), row.get(1), row.get(2)]
    };
    periods.iter().enumerate().map(period).collect()
}

#[tokio::test]
async fn a_deal_comes_in_with_its_past() {
    let service = Service::start().await;
    let lost = ImportOpportunityRow {
        owner_employee_number: "E4000".to_owned(),
        close_reason: CloseReason::Competitor.into(),
        reason: "低价".to_owned(),
        ..row(2, "B", &[("QUOTED", "2017-01-10"), ("LOST", "2017-02-01")], Opportunity::default())
    };
    let bare =
        row(3, "C", &[("NEED_HYPOTHESIS", "")], Opportunity { lines: vec![line("MAIL", 2)], ..Default::default() });
    let progress = import(&service, ImportMode::Update, vec![won(1, "A"), lost, bare]).await;
    assert_eq!((counts(&progress), rejected(&progress), progress.last_row_number), ([3, 0, 0, 0], vec![], 3));

    let deal = found(&service, "A").await;
    assert_eq!((deal.title.as_str(), deal.imported_from.as_str()), ("maven/A", "maven/A"));
    assert_eq!((deal.state(), deal.close_reason()), (OpportunityState::Won, CloseReason::Unknown));
    assert_eq!((deal.stage_code.as_str(), deal.stage_enter_date.as_str()), ("ACCEPTED", "2017-05-01"));
    assert_eq!((deal.open_date.as_str(), deal.close_date.as_str()), ("2017-01-10", "2017-03-01"));
    assert_eq!((deal.value, deal.list_amount), (Some(money("1080", "CNY")), Some(money("1000", "CNY"))));
    assert_eq!((deal.account_name.as_str(), deal.territory_code.as_str()), ("深圳样例公司", INSIDE.county));
    let expected = [
        ["NEED_HYPOTHESIS", "", "2017-01-10"],
        ["SOLUTION", "2017-01-10", "2017-03-01"],
        ["CONTRACTED", "2017-03-01", "2017-05-01"],
        ["ACCEPTED", "2017-05-01", ""],
    ];
    assert_eq!(periods(&service, &deal.id).await, expected);
    assert_eq!(kinds(&service, &deal.id).await[0], "guanxi.opportunity_pipeline.v1.opportunity.imported");

    let lost = found(&service, "B").await;
    assert_eq!(
        (lost.state(), lost.close_reason(), lost.reason.as_str()),
        (OpportunityState::Lost, CloseReason::Competitor, "低价")
    );
    assert_eq!((lost.owner_employee_number.as_str(), lost.value), ("E4000", None));
    let bare = found(&service, "C").await;
    assert_eq!(
        (bare.state(), bare.stage_enter_date.as_str(), bare.open_date.as_str()),
        (OpportunityState::Open, "", "")
    );
    // 2 units at 10 a month for a year.
    assert_eq!(bare.value, Some(money("240", "CNY")));
}

/// A row, and what is wrong with it.
type Bad = (ImportOpportunityRow, Vec<(&'static str, &'static str)>);

fn bad(row_number: i64, stages: &[(&str, &str)], opportunity: Opportunity) -> ImportOpportunityRow {
    row(row_number, "BAD", stages, opportunity)
}

/// Rows that are wrong by themselves, numbers 1 to 5.
fn badly_written() -> Vec<Bad> {
    let long = Opportunity { title: "多".repeat(201), ..Default::default() };
    let everything = ImportOpportunityRow {
        external_id: Some(external("Maven", "1")),
        account_external_id: Some(external("maven", "")),
        open_date: "2017-02-01".to_owned(),
        close_reason: 99,
        ..bad(3, &[("SOLUTION", "2017-01-31"), ("a b", "2999-01-01")], long)
    };
    let wrong = vec![
        ("external_id.system", "FORMAT"),
        ("opportunity.title", "TOO_LONG"),
        ("account_external_id.value", "REQUIRED"),
        ("stages[0].enter_date", "IMPORT_DAY_EARLIER"),
        ("stages[1].stage_code", "FORMAT"),
        ("stages[1].enter_date", "OUT_OF_RANGE"),
        ("close_reason", "UNKNOWN_VALUE"),
    ];
    let many = (0..101).map(|_| ("SOLUTION", "")).collect::<Vec<_>>();
    let backwards = [("QUOTED", "2017-01-10"), ("SOLUTION", "2017-01-09")];
    vec![
        (ImportOpportunityRow { row_number: 1, ..Default::default() }, vec![("external_id", "REQUIRED")]),
        (
            ImportOpportunityRow { owner_employee_number: String::new(), ..bad(2, &[], Opportunity::default()) },
            vec![("stages", "REQUIRED"), ("owner_employee_number", "REQUIRED")],
        ),
        (everything, wrong),
        (bad(4, &many, Opportunity::default()), vec![("stages", "TOO_MANY")]),
        (bad(5, &backwards, Opportunity::default()), vec![("stages[1].enter_date", "IMPORT_DAY_EARLIER")]),
    ]
}

/// Rows that are wrong by what is known here, numbers 6 to 12.
fn badly_placed() -> Vec<Bad> {
    let first = [("NEED_HYPOTHESIS", "")];
    let not_found = |field| vec![(field, "RESOURCE_NOT_FOUND")];
    let lines = vec![line("NONE", 1)];
    let everything = ImportOpportunityRow {
        owner_employee_number: "NOBODY".to_owned(),
        account_external_id: Some(external("maven", "Nobody")),
        ..bad(6, &[("SOLD", ""), ("WON", "")], Opportunity { lines, ..Default::default() })
    };
    let wrong = vec![
        ("stages[0].stage_code", "STAGE_UNKNOWN"),
        ("stages[1].stage_code", "STAGE_UNKNOWN"),
        ("owner_employee_number", "MANAGER_UNKNOWN"),
        ("account_external_id", "RESOURCE_NOT_FOUND"),
        ("opportunity.lines[0].offering_code", "OFFERING_UNKNOWN"),
    ];
    let pipeline = Opportunity { pipeline_code: "NONE".to_owned(), ..Default::default() };
    let territory = Opportunity { territory_code: "NOWHERE".to_owned(), ..Default::default() };
    let account = Opportunity { account_id: ACCOUNT_DELETED.to_owned(), ..Default::default() };
    let undated = [("LOST", ""), ("QUOTED", "2017-01-10"), ("LOST", "")];
    vec![
        (everything, wrong),
        // Who has left owns nothing that is open.
        (
            ImportOpportunityRow { owner_employee_number: "E4000".to_owned(), ..open(7, "BAD") },
            vec![("owner_employee_number", "MANAGER_UNKNOWN")],
        ),
        (bad(8, &first, pipeline), not_found("opportunity.pipeline_code")),
        (bad(9, &first, territory), not_found("opportunity.territory_code")),
        (bad(10, &first, account), not_found("opportunity.account_id")),
        (bad(11, &undated, Opportunity::default()), vec![("stages[2].enter_date", "REQUIRED")]),
        (
            bad(12, &[("CONTRACTED", "2017-01-10")], Opportunity::default()),
            vec![("opportunity.account_id", "REQUIRED"), ("opportunity.amount", "REQUIRED")],
        ),
    ]
}

#[tokio::test]
async fn every_bad_row_is_named_and_the_good_ones_land() {
    let service = Service::start().await;
    let bad =
        [badly_written(), badly_placed(), vec![(open(14, "GOOD"), vec![("external_id", "ROW_REPEATED")])]].concat();
    let mut sent: Vec<_> = bad.iter().map(|(row, _)| row.clone()).collect();
    sent.insert(12, open(13, "GOOD"));
    let progress = import(&service, ImportMode::Update, sent).await;
    let expected: Vec<_> = bad.iter().map(|(row, wrong)| (row.row_number, named(wrong))).collect();
    assert_eq!((counts(&progress), rejected(&progress)), ([1, 0, 0, 0], expected));
    let progress = import(&service, ImportMode::Update, vec![open(2, "B"), open(2, "LATE")]).await;
    assert_eq!(rejected(&progress), [(2, named(&[("row_number", "ROW_NUMBER_NOT_ASCENDING")]))]);
}

#[tokio::test]
async fn an_import_that_is_sent_again_changes_nothing_and_goes_on() {
    let service = Service::start().await;
    let admin = &service.admin;
    let (first, mut dry) = (options(ImportMode::Update), options(ImportMode::Update));
    dry.dry_run = true;
    let progress = send(&service, admin, dry, vec![vec![won(1, "A")], vec![open(2, "B")]]).await.unwrap();
    assert_eq!(progress.iter().map(counts).collect::<Vec<_>>(), [[1, 0, 0, 0], [1, 0, 0, 0]]);
    let progress = send(&service, admin, first.clone(), vec![vec![won(1, "A")]]).await.unwrap();
    assert_eq!(counts(&progress[0]), [1, 0, 0, 0]);
    let deal = found(&service, "A").await;
    let progress = send(&service, admin, first, vec![vec![won(1, "A")], vec![open(2, "B")]]).await.unwrap();
    assert_eq!(progress.iter().map(counts).collect::<Vec<_>>(), [[0, 0, 0, 1], [1, 0, 0, 0]]);
    for mode in [ImportMode::Update, ImportMode::ReportDifferences] {
        assert_eq!(counts(&import(&service, mode, vec![won(1, "A"), open(2, "B")]).await), [0, 0, 2, 0]);
    }
    let progress = import(&service, ImportMode::InsertOnly, vec![won(1, "A"), open(2, "NEW")]).await;
    assert_eq!(counts(&progress), [1, 0, 0, 0]);
    assert_eq!(rejected(&progress), [(1, named(&[("external_id", "RESOURCE_EXISTS")]))]);
    assert_eq!(found(&service, "A").await, deal);
    assert_eq!(kinds(&service, &deal.id).await.len(), 1);
}

#[tokio::test]
async fn a_history_goes_on_until_the_deal_moves_here() {
    let service = Service::start().await;
    import(&service, ImportMode::Update, vec![open(1, "A")]).await;
    let closed = |number| {
        let deal =
            Opportunity { account_id: ACCOUNT.to_owned(), amount: Some(money("5", "CNY")), ..Default::default() };
        row(number, "A", &[("NEED_HYPOTHESIS", "2017-01-11"), ("CONTRACTED", "2017-02-01")], deal)
    };
    let differ = vec![("opportunity", "ROW_DIFFERS")];
    let progress = import(&service, ImportMode::ReportDifferences, vec![closed(1)]).await;
    assert_eq!(rejected(&progress), [(1, named(&differ))]);
    let message = &progress.rejected_rows[0].violations[0].message;
    assert!(message.contains("account_id, stage_code, stage_enter_date, amount"), "{message}");
    assert_eq!(counts(&import(&service, ImportMode::Update, vec![closed(1)]).await), [0, 1, 0, 0]);
    let deal = found(&service, "A").await;
    assert_eq!(
        (deal.state(), deal.close_date.as_str(), deal.open_date.as_str()),
        (OpportunityState::Won, "2017-02-01", "2017-01-11")
    );
    let expected = [["NEED_HYPOTHESIS", "2017-01-11", "2017-02-01"], ["CONTRACTED", "2017-02-01", ""]];
    assert_eq!(periods(&service, &deal.id).await, expected);

    // A shorter past, and what other methods change.
    let progress = import(&service, ImportMode::Update, vec![open(1, "A")]).await;
    assert_eq!(rejected(&progress), [(1, named(&differ))]);
    let elsewhere =
        Opportunity { territory_code: "CN".to_owned(), pipeline_code: "OTHER".to_owned(), ..Default::default() };
    let fixed = ImportOpportunityRow { owner_employee_number: "E1001".to_owned(), ..row(1, "A", &[], elsewhere) };
    let fields = ["owner_employee_number", "opportunity.territory_code", "opportunity.pipeline_code"];
    let expected = fields.map(|field| (field, "IMMUTABLE"));
    assert_eq!(rejected(&import(&service, ImportMode::Update, vec![fixed]).await), [(1, named(&expected))]);

    // Once it went through a stage here, rows that say the same are well, and others are told.
    let moved = format!(
        "insert into opportunity_pipeline.stage_period (opportunity_id, number, stage_code, enter_time, reason, actor, imported) \
         values ('{}', 3, 'DELIVERING', now(), '', 'E1000', false) returning number",
        deal.id
    );
    rows(&mut service.database.admin().await, moved).await;
    assert_eq!(counts(&import(&service, ImportMode::Update, vec![closed(1)]).await), [0, 0, 1, 0]);
    let mut renamed = closed(1);
    renamed.opportunity.as_mut().unwrap().title = "改名".to_owned();
    assert_eq!(rejected(&import(&service, ImportMode::Update, vec![renamed]).await), [(1, named(&differ))]);
    let request = DeleteOpportunityRequest { id: deal.id.clone(), ..Default::default() };
    service.opportunities().delete_opportunity(service.as_admin(request)).await.unwrap();
    let progress = import(&service, ImportMode::Update, vec![closed(1)]).await;
    assert_eq!(rejected(&progress), [(1, named(&[("opportunity", "STATE_FORBIDS")]))]);
}

#[tokio::test]
async fn a_caller_brings_in_what_lies_in_his_territories() {
    let service = Service::start().await;
    let director = service.token(Role::Director, INSIDE.city);
    let supervisor = service.token(Role::Supervisor, INSIDE.city);
    let status = send(&service, &supervisor, options(ImportMode::Update), vec![]).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::PermissionDenied, "PERMISSION_MISSING".to_owned()));
    let outside = |number, id| ImportOpportunityRow {
        owner_employee_number: String::new(),
        ..row(number, id, &[("SOLUTION", "")], Opportunity { owner_id: E2000.to_owned(), ..Default::default() })
    };
    import(&service, ImportMode::Update, vec![outside(1, "THERE")]).await;
    let foreign = Opportunity { account_id: ACCOUNT_OUTSIDE.to_owned(), ..Default::default() };
    let inward =
        Opportunity { owner_id: E2000.to_owned(), territory_code: INSIDE.county.to_owned(), ..Default::default() };
    let rows = vec![
        open(1, "A"),
        outside(2, "B"),
        row(3, "C", &[("SOLUTION", "")], foreign),
        outside(4, "THERE"),
        ImportOpportunityRow { owner_employee_number: String::new(), ..row(5, "D", &[("SOLUTION", "")], inward) },
    ];
    let progress = send(&service, &director, options(ImportMode::Update), vec![rows]).await.unwrap().remove(0);
    let expected = [
        (2, named(&[("opportunity.owner_id", "RESOURCE_NOT_FOUND")])),
        (3, named(&[("opportunity.account_id", "RESOURCE_NOT_FOUND")])),
        (4, named(&[("external_id", "RESOURCE_EXISTS")])),
    ];
    assert_eq!((counts(&progress), rejected(&progress)), ([2, 0, 0, 0], expected.to_vec()));
    assert_eq!(opportunity("", OUTSIDE).owner_id, found(&service, "D").await.owner_id);
}

#[tokio::test]
async fn eight_thousand_deals_come_in_within_a_minute() {
    let service = Service::start().await;
    let deal = |number: i64| ImportOpportunityRow {
        owner_employee_number: String::new(),
        opportunity: Some(Box::new(Opportunity { owner_id: E1000.to_owned(), ..*won(1, "").opportunity.unwrap() })),
        ..won(number, &format!("{number:08}"))
    };
    let deals: Vec<_> = (1..=8_000).map(deal).collect();
    let messages: Vec<_> = deals.chunks(1_000).map(<[ImportOpportunityRow]>::to_vec).collect();
    let begin = Instant::now();
    let import = options(ImportMode::Update);
    let progress = send(&service, &service.admin, import.clone(), messages.clone()).await.unwrap();
    let took = begin.elapsed();
    assert!(progress.iter().all(|progress| counts(progress) == [1_000, 0, 0, 0]), "{progress:?}");
    println!("8,000 opportunities took {took:?}");
    assert!(took < Duration::from_mins(1), "{took:?}");
    let again = send(&service, &service.admin, import, messages).await.unwrap();
    assert!(again.iter().all(|progress| counts(progress) == [0, 0, 0, 1_000]), "{again:?}");
}
