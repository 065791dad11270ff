//! A call's place in its trace: taken from the caller, written to logs, handed on.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, Status, TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::field::{Empty, display};
use tracing::{Metadata, Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The span of one incoming call, continuing the trace that the headers name (W3C `traceparent`) or beginning one.
///
/// The path is `/package.Service/Method`. It names the span, so pass what the descriptor table has rather than what a
/// caller made up.
#[must_use]
pub fn server_span(service_method_path: &str, headers: &HeaderMap) -> Span {
    let (service, method) = split(service_method_path);
    // An explicit root: the connection's task may itself be inside a span, which is not this call's parent.
    let span = info_span!(
        parent: None,
        "rpc",
        otel.name = service_method_path.trim_start_matches('/'),
        otel.kind = "server",
        trace_id = Empty,
    );
    let caller = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
    // Fails only where no tracing is set up, and then there is nothing to continue.
    let _ = span.set_parent(caller);
    // Attributes and not fields: a log line has both in `otel.name` already.
    span.set_attribute("rpc.system", "grpc");
    span.set_attribute("rpc.service", service.to_owned());
    span.set_attribute("rpc.method", method.to_owned());
    let context = span.context();
    let context = context.span();
    if context.span_context().is_valid() {
        span.record("trace_id", display(context.span_context().trace_id()));
    }
    span
}

/// Notes how a call ended. Only what is the server's own fault marks the span as failed.
pub fn record_status(span: &Span, code: i32, name: &'static str) {
    span.set_attribute("rpc.grpc.status_code", i64::from(code));
    span.set_attribute("rpc.response.status_code", name);
    // UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS: the semantic conventions' list.
    if matches!(code, 2 | 4 | 12 | 13 | 14 | 15) {
        span.set_status(Status::error(name));
    }
}

/// The id of the trace that the current call belongs to, recorded or not.
#[must_use]
pub fn current_trace_id() -> Option<String> {
    current(|span| span.trace_id().to_string())
}

/// The current place in the trace as a W3C `traceparent`, to be kept with an event that others act on later.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    current(|span| format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags()))
}

/// Hands the current place in the trace on to the service that is called with these headers.
///
/// For a tonic request: `inject(request.metadata_mut().as_mut())`.
pub fn inject(headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject(&mut HeadersMut(headers));
}

/// True for the spans of [`server_span`], which logs need under every filter because they bear the trace id.
pub(crate) fn is_server_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == module_path!()
}

/// Service and method of `/package.Service/Method`.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.trim_start_matches('/').split_once('/').unwrap_or((path, ""))
}

fn current<T>(read: impl FnOnce(&SpanContext) -> T) -> Option<T> {
    // OpenTelemetry's context and not `Span::current`: the innermost span may be a detail that is not traced.
    Context::map_current(|context| {
        let span = context.span();
        span.span_context().is_valid().then(|| read(span.span_context()))
    })
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct HeadersMut<'a>(&'a mut HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}
