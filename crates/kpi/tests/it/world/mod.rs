//! A world to count: what three services tell of it, a recount of every figure, and stand-ins for the services.

pub(crate) mod feeds;
pub(crate) mod generate;
pub(crate) mod recount;
