//! Facts: what counts in figures, and their sums over the tree of territories.
//!
//! A fact is something that counts: a measure, a business date, and to whom and what it is attributed. Facts of the feeds belong to a subject
//! (an account, an account manager, an opportunity); measurements are facts of their own. Roll-ups are sums of facts, kept in the transaction that
//! changes them, for every level of the tree: a query reads sums, not facts.

mod model;
pub(crate) mod place;
pub(crate) mod rollup;
pub(crate) mod store;

pub(crate) use model::{Attribution, Fact, UNDATED, shares};
pub(crate) use rollup::Deltas;
