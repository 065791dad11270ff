//! kpi through real stubs on a real database.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod fixtures;
mod indicator;
mod leak;
mod measurement;
mod reasons;
mod support;

use guanxi_test_support::contract::wire;

mod contract {
    guanxi_test_support::contract!(crate::support::Service);
}
