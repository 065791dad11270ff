//! How a process says why it ends.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

/// Writes an error and everything that caused it to stderr, and gives the exit code of a failure.
pub fn report(error: &dyn Error) -> ExitCode {
    let mut text = format!("error: {error}\n");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!("  because: {error}\n"));
        cause = error.source();
    }
    // Nobody is left to tell where stderr is gone.
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::FAILURE
}
