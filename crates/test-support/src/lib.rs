//! What tests share: a database of their own, tokens, and a service in their process.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that cannot be set up fails"
)]

mod collector;
mod database;
mod keys;
mod running;

pub use collector::{Collector, text};
pub use database::TestDatabase;
pub use keys::{Keys, with_token};
pub use running::{Running, Stop};
