//! `guanxi serve`: one service as this process. `guanxi up` starts these; nobody types it.

use std::error::Error;
use std::io;
use std::os::fd::AsFd as _;

use clap::Subcommand;
use guanxi_service::Serve;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;

/// Serve one service of the cluster until SIGTERM or Ctrl-C.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Stop also when standard input, a pipe, ends: whoever holds its other end may be gone without a word
    #[arg(long)]
    until_stdin_ends: bool,
    #[command(subcommand)]
    service: Service,
}

#[derive(Subcommand)]
enum Service {
    /// Who the customers are, where they belong and who looks after them.
    ClientRegistry(Serve<guanxi_service::Settings>),
    /// What can be sold, to whom and at what price.
    ProductCatalog(Serve<product_catalog::Settings>),
    /// From a hint to an accepted quote.
    OpportunityPipeline(Serve<opportunity_pipeline::Settings>),
    /// What was wanted and what happened.
    Kpi(Serve<kpi::Settings>),
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let signal = guanxi_grpc::stop_signal()?;
    let input = if arguments.until_stdin_ends { Some(standard_input()?) } else { None };
    let stop = async {
        tokio::select! {
            () = signal => {}
            () = end(input) => {}
        }
    };
    match arguments.service {
        Service::ClientRegistry(process) => {
            process.run("client-registry", async |settings| client_registry::serve(settings, None, stop).await).await
        }
        Service::ProductCatalog(process) => {
            process.run("product-catalog", async |settings| product_catalog::serve(settings, None, stop).await).await
        }
        Service::OpportunityPipeline(process) => {
            let serve = async |settings: &_| opportunity_pipeline::serve(settings, None, stop).await;
            process.run("opportunity-pipeline", serve).await
        }
        Service::Kpi(process) => process.run("kpi", async |settings| kpi::serve(settings, None, stop).await).await,
    }
}

/// Standard input without a thread that waits on it: such a thread would keep the process from ending.
fn standard_input() -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)
}

/// Resolves when the pipe ends or breaks; never without one.
async fn end(input: Option<pipe::Receiver>) {
    let Some(mut input) = input else { return std::future::pending().await };
    while matches!(input.read(&mut [0; 64]).await, Ok(1..)) {}
}
