//! Opportunities summed up: the board, the funnel, the forecast, and what is stalled. Figures are made of what the caller sees of the
//! opportunities themselves, at the moment of the call.

mod convert;
mod model;
mod rpc;
mod store;

pub(crate) use rpc::OpportunityViewRpc;
