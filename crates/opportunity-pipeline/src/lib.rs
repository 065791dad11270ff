//! From a hint to an accepted quote: pipelines and opportunities.

mod copies;
mod error;
mod history;
mod lead;
mod need;
mod opportunity;
mod opportunity_view;
mod pipeline;
mod place;
mod service;

pub use service::{MIGRATOR, SCHEMA, Settings, serve};
