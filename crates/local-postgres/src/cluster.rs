//! The database in a folder: made once by `initdb`, afterwards only checked.

use std::{
    fs::{self, File},
    path::Path,
    process::Stdio,
};

use crate::{
    Binaries, Durability, Error, SUPERUSER,
    account::Account,
    folder::{Folder, STAGING},
    janitor::Janitor,
    paths::remove_tree,
};

/// Makes the database if there is none, and refuses one of another major version.
pub(crate) fn prepare(binaries: &Binaries, folder: &Folder, account: &Account, janitor: &Janitor) -> Result<(), Error> {
    if folder.durability == Durability::Throwaway {
        // Left over when everything was killed.
        remove_tree(&folder.database)?;
    }
    if folder.database.exists() {
        return check_major(binaries, &folder.database);
    }
    let staging = folder.dir.join(STAGING);
    remove_tree(&staging)?;
    initdb(binaries, &staging, account, folder.durability, janitor)?;
    // Renamed only when complete: a database that is there was made to the end.
    fs::rename(&staging, &folder.database).map_err(Error::io("create", &folder.database))?;
    if folder.durability == Durability::Durable {
        File::open(&folder.dir).and_then(|dir| dir.sync_all()).map_err(Error::io("sync", &folder.dir))?;
    }
    Ok(())
}

fn check_major(binaries: &Binaries, database: &Path) -> Result<(), Error> {
    let file = database.join("PG_VERSION");
    let folder = fs::read_to_string(&file).map_err(Error::io("read", &file))?;
    let folder = folder.trim();
    if folder == binaries.major().to_string() {
        return Ok(());
    }
    Err(Error::OtherMajor {
        dir: database.to_owned(),
        folder: folder.to_owned(),
        bin_dir: binaries.dir().to_owned(),
        binaries: binaries.major(),
    })
}

fn initdb(
    binaries: &Binaries,
    staging: &Path,
    account: &Account,
    durability: Durability,
    janitor: &Janitor,
) -> Result<(), Error> {
    let program = binaries.program("initdb");
    let mut command = account.command(&program);
    command
        .arg("--pgdata")
        .arg(staging)
        .arg(format!("--username={SUPERUSER}"))
        .args(["--auth-local=trust", "--auth-host=reject"])
        // Order by bytes, which indexes serve best, but know what a letter is in every script.
        .args(["--encoding=UTF8", "--locale=C", "--lc-ctype=C.UTF-8"])
        .args(["--data-checksums", "--no-instructions"])
        // Should we be killed, the janitor waits for it.
        .stdout(janitor.watch()?)
        .stderr(Stdio::piped());
    if durability == Durability::Throwaway {
        command.arg("--no-sync");
    }
    let output = command.spawn().and_then(std::process::Child::wait_with_output).map_err(Error::io("run", &program))?;
    if output.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Initdb { dir: staging.to_owned(), output })
}
