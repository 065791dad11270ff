//! Every failure leaves with a published reason: what the gRPC library answers by itself is put into our words here.

use guanxi_proto::errors::v1::ErrorReason;
use http::Response;
use tonic::body::Body;
use tonic::{Code, Status};

use crate::Refusal;

/// The largest message that a service takes, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// Replaces a status without details by one that names its reason. `method` is the path of the call.
#[must_use]
pub fn rescue(status: Status, method: &str) -> Status {
    if !status.details().is_empty() {
        return status;
    }
    let refusal = match status.code() {
        Code::Ok => return status,
        Code::Unimplemented => Refusal::new(Code::Unimplemented, ErrorReason::MethodUnknown).with("method", method),
        Code::OutOfRange => {
            Refusal::new(Code::ResourceExhausted, ErrorReason::MessageTooLarge).with("max", MAX_MESSAGE_BYTES)
        }
        Code::ResourceExhausted => Refusal::new(Code::ResourceExhausted, ErrorReason::Overloaded).retry(),
        Code::Cancelled => Refusal::new(Code::Cancelled, ErrorReason::Cancelled),
        Code::DeadlineExceeded => Refusal::new(Code::DeadlineExceeded, ErrorReason::DeadlineExceeded),
        Code::Unavailable => Refusal::unavailable(),
        // Ours carry details, so these are the library's: bytes that are no message of the type.
        Code::Internal | Code::InvalidArgument => Refusal::new(Code::InvalidArgument, ErrorReason::MessageMalformed),
        _ => {
            tracing::error!(code = ?status.code(), method, "a status without a reason");
            Refusal::internal()
        }
    };
    refusal.into()
}

/// [`rescue`] for an answer that is only a status.
pub(crate) fn rescue_response(response: Response<Body>, method: &str) -> Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() != Code::Ok && status.details().is_empty() => rescue(status, method).into_http(),
        _ => response,
    }
}

impl From<guanxi_db::Error> for Refusal {
    fn from(error: guanxi_db::Error) -> Self {
        use guanxi_db::Error;
        match error {
            Error::Unavailable(cause) => {
                tracing::warn!(error = %cause, "the database is unavailable");
                Refusal::unavailable()
            }
            Error::Full(cause) => {
                tracing::error!(error = %cause, "the database is out of space");
                Refusal::new(Code::ResourceExhausted, ErrorReason::Overloaded).retry()
            }
            Error::Conflict(_) => Refusal::new(Code::Aborted, ErrorReason::Conflict).retry(),
            Error::Cancelled(_) => Refusal::new(Code::DeadlineExceeded, ErrorReason::DeadlineExceeded),
            Error::Constraint { .. } | Error::Unexpected(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "unexpected database error");
                Refusal::internal()
            }
        }
    }
}
