//! Price books: prices that come in bulk.

use guanxi_auth::Role;
use guanxi_proto::imports::v1::{ImportMode, ImportOptions, ImportProgress};
use guanxi_proto::product_catalog::v1::price_service_client::PriceServiceClient;
use guanxi_proto::product_catalog::v1::*;
use guanxi_test_support::with_token;
use tonic::{Code, Status};

use crate::price::{day, flat};
use crate::support::{Service, name, refusal};

fn row(row_number: i64, price: Price) -> ImportPriceRow {
    ImportPriceRow { row_number, price: Some(Box::new(price)), ..Default::default() }
}

/// A row whose offering may be new.
fn introducing(row_number: i64, price: Price) -> ImportPriceRow {
    let offering_name = Some(name(&format!("产品{}", price.offering_code), "Product"));
    ImportPriceRow { offering_name, category_code: "OFFICE".to_owned(), ..row(row_number, price) }
}

fn options(mode: ImportMode) -> ImportOptions {
    ImportOptions { import_id: uuid::Uuid::now_v7().to_string(), mode: mode.into(), dry_run: false }
}

/// Sends messages of rows as one import.
async fn send(
    service: &Service,
    options: ImportOptions,
    messages: Vec<Vec<ImportPriceRow>>,
) -> Result<Vec<ImportProgress>, Status> {
    let mut options = Some(options);
    let messages = messages.into_iter().map(move |rows| ImportPricesRequest { options: options.take(), rows });
    let stream = tokio_stream::iter(messages.collect::<Vec<_>>());
    let mut client = PriceServiceClient::new(service.channel.clone());
    let mut answers = client.import_prices(service.as_admin(stream)).await?.into_inner();
    let mut progress = Vec::new();
    while let Some(answer) = answers.message().await? {
        progress.push(answer.progress.unwrap());
    }
    Ok(progress)
}

async fn import(service: &Service, mode: ImportMode, rows: Vec<ImportPriceRow>) -> ImportProgress {
    send(service, options(mode), vec![rows]).await.unwrap().remove(0)
}

/// Rows that were created, updated, unchanged and repeated.
fn counts(progress: &ImportProgress) -> [i32; 4] {
    [progress.created_count, progress.updated_count, progress.unchanged_count, progress.repeated_count]
}

/// Number of the row, field and reason of everything that was rejected.
fn rejected(progress: &ImportProgress) -> Vec<(i64, &str, &str)> {
    let rows = progress.rejected_rows.iter();
    rows.flat_map(|row| {
        row.violations.iter().map(|wrong| (row.row_number, wrong.field.as_str(), wrong.reason.as_str()))
    })
    .collect()
}

/// First day, end and amount of the live prices, by offering and first day.
async fn prices(service: &Service) -> Vec<(String, String, String, String)> {
    let mut client = PriceServiceClient::new(service.channel.clone());
    let page = client.list_prices(service.as_admin(ListPricesRequest::default())).await.unwrap().into_inner();
    let row = |price: Price| (price.offering_code, price.valid_from_date, price.valid_to_date, price.amount);
    page.prices.into_iter().map(row).collect()
}

fn kept(code: &str, from: i64, to: Option<i64>, amount: &str) -> (String, String, String, String) {
    (code.to_owned(), day(from), to.map(day).unwrap_or_default(), amount.to_owned())
}

#[tokio::test]
async fn a_new_book_makes_its_offerings_and_ends_the_book_before_it() {
    let service = Service::start().await;
    service.sold("VNET").await;
    let book = vec![
        row(1, flat("VNET", "10", -30)),
        introducing(2, flat("MAIL", "5", -30)),
        introducing(3, Price { charge_kind: ChargeKind::OneTime.into(), ..flat("MAIL", "50", -30) }),
    ];
    let first = options(ImportMode::Unspecified);
    let progress = send(&service, first.clone(), vec![book.clone()]).await.unwrap();
    assert_eq!((counts(&progress[0]), rejected(&progress[0]), progress[0].last_row_number), ([3, 0, 0, 0], vec![], 3));
    let mail =
        GetOfferingRequest { key: Some(get_offering_request::Key::Code("MAIL".to_owned())), ..Default::default() };
    let mail = service.offerings().get_offering(service.as_admin(mail)).await.unwrap().into_inner().offering.unwrap();
    assert_eq!(
        (mail.state(), mail.name, mail.category_codes),
        (OfferingState::Published, Some(name("产品MAIL", "Product")), vec!["OFFICE".to_owned()],)
    );
    let kinds = service.history("offering", &mail.id).await.into_iter().map(|change| change.r#type);
    let kind = |verb: &str| format!("guanxi.product_catalog.v1.offering.{verb}");
    assert_eq!(kinds.collect::<Vec<_>>(), [kind("published"), kind("created")]);

    // The same book again, under its own name and under another one.
    assert_eq!(counts(&send(&service, first, vec![book.clone()]).await.unwrap()[0]), [0, 0, 0, 3]);
    assert_eq!(counts(&import(&service, ImportMode::Update, book).await), [0, 0, 3, 0]);

    // The next two books in one message: each ends the one before it.
    let next = vec![row(1, flat("VNET", "11", 10)), row(2, flat("MAIL", "6", 10)), row(3, flat("VNET", "12", 20))];
    assert_eq!(counts(&import(&service, ImportMode::Update, next).await), [3, 0, 0, 0]);
    let expected = [
        kept("MAIL", -30, Some(10), "5"),
        kept("MAIL", -30, None, "50"),
        kept("MAIL", 10, None, "6"),
        kept("VNET", -30, Some(10), "10"),
        kept("VNET", 10, Some(20), "11"),
        kept("VNET", 20, None, "12"),
    ];
    let mut found = prices(&service).await;
    found.sort_by(|one, other| (&one.0, &one.1, &one.3.len()).cmp(&(&other.0, &other.1, &other.3.len())));
    assert_eq!(found, expected);
    let filter = format!("offering_code = VNET AND valid_from_date = {}", day(10));
    let request = service.as_admin(ListPricesRequest { filter, ..Default::default() });
    let mut client = PriceServiceClient::new(service.channel.clone());
    let ended = client.list_prices(request).await.unwrap().into_inner().prices.remove(0);
    // One message made and ended it: one event says both.
    assert_eq!((ended.etag.as_str(), service.history("price", &ended.id).await.len()), ("\"1\"", 1));
}

#[tokio::test]
async fn a_row_says_what_becomes_of_a_price_that_exists() {
    let service = Service::start().await;
    service.sold("VNET").await;
    let open = vec![row(1, flat("VNET", "10", 0)), row(2, flat("VNET", "11", 10))];
    import(&service, ImportMode::Update, open).await;
    let dearer = vec![
        row(1, flat("VNET", "12", 0)),
        row(2, Price { cost_amount: "4".to_owned(), ..flat("VNET", "12", 10) }),
        row(3, flat("VNET", "13", 20)),
    ];
    let only = import(&service, ImportMode::InsertOnly, dearer.clone()).await;
    let exists = "RESOURCE_EXISTS";
    assert_eq!(rejected(&only), [(1, "price.valid_from_date", exists), (2, "price.valid_from_date", exists)]);
    assert_eq!(counts(&only), [1, 0, 0, 0]);
    let report = import(&service, ImportMode::ReportDifferences, dearer.clone()).await;
    assert_eq!(rejected(&report), [(1, "price.valid_from_date", "PRICE_IN_FORCE"), (2, "price", "ROW_DIFFERS")]);
    assert_eq!(counts(&report), [0, 0, 1, 0]);
    assert_eq!(
        report.rejected_rows[1].violations[0].message,
        "Differs from what is registered in: amount, cost_amount."
    );
    let rehearsal = ImportOptions { dry_run: true, ..options(ImportMode::Update) };
    let rehearsed = send(&service, rehearsal, vec![dearer.clone()]).await.unwrap().remove(0);
    assert_eq!(counts(&rehearsed), [0, 1, 1, 0]);
    let expected = [kept("VNET", 0, Some(10), "10"), kept("VNET", 10, Some(20), "11"), kept("VNET", 20, None, "13")];
    assert_eq!(prices(&service).await, expected);

    let landed = import(&service, ImportMode::Update, dearer).await;
    assert_eq!((counts(&landed), rejected(&landed)), (counts(&rehearsed), rejected(&rehearsed)));
    assert_eq!(prices(&service).await[1], kept("VNET", 10, Some(20), "12"));
    // Nothing is created either where only differences are wanted.
    let created = import(&service, ImportMode::ReportDifferences, vec![introducing(1, flat("NEW", "1", 0))]).await;
    assert_eq!((counts(&created), prices(&service).await.len()), ([1, 0, 0, 0], 3));
}

#[tokio::test]
async fn every_bad_row_is_named_and_good_ones_land() {
    let service = Service::start().await;
    service.sold("VNET").await;
    let gone = service.drafted("GONE").await;
    service.delete_offering(&gone.id).await.unwrap();
    let until = |to: i64, price: Price| Price { valid_to_date: day(to), ..price };
    import(&service, ImportMode::Update, vec![row(1, until(50, flat("VNET", "10", -10)))]).await;
    import(&service, ImportMode::Update, vec![row(1, flat("VNET", "1", 60))]).await;
    let rows = vec![
        row(1, Price::default()),
        row(2, flat("NEW", "1", 0)),
        ImportPriceRow { category_code: "NONE".to_owned(), ..introducing(3, flat("NEW", "1", 0)) },
        introducing(4, flat("GONE", "1", 0)),
        introducing(5, Price { model: 0, currency_code: String::new(), ..flat("NEW", "1", 0) }),
        row(6, until(-10, flat("VNET", "1", -20))),
        row(7, flat("VNET", "1", 55)),
        row(8, until(60, flat("VNET", "1", 49))),
        row(9, flat("VNET", "2", -10)),
        introducing(10, flat("NEW", "7", -5)),
        introducing(11, flat("NEW", "7", -5)),
        row(12, flat("NEW", "8", 0)),
        row(13, Price { amount: "1.1234567".to_owned(), ..flat("VNET", "", 90) }),
        row(13, flat("VNET", "3", 90)),
        ImportPriceRow { category_code: "分类".to_owned(), ..row(15, flat("VNET", "3", 90)) },
    ];
    let progress = import(&service, ImportMode::Update, rows).await;
    let expected = [
        (1, "price.offering_code", "REQUIRED"),
        (1, "price.charge_kind", "REQUIRED"),
        (1, "price.valid_from_date", "REQUIRED"),
        (2, "offering_name.zh", "REQUIRED"),
        (2, "category_code", "REQUIRED"),
        (3, "category_code", "RESOURCE_NOT_FOUND"),
        (4, "price.offering_code", "RESOURCE_EXISTS"),
        (5, "price.model", "REQUIRED"),
        (5, "price.currency_code", "REQUIRED"),
        // Open, it would go on into the one that is announced.
        (7, "price.valid_from_date", "PRICE_OVERLAPS"),
        (8, "price.valid_from_date", "PRICE_OVERLAPS"),
        (9, "price.valid_from_date", "PRICE_IN_FORCE"),
        (11, "price", "ROW_REPEATED"),
        // What applies already does not end before tomorrow.
        (12, "price.valid_from_date", "PRICE_IN_FORCE"),
        (13, "price.amount", "FORMAT"),
        (15, "category_code", "FORMAT"),
    ];
    let mut found = rejected(&progress);
    let ascending = found.iter().position(|wrong| wrong.2 == "ROW_NUMBER_NOT_ASCENDING").unwrap();
    assert_eq!(found.remove(ascending).0, 13);
    assert_eq!(found, expected);
    assert_eq!(counts(&progress), [2, 0, 0, 0]);

    let token = service.keys.token("E2", &[(Role::ProductManager, "440000")]);
    let request = ImportPricesRequest { options: Some(options(ImportMode::Update)), rows: Vec::new() };
    let mut client = PriceServiceClient::new(service.channel.clone());
    let refused = client.import_prices(with_token(tokio_stream::iter([request]), &token)).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::PermissionDenied, "CATALOG_IS_OPERATOR_WIDE".to_owned()));
}

#[tokio::test]
async fn a_large_book_comes_in_by_messages() {
    let service = Service::start().await;
    service.category("OFFICE", "").await.unwrap();
    let book = |amount: &str, from: i64| -> Vec<Vec<ImportPriceRow>> {
        let rows: Vec<ImportPriceRow> =
            (1..=2_000).map(|number| introducing(number, flat(&format!("P{number}"), amount, from))).collect();
        rows.chunks(1_000).map(<[_]>::to_vec).collect()
    };
    for (amount, from) in [("10", 0), ("11", 30)] {
        let progress = send(&service, options(ImportMode::Update), book(amount, from)).await.unwrap();
        assert_eq!(progress.iter().map(counts).collect::<Vec<_>>(), [[1_000, 0, 0, 0]; 2]);
    }
    let request = ListPricesRequest { with_total: true, ..Default::default() };
    let mut client = PriceServiceClient::new(service.channel.clone());
    assert_eq!(client.list_prices(service.as_admin(request)).await.unwrap().into_inner().total, 4_000);
}

#[tokio::test]
async fn two_books_at_the_same_moment_make_one_offering_and_no_overlap() {
    let service = Service::start().await;
    service.category("OFFICE", "").await.unwrap();
    let rows =
        |amount: &str| (1..=20).map(|number| introducing(number, flat(&format!("P{number}"), amount, 5))).collect();
    let (one, other) = tokio::join!(
        import(&service, ImportMode::InsertOnly, rows("10")),
        import(&service, ImportMode::InsertOnly, rows("11"))
    );
    assert_eq!(one.created_count + other.created_count, 20);
    assert_eq!(one.rejected_rows.len() + other.rejected_rows.len(), 20);
    assert_eq!(prices(&service).await.len(), 20);
}
