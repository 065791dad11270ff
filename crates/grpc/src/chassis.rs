//! What happens to every call before and after its handler.

use std::collections::HashMap;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use guanxi_auth::{Caller, MethodRule, MethodRules, RuleError, TokenError, Verifier};
use guanxi_proto::DESCRIPTOR_POOL;
use guanxi_proto::errors::v1::ErrorReason;
use guanxi_telemetry::RpcMetrics;
use http::{Request, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::Instrument;

use crate::holding::Holding;
use crate::rescue::rescue_response;
use crate::server::Settings;
use crate::{BearerToken, Call, Language, Refusal, Stopping, deadline, language, now};

/// Methods of these packages answer anybody, and always: probes and tools.
const HEALTH: &str = "/grpc.health.";
const REFLECTION: &str = "/grpc.reflection.";

/// How often the token of an open stream is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// The layer that wraps every service.
#[derive(Clone)]
pub(crate) struct Chassis(Arc<Shared>);

struct Shared {
    methods: HashMap<String, Method>,
    verifier: Arc<Verifier>,
    stopping: Stopping,
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    metrics: RpcMetrics,
}

struct Method {
    name: &'static str,
    streaming: bool,
    rule: MethodRule,
}

impl Chassis {
    pub(crate) fn new(verifier: Verifier, settings: &Settings, stopping: Stopping) -> Result<Self, RuleError> {
        let methods = methods()?;
        let metrics = RpcMetrics::new(methods.keys().cloned());
        let calls = Arc::new(Semaphore::new(usize::from(settings.max_calls)));
        let streams = Arc::new(Semaphore::new(usize::from(settings.max_streams)));
        let verifier = Arc::new(verifier);
        Ok(Self(Arc::new(Shared { methods, verifier, stopping, calls, streams, metrics })))
    }
}

fn methods() -> Result<HashMap<String, Method>, RuleError> {
    let rules = MethodRules::from_descriptors(&DESCRIPTOR_POOL)?;
    let services = DESCRIPTOR_POOL.services();
    let methods = services.flat_map(|service| service.methods().collect::<Vec<_>>());
    let known = methods.filter_map(|method| {
        let name = format!("{}/{}", method.parent_service().full_name(), method.name());
        let path = format!("/{name}");
        let rule = rules.get(&path)?;
        let streaming = method.is_client_streaming() || method.is_server_streaming();
        Some((path, Method { name: name.leak(), streaming, rule }))
    });
    Ok(known.collect())
}

impl Shared {
    /// Authenticates and authorises; the order is that of the published errors: who are you, then may you.
    fn admit(&self, method: &Method, request: &Request<Body>) -> Result<Call, Refusal> {
        let now = now();
        let principal = self.verifier.verify(bearer_token(request), now).map_err(refuse_token)?;
        let caller = Caller { principal };
        let permission = method.rule.permission.unwrap_or_default();
        if !method.rule.allows(&caller) {
            return Err(
                Refusal::new(Code::PermissionDenied, ErrorReason::PermissionMissing).with("permission", permission)
            );
        }
        let traceparent = guanxi_telemetry::current_traceparent();
        let token = BearerToken::new(bearer_token(request));
        // A caller whose clock has no such day waits for ever.
        let due = deadline::allowed(request.headers(), method.streaming)
            .and_then(|allowed| tokio::time::Instant::now().checked_add(allowed));
        Ok(Call { caller, method: method.name, permission, now, traceparent, token, due })
    }

    async fn answer<S>(&self, inner: S, mut request: Request<Body>, method: &Method) -> Result<Response<Body>, Refusal>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let permit = permit(if method.streaming { &self.streams } else { &self.calls })?;
        if request.headers().get("grpc-encoding").is_some_and(|encoding| encoding != "identity") {
            return Err(Refusal::new(Code::InvalidArgument, ErrorReason::MessageMalformed));
        }
        let call = self.admit(method, &request)?;
        let token = method.streaming.then(|| bearer_token(&request).to_owned());
        let due = call.due;
        request.extensions_mut().insert(call);
        let handler = AssertUnwindSafe(run(inner, request)).catch_unwind();
        let outcome = match due {
            Some(due) => tokio::time::timeout_at(due, handler)
                .await
                .map_err(|_elapsed| Refusal::new(Code::DeadlineExceeded, ErrorReason::DeadlineExceeded))?,
            None => handler.await,
        };
        let response = outcome.map_err(|_panic| {
            tracing::error!(method = method.name, "a handler panicked");
            Refusal::internal()
        })?;
        // A stream goes on after its handler, and so do its permit and the question of who listens.
        Ok(match token {
            Some(token) => {
                let end = language().scope(worthless(Arc::clone(&self.verifier), token));
                response.map(|body| Holding::wrap(body, permit, end))
            }
            None => response,
        })
    }

    async fn serve<S>(&self, inner: S, request: Request<Body>) -> Response<Body>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let path = request.uri().path().to_owned();
        if path.starts_with(HEALTH) {
            return rescue_response(run(inner, request).await, &path);
        }
        if path.starts_with(REFLECTION) {
            let response = rescue_response(run(inner, request).await, &path);
            let mut stopping = self.stopping.clone();
            let end = language().scope(async move {
                stopping.wait().await;
                Refusal::unavailable().into()
            });
            return response.map(|body| Holding::wrap(body, (), end));
        }
        let Some(method) = self.methods.get(&path) else {
            return refuse(Refusal::new(Code::Unimplemented, ErrorReason::MethodUnknown).with("method", path));
        };
        match self.answer(inner, request, method).await {
            Ok(response) => rescue_response(response, &path),
            Err(refusal) => refuse(refusal),
        }
    }
}

/// The token that was sent; empty without one.
fn bearer_token(request: &Request<Body>) -> &str {
    let sent = request.headers().get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    // RFC 9110, section 11.1: the scheme is compared without case.
    let sent = sent.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    sent.map_or("", |(_, token)| token.trim())
}

/// Returns when a token that was accepted would be so no more, for example because its key was taken from the key file.
async fn worthless(verifier: Arc<Verifier>, token: String) -> Status {
    loop {
        tokio::time::sleep(LOOK_AGAIN).await;
        if let Err(error) = verifier.verify(&token, now()) {
            return refuse_token(error).into();
        }
    }
}

fn permit(permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Refusal> {
    Arc::clone(permits)
        .try_acquire_owned()
        .map_err(|_full| Refusal::new(Code::ResourceExhausted, ErrorReason::Overloaded).retry())
}

fn refuse(refusal: Refusal) -> Response<Body> {
    Status::from(refusal).into_http()
}

async fn run<S>(mut inner: S, request: Request<Body>) -> Response<Body>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    match inner.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn refuse_token(error: TokenError) -> Refusal {
    let refuse = |reason: ErrorReason| Refusal::new(Code::Unauthenticated, reason);
    match error {
        TokenError::Missing => refuse(ErrorReason::TokenMissing),
        TokenError::Malformed { problem } => refuse(ErrorReason::TokenMalformed).with("problem", problem),
        TokenError::Expired => refuse(ErrorReason::TokenExpired),
        TokenError::Untrusted => refuse(ErrorReason::TokenUntrusted),
        TokenError::SubjectForbidden { subject } => refuse(ErrorReason::SubjectForbidden).with("subject", subject),
    }
}

impl<S> Layer<S> for Chassis {
    type Service = Chassised<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Chassised { shared: Arc::clone(&self.0), inner }
    }
}

/// A service inside the chassis.
#[derive(Clone)]
pub(crate) struct Chassised<S> {
    shared: Arc<Shared>,
    inner: S,
}

impl<S> Service<Request<Body>> for Chassised<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        // The service that was asked to be ready is the one to call.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let path = request.uri().path().to_owned();
        let language = Language::of(request.headers());
        let span = guanxi_telemetry::server_span(&path, request.headers());
        let started = Instant::now();
        Box::pin(async move {
            let active = shared.metrics.active(&path);
            let response = language.scope(shared.serve(inner, request)).instrument(span.clone()).await;
            drop(active);
            let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
            shared.metrics.record(&path, code_name(code), started.elapsed().as_secs_f64());
            guanxi_telemetry::record_status(&span, code as i32, code_name(code));
            Ok(response)
        })
    }
}

/// The name of a code as the gRPC specification spells it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
