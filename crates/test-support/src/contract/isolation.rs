//! What the roles of the service may do in the database, and nothing beyond.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use super::Subject;
use crate::rows;

/// The SQLSTATE of a refusal.
async fn refusal(connection: &mut PgConnection, sql: &str) -> String {
    let outcome = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(connection).await;
    let error = outcome.err().unwrap_or_else(|| panic!("allowed: {sql}"));
    error.as_database_error().unwrap().code().unwrap().into_owned()
}

const FORBIDDEN: &str = "42501";

/// A database in which another service has a schema with a table.
async fn with_neighbour<S: Subject>() -> S {
    let service = S::start().await;
    let mut admin = service.database.admin().await;
    for sql in [
        "create schema neighbour",
        "create table neighbour.house (id integer primary key, name text)",
        "insert into neighbour.house values (1, 'x')",
        "create function neighbour.secret() returns text language sql as 'select name from neighbour.house'",
    ] {
        rows(&mut admin, sql).await;
    }
    service
}

/// A schema is nobody else's.
pub async fn both_roles_are_refused_on_any_other_schema<S: Subject>() {
    let service = with_neighbour::<S>().await;
    for url in [service.database.service_url(), service.database.owner_url()] {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        for sql in [
            "select * from neighbour.house",
            "insert into neighbour.house values (2, 'y')",
            "update neighbour.house set name = 'y'",
            "delete from neighbour.house",
            "truncate neighbour.house",
            "select neighbour.secret()",
            "create table neighbour.mine (id integer)",
            "create table public.mine (id integer)",
            "alter schema neighbour rename to mine",
            "drop schema neighbour cascade",
            "copy neighbour.house to stdout",
            "set role guanxi_admin",
            "create role intruder",
        ] {
            assert_eq!(refusal(&mut connection, sql).await, FORBIDDEN, "{sql} by {url}");
        }
    }
}

/// The service cannot do what only its owner may.
pub async fn the_service_can_neither_rewrite_its_history_nor_change_its_schema<S: Subject>() {
    let service = with_neighbour::<S>().await;
    let mut connection = PgConnection::connect(&service.database.service_url()).await.unwrap();
    let mut admin = service.database.admin().await;
    let (schema, head) = (service.database.schema(), service.head().await);
    let allowed = |table: &str, right: &str| {
        let rights = S::RIGHTS.iter().find(|(known, _)| *known == table);
        rights.is_some_and(|(_, rights)| rights.split(' ').any(|one| one == right))
    };
    // This is not refused, it does nothing.
    rows(&mut connection, format!("grant delete on {schema}.event to {schema}_service")).await;
    let columns = format!(
        "select relname::text, attname::text from pg_class join pg_attribute on attrelid = pg_class.oid \
         where relnamespace = '{schema}'::regnamespace and relkind = 'r' and attnum = 1"
    );
    for row in rows(&mut admin, columns).await {
        let (table, column): (String, String) = (row.get(0), row.get(1));
        for (right, sql) in [
            ("INSERT", format!("insert into {schema}.{table} default values")),
            ("UPDATE", format!("update {schema}.{table} set {column} = default")),
            ("DELETE", format!("delete from {schema}.{table}")),
            ("TRUNCATE", format!("truncate {schema}.{table} cascade")),
        ] {
            if !allowed(&table, right) {
                assert_eq!(refusal(&mut connection, &sql).await, FORBIDDEN, "{sql}");
            }
        }
    }
    // Only an owner of a table may change it, which is a refusal of another name for some statements.
    for sql in [
        "set role {schema}_owner",
        "create schema mine",
        "create table {schema}.mine (id integer)",
        "create function {schema}.mine() returns integer language sql as 'select 1'",
        "alter table {schema}.event add column note text",
        "alter table {schema}.event disable trigger all",
        "create index on {schema}.event (actor)",
        "create rule hide as on insert to {schema}.event do instead nothing",
        "drop table {schema}.event",
        "drop index {schema}.event_pkey",
        "alter table {schema}.event owner to {schema}_service",
    ] {
        let sql = sql.replace("{schema}", schema);
        assert_eq!(refusal(&mut connection, &sql).await, FORBIDDEN, "{sql}");
    }
    let kept = rows(&mut admin, format!("select from {schema}.event")).await;
    assert_eq!(i64::try_from(kept.len()), Ok(head));
}

/// The rights are those of [`Subject::RIGHTS`].
pub async fn the_rights_of_the_service_are_these_and_no_others<S: Subject>() {
    let service = with_neighbour::<S>().await;
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
    let schema = service.database.schema();
    let expected: BTreeMap<String, String> =
        S::RIGHTS.iter().map(|(table, rights)| (format!("{schema}.{table}"), (*rights).to_owned())).collect();
    assert_eq!(granted, expected);
    let schemas = rows(
        &mut connection,
        "select nspname::text from pg_namespace where has_schema_privilege(oid, 'usage') and nspname !~ '^pg_' \
         and nspname <> 'information_schema' order by 1",
    )
    .await;
    assert_eq!(schemas.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>(), [schema, "public"]);
    let limits = rows(
        &mut connection,
        "select current_setting('statement_timeout'), current_setting('lock_timeout'), \
         current_setting('idle_in_transaction_session_timeout'), current_setting('timezone')",
    )
    .await;
    let limits: Vec<String> = (0..4).map(|column| limits[0].get(column)).collect();
    assert_eq!(limits, ["1min", "20s", "5s", "UTC"]);
}
