//! What a service answers when it does not do what it was asked: a code, a published reason, the values, what to do.

use std::collections::HashMap;
use std::time::Duration;

use guanxi_proto::errors::v1::ErrorReason;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, LocalizedMessage, PreconditionViolation, StatusExt};

use crate::{Language, Reason, language};

/// A client that is told to try again should wait this long.
pub const RETRY_DELAY: Duration = Duration::from_millis(500);

/// Details ride in a header, and clients take 8 KiB of headers in all: violations that do not fit are only counted, values are cut.
const MAX_VIOLATION_BYTES: usize = 4_500;
const MAX_VALUE_CHARS: usize = 120;

/// One wrong field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in the request, for example `account.credit_code`.
    pub field: String,
    /// Why it is wrong.
    pub reason: Reason,
    /// The values that the text of the reason names, for example `max`.
    pub values: Vec<(&'static str, String)>,
}

impl Violation {
    /// A violation without values.
    pub fn new(field: impl Into<String>, reason: impl Into<Reason>) -> Self {
        Self { field: field.into(), reason: reason.into(), values: Vec::new() }
    }

    /// A required field is empty.
    pub fn required(field: impl Into<String>) -> Self {
        Self::new(field, ErrorReason::Required)
    }

    /// Adds a value that the text of the reason names.
    #[expect(clippy::needless_pass_by_value, reason = "callers give numbers and texts alike")]
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.values.push((name, shorten(&value.to_string())));
        self
    }

    /// What is wrong and what to do, in a language.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        self.reason.text(language, &self.values)
    }
}

/// Collects every wrong field of a request before refusing it.
#[derive(Clone, Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// Notes one.
    pub fn push(&mut self, violation: Violation) {
        self.0.push(violation);
    }

    /// Notes the violation of a failed conversion and goes on without its value.
    pub fn keep<T>(&mut self, outcome: Result<T, Violation>) -> Option<T> {
        outcome.map_err(|violation| self.push(violation)).ok()
    }

    /// Notes all of another collection.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Refuses if there is at least one.
    pub fn check(self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(self.into()) }
    }

    /// True where nothing was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was noted.
    #[must_use]
    pub fn into_inner(self) -> Vec<Violation> {
        self.0
    }
}

/// A refusal on its way to becoming a [`Status`].
#[derive(Clone, Debug)]
pub struct Refusal {
    code: Code,
    reason: Reason,
    values: Vec<(&'static str, String)>,
    violations: Vec<Violation>,
    retry: bool,
}

impl Refusal {
    /// A refusal without values.
    pub fn new(code: Code, reason: impl Into<Reason>) -> Self {
        Self { code, reason: reason.into(), values: Vec::new(), violations: Vec::new(), retry: false }
    }

    /// Adds a value that the text of the reason names; it goes into the metadata too.
    #[expect(clippy::needless_pass_by_value, reason = "callers give numbers and texts alike")]
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.values.push((name, shorten(&value.to_string())));
        self
    }

    /// `FAILED_PRECONDITION` for everything that does not hold, the first being the reason. The field of each is what it does not hold of.
    /// Where there is nothing, it is a fault of ours.
    #[must_use]
    pub fn unmet(violations: Vec<Violation>) -> Self {
        let Some(first) = violations.first() else { return Self::internal() };
        let mut refusal = Self::new(Code::FailedPrecondition, first.reason).with("count", violations.len());
        refusal.values.extend(first.values.clone());
        refusal.violations = violations;
        refusal
    }

    /// Says that the same call may succeed a little later.
    #[must_use]
    pub fn retry(mut self) -> Self {
        self.retry = true;
        self
    }

    /// Names fields beside the reason, for example those of a resource that is not ready for a verb.
    #[must_use]
    pub fn naming(mut self, violations: Violations) -> Self {
        self.violations.extend(violations.0);
        self
    }

    /// `NOT_FOUND` of a resource named by `value`, be it absent or out of scope.
    pub fn not_found(resource: &str, value: impl ToString) -> Self {
        Self::new(Code::NotFound, ErrorReason::ResourceNotFound).with("resource", resource).with("value", value)
    }

    /// `UNAVAILABLE`: something that the service needs does not answer.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(Code::Unavailable, ErrorReason::Unavailable).retry()
    }

    /// `INTERNAL`, for a cause that was logged and stays inside.
    #[must_use]
    pub fn internal() -> Self {
        let trace_id = guanxi_telemetry::current_trace_id().unwrap_or_default();
        Self::new(Code::Internal, ErrorReason::Internal).with("trace_id", trace_id)
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The refusal as the violation of one field, for a row of an import.
    #[must_use]
    pub fn into_violations(self, field: &str) -> Vec<Violation> {
        if self.violations.is_empty() {
            vec![Violation { field: field.to_owned(), reason: self.reason, values: self.values }]
        } else {
            self.violations
        }
    }
}

impl From<Violations> for Refusal {
    fn from(violations: Violations) -> Self {
        let mut refusal =
            Self::new(Code::InvalidArgument, ErrorReason::FieldsInvalid).with("count", violations.0.len());
        refusal.violations = violations.0;
        refusal
    }
}

impl From<Violation> for Violations {
    fn from(violation: Violation) -> Self {
        Self(vec![violation])
    }
}

impl From<Violation> for Refusal {
    fn from(violation: Violation) -> Self {
        Violations::from(violation).into()
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let language = language();
        let english = refusal.reason.text(Language::English, &refusal.values);
        let mut details = ErrorDetails::new();
        let metadata: Vec<(String, String)> =
            refusal.values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        details.set_error_info(
            refusal.reason.name(),
            refusal.reason.domain(),
            metadata.into_iter().collect::<HashMap<_, _>>(),
        );
        details.set_localized_message(language.tag(), refusal.reason.text(language, &refusal.values));
        if refusal.violations.is_empty() {
            // The reason says it all.
        } else if refusal.code == Code::InvalidArgument {
            let violations = refusal.violations.iter().map(|violation| field_violation(violation, language));
            details.set_bad_request(fitting(violations, size));
        } else {
            let unmet = refusal.violations.iter().map(|violation| precondition_violation(violation, language));
            details.set_precondition_failure(fitting(unmet, |unmet| {
                unmet.r#type.len() + unmet.subject.len() + unmet.description.len() + 12
            }));
        }
        if refusal.retry {
            details.set_retry_info(Some(RETRY_DELAY));
        }
        Status::with_error_details(refusal.code, format!("{}: {english}", refusal.reason.name()), details)
    }
}

impl From<Violations> for Status {
    fn from(violations: Violations) -> Self {
        Refusal::from(violations).into()
    }
}

impl From<Violation> for Status {
    fn from(violation: Violation) -> Self {
        Refusal::from(violation).into()
    }
}

/// As many as there is room for.
fn fitting<V>(violations: impl Iterator<Item = V>, size: impl Fn(&V) -> usize) -> Vec<V> {
    let mut room = MAX_VIOLATION_BYTES;
    let fitting = violations.take_while(|violation| {
        let fits = size(violation) <= room;
        room = room.saturating_sub(size(violation));
        fits
    });
    fitting.collect()
}

/// It has one text: that of the caller's language.
fn precondition_violation(violation: &Violation, language: Language) -> PreconditionViolation {
    PreconditionViolation::new(violation.reason.name(), shorten(&violation.field), violation.text(language))
}

fn field_violation(violation: &Violation, language: Language) -> FieldViolation {
    let mut field = FieldViolation::new(shorten(&violation.field), violation.text(Language::English));
    violation.reason.name().clone_into(&mut field.reason);
    field.localized_message = Some(LocalizedMessage::new(language.tag(), violation.text(language)));
    field
}

/// Bytes on the wire, the framing of the fields included.
fn size(violation: &FieldViolation) -> usize {
    let localized = violation.localized_message.as_ref().map_or(0, |text| text.locale.len() + text.message.len());
    violation.field.len() + violation.description.len() + violation.reason.len() + localized + 24
}

fn shorten(value: &str) -> String {
    match value.char_indices().nth(MAX_VALUE_CHARS) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}
