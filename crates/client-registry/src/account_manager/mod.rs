//! Account manager (客户经理): an employee who looks after accounts.
//!
//! IN_SERVICE ⇄ DEPARTED, and DELETED beside both until undeleted. These must hold at every commit: an employee number belongs to one
//! manager, for good; the copy of the territory's path is the territory's path; an industry manager has industries, and no other does;
//! who is not in service has no open assignment.

mod convert;
mod model;
mod rpc;
mod store;

pub(crate) use convert::{channel_of, wire_channel};
pub(crate) use model::Channel;
pub(crate) use rpc::AccountManagerRpc;
