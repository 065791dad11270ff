//! Why a cluster does not start or does not go on, and what to do about it.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// Each text says what to do next where there is something to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("process {pid} runs a cluster in {}: stop it (`kill {pid}`), or choose another folder with --data-dir DIR", .folder.display())]
    InUse { folder: PathBuf, pid: String },
    #[error(
        "services of an earlier cluster in {0} do not end: find them with `fuser {0}/services.lock` and kill them",
        .folder.display()
    )]
    LeftOver { folder: PathBuf },
    #[error(
        "{address} is taken, and {name} needs it: stop what listens there, or choose other ports with --port-base N"
    )]
    PortTaken { address: SocketAddr, name: &'static str },
    #[error("{name} cannot listen at {address}: choose other ports with --port-base N")]
    PortForbidden { address: SocketAddr, name: &'static str, source: io::Error },
    #[error("{name} has ended ({status}). The last lines of {}:\n{last}", .log.display())]
    Died { name: &'static str, status: ExitStatus, log: PathBuf, last: String },
    #[error("{name} was started but does not serve. The last lines of {}:\n{last}", .log.display())]
    NotServing { name: &'static str, log: PathBuf, last: String },
    #[error("the database URL is not understood; one looks like postgres://admin:secret@db.internal:5432/postgres")]
    DatabaseUrl(#[source] sqlx::Error),
    #[error(
        "the Postgres at {place} cannot be used: check --database-url (GUANXI_DATABASE_URL), or leave it out for a private server"
    )]
    DatabaseUnreachable { place: String, source: sqlx::Error },
    #[error("the database `guanxi` cannot be created: create it yourself, or give the role of --database-url CREATEDB")]
    CreateDatabase(#[source] sqlx::Error),
    #[error(
        "another cluster uses the database `guanxi` at {place}: stop it, or give this one a server of its own (without \
         --database-url and GUANXI_DATABASE_URL it gets a private one)"
    )]
    DatabaseInUse { place: String },
    #[error(
        "the role {role} cannot log in with its password: have pg_hba.conf allow it (scram-sha-256 for this address)"
    )]
    Role { role: String, source: sqlx::Error },
    #[error("{} cannot be used: set that right, or choose another folder with --data-dir DIR", .path.display())]
    File { path: PathBuf, source: io::Error },
}

impl Error {
    /// Why nobody can listen at an address.
    pub(super) fn listen(name: &'static str, address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::PortTaken { address, name },
            _ => Self::PortForbidden { address, name, source },
        }
    }

    /// Names the file, for `map_err`.
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { path: path.to_owned(), source }
    }
}
