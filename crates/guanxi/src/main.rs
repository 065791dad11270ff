//! The operator's command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod cluster;
mod export;
mod import;
mod serve;
mod status;
mod token;
mod up;

/// Guanxi (关系): enterprise accounts of a telecom operator. Start a cluster, look at it, bring data in and out.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Up(up::Arguments),
    Status(status::Arguments),
    Token(token::Arguments),
    Import(import::Arguments),
    Export(export::Arguments),
    #[command(hide = true)]
    Serve(serve::Arguments),
}

fn main() -> ExitCode {
    let outcome = guanxi_grpc::block_on(async {
        match Arguments::parse().command {
            Command::Up(arguments) => up::run(arguments).await,
            Command::Status(arguments) => status::run(arguments).await,
            Command::Token(arguments) => token::run(arguments),
            Command::Import(arguments) => import::run(arguments).await,
            Command::Export(arguments) => export::run(arguments).await,
            Command::Serve(arguments) => serve::run(arguments).await,
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => guanxi_telemetry::report(error.as_ref()),
    }
}
