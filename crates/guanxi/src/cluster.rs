//! Where a cluster is: its folder, its ports, its keys; and how a command gets a channel and a token to talk to it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use guanxi_auth::{EVERYWHERE, Grant, Role, SigningKey, TokenRequest};
use time::OffsetDateTime;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};

use crate::running::Running;
use crate::service::Service;

/// The first port where nobody chooses another.
pub(crate) const PORT_BASE: u16 = 50051;
/// Who made the tokens of this command line (`iss`).
const ISSUER: &str = "guanxi-cli";
/// Whom a command speaks for when nobody says otherwise.
pub(crate) const OPERATOR: &str = "operator";
/// A listener on this machine answers at once; another cluster may be a continent away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Flags that every command takes to find a cluster of this machine.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Which cluster")]
pub(crate) struct Place {
    /// Folder with the cluster's data, keys and logs [default: /var/lib/guanxi/default for root, else
    /// $XDG_DATA_HOME/guanxi or ~/.local/share/guanxi]
    #[arg(long, env = "GUANXI_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// First of the cluster's ports on 127.0.0.1: client-registry listens on it, product-catalog, opportunity-pipeline
    /// and kpi on the three after [default: the port of the cluster that runs in the folder, else 50051]
    #[arg(long, env = "GUANXI_PORT_BASE", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=65_000))]
    pub(crate) port_base: Option<u16>,
}

/// Flags of the commands that talk to a cluster, on this machine or elsewhere.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Which cluster")]
pub(crate) struct Target {
    #[command(flatten)]
    pub(crate) place: Place,
    /// URL of client-registry in another cluster, for example http://registry.internal:50051
    /// [default: the cluster of --port-base]
    #[arg(long, env = "GUANXI_ENDPOINT", value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// URL of product-catalog in another cluster, for what belongs to the catalog, for example http://catalog.internal:50052
    /// [default: the cluster of --port-base]
    #[arg(long, env = "GUANXI_PRODUCT_CATALOG", value_name = "URL")]
    pub(crate) product_catalog: Option<String>,
    /// URL of opportunity-pipeline in another cluster, for what belongs to opportunities, for example http://pipeline.internal:50053
    /// [default: the cluster of --port-base]
    #[arg(long, env = "GUANXI_OPPORTUNITY_PIPELINE", value_name = "URL")]
    pub(crate) opportunity_pipeline: Option<String>,
    /// URL of kpi in another cluster, for what belongs to figures, for example http://kpi.internal:50054
    /// [default: the cluster of --port-base]
    #[arg(long, env = "GUANXI_KPI", value_name = "URL")]
    pub(crate) kpi: Option<String>,
    /// Token to call with; needed with the URL of another cluster [default: a short-lived administrator's, signed with the key in --data-dir]
    #[arg(long, env = "GUANXI_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

/// A cluster cannot be found or talked to. Each text says what to do next.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("no folder for the data: there is neither a home directory nor XDG_DATA_HOME. Say --data-dir DIR")]
    NoFolder,
    #[error("{} holds no key to sign with: start the cluster once with `guanxi up --data-dir {}`, or say --token TOKEN", .path.display(), .folder.display())]
    NoKey { path: PathBuf, folder: PathBuf },
    #[error("the key to sign with cannot be used")]
    Key(#[from] guanxi_auth::KeyError),
    #[error("the URL is that of another cluster, whose key is not here: say --token TOKEN or set GUANXI_TOKEN")]
    TokenNeeded,
    #[error("`{0}` is no URL of a service; one looks like http://127.0.0.1:50051")]
    Endpoint(String),
    #[error(
        "nothing answers at {endpoint}: start the cluster with `guanxi up`, or say which one with --port-base N or --endpoint URL"
    )]
    Unreachable { endpoint: String, source: tonic::transport::Error },
    #[error("the token has characters that no token has")]
    Token(#[from] tonic::metadata::errors::InvalidMetadataValue),
}

impl Place {
    /// The cluster's folder, there or not.
    pub(crate) fn resolve(&self) -> Result<PathBuf, Error> {
        if let Some(folder) = &self.data_dir {
            return std::path::absolute(folder).map_err(|_| Error::NoFolder);
        }
        if is_root() {
            return Ok(PathBuf::from("/var/lib/guanxi/default"));
        }
        let home = std::env::home_dir().filter(|home| home.is_absolute());
        let xdg = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
        let share = xdg.or_else(|| home.map(|home| home.join(".local/share")));
        share.map(|share| share.join("guanxi")).ok_or(Error::NoFolder)
    }

    /// Where a service listens.
    pub(crate) fn address(&self, service: Service) -> SocketAddr {
        let running = || self.resolve().ok().and_then(|folder| Running::read(&folder));
        let base = self.port_base.or_else(|| Some(running()?.port_base)).unwrap_or(PORT_BASE);
        SocketAddr::from((Ipv4Addr::LOCALHOST, base.saturating_add(service.number())))
    }

    /// URL of a service, for example `http://127.0.0.1:50051`.
    pub(crate) fn endpoint(&self, service: Service) -> String {
        format!("http://{}", self.address(service))
    }

    /// An administrator's token for the whole tree, signed with the key in the folder.
    pub(crate) fn token(&self, ttl: time::Duration) -> Result<String, Error> {
        let everything = Grant { role: Role::Administrator, territory_code: EVERYWHERE.to_owned() };
        self.token_for(OPERATOR, vec![everything], ttl)
    }

    /// A token for anybody, signed with the key in the folder.
    pub(crate) fn token_for(&self, subject: &str, grants: Vec<Grant>, ttl: time::Duration) -> Result<String, Error> {
        let folder = self.resolve()?;
        let path = people_key(&folder);
        if !path.exists() {
            return Err(Error::NoKey { path, folder });
        }
        let request = TokenRequest { subject: subject.to_owned(), grants, issuer: ISSUER.to_owned(), ttl };
        Ok(SigningKey::load(&path)?.sign(&request, OffsetDateTime::now_utc())?)
    }
}

impl Target {
    /// URL of a service in the cluster that is meant.
    pub(crate) fn endpoint(&self, service: Service) -> String {
        self.elsewhere(service).unwrap_or_else(|| self.place.endpoint(service))
    }

    /// The URL that was given for a service.
    fn elsewhere(&self, service: Service) -> Option<String> {
        given(match service {
            Service::ClientRegistry => self.endpoint.as_ref(),
            Service::ProductCatalog => self.product_catalog.as_ref(),
            Service::OpportunityPipeline => self.opportunity_pipeline.as_ref(),
            Service::Kpi => self.kpi.as_ref(),
        })
    }

    /// The token to call a service with: the one that was given, else an administrator's that is good for `ttl`.
    pub(crate) fn token(&self, service: Service, ttl: time::Duration) -> Result<String, Error> {
        match given(self.token.as_ref()) {
            Some(token) => Ok(token),
            None if self.elsewhere(service).is_some() && self.place.data_dir.is_none() => Err(Error::TokenNeeded),
            None => self.place.token(ttl),
        }
    }

    /// A channel to a service.
    pub(crate) async fn connect(&self, service: Service) -> Result<Channel, Error> {
        connect(&self.endpoint(service)).await
    }
}

/// Scripts pass an unset variable on as an empty one.
fn given(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).cloned()
}

/// Opens a channel. Fails with a next step where nothing listens.
pub(crate) async fn connect(endpoint: &str) -> Result<Channel, Error> {
    let no_endpoint = || Error::Endpoint(endpoint.to_owned());
    let parsed = Endpoint::from_shared(endpoint.to_owned()).map_err(|_| no_endpoint())?;
    if parsed.uri().scheme_str() != Some("http") || parsed.uri().authority().is_none() {
        return Err(no_endpoint());
    }
    let connected = parsed.connect_timeout(CONNECT_TIMEOUT).connect().await;
    connected.map_err(|source| Error::Unreachable { endpoint: endpoint.to_owned(), source })
}

/// A request with a token, whose answers' texts are wanted in English.
pub(crate) fn request<T>(message: T, token: &str) -> Result<tonic::Request<T>, Error> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert("authorization", MetadataValue::try_from(format!("Bearer {token}"))?);
    request.metadata_mut().insert("accept-language", MetadataValue::from_static("en"));
    Ok(request)
}

/// The file with the key that signs people's tokens.
pub(crate) fn people_key(folder: &Path) -> PathBuf {
    folder.join("keys/people.pem")
}

/// The file with the key that signs a service's own calls.
pub(crate) fn service_key(folder: &Path, service: Service) -> PathBuf {
    folder.join(format!("keys/{}.pem", service.name()))
}

/// The file with the public keys that the services trust.
pub(crate) fn key_set(folder: &Path) -> PathBuf {
    folder.join("keys/jwks.json")
}

/// True if we are root: what a process of ours owns in /proc says who it runs as.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
