//! Small file system helpers.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    path::Path,
};

use sha2::{Digest as _, Sha256};

use crate::Error;

/// Creates a directory and its missing parents so that every user can enter them, whatever the umask says.
/// Directories that exist are left alone.
pub(crate) fn create_enterable(dir: &Path) -> Result<(), Error> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        create_enterable(parent)?;
    }
    match fs::create_dir(dir) {
        Ok(()) => set_mode(dir, 0o755),
        // Somebody else was faster; whether it can be used shows later.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Error::io("create", dir)(error)),
    }
}

/// Sets the permission bits.
pub(crate) fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(Error::io("set the permissions of", path))
}

/// Removes a directory with all it holds; one that does not exist is fine.
pub(crate) fn remove_tree(dir: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", dir)(error)),
        _ => Ok(()),
    }
}

/// Removes a file; one that does not exist is fine.
pub(crate) fn remove_file(file: &Path) -> Result<(), Error> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", file)(error)),
        _ => Ok(()),
    }
}

/// A short name for a path, the same on every start.
pub(crate) fn short_name(path: &Path) -> String {
    let mut name = hex(&Sha256::digest(path.as_os_str().as_bytes()));
    name.truncate(16);
    name
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}
