//! Bundle (捆绑/融合): offerings that are sold as one.
//!
//! DRAFT → PUBLISHED → RETIRED; drafts are deleted until undeleted. These must hold at every commit: a code belongs to one bundle, for
//! good; what is published has two to twenty parts, was made of published offerings, and changes no more but in its state.

mod convert;
mod model;
mod rpc;
mod store;

pub(crate) use rpc::BundleRpc;
