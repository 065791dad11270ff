//! Price: what an offering costs from one day to another, for one kind of charge.
//!
//! Announced until its first day, in force from then on, ended from the day that its end names; deleted, until undeleted, only before
//! it applies. These must hold at every commit: on a day an offering has at most one live price of a kind; what applied once never
//! changes.

mod convert;
mod model;
mod patch;
mod rpc;
mod store;

pub(crate) use rpc::PriceRpc;
