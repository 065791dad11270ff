//! product-catalog down, silent and slow while quotes are made: a clear refusal in time, and nothing is changed or held up.

use std::time::{Duration, Instant};

use guanxi_proto::opportunity_pipeline::v1::*;
use guanxi_test_support::contract::INSIDE;
use guanxi_test_support::{Keys, Running, metadata};
use tonic::{Code, Request, Status};

use crate::catalog::{self, Gate};
use crate::support::{Service, deal, offer, refusal, serve_beside};

/// What a call of the tests may take.
const ALLOWED: Duration = Duration::from_secs(2);

fn serve_alone(database_url: String, keys: &Keys, max_calls: u16) -> Running {
    serve_beside(catalog::nowhere(), database_url, keys, max_calls)
}

fn serve_beside_silence(database_url: String, keys: &Keys, max_calls: u16) -> Running {
    serve_beside(catalog::silent(), database_url, keys, max_calls)
}

fn in_time<T>(mut request: Request<T>) -> Request<T> {
    request.set_timeout(ALLOWED);
    request
}

/// Creates a quote for an opportunity within the deadline.
async fn create(service: &Service, opportunity_id: &str, code: &str) -> Result<Quote, Status> {
    let quote = Quote { opportunity_id: opportunity_id.to_owned(), lines: vec![offer(code, 1)], ..Default::default() };
    let request = CreateQuoteRequest { quote: Some(quote), request_id: String::new() };
    let begun = Instant::now();
    let outcome = service.quotes().create_quote(in_time(service.as_admin(request))).await;
    assert!(begun.elapsed() < ALLOWED + Duration::from_millis(500), "the deadline is held");
    outcome.map(|answer| answer.into_inner().quote.unwrap())
}

#[tokio::test]
async fn a_catalog_that_is_not_there_is_named_and_nothing_is_changed() {
    let service = Service::start_by(serve_alone).await;
    let deal = service.opportunity(deal("断网", INSIDE)).await.unwrap();
    let before = service.contents().await;
    let refused = create(&service, &deal.id, "MAIL").await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::Unavailable, "UNAVAILABLE".to_owned()));
    assert_eq!(metadata(&refused, "service").as_deref(), Some("product-catalog"));
    assert_eq!(service.contents().await, before);
}

#[tokio::test]
async fn a_catalog_that_says_nothing_ends_at_the_deadline_and_holds_nobody_up() {
    let service = Service::start_by(serve_beside_silence).await;
    let deal = service.opportunity(deal("挂起", INSIDE)).await.unwrap();
    // More of them than there are connections.
    let waiting = futures_util::future::join_all((0..20).map(|_| create(&service, &deal.id, "MAIL")));
    let change = async {
        let changed = Opportunity { title: "改名".to_owned(), ..deal.clone() };
        let begun = Instant::now();
        let changed = service.update(changed, &["title"]).await.unwrap();
        assert!(begun.elapsed() < ALLOWED, "it waited for the quotes");
        changed
    };
    let (refused, changed) = tokio::join!(waiting, change);
    for refused in refused {
        assert_eq!(refusal(&refused.unwrap_err()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".to_owned()));
    }
    let request = ListQuotesRequest { opportunity_id: deal.id.clone(), ..Default::default() };
    let quotes = service.quotes().list_quotes(service.as_admin(request)).await.unwrap().into_inner().quotes;
    assert_eq!(quotes, []);
    let request = GetOpportunityRequest { id: deal.id };
    let present = service.opportunities().get_opportunity(service.as_admin(request)).await.unwrap().into_inner();
    assert_eq!(present.opportunity, Some(changed));
}

#[tokio::test]
async fn a_draft_that_cannot_be_priced_again_stays_a_draft() {
    let mut service = Service::start().await;
    let code = format!("GATED-{}", uuid::Uuid::now_v7());
    let gate = Gate::of(&code);
    gate.open();
    let draft = service.draft(&service.admin, INSIDE, vec![offer(&code, 1)]).await;
    let before = service.contents().await;
    // The answer would come after the deadline.
    let request = SubmitQuoteRequest { id: draft.id.clone(), ..Default::default() };
    let late = service.quotes().submit_quote(in_time(service.as_admin(request))).await.unwrap_err();
    assert_eq!(refusal(&late), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".to_owned()));
    assert_eq!(service.contents().await, before);
    gate.open();
    gate.open();
    service.restart();
    let submitted = service.submit(&service.admin, &draft.id).await.unwrap();
    assert_eq!(submitted.state(), QuoteState::Approved);
}

#[tokio::test]
async fn what_changed_while_a_quote_was_priced_is_not_overwritten() {
    let service = Service::start().await;
    let code = format!("GATED-{}", uuid::Uuid::now_v7());
    let gate = Gate::of(&code);
    gate.open();
    let draft = service.draft(&service.admin, INSIDE, vec![offer(&code, 1)]).await;
    gate.arrival().await;
    let submission = async {
        let request = SubmitQuoteRequest { id: draft.id.clone(), ..Default::default() };
        service.quotes().submit_quote(service.as_admin(request)).await
    };
    let change = async {
        gate.arrival().await;
        // Neither the quote nor its opportunity is locked meanwhile.
        let lines = vec![offer("MAIL", 1)];
        let changed = Quote { id: draft.id.clone(), lines, ..Default::default() };
        let request = UpdateQuoteRequest { quote: Some(changed), ..Default::default() };
        let changed = service.quotes().update_quote(service.as_admin(request)).await.unwrap();
        gate.open();
        changed.into_inner().quote.unwrap()
    };
    let (submitted, changed) = tokio::join!(submission, change);
    assert_eq!(refusal(&submitted.unwrap_err()), (Code::Aborted, "CONFLICT".to_owned()));
    assert_eq!(service.quote_of(&draft.id).await, changed);
}

#[tokio::test]
async fn a_repeat_is_answered_while_the_catalog_is_gone() {
    let service = Service::start().await;
    let code = format!("GATED-{}", uuid::Uuid::now_v7());
    let gate = Gate::of(&code);
    gate.open();
    let opportunity_id = service.opportunity(deal("重试", INSIDE)).await.unwrap().id;
    let quote = Quote { opportunity_id, lines: vec![offer(&code, 1)], ..Default::default() };
    let request = CreateQuoteRequest { quote: Some(quote), request_id: uuid::Uuid::now_v7().to_string() };
    let first = service.quotes().create_quote(service.as_admin(request.clone())).await.unwrap().into_inner();
    // The gate is closed: whoever asked for a price would wait for it.
    let again = service.quotes().create_quote(in_time(service.as_admin(request))).await.unwrap().into_inner();
    assert_eq!((again.quote, again.position), (first.quote, 0));
}
