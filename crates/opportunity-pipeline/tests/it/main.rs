//! opportunity-pipeline through real stubs on a real database.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod approval_policy;
mod bad_quote;
mod catalog;
mod fixtures;
mod history;
mod lead;
mod leak;
mod need;
mod opportunity;
mod opportunity_event;
mod opportunity_import;
mod opportunity_race;
mod opportunity_stage;
mod opportunity_view;
mod opportunity_view_recount;
mod personal;
mod pipeline;
mod quote;
mod quote_fault;
mod reasons;
mod support;

use guanxi_test_support::contract::wire;

mod contract {
    guanxi_test_support::contract!(crate::support::Service);
}
