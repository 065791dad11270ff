//! How a process says why it ends.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::iter::successors;
use std::process::ExitCode;

/// Writes an error and everything that caused it to stderr, and gives the exit code of a failure.
pub fn report(error: &dyn Error) -> ExitCode {
    // Nobody is left to tell where stderr is gone.
    let _ = std::io::stderr().write_all(explanation(error).as_bytes());
    ExitCode::FAILURE
}

/// The error and its causes, each on a line of its own unless what stands above says it already.
fn explanation(error: &dyn Error) -> String {
    let mut text = format!("error: {error}\n");
    for cause in successors(error.source(), |&cause| cause.source()).map(ToString::to_string) {
        if !text.contains(&cause) {
            let _ = writeln!(text, "  because: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Failure {
        #[error("the service does not start")]
        Start(#[source] Box<Failure>),
        #[error("{path}: {source}")]
        File { path: &'static str, source: io::Error },
        #[error("the file is no use")]
        Content(#[source] io::Error),
    }

    #[test]
    fn every_cause_is_named_once() {
        let cause = || io::Error::other("no such file");
        let named = Failure::File { path: "keys.json", source: cause() };
        assert_eq!(explanation(&named), "error: keys.json: no such file\n");
        assert_eq!(
            explanation(&Failure::Start(Box::new(named))),
            "error: the service does not start\n  because: keys.json: no such file\n"
        );
        let unnamed = Failure::Start(Box::new(Failure::Content(cause())));
        assert_eq!(
            explanation(&unnamed),
            "error: the service does not start\n  because: the file is no use\n  because: no such file\n"
        );
    }
}
