//! Offering (集团产品): one version of something that is sold.
//!
//! DRAFT → PUBLISHED → RETIRED; a draft may be deleted, and undeleted. These must hold at every commit: code and number belong to
//! one version, for good; a code has one live draft at most; a published version never changes but to be retired, and that
//! is the only statement that touches one; published offerings need each other without a circle, and whatever a published one
//! needs is published or a draft.

mod convert;
mod eligibility;
mod model;
mod patch;
mod plain;
mod reference;
mod rpc;
mod store;

pub(crate) use model::{Standing, Standings};
pub(crate) use plain::{Plain, publish_plain};
pub(crate) use rpc::OfferingRpc;
pub(crate) use store::{lock_offering, lock_offerings};
