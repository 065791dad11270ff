//! The user that Postgres programs run as: ourselves, unless we are root.

use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::Path,
    process::{Command, Stdio},
};

use crate::Error;

/// Who may stand in for root, best first.
const STAND_INS: [&str; 2] = ["postgres", "nobody"];

/// What programs need of our environment to be found and to find their libraries.
const KEPT: [&str; 2] = ["PATH", "LD_LIBRARY_PATH"];

/// The user that Postgres programs run as.
pub(crate) struct Account {
    name: String,
    uid: u32,
    gid: u32,
    stands_in_for_root: bool,
}

impl Account {
    /// Ourselves or, under root, the stand-in.
    pub(crate) fn current() -> Result<Self, Error> {
        let me = myself()?;
        if me.uid != 0 {
            return Ok(me);
        }
        let passwd = fs::read_to_string("/etc/passwd").map_err(Error::io("read", "/etc/passwd"))?;
        STAND_INS.iter().find_map(|name| stand_in(&passwd, name)).ok_or(Error::NoUser)
    }

    /// Like [`Account::current`], but root acts as the owner of an existing folder: who ran a server without root can
    /// run it with root, and without again.
    pub(crate) fn for_folder(dir: &Path) -> Result<Self, Error> {
        let owner = fs::metadata(dir).ok().filter(|owner| owner.uid() != 0);
        match owner {
            Some(owner) if Self::is_root() => Ok(Self {
                name: format!("user {}", owner.uid()),
                uid: owner.uid(),
                gid: owner.gid(),
                stands_in_for_root: true,
            }),
            _ => Self::current(),
        }
    }

    /// Whether we are root.
    pub(crate) fn is_root() -> bool {
        myself().is_ok_and(|me| me.uid == 0)
    }

    /// The name for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The user id.
    pub(crate) fn uid(&self) -> u32 {
        self.uid
    }

    /// A command that runs as this user, in a process group of its own so that Ctrl-C in a terminal passes it by.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        // Postgres programs want to return to the directory they start in, which this user may be unable to enter.
        command.current_dir("/").stdin(Stdio::null()).process_group(0);
        // Our environment may hold secrets that are none of this user's business, and settings of other servers.
        command.env_clear().env("LC_ALL", "C");
        command.envs(KEPT.iter().filter_map(|name| Some((name, env::var_os(name)?))));
        if self.stands_in_for_root {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Whether this user can go into a directory. Asked by trying: permission bits are not the whole truth.
    pub(crate) fn can_enter(&self, dir: &Path) -> Result<bool, Error> {
        if !self.stands_in_for_root {
            return Ok(true);
        }
        let status = self.command("test").arg("-x").arg(dir).status().map_err(Error::io("run `test` on", dir))?;
        Ok(status.success())
    }

    /// Gives this user a directory.
    pub(crate) fn own(&self, dir: &Path) -> Result<(), Error> {
        if !self.stands_in_for_root {
            return Ok(());
        }
        chown(dir, Some(self.uid), Some(self.gid)).map_err(Error::io("change the owner of", dir))
    }
}

/// The effective user: the owner of our entry in `/proc`.
fn myself() -> Result<Account, Error> {
    let entry = fs::metadata("/proc/self").map_err(Error::io("read", "/proc/self"))?;
    let name = format!("user {}", entry.uid());
    Ok(Account { name, uid: entry.uid(), gid: entry.gid(), stands_in_for_root: false })
}

/// Looks a name up in the text of `/etc/passwd`.
fn stand_in(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let found = fields.next()? == name;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        found.then(|| Account { name: format!("user `{name}`"), uid, gid, stands_in_for_root: true })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_is_found_by_its_whole_name() {
        let passwd = "root:x:0:0::/root:/bin/sh\nbroken\npostgresql:x:7:7::/:\npostgres:x:101:104:a,b:/var:/bin/bash\n";
        let account = stand_in(passwd, "postgres").unwrap();
        assert_eq!((account.uid, account.gid), (101, 104));
        assert!(stand_in(passwd, "nobody").is_none());
    }
}
