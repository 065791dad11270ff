//! Who the customers are, where they belong and who looks after them: territories, enterprise accounts, account managers.

mod account;
mod account_manager;
mod directory;
mod error;
mod industry;
mod service;
mod territory;

pub use account::credit_code;
pub use service::{MIGRATOR, SCHEMA, serve};
