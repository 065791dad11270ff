//! What can be sold, to whom and at what price: categories, specifications, offerings, prices, bundles, discount policies, and
//! quotes from memory.

mod directory;
mod error;
mod service;

pub use service::{MIGRATOR, SCHEMA, Settings, serve};
