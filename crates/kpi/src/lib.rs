//! What was wanted and what happened: indicators and their figures, derived from the feeds of the other services.

mod error;
mod fact;
mod figure;
mod follow;
mod indicator;
mod measure;
mod measurement;
pub mod rebuild;
mod service;
mod subject;
mod target;

pub use service::{MIGRATOR, SCHEMA, Settings, serve};
