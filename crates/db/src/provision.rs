//! Roles, schemas and migrations.

use std::str::FromStr;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, SqlSafeStr};

use crate::Error;

/// Makes the two roles of a service and its schema, where they are not there yet: `<schema>_owner` migrates, `<schema>_service`
/// serves. `password` is for both; without one they can log in only where the server trusts the connection. `admin` must be allowed to
/// create roles and schemas. Safe to run again, and by several at once.
pub async fn provision(admin: &mut PgConnection, schema: &'static str, password: Option<&str>) -> Result<(), Error> {
    for (role, limits) in [("owner", ""), ("service", SERVICE_LIMITS)] {
        let role = format!("{schema}_{role}");
        tolerate_existing(admin, format!("create role {role} login")).await?;
        if let Some(password) = password {
            run(admin, format!("alter role {role} password {}", literal(password))).await?;
        }
        for limit in limits.split(';').filter(|limit| !limit.is_empty()) {
            run(admin, format!("alter role {role} set {limit}")).await?;
        }
    }
    // An administrator who is no superuser may hand a schema only to a role that it is a member of.
    run(admin, format!("grant {schema}_owner to current_user")).await?;
    let database: String = sqlx::query_scalar!("select current_database() as \"name!\"").fetch_one(&mut *admin).await?;
    run(admin, format!("grant connect, create on database {} to {schema}_owner", identifier(&database))).await?;
    run(admin, format!("grant connect on database {} to {schema}_service", identifier(&database))).await?;
    tolerate_existing(admin, format!("create schema {schema} authorization {schema}_owner")).await?;
    run(admin, format!("grant usage on schema {schema} to {schema}_service")).await
}

/// Backstops of the service's role: the deadline of a call ends its statements long before these. Its statements are short and many, so
/// no worker processes are started for one and none is compiled: either costs more than the whole statement.
const SERVICE_LIMITS: &str = "statement_timeout = '60s';lock_timeout = '20s';idle_in_transaction_session_timeout = '5s';\
    timezone = 'UTC';max_parallel_workers_per_gather = 0;jit = off";

/// The tables that every service has. Shipped: databases out there know its checksum, so a change is a further migration of each service.
const CHASSIS: &str = include_str!("chassis.sql");

/// The migrations of a service: as version 1 the tables that every service has, and then its own.
#[must_use]
pub fn migrator(schema: &'static str, own: &Migrator) -> Migrator {
    let chassis = AssertSqlSafe(CHASSIS.replace("{schema}", schema)).into_sql_str();
    let chassis = Migration::new(1, "chassis".into(), MigrationType::Simple, chassis, false);
    let mut migrator = Migrator::with_migrations(std::iter::once(chassis).chain(own.iter().cloned()).collect());
    migrator.create_schema(schema);
    migrator.dangerous_set_table_name(format!("{schema}._sqlx_migrations"));
    migrator
}

/// Runs the migrations of a service as the owner of its schema, under a lock.
pub async fn migrate(owner_url: &str, migrator: &Migrator) -> Result<(), sqlx::migrate::MigrateError> {
    let options = PgConnectOptions::from_str(owner_url)?;
    let mut connection = options.connect().await?;
    migrator.run(&mut connection).await
}

/// The URL of a role in a database, made from another URL of the same server.
pub fn role_url(url: &str, role: &str, password: Option<&str>) -> Result<String, Error> {
    let mut options = PgConnectOptions::from_str(url)?.username(role);
    if let Some(password) = password {
        options = options.password(password);
    }
    Ok(options.to_url_lossy().to_string())
}

async fn run(admin: &mut PgConnection, statement: String) -> Result<(), Error> {
    // Identifiers are ours and literals are quoted: nothing else goes into these statements.
    admin.execute(AssertSqlSafe(statement)).await?;
    Ok(())
}

async fn tolerate_existing(admin: &mut PgConnection, statement: String) -> Result<(), Error> {
    match run(admin, statement).await {
        Err(Error::Unexpected(sqlx::Error::Database(error)))
            if matches!(error.code().as_deref(), Some("42710" | "42P06")) =>
        {
            Ok(())
        }
        // Two that create the same at the same moment meet at the unique index of the catalogue.
        Err(Error::Constraint { name, .. }) if name.starts_with("pg_") => Ok(()),
        outcome => outcome,
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn identifier(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_migration_is_what_was_shipped() {
        let shipped = [
            (
                "client_registry",
                "fe6750f4e4c3f7171f8cef8add70d446540c1bceeb96f319bc4507d2b5efb6c7da2fde5a533abdc06f37ba5c1a59fe3d",
            ),
            (
                "product_catalog",
                "62b2d0b9fc32a53f58bd687d4f489b137e5a3870ba7c015eed375bdd06646b0d7718e055a26c311a321c7932fdeb7d32",
            ),
        ];
        for (schema, checksum) in shipped {
            let migrator = migrator(schema, &Migrator::DEFAULT);
            let [chassis] = migrator.iter().as_slice() else { panic!("{migrator:?}") };
            let found = chassis.checksum.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
            assert_eq!((chassis.version, &*chassis.description, &*found), (1, "chassis", checksum), "{schema}");
        }
    }
}
