//! The feed: no event lost, none twice, in the order of the commits, whatever happens to those who read.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use guanxi_auth::{Caller, Principal, Role};
use guanxi_db::Database;
use guanxi_events::{NewEvent, Outbox};
use guanxi_grpc::{BearerToken, Call};
use guanxi_proto::client_registry::v1::*;
use guanxi_proto::events::v1::{Event, FollowRequest, FollowResponse, GetFeedHeadRequest};
use guanxi_test_support::with_token;
use prost::Message;
use sqlx::Row;
use sqlx::postgres::PgConnection;
use time::OffsetDateTime;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::support::{Random, Service, channel, named, reason, rows};

/// Longest that a test waits for an event that must come.
const PATIENCE: Duration = Duration::from_secs(30);

impl Service {
    /// Commits an event of an account and returns its position.
    async fn create(&self, name: &str, territory: &str) -> (Account, i64) {
        let request = CreateAccountRequest { account: Some(named(name, territory)), request_id: String::new() };
        let answer = self.accounts().create_account(self.as_admin(request)).await.unwrap().into_inner();
        (answer.account.unwrap(), answer.position)
    }
}

/// The next answer of a feed.
async fn next(stream: &mut Streaming<FollowResponse>) -> FollowResponse {
    tokio::time::timeout(PATIENCE, stream.message())
        .await
        .expect("the feed stands still")
        .unwrap()
        .expect("the feed ended")
}

async fn next_event(stream: &mut Streaming<FollowResponse>) -> Event {
    loop {
        if let Some(event) = next(stream).await.event {
            return event;
        }
    }
}

/// What a subscriber has, checked as it comes.
#[derive(Default)]
pub(crate) struct Received {
    pub(crate) position: i64,
    versions: HashMap<String, i64>,
    /// How many events of each writer.
    of_writers: HashMap<String, i64>,
}

impl Received {
    fn take(&mut self, event: &Event) {
        assert_eq!(event.position, self.position + 1, "positions are dense, and none comes twice");
        self.position = event.position;
        let version = self.versions.entry(event.subject.clone()).or_default();
        assert_eq!(event.version, *version + 1, "versions of {} are in order", event.subject);
        *version = event.version;
        if event.actor.starts_with('W') {
            let change = AccountChange::decode(event.payload.as_ref().unwrap().value.as_slice()).unwrap();
            let count = self.of_writers.entry(event.actor.clone()).or_default();
            *count += 1;
            assert_eq!(change.reason, count.to_string(), "events of {} are in the order of its commits", event.actor);
        }
    }

    /// Receives up to a position.
    pub(crate) async fn receive(&mut self, stream: &mut Streaming<FollowResponse>, until: i64) {
        while self.position < until {
            let response = next(stream).await;
            self.take(&response.event.expect("nothing is hidden from this subscriber"));
            assert_eq!(response.checked_position, self.position);
        }
    }
}

/// Writes events of its own accounts through the outbox, as another process of the service does.
pub(crate) struct Writer {
    database: Database,
    outbox: Outbox,
    call: Call,
    random: Random,
    /// Accounts and their versions.
    accounts: Vec<(Uuid, i64)>,
    written: i64,
    filler: String,
}

impl Writer {
    pub(crate) async fn new(service: &Service, number: u64, filler: usize) -> Self {
        let settings = guanxi_db::Settings {
            database_url: service.database.service_url(),
            owner_database_url: None,
            database_connections: 1,
        };
        let database = Database::connect(&settings, client_registry::SCHEMA).await.unwrap();
        let now = OffsetDateTime::now_utc();
        let principal = Principal { subject: format!("W{number}"), grants: Vec::new(), expire_time: now };
        let call = Call {
            caller: Caller { principal: principal.into() },
            method: "test/Write",
            permission: "account.write",
            now,
            traceparent: None,
            token: BearerToken::default(),
            due: None,
        };
        Self {
            outbox: Outbox::new(&database),
            database,
            call,
            random: Random(number),
            accounts: (0..20).map(|_| (guanxi_db::new_id(now), 0)).collect(),
            written: 0,
            filler: "满".repeat(filler / 3),
        }
    }

    /// Some next events, and the versions and the count after them.
    fn events(&mut self, count: usize) -> (Vec<NewEvent>, Vec<(Uuid, i64)>, i64) {
        let (mut accounts, mut written) = (self.accounts.clone(), self.written);
        let events = (0..count).map(|_| {
            let account = &mut accounts[self.random.below(20)];
            account.1 += 1;
            written += 1;
            let after = Account { address: self.filler.clone(), ..Default::default() };
            NewEvent {
                kind: "account.updated",
                noun: "account",
                id: account.0,
                version: account.1,
                territory: None,
                previous_territory: None,
                mentions: Vec::new(),
                payload: NewEvent::pack(&AccountChange {
                    after: Some(after),
                    reason: written.to_string(),
                    ..Default::default()
                }),
            }
        });
        (events.collect(), accounts, written)
    }

    /// One transaction.
    pub(crate) async fn write(&mut self, count: usize) -> i64 {
        let (events, accounts, written) = self.events(count);
        let transaction = self.database.begin().await.unwrap();
        let position = self.outbox.commit(transaction, &self.call, events).await.unwrap();
        (self.accounts, self.written) = (accounts, written);
        position
    }

    /// A transaction that comes to nothing, abandoned before it has a position or refused when it has.
    async fn roll_back(&mut self, count: usize) {
        let (mut events, ..) = self.events(count);
        let mut transaction = self.database.begin().await.unwrap();
        transaction.claim(None, Uuid::nil(), self.call.now).await.unwrap();
        sqlx::raw_sql("select position from client_registry.event_head for key share")
            .execute(&mut **transaction)
            .await
            .unwrap();
        if count.is_multiple_of(2) {
            return;
        }
        let again = events[0].clone();
        events.push(again);
        let error = self.outbox.commit(transaction, &self.call, events).await.unwrap_err();
        assert_eq!(error.constraint(), Some("event_subject_version_key"));
    }

    /// Writes so many events in transactions of mixed size; every tenth comes to nothing.
    async fn write_all(mut self, total: i64) {
        while self.written < total {
            let left = usize::try_from(total - self.written).unwrap();
            let size = [1, 1, 2, 5, 20, 100][self.random.below(6)].min(left);
            if self.random.below(10) == 0 {
                self.roll_back(size).await;
            } else {
                self.write(size).await;
            }
        }
    }
}

/// Looks again and again: what is visible at any moment is a beginning of the feed, so positions are in the order of the commits.
async fn watch_prefixes(mut admin: PgConnection, until: i64) -> i64 {
    let mut looks = 0;
    loop {
        let found = rows(
            &mut admin,
            "select (select position from client_registry.event_head), count(*), coalesce(min(position), 1), \
             coalesce(max(position), 0) from client_registry.event",
        )
        .await;
        let [head, count, min, max] = [0, 1, 2, 3].map(|column| found[0].get::<i64, _>(column));
        assert_eq!((min, max, head), (1, count, count), "a hole, or events out of the order of the commits");
        looks += 1;
        if max >= until {
            return looks;
        }
    }
}

/// Is killed at 20 random moments, and goes on from where it was.
async fn receive_between_kills(service: &Service, until: i64) -> Received {
    let mut random = Random(20);
    let range = usize::try_from(until).unwrap();
    let kills: BTreeSet<i64> = (0..20).map(|_| i64::try_from(1 + random.below(range - 1)).unwrap()).collect();
    let mut received = Received::default();
    for stop in kills.into_iter().chain([until]) {
        let mut stream = service.follow(&service.admin, received.position, &[]).await.unwrap();
        received.receive(&mut stream, stop).await;
    }
    received
}

#[tokio::test]
async fn of_fifty_thousand_events_none_is_lost_none_comes_twice_and_all_are_in_the_order_of_their_commits() {
    const WRITERS: i64 = 4;
    const OF_EACH: i64 = 12_000;
    let service = Service::with_tree().await;
    let (_, api_start) = service.create("起点", "440305").await;
    let total = api_start + WRITERS * OF_EACH + 50 * 40;

    // A transaction that is open all the while, as a slow report or an import would be.
    let mut slow = service.database.admin().await;
    rows(&mut slow, "begin").await;
    rows(&mut slow, "update client_registry.territory_level set rank = rank where code = 'GRID'").await;

    let mut writers = tokio::task::JoinSet::new();
    for number in 0..WRITERS {
        writers.spawn(Writer::new(&service, u64::try_from(number).unwrap(), 60).await.write_all(OF_EACH));
    }
    // Fifty accounts through the API, each changed 39 times.
    let api = async {
        for round in 0..50 {
            let (account, _) = service.create(&format!("企业{round}"), "440305").await;
            for change in 0..39 {
                let account =
                    Account { id: account.id.clone(), address: format!("地址{change}"), ..Default::default() };
                let request = UpdateAccountRequest { account: Some(account), ..Default::default() };
                service.accounts().update_account(service.as_admin(request)).await.unwrap();
            }
        }
    };
    let prefixes = tokio::spawn(watch_prefixes(service.database.admin().await, total));
    let steady = async {
        let (mut received, mut stream) = (Received::default(), service.follow(&service.admin, 0, &[]).await.unwrap());
        received.receive(&mut stream, total / 2).await;
        // Half of all came through while the slow transaction was open.
        rows(&mut slow, "rollback").await;
        received.receive(&mut stream, total).await;
        received
    };
    let started = Instant::now();
    let (steady, killed, ()) = tokio::join!(steady, receive_between_kills(&service, total), api);
    println!("{total} events in {:?}, {} looks at a beginning of the feed", started.elapsed(), prefixes.await.unwrap());
    writers.join_all().await;
    for received in [steady, killed] {
        assert_eq!(received.of_writers.values().copied().collect::<Vec<_>>(), [OF_EACH; 4]);
    }
    let head = service.feed().get_feed_head(service.as_admin(GetFeedHeadRequest {})).await.unwrap().into_inner();
    assert_eq!((head.oldest_position, head.newest_position), (1, total));
}

/// Memory of this process, in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test]
async fn a_subscriber_that_never_reads_costs_bounded_memory_and_disturbs_nobody() {
    const EVENTS: i64 = 20_000;
    const SIZE: usize = 20_000;
    let service = Service::start().await;
    let mut silent = service.follow(&service.admin, 0, &[]).await.unwrap();
    let mut busy = service.follow(&service.admin, 0, &[]).await.unwrap();
    let mut writer = Writer::new(&service, 1, SIZE).await;
    let before = resident();
    let write = async {
        while writer.written < EVENTS {
            writer.write(100).await;
        }
    };
    let mut received = Received::default();
    tokio::join!(write, received.receive(&mut busy, EVENTS));
    let grown = resident().saturating_sub(before) / 1_000_000;
    println!("{} MB of events, {grown} MB of memory", 20_000 * SIZE / 1_000_000);
    assert!(grown < 260, "{grown} MB");
    // It is late, and that is all.
    Received::default().receive(&mut silent, EVENTS).await;
}

#[tokio::test]
async fn a_scope_sees_an_account_come_whole_and_leave_once() {
    let service = Service::with_tree().await;
    let auditor = service.token(Role::Auditor, "440000");
    let start = service.create("别处的企业", "330100").await.1;
    let mut stream = service.follow(&auditor, start, &[]).await.unwrap();
    let place = async |account: &Account, territory: &str| {
        let account = Account { id: account.id.clone(), territory_code: territory.to_owned(), ..Default::default() };
        let request = UpdateAccountRequest { account: Some(account), ..Default::default() };
        service.accounts().update_account(service.as_admin(request)).await.unwrap().into_inner().position
    };

    let (account, position) = service.create("样例", "330100").await;
    let outside = next(&mut stream).await;
    assert_eq!((outside.event, outside.checked_position), (None, position), "what is hidden counts as read");

    let position = place(&account, "440305").await;
    let came = next_event(&mut stream).await;
    assert_eq!((came.position, came.left_scope, came.territory_code.as_str()), (position, false, "440305"));
    let change = AccountChange::decode(came.payload.unwrap().value.as_slice()).unwrap();
    assert_eq!(
        (change.after.unwrap().legal_name.as_str(), change.before.unwrap().territory_code.as_str()),
        ("样例", "")
    );

    let position = place(&account, "330100").await;
    let left = next_event(&mut stream).await;
    assert_eq!(
        (left.position, left.left_scope, left.territory_code.as_str(), left.payload),
        (position, true, "", None)
    );

    // Nothing more of it, however often it changes.
    place(&account, "CN").await;
    let position = place(&account, "330100").await;
    let mut checked = left.position;
    while checked < position {
        let response = next(&mut stream).await;
        assert_eq!(response.event, None);
        assert!(response.checked_position > checked);
        checked = response.checked_position;
    }
}

#[tokio::test]
async fn what_comes_with_a_moved_territory_is_seen_in_every_process() {
    let service = Service::with_tree().await;
    let (address, _stop) = crate::support::serve(&service.database, &service.keys);
    let mut replica =
        guanxi_proto::events::v1::event_feed_service_client::EventFeedServiceClient::new(channel(address));
    let auditor = service.token(Role::Auditor, "330000");
    let start = service.create("起点", "330100").await.1;
    let request = FollowRequest { after_position: start, types: Vec::new() };
    let mut near = service.follow(&auditor, start, &[]).await.unwrap();
    let mut far = replica.follow(with_token(request, &auditor)).await.unwrap().into_inner();
    for round in 0..10 {
        for (parent, visible) in [("330000", true), ("440000", false)] {
            let request = MoveTerritoryRequest {
                code: "440300".to_owned(),
                parent_code: parent.to_owned(),
                ..Default::default()
            };
            let moved =
                service.territories().move_territory(service.as_admin(request)).await.unwrap().into_inner().position;
            let created = service.create(&format!("企业{round}"), "440305").await.1;
            for stream in [&mut near, &mut far] {
                let event = next_event(stream).await;
                assert_eq!((event.position, event.left_scope), (moved, !visible), "round {round}");
                // Judged by the tree of today, so read before the next move.
                let next = next(stream).await;
                let position = next.event.map(|event| event.position);
                assert_eq!((next.checked_position, position), (created, visible.then_some(created)), "round {round}");
            }
        }
    }
}

#[tokio::test]
async fn a_filter_of_types_sends_only_those_and_says_how_far_it_is() {
    let service = Service::with_tree().await;
    let head = service.create("企业", "440305").await.1;
    let territories = ["guanxi.client_registry.v1.territory.*"];
    let mut stream = service.follow(&service.admin, 0, &territories).await.unwrap();
    for position in 1..head {
        let event = next_event(&mut stream).await;
        assert_eq!((event.position, event.r#type.as_str()), (position, "guanxi.client_registry.v1.territory.created"));
    }
    let progress = next(&mut stream).await;
    assert_eq!((progress.event, progress.checked_position), (None, head));

    let exact = ["guanxi.client_registry.v1.account.deleted", "guanxi.client_registry.v1.account.activated"];
    let mut stream = service.follow(&service.admin, 0, &exact).await.unwrap();
    let (account, _) = service.create("另一企业", "440305").await;
    let (_, activated) = service.activate(&account).await;
    assert_eq!(next_event(&mut stream).await.position, activated);
}

/// Times from the answer of a creation to its event.
async fn latencies(service: &Service, stream: &mut Streaming<FollowResponse>, count: usize) -> Vec<Duration> {
    let mut times = Vec::new();
    for round in 0..count {
        let position = service.create(&format!("企业{round}"), "440305").await.1;
        let answered = Instant::now();
        while next(stream).await.checked_position < position {}
        times.push(answered.elapsed());
    }
    times.sort();
    times
}

#[tokio::test]
async fn an_event_is_there_at_once_and_without_notifications_within_seconds() {
    let service = Service::with_tree().await;
    let mut stream = service.follow(&service.admin, 0, &[]).await.unwrap();
    let times = latencies(&service, &mut stream, 50).await;
    println!("after the answer: median {:?}, longest {:?}", times[25], times[49]);
    assert!(times[49] < Duration::from_secs(1) && times[25] < Duration::from_millis(200), "{times:?}");

    // The connections that listen and that notify go; what was committed meanwhile is found all the same.
    let mut admin = service.database.admin().await;
    for round in 0..5 {
        let lost = rows(
            &mut admin,
            "select pg_terminate_backend(pid) from pg_stat_activity \
             where datname = current_database() and usename = 'client_registry_service' and query ~* '^(listen|notify)'",
        )
        .await;
        assert!(round > 0 || lost.len() == 2, "{} connections", lost.len());
        let times = latencies(&service, &mut stream, 1).await;
        assert!(times[0] < Duration::from_secs(5), "{times:?}");
    }
    let times = latencies(&service, &mut stream, 50).await;
    println!("later: median {:?}, longest {:?}", times[25], times[49]);
    assert!(times[25] < Duration::from_millis(200), "notifications come again: {times:?}");
}

fn assert_unavailable(status: &Status) {
    assert_eq!((status.code(), reason(status).as_str()), (Code::Unavailable, "UNAVAILABLE"), "{status:?}");
    assert!(status.get_error_details().retry_info().is_some_and(|retry| retry.retry_delay.is_some()));
}

/// What ends a stream.
async fn end_of<T>(stream: &mut Streaming<T>) -> Result<(), Status> {
    let end = async {
        while stream.message().await?.is_some() {}
        Ok(())
    };
    tokio::time::timeout(PATIENCE, end).await.expect("the stream does not end")
}

#[tokio::test]
async fn a_stop_tells_every_stream_so_and_a_subscriber_goes_on_after_the_restart() {
    let mut service = Service::with_tree().await;
    let head = Writer::new(&service, 1, 3_000).await.write(5_000).await;
    let (mut late, mut up_to_date) = (Received::default(), Received::default());
    let mut behind = service.follow(&service.admin, 0, &[]).await.unwrap();
    late.receive(&mut behind, 10).await;
    let mut waiting = service.follow(&service.admin, 0, &[]).await.unwrap();
    up_to_date.receive(&mut waiting, head).await;

    service.restart();
    assert_unavailable(&end_of(&mut waiting).await.expect_err("the end is no end of the feed"));
    loop {
        match tokio::time::timeout(PATIENCE, behind.message()).await.unwrap() {
            Ok(Some(response)) => late.take(&response.event.unwrap()),
            Ok(None) => panic!("a feed does not end"),
            Err(status) => break assert_unavailable(&status),
        }
    }
    let newest = service.create("企业", "440305").await.1;
    for mut received in [late, up_to_date] {
        let mut stream = service.follow(&service.admin, received.position, &[]).await.unwrap();
        received.receive(&mut stream, newest).await;
    }
}
