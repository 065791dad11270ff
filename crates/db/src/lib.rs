//! How we use Postgres: a few owned connections, statements that end with their caller, driver errors with a meaning, request
//! ids, migrations and roles.
//!
//! The tables that every service has (`request`, and those of `crates/events`) lie in the service's own schema, so their statements
//! are rendered once per process with the name of the schema; every other statement of the product is a checked macro.

mod error;
mod id;
mod lease;
mod provision;
mod request;

pub use error::Error;
pub use id::new_id;
pub use lease::{Connection, Database, Settings, Transaction};
pub use provision::{migrate, migrator, provision, role_url};
pub use request::{Claim, RequestKey};
pub use sqlx::PgConnection;
