//! client-registry through real stubs on a real database.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "these are tests")]

mod concurrency;
mod deadline;
mod feed;
mod isolation;
mod postgres;
mod restore;
mod support;
mod territory;
mod account;
mod account_manager;
mod search;
mod fixtures;
mod permission;
mod wire;
mod process;
mod bad_account;
mod bad_input;
mod refused;
mod bad_bytes;
mod bad_import;
mod leak;
mod personal;
mod identity;
mod lint;
mod reasons;
