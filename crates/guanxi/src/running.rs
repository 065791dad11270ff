//! What a cluster that runs says about itself in its folder, for the other commands. No secrets.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

const FILE: &str = "running.json";

/// A cluster that runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Process id of its `guanxi up`.
    pub(crate) pid: u32,
    /// Version of its programs.
    pub(crate) version: String,
    /// Since when, RFC 3339.
    pub(crate) start_time: String,
    /// First of its ports.
    pub(crate) port_base: u16,
    /// Where its database is, without a role or a password.
    pub(crate) database_url: String,
}

impl Running {
    /// What the folder says, unless whoever said it is gone.
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        let running: Self = serde_json::from_slice(&fs::read(folder.join(FILE)).ok()?).ok()?;
        Path::new("/proc").join(running.pid.to_string()).exists().then_some(running)
    }

    /// Says it.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        let new = folder.join("running.json.new");
        fs::write(&new, serde_json::to_vec_pretty(self)?)?;
        fs::rename(&new, folder.join(FILE))
    }

    /// Takes it back.
    pub(crate) fn remove(folder: &Path) {
        let _ = fs::remove_file(folder.join(FILE));
    }
}
