//! Measurements: what is brought in counts once, a later value replaces the earlier one, and bad rows are named.

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::Tier;
use guanxi_proto::imports::v1::{ImportMode, ImportOptions, ImportProgress};
use guanxi_proto::kpi::v1::*;
use guanxi_proto::r#type::v1::LocalizedText;
use guanxi_test_support::contract::{INSIDE, OUTSIDE};
use guanxi_test_support::{number, rows, with_token};
use tonic::Status;
use uuid::Uuid;

use crate::support::{Service, indicator};

const MANAGER: &str = "0192f0c1-0000-7000-8000-000000000001";
const ACCOUNT: &str = "0192f0c1-0000-7000-8000-000000000002";

/// A service that knows a manager and an account, and has indicators of what is imported.
async fn start() -> Service {
    let service = Service::start().await;
    let mut owner = service.database.admin().await;
    for (dimension, key, name) in [("MANAGER", MANAGER, "M0001"), ("ACCOUNT", ACCOUNT, "甲公司")] {
        let row = format!("'{dimension}', '{key}', '{name}', null, 1");
        rows(&mut owner, format!("insert into kpi.name (dimension, key, name_zh, name_en, rank) values ({row})")).await;
    }
    let name = LocalizedText { zh: "收入".to_owned(), en: String::new() };
    let revenue = Indicator { formula: "revenue".to_owned(), name: Some(name), ..indicator("money-in") };
    service.indicator(revenue).await.unwrap();
    service
}

fn revenue(date: &str, value: &str) -> Measurement {
    Measurement {
        measure_code: "revenue".to_owned(),
        date: date.to_owned(),
        territory_code: INSIDE.county.to_owned(),
        manager_id: MANAGER.to_owned(),
        account_id: ACCOUNT.to_owned(),
        offering_code: "LINE".to_owned(),
        tier: Tier::A.into(),
        industry_code: "I63".to_owned(),
        value: value.to_owned(),
        currency_code: "CNY".to_owned(),
    }
}

fn usage(date: &str, value: &str) -> Measurement {
    let territory_code = INSIDE.county.to_owned();
    let (date, value) = (date.to_owned(), value.to_owned());
    Measurement { measure_code: "usage".to_owned(), date, territory_code, value, ..Default::default() }
}

/// Rows, numbered from 1.
fn numbered(measurements: impl IntoIterator<Item = Measurement>) -> Vec<ImportMeasurementRow> {
    let row = |(measurement, row_number)| ImportMeasurementRow {
        row_number,
        measurement: Some(Box::new(measurement)),
        ..Default::default()
    };
    measurements.into_iter().zip(1..).map(row).collect()
}

fn options(mode: ImportMode) -> ImportOptions {
    ImportOptions { import_id: Uuid::now_v7().to_string(), mode: mode.into(), dry_run: false }
}

async fn send_as(
    service: &Service,
    token: &str,
    options: ImportOptions,
    messages: Vec<Vec<ImportMeasurementRow>>,
) -> Result<Vec<ImportProgress>, Status> {
    let mut options = Some(options);
    let messages = messages.into_iter().map(move |rows| ImportMeasurementsRequest { options: options.take(), rows });
    let stream = tokio_stream::iter(messages.collect::<Vec<_>>());
    let mut answers = service.measurements().import_measurements(with_token(stream, token)).await?.into_inner();
    let mut progress = Vec::new();
    while let Some(answer) = answers.message().await? {
        progress.push(answer.progress.unwrap());
    }
    Ok(progress)
}

async fn send(service: &Service, options: ImportOptions, messages: Vec<Vec<ImportMeasurementRow>>) -> ImportProgress {
    send_as(service, &service.admin, options, messages).await.unwrap().pop().unwrap()
}

/// An import of its own.
async fn import(service: &Service, measurements: impl IntoIterator<Item = Measurement>) -> ImportProgress {
    send(service, options(ImportMode::Update), vec![numbered(measurements)]).await
}

/// Rows that were created, updated, unchanged, repeated and rejected.
fn counts(progress: &ImportProgress) -> [i32; 5] {
    let rejected = i32::try_from(progress.rejected_rows.len()).unwrap();
    [progress.created_count, progress.updated_count, progress.unchanged_count, progress.repeated_count, rejected]
}

/// Field and reason of everything that was rejected, by row.
fn rejected(progress: &ImportProgress) -> Vec<(i64, Vec<(&str, &str)>)> {
    let of = |row: &'_ guanxi_proto::imports::v1::RejectedRow| row.row_number;
    let wrong = progress.rejected_rows.iter().map(|row| {
        (of(row), row.violations.iter().map(|wrong| (wrong.field.as_str(), wrong.reason.as_str())).collect())
    });
    wrong.collect()
}

/// Key, value and currency of the figures of what came in.
async fn figures(service: &Service, question: FigureQuestion) -> Vec<(String, String, String)> {
    let question = FigureQuestion { indicator_code: "money-in".to_owned(), ..question };
    let request = QueryIndicatorRequest { question: Some(question), ..Default::default() };
    let answer = service.indicators().query_indicator(service.as_admin(request)).await.unwrap().into_inner();
    answer.figures.into_iter().map(|figure| (figure.key, figure.value, figure.currency_code)).collect()
}

fn by(dimension: FigureDimension) -> FigureQuestion {
    FigureQuestion { by: dimension.into(), ..Default::default() }
}

fn range(from_date: &str, to_date: &str) -> FigureQuestion {
    FigureQuestion { from_date: from_date.to_owned(), to_date: to_date.to_owned(), ..Default::default() }
}

/// Checks the same whole in every way of asking; it is all on 2026-03-10.
async fn assert_whole(service: &Service, value: &str) {
    use FigureDimension as By;
    for (question, key) in [
        (by(By::Unspecified), ""),
        (by(By::Territory), "440000"),
        (by(By::Manager), MANAGER),
        (by(By::Account), ACCOUNT),
        (by(By::Offering), "LINE"),
        (by(By::Tier), "A"),
        (by(By::Industry), "I63"),
        (by(By::Month), "2026-03"),
        (range("2026-03-05", "2026-03-20"), ""),
        (FigureQuestion { territory_code: INSIDE.county.to_owned(), ..by(By::Unspecified) }, ""),
    ] {
        let expected = [(key.to_owned(), value.to_owned(), "CNY".to_owned())];
        assert_eq!(figures(service, question.clone()).await, expected, "{question:?}");
    }
}

#[tokio::test]
async fn a_corrected_value_replaces_the_earlier_one_everywhere() {
    let service = start().await;
    assert_eq!(counts(&import(&service, [revenue("2026-03-10", "100.50")]).await), [1, 0, 0, 0, 0]);
    assert_whole(&service, "100.5").await;
    assert_eq!(counts(&import(&service, [revenue("2026-03-10", "80")]).await), [0, 1, 0, 0, 0]);
    assert_whole(&service, "80").await;
    assert_eq!(counts(&import(&service, [revenue("2026-03-10", "80.00")]).await), [0, 0, 1, 0, 0]);
    assert_whole(&service, "80").await;
    let outside_range = figures(&service, range("2026-03-11", "2026-03-31")).await;
    assert!(outside_range.iter().all(|(_, value, _)| value.is_empty() || value == "0"), "{outside_range:?}");

    // Another tier moves the value, and a late one of another day adds to the month.
    let other = Measurement { tier: Tier::B.into(), ..revenue("2026-03-10", "80") };
    assert_eq!(counts(&import(&service, [other, revenue("2026-03-25", "-5")]).await), [1, 1, 0, 0, 0]);
    let of = |key: &str, value: &str| (key.to_owned(), value.to_owned(), "CNY".to_owned());
    assert_eq!(figures(&service, by(FigureDimension::Tier)).await, [of("A", "-5"), of("B", "80")]);
    assert_eq!(figures(&service, by(FigureDimension::Month)).await, [of("2026-03", "75")]);
    assert_eq!(figures(&service, range("2026-03-20", "2026-03-31")).await, [of("", "-5")]);
}

#[tokio::test]
async fn a_value_of_zero_takes_the_earlier_one_away() {
    let service = start().await;
    let mut owner = service.database.admin().await;
    let there = "select count(*) from kpi.measurement";
    assert_eq!(counts(&import(&service, [revenue("2026-03-10", "0")]).await), [0, 0, 1, 0, 0]);
    import(&service, [revenue("2026-03-10", "100"), revenue("2026-04-10", "7")]).await;
    assert_eq!(number(&mut owner, there).await, 2);
    assert_eq!(counts(&import(&service, [revenue("2026-04-10", "0.00")]).await), [0, 1, 0, 0, 0]);
    assert_eq!(number(&mut owner, there).await, 1);
    assert_whole(&service, "100").await;
    let events = service.head().await;
    assert_eq!(counts(&import(&service, [revenue("2026-04-10", "0")]).await), [0, 0, 1, 0, 0]);
    assert_eq!(service.head().await, events, "nothing changed, nothing is told");
}

#[tokio::test]
async fn an_import_that_broke_off_is_sent_again_and_counts_once() {
    let service = start().await;
    let all = numbered((1..=9).map(|day| revenue(&format!("2026-03-0{day}"), "10")));
    let first = options(ImportMode::Update);
    let progress = send(&service, first.clone(), vec![all[..4].to_vec()]).await;
    assert_eq!((counts(&progress), progress.last_row_number), ([4, 0, 0, 0, 0], 4));
    // The whole file again, under the same name; then another file under that name goes on where this one ended.
    let again = send_as(&service, &service.admin, first.clone(), vec![all[..6].to_vec(), all[6..].to_vec()]).await;
    let again: Vec<_> = again.unwrap().iter().map(counts).collect();
    assert_eq!(again, [[2, 0, 0, 4, 0], [3, 0, 0, 0, 0]]);
    assert_eq!(counts(&send(&service, first, vec![all.clone()]).await), [0, 0, 0, 9, 0]);
    assert_eq!(counts(&send(&service, options(ImportMode::Update), vec![all]).await), [0, 0, 9, 0, 0]);
    assert_eq!(figures(&service, by(FigureDimension::Month)).await[0].1, "90");
}

#[tokio::test]
async fn imports_of_the_same_rows_at_once_count_once() {
    let service = start().await;
    let all = || numbered((1..=28).map(|day| revenue(&format!("2026-02-{day:02}"), "10")));
    let one = async || send(&service, options(ImportMode::Update), vec![all(), all()]).await;
    let file = |value: &str| vec![numbered([revenue("2026-02-01", value)])];
    tokio::join!(one(), one(), one());
    assert_eq!(figures(&service, by(FigureDimension::Month)).await[0].1, "280");
    let (update, other) = (options(ImportMode::Update), options(ImportMode::Update));
    tokio::join!(send(&service, update, file("20")), send(&service, other, file("30")));
    let value = figures(&service, by(FigureDimension::Month)).await[0].1.clone();
    assert!(["290", "300"].contains(&value.as_str()), "{value}");
    let day = figures(&service, range("2026-02-01", "2026-02-01")).await[0].1.clone();
    assert!(value == "290" && day == "20" || value == "300" && day == "30", "{value} {day}");
}

#[tokio::test]
async fn modes_keep_what_is_there() {
    let service = start().await;
    import(&service, [revenue("2026-03-10", "100")]).await;
    let changed =
        || vec![numbered([Measurement { tier: 0, ..revenue("2026-03-10", "90") }, revenue("2026-03-11", "1")])];
    let dry = ImportOptions { dry_run: true, ..options(ImportMode::Update) };
    assert_eq!(counts(&send(&service, dry, changed()).await), [1, 1, 0, 0, 0]);
    let differences = send(&service, options(ImportMode::ReportDifferences), changed()).await;
    assert_eq!(rejected(&differences), [(1, vec![("measurement", "ROW_DIFFERS")])]);
    assert!(differences.rejected_rows[0].violations[0].message.contains("value, tier"), "{differences:?}");
    assert_whole(&service, "100").await;
    let insert = send(&service, options(ImportMode::InsertOnly), changed()).await;
    assert_eq!(
        (counts(&insert), rejected(&insert)),
        ([1, 0, 0, 0, 1], vec![(1, vec![("measurement", "RESOURCE_EXISTS")])])
    );
    assert_eq!(figures(&service, by(FigureDimension::Month)).await[0].1, "101");
}

#[tokio::test]
async fn every_bad_row_is_named_with_everything_that_is_wrong() {
    let service = start().await;
    let good = || revenue("2026-03-10", "1");
    let text = str::to_owned;
    let sent = [
        Measurement { date: text("2026-02-30"), ..good() },
        Measurement { measure_code: text("profit"), ..good() },
        Measurement { measure_code: text("won_value"), ..good() },
        Measurement { currency_code: text("CNY"), ..usage("2026-03-10", "1") },
        Measurement { currency_code: String::new(), ..good() },
        Measurement { currency_code: text("XXX"), ..good() },
        Measurement { territory_code: text("999999"), ..good() },
        Measurement { manager_id: ACCOUNT.to_owned(), account_id: MANAGER.to_owned(), ..good() },
        Measurement { value: text("1e5"), tier: 9, offering_code: text("a b"), industry_code: text("§"), ..good() },
        Measurement { value: text("0.00001"), date: text("1899-12-31"), territory_code: text("999999"), ..good() },
        Measurement::default(),
        good(),
        Measurement { value: text("2"), tier: 0, ..good() },
    ];
    let mut rows = numbered(sent);
    let unknown = ImportMeasurementRow { row_number: 14, manager_employee_number: text("M0002"), ..rows[11].clone() };
    let known = ImportMeasurementRow { row_number: 15, manager_employee_number: text("M0001"), ..rows[11].clone() };
    rows.extend([unknown, known]);
    let progress = send(&service, options(ImportMode::Update), vec![rows]).await;
    assert_eq!(counts(&progress), [1, 0, 0, 0, 14]);
    let (date, measure, currency) = ("measurement.date", "measurement.measure_code", "measurement.currency_code");
    let (territory, value) = ("measurement.territory_code", "measurement.value");
    let expected = [
        (1, vec![(date, "FORMAT")]),
        (2, vec![(measure, "MEASURE_UNKNOWN")]),
        (3, vec![(measure, "MEASURE_NOT_IMPORTED")]),
        (4, vec![(currency, "CURRENCY_UNFIT")]),
        (5, vec![(currency, "REQUIRED")]),
        (6, vec![(currency, "UNKNOWN_VALUE")]),
        (7, vec![(territory, "RESOURCE_NOT_FOUND")]),
        (8, vec![("measurement.manager_id", "RESOURCE_NOT_FOUND"), ("measurement.account_id", "RESOURCE_NOT_FOUND")]),
        (
            9,
            vec![
                ("measurement.offering_code", "FORMAT"),
                ("measurement.tier", "UNKNOWN_VALUE"),
                ("measurement.industry_code", "FORMAT"),
                (value, "FORMAT"),
            ],
        ),
        (10, vec![(date, "OUT_OF_RANGE"), (value, "FORMAT"), (territory, "RESOURCE_NOT_FOUND")]),
        (11, vec![(measure, "REQUIRED"), (date, "REQUIRED"), (territory, "REQUIRED"), (value, "REQUIRED")]),
        (13, vec![("measurement", "ROW_REPEATED")]),
        (14, vec![("manager_employee_number", "RESOURCE_NOT_FOUND")]),
        (15, vec![("measurement", "ROW_REPEATED")]),
    ];
    assert_eq!(rejected(&progress), expected);
    assert_whole(&service, "1").await;
}

#[tokio::test]
async fn currencies_are_values_of_their_own() {
    let service = start().await;
    let dollars = Measurement { currency_code: "USD".to_owned(), ..revenue("2026-03-10", "7") };
    assert_eq!(counts(&import(&service, [revenue("2026-03-10", "100"), dollars]).await), [2, 0, 0, 0, 0]);
    let of = |value: &str, currency: &str| (String::new(), value.to_owned(), currency.to_owned());
    assert_eq!(figures(&service, FigureQuestion::default()).await, [of("100", "CNY"), of("7", "USD")]);
}

#[tokio::test]
async fn who_imports_brings_in_only_what_lies_in_its_territories() {
    let service = start().await;
    let token = service.token(Role::Service, "440000");
    let outside = Measurement { territory_code: OUTSIDE.county.to_owned(), ..usage("2026-03-10", "1") };
    let above = Measurement { territory_code: "CN".to_owned(), ..usage("2026-03-10", "1") };
    let messages = vec![numbered([usage("2026-03-10", "1"), outside, above])];
    let progress = send_as(&service, &token, options(ImportMode::Update), messages).await.unwrap().remove(0);
    let nowhere = vec![("measurement.territory_code", "RESOURCE_NOT_FOUND")];
    assert_eq!(counts(&progress), [1, 0, 0, 0, 2]);
    assert_eq!(rejected(&progress), [(2, nowhere.clone()), (3, nowhere)]);
}

#[tokio::test]
async fn one_event_tells_of_a_message() {
    let service = start().await;
    let before = service.head().await;
    let elsewhere = Measurement { territory_code: OUTSIDE.county.to_owned(), ..usage("2026-03-12", "1") };
    import(&service, [revenue("2026-03-10", "100"), elsewhere]).await;
    let mut stream = service.follow(&service.admin, before, &[]).await.unwrap();
    let event = stream.message().await.unwrap().unwrap().event.unwrap();
    assert_eq!(service.head().await, before + 1);
    assert_eq!((event.r#type.as_str(), event.version), ("guanxi.kpi.v1.measurement_batch.imported", 1));
    let payload = event.payload.unwrap();
    let change: MeasurementBatchChange = prost::Message::decode(payload.value.as_slice()).unwrap();
    let batch = change.after.unwrap();
    assert_eq!((batch.created_count, batch.updated_count, batch.removed_count), (2, 0, 0));
    assert_eq!(batch.measure_codes, ["revenue", "usage"]);
    assert_eq!(batch.territory_codes, [OUTSIDE.county, INSIDE.county]);
    assert_eq!((batch.first_date.as_str(), batch.last_date.as_str()), ("2026-03-10", "2026-03-12"));
    // It lies around both, so who has one of them is told nothing.
    let inside = service.token(Role::Service, INSIDE.city);
    let mut stream = service.follow(&inside, before, &[]).await.unwrap();
    assert!(stream.message().await.unwrap().unwrap().event.is_none());
}
