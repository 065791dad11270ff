//! The product as foreign clients see it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod cluster;
mod deals;
mod follower;
mod foreign_clients;
mod market;
mod on_behalf;
mod pipeline_copy;
mod process;
mod quote;
mod random;
mod territory_copy;
mod tools;
