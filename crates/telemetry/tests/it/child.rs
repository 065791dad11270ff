//! The process that the tests start: this binary again, running the one ignored test below.

use std::process::Output;
use std::time::Instant;

use clap::Parser;
use guanxi_telemetry::{
    RpcMetrics, Settings, current_trace_id, current_traceparent, init, inject, observe, record_status, server_span,
};
use http::HeaderMap;
use tokio::process::Command;
use tracing::{debug_span, info_span, warn};

pub(crate) const PATH: &str = "/guanxi.test.v1.Test/Get";

/// What precedes the child's report in its output, which the test harness adds lines to.
const MARK: &str = "outcome ";

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    telemetry: Settings,
    /// Set by the tests; without it somebody runs the ignored tests by hand and nothing is to be done.
    #[arg(long, env = "TEST_IS_CHILD")]
    is_child: bool,
    /// The header of the call.
    #[arg(long, env = "TEST_TRACEPARENT")]
    traceparent: Option<String>,
    /// End by dropping the guard.
    #[arg(long, env = "TEST_DROP")]
    drop: bool,
}

/// What the child saw, and what it logged.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) trace_id: Option<String>,
    pub(crate) traceparent: Option<String>,
    pub(crate) injected: Option<String>,
    pub(crate) delivered: bool,
    pub(crate) seconds: f64,
    pub(crate) log: String,
}

/// Starts a child with these settings and waits for its end.
pub(crate) async fn run(settings: &[(&str, &str)]) -> Outcome {
    let output = start(settings).await;
    let log = String::from_utf8(output.stderr).unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let Some(report) = printed.lines().find_map(|line| line.strip_prefix(MARK)) else {
        panic!("no report: {printed}\n{log}");
    };
    let report: serde_json::Value = serde_json::from_str(report).unwrap();
    let text = |name: &str| report[name].as_str().map(str::to_owned);
    Outcome {
        trace_id: text("trace_id"),
        traceparent: text("traceparent"),
        injected: text("injected"),
        delivered: report["delivered"].as_bool().unwrap(),
        seconds: report["seconds"].as_f64().unwrap(),
        log,
    }
}

/// Starts a child that does not get far and returns what it says.
pub(crate) async fn refusal(setting: (&str, &str)) -> String {
    let output = start(&[setting]).await;
    assert!(!output.status.success(), "{setting:?} is accepted");
    String::from_utf8(output.stderr).unwrap()
}

async fn start(settings: &[(&str, &str)]) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child::child", "--ignored", "--nocapture"])
        .env_clear()
        .env("TEST_IS_CHILD", "true")
        .envs(settings.iter().copied())
        .output()
        .await
        .unwrap()
}

/// Serves one call. On a current-thread runtime, whose only thread the shutdown blocks.
#[tokio::test]
#[ignore = "the body of the processes that other tests start"]
async fn child() {
    let args = Args::parse_from(["child"]);
    if !args.is_child {
        return;
    }
    let guard = init("test-service", &args.telemetry).unwrap();
    let metrics = RpcMetrics::new([PATH]);
    observe("test.pool", "{connection}", "Connections", |gauge| {
        gauge.report(3, &[("state", "used")]);
        gauge.report(5, &[("state", "idle")]);
    });

    let running = metrics.active(PATH);
    drop(metrics.active(PATH));
    let mut report = serve(args.traceparent.as_deref());
    metrics.record(PATH, "INTERNAL", 0.02);
    metrics.record("/made.up/Path", "UNIMPLEMENTED", 0.001);
    metrics.record("/made.up/Other", "UNIMPLEMENTED", 0.001);

    let start = Instant::now();
    report["delivered"] = if args.drop {
        drop(guard);
        false.into()
    } else {
        guard.shutdown().is_ok().into()
    };
    report["seconds"] = start.elapsed().as_secs_f64().into();
    drop(running);
    println!("\n{MARK}{report}");
}

fn serve(traceparent: Option<&str>) -> serde_json::Value {
    let mut headers = HeaderMap::new();
    if let Some(value) = traceparent {
        headers.insert("traceparent", value.parse().unwrap());
    }
    let call = server_span(PATH, &headers);
    let report = call.in_scope(|| {
        let _work = info_span!("work").entered();
        let _detail = debug_span!("detail").entered();
        warn!("something happened");
        let mut request = tonic::Request::new(());
        inject(request.metadata_mut().as_mut());
        serde_json::json!({
            "trace_id": current_trace_id(),
            "traceparent": current_traceparent(),
            "injected": request.metadata().get("traceparent").map(|value| value.to_str().unwrap()),
        })
    });
    record_status(&call, 13, "INTERNAL");
    report
}
