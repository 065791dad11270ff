//! Following: what another service's feed brings, taken in exactly once.
//!
//! How far a feed has been taken in is a row of `<schema>.followed`, which changes in the transaction of what is derived from the
//! events. So a kill at any moment repeats nothing and skips nothing, and whoever empties the derived tables and sets the position
//! to 0, in one transaction, has them made anew. Every process of a service follows; the lock of the row lets one of them take an
//! event in and shows the others that it is done.

mod batch;
mod progress;

use std::time::Duration;

use guanxi_auth::ServiceIdentity;
use guanxi_db::{Database, Transaction};
use guanxi_grpc::{MAX_MESSAGE_BYTES, Peer, PeerError};
use guanxi_proto::events::v1::event_feed_service_client::EventFeedServiceClient;
use guanxi_proto::events::v1::{Event, FollowRequest, FollowResponse, GetFeedHeadRequest};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tonic::transport::Channel;
use tonic::{Code, Response, Status, Streaming};

use self::batch::Batch;
use self::progress::Progress;

/// How long the source may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often to ask how far ahead the source is, and to store progress that no event brought.
const LOOK: Duration = Duration::from_secs(5);
/// How long to wait before the next try: twice as long each time, up to the longest. A loss takes people to repair.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const PAUSE_AFTER_LOSS: Duration = Duration::from_secs(15);
/// An event holds a resource twice, before and after.
const MAX_RESPONSE_BYTES: usize = 3 * MAX_MESSAGE_BYTES;

/// Why events are not taken in for now.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The source ended the feed or does not answer.
    #[error("the feed is interrupted: {}", .0.message())]
    Interrupted(Status),
    /// The source has newer events and does not send them.
    #[error("the feed stands still")]
    Silent,
    /// Events were lost, or the source no longer keeps those that come next.
    #[error("events were lost: {0}")]
    Lost(String),
    /// Somebody set the stored position back, to have everything made anew.
    #[error("the position was set back to {0}")]
    SetBack(i64),
    /// The source cannot be called.
    #[error("the source cannot be called")]
    Peer(#[from] PeerError),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] guanxi_db::Error),
    /// An event does not fit what was derived from those before it.
    #[error("the event at position {position} cannot be applied: {problem}")]
    Apply {
        /// Position of the event.
        position: i64,
        /// What is wrong.
        problem: String,
    },
}

impl From<sqlx::Error> for FollowError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<Status> for FollowError {
    fn from(status: Status) -> Self {
        match status.code() {
            Code::DataLoss | Code::OutOfRange => Self::Lost(status.message().to_owned()),
            _ => Self::Interrupted(status),
        }
    }
}

/// Follows the feed of one service.
pub struct Follower {
    database: Database,
    source: &'static str,
    peer: Peer,
    types: Vec<String>,
    /// What the subjects begin with whose events `changes` tells of.
    noun: &'static str,
    statements: Statements,
    progress: Progress,
}

/// Rendered once with the name of the schema.
struct Statements {
    begin: &'static str,
    read: &'static str,
    lock: &'static str,
    store: &'static str,
}

impl Statements {
    fn of(schema: &str) -> Self {
        let begin =
            format!("insert into {schema}.followed (source, position) values ($1, 0) on conflict (source) do nothing");
        let read = format!("select position from {schema}.followed where source = $1");
        let store = format!("update {schema}.followed set position = $2 where source = $1");
        Self { begin: begin.leak(), lock: format!("{read} for update").leak(), read: read.leak(), store: store.leak() }
    }
}

/// How far one stream is.
struct At {
    /// Everything up to here is stored as taken in; somebody else may be further.
    stored: i64,
    /// Everything up to here is taken in: since `stored`, nothing came for us.
    checked: i64,
    /// Whether the stream has said anything since the last look, and how far the source was then.
    heard: bool,
    due: i64,
}

impl Follower {
    /// A follower of the service with this name, for example `client-registry`, into tables of this service's schema. `types` are
    /// those of a [`FollowRequest`]; none for all.
    #[must_use]
    pub fn new(database: &Database, source: &'static str, peer: Peer, types: &[&str]) -> Self {
        Self {
            database: database.clone(),
            source,
            peer,
            types: types.iter().map(|&kind| kind.to_owned()).collect(),
            noun: "",
            statements: Statements::of(database.schema()),
            progress: Progress::observed(source),
        }
    }

    /// A view of the position up to which everything is taken in, by whichever process of the service.
    #[must_use]
    pub fn position(&self) -> watch::Receiver<i64> {
        self.progress.position.subscribe()
    }

    /// A view that changes whenever what is derived from a noun may have changed, by whichever process: after its events, and when a
    /// stream begins. `noun` is what their subjects begin with, for example `territory/`.
    #[must_use]
    pub fn changes_of(&mut self, noun: &'static str) -> watch::Receiver<i64> {
        self.noun = noun;
        self.progress.changes.subscribe()
    }

    /// Takes in what comes, for as long as the process lives; what fails is tried again. `apply` derives what it does from some
    /// events, oldest first, and leaves the commit to the follower.
    pub async fn follow<A>(self, mut apply: A)
    where
        A: AsyncFnMut(&mut Transaction, &[Event]) -> Result<(), FollowError>,
    {
        let mut pause = FIRST_PAUSE;
        loop {
            let began = Instant::now();
            let Err(error) = self.follow_stream(&mut apply).await else { continue };
            self.progress.fail(&error);
            if began.elapsed() > LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
            tokio::time::sleep(if matches!(error, FollowError::Lost(_)) { PAUSE_AFTER_LOSS } else { pause }).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Follows one stream. It ends with its token, so it is left for the next one before.
    async fn follow_stream<A>(&self, apply: &mut A) -> Result<(), FollowError>
    where
        A: AsyncFnMut(&mut Transaction, &[Event]) -> Result<(), FollowError>,
    {
        let stored = self.stored().await?;
        let mut at = At { stored, checked: stored, heard: false, due: 0 };
        self.progress.advance(stored, true);
        let mut feed = EventFeedServiceClient::new(self.peer.channel()).max_decoding_message_size(MAX_RESPONSE_BYTES);
        let request = FollowRequest { after_position: stored, types: self.types.clone() };
        let mut stream = within(feed.follow(self.peer.request(request, None)?)).await?;
        self.progress.recover();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let leave = tokio::time::sleep(ServiceIdentity::AT_LEAST.unsigned_abs() / 2);
        tokio::pin!(leave);
        loop {
            tokio::select! {
                first = stream.message() => self.take(first?, &mut stream, &mut at, apply).await?,
                _ = look.tick() => self.look(&mut feed, &mut at).await?,
                () = &mut leave => return Ok(()),
            }
        }
    }

    /// Takes in what the stream holds, in one transaction. Mere progress is only noted, to be stored by and by.
    async fn take<A>(
        &self,
        first: Option<FollowResponse>,
        stream: &mut Streaming<FollowResponse>,
        at: &mut At,
        apply: &mut A,
    ) -> Result<(), FollowError>
    where
        A: AsyncFnMut(&mut Transaction, &[Event]) -> Result<(), FollowError>,
    {
        let mut batch = Batch::after(at.checked, self.types.is_empty());
        // What came before the end of a stream is good.
        let end = batch.gather(first, stream);
        at.heard = true;
        at.checked = batch.checked;
        // Before those are left out that another process took in: what it made of them is new here too.
        let changed = batch.events.iter().any(|event| event.subject.starts_with(self.noun));
        if !batch.events.is_empty() {
            let mut transaction = self.database.begin().await?;
            at.stored = self.lock(&mut transaction, at.stored).await?;
            batch.events.retain(|event| event.position > at.stored);
            if !batch.events.is_empty() {
                apply(&mut transaction, &batch.events).await?;
            }
            self.store(transaction, at).await?;
        }
        self.progress.advance(at.checked, changed);
        end
    }

    /// Asks how far ahead the source is, notices what no message tells, and stores progress.
    async fn look(&self, feed: &mut EventFeedServiceClient<Channel>, at: &mut At) -> Result<(), FollowError> {
        let request = self.peer.request(GetFeedHeadRequest {}, Some(PATIENCE))?;
        let newest = within(feed.get_feed_head(request)).await?.newest_position;
        if !at.heard && at.checked < at.due {
            return Err(FollowError::Silent);
        }
        (at.heard, at.due) = (false, newest);
        self.progress.expect(newest);
        let stored = self.stored().await?;
        if stored < at.stored {
            return Err(FollowError::SetBack(stored));
        }
        if stored < at.checked {
            let mut transaction = self.database.begin().await?;
            at.stored = self.lock(&mut transaction, at.stored).await?;
            self.store(transaction, at).await?;
        }
        Ok(())
    }

    /// The stored position; the first follower of all begins at 0.
    #[expect(clippy::disallowed_methods, reason = "the statement carries the name of the service's schema")]
    async fn stored(&self) -> Result<i64, FollowError> {
        let mut connection = self.database.connection().await?;
        let stored =
            sqlx::query_scalar(self.statements.read).bind(self.source).fetch_optional(&mut *connection).await?;
        if stored.is_none() {
            sqlx::query(self.statements.begin).bind(self.source).execute(&mut *connection).await?;
        }
        connection.release();
        Ok(stored.unwrap_or_default())
    }

    /// Locks the stored position, which others may have advanced since it was `known`.
    #[expect(clippy::disallowed_methods, reason = "the statement carries the name of the service's schema")]
    async fn lock(&self, transaction: &mut Transaction, known: i64) -> Result<i64, FollowError> {
        let stored: Option<i64> =
            sqlx::query_scalar(self.statements.lock).bind(self.source).fetch_optional(&mut ***transaction).await?;
        let stored = stored.unwrap_or_default();
        if stored < known { Err(FollowError::SetBack(stored)) } else { Ok(stored) }
    }

    /// Stores how far the stream is, where nobody is further, and commits.
    #[expect(clippy::disallowed_methods, reason = "the statement carries the name of the service's schema")]
    async fn store(&self, mut transaction: Transaction, at: &mut At) -> Result<(), FollowError> {
        if at.stored < at.checked {
            let store = sqlx::query(self.statements.store).bind(self.source).bind(at.checked);
            store.execute(&mut **transaction).await?;
            at.stored = at.checked;
        }
        Ok(transaction.commit().await?)
    }
}

/// Bounds the wait for an answer: a source that hangs does not say so.
async fn within<T>(answer: impl Future<Output = Result<Response<T>, Status>>) -> Result<T, FollowError> {
    let answer = tokio::time::timeout(PATIENCE, answer).await;
    Ok(answer.unwrap_or_else(|_elapsed| Err(Status::deadline_exceeded("no answer")))?.into_inner())
}
