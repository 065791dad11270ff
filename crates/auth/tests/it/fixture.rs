//! A key file with the identity system's key and one of the service `kpi`, and a verifier that trusts it.

use std::fs;
use std::path::{Path, PathBuf};

use guanxi_auth::{AUDIENCE, Grant, Role, SigningKey, TokenRequest, Verifier, write_key_set};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-22 08:00 UTC);
pub(crate) const ISSUER: &str = "https://identity.example";

/// An empty folder of the test's own.
pub(crate) fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("auth").join(test);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

pub(crate) fn request(subject: &str) -> TokenRequest {
    let grants = vec![
        Grant { role: Role::AccountManager, territory_code: "440305".to_owned() },
        Grant { role: Role::Auditor, territory_code: "*".to_owned() },
    ];
    TokenRequest { subject: subject.to_owned(), grants, issuer: ISSUER.to_owned(), ttl: Duration::hours(8) }
}

/// The same for a machine, which has its one role.
pub(crate) fn machine(subject: &str) -> TokenRequest {
    let grants = vec![Grant { role: Role::Service, territory_code: "*".to_owned() }];
    TokenRequest { grants, ..request(subject) }
}

/// The claims of an acceptable token, to be spoiled.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "10023",
        "iat": NOW.unix_timestamp(),
        "exp": NOW.unix_timestamp() + 3600,
        "grants": [{"role": "analyst", "territory": "440000"}],
    })
}

pub(crate) struct Fixture {
    pub(crate) folder: PathBuf,
    pub(crate) key_file: PathBuf,
    pub(crate) person: SigningKey,
    pub(crate) kpi: SigningKey,
    pub(crate) verifier: Verifier,
}

impl Fixture {
    pub(crate) fn new(test: &str) -> Self {
        let folder = folder(test);
        let key_file = folder.join("keys.json");
        let person = SigningKey::generate().unwrap();
        let kpi = SigningKey::generate().unwrap();
        write_key_set(&key_file, &[person.public_key(None), kpi.public_key(Some("service:kpi"))]).unwrap();
        let verifier = Verifier::from_file(&key_file, AUDIENCE, vec![ISSUER.to_owned()]).unwrap();
        Self { folder, key_file, person, kpi, verifier }
    }

    /// A good token of the identity system.
    pub(crate) fn token(&self) -> String {
        self.person.sign(&request("10023"), NOW).unwrap()
    }

    /// Any claims, signed by the identity system.
    pub(crate) fn signed(&self, claims: &Value) -> String {
        let id = self.person.public_key(None).id();
        self.signed_as(&Header { kid: id, ..Header::new(Algorithm::EdDSA) }, claims)
    }

    /// Any claims under any header, signed with the identity system's key.
    pub(crate) fn signed_as(&self, header: &Header, claims: &Value) -> String {
        let pem = self.folder.join("person.pem");
        if !pem.exists() {
            self.person.save(&pem).unwrap();
        }
        encode(header, claims, &EncodingKey::from_ed_pem(&fs::read(pem).unwrap()).unwrap()).unwrap()
    }
}
