//! Another service of the cluster, called in this service's own name or on behalf of the user who calls us.

use std::sync::Arc;
use std::time::Duration;

use guanxi_auth::{KeyError, ServiceIdentity};
use guanxi_proto::errors::v1::ErrorReason;
use tonic::metadata::MetadataValue;
use tonic::metadata::errors::InvalidMetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use crate::{Call, Refusal, deadline, language, now};

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
        let mut request = request(message, format!("Bearer {}", self.identity.token(now())?))?;
        if let Some(allowed) = allowed {
            request.set_timeout(allowed);
        }
        Ok(request)
    }

    /// A call on behalf of the user who made `call`: with the user's token, so that the other service decides what the user may do
    /// there; in the user's language; part of the trace; and over early enough for its answer, or its failure, to be passed on.
    pub fn on_behalf<T>(&self, call: &Call, message: T) -> Result<Request<T>, PeerError> {
        let mut request = request(message, call.token.authorization())?;
        request.metadata_mut().insert("accept-language", MetadataValue::from_static(language().tag()));
        request.set_timeout(deadline::left(call.due));
        Ok(request)
    }
}

fn request<T>(message: T, authorization: String) -> Result<Request<T>, PeerError> {
    let mut request = Request::new(message);
    let mut authorization = MetadataValue::try_from(authorization)?;
    authorization.set_sensitive(true);
    request.metadata_mut().insert("authorization", authorization);
    guanxi_telemetry::inject(request.metadata_mut().as_mut());
    Ok(request)
}

/// What our caller is told of a call to another service that failed. What the other service has against the request is passed on with
/// its details; what is wrong with the other service itself is UNAVAILABLE with its name as `service`.
#[must_use]
pub fn pass_on(service: &str, mut status: Status) -> Status {
    match status.code() {
        // The client says CANCELLED when the time that it gave is over before the other end says so.
        Code::DeadlineExceeded | Code::Cancelled => {
            Refusal::new(Code::DeadlineExceeded, ErrorReason::DeadlineExceeded).into()
        }
        Code::Unavailable
        | Code::ResourceExhausted
        | Code::Internal
        | Code::Unknown
        | Code::Unimplemented
        | Code::DataLoss => {
            tracing::warn!(service, code = ?status.code(), error = status.message(), "another service cannot be used");
            Refusal::unavailable().with("service", service).into()
        }
        _ => {
            // The headers of the answer that it came with.
            status.metadata_mut().clear();
            status
        }
    }
}

impl From<PeerError> for Refusal {
    fn from(error: PeerError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "another service cannot be called");
        Self::internal()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use guanxi_auth::{Caller, Principal, SigningKey};
    use tokio::net::TcpListener;
    use tokio::time::Instant;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;
    use tonic_types::StatusExt;

    use super::*;
    use crate::{BearerToken, Language};

    fn peer(address: SocketAddr) -> Peer {
        let identity = ServiceIdentity::new("test", SigningKey::generate().unwrap());
        Peer::at(&format!("http://{address}"), Arc::new(identity)).unwrap()
    }

    /// A user's call whose handler has so long.
    fn call(allowed: Duration) -> Call {
        let principal = Principal { subject: "E0001".to_owned(), grants: Vec::new(), expire_time: now() };
        Call {
            caller: Caller { principal: Arc::new(principal) },
            method: "test/Test",
            permission: "",
            now: now(),
            traceparent: None,
            token: BearerToken::new("the.users.token"),
            due: Some(Instant::now() + allowed),
        }
    }

    async fn ask(address: SocketAddr, call: &Call) -> Status {
        let peer = peer(address);
        let request = peer.on_behalf(call, HealthCheckRequest::default()).unwrap();
        pass_on("far", HealthClient::new(peer.channel()).check(request).await.unwrap_err())
    }

    #[tokio::test]
    async fn a_call_on_behalf_bears_who_the_user_is_and_never_shows_it() {
        let (peer, call) = (peer(SocketAddr::from((Ipv4Addr::LOCALHOST, 1))), call(Duration::from_secs(2)));
        let request = Language::English.scope(async { peer.on_behalf(&call, ()) }).await.unwrap();
        assert_eq!(request.metadata().get("authorization").unwrap(), "Bearer the.users.token");
        assert_eq!(request.metadata().get("accept-language").unwrap(), "en");
        assert!(request.metadata().contains_key("grpc-timeout"));
        assert!(!format!("{call:?} {request:?}").contains("users"));
    }

    #[tokio::test]
    async fn a_peer_that_is_not_there_is_unavailable_by_name() {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
        let status = ask(address, &call(Duration::from_secs(10))).await;
        assert_eq!(status.code(), Code::Unavailable);
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "UNAVAILABLE");
        assert_eq!(details.error_info().unwrap().metadata["service"], "far");
        assert!(details.retry_info().is_some());
    }

    #[tokio::test]
    async fn a_call_to_a_peer_that_says_nothing_ends_before_its_caller_stops_waiting() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let silent = tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok(connection) = listener.accept().await {
                open.push(connection);
            }
        });
        for allowed in [Duration::from_millis(500), Duration::ZERO] {
            let call = call(allowed);
            let status = tokio::time::timeout(Duration::from_secs(5), ask(address, &call)).await.unwrap();
            assert_eq!(status.code(), Code::DeadlineExceeded);
            assert_eq!(status.get_error_details().error_info().unwrap().reason, "DEADLINE_EXCEEDED");
            assert!(allowed.is_zero() || call.due > Some(Instant::now()), "nothing is left to pass it on in");
        }
        silent.abort();
    }

    #[test]
    fn what_a_peer_has_against_a_request_is_passed_on_as_it_is() {
        for code in [Code::NotFound, Code::PermissionDenied, Code::Unauthenticated, Code::OutOfRange, Code::Aborted] {
            let far = Status::with_details(code, "why", vec![1, 2, 3].into());
            let near = pass_on("far", far);
            assert_eq!((near.code(), near.message(), near.details()), (code, "why", [1, 2, 3].as_slice()));
        }
        for code in [Code::ResourceExhausted, Code::Internal, Code::Unknown] {
            assert_eq!(pass_on("far", Status::new(code, "why")).code(), Code::Unavailable, "{code:?}");
        }
    }
}
