//! The service as a process of its own.

use std::process::ExitCode;

use guanxi_service::Program;

fn main() -> ExitCode {
    let program = Program {
        name: env!("CARGO_PKG_NAME"),
        about: env!("CARGO_PKG_DESCRIPTION"),
        address: "127.0.0.1:50051",
        migrator: &client_registry::MIGRATOR,
    };
    program.main(async |settings: &guanxi_service::Settings, stop| client_registry::serve(settings, None, stop).await)
}
