//! A service as a process of its own: its command line.

use std::error::Error;
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::ExitCode;

use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use sqlx::migrate::Migrator;

/// What a service waits for to be told to stop.
pub type Stop = Pin<Box<dyn Future<Output = ()>>>;

/// Everything that a serving process of a service is told.
#[derive(Args)]
#[group(skip)]
pub struct Serve<S: Args> {
    #[command(flatten)]
    settings: Box<S>,
    #[command(flatten)]
    telemetry: guanxi_telemetry::Settings,
}

impl<S: Args> Serve<S> {
    /// Serves as the service `name` until it is told to stop.
    pub async fn run(
        self,
        name: &str,
        serve: impl AsyncFnOnce(&S) -> Result<(), crate::Error>,
    ) -> Result<(), Box<dyn Error>> {
        let guard = guanxi_telemetry::init(name, &self.telemetry)?;
        serve(&self.settings).await?;
        Ok(guard.shutdown()?)
    }
}

/// What the command lines of services differ in, besides their settings.
pub struct Program {
    /// Name of the service, for example `client-registry`.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// The address that it listens on, and that `healthcheck` asks, where none is given.
    pub address: &'static str,
    /// Its migrations.
    pub migrator: &'static Migrator,
}

#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Arguments<S: Args> {
    #[command(subcommand)]
    command: Command<S>,
}

#[derive(Subcommand)]
enum Command<S: Args> {
    /// Serve until SIGTERM or Ctrl-C; migrates first where --owner-database-url is given.
    Serve(Serve<S>),
    /// Bring the schema up to date and end.
    Migrate {
        /// Postgres URL with the role that owns the schema.
        #[arg(long, env = "GUANXI_OWNER_DATABASE_URL", hide_env_values = true)]
        owner_database_url: String,
    },
    /// Ask a serving process whether it is well: exit code 0 if it is.
    Healthcheck {
        /// Address of the process.
        #[arg(long, env = "GUANXI_LISTEN", default_value = "127.0.0.1:50051")]
        address: SocketAddr,
    },
}

impl Program {
    /// Does what the command line says; `serve` serves until it is told to stop.
    pub fn main<S: Args>(self, serve: impl AsyncFnOnce(&S, Stop) -> Result<(), crate::Error>) -> ExitCode {
        let command = Arguments::<S>::command().name(self.name).about(self.about);
        let at_home = |argument: Arg| argument.default_value(self.address);
        let command = command
            .mut_subcommand("serve", |serve| serve.mut_arg("listen", at_home))
            .mut_subcommand("healthcheck", |healthcheck| healthcheck.mut_arg("address", at_home));
        let arguments = Arguments::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit());
        match guanxi_grpc::block_on(self.run(arguments.command, serve)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => guanxi_telemetry::report(error.as_ref()),
        }
    }

    async fn run<S: Args>(
        self,
        command: Command<S>,
        serve: impl AsyncFnOnce(&S, Stop) -> Result<(), crate::Error>,
    ) -> Result<(), Box<dyn Error>> {
        match command {
            Command::Serve(settings) => {
                let stop = Box::pin(guanxi_grpc::stop_signal()?);
                settings.run(self.name, async move |settings| serve(settings, stop).await).await
            }
            Command::Migrate { owner_database_url } => {
                Ok(guanxi_db::migrate(&owner_database_url, self.migrator).await?)
            }
            Command::Healthcheck { address } => Ok(guanxi_grpc::health_check(address).await?),
        }
    }
}
