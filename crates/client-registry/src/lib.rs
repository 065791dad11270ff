//! Who the customers are, where they belong and who looks after them: territories, enterprise accounts, account managers.

mod account;
mod account_manager;
mod assignment;
mod assignment_policy;
mod directory;
mod error;
mod hand_over;
mod industry;
mod service;
mod territory;
mod vacancy;

pub use account::credit_code;
pub use service::{MIGRATOR, SCHEMA, serve};
