//! Who the customers are, where they belong and who looks after them: territories, enterprise accounts, account managers.

mod account;
mod account_manager;
mod change;
mod directory;
mod error;
mod import;
mod industry;
mod personal;
mod registry;
mod service;
mod territory;

pub use account::credit_code;
pub use service::{MIGRATOR, SCHEMA, Settings, StartError, migrate, serve};
