//! Why client-registry refuses.

use guanxi_grpc::{Reason, Refusal};
use guanxi_proto::client_registry::v1::ErrorReason;
use guanxi_resource::Error;
use tonic::{Code, Status};

/// A reason that only client-registry gives.
pub(crate) fn reason(reason: ErrorReason) -> Reason {
    Reason::of("guanxi.client_registry.v1", reason.as_str_name())
}

/// What only client-registry refuses.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    LevelNotBelowParent { level: String, parent_level: String },
    TerritoryCycle { code: String, parent_code: String },
    TerritoryNotEmpty { code: String, holds: ErrorReason },
    AccountCycle { parent_account_id: String },
    AccountHasSubsidiaries { count: usize },
    AccountTreeTooDeep { max: usize },
    PrimaryMissing,
    PortfolioEmpty { account_manager_id: String },
    AccountHasAssignments { count: usize },
    ManagerHasAssignments { count: usize },
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let precondition = |own: ErrorReason| Refusal::new(Code::FailedPrecondition, reason(own));
        match refused {
            Refused::LevelNotBelowParent { level, parent_level } => {
                precondition(ErrorReason::TerritoryLevelNotBelowParent)
                    .with("level", level)
                    .with("parent_level", parent_level)
            }
            Refused::TerritoryCycle { code, parent_code } => {
                precondition(ErrorReason::TerritoryCycle).with("code", code).with("parent_code", parent_code)
            }
            Refused::TerritoryNotEmpty { code, holds } => precondition(holds).with("code", code),
            Refused::AccountCycle { parent_account_id } => {
                precondition(ErrorReason::AccountCycle).with("parent_account_id", parent_account_id)
            }
            Refused::AccountHasSubsidiaries { count } => {
                precondition(ErrorReason::AccountHasSubsidiaries).with("count", count)
            }
            Refused::AccountTreeTooDeep { max } => precondition(ErrorReason::AccountTreeTooDeep).with("max", max),
            Refused::PrimaryMissing => precondition(ErrorReason::PrimaryMissing),
            Refused::PortfolioEmpty { account_manager_id } => {
                precondition(ErrorReason::PortfolioEmpty).with("account_manager_id", account_manager_id)
            }
            Refused::AccountHasAssignments { count } => {
                precondition(ErrorReason::AccountHasAssignments).with("count", count)
            }
            Refused::ManagerHasAssignments { count } => {
                precondition(ErrorReason::ManagerHasAssignments).with("count", count)
            }
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Error::Refused(refused.into())
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        Refusal::from(refused).into()
    }
}
