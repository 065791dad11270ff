//! What the operator sees: results on standard output, progress on standard error.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Writes a line to standard output. A reader that went away is no reason to fail.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Writes a line to standard error, for what is not the result.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Something that may take long: a spinner on a terminal, plain lines elsewhere.
pub(crate) struct Step {
    title: String,
    spinner: Option<ProgressBar>,
}

impl Step {
    /// Shows that it begins.
    pub(crate) fn begin(title: &str) -> Self {
        let spinner = std::io::stderr().is_terminal().then(ProgressBar::new_spinner);
        let step = Self { title: title.to_owned(), spinner };
        if let Some(spinner) = &step.spinner {
            spinner.enable_steady_tick(Duration::from_millis(100));
        }
        step.note("…");
        step
    }

    /// Shows what it is busy with.
    pub(crate) fn note(&self, text: &str) {
        let line = format!("{} {text}", self.title);
        match &self.spinner {
            Some(spinner) => spinner.set_message(line),
            None => remark(&line),
        }
    }

    /// Shows how it came out.
    pub(crate) fn done(self, outcome: &str) {
        let line = format!("{} {outcome}", self.title);
        match &self.spinner {
            Some(spinner) => {
                if let Ok(style) = ProgressStyle::with_template("✓ {msg}") {
                    spinner.set_style(style);
                }
                spinner.finish_with_message(line);
            }
            None => remark(&format!("✓ {line}")),
        }
    }
}

impl Drop for Step {
    /// What did not come to its end leaves no spinner behind.
    fn drop(&mut self) {
        if let Some(spinner) = self.spinner.take().filter(|spinner| !spinner.is_finished()) {
            spinner.abandon();
        }
    }
}
