//! client-registry through real stubs on a real database.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod support;
mod territory;
mod account;
mod search;
mod fixtures;
mod permission;
mod wire;
mod process;
mod bad_input;
mod refused;
