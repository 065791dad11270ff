//! A body that keeps something for as long as it is being sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;

/// The body of a stream, with the permit that lets it run.
pub(crate) struct Holding<P> {
    body: Body,
    _permit: P,
}

impl<P: Send + Unpin + 'static> Holding<P> {
    pub(crate) fn wrap(body: Body, permit: P) -> Body {
        Body::new(Self { body, _permit: permit })
    }
}

impl<P: Unpin> http_body::Body for Holding<P> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
