//! A place for a cluster, and the command that runs there.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use std::{env, fs, process};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tonic::transport::Channel;

const PROGRAM: &str = env!("CARGO_BIN_EXE_guanxi");
/// The last line of what a start says.
const UP: &str = "Ctrl-C stops everything";
/// More than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);
/// The user `nobody`.
pub(crate) const NOBODY: u32 = 65534;

/// A folder that goes away, and ports that are free.
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) port_base: u16,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) success: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("guanxi-cli-{}-{name}", process::id()));
        fs::create_dir(&folder).unwrap();
        // Under root, Postgres runs as somebody else, who has to get there.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder, port_base: free_port() }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self, program: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GUANXI_")) {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .envs(environment.iter().copied())
            .env("GUANXI_DATA_DIR", self.data())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, &[])
    }

    pub(crate) fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Said {
        let output = self.command(Path::new(PROGRAM), arguments, environment).output().unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap());
        Said { success: output.status.success(), out, err }
    }

    pub(crate) fn token(&self, subject: &str, role: &str, territory: &str) -> String {
        let said = self.run(&["token", "--subject", subject, "--role", role, "--territory", territory]);
        assert!(said.success, "{said:?}");
        said.out.trim().to_owned()
    }

    /// The processes that work in the folder: services and Postgres.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let all = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let at_work =
            |pid: &u32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(&self.folder));
        all.filter(at_work).collect()
    }

    /// Waits until none of them is left.
    pub(crate) async fn empty(&self) {
        let mut look = tokio::time::interval(Duration::from_millis(50));
        let gone = tokio::time::timeout(PATIENCE, async {
            while !self.processes().is_empty() {
                look.tick().await;
            }
        });
        gone.await.unwrap_or_else(|_| panic!("{:?} stay", self.processes()));
    }
}

/// The first of four ports outside the range from which connections take theirs, so that none of those is in the way later.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(process::id() % 10_000).unwrap();
    let mut ports = std::iter::from_fn(|| Some(20_000 + (first + 4 * NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000));
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    ports.find(|&port| (port..port + 4).all(free)).unwrap()
}

impl Drop for Place {
    fn drop(&mut self) {
        // Not while a failing test unwinds: the logs tell why.
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// A running `guanxi up`. It ends when dropped.
pub(crate) struct Up {
    process: tokio::process::Child,
    /// What it said on standard output until it was up.
    pub(crate) said: String,
}

impl Up {
    pub(crate) async fn start(place: &Place) -> Self {
        Self::start_with(place, &[]).await
    }

    pub(crate) async fn start_with(place: &Place, environment: &[(&str, &str)]) -> Self {
        Self::await_up(place.command(
            Path::new(PROGRAM),
            &["up", "--port-base", &place.port_base.to_string()],
            environment,
        ))
        .await
    }

    /// Starts it with the data of the demo.
    pub(crate) async fn start_demo(place: &Place) -> Self {
        let arguments = ["up", "--demo", "--port-base", &place.port_base.to_string()];
        Self::await_up(place.command(Path::new(PROGRAM), &arguments, &[])).await
    }

    /// Starts it as the user `nobody`, with a copy of the program that this user can reach.
    pub(crate) async fn start_as_nobody(place: &Place) -> Self {
        let program = place.folder.join("guanxi");
        fs::copy(PROGRAM, &program).unwrap();
        fs::create_dir(place.data()).unwrap();
        std::os::unix::fs::chown(place.data(), Some(NOBODY), Some(NOBODY)).unwrap();
        let nobody = NOBODY.to_string();
        let (user, group) = (format!("--reuid={nobody}"), format!("--regid={nobody}"));
        let program = program.to_str().unwrap();
        let arguments = [&user, &group, "--clear-groups", program, "up", "--port-base", &place.port_base.to_string()];
        let home = place.data();
        Self::await_up(place.command(Path::new("setpriv"), &arguments, &[("HOME", home.to_str().unwrap())])).await
    }

    async fn await_up(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut said = String::new();
        let up = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                said.push_str(&line);
                said.push('\n');
                if line.starts_with(UP) {
                    return true;
                }
            }
            false
        };
        let up = tokio::time::timeout(PATIENCE, up).await;
        if up != Ok(true) {
            process.start_kill().unwrap();
            let error = error(&mut process).await;
            panic!("{up:?}: {said}{error}");
        }
        Self { process, said }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id().unwrap()
    }

    /// Sends a signal and waits for the end.
    pub(crate) async fn stop(self, signal: &str) -> (ExitStatus, String) {
        kill(signal, &[self.id()]);
        self.end().await
    }

    /// Waits for the end, and gives what was said on standard error.
    pub(crate) async fn end(mut self) -> (ExitStatus, String) {
        let ended =
            tokio::time::timeout(PATIENCE, async { (self.process.wait().await, error(&mut self.process).await) });
        let (status, error) = ended.await.unwrap();
        (status.unwrap(), error)
    }
}

async fn error(process: &mut tokio::process::Child) -> String {
    let mut error = String::new();
    process.stderr.take().unwrap().read_to_string(&mut error).await.unwrap();
    error
}

/// Sends a signal by the shell's own `kill`: a small system has no other. A worker of Postgres may end by itself
/// meanwhile, so nobody has to be there.
pub(crate) fn kill(signal: &str, processes: &[u32]) {
    let mut command = Command::new("sh");
    command.args(["-c", r#"kill -s "$@""#, "kill", signal]).args(processes.iter().map(u32::to_string));
    command.output().unwrap();
}

/// Name of the program that a process runs.
pub(crate) fn program(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

/// What a process was started with.
pub(crate) fn arguments(pid: u32) -> Vec<String> {
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split('\0').map(str::to_owned).collect()
}

pub(crate) async fn channel(place: &Place) -> Channel {
    channel_to(place, 0).await
}

/// A channel to the service at a port of the cluster, counted from its first.
pub(crate) async fn channel_to(place: &Place, number: u16) -> Channel {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://127.0.0.1:{}", place.port_base + number));
    endpoint.unwrap().connect().await.unwrap()
}

pub(crate) fn request<T>(message: T, token: &str) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}
