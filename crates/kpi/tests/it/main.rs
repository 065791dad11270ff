//! kpi through real stubs on a real database.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod figure;
mod fixtures;
mod following;
mod indicator;
mod leak;
mod measurement;
mod reasons;
mod recount;
mod support;
mod target;
mod target_progress;
mod world;

use guanxi_test_support::contract::wire;

mod contract {
    guanxi_test_support::contract!(crate::support::Service);
}
