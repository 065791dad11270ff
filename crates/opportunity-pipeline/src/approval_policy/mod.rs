//! Approval policy: which level approves a quote, beside what its discounts need.
//!
//! One row for the whole tree, made at the first start. What changes holds for quotes that are priced, submitted or approved from then on.

mod convert;
mod model;
mod rpc;
pub(crate) mod store;

pub(crate) use model::{ApprovalPolicy, Level, Offer};
pub(crate) use rpc::{ApprovalPolicyRpc, ensure};
