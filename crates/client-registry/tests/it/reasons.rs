//! Every published reason is provoked by a test, with the code that its comment promises.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use guanxi_proto::DESCRIPTOR_SET;
use guanxi_proto::events::v1::FollowRequest;
use guanxi_proto::events::v1::event_feed_service_client::EventFeedServiceClient;
use guanxi_test_support::with_token;
use prost::Message;
use prost_reflect::prost_types::FileDescriptorSet;
use serde_json::json;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::refused::{World, check_refusal};
use crate::support::{Service, channel, eventually, metadata, named, number, reason, rows, serve_at};
use crate::wire::{self, Caller};
use crate::{bad_account, bad_assignment, bad_bytes, bad_import, bad_input, identity};

/// Reasons that no test provokes, and why.
const NEVER: [(&str, &str); 2] =
    [("UNSPECIFIED", "is never sent"), ("CANCELLED", "is for the log: whoever gave up reads no answer")];
/// The reasons that the tests of this file provoke.
const UNDER_STRAIN: [(Code, &str); 6] = [OVERLOADED, DEADLINE, UNAVAILABLE, CONFLICT, INTERNAL, LOST];
const OVERLOADED: (Code, &str) = (Code::ResourceExhausted, "OVERLOADED");
const DEADLINE: (Code, &str) = (Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
const UNAVAILABLE: (Code, &str) = (Code::Unavailable, "UNAVAILABLE");
const CONFLICT: (Code, &str) = (Code::Aborted, "CONFLICT");
const INTERNAL: (Code, &str) = (Code::Internal, "INTERNAL");
const LOST: (Code, &str) = (Code::DataLoss, "EVENTS_MISSING");

const FIELD: &str = "Field violation";
const ROW: &str = "Row violation";

/// Reasons with what their comments begin with: the code, or that they stand in violations.
fn published() -> BTreeMap<String, String> {
    let set = FileDescriptorSet::decode(DESCRIPTOR_SET).unwrap();
    let mut published = BTreeMap::new();
    for file in
        set.file.iter().filter(|file| ["guanxi.errors.v1", "guanxi.client_registry.v1"].contains(&file.package()))
    {
        for (index, values) in file.enum_type.iter().enumerate().filter(|(_, one)| one.name() == "ErrorReason") {
            for location in &file.source_code_info.as_ref().unwrap().location {
                // The path of a value: field 5 of the file, its index, field 2 of the enum, its index.
                let [5, of, 2, value] = location.path[..] else { continue };
                if usize::try_from(of).unwrap() == index {
                    let name = values.value[usize::try_from(value).unwrap()]
                        .name()
                        .trim_start_matches("ERROR_REASON_")
                        .to_owned();
                    let kind = location.leading_comments().trim().split([':', '.']).next().unwrap().to_owned();
                    published.insert(name, kind);
                }
            }
        }
    }
    published
}

/// What the tests expect, and therefore provoke: reasons with codes or the kind of violation.
fn provoked() -> BTreeMap<String, BTreeSet<String>> {
    let mut provoked = BTreeMap::<String, BTreeSet<String>>::new();
    let mut note = |reason: &str, kind: &str| provoked.entry(reason.to_owned()).or_default().insert(kind.to_owned());
    let world = World::of_words();
    let cases = [bad_account::cases(&world), bad_assignment::cases(&world), bad_input::cases(&world)];
    for case in cases.iter().flatten() {
        note(case.reason, &code_name(case.code));
        let kind = if case.code == Code::InvalidArgument { FIELD.to_owned() } else { code_name(case.code) };
        case.fields.iter().for_each(|(_, reason)| {
            note(reason, &kind);
        });
    }
    for reason in bad_import::cases(&world).iter().flat_map(bad_import::Case::reasons) {
        note(reason, ROW);
    }
    for (code, reason) in bad_bytes::REASONS.iter().chain(&identity::REASONS).chain(&UNDER_STRAIN) {
        note(reason, &code_name(*code));
    }
    provoked
}

/// `NotFound` → `NOT_FOUND`.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for character in format!("{code:?}").chars() {
        if character.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(character.to_ascii_uppercase());
    }
    name
}

#[test]
fn every_published_reason_is_provoked_as_its_comment_says() {
    let (published, provoked) = (published(), provoked());
    assert!(published.len() > 50, "{}", published.len());
    for (reason, kind) in &published {
        if NEVER.iter().any(|(never, _)| never == reason) {
            assert!(!provoked.contains_key(reason), "{reason} is provoked after all");
            continue;
        }
        let kinds = provoked
            .get(reason)
            .unwrap_or_else(|| panic!("no test provokes {reason}: add a case to bad_input.rs or bad_import.rs"));
        // A field that is wrong only in rows is a field too.
        let as_promised = kinds.contains(kind) || (kind == FIELD && kinds.contains(ROW));
        assert!(as_promised, "{reason} promises {kind} and comes as {kinds:?}");
        // It has one code, wherever it comes from.
        let codes: Vec<&String> = kinds.iter().filter(|kind| *kind != FIELD && *kind != ROW).collect();
        assert!(codes.is_empty() || codes == [kind], "{reason} promises {kind} and comes as {codes:?}");
    }
    let unknown: Vec<&String> = provoked.keys().filter(|reason| !published.contains_key(*reason)).collect();
    assert!(unknown.is_empty(), "provoked and not published: {unknown:?}");
}

/// The refusal of a call, checked in both languages.
async fn refused(
    channel: &Channel,
    caller: Caller<'_>,
    method: &str,
    request: serde_json::Value,
    expected: (Code, &str),
) {
    for (language, tag) in [(None, "zh-CN"), (Some("en"), "en")] {
        let caller = Caller { language, ..caller };
        let status =
            wire::call(channel, caller, &wire::method(method), std::slice::from_ref(&request)).await.unwrap_err();
        check(&status, expected, tag);
    }
}

fn check(status: &Status, expected: (Code, &str), tag: &str) {
    assert_eq!((status.code(), reason(status).as_str()), expected, "{status:?}");
    check_refusal(expected.1, status, tag);
    let retries = ["OVERLOADED", "UNAVAILABLE", "CONFLICT"].contains(&expected.1);
    let delay = status.get_error_details().retry_info().and_then(|info| info.retry_delay);
    assert_eq!(delay.is_some_and(|delay| delay > Duration::ZERO), retries, "{status:?}");
}

const WAITING: &str =
    "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";

#[tokio::test]
async fn a_process_that_is_full_says_so_and_one_that_is_too_slow_too() {
    let service = Service::with_tree().await;
    let (address, _stop) = serve_at(service.database.service_url(), &service.keys, 1);
    let (small, caller) = (channel(address), Caller::with(&service.admin));
    let (mut blocking, mut looking) = (service.database.admin().await, service.database.admin().await);
    rows(&mut blocking, "begin").await;
    rows(&mut blocking, "select position from client_registry.event_head for update").await;
    let create = json!({"account": {"legalName": "样例", "territoryCode": "440305"}});
    let (waiting, method) = (small.clone(), wire::method("AccountService/CreateAccount"));
    let (token, request) = (service.admin.clone(), create.clone());
    let first = tokio::spawn(async move { wire::call(&waiting, Caller::with(&token), &method, &[request]).await });
    eventually("the first call waits for the head", async || number(&mut looking, WAITING).await == 1).await;

    refused(&small, caller, "IdentityService/WhoAmI", json!({}), OVERLOADED).await;
    let hurried = Caller { timeout: Some(Duration::from_secs(1)), ..caller };
    refused(&service.channel, hurried, "AccountService/CreateAccount", create, DEADLINE).await;
    rows(&mut blocking, "rollback").await;
    assert!(first.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_process_that_stops_says_so_on_its_streams() {
    let service = Service::with_tree().await;
    let (address, stop) = serve_at(service.database.service_url(), &service.keys, 8);
    let request = with_token(FollowRequest::default(), &service.admin);
    let mut stream = EventFeedServiceClient::new(channel(address)).follow(request).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    drop(stop);
    let status = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ends without a word"),
            Err(status) => break status,
        }
    };
    check(&status, UNAVAILABLE, "en");
}

#[tokio::test]
async fn a_feed_ends_where_events_are_missing() {
    let mut service = Service::with_tree().await;
    service.stop();
    let delete = "delete from client_registry.event where position in (3, 4)";
    rows(&mut service.database.admin().await, delete).await;
    service.restart();
    for tag in ["zh-CN", "en"] {
        let mut request = with_token(FollowRequest { after_position: 1, types: Vec::new() }, &service.admin);
        request.metadata_mut().insert("accept-language", tag.parse().unwrap());
        let mut stream = service.feed().follow(request).await.unwrap().into_inner();
        assert_eq!(stream.message().await.unwrap().unwrap().checked_position, 2, "what precedes them is good");
        let status = stream.message().await.unwrap_err();
        check(&status, LOST, tag);
        assert_eq!(
            (metadata(&status, "after").unwrap(), metadata(&status, "found").unwrap()),
            ("2".into(), "5".into())
        );
    }
}

#[tokio::test]
async fn changes_that_wait_for_each_other_end_in_a_conflict() {
    let service = Service::with_tree().await;
    let (mut blocking, mut looking) = (service.database.admin().await, service.database.admin().await);
    // The service is to be the one that notices.
    rows(&mut blocking, "set deadlock_timeout = '1min'").await;
    rows(&mut blocking, "begin").await;
    rows(&mut blocking, "select position from client_registry.event_head for update").await;
    let (channel, token, method) =
        (service.channel.clone(), service.admin.clone(), wire::method("AccountService/CreateAccount"));
    let request = json!({"account": {"legalName": "样例", "territoryCode": "440305"}});
    let creation = tokio::spawn(async move { wire::call(&channel, Caller::with(&token), &method, &[request]).await });
    eventually("the creation has the territory and waits for the head", async || {
        number(&mut looking, WAITING).await == 1
    })
    .await;
    rows(&mut blocking, "select code from client_registry.territory where code = '440305' for update").await;
    check(&creation.await.unwrap().unwrap_err(), CONFLICT, "zh-CN");
    rows(&mut blocking, "rollback").await;
}

#[tokio::test]
async fn a_fault_of_the_service_tells_nothing_of_its_cause() {
    let service = Service::with_tree().await;
    let account = service.account(named("样例", "440300")).await.unwrap();
    let caller = Caller::with(&service.admin);
    let mut connection = service.database.admin().await;
    rows(&mut connection, "alter table client_registry.account_tier_period rename to gone").await;
    refused(
        &service.channel,
        caller,
        "AccountService/ListAccountTierPeriods",
        json!({"accountId": account.id}),
        INTERNAL,
    )
    .await;
    // Everything else goes on, and so does this when it is mended.
    let (get, periods) =
        (wire::method("AccountService/GetAccount"), wire::method("AccountService/ListAccountTierPeriods"));
    assert!(wire::call(&service.channel, caller, &get, &[json!({"id": account.id})]).await.is_ok());
    rows(&mut connection, "alter table client_registry.gone rename to account_tier_period").await;
    assert!(wire::call(&service.channel, caller, &periods, &[json!({"accountId": account.id})]).await.is_ok());
}
