//! Quotes over a socket, from a catalog that was made by its methods.

use std::time::{Duration, Instant};

use guanxi_auth::Role;
use guanxi_proto::product_catalog::v1::price_service_client::PriceServiceClient;
use guanxi_proto::product_catalog::v1::pricing_service_client::PricingServiceClient;
use guanxi_proto::product_catalog::v1::*;
use guanxi_test_support::{channel, with_token};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::price::{day, flat};
use crate::support::{Service, offering, refusal, serve};

fn line(code: &str, quantity: i64) -> PriceQuoteLine {
    PriceQuoteLine { offering_code: code.to_owned(), quantity, ..Default::default() }
}

fn asking(lines: Vec<PriceQuoteLine>) -> PriceQuoteRequest {
    PriceQuoteRequest { lines, ..Default::default() }
}

async fn quote_at(channel: &Channel, token: &str, request: PriceQuoteRequest) -> Result<PriceQuoteResponse, Status> {
    let mut client = PricingServiceClient::new(channel.clone());
    Ok(client.price_quote(with_token(request, token)).await?.into_inner())
}

async fn quote(service: &Service, request: PriceQuoteRequest) -> Result<PriceQuoteResponse, Status> {
    quote_at(&service.channel, &service.admin, request).await
}

/// Creates a price; returns it with the version of the catalog that it makes.
async fn priced(service: &Service, price: Price) -> (Price, i64) {
    let request = CreatePriceRequest { price: Some(price), request_id: String::new() };
    let mut prices = PriceServiceClient::new(service.channel.clone());
    let created = prices.create_price(service.as_admin(request)).await.unwrap().into_inner();
    (created.price.unwrap(), created.position)
}

/// Asks a replica for a version, which it waits for; returns how long that took.
async fn reached(channel: &Channel, token: &str, version: i64) -> Duration {
    let begin = Instant::now();
    let request = PriceQuoteRequest { catalog_version: version, ..asking(vec![line("NOTHING", 1)]) };
    assert_eq!(quote_at(channel, token, request).await.unwrap().catalog_version, version);
    begin.elapsed()
}

/// An offering that costs 100 a month.
async fn mail(service: &Service) -> i64 {
    service.sold("MAIL").await;
    let (_, version) = priced(service, flat("MAIL", "100", -10)).await;
    reached(&service.channel, &service.admin, version).await;
    version
}

fn reasons(line: &QuotedLine) -> Vec<&str> {
    line.refusals.iter().map(|refusal| refusal.reason.as_str()).collect()
}

fn amounts(charge: &Charge) -> (&str, &str) {
    (&charge.list_amount.as_ref().unwrap().amount, &charge.net_amount.as_ref().unwrap().amount)
}

#[tokio::test]
async fn a_line_is_priced_step_by_step_and_names_its_level() {
    let service = Service::start().await;
    let version = mail(&service).await;
    let line = PriceQuoteLine { manual_discount_percent: "12.5".to_owned(), ..line("MAIL", 3) };
    let answer = quote(&service, asking(vec![line])).await.unwrap();
    assert!(answer.allowed && answer.catalog_version == version);
    let quoted = &answer.lines[0];
    assert_eq!(amounts(&quoted.charges[0]), ("100.00", "87.50"));
    let causes: Vec<_> = quoted.charges[0].adjustments.iter().map(Adjustment::cause).collect();
    assert_eq!(causes, [AdjustmentCause::Manual]);
    assert_eq!(answer.required_level(), AuthorityLevel::City, "5, 10 and 15 % are what the default policy grants");
    assert_eq!(answer.totals[0].net_amount.as_ref().unwrap().amount, "87.50");
}

#[tokio::test]
async fn what_may_not_be_sold_says_why() {
    let service = Service::start().await;
    mail(&service).await;
    let retired = service.sold("OLD").await;
    service.retire(retire_offering_request::Key::Id(retired.id), "").await.unwrap();
    service.sold("FREE").await;
    service.drafted("DRAFT").await;
    service.sold("DOLLAR").await;
    let mut dollars = flat("DOLLAR", "9", -1);
    dollars.currency_code = "USD".to_owned();
    let (_, _) = priced(&service, dollars).await;
    let local = service
        .offering(Offering { available_territory_codes: vec!["440000".to_owned()], ..offering("LOCAL") })
        .await
        .unwrap();
    service.publish(&local.id).await.unwrap();
    let (_, version) = priced(&service, flat("LOCAL", "1", -1)).await;
    reached(&service.channel, &service.admin, version).await;

    let lines = ["OLD", "FREE", "DRAFT", "NOTHING", "DOLLAR", "LOCAL", "MAIL"].map(|code| line(code, 1)).to_vec();
    let dear = PriceQuoteLine { manual_discount_percent: "40.01".to_owned(), ..line("MAIL", 1) };
    let answer = quote(&service, asking([lines, vec![dear]].concat())).await.unwrap();
    let found: Vec<Vec<&str>> = answer.lines.iter().map(reasons).collect();
    let expected: [&[&str]; 8] = [
        &["OFFERING_RETIRED"],
        &["PRICE_MISSING"],
        &["OFFERING_UNKNOWN"],
        &["OFFERING_UNKNOWN"],
        &["CURRENCY_DIFFERS"],
        &["NOT_AVAILABLE_HERE"],
        &[],
        &["ABOVE_EVERY_AUTHORITY"],
    ];
    assert_eq!(found, expected);
    assert!(!answer.allowed && answer.required_level() == AuthorityLevel::Unspecified);
    assert_eq!(answer.totals[0].net_amount.as_ref().unwrap().amount, "100.00", "only what is allowed counts");

    let before = PriceQuoteRequest { date: day(-11), ..asking(vec![line("MAIL", 1)]) };
    assert_eq!(reasons(&quote(&service, before).await.unwrap().lines[0]), ["PRICE_MISSING"]);
    let profile = AccountProfile { territory_code: "440000".to_owned(), ..Default::default() };
    let here = PriceQuoteRequest { profile: Some(profile), ..asking(vec![line("LOCAL", 1)]) };
    assert!(quote(&service, here).await.unwrap().allowed);
}

#[tokio::test]
async fn a_tariff_of_its_own_is_for_its_account_only() {
    const ACCOUNT: &str = "0192f0c1-2345-7abc-8def-0123456789ab";
    let service = Service::start().await;
    mail(&service).await;
    let only = Eligibility { account_ids: vec![ACCOUNT.to_owned()], ..Default::default() };
    let own = service.offering(Offering { eligibility: Some(only), ..offering("MAIL_OWN") }).await.unwrap();
    service.publish(&own.id).await.unwrap();
    let (_, version) = priced(&service, flat("MAIL_OWN", "70", -1)).await;
    reached(&service.channel, &service.admin, version).await;
    let of = |account_id: &str| {
        let profile = AccountProfile { account_id: account_id.to_owned(), ..Default::default() };
        PriceQuoteRequest { profile: Some(profile), ..asking(vec![line("MAIL_OWN", 1)]) }
    };
    assert_eq!(amounts(&quote(&service, of(ACCOUNT)).await.unwrap().lines[0].charges[0]), ("70.00", "70.00"));
    for other in ["", "0192f0c1-2345-7abc-8def-0123456789ac"] {
        let refused = quote(&service, of(other)).await.unwrap();
        assert_eq!(reasons(&refused.lines[0]), ["NOT_ELIGIBLE"], "{other}");
        assert_eq!(refused.lines[0].refusals[0].value, "account_ids");
    }
    let refused = quote(&service, of("the mill")).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::InvalidArgument, "FIELDS_INVALID".to_owned()));
}

#[tokio::test]
async fn a_wrong_request_is_refused_whole() {
    let service = Service::start().await;
    mail(&service).await;
    let wrong = |line: PriceQuoteLine| quote(&service, asking(vec![line]));
    for quantity in [0, -1, 1_000_000_000_000_000_000] {
        let refused = wrong(line("MAIL", quantity)).await.unwrap_err();
        assert_eq!(refusal(&refused), (Code::InvalidArgument, "FIELDS_INVALID".to_owned()), "{quantity}");
    }
    let newer = PriceQuoteRequest { catalog_version: 1_000_000, ..asking(vec![line("MAIL", 1)]) };
    let refused = quote(&service, newer).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::OutOfRange, "CATALOG_VERSION_UNKNOWN".to_owned()));

    // The account's place is in scope or does not exist.
    let elsewhere = AccountProfile { territory_code: "330000".to_owned(), ..Default::default() };
    let request = PriceQuoteRequest { profile: Some(elsewhere), ..asking(vec![line("MAIL", 1)]) };
    let token = service.keys.token("E0002", &[(Role::AccountManager, "440000")]);
    let refused = quote_at(&service.channel, &token, request.clone()).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()));
    assert!(quote(&service, request).await.unwrap().allowed);
}

#[tokio::test]
async fn a_change_reaches_every_replica_and_an_older_version_answers_as_it_did() {
    let service = Service::start().await;
    let replica = serve(service.database.service_url(), &service.keys, 512);
    let other = channel(replica.address);
    let first = mail(&service).await;
    let request = asking(vec![line("MAIL", 1)]);
    reached(&other, &service.admin, first).await;
    let old = quote(&service, request.clone()).await.unwrap();
    let mut slowest = Duration::ZERO;
    let mut newest = first;
    for days in 1..=20 {
        let code = format!("LATER{days}");
        service.sold(&code).await;
        newest = priced(&service, flat(&code, "1", 1)).await.1;
        slowest = slowest.max(reached(&other, &service.admin, newest).await);
    }
    assert!(slowest < Duration::from_secs(1), "a replica needed {slowest:?}");

    let one = quote(&service, request.clone()).await.unwrap();
    assert_eq!(one, quote_at(&other, &service.admin, request.clone()).await.unwrap());
    assert_eq!(one.catalog_version, newest);
    let pinned = PriceQuoteRequest { catalog_version: first, ..request };
    for channel in [&service.channel, &other] {
        assert_eq!(quote_at(channel, &service.admin, pinned.clone()).await.unwrap(), old);
    }
}

#[tokio::test]
async fn a_quote_waits_for_no_database() {
    let service = Service::start().await;
    mail(&service).await;
    let mut admin = service.database.admin().await;
    // Whoever read or wrote any table of the catalog would wait for this.
    sqlx::raw_sql(
        "begin; do $$ declare t record; begin \
         for t in select tablename from pg_tables where schemaname = 'product_catalog' loop \
         execute format('lock table product_catalog.%I in access exclusive mode', t.tablename); end loop; end $$",
    )
    .execute(&mut admin)
    .await
    .unwrap();
    for _ in 0..100 {
        let mut request = service.as_admin(asking(vec![line("MAIL", 1)]));
        request.set_timeout(Duration::from_secs(2));
        let mut client = PricingServiceClient::new(service.channel.clone());
        assert!(client.price_quote(request).await.unwrap().into_inner().allowed);
    }
    sqlx::raw_sql("rollback").execute(&mut admin).await.unwrap();
}
