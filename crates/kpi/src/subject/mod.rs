//! Subjects: what counts, as its events tell it, and the facts that follow (decision 17).
//!
//! What is known of a subject is kept. By pure functions follow from it what it brought about and what it holds in stocks, and an event turns one
//! state into the next; which facts come and go is told by comparing the two.

mod account;
mod account_manager;
mod ledger;
mod opportunity;
pub(crate) mod store;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::fact::Fact;
pub(crate) use account::Account;
pub(crate) use account_manager::AccountManager;
pub(crate) use ledger::{Holding, Ledger};
pub(crate) use opportunity::{Opportunity, STOCKS, Told};

/// What is known of something that counts, by its noun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "noun", rename_all = "snake_case")]
pub(crate) enum Known {
    /// An account with its open PRIMARY assignment.
    Account(Box<Account>),
    /// An account manager.
    AccountManager(AccountManager),
    /// An opportunity with its quotes that wait.
    Opportunity(Box<Opportunity>),
}

/// Something that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) id: Uuid,
    pub(crate) known: Known,
    /// What its stocks enter and leave by the events at hand.
    pub(crate) ledger: Ledger,
    /// Position of its newest event.
    pub(crate) position: i64,
}

impl Subject {
    /// Its noun, with which the subjects of its events begin.
    pub(crate) fn noun(&self) -> &'static str {
        match self.known {
            Known::Account(_) => "account",
            Known::AccountManager(_) => "account_manager",
            Known::Opportunity(_) => "opportunity",
        }
    }

    /// What it holds in stocks, beside the quotes of an opportunity.
    pub(crate) fn holdings(&self) -> Vec<Holding> {
        match &self.known {
            Known::Account(account) => account.holdings(),
            Known::AccountManager(manager) => manager.holdings(self.id),
            Known::Opportunity(opportunity) => opportunity.holdings(),
        }
    }

    /// What it brought about.
    pub(crate) fn flows(&self) -> Vec<Fact> {
        match &self.known {
            Known::Account(account) => account.flows(),
            Known::AccountManager(_) => Vec::new(),
            Known::Opportunity(opportunity) => opportunity.flows(),
        }
    }
}
