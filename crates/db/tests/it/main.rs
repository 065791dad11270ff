//! Leases and request ids on a real database.
#![expect(clippy::unwrap_used, reason = "these are tests")]
#![expect(clippy::disallowed_methods, reason = "the tables of these tests are not those of a service")]

mod lease;
mod request;

use std::borrow::Cow;
use std::time::{Duration, Instant};

use guanxi_db::{Database, Settings};
use guanxi_test_support::TestDatabase;
use sqlx::migrate::Migrator;

const SCHEMA: &str = "guanxi_test";

static MIGRATOR: Migrator = Migrator { table_name: Cow::Borrowed("guanxi_test.migration"), ..Migrator::DEFAULT };

/// The connections of a process, and the database that they lead to.
struct Fixture {
    server: TestDatabase,
    database: Database,
}

impl Fixture {
    async fn new() -> Self {
        let server = TestDatabase::create(SCHEMA, &MIGRATOR).await;
        let tables = "create table guanxi_test.pair (number bigint not null); \
            create table guanxi_test.request (principal text not null, method text not null, request_id uuid not null, \
            digest bytea not null, resource_id uuid not null, create_time timestamptz not null, \
            constraint request_pkey primary key (principal, method, request_id)); \
            grant all on all tables in schema guanxi_test to guanxi_test_service";
        sqlx::raw_sql(tables).execute(&mut server.admin().await).await.unwrap();
        let settings =
            Settings { database_url: server.service_url(), owner_database_url: None, database_connections: 8 };
        let database = Database::connect(&settings, SCHEMA).await.unwrap();
        Self { server, database }
    }

    /// Number of statements of the service that run, and of its connections.
    async fn activity(&self) -> (i64, i64) {
        let found = sqlx::query_as(
            "select count(*) filter (where state <> 'idle'), count(*) from pg_stat_activity \
             where datname = current_database() and usename = 'guanxi_test_service'",
        );
        found.fetch_one(&mut self.server.admin().await).await.unwrap()
    }

    /// Waits until every lease is back and nothing runs.
    async fn settled(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.database.available() < 8 || self.activity().await.0 > 0 {
            assert!(
                Instant::now() < deadline,
                "{} leases free, {:?}",
                self.database.available(),
                self.activity().await
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
