//! A body that keeps something for as long as it is being sent, and that can be cut off.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, pending};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;

/// The body of a stream, with the permit that lets it run, and what ends it before its time.
pub(crate) struct Holding<P> {
    body: Body,
    end: BoxFuture<'static, Status>,
    _permit: P,
}

impl<P: Send + Unpin + 'static> Holding<P> {
    pub(crate) fn wrap(body: Body, permit: P, end: impl Future<Output = Status> + Send + 'static) -> Body {
        Body::new(Self { body, end: end.boxed(), _permit: permit })
    }
}

impl<P: Unpin> http_body::Body for Holding<P> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let holding = self.get_mut();
        let Poll::Ready(status) = holding.end.poll_unpin(context) else {
            return Pin::new(&mut holding.body).poll_frame(context);
        };
        // Without its body the work that fills it ends too.
        (holding.body, holding.end) = (Body::empty(), pending().boxed());
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(status.add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
