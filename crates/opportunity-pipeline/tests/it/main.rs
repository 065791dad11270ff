//! opportunity-pipeline through real stubs on a real database.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod approval_policy;
mod bad_quote;
mod catalog;
mod fixtures;
mod leak;
mod opportunity;
mod quote;
mod quote_fault;
mod reasons;
mod support;

use guanxi_test_support::contract::wire;

mod contract {
    guanxi_test_support::contract!(crate::support::Service);
}
