//! What tests share: a database of their own, and tokens.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that cannot be set up fails"
)]

mod collector;
mod database;
mod keys;

pub use collector::{Collector, text};
pub use database::TestDatabase;
pub use keys::{Keys, with_token};
