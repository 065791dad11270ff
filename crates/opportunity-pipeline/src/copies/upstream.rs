//! A service whose feed is followed.

use std::time::Duration;

use guanxi_grpc::Peer;
use guanxi_proto::events::v1::GetFeedHeadRequest;
use guanxi_proto::events::v1::event_feed_service_client::EventFeedServiceClient;
use tokio::sync::watch;
use tonic::Status;

/// How long to wait for what has not arrived yet. A feed is milliseconds behind; one that is farther behind is told to try again.
const PATIENCE: Duration = Duration::from_secs(2);

/// A service whose feed is followed. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Upstream {
    /// The way to it.
    pub(crate) peer: Peer,
    /// How far its feed is taken in.
    pub(crate) position: watch::Receiver<i64>,
}

impl Upstream {
    /// Waits until everything is taken in that the service has told so far; false where it does not answer or the feed is far behind.
    pub(crate) async fn catch_up(&self) -> bool {
        let caught_up = async {
            let request = self.peer.request(GetFeedHeadRequest {}, Some(PATIENCE)).map_err(|_| Status::internal(""))?;
            let mut feed = EventFeedServiceClient::new(self.peer.channel());
            let newest = feed.get_feed_head(request).await?.into_inner().newest_position;
            let mut position = self.position.clone();
            let reached = position.wait_for(|position| *position >= newest).await;
            reached.map(|_| ()).map_err(|_| Status::unavailable(""))
        };
        matches!(tokio::time::timeout(PATIENCE, caught_up).await, Ok(Ok(())))
    }
}
