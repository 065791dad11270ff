//! Why client-registry refuses.

use guanxi_grpc::{Reason, Refusal, Violation, Violations};
use guanxi_proto::client_registry::v1::ErrorReason;
use guanxi_proto::errors::v1::ErrorReason as Shared;
use tonic::{Code, Status};

/// A reason that only client-registry gives.
pub(crate) fn reason(reason: ErrorReason) -> Reason {
    Reason::of("guanxi.client_registry.v1", reason.as_str_name())
}

/// Everything that can end a call to client-registry otherwise than with its answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("refused")]
    Refused(Refusal),
    #[error(transparent)]
    Database(#[from] guanxi_db::Error),
    #[error("no such {resource}")]
    NotFound { resource: &'static str, value: String },
    #[error("another {resource} has this {field}")]
    Exists { resource: &'static str, field: &'static str, value: String },
    #[error("the request id was used for another request")]
    RequestIdReused(String),
    #[error("the state forbids it")]
    StateForbids { state: &'static str, expected: &'static str },
    #[error("the level is not below the parent's")]
    LevelNotBelowParent { level: String, parent_level: String },
    #[error("the new parent is a descendant")]
    TerritoryCycle { code: String, parent_code: String },
    #[error("the territory is not empty")]
    TerritoryNotEmpty { code: String, kind: &'static str },
    #[error("the new parent is a subsidiary")]
    AccountCycle { parent_account_id: String },
    #[error("the account has subsidiaries")]
    AccountHasSubsidiaries { count: usize },
    #[error("the hierarchy is too deep")]
    AccountTreeTooDeep { max: usize },
    #[error("the account is not deleted")]
    AccountNotDeleted,
    #[error("the account has no primary manager")]
    PrimaryMissing,
    #[error("the manager has no portfolio")]
    PortfolioEmpty { account_manager_id: String },
    #[error("the account has open assignments")]
    AccountHasAssignments { count: usize },
    #[error("the manager has open assignments")]
    ManagerHasAssignments { count: usize },
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Error::Database(error.into())
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Error::Refused(violations.into())
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Error::Refused(violation.into())
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Error::Refused(refusal)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let precondition = |own: ErrorReason| Refusal::new(Code::FailedPrecondition, reason(own));
        match error {
            Error::Refused(refusal) => refusal,
            Error::Database(error) => error.into(),
            Error::NotFound { resource, value } => Refusal::not_found(resource, value),
            Error::Exists { resource, field, value } => Refusal::new(Code::AlreadyExists, Shared::ResourceExists)
                .with("resource", resource)
                .with("field", field)
                .with("value", value),
            Error::RequestIdReused(value) => {
                Refusal::new(Code::AlreadyExists, Shared::RequestIdReused).with("value", value)
            }
            Error::StateForbids { state, expected } => Refusal::new(Code::FailedPrecondition, Shared::StateForbids)
                .with("state", state)
                .with("expected", expected),
            Error::LevelNotBelowParent { level, parent_level } => {
                precondition(ErrorReason::TerritoryLevelNotBelowParent)
                    .with("level", level)
                    .with("parent_level", parent_level)
            }
            Error::TerritoryCycle { code, parent_code } => {
                precondition(ErrorReason::TerritoryCycle).with("code", code).with("parent_code", parent_code)
            }
            Error::TerritoryNotEmpty { code, kind } => {
                precondition(ErrorReason::TerritoryNotEmpty).with("code", code).with("kind", kind)
            }
            Error::AccountCycle { parent_account_id } => {
                precondition(ErrorReason::AccountCycle).with("parent_account_id", parent_account_id)
            }
            Error::AccountHasSubsidiaries { count } => {
                precondition(ErrorReason::AccountHasSubsidiaries).with("count", count)
            }
            Error::AccountTreeTooDeep { max } => precondition(ErrorReason::AccountTreeTooDeep).with("max", max),
            Error::PrimaryMissing => precondition(ErrorReason::PrimaryMissing),
            Error::PortfolioEmpty { account_manager_id } => {
                precondition(ErrorReason::PortfolioEmpty).with("account_manager_id", account_manager_id)
            }
            Error::AccountHasAssignments { count } => {
                precondition(ErrorReason::AccountHasAssignments).with("count", count)
            }
            Error::ManagerHasAssignments { count } => {
                precondition(ErrorReason::ManagerHasAssignments).with("count", count)
            }
            Error::AccountNotDeleted => Refusal::new(Code::AlreadyExists, reason(ErrorReason::AccountNotDeleted)),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Refusal::from(error).into()
    }
}
