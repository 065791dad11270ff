//! The product as foreign clients see it.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod cluster;
mod foreign_clients;
mod tools;
