//! Which other services a service calls.

use std::path::PathBuf;
use std::sync::Arc;

use guanxi_auth::ServiceIdentity;
use guanxi_grpc::{Peer, PeerError};

use crate::{CLIENT_REGISTRY, Error};

/// Settings of a service that calls others: where client-registry is, whose territories every other service follows, and the key to
/// call with. A further service has a flag with its name, and a variable to match, among the settings of its caller.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Settings {
    /// URL of client-registry, for example http://client-registry:50051, whose territories are followed; without it the copy of
    /// them stays as it is.
    #[arg(long, env = "GUANXI_CLIENT_REGISTRY", value_name = "URL")]
    pub client_registry: Option<String>,
    /// File with the service's own private key (Ed25519, PEM), which signs its calls to other services; needed with
    /// --client-registry.
    #[arg(long, env = "GUANXI_SERVICE_KEY", value_name = "FILE")]
    pub service_key: Option<PathBuf>,
}

/// The settings do not say how to call another service.
#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error("--{0} (GUANXI_{variable}) needs --service-key (GUANXI_SERVICE_KEY) to call with", variable = variable(.0))]
    Key(&'static str),
    #[error(transparent)]
    Peer(#[from] PeerError),
}

fn variable(flag: &str) -> String {
    flag.replace('-', "_").to_uppercase()
}

impl From<Missing> for Error {
    fn from(missing: Missing) -> Self {
        Self::Assemble(missing.into())
    }
}

impl Settings {
    /// The service that has the tree of territories, as the service `name` calls it; `None` where the settings do not name it.
    pub fn client_registry(&self, name: &str) -> Result<Option<Peer>, Error> {
        self.peer(name, CLIENT_REGISTRY, self.client_registry.as_deref())
    }

    /// The service `peer` at the URL of the flag with its name, as the service `name` calls it; `None` without a URL.
    pub fn peer(&self, name: &str, peer: &'static str, url: Option<&str>) -> Result<Option<Peer>, Error> {
        // Compose files pass an unset variable on as an empty one.
        let Some(url) = url.filter(|url| !url.is_empty()) else { return Ok(None) };
        let key = self.service_key.as_deref().filter(|file| !file.as_os_str().is_empty()).ok_or(Missing::Key(peer))?;
        let identity = ServiceIdentity::load(name, key).map_err(|error| Missing::Peer(error.into()))?;
        Ok(Some(Peer::at(url, Arc::new(identity)).map_err(Missing::Peer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_without_a_key_is_told_what_to_give() {
        let settings = Settings { service_key: Some(PathBuf::new()), ..Settings::default() };
        let error = settings.peer("opportunity-pipeline", "product-catalog", Some("http://here:1")).err().unwrap();
        let Error::Assemble(cause) = error else { panic!("{error}") };
        let said = "--product-catalog (GUANXI_PRODUCT_CATALOG) needs --service-key (GUANXI_SERVICE_KEY) to call with";
        assert_eq!(cause.to_string(), said);
        assert!(settings.peer("opportunity-pipeline", "product-catalog", Some("")).unwrap().is_none());
        assert!(settings.client_registry("opportunity-pipeline").unwrap().is_none());
    }
}
