//! Who the customers are, where they belong and who looks after them: territories and enterprise accounts.

mod account;
mod directory;
mod error;
mod import;
mod registry;
mod service;
mod territory;

pub use account::credit_code;
pub use service::{MIGRATOR, SCHEMA, Settings, StartError, migrate, serve};
