//! A service as a process of its own: this binary again, running the one ignored test below.

use std::error::Error;
use std::fs::OpenOptions;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use clap::{Args, Parser};
use guanxi_service::Serve;

use crate::cluster::{CATALOG, KPI, PIPELINE, REGISTRY, eventually};

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
struct Arguments {
    /// Set by the tests; without it somebody runs the ignored tests by hand and nothing is to be done.
    #[arg(long, env = "TEST_SERVICE")]
    service: Option<String>,
}

/// A service whose settings come by environment alone.
#[derive(Parser)]
#[group(skip)]
struct Settings<S: Args> {
    #[command(flatten)]
    serve: Serve<S>,
}

#[test]
#[ignore = "it is what the other tests start"]
fn child() {
    guanxi_grpc::block_on(serve()).unwrap();
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let stop = guanxi_grpc::stop_signal()?;
    match Arguments::parse_from(["child"]).service.as_deref() {
        Some(REGISTRY) => {
            let settings = Settings::<guanxi_service::Settings>::parse_from([REGISTRY]);
            settings.serve.run(REGISTRY, async |settings| client_registry::serve(settings, None, stop).await).await
        }
        Some(CATALOG) => {
            let settings = Settings::<product_catalog::Settings>::parse_from([CATALOG]);
            settings.serve.run(CATALOG, async |settings| product_catalog::serve(settings, None, stop).await).await
        }
        Some(PIPELINE) => {
            let settings = Settings::<opportunity_pipeline::Settings>::parse_from([PIPELINE]);
            settings.serve.run(PIPELINE, async |settings| opportunity_pipeline::serve(settings, None, stop).await).await
        }
        Some(KPI) => {
            let settings = Settings::<kpi::Settings>::parse_from([KPI]);
            settings.serve.run(KPI, async |settings| kpi::serve(settings, None, stop).await).await
        }
        _ => Ok(()),
    }
}
