//! Leads: hints of a chance to sell, before anybody knows whether it is one.
//!
//! A lead is NEW, then somebody works on it, until it is qualified, which opens an opportunity in the same transaction, or disqualified. It is of an
//! account or of a company that is none yet. A lead that repeats another one is linked to it, and links never go round in a circle.

mod convert;
mod desk;
mod listing;
mod model;
mod patch;
mod rpc;
mod store;

pub(crate) use rpc::LeadRpc;
