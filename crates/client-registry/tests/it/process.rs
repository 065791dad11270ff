//! The service as a process: settings, health, SIGTERM, kill -9, and what it tells a collector.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::territory_service_client::TerritoryServiceClient;
use guanxi_proto::client_registry::v1::*;
use guanxi_proto::r#type::v1::LocalizedText;
use guanxi_test_support::{Collector, Keys, TestDatabase, text, with_token};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const PROGRAM: &str = env!("CARGO_BIN_EXE_client-registry");

/// A running process; killed when dropped.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    async fn start(database: &TestDatabase, keys: &Keys, settings: &[(&str, &str)]) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(PROGRAM);
        command
            .arg("serve")
            .env("GUANXI_LISTEN", address.to_string())
            .env("GUANXI_JWKS", keys.jwks())
            .env("GUANXI_DATABASE_URL", database.service_url())
            .envs(settings.iter().copied())
            .stderr(Stdio::null());
        let process = Self { child: command.spawn().unwrap(), address };
        eventually(|| process.healthy()).await;
        process
    }

    fn healthy(&self) -> bool {
        let mut check = Command::new(PROGRAM);
        check.args(["healthcheck", "--address", &self.address.to_string()]).stderr(Stdio::null());
        check.status().unwrap().success()
    }

    async fn client(&self) -> TerritoryServiceClient<Channel> {
        TerritoryServiceClient::connect(format!("http://{}", self.address)).await.unwrap()
    }

    /// Sends a signal by the shell's own `kill`: a small system has no other.
    fn signal(&self, name: &str) {
        let mut command = Command::new("sh");
        command.args(["-c", r#"kill -s "$@""#, "kill", name, &self.child.id().to_string()]);
        assert!(command.status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn eventually(mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it did not happen within 20 s");
        tokio::task::yield_now().await;
    }
}

fn root(code: &str) -> CreateTerritoryRequest {
    let territory = Territory {
        code: code.to_owned(),
        name: Some(LocalizedText { zh: "中国".to_owned(), en: String::new() }),
        level: "HEADQUARTERS".to_owned(),
        ..Default::default()
    };
    CreateTerritoryRequest { territory: Some(territory), request_id: String::new() }
}

async fn setup() -> (TestDatabase, Keys, String) {
    let database = TestDatabase::create(client_registry::SCHEMA, &client_registry::MIGRATOR).await;
    let keys = Keys::new();
    let admin = keys.token("E0001", &[(Role::Administrator, "*")]);
    (database, keys, admin)
}

#[test]
fn help_names_every_setting_and_nothing_is_needed_to_read_it() {
    let output = Command::new(PROGRAM).args(["serve", "--help"]).env_clear().output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for setting in
        ["GUANXI_LISTEN", "GUANXI_JWKS", "GUANXI_DATABASE_URL", "GUANXI_OWNER_DATABASE_URL", "GUANXI_OTLP_ENDPOINT"]
    {
        assert!(help.contains(setting), "{setting} is missing from:\n{help}");
    }
}

#[tokio::test]
async fn what_was_answered_survives_kill_9() {
    let (database, keys, admin) = setup().await;
    let mut process = Process::start(&database, &keys, &[]).await;
    let mut client = process.client().await;
    for number in 0..20 {
        client.create_territory(with_token(root(&format!("T{number}")), &admin)).await.unwrap();
    }
    process.child.kill().unwrap();
    process.child.wait().unwrap();
    assert!(!process.healthy());
    let process = Process::start(&database, &keys, &[]).await;
    let request = ListTerritoriesRequest { with_total: true, ..Default::default() };
    let answer = process.client().await.list_territories(with_token(request, &admin)).await.unwrap().into_inner();
    assert_eq!(answer.total, 20);
    let created = process.client().await.create_territory(with_token(root("next"), &admin)).await.unwrap().into_inner();
    assert_eq!(created.position, 21);
}

#[tokio::test]
async fn sigterm_ends_the_process_cleanly() {
    let (database, keys, _) = setup().await;
    let mut process = Process::start(&database, &keys, &[]).await;
    process.signal("TERM");
    let mut outcome = None;
    eventually(|| {
        outcome = process.child.try_wait().unwrap();
        outcome.is_some()
    })
    .await;
    assert!(outcome.unwrap().success());
}

#[tokio::test]
async fn who_watches_health_sees_the_stop_and_does_not_hold_it_up() {
    let (database, keys, _) = setup().await;
    let mut process = Process::start(&database, &keys, &[]).await;
    let channel = Endpoint::from_shared(format!("http://{}", process.address)).unwrap().connect_lazy();
    let mut client = HealthClient::new(channel);
    let mut watches = Vec::new();
    for service in ["", "guanxi.client_registry.v1.AccountService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let mut watch = client.watch(request).await.unwrap().into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
        watches.push(watch);
    }
    process.signal("TERM");
    let begun = Instant::now();
    for mut watch in watches {
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
        assert_eq!(watch.message().await.unwrap(), None);
    }
    eventually(|| process.child.try_wait().unwrap().is_some()).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_collector_sees_the_callers_trace_down_to_the_database_and_the_call_by_method() {
    let collector = Collector::start().await;
    let (database, keys, admin) = setup().await;
    let process = Process::start(&database, &keys, &[("GUANXI_OTLP_ENDPOINT", &collector.url)]).await;
    let mut request = with_token(root("CN"), &admin);
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    request.metadata_mut().insert("traceparent", traceparent.parse().unwrap());
    process.client().await.create_territory(request).await.unwrap();
    process.signal("TERM");

    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let of_the_call = || {
        let spans = collector.spans();
        spans.into_iter().filter(|span| hex(&span.trace_id) == "0af7651916cd43dd8448eb211c80319c").collect::<Vec<_>>()
    };
    eventually(|| of_the_call().len() >= 2).await;
    let spans = of_the_call();
    let call = spans.iter().find(|span| hex(&span.parent_span_id) == "b7ad6b7169203331").unwrap();
    assert_eq!(call.name, "guanxi.client_registry.v1.TerritoryService/CreateTerritory");
    let work = spans.iter().find(|span| span.parent_span_id == call.span_id).unwrap();
    assert_eq!(text(&work.attributes, "db.namespace"), client_registry::SCHEMA);
    eventually(|| collector.has_metric("guanxi.feed.position") && collector.has_metric("rpc.server.call.duration"))
        .await;
    let points = collector.histogram("rpc.server.call.duration");
    let create = points.iter().find(|point| text(&point.attributes, "rpc.method") == "CreateTerritory").unwrap();
    assert_eq!((create.count, text(&create.attributes, "rpc.response.status_code")), (1, "OK"));
    assert!(!collector.numbers("guanxi.feed.position").is_empty());
}
