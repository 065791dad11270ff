//! From a hint to an accepted quote: pipelines, opportunities and quotes.

mod approval_policy;
mod copies;
mod error;
mod opportunity;
mod pipeline;
mod place;
mod quote;
mod service;

pub use service::{MIGRATOR, SCHEMA, Settings, serve};
