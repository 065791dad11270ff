//! A request that is sent again takes effect once, also after a restart.

use guanxi_auth::Role;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use serde_json::{Value as Json, json};
use tonic::{Code, Status};

use super::change::{Answer, request_of};
use super::wire::{self, Caller};
use super::{INSIDE, Subject};
use crate::{Served, reason};

fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

fn with_id(mut request: Json, request_id: &str) -> Json {
    request["requestId"] = json!(request_id);
    request
}

async fn send(served: &Served, token: &str, method: &MethodDescriptor, request: &Json) -> Result<Answer, Status> {
    let request = std::slice::from_ref(request);
    let answers: Vec<DynamicMessage> = wire::call(&served.channel, Caller::with(token), method, request).await?;
    Ok(Answer::of(&answers[0]))
}

/// Every method that changes something; the same id for all, since it counts for one method.
pub async fn every_method_remembers_its_requests_across_a_restart<S: Subject>() {
    let mut service = S::start().await;
    let request_id = new_id();
    let mut sent = Vec::new();
    for (method, fixture) in S::changes_with_fixtures() {
        let request = with_id(request_of(&service, fixture, INSIDE).await, &request_id);
        let first = send(&service, &service.admin, &method, &request).await;
        let first = first.unwrap_or_else(|status| panic!("{}: {status:?}", fixture.method));
        assert!(first.position > 0, "{}", fixture.method);
        sent.push((method, request, first));
    }
    let head = service.head().await;
    for restart in [false, true] {
        if restart {
            service.restart();
        }
        for (method, request, first) in &sent {
            let again = send(&service, &service.admin, method, request).await;
            let again = again.unwrap_or_else(|status| panic!("{}: {status:?}", method.full_name()));
            assert_eq!((again.position, &again.id), (0, &first.id), "{}", method.full_name());
        }
    }
    assert_eq!(service.head().await, head, "a repeat changed something");
}

/// Two people may use the same id.
pub async fn a_request_id_belongs_to_its_principal<S: Subject>() {
    let service = S::start().await;
    let (method, request_id) = (wire::method(S::CREATES), new_id());
    let other = service.keys.token("E0002", &[(Role::Administrator, "*")]);
    let mine = with_id(request_of(&service, S::fixture_of(&method), INSIDE).await, &request_id);
    let yours = with_id(request_of(&service, S::fixture_of(&method), INSIDE).await, &request_id);
    let my_first = send(&service, &service.admin, &method, &mine).await.unwrap();
    let your_first = send(&service, &other, &method, &yours).await.unwrap();
    assert!(your_first.position > my_first.position && my_first.position > 0);
    assert_ne!(my_first.id, your_first.id);
    for (token, request, first) in [(&service.admin, &mine, my_first), (&other, &yours, your_first)] {
        let again = send(&service, token, &method, request).await.unwrap();
        assert_eq!((again.id, again.position), (first.id, 0));
    }
}

/// Another request under an id is refused, by every method.
pub async fn a_request_id_names_one_request<S: Subject>() {
    let service = S::start().await;
    for (method, fixture) in S::changes_with_fixtures() {
        let request_id = new_id();
        let first = with_id(request_of(&service, fixture, INSIDE).await, &request_id);
        let other = with_id(request_of(&service, fixture, INSIDE).await, &request_id);
        send(&service, &service.admin, &method, &first).await.unwrap();
        if other == first {
            continue;
        }
        let head = service.head().await;
        let refused = send(&service, &service.admin, &method, &other).await.map(|answer| answer.id).unwrap_err();
        let told = (refused.code(), reason(&refused));
        assert_eq!(told, (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned()), "{}", fixture.method);
        assert_eq!(service.head().await, head, "{} changed something", fixture.method);
    }
}
