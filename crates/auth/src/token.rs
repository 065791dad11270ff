//! What a bearer token is worth.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use time::{Duration, OffsetDateTime};

use crate::keys::{KeyError, TrustedKey, read_key_set};
use crate::memory::{Digest, Memory};
use crate::{EVERYWHERE, Grant, Principal, Role, SERVICE_PREFIX};

/// Whom tokens of the product are for (RFC 7519, `aud`).
pub const AUDIENCE: &str = "guanxi";

/// How far the issuer's clock may be ahead of ours. The end of a token allows no such leeway: it is a promise that
/// the bearer's access ends then.
const LEEWAY: Duration = Duration::seconds(30);

/// The length that OIDC allows a subject.
const MAX_SUBJECT: usize = 255;

/// Why a token is refused. Each variant has its published reason (`TOKEN_*`, `SUBJECT_FORBIDDEN`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is no token.
    #[error("no token was sent")]
    Missing,
    /// The token is no signed JWT, or its claims are not those that are needed here.
    #[error("the token is malformed: {problem}")]
    Malformed {
        /// What is wrong. Claims are judged only after the signature, so only a trusted key's token gets to hear it.
        problem: String,
    },
    /// The token's time is over or has not begun.
    #[error("the token has expired or is not valid yet")]
    Expired,
    /// No trusted key made the signature.
    #[error("no trusted key signed the token")]
    Untrusted,
    /// The key that made the signature may not assert this subject.
    #[error("the token's key may not assert the subject `{subject}`")]
    SubjectForbidden {
        /// The subject.
        subject: String,
    },
}

fn malformed(problem: impl Into<String>) -> TokenError {
    TokenError::Malformed { problem: problem.into() }
}

/// Verifies tokens against a key file (JWK set, RFC 7517), and follows the file when it changes.
#[derive(Debug)]
pub struct Verifier {
    path: PathBuf,
    audience: String,
    issuers: Vec<String>,
    trust: ArcSwap<Trust>,
    seen: Mutex<Seen>,
}

/// A key set and what was verified with it: a new set begins with nothing remembered.
#[derive(Debug)]
struct Trust {
    keys: HashMap<String, TrustedKey>,
    memory: Mutex<Memory>,
}

impl Trust {
    fn new(keys: HashMap<String, TrustedKey>) -> Self {
        Self { keys, memory: Mutex::default() }
    }
}

/// The key file when it was last looked at.
#[derive(Debug)]
struct Seen {
    second: i64,
    content: Result<Vec<u8>, ErrorKind>,
}

/// The header of a token (RFC 7515, section 4).
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

/// The claims of a token (RFC 7519, section 4, and `grants`).
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    sub: String,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    grants: Vec<GrantClaim>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct GrantClaim {
    role: String,
    territory: String,
}

impl Verifier {
    /// A verifier that trusts the keys in a file and accepts tokens for an audience (usually [`AUDIENCE`]) from the
    /// given issuers, or from any if none is given.
    pub fn from_file(
        path: impl Into<PathBuf>,
        audience: impl Into<String>,
        issuers: Vec<String>,
    ) -> Result<Self, KeyError> {
        let path = path.into();
        let content = fs::read(&path).map_err(|source| KeyError::File { path: path.clone(), source })?;
        let keys = read_key_set(&content).map_err(|problem| KeyError::Content { path: path.clone(), problem })?;
        let trust = ArcSwap::from_pointee(Trust::new(keys));
        let seen = Mutex::new(Seen { second: i64::MIN, content: Ok(content) });
        Ok(Self { path, audience: audience.into(), issuers, trust, seen })
    }

    /// What the bearer of a token may be taken for, at this instant.
    ///
    /// The signature of a token is checked once; until the token expires or the key file changes it is then known by
    /// its digest, and the same principal is answered. Refusals are not remembered.
    ///
    /// A changed key file takes effect within a second; while the new one cannot be used, the old keys stay and a
    /// warning is logged.
    pub fn verify(&self, token: &str, now: OffsetDateTime) -> Result<Arc<Principal>, TokenError> {
        let token = token.trim();
        if token.is_empty() {
            return Err(TokenError::Missing);
        }
        self.follow_file(now);
        let trust = self.trust.load();
        let memory = || trust.memory.lock().unwrap_or_else(PoisonError::into_inner);

        let digest = sha256(token);
        if let Some(principal) = memory().recall(&digest, now) {
            return Ok(principal);
        }
        let claims = trusted_claims(token, &trust.keys)?;
        let principal = Arc::new(self.accept(claims, now)?);
        memory().remember(digest, Arc::clone(&principal));
        Ok(principal)
    }

    /// How many tokens are remembered at the moment; at most 10,000.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.trust.load().memory.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Reads the key file again, at most once a second. The whole content is compared: it is small, and a time stamp
    /// misses a second change within the same tick of the clock.
    fn follow_file(&self, now: OffsetDateTime) {
        // Who finds the lock taken need not wait: somebody else is looking.
        let Ok(mut seen) = self.seen.try_lock() else { return };
        if seen.second == now.unix_timestamp() {
            return;
        }
        seen.second = now.unix_timestamp();
        let content = fs::read(&self.path).map_err(|error| error.kind());
        if content == seen.content {
            return;
        }
        let keys = content.as_deref().map_err(ToString::to_string).and_then(read_key_set);
        match keys {
            Ok(keys) => {
                tracing::info!(path = %self.path.display(), keys = keys.len(), "the key file changed");
                self.trust.store(Arc::new(Trust::new(keys)));
            }
            Err(problem) => {
                let path = self.path.display();
                tracing::warn!(%path, problem, "the key file changed and cannot be used; the old keys stay");
            }
        }
        seen.content = content;
    }

    /// Judges the claims of a token whose signature is good and whose key may assert its subject.
    fn accept(&self, claims: Claims, now: OffsetDateTime) -> Result<Principal, TokenError> {
        let for_us = match &claims.aud {
            Audience::One(audience) => *audience == self.audience,
            Audience::Several(audiences) => audiences.contains(&self.audience),
        };
        if !for_us {
            return Err(malformed(format!("the audience (aud) is not `{}`", self.audience)));
        }
        if !self.issuers.is_empty() && !self.issuers.contains(&claims.iss) {
            return Err(malformed(format!("tokens of the issuer (iss) `{}` are not accepted", claims.iss)));
        }
        if claims.sub.is_empty() || claims.sub.len() > MAX_SUBJECT || claims.sub.contains(char::is_control) {
            return Err(malformed(format!("the subject (sub) is not a text of 1 to {MAX_SUBJECT} bytes")));
        }
        let grants: Vec<Grant> = claims.grants.into_iter().map(grant).collect::<Result<_, _>>()?;
        // A machine's key signs for itself, so it must not make itself more than a machine.
        if claims.sub.starts_with(SERVICE_PREFIX) && grants.iter().any(|grant| grant.role != Role::Service) {
            return Err(TokenError::SubjectForbidden { subject: claims.sub });
        }
        let expire_time = instant("exp", claims.exp)?;
        let begins = [Some(instant("iat", claims.iat)?), claims.nbf.map(|nbf| instant("nbf", nbf)).transpose()?];
        if now >= expire_time || begins.into_iter().flatten().any(|begin| begin > now + LEEWAY) {
            return Err(TokenError::Expired);
        }
        Ok(Principal { subject: claims.sub, grants, expire_time })
    }
}

fn sha256(token: &str) -> Digest {
    let mut bytes = Digest::default();
    bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    bytes
}

/// The claims of a JWS in compact form (RFC 7515, section 7.1) that a key of the set signed and may assert.
fn trusted_claims(token: &str, keys: &HashMap<String, TrustedKey>) -> Result<Claims, TokenError> {
    let parts: Vec<&str> = token.split('.').collect();
    let &[header_part, claims_part, signature] = parts.as_slice() else {
        return Err(malformed("a signed JWT has three parts"));
    };
    let header: Header = decode("header", header_part)?;
    if header.crit.is_some() {
        return Err(malformed("the header demands extensions (crit) that are not supported"));
    }
    let message = &token[..header_part.len() + 1 + claims_part.len()];
    let key = header.kid.and_then(|id| keys.get(&id)).ok_or(TokenError::Untrusted)?;
    if !key.verifies(&header.alg, message, signature) {
        return Err(TokenError::Untrusted);
    }
    let claims: Claims = decode("claims", claims_part)?;
    if !key.may_assert(&claims.sub) {
        return Err(TokenError::SubjectForbidden { subject: claims.sub });
    }
    Ok(claims)
}

fn decode<T: DeserializeOwned>(name: &str, part: &str) -> Result<T, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|error| malformed(format!("{name}: {error}")))?;
    serde_json::from_slice(&json).map_err(|error| malformed(format!("{name}: {error}")))
}

fn grant(claim: GrantClaim) -> Result<Grant, TokenError> {
    let role = claim.role.parse().map_err(|error| malformed(format!("grants: {error}")))?;
    let code = claim.territory;
    let is_code = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if code != EVERYWHERE && !is_code {
        return Err(malformed(format!("grants: `{code}` is no territory code")));
    }
    Ok(Grant { role, territory_code: code })
}

/// A `NumericDate` (RFC 7519, section 2), which may have a fraction.
fn instant(claim: &str, seconds: f64) -> Result<OffsetDateTime, TokenError> {
    let since = Duration::checked_seconds_f64(seconds);
    let instant = since.and_then(|since| OffsetDateTime::UNIX_EPOCH.checked_add(since));
    instant.ok_or_else(|| malformed(format!("{claim} is no time")))
}
