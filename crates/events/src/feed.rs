//! `EventFeedService`: the changes of this service, to whoever follows.

use std::sync::Arc;

use guanxi_auth::{Scope, TerritoryPaths};
use guanxi_grpc::{Answers, Call, Refusal, Stopping, Violation, Violations, number};
use guanxi_proto::errors::v1::ErrorReason;
use guanxi_proto::events::v1::event_feed_service_server::EventFeedService;
use guanxi_proto::events::v1::{FollowRequest, FollowResponse, GetFeedHeadRequest, GetFeedHeadResponse};
use tokio::sync::watch;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status};

use crate::stored::Sight;
use crate::{Reader, StoredEvent};

/// Answers that wait for a slow subscriber; the feed reads no further until it takes them.
const WAITING: usize = 64;
const MAX_TYPES: usize = 50;

/// Serves the feed of one service.
#[derive(Clone)]
pub struct Feed {
    reader: Reader,
    paths: TerritoryPaths,
    ready: watch::Receiver<i64>,
    source: String,
    stopping: Stopping,
}

impl Feed {
    /// A feed with the CloudEvents source of its events, for example `guanxi/client-registry`. Events are sent up to the position
    /// `ready`: how far `paths` are known to be as the tree was. An event judged by older paths would be lost to whoever it came to.
    #[must_use]
    pub fn new(
        reader: Reader,
        paths: TerritoryPaths,
        ready: watch::Receiver<i64>,
        source: String,
        stopping: Stopping,
    ) -> Self {
        Self { reader, paths, ready, source, stopping }
    }

    async fn check(&self, request: &FollowRequest) -> Result<(), Refusal> {
        let mut violations = Violations::default();
        violations.keep(number("after_position", request.after_position, 0, i64::MAX));
        if request.types.len() > MAX_TYPES {
            violations.push(
                Violation::new("types", ErrorReason::TooMany).with("max", MAX_TYPES).with("count", request.types.len()),
            );
        }
        violations.check()?;
        let (newest, oldest) = self.reader.bounds().await?;
        let first = (oldest - 1).max(0);
        if request.after_position > newest || request.after_position < first {
            return Err(Refusal::new(Code::OutOfRange, ErrorReason::PositionUnknown)
                .with("value", request.after_position)
                .with("min", first)
                .with("max", newest));
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl EventFeedService for Feed {
    type FollowStream = ReceiverStream<Result<FollowResponse, Status>>;

    async fn follow(&self, request: Request<FollowRequest>) -> Result<Response<Self::FollowStream>, Status> {
        let (call, request) = Call::open(request)?;
        self.check(&request).await?;
        let subscription = Subscription { feed: self.clone(), call: call.clone(), types: request.types };
        let after = request.after_position;
        let work = move |answers| async move { subscription.send_all(after, &answers).await };
        Ok(Response::new(guanxi_grpc::stream(&call, self.stopping.clone(), WAITING, work)))
    }

    async fn get_feed_head(&self, _: Request<GetFeedHeadRequest>) -> Result<Response<GetFeedHeadResponse>, Status> {
        let (newest_position, oldest_position) = self.reader.bounds().await.map_err(Refusal::from)?;
        Ok(Response::new(GetFeedHeadResponse { newest_position, oldest_position }))
    }
}

/// One subscriber.
struct Subscription {
    feed: Feed,
    call: Call,
    types: Vec<String>,
}

impl Subscription {
    async fn send_all(&self, after: i64, answers: &Answers<FollowResponse>) {
        let mut ready = self.feed.ready.clone();
        let mut position = after;
        loop {
            let until = *ready.borrow_and_update();
            let mut events = match self.feed.reader.after(position).await {
                Ok(events) => events,
                Err(error) => {
                    let _ = answers.send(Err(Refusal::from(error).into())).await;
                    return;
                }
            };
            let dense = dense(position, events.iter().map(|event| event.position));
            if let Some(found) = events.first().filter(|_| dense == 0) {
                let lost = Refusal::new(Code::DataLoss, ErrorReason::EventsMissing);
                let _ = answers.send(Err(lost.with("after", position).with("found", found.position).into())).await;
                return;
            }
            events.truncate(dense);
            events.retain(|event| event.position <= until);
            let Some(last) = events.last().map(|event| event.position) else {
                if ready.changed().await.is_err() {
                    return;
                }
                continue;
            };
            // Grants are fixed in the token; what lies below them is not, so the scope is made anew for every batch.
            let scope = self.call.scope(&self.feed.paths);
            let mut checked = position;
            for event in events {
                if let Some(response) = self.response(&event, &scope) {
                    checked = event.position;
                    if answers.send(Ok(response)).await.is_err() {
                        return;
                    }
                }
            }
            position = last;
            if checked < last && answers.send(Ok(FollowResponse { event: None, checked_position: last })).await.is_err()
            {
                return;
            }
        }
    }

    fn response(&self, event: &Arc<StoredEvent>, scope: &Scope) -> Option<FollowResponse> {
        if !self.types.is_empty() && !self.types.iter().any(|wanted| fits(wanted, &event.kind)) {
            return None;
        }
        let left = match event.sight(scope, &self.feed.paths) {
            Sight::Whole => false,
            Sight::Left => true,
            Sight::Nothing => return None,
        };
        let event = event.envelope(scope, &self.feed.paths, &self.feed.source, left);
        Some(FollowResponse { checked_position: event.position, event: Some(event) })
    }
}

/// How many positions follow without a hole, which is a loss: nobody is to go on as if nothing were missing.
fn dense(after: i64, positions: impl Iterator<Item = i64>) -> usize {
    positions.zip(after + 1..).take_while(|(found, expected)| found == expected).count()
}

fn fits(wanted: &str, kind: &str) -> bool {
    wanted.strip_suffix('*').map_or(wanted == kind, |beginning| kind.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::{dense, fits};

    #[test]
    fn a_star_stands_for_the_rest_of_a_type() {
        assert!(fits("guanxi.client_registry.v1.account.*", "guanxi.client_registry.v1.account.created"));
        assert!(!fits("guanxi.client_registry.v1.account.*", "guanxi.client_registry.v1.territory.created"));
        assert!(!fits("guanxi.client_registry.v1.account", "guanxi.client_registry.v1.account.created"));
    }

    #[test]
    fn a_hole_is_found_wherever_it_is() {
        assert_eq!(dense(7, [].into_iter()), 0);
        assert_eq!(dense(7, [8, 9, 10].into_iter()), 3);
        assert_eq!(dense(7, [9, 10].into_iter()), 0);
        assert_eq!(dense(7, [8, 9, 12, 13].into_iter()), 2);
    }
}
