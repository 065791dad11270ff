//! Programs that others wrote, from PyPI, in a folder below `target`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of this member.
pub(crate) const MEMBER: &str = env!("CARGO_MANIFEST_DIR");

/// Installs what `python/requirements.txt` names, once per version of that file.
pub(crate) fn install() -> PathBuf {
    let requirements = Path::new(MEMBER).join("python/requirements.txt");
    let wanted = std::fs::read(&requirements).unwrap();
    let folder = Path::new(MEMBER).join("../target/tools");
    let done = folder.join("requirements.txt");
    if std::fs::read(&done).ok().as_ref() != Some(&wanted) {
        let _ = std::fs::remove_dir_all(&folder);
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--target"];
        run(Command::new("python3").args(pip).arg(&folder).arg("--requirement").arg(&requirements));
        std::fs::write(done, wanted).unwrap();
    }
    folder
}

/// Runs a program and fails with everything that it said if it failed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed:\n{text}");
    text
}
