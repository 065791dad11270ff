//! Answers that show many things, paged through and looked at.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use guanxi_auth::{MethodRules, ROLES};
use guanxi_proto::DESCRIPTOR_POOL;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use serde_json::{Value as Json, json};

use super::wire::{self, Caller};
use super::{Subject, has_side_effects};
use crate::Served;

/// Everything that a service's reads may be asked for, by `<Service>/<Method>`.
pub type Requests = [(&'static str, Vec<Json>)];

/// A text in an answer.
pub struct Text<'a> {
    /// Name of the field.
    pub field: &'a str,
    /// What it says; of a page token, what is in it.
    pub text: &'a str,
    /// The answer is about the past: it may tell what the caller could see when it happened.
    pub past: bool,
}

/// Every page, and every message of a stream up to the head of the feed.
pub async fn pages(served: &Served, token: &str, name: &str, request: &Json) -> Vec<DynamicMessage> {
    let (method, caller) = (wire::method(name), Caller::with(token));
    let mut request = request.clone();
    let mut pages = Vec::new();
    loop {
        let answers = wire::ask(served, caller, &method, &request).await;
        pages.extend(answers.unwrap_or_else(|status| panic!("{name} {request}: {status:?}")));
        let next = pages.last().and_then(|page| page.get_field_by_name("next_page_token"));
        match next.and_then(|token| token.as_str().map(str::to_owned)).filter(|token| !token.is_empty()) {
            Some(token) => request["pageToken"] = json!(token),
            None => return pages,
        }
    }
}

/// The texts of an answer that tell something, and what they tell.
#[must_use]
pub fn told(method: &str, answer: &DynamicMessage, tells: impl Fn(&Text<'_>) -> Option<String>) -> Vec<String> {
    let past = method.starts_with("EventFeedService/") || method.starts_with("ChangeService/");
    let mut told = Vec::new();
    for (field, text) in wire::texts(answer) {
        let field = field.rsplit('.').next().unwrap_or_default();
        // Repeats what the caller asked for.
        if field == "missing_ids" {
            continue;
        }
        let text = if field == "next_page_token" { decoded(&text) } else { text };
        told.extend(tells(&Text { field, text: &text, past }).map(|what| format!("{field} tells {what}: {text}")));
    }
    told
}

/// Looks through every answer of every method that shows something, for every role that may call it in a territory. `tells` says what
/// a text tells that it must not. A method without requests fails.
pub async fn look_through<S: Subject>(
    served: &Served,
    territory: &str,
    requests: &Requests,
    tells: impl Fn(&Text<'_>) -> Option<String>,
) {
    let rules = MethodRules::from_descriptors(&DESCRIPTOR_POOL).unwrap();
    for method in wire::served_methods(S::PACKAGE).iter().filter(|method| shows(method)) {
        let name = wire::short_name(method);
        let found = requests.iter().find(|(known, _)| *known == name);
        let (_, requests) = found.unwrap_or_else(|| {
            panic!("add to the requests in tests/it/leak.rs everything that {name} may be asked for")
        });
        let permission = rules.get(&wire::path(method)).unwrap().permission;
        for entry in ROLES.iter().filter(|entry| permission.is_none_or(|permission| entry.role.may(permission))) {
            let token = served.token(entry.role, territory);
            for request in requests {
                for page in pages(served, &token, &name, request).await {
                    assert_eq!(told(&name, &page, &tells), [""; 0], "{name} {request} as {}", entry.name);
                }
            }
        }
    }
}

/// What a page token says.
fn decoded(token: &str) -> String {
    String::from_utf8_lossy(&URL_SAFE_NO_PAD.decode(token).unwrap_or_default()).into_owned()
}

/// True for a method that shows things: one without side effects, or one that answers with a stream.
fn shows(method: &MethodDescriptor) -> bool {
    !has_side_effects(method) || method.is_server_streaming()
}
