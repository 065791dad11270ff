//! Prices: the methods as a portal uses them.

use guanxi_auth::Role;
use guanxi_proto::product_catalog::v1::price_service_client::PriceServiceClient;
use guanxi_proto::product_catalog::v1::*;
use guanxi_test_support::with_token;
use prost_types::FieldMask;
use time::macros::offset;
use time::{Date, Duration, OffsetDateTime};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::support::{Service, in_chinese, named, refusal, text, violations};

type Answer = Result<(Price, i64), Status>;

fn client(service: &Service) -> PriceServiceClient<Channel> {
    PriceServiceClient::new(service.channel.clone())
}

async fn create(service: &Service, price: Price, request_id: &str) -> Answer {
    let request = CreatePriceRequest { price: Some(price), request_id: request_id.to_owned() };
    let answer = client(service).create_price(service.as_admin(request)).await?.into_inner();
    Ok((answer.price.unwrap(), answer.position))
}

async fn created(service: &Service, price: Price) -> Price {
    create(service, price, "").await.unwrap().0
}

async fn update(service: &Service, price: Price, paths: &[&str]) -> Answer {
    let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
    let update_mask = (!paths.is_empty()).then_some(FieldMask { paths });
    let request = UpdatePriceRequest { price: Some(price), update_mask, ..Default::default() };
    let answer = client(service).update_price(service.as_admin(request)).await?.into_inner();
    Ok((answer.price.unwrap(), answer.position))
}

async fn delete(service: &Service, id: &str) -> Result<Price, Status> {
    let request = DeletePriceRequest { id: id.to_owned(), ..Default::default() };
    Ok(client(service).delete_price(service.as_admin(request)).await?.into_inner().price.unwrap())
}

fn undeletion(id: &str) -> UndeletePriceRequest {
    UndeletePriceRequest { id: id.to_owned(), ..Default::default() }
}

/// A day some days from today in Shanghai.
fn day(days: i64) -> String {
    let today: Date = OffsetDateTime::now_utc().to_offset(offset!(+8)).date();
    (today + Duration::days(days)).to_string()
}

fn flat(offering_code: &str, amount: &str, from: i64) -> Price {
    Price {
        offering_code: offering_code.to_owned(),
        charge_kind: ChargeKind::Monthly.into(),
        model: PriceModel::Flat.into(),
        currency_code: "CNY".to_owned(),
        amount: amount.to_owned(),
        valid_from_date: day(from),
        ..Default::default()
    }
}

fn tier(from_quantity: i64, to_quantity: i64, amount: &str) -> PriceTier {
    PriceTier { from_quantity, to_quantity, amount: amount.to_owned() }
}

fn reduction(cause: ReductionCause, percent: &str) -> PriceReduction {
    PriceReduction { cause: cause.into(), percent: percent.to_owned(), ..Default::default() }
}

fn tiered(offering_code: &str) -> Price {
    Price {
        model: PriceModel::Tiered.into(),
        amount: String::new(),
        tiers: vec![tier(1, 10, "20"), tier(11, 50, "18.5"), tier(51, 0, "15")],
        unit: "线".to_owned(),
        floor_amount: "12".to_owned(),
        cost_amount: "9.125".to_owned(),
        reductions: vec![
            PriceReduction { tier: 1, ..reduction(ReductionCause::Tier, "5") },
            PriceReduction { min_term_months: 24, ..reduction(ReductionCause::Term, "7.5") },
            PriceReduction { min_quantity: 100, ..reduction(ReductionCause::Volume, "10") },
        ],
        ..flat(offering_code, "", 30)
    }
}

#[tokio::test]
async fn a_price_is_kept_as_it_was_sent() {
    let service = Service::start().await;
    service.sold("VNET").await;
    let request_id = uuid::Uuid::now_v7().to_string();
    let sent = tiered("VNET");
    let (first, position) = create(&service, sent.clone(), &request_id).await.unwrap();
    let expected = Price {
        id: first.id.clone(),
        create_time: first.create_time,
        update_time: first.update_time,
        etag: "\"1\"".to_owned(),
        ..sent.clone()
    };
    assert_eq!(first, expected);
    assert!(position > 0);
    assert_eq!(create(&service, sent.clone(), &request_id).await.unwrap(), (first.clone(), 0));
    let reused = create(&service, flat("VNET", "1", 30), &request_id).await.unwrap_err();
    assert_eq!(refusal(&reused), (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned()));
    let request = service.as_admin(GetPriceRequest { id: first.id.clone() });
    assert_eq!(client(&service).get_price(request).await.unwrap().into_inner().price.unwrap(), first);

    // The price changes its model, and says what it no longer has.
    let volume = Price {
        id: first.id.clone(),
        model: PriceModel::PerUnit.into(),
        amount: "16.00".to_owned(),
        ..Default::default()
    };
    let half = update(&service, volume.clone(), &["model", "amount"]).await.unwrap_err();
    assert_eq!(violations(&half), named("price", &[("tiers", "NOT_APPLICABLE")]));
    let (changed, _) = update(&service, volume, &["model", "amount", "tiers", "reductions"]).await.unwrap();
    assert_eq!((changed.amount.as_str(), changed.tiers.len(), changed.etag.as_str()), ("16", 0, "\"2\""));
    assert_eq!(changed.cost_amount, "9.125");
    let stale = Price { etag: first.etag.clone(), ..changed.clone() };
    assert_eq!(refusal(&update(&service, stale, &[]).await.unwrap_err()).1, "ETAG_MISMATCH");
    let moved = Price { offering_code: "MAIL".to_owned(), charge_kind: ChargeKind::Usage.into(), ..changed };
    let immutable = violations(&update(&service, moved, &[]).await.unwrap_err());
    assert_eq!(immutable, named("price", &[("offering_code", "IMMUTABLE"), ("charge_kind", "IMMUTABLE")]));
    let history = service.history("price", &first.id).await;
    assert_eq!(history.len(), 2);
    let fields: Vec<&str> = history[0].fields.iter().map(|field| field.field.as_str()).collect();
    assert!(fields.contains(&"amount") && fields.contains(&"tiers"), "{fields:?}");
}

#[tokio::test]
async fn everything_wrong_with_a_price_is_named_at_once() {
    let service = Service::start().await;
    service.sold("VNET").await;
    let refused = async |price: Price| violations(&create(&service, price, "").await.unwrap_err());
    let wrong = |fields: &[(&str, &str)]| named("price", fields);
    let required = ["offering_code", "charge_kind", "model", "currency_code", "valid_from_date"];
    assert_eq!(refused(Price::default()).await, wrong(&required.map(|field| (field, "REQUIRED"))));

    let mixed = Price {
        offering_code: "集团".to_owned(),
        charge_kind: 9,
        currency_code: "cny".to_owned(),
        amount: "1234567890".to_owned(),
        unit: "个".repeat(21),
        floor_amount: "-1".to_owned(),
        cost_amount: "1e3".to_owned(),
        valid_to_date: day(30),
        ..tiered("")
    };
    let expected = [
        ("offering_code", "FORMAT"),
        ("charge_kind", "UNKNOWN_VALUE"),
        ("currency_code", "UNKNOWN_VALUE"),
        ("amount", "OUT_OF_RANGE"),
        ("unit", "TOO_LONG"),
        ("floor_amount", "OUT_OF_RANGE"),
        ("cost_amount", "FORMAT"),
        // What the fields say together, beside what each says alone.
        ("valid_to_date", "DATES_REVERSED"),
    ];
    assert_eq!(refused(mixed).await, wrong(&expected));

    let flat = Price { tiers: vec![tier(1, 0, "1")], floor_amount: "2".to_owned(), ..flat("VNET", "1", 1) };
    let expected = [("tiers", "NOT_APPLICABLE"), ("floor_amount", "OUT_OF_RANGE")];
    assert_eq!(refused(flat).await, wrong(&expected));
}

#[tokio::test]
async fn tiers_and_reductions_are_whole() {
    let service = Service::start().await;
    let refused = async |price: Price| violations(&create(&service, price, "").await.unwrap_err());
    let wrong = |fields: &[(&str, &str)]| named("price", fields);
    for (tiers, expected) in [
        (vec![tier(2, 0, "1")], ("tiers[0].from_quantity", "TIERS_NOT_CONTIGUOUS")),
        (vec![tier(1, 10, "2"), tier(12, 0, "1")], ("tiers[1].from_quantity", "TIERS_NOT_CONTIGUOUS")),
        (vec![tier(1, 10, "2"), tier(10, 0, "1")], ("tiers[1].from_quantity", "TIERS_NOT_CONTIGUOUS")),
        (vec![tier(1, 0, "2"), tier(11, 0, "1")], ("tiers[0].to_quantity", "REQUIRED")),
        (vec![tier(1, 10, "2"), tier(1, 0, "1")], ("tiers[1]", "DUPLICATE")),
        (vec![tier(0, 10, "2")], ("tiers[0].from_quantity", "OUT_OF_RANGE")),
        (vec![tier(1, -1, "2")], ("tiers[0].to_quantity", "OUT_OF_RANGE")),
        (vec![tier(1, 0, "")], ("tiers[0].amount", "REQUIRED")),
        ((1..=51).map(|from| tier(from, from, "20")).collect(), ("tiers", "TOO_MANY")),
        (Vec::new(), ("tiers", "REQUIRED")),
        (vec![tier(1, 5, "20"), tier(6, 0, "0.999999")], ("floor_amount", "OUT_OF_RANGE")),
    ] {
        assert_eq!(
            refused(Price { tiers, floor_amount: "1".to_owned(), ..tiered("VNET") }).await.last(),
            wrong(&[expected]).last()
        );
    }
    for (one, expected) in [
        (reduction(ReductionCause::Unspecified, "5"), ("reductions[1].cause", "REQUIRED")),
        (reduction(ReductionCause::Tier, "5"), ("reductions[1].tier", "REQUIRED")),
        (
            PriceReduction { tier: 1, min_quantity: 5, ..reduction(ReductionCause::Volume, "5") },
            ("reductions[1].tier", "NOT_APPLICABLE"),
        ),
        (
            PriceReduction { min_term_months: 121, ..reduction(ReductionCause::Term, "5") },
            ("reductions[1].min_term_months", "OUT_OF_RANGE"),
        ),
        (
            PriceReduction { min_quantity: 9, ..reduction(ReductionCause::Volume, "0") },
            ("reductions[1].percent", "OUT_OF_RANGE"),
        ),
        (PriceReduction { min_quantity: 5, ..reduction(ReductionCause::Volume, "7") }, ("reductions[1]", "DUPLICATE")),
    ] {
        let first = PriceReduction { min_quantity: 5, ..reduction(ReductionCause::Volume, "2") };
        assert_eq!(refused(Price { reductions: vec![first, one], ..tiered("VNET") }).await, wrong(&[expected]));
    }
}

#[tokio::test]
async fn prices_of_a_kind_follow_each_other_without_overlap() {
    let service = Service::start().await;
    service.sold("VNET").await;
    let unknown = create(&service, flat("NONE", "1", 0), "").await.unwrap_err();
    assert_eq!(refusal(&unknown), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()));
    // The past may be filled in.
    created(&service, Price { valid_to_date: day(-100), ..flat("VNET", "9", -400) }).await;
    created(&service, Price { valid_to_date: day(10), ..flat("VNET", "10", -100) }).await;
    let next = created(&service, Price { valid_to_date: day(20), ..flat("VNET", "11", 10) }).await;
    // Of another kind, on the same days.
    created(&service, Price { charge_kind: ChargeKind::OneTime.into(), ..flat("VNET", "100", -100) }).await;
    let overlap = named("price", &[("valid_from_date", "PRICE_OVERLAPS")]);
    for (from, to) in [(9, 10), (5, 50), (19, 30), (-500, -399), (-101, 5)] {
        let refused =
            create(&service, Price { valid_to_date: day(to), ..flat("VNET", "1", from) }, "").await.unwrap_err();
        assert_eq!(violations(&refused), overlap, "{from} {to}");
    }
    let last = created(&service, flat("VNET", "12", 20)).await;
    let earlier = Price { id: last.id.clone(), valid_from_date: day(19), ..Default::default() };
    assert_eq!(violations(&update(&service, earlier.clone(), &[]).await.unwrap_err()), overlap);
    let shorter = Price { id: next.id.clone(), valid_to_date: day(19), ..Default::default() };
    update(&service, shorter, &[]).await.unwrap();
    update(&service, earlier, &[]).await.unwrap();

    // What was deleted comes back only where nothing took its place.
    delete(&service, &next.id).await.unwrap();
    let wider = Price { id: last.id.clone(), valid_from_date: day(15), ..Default::default() };
    update(&service, wider, &[]).await.unwrap();
    let request = service.as_admin(undeletion(&next.id));
    let english = client(&service).undelete_price(request).await.unwrap_err();
    assert_eq!(refusal(&english), (Code::FailedPrecondition, "PRICE_OVERLAPS".to_owned()));
    let from = day(15);
    let said = format!("Another price of the offering and kind applies from {from}; validities must not overlap.");
    assert_eq!(text(&english), said);
    let request = in_chinese(service.as_admin(undeletion(&next.id)));
    let chinese = client(&service).undelete_price(request).await.unwrap_err();
    assert_eq!(text(&chinese), format!("该产品同类价格在 {from} 起已有定价，有效期不可重叠。"));
    delete(&service, &last.id).await.unwrap();
    let request = service.as_admin(undeletion(&next.id));
    let back = client(&service).undelete_price(request).await.unwrap().into_inner().price.unwrap();
    assert_eq!((back.valid_from_date, back.valid_to_date, back.delete_time), (day(10), day(19), None));
    let twice = client(&service).undelete_price(service.as_admin(undeletion(&next.id))).await.unwrap_err();
    assert_eq!(refusal(&twice), (Code::FailedPrecondition, "STATE_FORBIDS".to_owned()));
}

#[tokio::test]
async fn a_price_in_force_changes_only_in_its_end() {
    let service = Service::start().await;
    service.sold("VNET").await;
    let price = created(&service, flat("VNET", "10", 0)).await;
    let changed = |change: fn(&mut Price)| {
        let mut changed = price.clone();
        changed.etag.clear();
        change(&mut changed);
        changed
    };
    let in_force = (Code::FailedPrecondition, "PRICE_IN_FORCE".to_owned());
    let dearer = update(&service, changed(|price| price.amount = "11".to_owned()), &[]).await.unwrap_err();
    assert_eq!(refusal(&dearer), in_force);
    let (from, tomorrow) = (day(0), day(1));
    assert_eq!(
        text(&dearer),
        format!("The price applies since {from}; only its end can change, to {tomorrow} or later.")
    );
    assert_eq!(refusal(&delete(&service, &price.id).await.unwrap_err()), in_force);
    let request = in_chinese(service.as_admin(DeletePriceRequest { id: price.id.clone(), ..Default::default() }));
    let chinese = client(&service).delete_price(request).await.unwrap_err();
    assert_eq!(text(&chinese), format!("价格自 {from} 起已生效，只能修改截止日期（不早于 {tomorrow}）。"));

    let (ends, _) = update(&service, changed(|price| price.valid_to_date = day(1)), &["valid_to_date"]).await.unwrap();
    assert_eq!(ends.valid_to_date, tomorrow);
    let (open, _) = update(&service, changed(|_| {}), &["valid_to_date"]).await.unwrap();
    assert_eq!(open.valid_to_date, "");
    let past = created(&service, Price { valid_to_date: day(-1), ..flat("VNET", "9", -30) }).await;
    let longer = Price { id: past.id, valid_to_date: day(0), ..Default::default() };
    let refused = update(&service, longer, &[]).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::FailedPrecondition, "STATE_FORBIDS".to_owned()));
}

#[tokio::test]
async fn of_prices_made_at_the_same_moment_one_lands() {
    let service = Service::start().await;
    service.sold("VNET").await;
    let attempts = (0..8).map(|from| {
        let request = CreatePriceRequest { price: Some(flat("VNET", "10", from)), ..Default::default() };
        let (mut client, request) = (client(&service), service.as_admin(request));
        tokio::spawn(async move { client.create_price(request).await })
    });
    let mut landed = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(_) => landed += 1,
            Err(refused) => assert_eq!(violations(&refused), named("price", &[("valid_from_date", "PRICE_OVERLAPS")])),
        }
    }
    assert_eq!(landed, 1);
}

#[tokio::test]
async fn prices_are_listed_by_offering_and_day() {
    let service = Service::start().await;
    for code in ["MAIL", "MAIL-2", "VNET"] {
        service.sold(code).await;
    }
    for (code, from) in [("VNET", 10), ("MAIL-2", 5), ("MAIL", 40), ("MAIL", 20), ("VNET", 1)] {
        created(&service, Price { valid_to_date: day(from + 5), ..flat(code, "1", from) }).await;
    }
    let gone = created(&service, flat("VNET", "1", 90)).await;
    delete(&service, &gone.id).await.unwrap();
    let list = async |request: ListPricesRequest| {
        let page = client(&service).list_prices(service.as_admin(request)).await.unwrap().into_inner();
        let rows = page.prices.into_iter().map(|price| (price.offering_code, price.valid_from_date));
        (rows.collect::<Vec<_>>(), page.next_page_token, page.total)
    };
    let rows =
        |rows: &[(&str, i64)]| rows.iter().map(|(code, from)| ((*code).to_owned(), day(*from))).collect::<Vec<_>>();
    let mut request = ListPricesRequest { page_size: 3, with_total: true, ..Default::default() };
    let (first, token, total) = list(request.clone()).await;
    assert_eq!((first, total), (rows(&[("MAIL", 20), ("MAIL", 40), ("MAIL-2", 5)]), 5));
    request.page_token = token;
    assert_eq!(list(request).await, (rows(&[("VNET", 1), ("VNET", 10)]), String::new(), 5));
    let filter = format!("offering_code = VNET AND charge_kind = MONTHLY AND valid_from_date >= {}", day(10));
    let request = ListPricesRequest { filter, show_deleted: true, ..Default::default() };
    assert_eq!(list(request).await.0, rows(&[("VNET", 10), ("VNET", 90)]));
    let request = ListPricesRequest { filter: "currency_code = USD".to_owned(), ..Default::default() };
    assert_eq!(list(request).await.0, rows(&[]));

    let token = service.keys.token("E2", &[(Role::ProductManager, "440000")]);
    let reads = client(&service).list_prices(with_token(ListPricesRequest::default(), &token)).await.unwrap();
    assert_eq!(reads.into_inner().prices.len(), 5);
    let request = CreatePriceRequest { price: Some(flat("VNET", "1", 60)), ..Default::default() };
    let refused = client(&service).create_price(with_token(request, &token)).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::PermissionDenied, "CATALOG_IS_OPERATOR_WIDE".to_owned()));
}
