//! Taking in a feed from its beginning.

use std::time::Duration;

use futures_util::future::BoxFuture;
use guanxi_db::PgConnection;
use guanxi_events::FollowError;
use guanxi_grpc::MAX_MESSAGE_BYTES;
use guanxi_proto::events::v1::event_feed_service_client::EventFeedServiceClient;
use guanxi_proto::events::v1::{Event, FollowRequest, FollowResponse, GetFeedHeadRequest};
use sqlx::Connection as _;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::{Progress, RebuildError};

/// Events that are taken in by one transaction.
const TOGETHER: usize = 500;
/// An event holds a resource twice, before and after.
const MAX_RESPONSE_BYTES: usize = 3 * MAX_MESSAGE_BYTES;
/// A source that says nothing for so long, although there is more, will not.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whom to ask for a feed.
pub struct Source {
    /// A channel to the service.
    pub channel: Channel,
    /// `Bearer` and a token of somebody who may see everything.
    pub authorization: MetadataValue<Ascii>,
}

impl Source {
    fn feed(&self) -> EventFeedServiceClient<Channel> {
        EventFeedServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_RESPONSE_BYTES)
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.authorization.clone());
        request
    }
}

/// What takes in some events, oldest first.
pub(super) type Take =
    dyn for<'c> Fn(&'c mut PgConnection, &'c [Event]) -> BoxFuture<'c, Result<(), FollowError>> + Send + Sync;

/// Takes in the events of some types from the first to exactly a position. `feed` names the source, the types and that position.
pub(super) async fn replay(
    source: &Source,
    feed: (&'static str, &[&str], i64),
    connection: &mut PgConnection,
    take: &Take,
    progress: Progress<'_>,
) -> Result<(), RebuildError> {
    let (name, types, until) = feed;
    let failed = |error: FollowError| RebuildError::Feed { source_name: name, error };
    let head = source.feed().get_feed_head(source.request(GetFeedHeadRequest {})).await;
    let newest = head.map_err(|status| failed(status.into()))?.into_inner().newest_position;
    if newest < until {
        return Err(RebuildError::Ahead { source_name: name, position: until, newest });
    }
    let (end, mut at) = (until.unsigned_abs(), 0);
    progress(name, 0, end);
    while at < until {
        let before = at;
        match stream(source, types, (&mut at, until), connection, take, &|done| progress(name, done, end)).await {
            // It ends with its token, or when the service does; what came before is good.
            Err(FollowError::Interrupted(_)) if before < at => {}
            outcome => outcome.map_err(failed)?,
        }
    }
    Ok(())
}

/// Takes in what one stream brings.
async fn stream(
    source: &Source,
    types: &[&str],
    (at, until): (&mut i64, i64),
    connection: &mut PgConnection,
    take: &Take,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<(), FollowError> {
    let types = types.iter().map(|&kind| kind.to_owned()).collect();
    let request = source.request(FollowRequest { after_position: *at, types });
    let mut stream = source.feed().follow(request).await?.into_inner();
    let (mut events, mut checked) = (Vec::new(), *at);
    while checked < until {
        let next = tokio::time::timeout(PATIENCE, stream.message()).await;
        let next = next.unwrap_or_else(|_elapsed| Err(Status::deadline_exceeded("no answer")))?;
        let FollowResponse { event, checked_position } = next.ok_or_else(|| Status::unavailable("it ended"))?;
        checked = checked_position.max(checked);
        events.extend(event.filter(|event| event.position <= until));
        if events.len() == TOGETHER || checked >= until {
            let mut transaction = connection.begin().await?;
            take(&mut transaction, &events).await?;
            transaction.commit().await?;
            events.clear();
            *at = checked.min(until);
            progress(at.unsigned_abs());
        }
    }
    Ok(())
}
