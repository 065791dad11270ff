//! Assignment policy: the numbers by which accounts are assigned to managers.
//!
//! One row for the whole tree, shipped as version 0. What changes holds for assignments from then on; open ones stay open.

mod convert;
mod model;
mod rpc;
pub(crate) mod store;

pub(crate) use model::AssignmentPolicy;
pub(crate) use rpc::AssignmentPolicyRpc;
