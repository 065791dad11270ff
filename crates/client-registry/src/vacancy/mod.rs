//! Vacancy (空缺): a customer without somebody who answers for it, and who could.
//!
//! A row per account, kept by whoever opens and closes PRIMARY assignments (`assignment/store.rs`): it is there exactly while an account
//! that has been a customer has no open PRIMARY. Lists show those that are ACTIVE.

mod convert;
mod rpc;
mod store;
mod suggest;

pub(crate) use rpc::VacancyRpc;
