//! product-catalog through real stubs on a real database.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod bad_quote;
mod bundle;
mod category;
mod discount_policy;
mod fixtures;
mod leak;
mod offering;
mod price;
mod price_book;
mod publishing;
mod quote;
mod reasons;
mod specification;
mod support;

use guanxi_test_support::contract::wire;

mod contract {
    guanxi_test_support::contract!(crate::support::Service);
}
