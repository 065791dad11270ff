//! What can be sold, to whom and at what price: categories, specifications, offerings, prices, bundles, discount policies, and
//! quotes from memory.

mod category;
mod currency;
mod directory;
mod error;
mod event;
mod offering;
mod pricing;
mod service;
mod specification;
mod value;

pub use service::{MIGRATOR, SCHEMA, Settings, serve};
