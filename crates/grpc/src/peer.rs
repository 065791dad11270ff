//! Another service of the cluster, called in this service's own name.

use std::sync::Arc;
use std::time::Duration;

use guanxi_auth::{KeyError, ServiceIdentity};
use tonic::Request;
use tonic::metadata::MetadataValue;
use tonic::metadata::errors::InvalidMetadataValue;
use tonic::transport::{Channel, Endpoint};

use crate::now;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);
/// After so much silence the other end is asked whether it is still there, and has this long to say so: a machine that lost its power
/// closes no connection.
const ARE_YOU_THERE: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(5);

/// A service that cannot be called.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The URL is none, or not of the kind that services have.
    #[error("`{0}` is no URL of a service; one looks like http://client-registry:50051")]
    Url(String),
    /// The service's own key cannot sign.
    #[error("the service's own key cannot be used")]
    Key(#[from] KeyError),
    /// The token cannot be sent.
    #[error("the token has characters that no token has")]
    Token(#[from] InvalidMetadataValue),
}

/// Another service of the cluster. Cheap to clone.
#[derive(Clone)]
pub struct Peer {
    channel: Channel,
    identity: Arc<ServiceIdentity>,
}

impl Peer {
    /// The service at a URL. Nothing is connected yet: it may start later, go away and come back, and each call finds out anew.
    pub fn at(url: &str, identity: Arc<ServiceIdentity>) -> Result<Self, PeerError> {
        let no_url = || PeerError::Url(url.to_owned());
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| no_url())?;
        if endpoint.uri().scheme_str() != Some("http") || endpoint.uri().authority().is_none() {
            return Err(no_url());
        }
        let channel = endpoint
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(ARE_YOU_THERE)
            .keep_alive_timeout(ANSWER)
            .keep_alive_while_idle(true)
            .connect_lazy();
        Ok(Self { channel, identity })
    }

    /// What a stub takes.
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A call in this service's own name, part of the trace that it is made in. `allowed` is how long it may take; a stream has no end.
    pub fn request<T>(&self, message: T, allowed: Option<Duration>) -> Result<Request<T>, PeerError> {
        let mut request = Request::new(message);
        let bearer = format!("Bearer {}", self.identity.token(now())?);
        request.metadata_mut().insert("authorization", MetadataValue::try_from(bearer)?);
        guanxi_telemetry::inject(request.metadata_mut().as_mut());
        if let Some(allowed) = allowed {
            request.set_timeout(allowed);
        }
        Ok(request)
    }
}
