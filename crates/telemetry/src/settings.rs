//! The operator's side: flags with environment names.

/// How a process logs, and where it sends traces and metrics.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Telemetry")]
pub struct Settings {
    /// How log lines on stderr look.
    #[arg(long, env = "GUANXI_LOG_FORMAT", value_enum, default_value_t = LogFormat::Plain)]
    pub log_format: LogFormat,

    /// What is logged: a level, and levels for single modules, as in `info,guanxi_db=debug`.
    ///
    /// Traces do not depend on it.
    #[arg(long, env = "GUANXI_LOG", value_name = "FILTER", default_value = "info")]
    pub log_filter: String,

    /// Where traces and metrics are sent: OTLP over gRPC, for example `http://collector:4317`; nowhere if not set.
    #[arg(long, env = "GUANXI_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,

    /// Share of the traces begun here that is recorded, from 0 to 1; a trace begun elsewhere follows its beginner.
    #[arg(
        long,
        env = "GUANXI_TRACE_SAMPLE_RATIO",
        value_name = "RATIO",
        default_value_t = 1.0,
        value_parser = ratio
    )]
    pub trace_sample_ratio: f64,
}

/// How log lines look.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line, for a log store.
    Json,
    /// One line of text, for a terminal.
    Plain,
}

impl Settings {
    /// The endpoint, if there is one: compose files pass an unset variable on as an empty one.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty())
    }
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&ratio) { Ok(ratio) } else { Err("not between 0 and 1".to_owned()) }
}
