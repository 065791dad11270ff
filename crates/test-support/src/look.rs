//! Looking: at refusals, into a database, again and again.

use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row as _};
use tonic::Status;
use tonic_types::StatusExt as _;

/// The reason of a refusal.
#[must_use]
pub fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}")).reason.clone()
}

/// Field and reason of every violation, be it of a field or of a precondition.
#[must_use]
pub fn violations(status: &Status) -> Vec<(String, String)> {
    let details = status.get_error_details();
    if let Some(unmet) = details.precondition_failure() {
        return unmet.violations.iter().map(|unmet| (unmet.subject.clone(), unmet.r#type.clone())).collect();
    }
    let violations = &details.bad_request().unwrap_or_else(|| panic!("no BadRequest: {status:?}")).field_violations;
    violations.iter().map(|violation| (violation.field.clone(), violation.reason.clone())).collect()
}

/// A value of the metadata of a refusal.
#[must_use]
pub fn metadata(status: &Status, name: &str) -> Option<String> {
    status.get_error_details().error_info()?.metadata.get(name).cloned()
}

/// The rows of a statement with which a test looks for itself.
pub async fn rows(connection: &mut PgConnection, sql: impl Into<String>) -> Vec<PgRow> {
    let sql = sql.into();
    let outcome = sqlx::raw_sql(AssertSqlSafe(sql.clone())).fetch_all(connection).await;
    outcome.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// The number that a statement gives.
pub async fn number(connection: &mut PgConnection, sql: impl Into<String>) -> i64 {
    rows(connection, sql).await[0].get(0)
}

/// Asks again until the answer is yes.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
