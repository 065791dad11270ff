//! Keeps [`TerritoryPaths`] as the tree is, by following this service's own events.

use std::time::Duration;

use guanxi_auth::TerritoryPaths;
use guanxi_db::Database;
use guanxi_events::{Reader, StoredEvent};
use guanxi_proto::client_registry::v1::TerritoryChange;
use guanxi_resource::Directory;
use prost::Message;
use tokio::sync::watch;

/// How long to wait after the feed could not be read.
const RETRY: Duration = Duration::from_secs(1);

/// Loads the tree and follows its changes from then on.
pub(crate) async fn start(database: &Database, reader: &Reader) -> Result<Directory, guanxi_db::Error> {
    // The position first: what is committed between the two statements is then applied twice, never missed.
    let (position, _oldest) = reader.bounds().await?;
    let mut connection = database.connection().await?;
    let rows = sqlx::query!("select code, path from client_registry.territory").fetch_all(&mut *connection).await?;
    connection.release();
    let paths = TerritoryPaths::default();
    paths.replace(rows.into_iter().map(|row| (row.code, row.path)));
    let (sender, followed) = watch::channel(position);
    tokio::spawn(follow(reader.clone(), paths.clone(), sender));
    Ok(Directory { paths, followed })
}

async fn follow(reader: Reader, paths: TerritoryPaths, followed: watch::Sender<i64>) {
    let mut newest = reader.newest();
    loop {
        newest.borrow_and_update();
        let position = *followed.borrow();
        match reader.after(position).await {
            Ok(events) => {
                if let Some(last) = events.last() {
                    for event in events.iter().filter(|event| event.subject.starts_with("territory/")) {
                        apply(event, &paths);
                    }
                    followed.send_replace(last.position);
                    continue;
                }
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the territory paths cannot be followed");
                tokio::time::sleep(RETRY).await;
                continue;
            }
        }
        if newest.changed().await.is_err() {
            return;
        }
    }
}

fn apply(event: &StoredEvent, paths: &TerritoryPaths) {
    let Ok(change) = TerritoryChange::decode(event.payload.as_slice()) else {
        tracing::error!(position = event.position, "the payload of an event cannot be decoded");
        return;
    };
    match (change.before, change.after) {
        (_, Some(after)) if after.parent_code.is_empty() => paths.put(&after.code, &format!("{}/", after.code)),
        (_, Some(after)) => {
            if let Some(parent) = paths.path_of(&after.parent_code) {
                paths.put(&after.code, &format!("{parent}{}/", after.code));
            }
        }
        (Some(before), None) => paths.remove(&before.code),
        (None, None) => {}
    }
}
