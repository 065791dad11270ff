//! From a hint to an accepted quote: pipelines, opportunities and quotes.

mod approval_policy;
mod copies;
mod error;
mod history;
mod lead;
mod need;
mod opportunity;
mod opportunity_view;
mod pipeline;
mod place;
mod quote;
mod service;
mod sight;

pub use service::{MIGRATOR, SCHEMA, Settings, serve};
