//! Keys and tokens of a test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use guanxi_auth::{Grant, PublicKey, Role, SERVICE_PREFIX, SigningKey, TokenRequest, write_key_set};
use time::{Duration, OffsetDateTime};
use tonic::Request;

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A key that may assert people, one that may assert `service:kpi` only, those of further services, and the file that says so.
pub struct Keys {
    people: SigningKey,
    service: SigningKey,
    further: Mutex<Vec<PublicKey>>,
    folder: PathBuf,
}

impl Keys {
    /// Makes new keys.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it writes a file")]
    pub fn new() -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("guanxi-keys-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let keys = Self {
            people: SigningKey::generate().unwrap(),
            service: SigningKey::generate().unwrap(),
            further: Mutex::default(),
            folder,
        };
        keys.trust_people(true);
        keys
    }

    /// Puts the key of people into the file of trusted keys, or takes it out.
    pub fn trust_people(&self, trusted: bool) {
        let people = trusted.then(|| self.people.public_key(None));
        let service = self.service.public_key(Some("service:kpi"));
        let further = self.further.lock().unwrap().clone();
        write_key_set(&self.jwks(), &people.into_iter().chain([service]).chain(further).collect::<Vec<_>>()).unwrap();
    }

    /// A file with a new key of a service, which is trusted to assert this service.
    #[must_use]
    pub fn of_service(&self, name: &str) -> PathBuf {
        let (key, path) = (SigningKey::generate().unwrap(), self.folder.join(format!("{name}.pem")));
        key.save(&path).unwrap();
        self.further.lock().unwrap().push(key.public_key(Some(&format!("{SERVICE_PREFIX}{name}"))));
        self.trust_people(true);
        path
    }

    /// The file of trusted keys.
    #[must_use]
    pub fn jwks(&self) -> PathBuf {
        self.folder.join("jwks.json")
    }

    /// Settings of a service that trusts these keys, at whatever address it is given.
    #[must_use]
    pub fn settings(&self) -> guanxi_grpc::Settings {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        guanxi_grpc::Settings { listen, jwks: self.jwks(), max_calls: 512, max_streams: 2_000 }
    }

    /// A token of a person for an hour.
    #[must_use]
    pub fn token(&self, subject: &str, grants: &[(Role, &str)]) -> String {
        sign(&self.people, subject, grants, Duration::hours(1))
    }

    /// A token that expired a minute ago.
    #[must_use]
    pub fn expired_token(&self, subject: &str, grants: &[(Role, &str)]) -> String {
        sign(&self.people, subject, grants, Duration::minutes(-1))
    }

    /// A token signed with the key of `service:kpi`, whoever it asserts.
    #[must_use]
    pub fn service_token(&self, subject: &str, grants: &[(Role, &str)]) -> String {
        sign(&self.service, subject, grants, Duration::hours(1))
    }

    /// Where the files are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

fn sign(key: &SigningKey, subject: &str, grants: &[(Role, &str)], ttl: Duration) -> String {
    let grants = grants.iter().map(|(role, code)| Grant { role: *role, territory_code: (*code).to_owned() }).collect();
    let request = TokenRequest { subject: subject.to_owned(), grants, issuer: "test".to_owned(), ttl };
    key.sign(&request, OffsetDateTime::now_utc()).unwrap()
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A request with a token, in English.
pub fn with_token<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request.metadata_mut().insert("accept-language", "en".parse().unwrap());
    request
}
