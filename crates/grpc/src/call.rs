//! What a handler knows about the call that it serves.

use std::sync::Arc;

use guanxi_auth::{Caller, Principal, SERVICE_PREFIX, Scope, TerritoryPaths};
use guanxi_db::RequestKey;
use guanxi_proto::errors::v1::ErrorReason;
use prost::Message;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::time::Instant;
use tonic::Request;
use uuid::Uuid;

use crate::{Refusal, Violation};

/// A verified call: who, by which method, with which permission, when.
#[derive(Clone, Debug)]
pub struct Call {
    /// The verified caller.
    pub caller: Caller,
    /// Full name of the method, for example `guanxi.client_registry.v1.AccountService/GetAccount`.
    pub method: &'static str,
    /// The permission that the method asks for, and the caller has; empty where being known is enough.
    pub permission: &'static str,
    /// When the call arrived: the only clock that a handler reads.
    pub now: OffsetDateTime,
    /// W3C trace context of the call.
    pub traceparent: Option<String>,
    /// What the caller said who it is with, for calls to other services on its behalf: see [`crate::Peer::on_behalf`].
    pub token: BearerToken,
    /// When the handler's own time is over; `None` for a stream without an end.
    pub due: Option<Instant>,
}

/// A caller's token. Nothing shows it: whoever has it is the caller. The default is none, that of calls that nobody sent.
#[derive(Clone, Default)]
pub struct BearerToken(String);

impl BearerToken {
    /// The token without `Bearer` before it.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self(token.to_owned())
    }

    /// The value of the `authorization` of a request.
    pub(crate) fn authorization(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl std::fmt::Debug for BearerToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("BearerToken")
    }
}

impl Call {
    /// Takes a request apart into the call and its message.
    pub fn open<T>(request: Request<T>) -> Result<(Self, T), Refusal> {
        let (_metadata, mut extensions, message) = request.into_parts();
        // Absent only if a service were served without the chassis: then nothing is allowed.
        let call = extensions.remove::<Self>().ok_or_else(Refusal::internal)?;
        Ok((call, message))
    }

    /// A call that a service makes of itself, in its own name: at its start, or when a time is over. `service` is its name, for example
    /// `product-catalog`.
    #[must_use]
    pub fn own(service: &str, method: &'static str) -> Self {
        let now = now();
        let principal =
            Principal { subject: format!("{SERVICE_PREFIX}{service}"), grants: Vec::new(), expire_time: now };
        Self {
            caller: Caller { principal: Arc::new(principal) },
            method,
            permission: "",
            now,
            traceparent: None,
            token: BearerToken::default(),
            due: None,
        }
    }

    /// The employee number of the caller, or `service:<name>`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.caller.principal.subject
    }

    /// The territories in which the caller may use this method.
    #[must_use]
    pub fn scope(&self, paths: &TerritoryPaths) -> Scope {
        self.scope_of(self.permission, paths)
    }

    /// The territories in which the caller has another permission.
    #[must_use]
    pub fn scope_of(&self, permission: &str, paths: &TerritoryPaths) -> Scope {
        Scope::resolve(self.caller.territory_codes(permission), |code| paths.path_of(code))
    }

    /// The key under which a request is remembered; `None` where the caller sent no `request_id`.
    pub fn request_key(&self, request_id: &str, message: &impl Message) -> Result<Option<RequestKey>, Violation> {
        if request_id.is_empty() {
            return Ok(None);
        }
        let request_id = parse_id("request_id", request_id)?;
        Ok(Some(RequestKey {
            principal: self.subject().to_owned(),
            method: self.method,
            request_id,
            digest: Sha256::digest(message.encode_to_vec()).into(),
        }))
    }
}

/// The clock in microseconds: what Postgres keeps, so that an answer says what a later one will.
#[must_use]
pub fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_microsecond(now.microsecond()).unwrap_or(now)
}

/// Reads a UUID in its canonical form (RFC 9562).
pub fn parse_id(field: &str, text: &str) -> Result<Uuid, Violation> {
    if text.is_empty() {
        return Err(Violation::new(field, ErrorReason::Required));
    }
    match Uuid::try_parse(text) {
        Ok(id) if text.len() == 36 => Ok(id),
        _ => Err(Violation::new(field, ErrorReason::Format)
            .with("value", text)
            .with("expected", "UUID, 0192f0c1-2345-7abc-8def-0123456789ab")),
    }
}

/// The etag of a version, in the quotes of RFC 9110, section 8.8.3.
#[must_use]
pub fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// Refuses a change whose caller read another version; an empty etag fits every version.
pub fn check_etag(sent: &str, version: i64) -> Result<(), Refusal> {
    let current = etag(version);
    if sent.is_empty() || sent == current {
        return Ok(());
    }
    Err(Refusal::new(tonic::Code::Aborted, ErrorReason::EtagMismatch).with("value", sent).with("current", current))
}
