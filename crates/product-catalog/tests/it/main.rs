//! product-catalog through real stubs on a real database.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod bundle;
mod category;
mod discount_policy;
mod offering;
mod price;
mod price_book;
mod publishing;
mod quote;
mod specification;
mod support;
