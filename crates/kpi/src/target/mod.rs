//! Targets: what an indicator shall reach in a territory and a period, split down the tree so that it adds up.
//!
//! A target is open, locked or deleted. What was decomposed from one adds up to it: a part gets its value from its parent alone, and what lies below
//! follows in proportion. Whatever changes targets takes the turn of targets first, so each change sees all of the tree that the one before left.

mod convert;
mod decompose;
mod desk;
mod listing;
mod model;
mod period;
mod progress;
mod rpc;
mod store;

pub(crate) use rpc::TargetRpc;
pub(crate) use store::re_path;
