//! The service as a process of its own.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// From a hint to an accepted quote: opportunities over gRPC.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM or Ctrl-C; migrates first where --owner-database-url is given.
    Serve {
        #[command(flatten)]
        settings: Box<opportunity_pipeline::Settings>,
        #[command(flatten)]
        telemetry: guanxi_telemetry::Settings,
    },
    /// Bring the schema up to date and end.
    Migrate {
        /// Postgres URL with the role that owns the schema.
        #[arg(long, env = "GUANXI_OWNER_DATABASE_URL", hide_env_values = true)]
        owner_database_url: String,
    },
    /// Ask a serving process whether it is well: exit code 0 if it is.
    Healthcheck {
        /// Address of the process.
        #[arg(long, env = "GUANXI_LISTEN", default_value = "127.0.0.1:50053")]
        address: std::net::SocketAddr,
    },
}

fn main() -> ExitCode {
    match guanxi_grpc::block_on(run(Arguments::parse().command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => guanxi_telemetry::report(error.as_ref()),
    }
}

async fn run(command: Command) -> Result<(), Box<dyn std::error::Error>> {
    match command {
        Command::Serve { settings, telemetry } => {
            let guard = guanxi_telemetry::init("opportunity-pipeline", &telemetry)?;
            opportunity_pipeline::serve(&settings, None, guanxi_grpc::stop_signal()?).await?;
            Ok(guard.shutdown()?)
        }
        Command::Migrate { owner_database_url } => {
            Ok(guanxi_db::migrate(&owner_database_url, &opportunity_pipeline::MIGRATOR).await?)
        }
        Command::Healthcheck { address } => Ok(guanxi_grpc::health_check(address).await?),
    }
}
