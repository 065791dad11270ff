//! Account manager (客户经理): an employee who looks after accounts.
//!
//! IN_SERVICE, and DELETED beside it until undeleted; DEPARTED comes with the verb that leads to it. These must hold at every
//! commit: an employee number belongs to one manager, for good; the copy of the territory's path is the territory's path; an
//! industry manager has industries, and no other does.

mod convert;
mod model;
mod rpc;
mod store;

pub(crate) use rpc::AccountManagerRpc;
