//! What the roles of the service may do in the database, and nothing beyond.

use std::collections::BTreeMap;

use guanxi_db::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row};

use crate::support::{Service, named, rows};

/// The SQLSTATE of a refusal.
async fn refusal(connection: &mut PgConnection, sql: &str) -> String {
    let outcome = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(connection).await;
    let error = outcome.err().unwrap_or_else(|| panic!("allowed: {sql}"));
    error.as_database_error().unwrap().code().unwrap().into_owned()
}

const FORBIDDEN: &str = "42501";

/// A database in which another service has a schema with a table.
async fn with_neighbour() -> Service {
    let service = Service::with_tree().await;
    service.account(named("样例", "440305")).await.unwrap();
    let mut admin = service.database.admin().await;
    for sql in [
        "create schema offering_catalog",
        "create table offering_catalog.offering (id integer primary key, name text)",
        "insert into offering_catalog.offering values (1, 'x')",
        "create function offering_catalog.secret() returns text language sql as 'select name from offering_catalog.offering'",
    ] {
        rows(&mut admin, sql).await;
    }
    service
}

#[tokio::test]
async fn both_roles_are_refused_on_any_other_schema() {
    let service = with_neighbour().await;
    for url in [service.database.service_url(), service.database.owner_url()] {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        for sql in [
            "select * from offering_catalog.offering",
            "insert into offering_catalog.offering values (2, 'y')",
            "update offering_catalog.offering set name = 'y'",
            "delete from offering_catalog.offering",
            "truncate offering_catalog.offering",
            "select offering_catalog.secret()",
            "create table offering_catalog.mine (id integer)",
            "create table public.mine (id integer)",
            "alter schema offering_catalog rename to mine",
            "drop schema offering_catalog cascade",
            "copy offering_catalog.offering to stdout",
            "set role guanxi_admin",
            "create role intruder",
        ] {
            assert_eq!(refusal(&mut connection, sql).await, FORBIDDEN, "{sql} by {url}");
        }
    }
}

#[tokio::test]
async fn the_service_can_neither_rewrite_its_history_nor_change_its_schema() {
    let service = with_neighbour().await;
    let mut connection = PgConnection::connect(&service.database.service_url()).await.unwrap();
    // This is not refused, it does nothing.
    rows(&mut connection, "grant delete on client_registry.event to client_registry_service").await;
    for sql in [
        "update client_registry.event set actor = 'E9999'",
        "delete from client_registry.event",
        "truncate client_registry.event",
        "delete from client_registry.event_head",
        "insert into client_registry.event_head (id, position) values (2, 0)",
        "delete from client_registry.account",
        "truncate client_registry.account cascade",
        "delete from client_registry.account_tier_period",
        "delete from client_registry.assignment",
        "delete from client_registry.assignment_policy",
        "update client_registry.hand_over set reason = ''",
        "update client_registry.territory_level set rank = 1",
        "delete from client_registry._sqlx_migrations",
        "set role client_registry_owner",
        "create schema mine",
    ] {
        assert_eq!(refusal(&mut connection, sql).await, FORBIDDEN, "{sql}");
    }
    // Only an owner of a table may change it, which is a refusal of another name for some statements.
    for sql in [
        "create table client_registry.mine (id integer)",
        "create function client_registry.mine() returns integer language sql as 'select 1'",
        "alter table client_registry.event add column note text",
        "alter table client_registry.event disable trigger all",
        "create index on client_registry.event (actor)",
        "create rule hide as on insert to client_registry.event do instead nothing",
        "drop table client_registry.event",
        "drop index client_registry.event_pkey",
        "alter table client_registry.event owner to client_registry_service",
    ] {
        assert_eq!(refusal(&mut connection, sql).await, FORBIDDEN, "{sql}");
    }
    let mut admin = service.database.admin().await;
    assert_eq!(rows(&mut admin, "select from client_registry.event").await.len(), 7);
}

#[tokio::test]
async fn the_rights_of_the_service_are_these_and_no_others() {
    let service = with_neighbour().await;
    let mut connection = PgConnection::connect(&service.database.service_url()).await.unwrap();
    let granted = rows(
        &mut connection,
        "select nspname || '.' || relname, string_agg(right_, ' ' order by right_) \
         from pg_class join pg_namespace on pg_namespace.oid = relnamespace, \
         unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) as right_ \
         where relkind in ('r', 'p', 'v', 'm', 'f', 'S') and nspname not in ('pg_catalog', 'information_schema') \
         and case when relkind = 'S' then has_sequence_privilege(pg_class.oid, 'USAGE') \
         else has_table_privilege(pg_class.oid, right_) end group by 1",
    )
    .await;
    let granted: BTreeMap<String, String> = granted.iter().map(|row| (row.get(0), row.get(1))).collect();
    let expected = [
        ("account", "INSERT SELECT UPDATE"),
        ("account_external_id", "DELETE INSERT SELECT"),
        ("account_manager", "INSERT SELECT UPDATE"),
        ("account_tier_period", "INSERT SELECT UPDATE"),
        ("assignment", "INSERT SELECT UPDATE"),
        ("assignment_policy", "SELECT UPDATE"),
        ("event", "INSERT SELECT"),
        ("event_head", "SELECT UPDATE"),
        ("hand_over", "INSERT SELECT"),
        ("import", "INSERT SELECT UPDATE"),
        ("request", "DELETE INSERT SELECT UPDATE"),
        ("territory", "DELETE INSERT SELECT UPDATE"),
        ("territory_level", "SELECT"),
        ("territory_retired", "INSERT SELECT"),
        ("tree", "SELECT UPDATE"),
        ("vacancy", "DELETE INSERT SELECT UPDATE"),
    ];
    let expected = expected.map(|(table, rights)| (format!("client_registry.{table}"), rights.to_owned()));
    assert_eq!(granted, BTreeMap::from(expected));
    let schemas = rows(
        &mut connection,
        "select nspname::text from pg_namespace where has_schema_privilege(oid, 'usage') and nspname !~ '^pg_' \
         and nspname <> 'information_schema' order by 1",
    )
    .await;
    assert_eq!(schemas.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>(), ["client_registry", "public"]);
    let limits = rows(
        &mut connection,
        "select current_setting('statement_timeout'), current_setting('lock_timeout'), \
         current_setting('idle_in_transaction_session_timeout'), current_setting('timezone')",
    )
    .await;
    let limits: Vec<String> = (0..4).map(|column| limits[0].get(column)).collect();
    assert_eq!(limits, ["1min", "20s", "5s", "UTC"]);
}
