//! Indicators: formulas over measures.
//!
//! An indicator is live or deleted. Those of the table of the domain come with the product: people rename them, and their formulas stay. What
//! changes what its figures say makes a new version of it.

mod convert;
mod formula;
mod model;
mod rpc;
mod shipped;
pub(crate) mod store;

pub(crate) use convert::{code, wire};
pub(crate) use formula::Formula;
pub(crate) use model::{Direction, Indicator, Kind, Unit};
pub(crate) use rpc::IndicatorRpc;
pub(crate) use shipped::ensure;
