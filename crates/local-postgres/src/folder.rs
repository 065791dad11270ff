//! The folder of one server: ours alone while we hold its lock.
//!
//! ```text
//! <dir>/                  mode 0700: whoever can enter may connect
//!   lock                  locked for as long as anything of a server is alive
//!   pgdata | throwaway    the database; the name says whether it may be deleted
//!   new                   a database in the making
//!   .s.PGSQL.5432[.lock]  the socket
//! ```

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirBuilderExt as _, MetadataExt as _, symlink},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    Durability, Error,
    account::Account,
    paths::{create_enterable, remove_file, set_mode, short_name},
};

/// How long another server in the folder gets to finish.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where databases of root go when the user that runs Postgres in its stead cannot reach the folder asked for.
const REACHABLE: &str = "/var/lib/guanxi";

/// The address of a Unix socket has room for this many bytes.
const LONGEST_SOCKET: usize = 107;

/// The socket's name follows from the port; with a private directory the port is free.
pub(crate) const SOCKET: &str = ".s.PGSQL.5432";

/// Where a database is while `initdb` makes it.
pub(crate) const STAGING: &str = "new";

const LOCK: &str = "lock";

/// A locked folder.
#[derive(Debug)]
pub(crate) struct Folder {
    /// Where it really is.
    pub(crate) dir: PathBuf,
    /// Where its database is or shall be.
    pub(crate) database: PathBuf,
    /// What becomes of the database.
    pub(crate) durability: Durability,
    /// The link that leads to the folder, if it is elsewhere than asked.
    pub(crate) link: Option<PathBuf>,
    /// Held by whoever has a copy of this handle.
    pub(crate) lock: File,
    deadline: Instant,
}

impl Folder {
    /// Makes or takes the folder, gives it to `account`, and waits until it is ours alone.
    pub(crate) fn claim(asked: &Path, account: &Account, durability: Durability) -> Result<Self, Error> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (dir, link) = place(asked, account)?;
            refuse_foreign(&dir, durability)?;
            make_private(&dir, account)?;
            let Some(lock) = open_lock(&dir)? else { continue };
            let lock = acquire(lock, deadline)
                .ok_or_else(|| in_use(&dir.join(durability.database())))?
                .map_err(Error::io("lock", &dir))?;
            // A throwaway folder that we waited for is deleted by now, and the lock we got went with it.
            if is_still(&lock, &dir) {
                let dir = dir.canonicalize().map_err(Error::io("resolve", &dir))?;
                return Ok(Self { database: dir.join(durability.database()), dir, durability, link, lock, deadline });
            }
        }
    }

    /// Waits for processes that work in the database although they never had the lock (a server started by hand, or
    /// what is left when everything else was killed), then clears their traces.
    pub(crate) fn await_strangers(&self, sockets: &Path) -> Result<(), Error> {
        while let Some(pid) = user_of(&self.database) {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(in_use(&self.database));
            }
            await_exit(pid, left)?;
        }
        // Nobody is at work, so these are stale. Postgres itself would look only whether some process has that number
        // now, as is likely after the restart of a container.
        remove_file(&self.database.join("postmaster.pid"))?;
        remove_file(&sockets.join(format!("{SOCKET}.lock")))
    }

    /// The directory for the socket: the folder itself or, when an address cannot hold its path, a short one.
    pub(crate) fn sockets(&self, account: &Account) -> Result<PathBuf, Error> {
        let address = self.dir.join(SOCKET).into_os_string();
        // Server and clients read a comma as the end of one of several directories.
        let clear = !address.as_bytes().iter().any(|byte| b",\"".contains(byte));
        if clear && address.len() <= LONGEST_SOCKET {
            return Ok(self.dir.clone());
        }
        let short = Path::new("/tmp").join(format!("guanxi-{}", short_name(&self.dir)));
        match fs::DirBuilder::new().mode(0o700).create(&short) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(Error::io("create", &short)(error)),
            Err(_) => refuse_prepared(&short, account).map(|()| short),
            Ok(()) => account.own(&short).map(|()| short),
        }
    }
}

/// Where the folder is or shall be, with the link that leads there.
fn place(asked: &Path, account: &Account) -> Result<(PathBuf, Option<PathBuf>), Error> {
    let above = asked.parent().unwrap_or(asked);
    if let Ok(target) = fs::read_link(asked) {
        let dir = above.join(target);
        create_enterable(dir.parent().unwrap_or(&dir))?;
        return Ok((dir, Some(asked.to_owned())));
    }
    let existing = above.ancestors().find(|dir| dir.exists()).unwrap_or(above);
    if account.can_enter(existing)? {
        create_enterable(above)?;
        return Ok((asked.to_owned(), None));
    }
    match fs::remove_dir(asked) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::Unreachable { dir: asked.to_owned(), user: account.name().to_owned() });
        }
        _ => create_enterable(above)?,
    }
    let dir = Path::new(REACHABLE).join(short_name(asked));
    create_enterable(Path::new(REACHABLE))?;
    symlink(&dir, asked).map_err(Error::io("create a link at", asked))?;
    Ok((dir, Some(asked.to_owned())))
}

/// Refuses a folder with anything in it that a server of this kind did not put there: its owner and mode are about to
/// change, and a throwaway folder is deleted in the end.
fn refuse_foreign(dir: &Path, durability: Durability) -> Result<(), Error> {
    let database = durability.database();
    let foreign = |name: &str| !(name == LOCK || name == STAGING || name == database || name.starts_with(SOCKET));
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(Error::io("read", dir))?,
    };
    for entry in entries {
        let name = entry.map_err(Error::io("read", dir))?.file_name();
        let name = name.to_string_lossy();
        if foreign(&name) {
            let what = format!("{name}, which does not belong to a {durability} database of ours");
            return Err(Error::Occupied { dir: dir.to_owned(), what });
        }
    }
    Ok(())
}

/// Makes the folder if need be, and keeps everybody else out of it.
fn make_private(dir: &Path, account: &Account) -> Result<(), Error> {
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(Error::io("create", dir)(error)),
        _ => account.own(dir)?,
    }
    set_mode(dir, 0o700)
}

/// The directory under `/tmp` has a name that anybody can know; somebody else's would let him in.
fn refuse_prepared(short: &Path, account: &Account) -> Result<(), Error> {
    let found = fs::symlink_metadata(short).map_err(Error::io("read", short))?;
    if found.is_dir() && found.uid() == account.uid() && found.mode() & 0o777 == 0o700 {
        return Ok(());
    }
    Err(Error::Occupied { dir: short.to_owned(), what: "what somebody else put there".to_owned() })
}

/// Opens the lock; `None` if the folder was deleted under our hands.
fn open_lock(dir: &Path) -> Result<Option<File>, Error> {
    let path = dir.join(LOCK);
    match OpenOptions::new().write(true).create(true).truncate(false).open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some).map_err(Error::io("open", &path)),
    }
}

/// Waits for the lock; `None` when the deadline has passed.
fn acquire(lock: File, deadline: Instant) -> Option<io::Result<File>> {
    let (send, receive) = mpsc::sync_channel(1);
    // Waiting for a lock cannot be broken off. If we give up, the thread gets it some day and lets go of it at once.
    thread::spawn(move || {
        let locked = lock.lock().map(|()| lock);
        let _ = send.send(locked);
    });
    receive.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
}

/// Whether the lock in the folder is the one we hold.
fn is_still(lock: &File, dir: &Path) -> bool {
    match (lock.metadata(), fs::metadata(dir.join(LOCK))) {
        (Ok(ours), Ok(current)) => (ours.dev(), ours.ino()) == (current.dev(), current.ino()),
        _ => false,
    }
}

fn in_use(database: &Path) -> Error {
    Error::InUse { dir: database.to_owned(), pid: user_of(database) }
}

/// The process that works in a database: Postgres processes have it as their working directory. The lowest number is
/// the oldest, the server itself, except where numbers started over.
fn user_of(database: &Path) -> Option<u32> {
    let database = database.canonicalize().ok()?;
    let processes = fs::read_dir("/proc").ok()?.flatten().filter(|process| {
        let process = process.path();
        let is_postgres = fs::read(process.join("comm")).is_ok_and(|name| name == b"postgres\n");
        is_postgres && fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == database)
    });
    processes.filter_map(|process| process.file_name().to_str()?.parse().ok()).min()
}

/// Waits until a process has ended. It is no child of ours, so there is nothing to wait on but to look again.
fn await_exit(pid: u32, at_most: Duration) -> Result<(), Error> {
    const LOOK: &str =
        r#"looks=$2; while [ "$looks" -gt 0 ] && kill -0 "$1"; do sleep 0.1; looks=$((looks - 1)); done"#;
    let looks = at_most.as_millis() / 100 + 1;
    let mut command = Command::new("sh");
    command.args(["-c", LOOK, "await-exit", &pid.to_string(), &looks.to_string()]).stderr(Stdio::null());
    command.status().map(drop).map_err(Error::io("run", "sh"))
}
