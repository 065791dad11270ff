//! Pages and filters against a real Postgres, compared with the same work done in Rust.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod database;
mod filters;
mod pages;
mod plan;
mod random;
mod thing;
