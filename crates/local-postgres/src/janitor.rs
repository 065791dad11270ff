//! Whoever ends last clears up: after a `kill -9` that can be none of us.

use std::{
    fs::File,
    io::{self, PipeWriter},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use crate::Error;

/// Waits for everybody who holds the other end of standard input, and removes what it was told to. It is a process of
/// its own with our rights: the user that runs Postgres in root's stead may not delete the folder. Nothing in a
/// terminal or a stopping session shall end it early.
const SCRIPT: &str = r#"trap '' HUP INT TERM; while read -r _; do :; done; rm -rf -- "$@""#;

/// A process that holds the folder's lock until everything that was handed [`Janitor::watch`] is gone, and then removes
/// files. Dropping it waits for that.
#[derive(Debug)]
pub(crate) struct Janitor {
    process: Child,
    watched: Option<PipeWriter>,
}

impl Janitor {
    /// Starts it. `doomed` is removed in that order.
    pub(crate) fn start(lock: &File, doomed: &[PathBuf]) -> Result<Self, Error> {
        let start = || {
            let (ours, watched) = io::pipe()?;
            let mut command = Command::new("sh");
            command.args(["-c", SCRIPT, "janitor"]).args(doomed).current_dir("/").process_group(0);
            // The lock lasts as long as somebody has the file open, hence as standard output, which is not used.
            command.stdin(ours).stdout(lock.try_clone()?).stderr(Stdio::null());
            Ok(Self { process: command.spawn()?, watched: Some(watched) })
        };
        start().map_err(Error::io("run", "sh"))
    }

    /// A standard output for processes that have to end first.
    pub(crate) fn watch(&self) -> Result<Stdio, Error> {
        let watched = self.watched.as_ref().map(PipeWriter::try_clone).transpose();
        Ok(watched.map_err(Error::io("watch", "a process"))?.map_or_else(Stdio::null, Stdio::from))
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        self.watched = None;
        match self.process.wait() {
            Ok(status) if status.success() => {}
            outcome => tracing::warn!(?outcome, "files of a Postgres server are left behind"),
        }
    }
}
