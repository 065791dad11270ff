//! Keeps the catalog in memory as it is, by following the service's own events, and makes older versions when they are asked for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use guanxi_db::Error;
use guanxi_events::Reader;
use tokio::sync::watch;

use super::catalog::Catalog;

/// How long to wait after the events could not be read.
const RETRY: Duration = Duration::from_secs(1);
/// How long a request waits for a version that another replica has already.
const PATIENCE: Duration = Duration::from_secs(1);
/// Older versions that are kept once they were made.
const KEPT: usize = 8;

/// The newest catalog, and a few older ones. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Keeper {
    reader: Reader,
    newest: watch::Sender<Arc<Catalog>>,
    older: Arc<Mutex<VecDeque<Arc<Catalog>>>>,
}

impl Keeper {
    /// Folds everything that happened and follows what happens from then on.
    pub(crate) async fn start(reader: &Reader) -> Result<Self, Error> {
        let mut catalog = Catalog::default();
        let (newest, _oldest) = reader.bounds().await?;
        advance(reader, &mut catalog, newest).await?;
        let keeper =
            Self { reader: reader.clone(), newest: watch::Sender::new(Arc::new(catalog)), older: Arc::default() };
        tokio::spawn(keeper.clone().follow());
        Ok(keeper)
    }

    /// The newest catalog.
    pub(crate) fn newest(&self) -> Arc<Catalog> {
        self.newest.borrow().clone()
    }

    /// The catalog at a version, or the version of the newest one where there is none yet. What another replica answered with a moment
    /// ago is waited for.
    pub(crate) async fn at(&self, version: i64) -> Result<Result<Arc<Catalog>, i64>, Error> {
        let mut followed = self.newest.subscribe();
        let _ = tokio::time::timeout(PATIENCE, followed.wait_for(|newest| newest.version >= version)).await;
        let newest = self.newest();
        if version == newest.version {
            return Ok(Ok(newest));
        }
        if version > newest.version {
            return Ok(Err(newest.version));
        }
        let known = |older: &VecDeque<Arc<Catalog>>| older.iter().find(|catalog| catalog.version == version).cloned();
        if let Some(catalog) = known(&self.older.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(Ok(catalog));
        }
        let mut catalog = Catalog::default();
        advance(&self.reader, &mut catalog, version).await?;
        let catalog = Arc::new(catalog);
        let mut older = self.older.lock().unwrap_or_else(PoisonError::into_inner);
        older.push_back(catalog.clone());
        if older.len() > KEPT {
            older.pop_front();
        }
        Ok(Ok(catalog))
    }

    async fn follow(self) {
        let mut positions = self.reader.newest();
        loop {
            let position = *positions.borrow_and_update();
            let mut catalog = self.newest().as_ref().clone();
            match advance(&self.reader, &mut catalog, position).await {
                Ok(()) => {
                    self.newest.send_replace(Arc::new(catalog));
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the catalog cannot be followed");
                    tokio::time::sleep(RETRY).await;
                    continue;
                }
            }
            if positions.changed().await.is_err() {
                return;
            }
        }
    }
}

/// Folds the events up to a position.
async fn advance(reader: &Reader, catalog: &mut Catalog, position: i64) -> Result<(), Error> {
    while catalog.version < position {
        let events = reader.after(catalog.version).await?;
        if events.is_empty() {
            return Ok(());
        }
        for event in events.iter().take_while(|event| event.position <= position) {
            if let Err(error) = catalog.fold(event.position, &event.payload_type, &event.payload) {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a change is missing from the catalog in memory"
                );
            }
        }
    }
    Ok(())
}
