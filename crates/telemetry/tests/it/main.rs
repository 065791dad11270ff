//! Telemetry as a collector and a log reader see it.
//!
//! A process has one subscriber, so each test starts this binary again as a small service (`child`) with its settings
//! in the environment, and looks at what arrives at a collector in the test and at what the process printed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests end the test this way; clippy exempts only the tests themselves"
)]

mod child;

use std::net::TcpListener;

use child::{Outcome, PATH, run};
use guanxi_test_support::{Collector, text};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

#[tokio::test]
async fn a_call_continues_the_callers_trace() {
    let collector = Collector::start().await;
    let outcome = run(&[("GUANXI_OTLP_ENDPOINT", &collector.url), ("TEST_TRACEPARENT", &traceparent("01"))]).await;
    assert!(outcome.delivered, "{outcome:?}");

    let spans = collector.spans();
    assert_eq!(spans.len(), 2, "the debug span is not traced: {spans:?}");
    let call = spans.iter().find(|span| span.name == PATH.trim_start_matches('/')).unwrap();
    let work = spans.iter().find(|span| span.name == "work").unwrap();
    assert_eq!(hex(&call.trace_id), TRACE);
    assert_eq!(hex(&call.parent_span_id), CALLER);
    assert_eq!(call.kind, 2, "a server span");
    assert_eq!(call.status.as_ref().unwrap().code(), StatusCode::Error);
    assert_eq!(text(&call.attributes, "rpc.service"), "guanxi.test.v1.Test");
    assert_eq!(text(&call.attributes, "rpc.method"), "Get");
    assert_eq!(text(&call.attributes, "rpc.response.status_code"), "INTERNAL");
    assert_eq!(hex(&work.trace_id), TRACE);
    assert_eq!(work.parent_span_id, call.span_id);

    let onwards = format!("00-{TRACE}-{}-01", hex(&work.span_id));
    assert_eq!(outcome.traceparent.as_deref(), Some(&*onwards));
    assert_eq!(outcome.injected.as_deref(), Some(&*onwards));
    assert_eq!(text(&collector.resource(), "service.name"), "test-service");
}

#[tokio::test]
async fn metrics_name_known_methods_only() {
    let collector = Collector::start().await;
    let outcome = run(&[("GUANXI_OTLP_ENDPOINT", &collector.url)]).await;
    assert!(outcome.delivered, "{outcome:?}");

    let calls = collector.histogram("rpc.server.call.duration");
    assert_eq!(calls.len(), 2);
    let known = calls.iter().find(|point| text(&point.attributes, "rpc.method") == "Get").unwrap();
    assert_eq!(text(&known.attributes, "rpc.system"), "grpc");
    assert_eq!(text(&known.attributes, "rpc.service"), "guanxi.test.v1.Test");
    assert_eq!(text(&known.attributes, "rpc.response.status_code"), "INTERNAL");
    assert_eq!((known.count, known.sum), (1, Some(0.02)));
    assert_eq!(known.explicit_bounds[0].to_string(), "0.001", "classes in seconds");
    let unknown = calls.iter().find(|point| text(&point.attributes, "rpc.method") == "unknown").unwrap();
    assert_eq!(unknown.count, 2, "two made-up paths");

    let active = collector.numbers("rpc.server.active_requests");
    assert_eq!(active.len(), 1);
    assert_eq!(active[0].0, 1, "one of two calls is over");
    let mut pool = collector.numbers("test.pool");
    pool.sort_by_key(|point| point.0);
    assert_eq!(
        pool.iter().map(|(value, labels)| (*value, text(labels, "state"))).collect::<Vec<_>>(),
        [(3, "used"), (5, "idle")]
    );
}

#[tokio::test]
async fn an_unsampled_trace_is_continued_but_not_sent() {
    let collector = Collector::start().await;
    let outcome = run(&[("GUANXI_OTLP_ENDPOINT", &collector.url), ("TEST_TRACEPARENT", &traceparent("00"))]).await;
    assert!(outcome.delivered, "{outcome:?}");
    assert!(collector.spans().is_empty());
    assert_eq!(outcome.trace_id.as_deref(), Some(TRACE));
    assert!(outcome.traceparent.unwrap().ends_with("-00"));
}

#[tokio::test]
async fn the_ratio_holds_for_traces_begun_here() {
    let collector = Collector::start().await;
    let outcome = run(&[("GUANXI_OTLP_ENDPOINT", &collector.url), ("GUANXI_TRACE_SAMPLE_RATIO", "0")]).await;
    assert!(outcome.delivered, "{outcome:?}");
    assert!(collector.spans().is_empty());
    assert!(outcome.trace_id.is_some());
}

#[tokio::test]
async fn without_a_collector_logs_still_have_the_trace() {
    let sampled = traceparent("01");
    // A filter that knows nothing of spans, and the empty endpoint of a compose file.
    for filter in ["info", "warn", "it=warn"] {
        let outcome =
            run(&[("GUANXI_LOG", filter), ("GUANXI_OTLP_ENDPOINT", ""), ("TEST_TRACEPARENT", &sampled)]).await;
        assert_eq!(outcome.trace_id.as_deref(), Some(TRACE));
        assert!(outcome.injected.unwrap().ends_with("-01"), "the caller's decision is kept");
        let line = outcome.log.lines().find(|line| line.contains("something happened")).unwrap();
        assert!(line.contains(&format!("trace_id={TRACE}")), "{line}");
        assert_eq!(outcome.log.lines().count(), 1, "{}", outcome.log);
    }
}

#[tokio::test]
async fn json_logs_have_the_trace_id() {
    let outcome = run(&[("GUANXI_LOG_FORMAT", "json"), ("TEST_TRACEPARENT", &traceparent("01"))]).await;
    let line: serde_json::Value = serde_json::from_str(outcome.log.trim()).unwrap();
    assert_eq!(line["message"], "something happened");
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["spans"][0]["trace_id"], TRACE);
    assert_eq!(line["spans"][0]["otel.name"], PATH.trim_start_matches('/'));
}

#[tokio::test]
async fn a_call_without_trace_begins_one() {
    let outcome = run(&[("TEST_TRACEPARENT", "nonsense")]).await;
    let trace_id = outcome.trace_id.unwrap();
    assert_eq!(trace_id.len(), 32);
    assert!(outcome.log.contains(&trace_id));
}

#[tokio::test]
async fn an_absent_collector_does_not_hold_the_process() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    for url in ["http://127.0.0.1:1", &silent_url] {
        let outcome = run(&[("GUANXI_OTLP_ENDPOINT", url)]).await;
        assert_absent(&outcome);
        let dropped = run(&[("GUANXI_OTLP_ENDPOINT", url), ("TEST_DROP", "true")]).await;
        assert_absent(&dropped);
    }
}

fn assert_absent(outcome: &Outcome) {
    assert!(!outcome.delivered);
    assert!(outcome.seconds < 3.0, "{outcome:?}");
}

#[tokio::test]
async fn settings_that_mean_nothing_are_refused() {
    for (setting, reason) in [
        (("GUANXI_LOG", "info,=="), "Filter("),
        (("GUANXI_LOG_FORMAT", "xml"), "--log-format"),
        (("GUANXI_OTLP_ENDPOINT", "not a url"), "Exporter("),
        (("GUANXI_TRACE_SAMPLE_RATIO", "1.5"), "not between 0 and 1"),
        (("GUANXI_TRACE_SAMPLE_RATIO", "many"), "not a number"),
    ] {
        let refusal = child::refusal(setting).await;
        assert!(refusal.contains(reason), "{setting:?}: {refusal}");
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
