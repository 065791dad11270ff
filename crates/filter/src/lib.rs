//! AIP-160 filters, orders and keyset pages as bound SQL.
//!
//! This is the one place that puts SQL together while the program runs. A statement consists of text that is in the
//! program ([`Listing`]) and of bound values; what a user sent has no way into the text.
//!
//! A resource declares a [`Listing`] once. Each request becomes a [`PageQuery`], or every [`Violation`] of its page
//! size, page token, filter and order at once; the query then reads a [`Page`], or counts, within the caller's scope.
//!
//! # Filters
//!
//! | field | operators | value |
//! |---|---|---|
//! | text | `=` `!=`; `<` `<=` `>` `>=` by code point; `:` contains | any text, case matters |
//! | enum | `=` `!=` | `TIER_A`, or `A` without the prefix that all values share |
//! | integer, decimal | `=` `!=` `<` `<=` `>` `>=` | `42`, `-7.50` |
//! | instant | the same | `"2025-01-31T08:00:00Z"` |
//! | day | the same | `2025-01-31` |
//! | boolean | `=` `!=` | `true`, `false` |
//! | id | `=` `!=` | a UUID |
//! | list of texts | `:` has the element | any text |
//!
//! Behind `=`, `!=` and `:`, a `*` at the start or end of a text stands for anything.
//!
//! `field:*` holds where the field is set, for a list where it is not empty. Comparisons are joined by `AND` (or a
//! blank), `OR`, `NOT` or `-`, and parentheses; `OR` binds tighter than `AND`, as AIP-160 wants it. A comparison with a
//! field that is not set is neither true nor false, so neither `!=` nor `NOT` finds that row; `NOT field:*` does.
//!
//! A field of the kind [`Kind::Shown`] is hidden from callers whose scope does not reach it, and for them it is not set: what an answer
//! does not show cannot be found out by filtering either.
//!
//! [`Violation`]: guanxi_grpc::Violation

mod compare;
mod filter;
mod listing;
mod page;
#[cfg(test)]
mod sample;
mod sql;
mod token;

pub use listing::{Field, Kind, Listing, Order, PageRequest};
pub use page::{Page, PageQuery};
pub use sql::Value;
pub use token::{page_place, page_token};
