//! Quotes that are refused, and why.

use guanxi_auth::Role;
use guanxi_proto::opportunity_pipeline::v1::*;
use guanxi_proto::product_catalog::v1::PriceQuoteLine;
use guanxi_test_support::contract::{INSIDE, OUTSIDE};
use guanxi_test_support::{metadata, rows};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::catalog;
use crate::support::{Service, deal, money, named, offer, opportunity, refusal, violations, with};

/// A draft of these lines for an opportunity.
async fn quoted(service: &Service, opportunity_id: &str, lines: Vec<PriceQuoteLine>) -> Result<Quote, Status> {
    let quote = Quote { opportunity_id: opportunity_id.to_owned(), lines, ..Default::default() };
    service.quote(&service.admin, quote).await
}

fn forbidden(reason: &str) -> (Code, String) {
    (Code::FailedPrecondition, reason.to_owned())
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_quote_is_said_at_once() {
    let service = Service::start().await;
    let opportunity_id = service.opportunity(deal("错", INSIDE)).await.unwrap().id;
    let lines = vec![
        PriceQuoteLine { usage_quantity: -1, term_months: 121, ..offer("A B", 0) },
        PriceQuoteLine {
            manual_discount_percent: "100.01".to_owned(),
            bundle_code: "包".to_owned(),
            ..offer("MAIL", 1)
        },
        PriceQuoteLine { characteristics: [("a b".to_owned(), "x".repeat(201))].into(), ..offer("MAIL", 1) },
    ];
    let concession = |payer: ConcessionPayer, share: &str| Concession {
        text: format!("{payer:?}"),
        cost: Some(money("1", "CNY")),
        payer: payer.into(),
        operator_share_percent: share.to_owned(),
    };
    let wrong = Quote {
        opportunity_id,
        currency_code: "XYZ".to_owned(),
        lines,
        valid_until_date: "2020-01-01".to_owned(),
        concessions: vec![
            concession(ConcessionPayer::Shared, ""),
            concession(ConcessionPayer::Operator, "50"),
            concession(ConcessionPayer::Unspecified, ""),
        ],
        ..Default::default()
    };
    let status = service.quote(&service.admin, wrong).await.unwrap_err();
    let expected = [
        ("quote.currency_code", "UNKNOWN_VALUE"),
        ("quote.lines[0].offering_code", "FORMAT"),
        ("quote.lines[0].quantity", "OUT_OF_RANGE"),
        ("quote.lines[0].usage_quantity", "OUT_OF_RANGE"),
        ("quote.lines[0].term_months", "OUT_OF_RANGE"),
        ("quote.lines[1].bundle_code", "FORMAT"),
        ("quote.lines[1].manual_discount_percent", "OUT_OF_RANGE"),
        ("quote.lines[2].characteristics", "FORMAT"),
        ("quote.lines[2].characteristics[a b]", "TOO_LONG"),
        ("quote.concessions[0].operator_share_percent", "REQUIRED"),
        ("quote.concessions[1].operator_share_percent", "FORMAT"),
        ("quote.concessions[2].payer", "REQUIRED"),
        ("quote.valid_until_date", "OUT_OF_RANGE"),
    ];
    assert_eq!(violations(&status), named(&expected));
}

#[tokio::test]
async fn a_quote_has_some_lines_one_currency_and_a_reason_for_its_discounts() {
    let service = Service::start().await;
    let opportunity_id = service.opportunity(deal("错", INSIDE)).await.unwrap().id;
    for (lines, reason) in [(Vec::new(), "REQUIRED"), (vec![offer("MAIL", 1); 201], "TOO_MANY")] {
        let status = quoted(&service, &opportunity_id, lines).await.unwrap_err();
        assert_eq!(violations(&status), named(&[("quote.lines", reason)]));
    }
    let values = (0..50).map(|number| (format!("c{number}"), "x".to_owned())).collect();
    let lines = vec![PriceQuoteLine { characteristics: values, ..offer("MAIL", 1) }; 41];
    let status = quoted(&service, &opportunity_id, lines).await.unwrap_err();
    assert_eq!(violations(&status), named(&[("quote.lines", "TOO_MANY")]));
    let concession = Concession {
        text: "路由器".to_owned(),
        cost: Some(money("1", "USD")),
        payer: ConcessionPayer::Operator.into(),
        ..Default::default()
    };
    let line = PriceQuoteLine { manual_discount_percent: "5".to_owned(), ..offer("MAIL", 1) };
    let quote = Quote { opportunity_id, lines: vec![line], concessions: vec![concession], ..Default::default() };
    let status = service.quote(&service.admin, quote).await.unwrap_err();
    let expected =
        [("quote.concessions[0].cost.currency_code", "CURRENCIES_MIXED"), ("quote.discount_reason", "REQUIRED")];
    assert_eq!(violations(&status), named(&expected));
    let long = quoted(&service, "x", vec![offer("MAIL", 1)]).await.unwrap_err();
    assert_eq!(violations(&long), named(&[("quote.opportunity_id", "FORMAT")]));
}

#[tokio::test]
async fn a_line_that_may_not_be_sold_refuses_the_whole_with_every_reason() {
    let service = Service::start().await;
    let opportunity_id = service.opportunity(deal("停售", INSIDE)).await.unwrap().id;
    let both = PriceQuoteLine { manual_discount_percent: "50".to_owned(), ..offer("RETIRED-2", 1) };
    let lines = vec![offer("RETIRED-1", 1), offer("MAIL", 1), both];
    let quote = Quote { opportunity_id, lines, discount_reason: "清仓".to_owned(), ..Default::default() };
    let head = service.head().await;
    let request = CreateQuoteRequest { quote: Some(quote), request_id: String::new() };
    let mut request = service.as_admin(request);
    request.metadata_mut().insert("accept-language", "en".parse().unwrap());
    let status = service.quotes().create_quote(request).await.unwrap_err();
    assert_eq!(refusal(&status), forbidden("LINE_REFUSED"));
    let details = status.get_error_details();
    let refused = &details.precondition_failure().unwrap().violations;
    let fields: Vec<&str> = refused.iter().map(|violation| violation.subject.as_str()).collect();
    assert_eq!(fields, ["quote.lines[0]", "quote.lines[2]", "quote.lines[2]"]);
    assert!(refused[2].description.contains("RETIRED-2") && refused[2].description.contains("ABOVE_EVERY_AUTHORITY"));
    assert!(refused[0].description.contains("It is not sold any more."), "{refused:?}");
    assert_eq!(service.head().await, head);
}

#[tokio::test]
async fn only_an_open_opportunity_with_an_account_is_quoted() {
    let service = Service::start().await;
    let unknown = service.opportunity(opportunity("无客户", INSIDE)).await.unwrap().id;
    let status = quoted(&service, &unknown, vec![offer("MAIL", 1)]).await.unwrap_err();
    assert_eq!(violations(&status), named(&[("quote.opportunity_id", "QUOTE_ACCOUNT_MISSING")]));

    let draft = service.draft(&service.admin, INSIDE, vec![offer("MAIL", 1)]).await;
    let approved = service.draft(&service.admin, INSIDE, vec![offer("MAIL", 1)]).await;
    let approved = service.submit(&service.admin, &approved.id).await.unwrap();
    let mut database = service.database.admin().await;
    for state in ["LOST", "WON", "SUSPENDED"] {
        rows(&mut database, format!("update opportunity_pipeline.opportunity set state = '{state}'")).await;
        let created = quoted(&service, &draft.opportunity_id, vec![offer("MAIL", 1)]).await.map(drop);
        let submitted = service.submit(&service.admin, &draft.id).await.map(drop);
        let accepted = service.accept(&service.admin, &approved.id).await.map(drop);
        let changed = Quote { id: draft.id.clone(), terms: "月结".to_owned(), ..Default::default() };
        let request = UpdateQuoteRequest { quote: Some(changed), ..Default::default() };
        let updated = service.quotes().update_quote(service.as_admin(request)).await.map(drop);
        let request = ReviseQuoteRequest { id: draft.id.clone(), ..Default::default() };
        let revised = service.quotes().revise_quote(service.as_admin(request)).await.map(drop);
        for outcome in [created, submitted, accepted, updated, revised] {
            let status = outcome.unwrap_err();
            assert_eq!(refusal(&status), forbidden("STATE_FORBIDS"), "{state}");
            assert_eq!(metadata(&status, "state").as_deref(), Some(state));
        }
    }
    // What is not wanted any more can still be taken back.
    let request = WithdrawQuoteRequest { id: draft.id, reason: "丢单".to_owned(), ..Default::default() };
    let withdrawn = service.quotes().withdraw_quote(service.as_admin(request)).await.unwrap().into_inner();
    assert_eq!(withdrawn.quote.unwrap().state(), QuoteState::Withdrawn);
}

#[tokio::test]
async fn a_price_that_changed_meanwhile_is_not_agreed_to_by_anybody() {
    let service = Service::start().await;
    let code = format!("RISING-{}", uuid::Uuid::now_v7());
    catalog::set_price(&code, "700000");
    let draft = service.draft(&service.admin, INSIDE, vec![offer(&code, 1)]).await;
    catalog::set_price(&code, "700001");
    let status = service.submit(&service.admin, &draft.id).await.unwrap_err();
    assert_eq!(refusal(&status), forbidden("QUOTE_PRICE_CHANGED"));
    assert_eq!(
        (metadata(&status, "value"), metadata(&status, "current")),
        (Some("700000".into()), Some("700001".into()))
    );
    let request =
        UpdateQuoteRequest { quote: Some(Quote { etag: String::new(), ..draft.clone() }), ..Default::default() };
    service.quotes().update_quote(service.as_admin(request)).await.unwrap();
    let waiting = service.submit(&service.admin, &draft.id).await.unwrap();
    assert_eq!(waiting.state(), QuoteState::Waiting);
    catalog::set_price(&code, "700002");
    let approver = service.keys.token("E3000", &[(Role::Approver, "CN")]);
    let status = service.approve(&approver, &draft.id).await.unwrap_err();
    assert_eq!(refusal(&status), forbidden("QUOTE_PRICE_CHANGED"));
    assert_eq!(service.quote_of(&draft.id).await, waiting, "it still waits");
    // To reject it nobody has to know the price.
    let request = RejectQuoteRequest { id: draft.id, reason: "先重报".to_owned(), ..Default::default() };
    let rejected = service.quotes().reject_quote(with(request, &approver)).await.unwrap().into_inner().quote.unwrap();
    assert_eq!((rejected.state(), rejected.reason.as_str()), (QuoteState::Rejected, "先重报"));
}

#[tokio::test]
async fn what_is_decided_stays_as_it_is() {
    let service = Service::start().await;
    let draft = service.draft(&service.admin, INSIDE, vec![offer("MAIL", 1)]).await;
    let early = service.accept(&service.admin, &draft.id).await.unwrap_err();
    assert_eq!(refusal(&early), forbidden("STATE_FORBIDS"));
    let approved = service.submit(&service.admin, &draft.id).await.unwrap();
    let twice = service.submit(&service.admin, &draft.id).await.unwrap_err();
    assert_eq!(refusal(&twice), forbidden("STATE_FORBIDS"));
    let changed = Quote { id: draft.id.clone(), terms: "月结".to_owned(), ..Default::default() };
    let request = UpdateQuoteRequest { quote: Some(changed), ..Default::default() };
    let status = service.quotes().update_quote(service.as_admin(request)).await.unwrap_err();
    assert_eq!(refusal(&status), forbidden("STATE_FORBIDS"));
    for day in ["2020-01-01", "2999-01-01"] {
        let accept_date = day.to_owned();
        let request = AcceptQuoteRequest { id: draft.id.clone(), accept_date, ..Default::default() };
        let status = service.quotes().accept_quote(service.as_admin(request)).await.unwrap_err();
        assert_eq!(violations(&status), named(&[("accept_date", "OUT_OF_RANGE")]));
    }
    assert_eq!(service.quote_of(&draft.id).await, approved);

    let request = ReviseQuoteRequest { id: draft.id.clone(), ..Default::default() };
    let second = service.quotes().revise_quote(service.as_admin(request)).await.unwrap().into_inner().quote.unwrap();
    service.submit(&service.admin, &second.id).await.unwrap();
    service.accept(&service.admin, &draft.id).await.unwrap();
    let status = service.accept(&service.admin, &second.id).await.unwrap_err();
    assert_eq!(refusal(&status), forbidden("QUOTE_ALREADY_ACCEPTED"));
    let request = WithdrawQuoteRequest { id: draft.id, reason: "后悔".to_owned(), ..Default::default() };
    let status = service.quotes().withdraw_quote(service.as_admin(request)).await.unwrap_err();
    assert_eq!(refusal(&status), forbidden("STATE_FORBIDS"));
}

#[tokio::test]
async fn a_quote_is_there_only_for_who_sees_its_opportunity() {
    let service = Service::start().await;
    let own = service.draft(&service.admin, INSIDE, vec![offer("MAIL", 1)]).await;
    let outside = service.draft(&service.admin, OUTSIDE, vec![offer("MAIL", 1)]).await;
    let (owner, stranger) = (service.manager("E1000"), service.manager("E9999"));
    let get = async |id: &str, token: &str| {
        let request = GetQuoteRequest { id: id.to_owned() };
        service.quotes().get_quote(with(request, token)).await.map(|answer| answer.into_inner().quote.unwrap())
    };
    assert_eq!(get(&own.id, &owner).await.unwrap(), own);
    for (id, token) in [(&own.id, &stranger), (&outside.id, &owner)] {
        assert_eq!(get(id, token).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(service.submit(token, id).await.unwrap_err().code(), Code::NotFound);
    }
    let elsewhere =
        Quote { opportunity_id: outside.opportunity_id.clone(), lines: vec![offer("MAIL", 1)], ..Default::default() };
    assert_eq!(service.quote(&owner, elsewhere).await.unwrap_err().code(), Code::NotFound);
    let moved = Quote { id: own.id, opportunity_id: outside.opportunity_id, ..Default::default() };
    let request = UpdateQuoteRequest { quote: Some(moved), ..Default::default() };
    let status = service.quotes().update_quote(service.as_admin(request)).await.unwrap_err();
    assert_eq!(violations(&status), named(&[("quote.opportunity_id", "IMMUTABLE")]));
}
