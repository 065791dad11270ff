//! Clients without a stub of ours: Python's grpcio, `buf curl`, and `buf lint` over the contract.

use std::process::Command;
use std::sync::OnceLock;

use guanxi_auth::Role;

use crate::cluster::Cluster;
use crate::tools::{MEMBER, install, run};

static TOOLS: OnceLock<std::path::PathBuf> = OnceLock::new();

fn tools() -> &'static std::path::Path {
    TOOLS.get_or_init(install)
}

#[tokio::test]
async fn the_official_python_client_works_from_reflection_alone() {
    let cluster = Cluster::start().await;
    let said = run(Command::new("python3")
        .arg(format!("{MEMBER}/python/client.py"))
        .arg(cluster.registry.address.to_string())
        .arg(cluster.token(Role::Administrator, "*"))
        .arg(cluster.token(Role::AccountManager, "330000"))
        .env("PYTHONPATH", tools()));
    assert!(said.contains("the Python client is content"), "{said}");
}

#[tokio::test]
async fn an_account_gets_a_manager_and_a_quote_across_two_services() {
    let cluster = Cluster::start().await;
    let said = run(Command::new("python3")
        .arg(format!("{MEMBER}/python/journey.py"))
        .arg(cluster.registry.address.to_string())
        .arg(cluster.catalog.address.to_string())
        .arg(cluster.token(Role::Administrator, "*"))
        .env("PYTHONPATH", tools()));
    assert!(said.contains("done"), "{said}");
}

#[tokio::test]
async fn an_agent_goes_from_a_lead_to_a_won_deal() {
    let cluster = Cluster::start().await;
    let said = run(Command::new("python3")
        .arg(format!("{MEMBER}/python/pipeline.py"))
        .args([&cluster.registry, &cluster.catalog, &cluster.pipeline].map(|service| service.address.to_string()))
        .arg(cluster.token(Role::Administrator, "*"))
        .arg(cluster.token_of("E7", Role::AccountManager, "440000"))
        .arg(cluster.token_of("E9", Role::Supervisor, "440000"))
        .arg(cluster.token_of("E8", Role::AccountManager, "440000"))
        .env("PYTHONPATH", tools()));
    assert!(said.contains("done"), "{said}");
}

#[tokio::test]
async fn a_won_deal_shows_in_the_figures() {
    let cluster = Cluster::start().await;
    let services = [&cluster.registry, &cluster.catalog, &cluster.pipeline, &cluster.kpi];
    let said = run(Command::new("python3")
        .arg(format!("{MEMBER}/python/kpi.py"))
        .args(services.map(|service| service.address.to_string()))
        .arg(cluster.token(Role::Administrator, "*"))
        .arg(cluster.token_of("E7", Role::AccountManager, "440000"))
        .arg(cluster.token_of("E8", Role::AccountManager, "440000"))
        .env("PYTHONPATH", tools()));
    assert!(said.contains("done"), "{said}");
}

#[tokio::test]
async fn buf_curl_works_from_reflection_alone() {
    let cluster = Cluster::start().await;
    let said = run(Command::new(tools().join("bin/buf"))
        .args(["curl", "--protocol", "grpc", "--http2-prior-knowledge", "--header"])
        .arg(format!("Authorization: Bearer {}", cluster.token(Role::Auditor, "*")))
        .arg(format!("http://{}/guanxi.auth.v1.IdentityService/WhoAmI", cluster.registry.address)));
    assert!(said.contains("\"subject\": \"E0001\""), "{said}");
}

#[test]
fn the_contract_passes_buf_lint() {
    run(Command::new(tools().join("bin/buf")).arg("lint").current_dir(format!("{MEMBER}/../proto")));
}
