//! What can be sold, to whom and at what price: categories, specifications, offerings, prices, bundles, discount policies, and
//! quotes from memory.

mod bundle;
mod category;
mod discount_policy;
mod error;
mod offering;
mod operator;
mod price;
mod pricing;
mod service;
mod specification;
mod value;

pub use service::{MIGRATOR, SCHEMA, Settings, serve};
