//! The running server.

use std::{
    ffi::OsString,
    fmt,
    io::{BufRead as _, BufReader, Read},
    os::unix::ffi::OsStrExt as _,
    path::{self, Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use crate::{
    Binaries, Error,
    account::Account,
    cluster,
    folder::{Folder, STAGING},
    janitor::Janitor,
};

/// The superuser of every server that this crate makes.
pub const SUPERUSER: &str = "guanxi_admin";

/// What the server says when it takes connections. Its language is set to C.
const READY: &str = "database system is ready to accept connections";

/// The longest silence before a start counts as failed. A recovery may take longer, but says every ten seconds how far
/// it is.
const LONGEST_SILENCE: Duration = Duration::from_mins(1);

const SUPERVISE: &str = include_str!("supervise.sh");

/// What becomes of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It is kept, and survives a crash of the machine.
    Durable,
    /// It is deleted when the server ends, and so gets no protection: for tests.
    Throwaway,
}

impl Durability {
    /// The name of the database's directory, different so that nobody deletes a durable one.
    pub(crate) fn database(self) -> &'static str {
        match self {
            Self::Durable => "pgdata",
            Self::Throwaway => "throwaway",
        }
    }

    fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Durable => &["shared_buffers=256MB"],
            Self::Throwaway => &["shared_buffers=128MB", "fsync=off", "synchronous_commit=off", "full_page_writes=off"],
        }
    }

    /// Stops the server: cleanly, or at once since nobody will see the data again.
    fn signal(self) -> &'static str {
        match self {
            Self::Durable => "INT",
            Self::Throwaway => "QUIT",
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Durable => "durable",
            Self::Throwaway => "throwaway",
        })
    }
}

/// How to start a server.
#[derive(Debug, Clone)]
pub struct StartOptions {
    /// The server's folder: new, empty, or left by an earlier start of the same durability.
    pub data_dir: PathBuf,
    /// What becomes of the data.
    pub durability: Durability,
    /// More settings, as in `postgresql.conf`. They win over our defaults, but not over what keeps the server private.
    pub settings: Vec<(String, String)>,
}

impl StartOptions {
    /// Options without more settings.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>, durability: Durability) -> Self {
        Self { data_dir: data_dir.into(), durability, settings: Vec::new() }
    }
}

/// A running server. It ends when this value is dropped, and also when our process ends in any other way.
#[derive(Debug)]
pub struct Server {
    binaries: Binaries,
    database: PathBuf,
    sockets: PathBuf,
    supervisor: Child,
    // Dropped after the supervisor has ended.
    _janitor: Janitor,
}

impl Server {
    /// Starts a server in a folder, making a database there if it has none, and returns when it takes connections.
    /// Waits up to 10 s for another server that is about to leave the folder.
    ///
    /// Under root, a folder that the user in root's stead cannot reach becomes a link into `/var/lib/guanxi`.
    pub fn start(binaries: &Binaries, options: &StartOptions) -> Result<Self, Error> {
        let asked = path::absolute(&options.data_dir).map_err(Error::io("resolve", &options.data_dir))?;
        let account = Account::for_folder(&asked)?;
        let folder = Folder::claim(&asked, &account, options.durability)?;
        let sockets = folder.sockets(&account)?;
        folder.await_strangers(&sockets)?;
        let janitor = Janitor::start(&folder.lock, &doomed(&folder, &sockets))?;
        cluster::prepare(binaries, &folder, &account, &janitor)?;

        let mut command = supervise(binaries, &account, options, &folder.database, &sockets);
        command.stdin(Stdio::piped()).stdout(janitor.watch()?).stderr(Stdio::piped());
        let mut supervisor = command.spawn().map_err(Error::io("run", "sh"))?;
        // It has the janitor's watch too, who otherwise would wait for us while we wait for it.
        drop(command);
        let log = supervisor.stderr.take().map(follow);
        let (binaries, database) = (binaries.clone(), folder.database);
        let server = Self { binaries, database, sockets, supervisor, _janitor: janitor };
        // On failure the value is dropped, which waits for whatever was started.
        match log.map_or_else(|| Err(String::new()), |log| await_ready(&log)) {
            Ok(()) => Ok(server),
            Err(log) => Err(Error::Start { dir: server.database.clone(), log }),
        }
    }

    /// Shuts the server down and waits for it. Transactions in progress are rolled back; what was committed is on disk
    /// or, if throwaway, deleted with the folder.
    pub fn stop(mut self) -> Result<(), Error> {
        // Waiting closes the supervisor's standard input, its sign to stop.
        let status = self.supervisor.wait().map_err(Error::io("stop the server in", &self.database))?;
        if status.success() { Ok(()) } else { Err(Error::Stop { dir: self.database.clone(), status }) }
    }

    /// How the server ended, if it has although nobody stopped it.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.supervisor.try_wait().map_err(Error::io("look after the server in", &self.database))
    }

    /// The address of a database for a user, as sqlx and libpq read it.
    #[must_use]
    pub fn url(&self, user: &str, database: &str) -> String {
        let [user, database] = [user, database].map(|name| escape(name.as_bytes()).replace('/', "%2F"));
        let host = escape(self.sockets.as_os_str().as_bytes());
        format!("postgres://{user}@localhost/{database}?host={host}&port=5432")
    }

    /// The binaries it runs from.
    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// The major version of the server and its data.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.binaries.major()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.supervisor.wait() {
            tracing::warn!(%error, "lost sight of a Postgres server");
        }
    }
}

/// What goes when the server ends. The folder comes last, because the lock in it is what others wait for.
fn doomed(folder: &Folder, sockets: &Path) -> Vec<PathBuf> {
    let mut doomed = Vec::new();
    if sockets != folder.dir {
        doomed.push(sockets.to_owned());
    }
    if folder.durability == Durability::Throwaway {
        doomed.extend([folder.database.clone(), folder.dir.join(STAGING)]);
        doomed.extend(folder.link.clone());
        doomed.push(folder.dir.clone());
    }
    doomed
}

/// The command line: a shell that runs Postgres until its standard input ends. Settings are given here and not in
/// `postgresql.conf`, so that a new version of ours brings its own to an old folder.
fn supervise(
    binaries: &Binaries,
    account: &Account,
    options: &StartOptions,
    database: &Path,
    sockets: &Path,
) -> Command {
    let mut command = account.command("sh");
    command.args(["-c", SUPERVISE, "supervise", options.durability.signal()]);
    command.arg(binaries.program("postgres")).arg("-D").arg(database);
    let defaults = [
        "max_connections=200",
        "timezone=UTC",
        "log_timezone=UTC",
        "log_line_prefix=",
        // No errors of statements: they go to the client, who reports them; here they would show people's data.
        "log_min_messages=log",
    ];
    let extra: Vec<String> = options.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let private = [
        "port=5432",
        "listen_addresses=",
        "unix_socket_permissions=0700",
        "log_destination=stderr",
        "logging_collector=off",
        "lc_messages=C",
    ];
    let settings = defaults.iter().chain(options.durability.settings()).copied();
    for setting in settings.chain(extra.iter().map(String::as_str)).chain(private) {
        command.args(["-c", setting]);
    }
    let mut directory = OsString::from("unix_socket_directories=");
    directory.push(sockets);
    command.arg("-c").arg(directory);
    command
}

/// Reads the server's log to its end on a thread: it goes into our own log, and to whoever holds the receiver.
fn follow(log: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(log).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            if line.starts_with("FATAL:") || line.starts_with("PANIC:") {
                tracing::warn!(target: "postgres", "{line}");
            } else {
                tracing::debug!(target: "postgres", "{line}");
            }
            // Nobody listens any more once the server has started.
            let _ = send.send(line);
        }
    });
    receive
}

/// Waits until the server takes connections; otherwise gives back what it said.
fn await_ready(log: &Receiver<String>) -> Result<(), String> {
    let mut said = Vec::new();
    while let Ok(line) = log.recv_timeout(LONGEST_SILENCE) {
        if line.contains(READY) {
            return Ok(());
        }
        said.push(line);
    }
    let last = said.split_off(said.len().saturating_sub(10));
    Err(if last.is_empty() { "it said nothing".to_owned() } else { last.join("\n") })
}

/// Escapes for a URL all but what is plain in its query.
fn escape(text: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let escape = |&byte: &u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.iter().map(escape).collect()
}
