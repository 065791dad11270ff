//! A service as a caller of other services, in its own name.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

use crate::{EVERYWHERE, Grant, KeyError, Role, SERVICE_PREFIX, SigningKey, TokenRequest};

/// How long a token is good.
const LIFE: Duration = Duration::hours(1);

/// Signs the tokens with which a service calls others for itself, not for a user: subject `service:<name>`, role `service`, everywhere.
pub struct ServiceIdentity {
    request: TokenRequest,
    key: SigningKey,
    newest: Mutex<Option<Token>>,
}

struct Token {
    text: String,
    renew_time: OffsetDateTime,
}

impl ServiceIdentity {
    /// Every token of an identity is good for at least this long when it is handed out.
    pub const AT_LEAST: Duration = Duration::minutes(30);

    /// The identity of the service of this name, for example `product-catalog`.
    #[must_use]
    pub fn new(name: &str, key: SigningKey) -> Self {
        let subject = format!("{SERVICE_PREFIX}{name}");
        let grants = vec![Grant { role: Role::Service, territory_code: EVERYWHERE.to_owned() }];
        let request = TokenRequest { issuer: subject.clone(), subject, grants, ttl: LIFE };
        Self { request, key, newest: Mutex::default() }
    }

    /// The same with the key in a PEM file.
    pub fn load(name: &str, key_file: &Path) -> Result<Self, KeyError> {
        Ok(Self::new(name, SigningKey::load(key_file)?))
    }

    /// The token to call with now: the newest one, or another before that one ends.
    pub fn token(&self, now: OffsetDateTime) -> Result<String, KeyError> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = newest.as_ref().filter(|token| now < token.renew_time) {
            return Ok(token.text.clone());
        }
        let text = self.key.sign(&self.request, now)?;
        *newest = Some(Token { text: text.clone(), renew_time: now + (LIFE - Self::AT_LEAST) });
        Ok(text)
    }
}
