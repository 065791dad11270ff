//! What can end a call otherwise than with its answer.

use guanxi_grpc::{PeerError, Refusal, Violation, Violations};
use guanxi_proto::errors::v1::ErrorReason;
use tonic::{Code, Status};

/// Everything that can end a call otherwise than with its answer. What only one service refuses is a [`Refusal`] that the
/// service's own errors become.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Refused for a reason that says everything itself: wrong fields, or a rule of one service.
    #[error("refused")]
    Refused(Refusal),
    /// The database refused or failed.
    #[error(transparent)]
    Database(#[from] guanxi_db::Error),
    /// Another service refused or failed: what [`guanxi_grpc::pass_on`] made of its answer.
    #[error("another service did not do it: {}", .0.message())]
    PassedOn(Status),
    /// There is no such resource for this caller.
    #[error("no such {resource}")]
    NotFound {
        /// The noun.
        resource: &'static str,
        /// What it was asked for by.
        value: String,
    },
    /// Another resource has a value that only one may have.
    #[error("another {resource} has this {field}")]
    Exists {
        /// The noun.
        resource: &'static str,
        /// The field.
        field: &'static str,
        /// The value that is taken.
        value: String,
    },
    /// The request id was used for another request.
    #[error("the request id was used for another request")]
    RequestIdReused(String),
    /// The state of the resource does not allow the verb.
    #[error("the state forbids it")]
    StateForbids {
        /// The state that it has.
        state: &'static str,
        /// The states in which the verb is allowed, with `, ` between them.
        expected: &'static str,
    },
}

impl Error {
    /// `NOT_FOUND` of a resource asked for by `value`.
    #[expect(clippy::needless_pass_by_value, reason = "callers give ids and codes alike")]
    #[must_use]
    pub fn not_found(resource: &'static str, value: impl ToString) -> Self {
        Self::NotFound { resource, value: value.to_string() }
    }

    /// The refusal of a value that another resource has, where `constraint` is the name of the broken unique constraint.
    #[must_use]
    pub fn or_exists(self, constraint: &str, resource: &'static str, field: &'static str, value: &str) -> Self {
        match self {
            Self::Database(error) if error.constraint() == Some(constraint) => {
                Self::Exists { resource, field, value: value.to_owned() }
            }
            error => error,
        }
    }

    /// The published reason of a refusal that says everything itself.
    #[must_use]
    pub fn refused_for(&self) -> Option<&'static str> {
        match self {
            Self::Refused(refusal) => Some(refusal.reason().name()),
            _ => None,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Refused(violations.into())
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Self::Refused(violation.into())
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Status> for Error {
    fn from(passed_on: Status) -> Self {
        Self::PassedOn(passed_on)
    }
}

impl From<PeerError> for Error {
    fn from(error: PeerError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal,
            Error::Database(error) => error.into(),
            // Only the row of an import has no place for the words of another service.
            Error::PassedOn(_) => Refusal::unavailable(),
            Error::NotFound { resource, value } => Refusal::not_found(resource, value),
            Error::Exists { resource, field, value } => Refusal::new(Code::AlreadyExists, ErrorReason::ResourceExists)
                .with("resource", resource)
                .with("field", field)
                .with("value", value),
            Error::RequestIdReused(value) => {
                Refusal::new(Code::AlreadyExists, ErrorReason::RequestIdReused).with("value", value)
            }
            Error::StateForbids { state, expected } => {
                Refusal::new(Code::FailedPrecondition, ErrorReason::StateForbids)
                    .with("state", state)
                    .with("expected", expected)
            }
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::PassedOn(status) => status,
            error => Refusal::from(error).into(),
        }
    }
}
