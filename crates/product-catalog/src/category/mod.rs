//! Category (产品分类): a place in the tree of what can be sold.
//!
//! Live, and deleted beside it until undeleted. These must hold at every commit: a code belongs to one category, for good; the
//! category above a live one is live; a top category has both classes; no path has more than ten codes; whatever names a
//! category is gone before the category is.

mod convert;
mod model;
mod rpc;
pub(crate) mod store;

pub(crate) use rpc::CategoryRpc;
