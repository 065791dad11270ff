//! The folder of a cluster: ours alone while it runs.
//!
//! ```text
//! <dir>/
//!   lock             locked by `guanxi up`, and names it
//!   services.lock    locked for as long as a service lives
//!   running.json     what runs, for the other commands
//!   keys/            mode 0700: people.pem and <service>.pem sign, jwks.json is trusted, <schema>.password of an operator's own Postgres
//!   logs/            <service>.log, postgres.log
//!   postgres/        the private database
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use guanxi_auth::{PublicKey, SERVICE_PREFIX, SigningKey, write_key_set};

use super::Error;
use crate::cluster::{key_set, people_key, service_key};
use crate::running::Running;
use crate::service::SERVICES;
use crate::terminal::Step;

/// How long services of a cluster that came to a sudden end get to finish: they drain for 25 s at most.
const PATIENCE: Duration = Duration::from_secs(40);
/// How long a cluster that was killed may still hold its lock.
const DEATH: Duration = Duration::from_secs(2);
/// How often to look whether something has changed that nobody tells.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// A folder that is ours.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    services: File,
    _lock: File,
}

impl Folder {
    /// Makes the folder if need be, and claims it. Refuses one that another cluster uses; waits for what is left of one.
    pub(super) async fn claim(path: PathBuf) -> Result<Self, Error> {
        fs::create_dir_all(&path).map_err(Error::file(&path))?;
        for private in ["keys", "logs"].map(|name| path.join(name)) {
            DirBuilder::new().mode(0o700).recursive(true).create(&private).map_err(Error::file(&private))?;
        }
        let mut lock = open_lock(&path.join("lock"))?;
        if !lock_within(DEATH, &lock, &path).await? {
            let mut pid = String::new();
            let _ = lock.read_to_string(&mut pid);
            return Err(Error::InUse { folder: path, pid: pid.trim().to_owned() });
        }
        let named = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
        named.map_err(Error::file(&path))?;
        let services = open_lock(&path.join("services.lock"))?;
        await_lock(&services, &path).await?;
        Ok(Self { path, services, _lock: lock })
    }

    /// A standard output for services, which keeps the folder ours until the last of them has ended.
    pub(super) fn watch(&self) -> Result<Stdio, Error> {
        self.services.try_clone().map(Stdio::from).map_err(Error::file(&self.path))
    }

    /// Where a service or Postgres logs.
    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.path.join("logs").join(format!("{name}.log"))
    }

    /// Makes the key that signs people's tokens, one for each service, and the set of trusted keys, where they are missing. Keys that
    /// the operator added to the set stay.
    pub(super) fn keys(&self) -> Result<(), Box<dyn std::error::Error>> {
        let mut ours = vec![signing_key(&people_key(&self.path))?.public_key(None)];
        for service in SERVICES {
            let subject = format!("{SERVICE_PREFIX}{}", service.name());
            ours.push(signing_key(&service_key(&self.path, service))?.public_key(Some(&subject)));
        }
        let path = key_set(&self.path);
        let mut trusted = if path.exists() { read_key_set(&path)? } else { Vec::new() };
        ours.retain(|key| !trusted.contains(key));
        if !ours.is_empty() {
            trusted.extend(ours);
            write_key_set(&path, &trusted)?;
        }
        Ok(())
    }

    /// The password of a schema's roles, made where it is missing.
    pub(super) fn password(&self, schema: &str) -> Result<String, Box<dyn std::error::Error>> {
        let path = password_file(&self.path, schema);
        if !path.exists() {
            let mut random = [0; 16];
            File::open("/dev/urandom")?.read_exact(&mut random)?;
            let password = u128::from_ne_bytes(random);
            write_whole(&path, |new| {
                let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(new)?;
                write!(file, "{password:032x}")?;
                Ok(file.sync_all()?)
            })?;
        }
        Ok(fs::read_to_string(&path).map_err(Error::file(&path))?)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        Running::remove(&self.path);
    }
}

/// A key, made where it is missing.
fn signing_key(path: &Path) -> Result<SigningKey, Box<dyn std::error::Error>> {
    if !path.exists() {
        write_whole(path, |new| Ok(SigningKey::generate()?.save(new)?))?;
    }
    Ok(SigningKey::load(path)?)
}

/// The file with the password of a schema's roles.
pub(crate) fn password_file(folder: &Path, schema: &str) -> PathBuf {
    folder.join("keys").join(format!("{schema}.password"))
}

/// Has a file written beside its place and moves it there, so that it is never half there.
fn write_whole(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), Box<dyn std::error::Error>>,
) -> Result<(), Box<dyn std::error::Error>> {
    let new = path.with_extension("new");
    // Left by somebody who was killed; the folder is locked, so nobody is writing it.
    let _ = fs::remove_file(&new);
    write(&new)?;
    Ok(fs::rename(&new, path).map_err(Error::file(path))?)
}

fn read_key_set(path: &Path) -> Result<Vec<PublicKey>, Error> {
    #[derive(serde::Deserialize)]
    struct KeySet {
        keys: Vec<PublicKey>,
    }
    let content = fs::read(path).map_err(Error::file(path))?;
    let set: KeySet = serde_json::from_slice(&content).map_err(io::Error::from).map_err(Error::file(path))?;
    Ok(set.keys)
}

fn open_lock(path: &Path) -> Result<File, Error> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(Error::file(path))
}

fn try_lock(lock: &File, path: &Path) -> Result<bool, Error> {
    match lock.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(Error::file(path)(error)),
    }
}

/// Whoever made the other lock is gone, so these are services that are about to end.
async fn await_lock(lock: &File, path: &Path) -> Result<(), Error> {
    if try_lock(lock, path)? {
        return Ok(());
    }
    let step = Step::begin("Waiting for the services of the cluster before to end");
    if !lock_within(PATIENCE, lock, path).await? {
        return Err(Error::LeftOver { folder: path.to_owned() });
    }
    step.done("");
    Ok(())
}

/// Tries for some time. Locks that can be waited for would keep a thread.
async fn lock_within(patience: Duration, lock: &File, path: &Path) -> Result<bool, Error> {
    let locked = tokio::time::timeout(patience, async {
        while !try_lock(lock, path)? {
            tokio::time::sleep(LOOK).await;
        }
        Ok(true)
    });
    locked.await.unwrap_or(Ok(false))
}
