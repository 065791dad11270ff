//! Answers that go on after the handler has returned.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use guanxi_proto::errors::v1::ErrorReason;
use time::OffsetDateTime;
use tokio::sync::mpsc::{self, Sender};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};
use tracing::Instrument;

use crate::{Call, Refusal, Stopping, language};

/// What a stream of answers is sent to.
pub type Answers<T> = Sender<Result<T, Status>>;

/// A stream that `work` fills, in the language and the trace of its call. `waiting` answers may wait for a slow reader; then the work
/// waits too. It ends with the work; when the reader goes; and with a last word when the process stops, when the caller's token
/// expires, or when the work panics.
pub fn stream<T: Send + 'static, F: Future<Output = ()> + Send>(
    call: &Call,
    mut stopping: Stopping,
    waiting: usize,
    work: impl FnOnce(Answers<T>) -> F + Send + 'static,
) -> ReceiverStream<Result<T, Status>> {
    // One more, so that there is room for the last word however slow the reader is.
    let (sender, receiver) = mpsc::channel(waiting + 1);
    let last_word = sender.clone().try_reserve_owned();
    let life = call.caller.principal.expire_time - OffsetDateTime::now_utc();
    let life = tokio::time::sleep(life.try_into().unwrap_or_default());
    let task = async move {
        let reader = sender.clone();
        let last = tokio::select! {
            outcome = AssertUnwindSafe(work(sender)).catch_unwind() => outcome.err().map(|_panic| {
                tracing::error!("a stream panicked");
                Refusal::internal()
            }),
            () = reader.closed() => None,
            // The reader goes on elsewhere, or here after the restart.
            () = stopping.wait() => Some(Refusal::unavailable()),
            () = life => Some(Refusal::new(Code::Unauthenticated, ErrorReason::TokenExpired)),
        };
        if let (Some(refusal), Ok(last_word)) = (last, last_word) {
            last_word.send(Err(refusal.into()));
        }
    };
    tokio::spawn(language().scope(task).in_current_span());
    ReceiverStream::new(receiver)
}
