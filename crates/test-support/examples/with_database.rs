//! Runs a command beside a throw-away Postgres on which the migrations of every service have run.
//!
//! `.ci/prepare` uses it to renew the answers of the checked SQL macros; it works from the migration files, because the services
//! themselves do not compile while those answers are out of date.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a tool of developers: what fails is said and ends it")]

use std::path::Path;
use std::process::{Command, ExitCode};
use std::str::FromStr;

use guanxi_local_postgres::{Binaries, Durability, SUPERUSER, Server, StartOptions, default_cache};
use sqlx::ConnectOptions;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: with_database COMMAND [ARGUMENT]...");
        return ExitCode::from(64);
    };
    let binaries =
        Binaries::find(&default_cache(std::env::home_dir().as_deref()), &|step| eprintln!("{step}")).unwrap();
    let folder = std::env::temp_dir().join(format!("guanxi-prepare-{}", std::process::id()));
    let server = Server::start(&binaries, &StartOptions::new(folder, Durability::Throwaway)).unwrap();
    let url = server.url(SUPERUSER, "postgres");
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap() {
        let folder = entry.unwrap().path();
        if folder.join("migrations").is_dir() {
            migrate(&server, &folder).await;
        }
    }
    let status = Command::new(program).args(arguments).env("GUANXI_PREPARE_DATABASE_URL", url).status().unwrap();
    server.stop().unwrap();
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn migrate(server: &Server, folder: &Path) {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap().replace('-', "_");
    let schema: &'static str = name.leak();
    let mut admin = PgConnectOptions::from_str(&server.url(SUPERUSER, "postgres")).unwrap().connect().await.unwrap();
    guanxi_db::provision(&mut admin, schema, None).await.unwrap();
    let migrator = guanxi_db::migrator(schema, &Migrator::new(folder.join("migrations")).await.unwrap());
    guanxi_db::migrate(&server.url(&format!("{schema}_owner"), "postgres"), &migrator).await.unwrap();
}
