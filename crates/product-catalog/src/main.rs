//! The service as a process of its own.

use std::process::ExitCode;

use guanxi_service::Program;

fn main() -> ExitCode {
    let program = Program {
        name: env!("CARGO_PKG_NAME"),
        about: env!("CARGO_PKG_DESCRIPTION"),
        address: "127.0.0.1:50052",
        migrator: &product_catalog::MIGRATOR,
    };
    program.main(async |settings: &product_catalog::Settings, stop| product_catalog::serve(settings, None, stop).await)
}
