//! What dashboards and alarms are built on: rate, errors and duration of calls, and gauges of the process's insides.
//!
//! Instruments are made after [`init`](crate::init): those made before belong to no exporter and stay silent.

use std::collections::HashMap;
use std::sync::Arc;

use opentelemetry::metrics::{AsyncInstrument, Histogram, Meter, UpDownCounter};
use opentelemetry::{KeyValue, StringValue, global};

use crate::trace::split;

/// Upper bounds of the duration classes in seconds, closest where the product's promises are (tens of milliseconds).
const SECONDS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Duration and number of running calls, by method.
#[derive(Debug)]
pub struct RpcMetrics {
    duration: Histogram<f64>,
    active: UpDownCounter<i64>,
    methods: HashMap<String, Labels>,
    unknown: Labels,
}

/// System, service and method: made once per method, as every call needs them.
type Labels = [KeyValue; 3];

impl RpcMetrics {
    /// Metrics for the methods with these paths (`/package.Service/Method`).
    ///
    /// Calls of any other path are counted together as `unknown`: callers choose paths, and each distinct one would
    /// otherwise cost memory here and in the metrics store.
    #[must_use]
    pub fn new(paths: impl IntoIterator<Item: Into<String>>) -> Self {
        let meter = meter();
        let methods = paths.into_iter().map(Into::into);
        Self {
            duration: meter
                .f64_histogram("rpc.server.call.duration")
                .with_unit("s")
                .with_description("Time from a call's arrival to its last byte")
                .with_boundaries(SECONDS.to_vec())
                .build(),
            active: meter
                .i64_up_down_counter("rpc.server.active_requests")
                .with_unit("{request}")
                .with_description("Calls that are being worked on")
                .build(),
            methods: methods.map(|path| (path.clone(), labels(split(&path)))).collect(),
            unknown: labels(("unknown", "unknown")),
        }
    }

    /// Notes a finished call: its path, the name of its status code (`OK`, `NOT_FOUND`), how long it took.
    pub fn record(&self, path: &str, code: &'static str, seconds: f64) {
        let [system, service, method] = self.labels(path).clone();
        self.duration.record(seconds, &[system, service, method, KeyValue::new("rpc.response.status_code", code)]);
    }

    /// Counts a call as running for as long as the returned value lives.
    #[must_use]
    pub fn active(&self, path: &str) -> ActiveRequest {
        let labels = self.labels(path).clone();
        self.active.add(1, &labels);
        ActiveRequest { active: self.active.clone(), labels }
    }

    fn labels(&self, path: &str) -> &Labels {
        self.methods.get(path).unwrap_or(&self.unknown)
    }
}

/// A running call; see [`RpcMetrics::active`].
#[derive(Debug)]
pub struct ActiveRequest {
    active: UpDownCounter<i64>,
    labels: Labels,
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.active.add(-1, &self.labels);
    }
}

/// What a gauge's callback reports to; see [`observe`].
pub struct Reading<'a>(&'a dyn AsyncInstrument<i64>);

impl Reading<'_> {
    /// Reports one value. The attributes' values come from a set known beforehand (a state, a feed), never from data.
    pub fn report(&self, value: i64, attributes: &[(&'static str, &'static str)]) {
        let attributes: Vec<_> = attributes.iter().map(|&(name, value)| KeyValue::new(name, value)).collect();
        self.0.observe(value, &attributes);
    }
}

/// Registers a gauge, read by calling back before each export; without an exporter it is never called.
///
/// The callback must not wait for anything: it holds up all metrics of the process.
///
/// ```
/// # let (used, idle) = (3, 5);
/// guanxi_telemetry::observe("db.client.connection.count", "{connection}", "Connections of the pool", move |gauge| {
///     gauge.report(used, &[("db.client.connection.state", "used")]);
///     gauge.report(idle, &[("db.client.connection.state", "idle")]);
/// });
/// ```
pub fn observe(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    read: impl Fn(&Reading<'_>) + Send + Sync + 'static,
) {
    // The SDK keeps the callback; the handle it returns does nothing.
    let _ = meter()
        .i64_observable_gauge(name)
        .with_unit(unit)
        .with_description(description)
        .with_callback(move |gauge| read(&Reading(gauge)))
        .build();
}

fn meter() -> Meter {
    global::meter("guanxi")
}

fn labels((service, method): (&str, &str)) -> Labels {
    [
        KeyValue::new("rpc.system", "grpc"),
        KeyValue::new("rpc.service", shared(service)),
        KeyValue::new("rpc.method", shared(method)),
    ]
}

/// A text that is cloned with every call.
fn shared(text: &str) -> StringValue {
    Arc::<str>::from(text).into()
}
