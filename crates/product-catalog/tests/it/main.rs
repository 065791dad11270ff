//! product-catalog through real stubs on a real database.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod category;
mod specification;
mod support;
