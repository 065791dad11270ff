//! A throw-away server for the process, and a database for each test.

use std::env;
use std::path::Path;
use std::process;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use guanxi_local_postgres::{Binaries, Durability, SUPERUSER, Server, StartOptions, default_cache};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let home = env::var_os("HOME");
    let binaries = Binaries::find(&default_cache(home.as_deref().map(Path::new)), &|_| ()).unwrap();
    let dir = env::temp_dir().join(format!("guanxi-filter-{}", process::id()));
    Server::start(&binaries, &StartOptions::new(dir, Durability::Throwaway)).unwrap()
});

static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The address of a new database.
pub(crate) async fn create() -> String {
    let name = format!("filter_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(&SERVER.url(SUPERUSER, "postgres")).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("create database {name}"))).execute(&mut connection).await.unwrap();
    SERVER.url(SUPERUSER, &name)
}
