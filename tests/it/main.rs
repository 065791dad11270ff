//! The product as foreign clients see it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod cluster;
mod follower;
mod foreign_clients;
mod on_behalf;
mod process;
mod quote;
mod random;
mod territory_copy;
mod tools;
