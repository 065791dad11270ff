//! Hand-over (移交): accounts that went to other managers in one transaction.
//!
//! Written once and never changed. It lies in the smallest territory that contains all its accounts, so nobody learns of it who does not see
//! everything that it tells of.

mod carry;
mod convert;
mod model;
mod rpc;
mod store;
mod transfer;

pub(crate) use carry::{Order, carry_out};
pub(crate) use rpc::HandOverRpc;
