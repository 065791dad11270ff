//! Processes to kill: a test binary started again as the owner of a server.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, Stdio},
};

use guanxi_local_postgres::{Durability, Server, StartOptions};

const DIR: &str = "LOCAL_POSTGRES_TEST_OWNER";
const READY: &str = "the owner is ready";

/// A process that owns a server with one account in it.
pub(crate) struct Owner(Child);

impl Owner {
    pub(crate) fn start(dir: &Path, durability: Durability) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "processes::own_a_server", "--nocapture"]).env(DIR, dir);
        command.env("LOCAL_POSTGRES_TEST_THROWAWAY", (durability == Durability::Throwaway).to_string());
        let mut owner = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains(READY)));
        Self(owner)
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Not a test but the owner's program: does nothing unless started by [`Owner::start`].
#[test]
fn own_a_server() {
    let Some(dir) = env::var_os(DIR) else { return };
    let throwaway = env::var_os("LOCAL_POSTGRES_TEST_THROWAWAY").is_some_and(|value| value == "true");
    let durability = if throwaway { Durability::Throwaway } else { Durability::Durable };
    let mut options = StartOptions::new(dir, durability);
    // In the folder: elsewhere it would stay when Postgres itself is killed and never starts again there.
    options.settings = vec![("dynamic_shared_memory_type".to_owned(), "mmap".to_owned())];
    let server = Server::start(&crate::binaries(), &options).unwrap();
    crate::sql(&server, "drop table if exists account");
    crate::write_account(&server);
    println!("{READY}");
    // Until somebody kills us.
    let _ = std::io::stdin().read(&mut [0]);
}

/// The processes whose working directory is in a folder.
pub(crate) fn at_work(dir: &Path) -> Vec<u32> {
    let works = |pid: &u32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(dir));
    all().into_iter().filter(works).collect()
}

/// The children of a process, their children, and so on.
pub(crate) fn descendants(process: u32) -> Vec<u32> {
    let children = all().into_iter().filter(|&pid| parent(pid) == Some(process));
    children.flat_map(|child| [vec![child], descendants(child)].concat()).collect()
}

/// Sends a signal by the shell's own `kill`: a small system has no other. What ends with the first of them need not be
/// there any more.
pub(crate) fn kill(signal: &str, processes: &[u32]) {
    let mut command = Command::new("sh");
    command.args(["-c", r#"kill -s "$@""#, "kill", signal]).args(processes.iter().map(u32::to_string));
    command.output().unwrap();
}

fn all() -> Vec<u32> {
    fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}
