//! Keys: whom a key set trusts to assert what, and the key that a service or the operator signs with.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use crate::caller::SERVICE_PREFIX;
use crate::{AUDIENCE, Grant};

/// A key or a key set cannot be made, read, written or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is read, but what it holds cannot be used.
    #[error("{path} {problem}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The library refuses.
    #[error("cannot make or use a key: {0}")]
    Crypto(String),
}

/// A public key as it stands in a key set: a JWK (RFC 7517; Ed25519 as in RFC 8037) with one private member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    #[serde(flatten)]
    jwk: Jwk,
    /// Kept as text: RFC 9864 renames `EdDSA` to `Ed25519`, which the library does not know yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    /// The only subject that the key may assert. A key without it asserts any subject but a service.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    guanxi_subject: Option<String>,
}

/// An absent member is no restriction, so a `null` must not pass for one.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

impl PublicKey {
    /// Name of the key in a key set and in the header of a token (`kid`): the one it was given, else its thumbprint
    /// (RFC 7638). None for a kind of key that is not supported.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        self.jwk.common.key_id.clone().or_else(|| self.jwk.thumbprint(ThumbprintHash::SHA256).ok())
    }

    /// The one algorithm that the key verifies; none if it is not for signatures or of a kind that is not supported.
    fn algorithm(&self) -> Option<Algorithm> {
        let algorithm = match &self.jwk.algorithm {
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
            AlgorithmParameters::RSA(_) => Algorithm::RS256,
            _ => return None,
        };
        let common = &self.jwk.common;
        let verifies = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature)
            && common.key_operations.as_ref().is_none_or(|allowed| allowed.contains(&KeyOperations::Verify))
            && self.alg.as_ref().is_none_or(|alg| names(algorithm).contains(&alg.as_str()));
        verifies.then_some(algorithm)
    }
}

/// What an algorithm is called in `alg` (RFC 7518, RFC 8037, RFC 9864).
fn names(algorithm: Algorithm) -> &'static [&'static str] {
    match algorithm {
        Algorithm::EdDSA => &["EdDSA", "Ed25519"],
        Algorithm::ES256 => &["ES256"],
        Algorithm::RS256 => &["RS256"],
        _ => &[],
    }
}

/// A key of a trusted set, ready to verify.
#[derive(Debug)]
pub(crate) struct TrustedKey {
    key: DecodingKey,
    algorithm: Algorithm,
    only_subject: Option<String>,
}

impl TrustedKey {
    /// None for a key that is not supported; RFC 7517, section 5, wants such keys ignored.
    fn new(public: &PublicKey) -> Option<Self> {
        let algorithm = public.algorithm()?;
        let key = DecodingKey::from_jwk(&public.jwk).ok()?;
        // Refuses parameters of the wrong length, which would otherwise show only as signatures that never fit.
        Jwk::from_decoding_key(&key, None).ok()?;
        Some(Self { key, algorithm, only_subject: public.guanxi_subject.clone() })
    }

    /// True if this key signed the message. The algorithm is the key's; the header may only agree with it.
    pub(crate) fn verifies(&self, alg: &str, message: &str, signature: &str) -> bool {
        names(self.algorithm).contains(&alg)
            && jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.key, self.algorithm).unwrap_or(false)
    }

    /// True if the key may say that the bearer is this subject.
    pub(crate) fn may_assert(&self, subject: &str) -> bool {
        match &self.only_subject {
            Some(only) => only == subject,
            None => !subject.starts_with(SERVICE_PREFIX),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct KeySetFile {
    keys: Vec<PublicKey>,
}

/// The keys of a JWK set (RFC 7517, section 5) by their ids, or what is wrong with it.
///
/// Keys of an unknown kind or for encryption are passed over, as identity systems publish all sorts; shared secrets
/// are among them. Two keys with one id, or no usable key at all, make the set unusable.
pub(crate) fn read_key_set(content: &[u8]) -> Result<HashMap<String, TrustedKey>, String> {
    let file: KeySetFile = serde_json::from_slice(content).map_err(|error| format!("is no JWK set: {error}"))?;
    let mut trusted = HashMap::new();
    for public in &file.keys {
        let Some((id, key)) = public.id().zip(TrustedKey::new(public)) else {
            tracing::info!(key.id = public.id(), "passed over a key that is not an Ed25519, P-256 or RSA signing key");
            continue;
        };
        if trusted.insert(id.clone(), key).is_some() {
            return Err(format!("has two keys with the id `{id}`"));
        }
    }
    if trusted.is_empty() { Err("has no Ed25519, P-256 or RSA key for signatures".to_owned()) } else { Ok(trusted) }
}

/// Writes a JWK set. Readers see the old file or the new one, never half of one.
pub fn write_key_set(path: &Path, keys: &[PublicKey]) -> Result<(), KeyError> {
    let content = serde_json::to_vec_pretty(&KeySetFile { keys: keys.to_vec() });
    let content = content.map_err(|error| KeyError::Crypto(error.to_string()))?;
    let new = path.with_extension(format!("{}.new", std::process::id()));
    fs::write(&new, content).and_then(|()| fs::rename(&new, path)).map_err(|source| file_error(path, source))
}

fn file_error(path: &Path, source: io::Error) -> KeyError {
    KeyError::File { path: path.to_owned(), source }
}

/// What a token is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// Whom the token speaks for: an employee number or `service:<name>` (`sub`).
    pub subject: String,
    /// What the subject is granted (`grants`).
    pub grants: Vec<Grant>,
    /// Who says so (`iss`).
    pub issuer: String,
    /// How long the token is valid; whole seconds count.
    pub ttl: Duration,
}

/// A private Ed25519 key that signs tokens (RFC 8037).
///
/// `Debug` does not show it.
#[derive(Clone, Debug)]
pub struct SigningKey {
    encoding: EncodingKey,
    public: Jwk,
    id: String,
}

impl SigningKey {
    /// A new key.
    pub fn generate() -> Result<Self, KeyError> {
        // Version 1 of PKCS#8: what openssl writes, and what it can read.
        let document = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new());
        let document = document.map_err(|_| KeyError::Crypto("no randomness".to_owned()))?;
        Self::from_encoding(EncodingKey::from_ed_der(document.as_ref())).map_err(KeyError::Crypto)
    }

    /// Reads a key from a PEM file (PKCS#8 version 1, as by `openssl genpkey -algorithm ed25519`).
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let pem = fs::read(path).map_err(|source| file_error(path, source))?;
        let encoding = EncodingKey::from_ed_pem(&pem).map_err(|error| error.to_string());
        encoding.and_then(Self::from_encoding).map_err(|problem| KeyError::Content {
            path: path.to_owned(),
            problem: format!("is no Ed25519 private key in PEM: {problem}"),
        })
    }

    /// Writes the key to a new PEM file that only its owner can read. An existing file is left as it is, with an error
    /// of the kind `AlreadyExists`: whoever overwrites a key cannot sign with it any more.
    pub fn save(&self, path: &Path) -> Result<(), KeyError> {
        let body = STANDARD.encode(self.encoding.as_bytes());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let written = file.and_then(|mut file| file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()));
        written.map_err(|source| file_error(path, source))
    }

    fn from_encoding(encoding: EncodingKey) -> Result<Self, String> {
        let mut public = Jwk::from_encoding_key(&encoding, Algorithm::EdDSA).map_err(|error| error.to_string())?;
        let id = public.thumbprint(ThumbprintHash::SHA256).map_err(|error| error.to_string())?;
        public.common.key_algorithm = None;
        public.common.key_id = Some(id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { encoding, public, id })
    }

    /// The public half for a key set, which may assert only the given subject, or any but a service's if none is given.
    #[must_use]
    pub fn public_key(&self, only_subject: Option<&str>) -> PublicKey {
        let guanxi_subject = only_subject.map(str::to_owned);
        PublicKey { jwk: self.public.clone(), alg: Some("EdDSA".to_owned()), guanxi_subject }
    }

    /// Signs a token for the audience [`AUDIENCE`], issued now (RFC 7519).
    ///
    /// Whether the key may say what it says is decided by whoever verifies the token.
    pub fn sign(&self, request: &TokenRequest, now: OffsetDateTime) -> Result<String, KeyError> {
        let issued = now.unix_timestamp();
        let grants = request.grants.iter();
        let claims = json!({
            "iss": request.issuer,
            "aud": AUDIENCE,
            "sub": request.subject,
            "iat": issued,
            "exp": issued.saturating_add(request.ttl.whole_seconds()),
            "grants": grants.map(|grant| json!({"role": grant.role.name(), "territory": grant.territory_code}))
                .collect::<Vec<_>>(),
        });
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.id.clone());
        jsonwebtoken::encode(&header, &claims, &self.encoding).map_err(|error| KeyError::Crypto(error.to_string()))
    }
}
