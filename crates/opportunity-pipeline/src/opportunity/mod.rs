//! Opportunities: qualified chances to sell, with an owner and a territory of their own.
//!
//! An opportunity is OPEN in an open stage of its pipeline until it is won or lost; suspended it rests where it is. Its account may be
//! unknown until a stage asks for it. Amounts of one opportunity are in one currency.

mod convert;
mod desk;
mod listing;
mod model;
mod opening;
mod patch;
mod rpc;
pub(crate) mod store;

#[cfg(test)]
pub(crate) use model::Placing;
pub(crate) use model::{Opportunity, State};
pub(crate) use rpc::OpportunityRpc;
