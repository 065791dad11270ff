//! Territory (区域/网格): a node of the tree that accounts and people belong to.
//!
//! The tree is kept as materialised paths of codes, so a subtree is a range of an index. Three things must hold at every
//! commit: the path of a node is the path of its parent and its code; the level of a node is below its parent's; the copies of the
//! path on what lies in a territory are its path. Creating and importing hold the tree's lock shared, moving and deleting hold it
//! alone, and whoever places something in a territory holds the lock of its row shared.

mod convert;
mod import;
mod model;
mod rpc;
pub(crate) mod store;

pub(crate) use convert::code;
pub(crate) use model::Territory;
pub(crate) use rpc::TerritoryRpc;
