//! Calls that cannot be answered: in time, said why, and nothing left behind.

use std::time::{Duration, Instant};

use guanxi_local_postgres::Durability;
use guanxi_proto::client_registry::v1::account_service_client::AccountServiceClient;
use guanxi_proto::client_registry::v1::*;
use guanxi_proto::imports::v1::ImportOptions;
use guanxi_test_support::Keys;
use sqlx::postgres::PgConnection;
use tokio::task::JoinSet;
use tokio_stream::StreamExt;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use crate::postgres::Postgres;
use crate::support::{Service, channel, eventually, named, number, reason, rows, serve_at};
use crate::wire::{self, Caller};

/// Statements of the service that wait for a lock.
const WAITING: &str = "select count(*) from pg_stat_activity where datname = current_database() \
    and usename = 'client_registry_service' and wait_event_type = 'Lock'";
/// Its transactions.
const OPEN: &str = "select count(*) from pg_stat_activity where datname = current_database() \
    and usename = 'client_registry_service' and state <> 'idle'";
const CONNECTIONS: &str = "select count(*) from pg_stat_activity where datname = current_database() \
    and usename = 'client_registry_service'";

/// A service with an account that somebody else holds locked, with the tree.
struct Locked {
    service: Service,
    account: Account,
    holder: PgConnection,
    watcher: PgConnection,
}

impl Locked {
    async fn new() -> Self {
        let service = Service::with_tree().await;
        let account = service.account(named("样例", "440305")).await.unwrap();
        let (mut holder, watcher) = (service.database.admin().await, service.database.admin().await);
        rows(&mut holder, "begin").await;
        rows(&mut holder, "select from client_registry.account for update").await;
        rows(&mut holder, "select from client_registry.tree for update").await;
        Self { service, account, holder, watcher }
    }

    fn update(&self) -> Request<UpdateAccountRequest> {
        let account = Account { id: self.account.id.clone(), address: "地址".to_owned(), ..Default::default() };
        self.service.as_admin(UpdateAccountRequest { account: Some(account), ..Default::default() })
    }

    fn move_territory(&self) -> Request<MoveTerritoryRequest> {
        let request =
            MoveTerritoryRequest { code: "440300".to_owned(), parent_code: "330000".to_owned(), ..Default::default() };
        self.service.as_admin(request)
    }

    /// An update that waits for the lock, begun and under way.
    async fn waiting(&mut self, count: usize) -> JoinSet<Result<Account, Status>> {
        let mut calls = JoinSet::new();
        for _ in 0..count {
            let (mut client, request) = (self.service.accounts(), self.update());
            calls.spawn(async move { Ok(client.update_account(request).await?.into_inner().account.unwrap()) });
        }
        let expected = i64::try_from(count.min(8)).unwrap();
        eventually("the calls wait", async || number(&mut self.watcher, WAITING).await == expected).await;
        calls
    }

    /// Nothing of the service is under way in the database.
    async fn nothing_left(&mut self) {
        eventually("the statements are gone", async || number(&mut self.watcher, OPEN).await == 0).await;
    }

    /// Lets go of the locks; then everything is as it was, and the service as good as new.
    async fn release(mut self) -> Service {
        rows(&mut self.holder, "rollback").await;
        self.nothing_left().await;
        let events = number(&mut self.watcher, "select count(*) from client_registry.event").await;
        assert_eq!(events, 7, "nothing was half done");
        let moved = "select count(*) from client_registry.territory where code = '440300' and parent_code = '330000'";
        assert_eq!(number(&mut self.watcher, moved).await, 0);
        let mut calls = JoinSet::new();
        for _ in 0..200 {
            let request = GetAccountRequest { key: Some(get_account_request::Key::Id(self.account.id.clone())) };
            let (mut client, request) = (self.service.accounts(), self.service.as_admin(request));
            calls.spawn(async move { client.get_account(request).await.unwrap().into_inner().account.unwrap() });
        }
        assert!(calls.join_all().await.into_iter().all(|account| account == self.account));
        let connections = number(&mut self.watcher, CONNECTIONS).await;
        assert!(connections <= 10, "8, one that listens, one that notifies and cancels: {connections}");
        self.service
    }
}

fn limited<T>(mut request: Request<T>, deadline: Duration) -> Request<T> {
    request.set_timeout(deadline);
    request
}

/// The status of a call with a deadline, and how long it took. It was ours, or the client gave up by its own clock.
fn assert_in_time(status: &Status, took: Duration, deadline: Duration) -> bool {
    assert!(took < deadline + Duration::from_millis(100), "{took:?} for {deadline:?}: {status:?}");
    let ours = status.code() == Code::DeadlineExceeded && reason(status) == "DEADLINE_EXCEEDED";
    assert!(ours || status.message() == "Timeout expired", "{status:?}");
    ours
}

#[tokio::test]
async fn a_call_that_waits_is_answered_at_its_deadline_and_nothing_goes_on() {
    let mut locked = Locked::new().await;
    let (mut accounts, mut territories) = (locked.service.accounts(), locked.service.territories());
    let (mut ours, mut longest) = (0, Duration::ZERO);
    for deadline in [50, 300].map(Duration::from_millis) {
        for _ in 0..10 {
            let started = Instant::now();
            let status = accounts.update_account(limited(locked.update(), deadline)).await.unwrap_err();
            ours += usize::from(assert_in_time(&status, started.elapsed(), deadline));
            longest = longest.max(started.elapsed().saturating_sub(deadline));
            let started = Instant::now();
            let status = territories.move_territory(limited(locked.move_territory(), deadline)).await.unwrap_err();
            ours += usize::from(assert_in_time(&status, started.elapsed(), deadline));
        }
        let answered = Instant::now();
        locked.nothing_left().await;
        println!("deadline {deadline:?}: statements gone {:?} after the last answer", answered.elapsed());
        assert!(answered.elapsed() < Duration::from_secs(1));
    }
    println!("{ours} of 40 answered by the service, at most {longest:?} late");
    assert!(ours >= 20, "a busy machine may delay some answers beyond the client's own clock: {ours}");
    locked.release().await;
}

#[tokio::test]
async fn a_hundred_abandoned_calls_at_once_leave_a_good_service() {
    let mut locked = Locked::new().await;
    for (round, deadline) in [(0, 50), (1, 100), (2, 200)] {
        let mut calls = JoinSet::new();
        for _ in 0..100 {
            let (mut client, request) =
                (locked.service.accounts(), limited(locked.update(), Duration::from_millis(deadline)));
            calls.spawn(async move { client.update_account(request).await.map(|_| ()) });
        }
        let outcomes = calls.join_all().await;
        let ours =
            outcomes.iter().filter(|outcome| outcome.as_ref().unwrap_err().code() == Code::DeadlineExceeded).count();
        println!("round {round}: {ours} of 100 answered by the service");
        locked.nothing_left().await;
    }
    locked.release().await;
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_its_statements_along() {
    let mut locked = Locked::new().await;
    for count in [1, 8, 100] {
        let calls = locked.waiting(count).await;
        drop(calls);
        let gone = Instant::now();
        locked.nothing_left().await;
        println!("{count} callers gone: nothing left after {:?}", gone.elapsed());
        assert!(gone.elapsed() < Duration::from_secs(2));
    }
    locked.release().await;
}

#[tokio::test]
async fn more_calls_than_the_service_takes_are_told_to_come_again() {
    let mut locked = Locked::new().await;
    let (address, _stop) = serve_at(locked.service.database.service_url(), &locked.service.keys, 4);
    locked.service.channel = channel(address);
    let under_way = locked.waiting(4).await;
    for _ in 0..20 {
        let refused = locked.service.accounts().update_account(locked.update()).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::ResourceExhausted, "OVERLOADED"));
        assert!(refused.get_error_details().retry_info().is_some_and(|retry| retry.retry_delay.is_some()));
    }
    guanxi_grpc::health_check(address).await.unwrap();
    drop(under_way);
    locked.nothing_left().await;
    eventually("calls are taken again", async || {
        let request = locked.service.as_admin(ListTerritoryLevelsRequest {});
        locked.service.territories().list_territory_levels(request).await.is_ok()
    })
    .await;
    rows(&mut locked.holder, "rollback").await;
    for _ in 0..20 {
        let mut calls = JoinSet::new();
        for _ in 0..4 {
            let (mut client, request) = (locked.service.accounts(), locked.update());
            calls.spawn(async move { client.update_account(request).await });
        }
        assert!(calls.join_all().await.iter().all(Result::is_ok));
    }
}

#[tokio::test]
async fn calls_under_way_are_answered_when_the_service_stops() {
    let mut locked = Locked::new().await;
    let mut watch = HealthClient::new(locked.service.channel.clone());
    let mut health = watch.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(health.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let under_way = locked.waiting(5).await;

    locked.service.stop();
    assert_eq!(health.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    eventually("no new connection", async || guanxi_grpc::health_check(locked.service.address).await.is_err()).await;
    assert_eq!(number(&mut locked.watcher, WAITING).await, 5, "they go on");
    rows(&mut locked.holder, "rollback").await;
    let answers: Vec<_> = under_way.join_all().await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|account| account.address == "地址" && account.etag == "\"2\""));
    locked.nothing_left().await;
}

#[tokio::test]
async fn a_tool_that_keeps_reflection_open_does_not_hold_up_a_stop() {
    let mut service = Service::start().await;
    // ServerReflectionRequest { list_services }, and the request goes on.
    let requests = tokio_stream::once(vec![0x3a, 0x00]).chain(tokio_stream::pending());
    let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let mut answers = wire::send(&service.channel, Caller::default(), path, requests).await.unwrap();
    assert!(answers.message().await.unwrap().is_some());
    let begun = Instant::now();
    service.stop();
    let status = answers.message().await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "UNAVAILABLE"));
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
}

#[tokio::test]
async fn an_export_and_an_import_that_a_stop_cuts_off_do_not_look_complete() {
    let mut service = Service::with_tree().await;
    let account = service.account(named("样例", "440305")).await.unwrap();
    let mut admin = service.database.admin().await;
    let columns = rows(
        &mut admin,
        "select string_agg(attname, ', ' order by attnum) from pg_attribute \
         where attrelid = 'client_registry.account'::regclass and attnum > 1 and not attisdropped",
    )
    .await;
    let columns: String = sqlx::Row::get(&columns[0], 0);
    let copies = format!(
        "insert into client_registry.account (id, {columns}) select gen_random_uuid(), {columns} \
         from client_registry.account, generate_series(2, 20000) where id = '{}'",
        account.id
    );
    rows(&mut admin, copies).await;

    let mut export = service
        .accounts()
        .export_accounts(service.as_admin(ExportAccountsRequest::default()))
        .await
        .unwrap()
        .into_inner();
    let mut exported = export.message().await.unwrap().unwrap().accounts.len();
    let (send, messages) = tokio::sync::mpsc::channel(1);
    let messages = tokio_stream::wrappers::ReceiverStream::new(messages);
    let mut import = service.accounts().import_accounts(service.as_admin(messages)).await.unwrap().into_inner();
    let options = ImportOptions { import_id: uuid::Uuid::now_v7().to_string(), ..Default::default() };
    send.send(ImportAccountsRequest { options: Some(options), rows: Vec::new() }).await.unwrap();
    assert!(import.message().await.unwrap().is_some());

    service.stop();
    assert_eq!(import.message().await.unwrap_err().code(), Code::Unavailable);
    let status = loop {
        match export.message().await {
            Ok(Some(answer)) => exported += answer.accounts.len(),
            Ok(None) => panic!("it looks complete with {exported} of 20,000 accounts"),
            Err(status) => break status,
        }
    };
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "UNAVAILABLE"));
    assert!(exported < 20_000);
}

async fn create(client: &mut AccountServiceClient<Channel>, token: &str, name: &str) -> Result<Account, Status> {
    let request = CreateAccountRequest { account: Some(named(name, "CN")), request_id: String::new() };
    let answer = client.create_account(guanxi_test_support::with_token(request, token)).await?;
    Ok(answer.into_inner().account.unwrap())
}

#[tokio::test]
async fn a_restart_of_postgres_is_said_and_survived() {
    let mut postgres = Postgres::start(Durability::Durable).await;
    postgres.migrate().await;
    let keys = Keys::new();
    let (address, _stop) = serve_at(postgres.service_url(), &keys, 512);
    let token = keys.token("E0001", &[(guanxi_auth::Role::Administrator, "*")]);
    let (mut accounts, mut admin) = (AccountServiceClient::new(channel(address)), postgres.admin().await);
    rows(
        &mut admin,
        "insert into client_registry.territory (id, code, name_zh, level, path, version, create_time, update_time) \
         values (gen_random_uuid(), 'CN', '总部', 'HEADQUARTERS', 'CN/', 1, 'now', 'now')",
    )
    .await;
    let mut feed = guanxi_proto::events::v1::event_feed_service_client::EventFeedServiceClient::new(channel(address));
    let follow = guanxi_proto::events::v1::FollowRequest::default();
    let mut stream = feed.follow(guanxi_test_support::with_token(follow, &token)).await.unwrap().into_inner();
    create(&mut accounts, &token, "先前").await.unwrap();
    assert_eq!(stream.message().await.unwrap().unwrap().checked_position, 1);

    for round in 0..2 {
        postgres.stop();
        for _ in 0..20 {
            let status = create(&mut accounts, &token, "其间").await.unwrap_err();
            assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "UNAVAILABLE"), "{status:?}");
            assert!(status.get_error_details().retry_info().is_some());
        }
        postgres.start_again();
        let started = Instant::now();
        eventually("the service recovers", async || create(&mut accounts, &token, "后来").await.is_ok()).await;
        println!("round {round}: served again after {:?}", started.elapsed());
        assert!(started.elapsed() < Duration::from_secs(3));
        for _ in 0..50 {
            create(&mut accounts, &token, "再后来").await.unwrap();
        }
        // The subscriber was never interrupted: it only had to wait.
        let newest = 1 + (round + 1) * 51;
        while stream.message().await.unwrap().unwrap().checked_position < newest {}
    }
}
