//! The service as a process of its own.

use std::process::ExitCode;

use guanxi_service::Program;

fn main() -> ExitCode {
    let program = Program {
        name: env!("CARGO_PKG_NAME"),
        about: env!("CARGO_PKG_DESCRIPTION"),
        address: "127.0.0.1:50053",
        migrator: &opportunity_pipeline::MIGRATOR,
    };
    program.main(async |settings: &opportunity_pipeline::Settings, stop| {
        opportunity_pipeline::serve(settings, None, stop).await
    })
}
