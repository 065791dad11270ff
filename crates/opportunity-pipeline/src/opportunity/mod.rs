//! Opportunities: qualified chances to sell, with an owner and a territory of their own.
//!
//! An opportunity is OPEN in an open stage of its pipeline until it is won or lost; suspended it rests where it is. Its account may be
//! unknown until a stage asks for it. Amounts of one opportunity are in one currency.
//!
//! Everybody locks in this order, so that nobody waits in a circle: a territory (`copies::lock_territory`, and whoever takes in a move of the
//! tree), then the opportunity, then its pipeline (`pipeline::store::share`). Whoever changes a pipeline locks its row and then only looks at
//! opportunities: those that move at that moment have moved before, or meet the changed stages.

mod convert;
mod course;
mod criteria;
pub(crate) mod desk;
mod import;
mod listing;
mod model;
mod opening;
mod patch;
mod request;
mod rpc;
pub(crate) mod store;
mod verb;

pub(crate) use listing::COLUMNS;
pub(crate) use model::{Kind, Opportunity, Placing, State};
pub(crate) use opening::open;
pub(crate) use patch::territory_code;
pub(crate) use rpc::OpportunityRpc;
