//! Pipelines: the stages that opportunities go through, as data. A pipeline belongs to the whole operator; its stages keep their order of
//! kinds, and none that an opportunity is or was in is ever left out.

mod convert;
mod model;
mod rpc;
mod standard;
pub(crate) mod store;

#[cfg(test)]
pub(crate) use model::Stage;
pub(crate) use model::{ForecastCategory, Pipeline, StageKind};
pub(crate) use rpc::PipelineRpc;
pub(crate) use standard::{STANDARD, ensure as ensure_standard};
