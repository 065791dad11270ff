//! The service as a process of its own.

use std::process::ExitCode;

use guanxi_service::Program;

fn main() -> ExitCode {
    let program = Program {
        name: env!("CARGO_PKG_NAME"),
        about: env!("CARGO_PKG_DESCRIPTION"),
        address: "127.0.0.1:50054",
        migrator: &kpi::MIGRATOR,
    };
    program.main(async |settings: &kpi::Settings, stop| kpi::serve(settings, None, stop).await)
}
