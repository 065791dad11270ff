//! What tests share: a database of their own, tokens, and a service in their process.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that cannot be set up fails"
)]

use std::io::Write as _;

mod collector;
mod database;
mod keys;
mod running;

pub use collector::{Collector, text};
pub use database::TestDatabase;
pub use keys::{Keys, with_token};
pub use running::{Running, Stop};

/// Says why a test shows nothing here. Past the harness: it keeps to itself what a test that passes prints.
pub fn skip(reason: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "SKIPPED {name}: {reason}");
}
