//! A service as a process of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};

use super::Error;
use super::folder::{Folder, LOOK};
use crate::cluster::{Place, key_set, service_key};
use crate::service::{SERVICES, Service};

/// How long a service may take until it serves.
const START: Duration = Duration::from_mins(1);
/// How long a service may take to stop: it drains for 25 s at most.
const STOP: Duration = Duration::from_secs(30);
/// Lines of a log that tell why its writer ended.
const LAST_LINES: usize = 10;

/// A service that was started.
pub(super) struct Process {
    pub(super) service: Service,
    pub(super) log: Log,
    address: SocketAddr,
    child: Child,
    serving: bool,
}

impl Process {
    /// Starts it. Its settings go by environment, where only its own user can see them.
    pub(super) fn start(service: Service, folder: &Folder, place: &Place, database_url: &str) -> Result<Self, Error> {
        let address = place.address(service);
        let path = folder.log(service.name());
        let log = Log::open(&path);
        // The file may be gone, replaced by another build; what we run from is still there under this name.
        let program = std::env::current_exe().ok().filter(|program| program.exists());
        let program = program.unwrap_or_else(|| PathBuf::from("/proc/self/exe"));
        let mut command = Command::new(&program);
        command.args(["serve", "--until-stdin-ends", service.name()]).current_dir(&folder.path);
        // What the operator set for a Postgres of theirs, or for other commands, is none of its business.
        let foreign =
            |name: &str| name.starts_with("PG") || name == "GUANXI_OWNER_DATABASE_URL" || name == "GUANXI_TOKEN";
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(foreign)) {
            command.env_remove(name);
        }
        command.env("GUANXI_LISTEN", address.to_string()).env("GUANXI_DATABASE_URL", database_url);
        command.env("GUANXI_JWKS", key_set(&folder.path)).env("GUANXI_SERVICE_KEY", service_key(&folder.path, service));
        for other in SERVICES.into_iter().filter(|other| *other != service) {
            command.env(other.url_variable(), place.endpoint(other));
        }
        // In a group of its own, so that Ctrl-C reaches it through us, in order.
        command.stdin(Stdio::piped()).stdout(folder.watch()?).stderr(log.append()?).process_group(0).kill_on_drop(true);
        let child = command.spawn().map_err(Error::file(&program))?;
        Ok(Self { service, log, address, child, serving: false })
    }

    /// Waits until it serves; fails when it ends, or takes too long.
    pub(super) async fn await_serving(&mut self) -> Result<(), Error> {
        let address = self.address;
        let serving = async {
            while guanxi_grpc::health_check(address).await.is_err() {
                if let Some(died) = self.died() {
                    return Err(died);
                }
                tokio::time::sleep(LOOK).await;
            }
            Ok(())
        };
        let outcome = tokio::time::timeout(START, serving).await;
        outcome.unwrap_or_else(|_elapsed| {
            Err(Error::NotServing {
                name: self.service.name(),
                log: self.log.path.clone(),
                last: self.log.last_lines(),
            })
        })?;
        self.serving = true;
        Ok(())
    }

    /// Says so if it has ended although nobody stopped it.
    pub(super) fn died(&mut self) -> Option<Error> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(self.log.died(self.service.name(), status))
    }

    /// Has it drain and waits for it. One that never served has nothing to drain.
    pub(super) async fn stop(mut self) {
        if self.serving {
            // The end of its standard input is its sign to stop.
            drop(self.child.stdin.take());
            if tokio::time::timeout(STOP, self.child.wait()).await.is_ok() {
                return;
            }
        }
        let _ = self.child.kill().await;
    }
}

/// A log that several starts append to.
pub(super) struct Log {
    pub(super) path: PathBuf,
    /// Where the part of this start begins.
    start: u64,
}

impl Log {
    /// Takes the log as it is now for the past.
    pub(super) fn open(path: &Path) -> Self {
        let start = fs::metadata(path).map_or(0, |file| file.len());
        Self { path: path.to_owned(), start }
    }

    /// A handle to write at its end.
    pub(super) fn append(&self) -> Result<File, Error> {
        OpenOptions::new().append(true).create(true).open(&self.path).map_err(Error::file(&self.path))
    }

    /// Why its writer ended, as far as it said.
    pub(super) fn died(&self, name: &'static str, status: ExitStatus) -> Error {
        Error::Died { name, status, log: self.path.clone(), last: self.last_lines() }
    }

    fn last_lines(&self) -> String {
        let mut text = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.start))?;
            file.read_to_end(&mut text)
        });
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        if read.is_err() || last.is_empty() { "  (nothing)".to_owned() } else { format!("  {}", last.join("\n  ")) }
    }
}
