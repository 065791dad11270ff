//! Discount policy (优惠权限): which level may grant how much discount, by category or by default.
//!
//! Live, or deleted until undeleted. These must hold at every commit: the default policy is there and live; a category has at most one
//! policy, deleted ones included; every level has its authority, and no level may grant less than the one below it.

mod convert;
mod model;
mod rpc;
mod store;

pub(crate) use rpc::{DiscountPolicyRpc, ensure_default};
