//! Reading: one task per process follows the event table and wakes every subscriber.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use guanxi_db::{Database, Error};
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::watch;

use crate::StoredEvent;
use crate::outbox::channel;
use crate::stored::COLUMNS;

/// Events that are kept in memory for subscribers that are up to date, and how large they may be together; the others read the table.
const RECENT: usize = 4_096;
const RECENT_BYTES: usize = 32 * 1024 * 1024;
/// Events that are read at once.
pub(crate) const BATCH: i64 = 500;
/// A notification after the commit can be lost, so the reader looks for itself this often.
const FALLBACK: Duration = Duration::from_secs(1);

/// The events of a schema, as this process knows them. Cheap to clone.
#[derive(Clone)]
pub struct Reader(Arc<Inner>);

struct Inner {
    database: Database,
    page: &'static str,
    bounds: &'static str,
    recent: Mutex<VecDeque<Arc<StoredEvent>>>,
    newest: watch::Sender<i64>,
}

impl Reader {
    /// Starts to follow the event table from its end.
    pub async fn start(database: &Database) -> Result<Self, Error> {
        let schema = database.schema();
        let page = format!("select {COLUMNS} from {schema}.event where position > $1 order by position limit $2");
        let bounds = format!(
            "select head.position, coalesce((select min(position) from {schema}.event), 0) as oldest from {schema}.event_head head"
        );
        let inner = Inner {
            database: database.clone(),
            page: page.leak(),
            bounds: bounds.leak(),
            recent: Mutex::default(),
            newest: watch::Sender::new(0),
        };
        let reader = Self(Arc::new(inner));
        let (newest, _oldest) = reader.bounds().await?;
        reader.0.newest.send_replace(newest);
        tokio::spawn(follow(reader.clone()));
        Ok(reader)
    }

    /// Positions of the newest and of the oldest kept event.
    #[expect(clippy::disallowed_methods, reason = "the statement carries the name of the service's schema")]
    pub async fn bounds(&self) -> Result<(i64, i64), Error> {
        let mut connection = self.0.database.connection().await?;
        let bounds = sqlx::query_as(self.0.bounds).fetch_one(&mut *connection).await?;
        connection.release();
        Ok(bounds)
    }

    /// The next events after a position, at most [`BATCH`], oldest first; empty at the end of the feed.
    pub async fn after(&self, position: i64) -> Result<Vec<Arc<StoredEvent>>, Error> {
        match self.recent_after(position) {
            Some(events) => Ok(events),
            None => Ok(self.stored_after(position).await?.into_iter().map(Arc::new).collect()),
        }
    }

    /// A view of the newest position, to wait on.
    #[must_use]
    pub fn newest(&self) -> watch::Receiver<i64> {
        self.0.newest.subscribe()
    }

    fn recent_after(&self, position: i64) -> Option<Vec<Arc<StoredEvent>>> {
        if position >= *self.0.newest.borrow() {
            return Some(Vec::new());
        }
        let recent = self.0.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = recent.front()?.position;
        if position + 1 < oldest {
            return None;
        }
        let begin = recent.partition_point(|event| event.position <= position);
        Some(recent.iter().skip(begin).take(usize::try_from(BATCH).unwrap_or_default()).cloned().collect())
    }

    #[expect(clippy::disallowed_methods, reason = "the statement carries the name of the service's schema")]
    async fn stored_after(&self, position: i64) -> Result<Vec<StoredEvent>, Error> {
        let mut connection = self.0.database.connection().await?;
        let events = sqlx::query_as(self.0.page).bind(position).bind(BATCH).fetch_all(&mut *connection).await?;
        connection.release();
        Ok(events)
    }

    /// Reads what was committed since the last look and wakes the subscribers.
    async fn catch_up(&self) -> Result<(), Error> {
        loop {
            let position = *self.0.newest.borrow();
            let events = self.stored_after(position).await?;
            let Some(last) = events.last().map(|event| event.position) else { return Ok(()) };
            if last - position != i64::try_from(events.len()).unwrap_or_default() {
                tracing::error!(after = position, last, found = events.len(), "events are missing from the table");
            }
            let mut recent = self.0.recent.lock().unwrap_or_else(PoisonError::into_inner);
            recent.extend(events.into_iter().map(Arc::new));
            let mut bytes: usize = recent.iter().map(|event| event.payload.len()).sum();
            while recent.len() > RECENT || bytes > RECENT_BYTES {
                bytes -= recent.pop_front().map_or(bytes, |event| event.payload.len());
            }
            drop(recent);
            self.0.newest.send_replace(last);
        }
    }
}

/// Notifications are hints, the table is the truth.
async fn follow(reader: Reader) {
    let mut listener = None;
    loop {
        if listener.is_none() {
            listener = listen(&reader.0.database)
                .await
                .inspect_err(|error| tracing::debug!(%error, "no notifications for now"))
                .ok();
        }
        if let Err(error) = reader.catch_up().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the event table cannot be read");
            tokio::time::sleep(FALLBACK).await;
            continue;
        }
        let heard = async {
            match &mut listener {
                Some(listener) => listener.recv().await.map(|_| ()),
                None => std::future::pending().await,
            }
        };
        if let Ok(Err(error)) = tokio::time::timeout(FALLBACK, heard).await {
            tracing::debug!(%error, "no notifications for now");
            listener = None;
        }
    }
}

async fn listen(database: &Database) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(database.options());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(&channel(database.schema())).await?;
    Ok(listener)
}
