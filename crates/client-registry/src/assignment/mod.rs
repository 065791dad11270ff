//! Assignment (包保): who is responsible for an account, from when to when.
//!
//! OPEN → CLOSED, and never deleted. These must hold at every commit: an account has at most one open PRIMARY; no open assignment is that of
//! a manager who is not in service; a manager has no more open PRIMARYs than the channel allows, unless the policy was tightened; the
//! copy of the territory's path is the path of the account's territory. Locks are taken in the order account, manager, assignment.

mod convert;
mod departure;
mod desk;
pub(crate) mod gate;
mod model;
mod rpc;
pub(crate) mod store;

pub(crate) use convert::{channel_name, event, optional_reason, reason_text, tier_name, unmet};
pub(crate) use departure::end_all_of;
pub(crate) use desk::{Desk, Wish};
pub(crate) use model::{Assignment, Role, territory_code};
pub(crate) use rpc::AssignmentRpc;
