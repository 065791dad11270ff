//! Account managers that count.

use guanxi_proto::client_registry::v1::{self as pb, AccountManagerState};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Holding;
use crate::fact::Attribution;
use crate::measure::MANAGERS_IN_SERVICE;

/// What is known of an account manager.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccountManager {
    territory_code: String,
    in_service: bool,
}

impl AccountManager {
    /// As its event tells.
    pub(crate) fn read(manager: &pb::AccountManager) -> Self {
        let in_service = manager.state() == AccountManagerState::InService;
        Self { territory_code: manager.territory_code.clone(), in_service }
    }

    /// What it holds in stocks.
    pub(crate) fn holdings(&self, id: Uuid) -> Vec<Holding> {
        let attribution =
            Attribution { territory_code: self.territory_code.clone(), manager_id: Some(id), ..Attribution::default() };
        if self.in_service { vec![Holding::one(MANAGERS_IN_SERVICE, attribution)] } else { Vec::new() }
    }
}
