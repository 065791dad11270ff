//! A change is of a version, and it is an event.

use std::collections::HashMap;
use std::time::Duration;

use guanxi_proto::DESCRIPTOR_POOL;
use guanxi_proto::events::v1::event_feed_service_client::EventFeedServiceClient;
use guanxi_proto::events::v1::{Event, FollowRequest};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MethodDescriptor, ReflectMessage, Value};
use serde_json::{Value as Json, json};
use tonic::Code;

use super::personal::is_personal;
use super::wire::{self, Caller};
use super::{Fixture, INSIDE, Place, Subject, makes};
use crate::{Served, channel, metadata, reason};

/// Longest that a test waits for an event that must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a method that changes something answers.
pub struct Answer {
    /// The id of the resource; empty where there is only one, or none any more.
    pub id: String,
    /// Where its event stands in the feed.
    pub position: i64,
    /// The resource, unless it is gone.
    resource: Option<DynamicMessage>,
}

impl Answer {
    /// Takes an answer apart.
    #[must_use]
    pub fn of(answer: &DynamicMessage) -> Self {
        let position = answer.get_field_by_name("position").and_then(|position| position.as_i64());
        // Of several it is the last one.
        let of = |value: &Value| value.as_message().or_else(|| value.as_list()?.last()?.as_message()).cloned();
        let resource = answer.fields().find_map(|(_, value)| of(value));
        let id = resource.as_ref().map(|resource| text(resource, "id")).unwrap_or_default();
        Self { id, position: position.unwrap_or_default(), resource }
    }
}

/// The request of a fixture, about something fresh, as an object that fields can be added to.
pub async fn request_of<S: Subject>(service: &S, fixture: &Fixture<S::Need>, place: Place) -> Json {
    let request = service.request(fixture, place).await;
    assert!(request.is_object(), "{}: {request}", fixture.method);
    request
}

fn text(message: &DynamicMessage, field: &str) -> String {
    message.get_field_by_name(field).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The events after a position, up to another.
async fn events(served: &Served, after: i64, until: i64) -> Vec<Event> {
    let mut stream = served.follow(&served.admin, after, &[]).await.unwrap();
    let mut events = Vec::new();
    let mut checked = after;
    while checked < until {
        let answer = stream.message().await.unwrap().unwrap();
        checked = answer.checked_position;
        events.extend(answer.event);
    }
    events
}

/// Every method that changes something writes an event of the resource, and its payload is the resource as it was answered.
pub async fn every_change_is_one_event_with_what_became_of_the_resource<S: Subject>() {
    let service = S::start().await;
    for (method, fixture) in S::changes_with_fixtures() {
        let request = request_of(&service, fixture, INSIDE).await;
        let before = service.head().await;
        let answers = wire::ask(&service, Caller::with(&service.admin), &method, &request).await;
        let answer = Answer::of(&answers.unwrap_or_else(|status| panic!("{}: {status:?}", fixture.method))[0]);
        let head = service.head().await;
        assert_eq!(answer.position, head, "{}: the position of its last event", fixture.method);
        let events = events(&service, before, head).await;
        let expected = S::EVENTS.iter().find(|(name, _)| *name == fixture.method).map_or(1, |(_, count)| *count);
        assert_eq!(events.len(), expected, "{}: {events:?}", fixture.method);
        let of_resource = events.iter().rfind(|event| event.subject.ends_with(&format!("/{}", answer.id)));
        check_event::<S>(&method, &answer, of_resource.or(events.last()).unwrap());
    }
    let mut versions = HashMap::new();
    for (event, position) in events(&service, 0, service.head().await).await.iter().zip(1..) {
        assert_eq!(event.position, position, "a hole");
        let version: &mut i64 = versions.entry(event.subject.clone()).or_default();
        assert_eq!(event.version, *version + 1, "versions of {} are in order", event.subject);
        *version = event.version;
    }
}

fn check_event<S: Subject>(method: &MethodDescriptor, answer: &Answer, event: &Event) {
    let context = wire::short_name(method);
    assert_eq!(event.actor, "E0001", "{context}");
    assert_eq!(format!("/{}", event.method), wire::path(method), "{context}");
    assert!(event.r#type.starts_with(&format!("{}.", S::PACKAGE)), "{context}: {}", event.r#type);
    let noun = event.subject.split('/').next().unwrap_or_default();
    assert!(event.r#type.starts_with(&format!("{}.{noun}.", S::PACKAGE)), "{context}: {} of {noun}", event.r#type);
    let payload = event.payload.clone().unwrap();
    let descriptor = DESCRIPTOR_POOL.get_message_by_name(payload.type_url.rsplit('/').next().unwrap()).unwrap();
    let change = DynamicMessage::decode(descriptor, payload.value.as_slice()).unwrap();
    let part = |name: &str| change.get_field_by_name(name).and_then(|value| value.as_message().cloned());
    let after = part("after").filter(|after| after.fields().next().is_some());
    let json = |message: Option<&DynamicMessage>| serde_json::to_value(message).unwrap();
    let answered = answer.resource.as_ref().map(as_in_events::<S>);
    assert_eq!(json(after.as_ref()), json(answered.as_ref()), "{context}");
    assert_ne!(part("before"), after, "{context}: nothing became different");
    let etag = after.map(|after| text(&after, "etag")).filter(|etag| !etag.is_empty());
    assert!(etag.is_none_or(|etag| etag == format!("\"{}\"", event.version)), "{context}: the version is the etag");
}

/// The message as it stands in events.
fn as_in_events<S: Subject>(message: &DynamicMessage) -> DynamicMessage {
    let mut message = message.clone();
    let fields: Vec<FieldDescriptor> = message.descriptor().fields().collect();
    for field in fields {
        if is_personal(&field) || S::MADE_FOR_READERS.contains(&field.full_name()) {
            message.clear_field(&field);
        } else if let Value::Message(inner) = message.get_field(&field).into_owned()
            && message.has_field(&field)
        {
            message.set_field(&field, Value::Message(as_in_events::<S>(&inner)));
        }
    }
    message
}

/// A feed that has told everything waits for more.
pub async fn whoever_follows_is_told_what_comes_next_by_every_process<S: Subject>() {
    let service = S::start().await;
    let other = service.another(8);
    let mut far = EventFeedServiceClient::new(channel(other.address));
    let follow = FollowRequest { after_position: service.head().await, ..Default::default() };
    let mut near = service.follow(&service.admin, follow.after_position, &[]).await.unwrap();
    let mut far = far.follow(service.as_admin(follow)).await.unwrap().into_inner();
    for _ in 0..3 {
        let method = wire::method(S::CREATES);
        let request = request_of(&service, S::fixture_of(&method), INSIDE).await;
        let answers = wire::call(&service.channel, Caller::with(&service.admin), &method, &[request]).await.unwrap();
        let position = Answer::of(&answers[0]).position;
        for stream in [&mut near, &mut far] {
            let told = tokio::time::timeout(PATIENCE, stream.message()).await.expect("the feed stands still");
            assert_eq!(told.unwrap().expect("the feed ended").checked_position, position);
        }
    }
}

/// Where a request says which version it was made from: in a field of its own, or in the resource.
fn set_etag(method: &MethodDescriptor, request: &mut Json, etag: &str) -> bool {
    if method.input().get_field_by_name("etag").is_some() {
        request["etag"] = json!(etag);
        return true;
    }
    let has_etag = |field: &FieldDescriptor| match field.kind() {
        Kind::Message(message) => !field.is_list() && message.get_field_by_name("etag").is_some(),
        _ => false,
    };
    let Some(resource) = method.input().fields().find(has_etag) else { return false };
    request[resource.json_name()]["etag"] = json!(etag);
    true
}

/// Every method that takes an etag refuses a wrong one and takes the right one.
pub async fn an_etag_that_is_not_the_current_one_is_refused<S: Subject>() {
    let service = S::start().await;
    let caller = Caller::with(&service.admin);
    for (method, fixture) in S::changes_with_fixtures() {
        let mut request = request_of(&service, fixture, INSIDE).await;
        // What is made has no version yet.
        if makes(&method) || !set_etag(&method, &mut request, "\"99\"") {
            continue;
        }
        let head = service.head().await;
        let refused = wire::ask(&service, caller, &method, &request).await.map(|answers| format!("{answers:?}"));
        let refused = refused.expect_err(fixture.method);
        let told = (refused.code(), reason(&refused));
        assert_eq!(told, (Code::Aborted, "ETAG_MISMATCH".to_owned()), "{}", fixture.method);
        assert_eq!(service.head().await, head, "{} changed something", fixture.method);
        set_etag(&method, &mut request, &metadata(&refused, "current").unwrap());
        let answered = wire::ask(&service, caller, &method, &request).await;
        assert!(answered.is_ok(), "{}: {answered:?}", fixture.method);
    }
}
