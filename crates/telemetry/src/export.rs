//! Start and end: the subscriber, the exporters, and the guard that sees the last data off.

use std::io::{IsTerminal, stderr};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::trace::TracerProvider;
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, Sampler, SdkTracerProvider};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

use crate::trace::is_server_span;
use crate::{Error, LogFormat, Settings};

/// How long an absent collector may hold the end of the process.
const PATIENCE: Duration = Duration::from_secs(2);

/// Starts logs, and traces and metrics if the settings name an endpoint. `main` calls this once and keeps the guard.
///
/// It needs no runtime and starts its own if it exports anything: the end of a process blocks its main thread until
/// the last data are out, and on a current-thread runtime they would wait for that same thread.
pub fn init(service_name: &str, settings: &Settings) -> Result<Guard, Error> {
    let filter = EnvFilter::builder().parse(&settings.log_filter)?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.trace_sample_ratio)));
    let traces = SdkTracerProvider::builder().with_sampler(sampler);
    let Some(endpoint) = settings.endpoint() else {
        // Traces are still begun, continued and marked as sampled: the next service may be one that exports.
        subscribe(settings.log_format, filter, &traces.build())?;
        return Ok(Guard { export: None });
    };

    let (runtime, stop) = start_runtime()?;
    let entered = runtime.enter();
    let spans = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
    let metrics = MetricExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
    drop(entered);

    let resource = resource(service_name);
    let traces = traces.with_resource(resource.clone()).with_batch_exporter(spans).build();
    let metrics = SdkMeterProvider::builder().with_resource(resource).with_periodic_exporter(metrics).build();
    subscribe(settings.log_format, filter, &traces)?;
    global::set_meter_provider(metrics.clone());
    Ok(Guard { export: Some(Export { traces, metrics, runtime, _stop: stop }) })
}

/// Keeps telemetry going; sends what is left when it is shut down or dropped.
#[must_use = "telemetry ends when its guard is dropped"]
#[derive(Debug)]
pub struct Guard {
    export: Option<Export>,
}

impl Guard {
    /// Sends what is left and stops the exporters. Blocks the thread, but no longer than about two seconds.
    pub fn shutdown(mut self) -> Result<(), Error> {
        self.export.take().map_or(Ok(()), Export::end)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Quietly: whoever drops the guard has something else to report.
        let _ = self.export.take().map(Export::end);
    }
}

#[derive(Debug)]
struct Export {
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
    runtime: Handle,
    /// Its drop ends the runtime.
    _stop: oneshot::Sender<()>,
}

impl Export {
    fn end(self) -> Result<(), Error> {
        let Self { traces, metrics, runtime, _stop } = self;
        // On threads that may be left behind: the SDK's own bound is longer, and for metrics it is fixed.
        let (done, results) = mpsc::channel();
        let traces_done = done.clone();
        runtime.spawn_blocking(move || traces_done.send(traces.shutdown()));
        runtime.spawn_blocking(move || done.send(metrics.shutdown()));
        let end = Instant::now() + PATIENCE;
        let delivered = [(); 2].map(|()| {
            let left = end.saturating_duration_since(Instant::now());
            matches!(results.recv_timeout(left), Ok(Ok(())))
        });
        if delivered == [true; 2] { Ok(()) } else { Err(Error::Undelivered) }
    }
}

/// A runtime on a thread of its own. It lives there until the sender is dropped, so that dropping it never happens
/// inside another runtime, which tokio forbids.
fn start_runtime() -> Result<(Handle, oneshot::Sender<()>), Error> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel();
    thread::Builder::new().name("otlp".to_owned()).spawn(move || runtime.block_on(stopped))?;
    Ok((handle, stop))
}

fn resource(service_name: &str) -> Resource {
    // Replicas need distinct ids: their counters would otherwise overwrite one another in the metrics store.
    let instance = RandomIdGenerator::default().new_trace_id().to_string();
    Resource::builder()
        .with_service_name(service_name.to_owned())
        .with_attributes([
            KeyValue::new("service.namespace", "guanxi"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance),
        ])
        .build()
}

fn subscribe(format: LogFormat, filter: EnvFilter, provider: &SdkTracerProvider) -> Result<(), Error> {
    // Spans only, as log lines bear the trace id; and none below INFO, where HTTP/2 would trace the export itself.
    let is_traced = filter_fn(|metadata| metadata.is_span() && *metadata.level() <= Level::INFO)
        .with_max_level_hint(LevelFilter::INFO);
    let traces = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("guanxi"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(is_traced);
    registry().with(traces).with(logs(format, filter)).try_init()?;
    Ok(())
}

fn logs<S>(format: LogFormat, filter: EnvFilter) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let filter = filter.or(filter_fn(is_server_span).with_max_level_hint(LevelFilter::INFO));
    let lines = fmt::layer().with_writer(stderr);
    match format {
        // The list of spans contains the current one.
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_filter(filter).boxed(),
        LogFormat::Plain => lines.with_ansi(stderr().is_terminal()).with_filter(filter).boxed(),
    }
}
