//! Watching: an answer now, and a new one whenever it differs.

use guanxi_grpc::{Answers, Call};
use guanxi_proto::kpi::v1::WatchIndicatorResponse;
use guanxi_resource::Resources;
use tokio::sync::watch::Receiver;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::convert::figure;
use super::question::Question;
use super::{Answer, answer};

/// Answers that wait for a slow caller.
const WAITING: usize = 1;
/// Most figures of an answer.
const MOST: usize = 10_000;

/// What tells that figures may have changed: how far each feed is taken in, where territories lie, and how far the service's own events go.
#[derive(Clone)]
pub(crate) struct Watched(pub(crate) Vec<Receiver<i64>>);

impl Watched {
    /// Waits for a change; false where nothing changes any more. What is not followed never does.
    async fn changed(&mut self) -> bool {
        self.0.retain(|receiver| receiver.has_changed().is_ok());
        if self.0.is_empty() {
            return false;
        }
        let changes = self.0.iter_mut().map(|receiver| Box::pin(receiver.changed()));
        futures_util::future::select_all(changes).await.0.is_ok()
    }
}

/// Answers a question until the caller leaves.
pub(crate) fn watch(
    resources: Resources,
    watched: Watched,
    call: &Call,
    question: Question,
) -> ReceiverStream<Result<WatchIndicatorResponse, Status>> {
    let (asked, stopping) = (call.clone(), resources.stopping.clone());
    guanxi_grpc::stream(call, stopping, WAITING, move |answers| async move {
        answer_all(&resources, watched, &asked, &question, &answers).await;
    })
}

async fn answer_all(
    resources: &Resources,
    mut watched: Watched,
    call: &Call,
    question: &Question,
    answers: &Answers<WatchIndicatorResponse>,
) {
    let mut last = None;
    loop {
        // What changes from here on is looked at again.
        watched.0.iter_mut().for_each(|receiver| {
            receiver.borrow_and_update();
        });
        // A stream may last for days; what is "now" goes on.
        let call = Call { now: guanxi_grpc::now(), ..call.clone() };
        match answer(resources, &call, question).await {
            Ok(found) if last.as_ref() != Some(&found) => {
                if answers.send(Ok(response(&found))).await.is_err() {
                    return;
                }
                last = Some(found);
            }
            Ok(_) => {}
            Err(error) => {
                let _ = answers.send(Err(Status::from(error))).await;
                return;
            }
        }
        if !watched.changed().await {
            return;
        }
    }
}

fn response(answer: &Answer) -> WatchIndicatorResponse {
    WatchIndicatorResponse {
        figures: answer.rows.iter().take(MOST).map(figure).collect(),
        totals: answer.totals.iter().map(figure).collect(),
    }
}
