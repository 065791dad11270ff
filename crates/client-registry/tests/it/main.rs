//! client-registry through real stubs on a real database.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod support;
mod territory;
mod account;
mod search;
