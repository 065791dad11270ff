//! What is said when a call cannot be answered: the process is full, slow, about to stop, or broken.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tokio::task::{JoinHandle, JoinSet};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::refused::check_refusal;
use super::wire::{self, Caller};
use super::{INSIDE, Subject};
use crate::{Served, TestDatabase, channel, eventually, number, reason, rows};

/// The reasons that these tests provoke, for the check that no published reason is left out.
pub const REASONS: [(Code, &str); 5] = [OVERLOADED, DEADLINE, UNAVAILABLE, CONFLICT, INTERNAL];
const OVERLOADED: (Code, &str) = (Code::ResourceExhausted, "OVERLOADED");
const DEADLINE: (Code, &str) = (Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
const UNAVAILABLE: (Code, &str) = (Code::Unavailable, "UNAVAILABLE");
const CONFLICT: (Code, &str) = (Code::Aborted, "CONFLICT");
const INTERNAL: (Code, &str) = (Code::Internal, "INTERNAL");

/// Statements that wait for a lock.
const WAITING: &str =
    "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";

/// The refusal of a call, checked in both languages.
async fn refused(channel: &Channel, caller: Caller<'_>, method: &str, request: Json, expected: (Code, &str)) {
    for (language, tag) in [(None, "zh-CN"), (Some("en"), "en")] {
        let caller = Caller { language, ..caller };
        let answers = wire::call(channel, caller, &wire::method(method), std::slice::from_ref(&request)).await;
        check(&answers.unwrap_err(), expected, tag);
    }
}

/// What holds for a refusal with this code and reason, in this language.
pub fn check(status: &Status, expected: (Code, &str), tag: &str) {
    assert_eq!((status.code(), reason(status).as_str()), expected, "{status:?}");
    check_refusal(expected.1, status, tag);
    let retries = ["OVERLOADED", "UNAVAILABLE", "CONFLICT"].contains(&expected.1);
    let delay = status.get_error_details().retry_info().and_then(|info| info.retry_delay);
    assert_eq!(delay.is_some_and(|delay| delay > Duration::ZERO), retries, "{status:?}");
}

/// A connection that holds the head of the events, so that no change can commit.
async fn hold_head(database: &TestDatabase) -> sqlx::PgConnection {
    let mut connection = database.admin().await;
    rows(&mut connection, "begin").await;
    let head = format!("select position from {}.event_head for update", database.schema());
    rows(&mut connection, head).await;
    connection
}

/// A creation under way.
fn create<S: Subject>(served: &Served, channel: Channel, request: Json) -> JoinHandle<Result<(), Status>> {
    let (token, method) = (served.admin.clone(), wire::method(S::CREATES));
    tokio::spawn(async move { wire::call(&channel, Caller::with(&token), &method, &[request]).await.map(drop) })
}

/// The request of a creation, under an id.
async fn creation<S: Subject>(service: &S) -> Json {
    let mut request = service.request(S::fixture_of(&wire::method(S::CREATES)), INSIDE).await;
    request["requestId"] = json!(uuid::Uuid::now_v7());
    request
}

/// More calls than a process takes are told to come again.
pub async fn a_process_that_is_full_says_so<S: Subject>() {
    let service = S::start().await;
    let small = service.another(1);
    let (channel, request) = (channel(small.address), creation(&service).await);
    let (mut holder, mut looking) = (hold_head(&service.database).await, service.database.admin().await);
    let first = create::<S>(&service, channel.clone(), request);
    eventually("the first call waits for the head", async || number(&mut looking, WAITING).await == 1).await;
    refused(&channel, Caller::with(&service.admin), "IdentityService/WhoAmI", json!({}), OVERLOADED).await;
    rows(&mut holder, "rollback").await;
    first.await.unwrap().unwrap();
}

/// Every method that changes something, while nothing can be changed.
pub async fn a_call_that_waits_is_answered_at_its_deadline_and_nothing_happened<S: Subject>() {
    const DEADLINE_OF_CALLS: Duration = Duration::from_secs(3);
    let service = S::start().await;
    let mut requests = Vec::new();
    for (method, fixture) in S::changes_with_fixtures() {
        requests.push((method, service.request(fixture, INSIDE).await));
    }
    let before = service.contents().await;
    let (mut holder, mut looking) = (hold_head(&service.database).await, service.database.admin().await);
    let mut calls = JoinSet::new();
    for (method, request) in requests {
        let (channel, token) = (service.channel.clone(), service.admin.clone());
        calls.spawn(async move {
            let begun = Instant::now();
            let caller = Caller { timeout: Some(DEADLINE_OF_CALLS), ..Caller::with(&token) };
            let outcome = wire::call(&channel, caller, &method, &[request]).await.map(drop);
            (method, outcome, begun.elapsed())
        });
    }
    let (mut answered, mut given_up) = (0, Vec::new());
    for (method, outcome, took) in calls.join_all().await {
        let status = outcome.map_err(Box::new).expect_err(method.full_name());
        assert!(took < DEADLINE_OF_CALLS + Duration::from_millis(500), "{}: {took:?}", method.full_name());
        // All are answered at the same instant: on a busy machine some clients stop waiting before their answer is there.
        if status.code() == Code::Cancelled && status.details().is_empty() {
            given_up.push(method.full_name().to_owned());
            continue;
        }
        check(&status, DEADLINE, "zh-CN");
        answered += 1;
    }
    assert!(answered > given_up.len(), "clients gave up before the service answered: {given_up:?}");
    let under_way = format!(
        "select count(*) from pg_stat_activity where datname = current_database() and usename = '{}_service' \
         and state <> 'idle'",
        service.database.schema()
    );
    eventually("the statements are gone", async || number(&mut looking, under_way.clone()).await == 0).await;
    rows(&mut holder, "rollback").await;
    assert_eq!(service.contents().await, before, "something was half done");
}

/// A stream does not just end.
pub async fn a_process_that_stops_says_so_on_its_streams<S: Subject>() {
    let mut service = S::start().await;
    wire::ask(&service, Caller::with(&service.admin), &wire::method(S::CREATES), &creation(&service).await)
        .await
        .unwrap();
    let mut stream = service.follow(&service.admin, 0, &[]).await.unwrap();
    assert!(stream.message().await.unwrap().is_some());
    service.stop();
    let status = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ends without a word"),
            Err(status) => break status,
        }
    };
    check(&status, UNAVAILABLE, "en");
}

/// Postgres ends one of two that wait for each other, and its caller may try again.
pub async fn changes_that_wait_for_each_other_end_in_a_conflict<S: Subject>() {
    let service = S::start().await;
    let request = creation(&service).await;
    let (mut holder, mut looking) = (hold_head(&service.database).await, service.database.admin().await);
    // The service is to be the one that notices.
    rows(&mut holder, "set local deadlock_timeout = '1min'").await;
    let creation = create::<S>(&service, service.channel.clone(), request);
    eventually("the creation has its request id and waits for the head", async || {
        number(&mut looking, WAITING).await == 1
    })
    .await;
    rows(&mut holder, format!("lock table {}.request", service.database.schema())).await;
    check(&creation.await.unwrap().unwrap_err(), CONFLICT, "zh-CN");
    rows(&mut holder, "rollback").await;
}

/// The cause of a fault is for the log.
pub async fn a_fault_of_the_service_tells_nothing_of_its_cause<S: Subject>() {
    let service = S::start().await;
    let (schema, caller, method) = (service.database.schema(), Caller::with(&service.admin), wire::method(S::CREATES));
    let mut connection = service.database.admin().await;
    let request = creation(&service).await;
    rows(&mut connection, format!("alter table {schema}.request rename to gone")).await;
    refused(&service.channel, caller, S::CREATES, request.clone(), INTERNAL).await;
    // Everything else goes on, and so does this when it is mended.
    let without_id = service.request(S::fixture_of(&method), INSIDE).await;
    wire::call(&service.channel, caller, &method, &[without_id]).await.unwrap();
    rows(&mut connection, format!("alter table {schema}.gone rename to request")).await;
    wire::call(&service.channel, caller, &method, &[request]).await.unwrap();
}
