//! Logs, traces and metrics of a process: [`init`] starts them and returns a [`Guard`].
//!
//! Logs go to stderr, one line each, and carry the trace id of the call they belong to. Traces and metrics are pushed
//! over OTLP when an endpoint is set; without one nothing is exported, but a caller's trace is still continued, so
//! that logs can be joined across services.
//!
//! Two rules hold for everything that is logged or put on a span:
//!
//! - **Never personal data.** Names of people, contact details, free text and request bodies stay out; resource names,
//!   method names, counts and reasons are enough to find a case. This crate adds nothing of the kind by itself.
//! - **A failure is logged once, at the boundary**, where it is turned into an answer or given up on. Code on the way
//!   there returns the error and stays silent.

mod export;
mod metrics;
mod report;
mod settings;
mod trace;

pub use export::{Guard, init};
pub use metrics::{ActiveRequest, Reading, RpcMetrics, observe};
pub use report::report;
pub use settings::{LogFormat, Settings};
pub use trace::{current_trace_id, current_traceparent, inject, record_status, server_span};

/// Why telemetry could not be started, or not be delivered at the end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The log filter cannot be parsed.
    #[error("the log filter is not understood")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The exporter refuses its settings, for example a malformed endpoint.
    #[error("the OTLP exporter cannot be built")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The operating system gave no thread to export on.
    #[error("the OTLP exporter cannot be started")]
    Start(#[from] std::io::Error),
    /// The process already has a subscriber: [`init`] is called once, by `main`.
    #[error("logging is already set up in this process")]
    Installed(#[from] tracing_subscriber::util::TryInitError),
    /// Some of the last traces or metrics did not reach the collector.
    #[error("the last traces and metrics were not delivered")]
    Undelivered,
}
