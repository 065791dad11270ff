//! The product as foreign clients see it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod agency;
mod cluster;
mod deals;
mod follower;
mod foreign_clients;
mod kpi;
mod kpi_campaign;
mod kpi_sight;
mod kpi_watch;
mod market;
mod on_behalf;
mod pipeline_copy;
mod process;
mod quote;
mod random;
mod territory_copy;
mod tools;
