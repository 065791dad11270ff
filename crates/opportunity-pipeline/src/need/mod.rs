//! Needs of opportunities: a hypothesis is verified by evidence and then evaluated, or it is refuted. A need has no place of its own: it
//! lies where its opportunity lies, is seen by whoever sees that, and stays as it is once that is won, lost or deleted.

mod convert;
mod model;
mod rpc;
pub(crate) mod store;

pub(crate) use rpc::NeedRpc;
