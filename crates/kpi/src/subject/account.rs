//! Accounts that count.

use std::collections::BTreeMap;

use guanxi_proto::client_registry::v1::{self as pb, AccountState, AssignmentRole, AssignmentState};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use time::Date;
use uuid::Uuid;

use super::Holding;
use crate::fact::{Attribution, Fact};
use crate::follow::{day_of, tier};
use crate::measure::{ACCOUNTS, ASSIGNED_ACCOUNTS, NEW_ACCOUNTS};

/// What is known of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// Everything but the manager, who is in `primary`.
    attribution: Attribution,
    /// False while it is deleted or merged.
    counts: bool,
    new: Option<New>,
    /// The open PRIMARY assignment, and whose it is.
    primary: Option<(String, Option<Uuid>)>,
}

/// Since when it is a new account, and as whose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct New {
    day: Date,
    attribution: Attribution,
    /// True once it became active.
    active: bool,
}

impl Account {
    /// Takes in what an event of the account tells.
    pub(crate) fn take(&mut self, id: Uuid, account: &pb::Account) {
        self.attribution = Attribution {
            territory_code: account.territory_code.clone(),
            account_id: Some(id),
            tier: tier(account.tier()).to_owned(),
            industry_code: account.industry_code.clone(),
            ..Attribution::default()
        };
        self.counts =
            account.delete_time.is_none() && !matches!(account.state(), AccountState::Deleted | AccountState::Merged);
        let activated = account.activate_time.as_ref().and_then(day_of);
        let known = self.new.as_ref().map(|new| new.active);
        let day = match (known, activated) {
            (Some(true), _) | (Some(false), None) => None,
            (None | Some(false), Some(day)) => Some((day, true)),
            (None, None) => account.create_time.as_ref().and_then(day_of).map(|day| (day, false)),
        };
        if let Some((day, active)) = day {
            self.new = Some(New { day, attribution: self.attributed(), active });
        }
    }

    /// Takes in what an event of an assignment of it tells.
    pub(crate) fn take_assignment(&mut self, assignment: &pb::Assignment) {
        if assignment.role() != AssignmentRole::Primary {
            return;
        }
        if assignment.state() == AssignmentState::Open {
            self.primary = Some((assignment.id.clone(), Uuid::try_parse(&assignment.account_manager_id).ok()));
        } else if self.primary.as_ref().is_some_and(|(id, _)| *id == assignment.id) {
            self.primary = None;
        }
    }

    fn attributed(&self) -> Attribution {
        let manager_id = self.primary.as_ref().and_then(|(_, manager)| *manager);
        Attribution { manager_id, ..self.attribution.clone() }
    }

    /// What it holds in stocks.
    pub(crate) fn holdings(&self) -> Vec<Holding> {
        if !self.counts {
            return Vec::new();
        }
        let measures = [Some(ACCOUNTS), self.primary.as_ref().map(|_| ASSIGNED_ACCOUNTS)];
        measures.into_iter().flatten().map(|measure| Holding::one(measure, self.attributed())).collect()
    }

    /// What it brought about.
    pub(crate) fn flows(&self) -> Vec<Fact> {
        let new = self.new.iter().filter(|_| self.counts).map(|new| Fact {
            measure: NEW_ACCOUNTS.to_owned(),
            day: new.day,
            attribution: new.attribution.clone(),
            currency_code: String::new(),
            value: Decimal::ONE,
            offerings: BTreeMap::from([(String::new(), Decimal::ONE)]),
        });
        new.collect()
    }
}
