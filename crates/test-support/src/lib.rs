//! What tests share: a database of their own, and tokens.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test that cannot be set up fails")]

mod database;
mod keys;

pub use database::TestDatabase;
pub use keys::{Keys, with_token};
