//! Pricing (报价计算): what something would cost, from memory.
//!
//! [`quote::quote`] is a pure function: the same request, version of the catalog and place give the same answer on every replica, to
//! the cent. A list amount is rounded half up to the currency's minor unit, then each adjustment is, in the order tier, term, volume,
//! bundle, manual, each a share of what the ones before it left; the net amount is the list amount less the adjustments.

mod amount;
mod catalog;
mod convert;
mod eligible;
mod keeper;
mod quote;
#[cfg(test)]
mod random;
mod rpc;
#[cfg(test)]
mod tests;

pub(crate) use keeper::Keeper;
pub(crate) use rpc::PricingRpc;
