//! What holds for every refusal.

use guanxi_auth::Role;
use guanxi_proto::DESCRIPTOR_POOL;
use serde_json::Value as Json;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::wire::{self, Caller};
use super::{INSIDE, packages_with_reasons};
use crate::{Served, reason, violations};

/// Words that only the inside of a service knows.
const INTERNAL: [&str; 12] = [
    "sqlx",
    "select ",
    "insert into",
    "panicked",
    "unwrap",
    "relation \"",
    "constraint",
    "_pkey",
    "_fkey",
    "postgres",
    "prost",
    "hyper",
];

/// An id that nobody has.
pub const NOBODY: &str = "0192f0c1-2345-7abc-8def-0123456789ab";

/// A request that is refused, and how.
pub struct Case {
    /// What is wrong.
    pub name: &'static str,
    /// `<Service>/<Method>`.
    pub method: &'static str,
    /// The code.
    pub code: Code,
    /// The reason.
    pub reason: &'static str,
    /// Field and reason of each violation, in order.
    pub fields: Vec<(String, &'static str)>,
    requests: Vec<Json>,
    director: bool,
}

/// A request with wrong fields.
#[must_use]
pub fn fields(name: &'static str, method: &'static str, request: Json, wrong: &[(&str, &'static str)]) -> Case {
    let case = refusal(name, method, request, Code::InvalidArgument, "FIELDS_INVALID");
    Case { fields: wrong.iter().map(|(field, reason)| ((*field).to_owned(), *reason)).collect(), ..case }
}

/// A request that does not pass these gates, each about something.
#[must_use]
pub fn unmet(name: &'static str, method: &'static str, request: Json, gates: &[(&str, &'static str)]) -> Case {
    let case = fields(name, method, request, gates);
    Case { code: Code::FailedPrecondition, reason: gates[0].1, ..case }
}

/// A request that is refused as a whole.
#[must_use]
pub fn refusal(name: &'static str, method: &'static str, request: Json, code: Code, reason: &'static str) -> Case {
    Case { name, method, code, reason, fields: Vec::new(), requests: vec![request], director: false }
}

impl Case {
    /// Made by the director of [`INSIDE`] instead of the administrator.
    #[must_use]
    pub fn by_director(self) -> Self {
        Self { director: true, ..self }
    }

    /// A further message of the stream.
    #[must_use]
    pub fn then(mut self, request: Json) -> Self {
        self.requests.push(request);
        self
    }
}

/// Makes the request of every case in both languages; none changes anything.
pub async fn check(served: &Served, cases: Vec<Case>) {
    let director = served.token(Role::Director, INSIDE.city);
    let before = served.contents().await;
    for case in cases {
        let context = format!("{}: {}", case.method, case.name);
        let token = if case.director { &director } else { &served.admin };
        for (header, tag) in [(None, "zh-CN"), (Some("en-GB, fr;q=0.5"), "en")] {
            let caller = Caller { language: header, ..Caller::with(token) };
            let outcome = wire::call(&served.channel, caller, &wire::method(case.method), &case.requests).await;
            let status = outcome.map(|answers| panic!("{context} was answered: {answers:?}")).unwrap_err();
            assert_eq!((status.code(), reason(&status).as_str()), (case.code, case.reason), "{context}: {status:?}");
            let expected: Vec<_> =
                case.fields.iter().map(|(field, reason)| (field.clone(), (*reason).to_owned())).collect();
            let wrong = if expected.is_empty() { Vec::new() } else { violations(&status) };
            assert_eq!(wrong, expected, "{context}");
            check_refusal(&context, &status, tag);
        }
        assert_eq!(served.contents().await, before, "{context} changed something");
    }
}

/// What holds for every refusal: a published reason, texts in the caller's language that say everything, and nothing from inside.
pub fn check_refusal(context: &str, status: &Status, tag: &str) {
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert!(is_published(&info.domain, &info.reason), "{context}: {}/{} is not published", info.domain, info.reason);
    let said = details.localized_message().unwrap_or_else(|| panic!("{context}: no text in the caller's language"));
    let mut localized = vec![(said.locale.clone(), said.message.clone())];
    let mut texts = vec![status.message().to_owned()];
    for violation in details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default() {
        assert!(!violation.field.is_empty(), "{context}: a violation of no field");
        let published = packages_with_reasons().iter().any(|domain| is_published(domain, &violation.reason));
        assert!(published, "{context}: {} is not published", violation.reason);
        let said = violation.localized_message.unwrap();
        localized.push((said.locale, said.message));
        texts.push(violation.description);
    }
    for unmet in details.precondition_failure().map(|failure| failure.violations.clone()).unwrap_or_default() {
        let published = packages_with_reasons().iter().any(|domain| is_published(domain, &unmet.r#type));
        assert!(published, "{context}: {} is not published", unmet.r#type);
        assert!(!unmet.subject.is_empty(), "{context}: what is unmet has no subject");
        localized.push((tag.to_owned(), unmet.description));
    }
    for (locale, text) in &localized {
        assert_eq!(locale, tag, "{context}: {text}");
        check_text(context, text, tag);
    }
    texts.extend(info.metadata.iter().filter(|(name, _)| *name != "method").map(|(_, value)| value.clone()));
    for text in &texts {
        check_inside(context, text);
    }
}

/// What holds for a text that people read: it is in their language, says everything, and tells nothing from inside.
pub fn check_text(context: &str, text: &str, tag: &str) {
    let chinese = text.chars().any(|character| matches!(character, '。' | '，' | '：'));
    assert_eq!(chinese, tag == "zh-CN", "{context}: not in {tag}: {text}");
    check_inside(context, text);
}

fn check_inside(context: &str, text: &str) {
    assert!(!has_hole(text), "{context}: a text with a hole: {text}");
    let lower = text.to_lowercase();
    for word in INTERNAL {
        assert!(!lower.contains(word), "{context} tells {word}: {text}");
    }
    for package in packages_with_reasons() {
        // `guanxi.client_registry.v1` is published, a table `client_registry.account` is not.
        let schema = package.trim_start_matches("guanxi.").trim_end_matches("v1");
        let tables = lower.match_indices(schema).filter(|(at, _)| !lower[..*at].ends_with("guanxi."));
        assert_eq!(tables.count(), 0, "{context} tells a table: {text}");
    }
}

/// True where `{name}` was not replaced.
fn has_hole(text: &str) -> bool {
    let holes = text.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    holes
        .into_iter()
        .any(|(name, _)| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

/// True for a value of the `ErrorReason` of a package, but for the one that is never sent.
#[must_use]
pub fn is_published(package: &str, reason: &str) -> bool {
    let published = DESCRIPTOR_POOL.get_enum_by_name(&format!("{package}.ErrorReason"));
    let value = published.and_then(|published| published.get_value_by_name(&format!("ERROR_REASON_{reason}")));
    value.is_some_and(|value| value.number() != 0)
}
