//! Quotes: the versions of an opportunity's priced offer, from a draft to the customer's answer.
//!
//! DRAFT → APPROVED within the authority of who submits it, else → WAITING → APPROVED or REJECTED by somebody else with the authority; APPROVED →
//! ACCEPTED or DECLINED by the customer; WITHDRAWN and EXPIRED end what is not answered. These must hold at every commit: version numbers
//! are the opportunity's own, from 1; at most one quote of an opportunity is ACCEPTED; what was approved has the prices that it was approved with.
//! product-catalog is asked while no connection is leased, so what it answers is checked against the quote when that is locked.

mod amount;
mod authority;
mod convert;
mod decision;
mod expiry;
mod listing;
mod model;
mod patch;
mod pricing;
mod proposal;
mod rpc;
mod store;
mod stored;

pub(crate) use expiry::watch as watch_expiry;
pub(crate) use rpc::QuoteRpc;
