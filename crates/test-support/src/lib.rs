//! What tests share: a database of their own, tokens, a service in their process, and what holds for every service.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that cannot be set up fails"
)]

use std::io::Write as _;

mod collector;
pub mod contract;
mod database;
mod keys;
mod look;
mod running;
mod served;

pub use collector::{Collector, text};
pub use database::TestDatabase;
pub use keys::{Keys, with_token};
pub use look::{eventually, metadata, number, reason, rows, violations};
pub use running::{Running, Stop};
pub use served::{Served, Start, channel};

/// Says why a test shows nothing here. Past the harness: it keeps to itself what a test that passes prints.
pub fn skip(reason: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "SKIPPED {name}: {reason}");
}
