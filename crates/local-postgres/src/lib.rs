//! A Postgres server of one's own without anything to set up: finds server binaries on the machine or brings packaged
//! ones, makes a database folder, and runs a private server for as long as the process that started it lives.
//!
//! ```no_run
//! use guanxi_local_postgres::{Binaries, Durability, Server, StartOptions, default_cache};
//!
//! # fn main() -> Result<(), guanxi_local_postgres::Error> {
//! let binaries = Binaries::find(&default_cache(None), &|step| eprintln!("{step}"))?;
//! let server = Server::start(&binaries, &StartOptions::new("/srv/guanxi/postgres", Durability::Durable))?;
//! let url = server.url("guanxi_admin", "postgres");
//! # let _ = url;
//! server.stop()
//! # }
//! ```
//!
//! Only a Unix socket in a folder that nobody else can enter leads to the server, so connections need no password.
//! Postgres refuses to run as root: under root, its programs run as the owner of the folder, `postgres` or `nobody`.
//! Everything here blocks; asynchronous callers use a blocking thread. Linux only.

mod account;
mod binaries;
mod cluster;
mod error;
mod folder;
mod janitor;
mod package;
mod paths;
mod server;

pub use binaries::{Binaries, default_cache};
pub use error::Error;
pub use server::{Durability, SUPERUSER, Server, StartOptions};
