//! product-catalog through real stubs on a real database.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod category;
mod fixtures;
mod leak;
mod offering;
mod publishing;
mod reasons;
mod specification;
mod support;

use guanxi_test_support::contract::wire;

mod contract {
    guanxi_test_support::contract!(crate::support::Service);
}
