//! The life of a serving process: assemble, serve, drain.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use guanxi_auth::{AUDIENCE, Verifier};
use guanxi_proto::DESCRIPTOR_SET;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::service::{Routes, RoutesBuilder};
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::chassis::Chassis;
use crate::identity::Identity;

/// Answers that are under way when a process is told to stop get this long.
const DRAIN: Duration = Duration::from_secs(25);

/// Settings of the gRPC side of a service.
#[derive(clap::Args, Clone, Debug)]
#[group(skip)]
pub struct Settings {
    /// Address to listen on, for example `0.0.0.0:50051`.
    #[arg(long, env = "GUANXI_LISTEN", default_value = "127.0.0.1:50051")]
    pub listen: SocketAddr,
    /// File with the trusted public keys (JWKS, RFC 7517); read again when it changes.
    #[arg(long, env = "GUANXI_JWKS")]
    pub jwks: PathBuf,
    /// Calls that the process works on at once; further ones are refused with RESOURCE_EXHAUSTED and told when to come back.
    #[arg(long, env = "GUANXI_MAX_CALLS", default_value_t = 512, value_parser = clap::value_parser!(u16).range(1..))]
    pub max_calls: u16,
    /// Streams (feeds, imports, exports) that the process keeps open at once; further ones are refused likewise.
    #[arg(long, env = "GUANXI_MAX_STREAMS", default_value_t = 2_000, value_parser = clap::value_parser!(u16).range(1..))]
    pub max_streams: u16,
}

/// Why a server did not start or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of trusted keys is no use.
    #[error("the trusted keys cannot be read")]
    Keys(#[from] guanxi_auth::KeyError),
    /// A method of the protos cannot be authorised.
    #[error("the protos are wrong")]
    Rule(#[from] guanxi_auth::RuleError),
    /// The transport failed.
    #[error("the gRPC server failed")]
    Transport(#[from] tonic::transport::Error),
    /// Reflection could not be set up.
    #[error("reflection could not be set up")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// Something did not answer a health check.
    #[error("not serving: {0}")]
    NotServing(String),
}

/// Tells streams that the process is about to stop.
#[derive(Clone, Debug)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// A switch that [`serve`] turns, and the view of it that streams get.
    #[must_use]
    pub fn switch() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Returns when the process is about to stop.
    pub async fn wait(&mut self) {
        // A switch that is gone can no longer be turned: the process is stopping too.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}

/// The services of a process, collected before serving.
pub struct Services {
    routes: RoutesBuilder,
    names: Vec<&'static str>,
}

impl Default for Services {
    fn default() -> Self {
        let mut services = Self { routes: Routes::builder(), names: Vec::new() };
        services.add(guanxi_proto::auth::v1::identity_service_server::IdentityServiceServer::new(Identity));
        services
    }
}

impl Services {
    /// Adds a service of the descriptor set.
    pub fn add<S>(&mut self, service: S) -> &mut Self
    where
        S: tower::Service<http::Request<tonic::body::Body>, Error = std::convert::Infallible>
            + tonic::server::NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Response: axum_core::response::IntoResponse,
        S::Future: Send + 'static,
    {
        self.names.push(S::NAME);
        self.routes.add_service(service);
        self
    }
}

/// Serves until `stop` resolves, then drains: health says NOT_SERVING, streams end (those of health too), calls under way are answered.
pub async fn serve(
    settings: &Settings,
    mut services: Services,
    listener: TcpListener,
    stopping: watch::Sender<bool>,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let verifier = Verifier::from_file(&settings.jwks, AUDIENCE, Vec::new())?;
    let (mut health, health_service) = tonic_health::server::health_reporter();
    for name in services.names.iter().copied().chain([""]) {
        health.set_service_status(name, ServingStatus::Serving).await;
    }
    services.routes.add_service(health_service);
    add_reflection(&mut services)?;

    let drained = async {
        stop.await;
        tracing::info!("draining");
        for name in services.names.iter().copied().chain([""]) {
            health.set_service_status(name, ServingStatus::NotServing).await;
            // Who watches still gets this word, then the stream ends: it would use up the whole time to drain.
            health.clear_service_status(name).await;
        }
        stopping.send_replace(true);
    };
    let (draining, mut drain_begun) = watch::channel(false);
    let server = tonic::transport::Server::builder()
        .layer(Chassis::new(verifier, settings, Stopping(stopping.subscribe()))?)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .max_concurrent_streams(1_024)
        .add_routes(services.routes.routes())
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), async {
            drained.await;
            draining.send_replace(true);
        });
    let patience = async {
        let _ = drain_begun.wait_for(|begun| *begun).await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        // In a box, as the futures of all callers would carry its size.
        outcome = Box::pin(server) => Ok(outcome?),
        () = patience => {
            tracing::warn!("some calls were still under way when the time to drain was over");
            Ok(())
        }
    }
}

/// Reflection in both versions: official clients of several languages speak only v1alpha.
fn add_reflection(services: &mut Services) -> Result<(), Error> {
    let builder = || {
        let builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name("grpc.health.v1.Health");
        services.names.iter().fold(builder, |builder, name| builder.with_service_name(*name))
    };
    let (v1, v1alpha) = (builder().build_v1()?, builder().build_v1alpha()?);
    services.routes.add_service(v1).add_service(v1alpha);
    Ok(())
}

/// Asks a serving process whether it is well; what `healthcheck` of a binary does.
pub async fn health_check(address: SocketAddr) -> Result<(), Error> {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}"))?
        .connect_timeout(Duration::from_secs(2))
        .timeout(Duration::from_secs(2));
    let mut client = HealthClient::new(endpoint.connect().await?);
    let answer = client.check(HealthCheckRequest::default()).await;
    let answer = answer.map_err(|status| Error::NotServing(status.message().to_owned()))?.into_inner();
    if answer.status() == tonic_health::pb::health_check_response::ServingStatus::Serving {
        Ok(())
    } else {
        Err(Error::NotServing(answer.status().as_str_name().to_owned()))
    }
}

/// Runs a process on one thread: its work is round trips, and waking another core costs more than it brings.
pub fn block_on<T>(
    future: impl Future<Output = Result<T, Box<dyn std::error::Error>>>,
) -> Result<T, Box<dyn std::error::Error>> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}

/// Resolves at SIGTERM or Ctrl-C.
pub fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
