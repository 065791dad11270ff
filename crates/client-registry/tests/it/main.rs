//! client-registry through real stubs on a real database.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "these are tests")]

mod account;
mod account_manager;
mod assignment;
mod assignment_policy;
mod bad_account;
mod bad_assignment;
mod bad_bytes;
mod bad_import;
mod bad_input;
mod concurrency;
mod deadline;
mod feed;
mod fixtures;
mod hand_over;
mod idempotency;
mod leak;
mod personal;
mod postgres;
mod process;
mod reasons;
mod refused;
mod restore;
mod scale;
mod search;
mod support;
mod territory;
mod vacancy;

use guanxi_test_support::contract::wire;

mod contract {
    guanxi_test_support::contract!(crate::support::Service);
}
