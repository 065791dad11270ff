//! Specification (产品规格): what can be configured on offerings.
//!
//! Live, and deleted beside it until undeleted. These must hold at every commit: a code belongs to one specification, for good;
//! its characteristics have different codes and depend on each other without a circle; every default is a valid value; a live
//! offering that is not retired names a live specification.

mod convert;
mod model;
mod rpc;
pub(crate) mod store;

pub(crate) use convert::{characteristics, wire_characteristic};
pub(crate) use model::{Characteristic, configure};
pub(crate) use rpc::SpecificationRpc;
