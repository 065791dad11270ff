//! The command line as an operator types it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests end the test this way; clippy exempts only the tests themselves"
)]

mod call;
mod china;
mod export;
mod figures;
mod import;
mod maven;
mod measurement;
mod price;
mod registry;
mod resume;
mod support;
mod verify;

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::{fs, net::TcpListener};

use guanxi_local_postgres::{Binaries, Durability, SUPERUSER, Server, StartOptions, default_cache};
use guanxi_proto::auth::v1::WhoAmIRequest;
use guanxi_proto::auth::v1::identity_service_client::IdentityServiceClient;
use guanxi_proto::client_registry::v1::territory_service_client::TerritoryServiceClient;
use guanxi_proto::client_registry::v1::{CreateTerritoryRequest, GetTerritoryRequest, Territory};
use guanxi_proto::r#type::v1::LocalizedText;

use support::{Place, Up, channel, kill, request};

fn province() -> CreateTerritoryRequest {
    let territory = Territory {
        code: "44".to_owned(),
        level: "PROVINCE".to_owned(),
        name: Some(LocalizedText { zh: "广东省".to_owned(), en: "Guangdong".to_owned() }),
        ..Territory::default()
    };
    CreateTerritoryRequest { territory: Some(territory), ..CreateTerritoryRequest::default() }
}

#[tokio::test]
async fn a_cluster_serves_until_ctrl_c_and_keeps_its_data() {
    let place = Place::new("life");
    let up = Up::start(&place).await;
    assert!(up.said.contains(&format!("http://127.0.0.1:{}", place.port_base)), "{}", up.said);
    let export = up.said.lines().find(|line| line.contains("export GUANXI_TOKEN=ey")).unwrap();
    let calls: Vec<&str> = up.said.lines().filter(|line| line.contains("/guanxi ")).collect();
    assert_eq!(calls.len(), 3, "{}", up.said);
    for call in calls {
        // As somebody types them in another terminal.
        let tried = Command::new("sh").args(["-c", &format!("{export}\n{call}")]).output().unwrap();
        assert!(tried.status.success() && !tried.stdout.is_empty(), "{call}: {tried:?}");
    }

    let mut territories = TerritoryServiceClient::new(channel(&place).await);
    let token = place.token("operator", "administrator", "*");
    territories.create_territory(request(province(), &token)).await.unwrap();
    // The ports follow from the folder: what runs there says which it has.
    let status = place.run(&["status", "--json"]);
    assert!(status.success, "{status:?}");
    let status: serde_json::Value = serde_json::from_str(&status.out).unwrap();
    assert_eq!(status["serving"], true);
    assert_eq!(status["pid"], up.id());
    assert_eq!(status["services"][0]["name"], "client-registry");
    assert_eq!(status["services"][0]["address"], format!("127.0.0.1:{}", place.port_base));
    assert_eq!(status["services"][0]["feed_position"], 1);
    assert_eq!(status["services"][0]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["services"][1]["name"], "product-catalog");
    assert_eq!(status["services"][1]["address"], format!("127.0.0.1:{}", place.port_base + 1));
    // The discount policy that is always there.
    assert_eq!(status["services"][1]["feed_position"], 1);
    assert_eq!(status["services"][2]["name"], "opportunity-pipeline");
    assert_eq!(status["services"][2]["address"], format!("127.0.0.1:{}", place.port_base + 2));
    // The pipeline and the policy of approvals that are always there.
    assert_eq!(status["services"][2]["feed_position"], 2);
    assert_eq!(status["services"][3]["name"], "kpi");
    assert_eq!(status["services"][3]["address"], format!("127.0.0.1:{}", place.port_base + 3));
    // The indicators that come with the product.
    assert_eq!(status["services"][3]["feed_position"], 20);
    assert_eq!(status["postgres"]["serving"], true);

    let (status, error) = up.stop("INT").await;
    assert!(status.success(), "{status}: {error}");
    assert!(error.contains("Stopped."), "{error}");
    assert_eq!(place.processes(), Vec::<u32>::new());
    let down = place.run(&["status"]);
    assert!(!down.success && down.out.contains("not running") && down.err.contains("guanxi up"), "{down:?}");

    let up = Up::start(&place).await;
    let mut territories = TerritoryServiceClient::new(channel(&place).await);
    // The key stays too, so the token from before is good.
    let found =
        territories.get_territory(request(GetTerritoryRequest { code: "44".to_owned() }, &token)).await.unwrap();
    assert_eq!(found.into_inner().territory.unwrap().name.unwrap().zh, "广东省");
    let status = place.run(&["status"]);
    let lines: Vec<&str> = status.out.lines().skip(2).collect();
    assert!(status.success && lines.len() == 6, "{status:?}");
    let column = lines[0].find("HEALTH").unwrap();
    assert!(lines[1..].iter().all(|line| line[column..].starts_with("serving")), "{status:?}");
    assert!(up.stop("TERM").await.0.success());
}

#[tokio::test]
async fn a_token_says_what_was_asked_for() {
    let place = Place::new("token");
    let none = place.run(&["token", "--subject", "10023", "--role", "analyst", "--territory", "44"]);
    assert!(!none.success && none.out.is_empty() && none.err.contains("guanxi up --data-dir"), "{none:?}");
    let _up = Up::start(&place).await;
    let unknown = place.run(&["token", "--subject", "10023", "--role", "boss", "--territory", "44"]);
    assert!(!unknown.success && unknown.out.is_empty(), "{unknown:?}");
    assert!(unknown.err.contains("no role `boss`") && unknown.err.contains("客户经理"), "{unknown:?}");
    let lonely =
        place.run(&["token", "--subject", "10023", "--role", "analyst", "--role", "director", "--territory", "44"]);
    assert!(!lonely.success && lonely.err.contains("every role needs its own"), "{lonely:?}");

    let made = place.run(&[
        "token",
        "--subject",
        "10023",
        "--role",
        "account_manager",
        "--territory",
        "440305",
        "--role",
        "analyst",
        "--territory",
        "*",
    ]);
    assert!(made.success && made.out.lines().count() == 1, "{made:?}");
    let mut identity = IdentityServiceClient::new(channel(&place).await);
    let me = identity.who_am_i(request(WhoAmIRequest {}, made.out.trim())).await.unwrap().into_inner();
    let grants: Vec<_> = me.grants.iter().map(|grant| (grant.role.as_str(), grant.territory_code.as_str())).collect();
    assert_eq!((me.subject.as_str(), grants), ("10023", vec![("account_manager", "440305"), ("analyst", "*")]));
}

#[tokio::test]
async fn clusters_run_side_by_side_but_not_in_one_folder_or_on_one_port() {
    let (one, other) = (Place::new("one"), Place::new("other"));
    let (first, second) = tokio::join!(Up::start(&one), Up::start(&other));

    let again = one.run(&["up"]);
    assert!(!again.success && again.err.contains(&format!("process {}", first.id())), "{again:?}");
    assert!(again.err.contains("--data-dir"), "{again:?}");
    assert!(second.stop("INT").await.0.success());

    let port = one.port_base.to_string();
    let taken = other.run(&["up", "--port-base", &port]);
    assert!(!taken.success && taken.err.contains(&format!("127.0.0.1:{port}")), "{taken:?}");
    assert!(taken.err.contains("--port-base"), "{taken:?}");
    assert!(one.run(&["status"]).success);
    // By somebody who speaks no gRPC, too.
    let _listener = TcpListener::bind(("127.0.0.1", other.port_base)).unwrap();
    let taken = other.run(&["up", "--port-base", &other.port_base.to_string()]);
    assert!(!taken.success && taken.err.contains("is taken"), "{taken:?}");
}

#[tokio::test]
async fn killed_it_leaves_nothing_behind_and_starts_again() {
    let place = Place::new("killed");
    let up = Up::start(&place).await;
    kill("KILL", &[up.id()]);
    // At once: what is left of the old one is waited for.
    let up_again = Up::start(&place).await;
    assert!(!up.stop("KILL").await.0.success());
    let everything: Vec<u32> = place.processes().into_iter().chain([up_again.id()]).collect();
    assert!(everything.len() > 2, "{everything:?}");
    kill("KILL", &everything);
    let last = Up::start(&place).await;
    assert!(place.run(&["status"]).success);
    kill("KILL", &[last.id()]);
    place.empty().await;
    TcpListener::bind(("127.0.0.1", place.port_base)).unwrap();
}

#[tokio::test]
async fn what_dies_is_named_and_stops_the_rest() {
    let place = Place::new("died");
    for name in ["client-registry", "product-catalog", "opportunity-pipeline", "kpi", "Postgres"] {
        let up = Up::start(&place).await;
        let is_victim = |pid: &u32| match name {
            "Postgres" => support::program(*pid) == "postgres",
            service => support::arguments(*pid).iter().any(|argument| argument == service),
        };
        let victim = place.processes().into_iter().filter(is_victim).min();
        kill("KILL", &[victim.unwrap()]);
        let (status, error) = up.end().await;
        assert!(!status.success() && error.contains(&format!("error: {name} has ended")), "{status}: {error}");
        assert!(error.contains("/logs/"), "{error}");
        place.empty().await;
    }
    let up = Up::start(&place).await;
    assert!(up.stop("INT").await.0.success());
}

#[tokio::test]
async fn it_does_not_need_root() {
    let root = fs::metadata("/proc/self/status").is_ok_and(|status| std::os::unix::fs::MetadataExt::uid(&status) == 0);
    if !root {
        return guanxi_test_support::skip("not root, so every other test shows it");
    }
    let place = Place::new("nobody");
    let up = Up::start_as_nobody(&place).await;
    let server = place.processes().into_iter().find(|&pid| support::program(pid) == "postgres");
    let owner = fs::metadata(format!("/proc/{}", server.unwrap())).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&owner), support::NOBODY);
    assert!(place.run(&["status"]).success);
    assert!(up.stop("INT").await.0.success());
}

#[tokio::test]
async fn an_operators_own_postgres_is_used_and_kept_running() {
    let place = Place::new("own");
    let binaries = Binaries::find(&default_cache(std::env::home_dir().as_deref()), &|_| {}).unwrap();
    let server = Server::start(&binaries, &StartOptions::new(place.folder.join("own"), Durability::Throwaway)).unwrap();
    let url = server.url(SUPERUSER, "postgres");
    let up = Up::start_with(&place, &[("GUANXI_DATABASE_URL", &url)]).await;
    let verified = place.run_with(&["verify", "--only", "rebuild"], &[("GUANXI_DATABASE_URL", &url)]);
    assert!(verified.success, "{verified:?}");
    let refused = place.run(&["verify", "--only", "rebuild"]);
    assert!(!refused.success && refused.err.contains("GUANXI_DATABASE_URL"), "{refused:?}");
    let status = place.run(&["status", "--json"]);
    assert!(status.success && !place.data().join("postgres").exists(), "{status:?}");
    let password = fs::metadata(place.data().join("keys/client_registry.password")).unwrap();
    assert_eq!(password.permissions().mode() & 0o777, 0o600);
    let running = fs::read_to_string(place.data().join("running.json")).unwrap();
    let secret = fs::read_to_string(place.data().join("keys/client_registry.password")).unwrap();
    assert!(secret.len() == 32 && !running.contains(&secret), "{running}");

    let other = Place::new("own-other");
    let shared = other.run_with(&["up", "--port-base", &other.port_base.to_string()], &[("GUANXI_DATABASE_URL", &url)]);
    assert!(!shared.success && shared.err.contains("another cluster uses the database"), "{shared:?}");
    assert!(up.stop("INT").await.0.success());

    let up = Up::start_with(&place, &[("GUANXI_DATABASE_URL", &url)]).await;
    kill("KILL", &[up.id()]);
    let up = Up::start_with(&place, &[("GUANXI_DATABASE_URL", &url)]).await;
    assert!(up.stop("INT").await.0.success());
    let wrong = place.run_with(&["up"], &[("GUANXI_DATABASE_URL", "postgres://admin@127.0.0.1:1/postgres")]);
    assert!(!wrong.success && wrong.err.contains("--database-url"), "{wrong:?}");
    server.stop().unwrap();
}

#[test]
fn help_teaches_every_command() {
    let place = Place::new("help");
    for command in ["up", "status", "token", "import", "export"] {
        let help = place.run(&["help", command]);
        assert!(help.success && help.out.contains("Examples:"), "{help:?}");
        assert!(help.out.contains("--data-dir") && help.out.contains("--port-base"), "{help:?}");
    }
}
