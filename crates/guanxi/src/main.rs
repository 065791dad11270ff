//! The operator's command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod call;
mod cluster;
mod demo;
mod export;
mod import;
mod query;
mod running;
mod serve;
mod service;
mod status;
mod terminal;
mod token;
mod up;
mod verify;
mod wording;

/// Guanxi (关系): enterprise accounts of a telecom operator. Start a cluster, look at it, bring data in and out.
#[derive(Parser)]
#[command(version, max_term_width = 100, after_help = START_HERE)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const START_HERE: &str = "\
Start here:
  guanxi up --demo      a cluster of your own with believable data, until Ctrl-C
  guanxi status         in another terminal: what runs, and where
  guanxi help COMMAND   everything about one command, with examples";

#[derive(Subcommand)]
enum Command {
    Up(up::Arguments),
    Status(status::Arguments),
    Token(token::Arguments),
    Import(import::Arguments),
    Export(export::Arguments),
    Query(query::Arguments),
    Call(call::Arguments),
    Verify(verify::Arguments),
    #[command(hide = true)]
    Serve(serve::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = guanxi_grpc::block_on(async {
        match arguments.command {
            Command::Up(arguments) => up::run(arguments).await,
            Command::Status(arguments) => status::run(arguments).await,
            Command::Token(arguments) => token::run(&arguments),
            Command::Import(arguments) => import::run(arguments).await,
            Command::Export(arguments) => export::run(arguments).await,
            Command::Query(arguments) => query::run(arguments).await,
            Command::Call(arguments) => call::run(arguments).await,
            Command::Verify(arguments) => verify::run(arguments).await,
            Command::Serve(arguments) => serve::run(arguments).await,
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<import::SomeRejected>() => ExitCode::from(2),
        Err(error) => guanxi_telemetry::report(error.as_ref()),
    }
}
