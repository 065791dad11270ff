//! A service as a process of its own: this binary again, running the one ignored test below.

use std::error::Error;
use std::fs::OpenOptions;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use clap::Parser;

use crate::cluster::eventually;

/// A running process; killed when dropped.
pub(crate) struct Process {
    child: Child,
}

/// An address that is free, for a process that is to come back there.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Process {
    /// Starts a service and waits until it serves.
    pub(crate) async fn start(name: &str, address: SocketAddr, settings: &[(&str, String)], log: &Path) -> Self {
        let process = Self::launch(name, address, settings, log);
        eventually("it serves", async || guanxi_grpc::health_check(address).await.is_ok()).await;
        process
    }

    /// Starts a service, which appends to its log.
    pub(crate) fn launch(name: &str, address: SocketAddr, settings: &[(&str, String)], log: &Path) -> Self {
        let log = OpenOptions::new().append(true).create(true).open(log).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "process::child", "--ignored", "--nocapture"]).env_clear();
        command.env("TEST_SERVICE", name).env("GUANXI_LISTEN", address.to_string()).env("GUANXI_CLUSTER", "test");
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Self { child: command.spawn().unwrap() }
    }

    /// Sends a signal, for example `-STOP`.
    pub(crate) fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL: nothing is told, nothing is finished.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Parser)]
struct Name {
    /// Set by the tests; without it somebody runs the ignored tests by hand and nothing is to be done.
    #[arg(long, env = "TEST_SERVICE")]
    service: Option<String>,
}

#[derive(Parser)]
struct Registry {
    #[command(flatten)]
    settings: guanxi_service::Settings,
    #[command(flatten)]
    telemetry: guanxi_telemetry::Settings,
}

#[derive(Parser)]
struct Catalog {
    #[command(flatten)]
    settings: product_catalog::Settings,
    #[command(flatten)]
    telemetry: guanxi_telemetry::Settings,
}

#[test]
#[ignore = "it is what the other tests start"]
fn child() {
    guanxi_grpc::block_on(serve()).unwrap();
}

async fn serve() -> Result<(), Box<dyn Error>> {
    match Name::parse_from(["child"]).service.as_deref() {
        Some("client-registry") => {
            let Registry { settings, telemetry } = Registry::parse_from(["client-registry"]);
            let _guard = guanxi_telemetry::init("client-registry", &telemetry)?;
            Ok(client_registry::serve(&settings, None, guanxi_grpc::stop_signal()?).await?)
        }
        Some("product-catalog") => {
            let Catalog { settings, telemetry } = Catalog::parse_from(["product-catalog"]);
            let _guard = guanxi_telemetry::init("product-catalog", &telemetry)?;
            Ok(product_catalog::serve(&settings, None, guanxi_grpc::stop_signal()?).await?)
        }
        _ => Ok(()),
    }
}
