//! Request ids: the same request sent twice takes effect once.

use sqlx::Row;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Database, Error, Transaction};

/// What identifies a request: an id means the same only for the same caller and method.
#[derive(Clone, Debug)]
pub struct RequestKey {
    /// Subject of the caller's token.
    pub principal: String,
    /// Full name of the method.
    pub method: &'static str,
    /// The `request_id` of the request.
    pub request_id: Uuid,
    /// SHA-256 over the request.
    pub digest: [u8; 32],
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The request is new: go on.
    First,
    /// The request took effect before, on this resource.
    Repeat(Uuid),
    /// The id was used for another request.
    Reused,
}

/// Statements over the table `request` of a schema.
#[derive(Clone, Copy)]
pub(crate) struct RequestStatements {
    claim: &'static str,
    find: &'static str,
    forget: &'static str,
}

impl RequestStatements {
    pub(crate) fn of(schema: &str) -> Self {
        // A key older than 7 days is as good as new; excluded.* because Citus takes no parameters in `do update`.
        let claim = format!(
            "insert into {schema}.request as known (principal, method, request_id, digest, resource_id, create_time) \
             values ($1, $2, $3, $4, $5, $6) \
             on conflict (principal, method, request_id) do update \
             set digest = excluded.digest, resource_id = excluded.resource_id, create_time = excluded.create_time \
             where known.create_time < excluded.create_time - interval '7 days' \
             returning resource_id"
        );
        let find = format!(
            "select digest, resource_id from {schema}.request where principal = $1 and method = $2 and request_id = $3"
        );
        let forget = format!(
            "delete from {schema}.request where (principal, method, request_id) in (select principal, method, request_id \
             from {schema}.request where create_time < $1 - interval '7 days' limit 10000)"
        );
        Self { claim: claim.leak(), find: find.leak(), forget: forget.leak() }
    }
}

impl Database {
    /// Deletes the keys that are older than 7 days, a few at a time; returns how many there were.
    #[expect(clippy::disallowed_methods, reason = "the statement carries the name of the service's schema")]
    pub async fn forget_requests(&self, now: OffsetDateTime) -> Result<u64, Error> {
        let mut forgotten = 0;
        loop {
            let mut connection = self.connection().await?;
            let statement = connection.requests().forget;
            let deleted = sqlx::query(statement).bind(now).execute(&mut *connection).await?.rows_affected();
            connection.release();
            forgotten += deleted;
            if deleted == 0 {
                return Ok(forgotten);
            }
        }
    }

    /// [`Database::forget_requests`] once an hour, for as long as the process lives.
    pub async fn keep_forgetting_requests(self) {
        loop {
            if let Err(error) = self.forget_requests(OffsetDateTime::now_utc()).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "old request ids were not forgotten");
            }
            tokio::time::sleep(std::time::Duration::from_hours(1)).await;
        }
    }
}

impl Transaction {
    /// Claims a request id for a change of `resource_id`, or says what the first request did. A simultaneous claim waits for the
    /// outcome of the first. Without a key every request is the first.
    #[expect(clippy::disallowed_methods, reason = "the statements carry the name of the service's schema")]
    pub async fn claim(
        &mut self,
        key: Option<&RequestKey>,
        resource_id: Uuid,
        now: OffsetDateTime,
    ) -> Result<Claim, Error> {
        let Some(key) = key else { return Ok(Claim::First) };
        let statements = self.requests();
        let claimed = sqlx::query(statements.claim)
            .bind(&key.principal)
            .bind(key.method)
            .bind(key.request_id)
            .bind(key.digest.as_slice())
            .bind(resource_id)
            .bind(now)
            .fetch_optional(&mut ***self)
            .await?;
        if claimed.is_some() {
            return Ok(Claim::First);
        }
        let known = sqlx::query(statements.find)
            .bind(&key.principal)
            .bind(key.method)
            .bind(key.request_id)
            .fetch_one(&mut ***self)
            .await?;
        let digest: Vec<u8> = known.try_get("digest")?;
        Ok(if digest == key.digest { Claim::Repeat(known.try_get("resource_id")?) } else { Claim::Reused })
    }
}
