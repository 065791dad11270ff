//! Account (集团客户): an organisation that buys as one.
//!
//! PROSPECT → ACTIVE, once somebody answers for it, and DELETED beside every state until it is undeleted; further states come with the verbs that lead to them.
//! These must hold at every commit: a credit code and an external id belong to one account; the hierarchy has no cycle and at most
//! ten levels; the copy of the territory's path is the territory's path; at most one tier period lasts, and it is the
//! account's tier.

mod convert;
pub mod credit_code;
mod find;
mod gram;
mod import;
mod listing;
mod model;
mod name;
mod patch;
mod rpc;
mod search;
mod store;
mod tier;

pub(crate) use convert::tier as wire_tier;
pub(crate) use model::{State, Tier};
pub(crate) use rpc::AccountRpc;
pub(crate) use store::check_visible;
