//! Where territories lie: a copy of client-registry's tree, kept by following its feed, and in memory for every call.
//!
//! The copy is one for all processes of the service, and whichever process takes an event in changes it. So each process reads it
//! again when its own stream has shown it that something changed.

use std::collections::BTreeSet;
use std::time::Duration;

use guanxi_auth::{TerritoryPaths, subtree_end};
use guanxi_db::{Database, PgConnection};
use guanxi_events::{FollowError, Follower};
use guanxi_grpc::Peer;
use guanxi_proto::client_registry::v1::{Territory, TerritoryChange};
use guanxi_proto::events::v1::Event;
use guanxi_resource::Directory;
use prost::Message;
use tokio::sync::watch;

/// The service that has the tree.
const SOURCE: &str = "client-registry";
const TYPES: [&str; 1] = ["guanxi.client_registry.v1.territory.*"];
/// How long to wait after the copy could not be read.
const RETRY: Duration = Duration::from_secs(1);

/// Loads the copy, and keeps it up to date where its source is known. `newest` is how far the service's own events go.
pub(crate) async fn start(
    database: &Database,
    newest: watch::Receiver<i64>,
    registry: Option<Peer>,
) -> Result<Directory, guanxi_db::Error> {
    let paths = TerritoryPaths::default();
    load(database, &paths).await?;
    if let Some(registry) = registry {
        let follower = Follower::new(database, SOURCE, registry, &TYPES);
        tokio::spawn(keep_loading(database.clone(), paths.clone(), follower.changes()));
        tokio::spawn(follower.follow(async |transaction, events| apply(transaction, events).await));
    }
    // The service's own changes never shape the tree, so its own feed need not wait for the copy.
    Ok(Directory { paths, followed: newest })
}

async fn load(database: &Database, paths: &TerritoryPaths) -> Result<(), guanxi_db::Error> {
    let mut connection = database.connection().await?;
    let rows = sqlx::query!("select code, path from product_catalog.territory").fetch_all(&mut *connection).await?;
    connection.release();
    paths.replace(rows.into_iter().map(|row| (row.code, row.path)));
    Ok(())
}

/// Reads the whole copy again after every change; what changes meanwhile is read together.
async fn keep_loading(database: Database, paths: TerritoryPaths, mut changes: watch::Receiver<i64>) {
    while changes.changed().await.is_ok() {
        while let Err(error) = load(&database, &paths).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the copy of the territories cannot be read");
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// Changes the copy as the tree was changed. What events create and delete is written at once at the end; a move re-paths its
/// subtree by a statement of its own, and in `tree` what is not written yet.
async fn apply(connection: &mut PgConnection, events: &[Event]) -> Result<(), FollowError> {
    let changes = events.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let tree = named(connection, &changes).await?;
    let mut touched = BTreeSet::new();
    for (event, change) in events.iter().zip(changes) {
        match (change.before, change.after) {
            (_, Some(after)) => {
                let path = path(&tree, &after).ok_or_else(|| unfit(event, "its parent is not in the copy"))?;
                match tree.path_of(&after.code) {
                    Some(old) if old == path => {}
                    Some(old) => re_path(connection, &old, &path).await?,
                    None => drop(touched.insert(after.code.clone())),
                }
                tree.put(&after.code, &path);
            }
            (Some(before), None) => {
                tree.remove(&before.code);
                touched.insert(before.code);
            }
            (None, None) => return Err(unfit(event, "it has neither before nor after")),
        }
    }
    write(connection, &tree, touched).await
}

fn read(event: &Event) -> Result<TerritoryChange, FollowError> {
    let payload = event.payload.as_ref().ok_or_else(|| unfit(event, "it has no payload"))?;
    TerritoryChange::decode(payload.value.as_slice()).map_err(|error| unfit(event, &error.to_string()))
}

fn unfit(event: &Event, problem: &str) -> FollowError {
    FollowError::Apply { position: event.position, problem: format!("{}: {problem}", event.subject) }
}

/// Where a territory lies by its parent.
fn path(tree: &TerritoryPaths, territory: &Territory) -> Option<String> {
    let above = if territory.parent_code.is_empty() { String::new() } else { tree.path_of(&territory.parent_code)? };
    Some(format!("{above}{}/", territory.code))
}

/// The part of the copy that changes name.
async fn named(connection: &mut PgConnection, changes: &[TerritoryChange]) -> Result<TerritoryPaths, FollowError> {
    let sides = changes.iter().flat_map(|change| [&change.before, &change.after]).flatten();
    let codes: Vec<String> = sides.flat_map(|side| [side.code.clone(), side.parent_code.clone()]).collect();
    let rows = sqlx::query!("select code, path from product_catalog.territory where code = any($1)", &codes);
    let tree = TerritoryPaths::default();
    tree.replace(rows.fetch_all(connection).await?.into_iter().map(|row| (row.code, row.path)));
    Ok(tree)
}

async fn re_path(connection: &mut PgConnection, old: &str, new: &str) -> Result<(), FollowError> {
    sqlx::query!(
        "update product_catalog.territory set path = $3 || substr(path, length($1) + 1) where path >= $1 and path < $2",
        old,
        subtree_end(old),
        new,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what was created, and deletes what was deleted.
async fn write(
    connection: &mut PgConnection,
    tree: &TerritoryPaths,
    codes: BTreeSet<String>,
) -> Result<(), FollowError> {
    let (mut there, mut paths, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for code in codes {
        match tree.path_of(&code) {
            Some(path) => {
                there.push(code);
                paths.push(path);
            }
            None => gone.push(code),
        }
    }
    if !there.is_empty() {
        sqlx::query_scalar!(
            "insert into product_catalog.territory (code, path) select code, path from unnest($1::text[], $2::text[]) as new (code, path) \
             on conflict (code) do update set path = excluded.path returning code",
            &there,
            &paths,
        )
        .fetch_all(&mut *connection)
        .await?;
    }
    if !gone.is_empty() {
        sqlx::query!("delete from product_catalog.territory where code = any($1)", &gone).execute(connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use guanxi_events::NewEvent;
    use guanxi_test_support::TestDatabase;
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};
    use sqlx::Row;

    use super::*;
    use crate::{MIGRATOR, SCHEMA};

    /// What may happen to a tree of the territories `T0` to `T9`: the first number of each says to which.
    #[derive(Clone, Debug)]
    enum Step {
        Put(usize, usize),
        Delete(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let put = (0..10_usize, 0..11_usize).prop_map(|(code, parent)| Step::Put(code, parent));
        let delete = (0..10_usize).prop_map(Step::Delete);
        prop::collection::vec(prop_oneof![4 => put, 1 => delete], 1..60)
    }

    fn territory(code: &str, parent: &str) -> Territory {
        Territory { code: code.to_owned(), parent_code: parent.to_owned(), ..Territory::default() }
    }

    /// The steps that a tree allows, as events, and the tree after them.
    fn events(steps: &[Step]) -> (Vec<Event>, TerritoryPaths) {
        let (tree, mut events) = (TerritoryPaths::default(), Vec::new());
        for step in steps {
            let change = match step {
                Step::Put(code, parent) => {
                    let (code, parent) = (format!("T{code}"), format!("T{parent}"));
                    // `T10` stands for no parent.
                    let (parent, above) = match parent.as_str() {
                        "T10" => (String::new(), Some(String::new())),
                        _ => (parent.clone(), tree.path_of(&parent)),
                    };
                    let inside = |above: &String| above.split('/').any(|step| step == code);
                    let Some(above) = above.filter(|above| !inside(above)) else { continue };
                    let before = tree.path_of(&code).map(|_| territory(&code, ""));
                    tree.put(&code, &format!("{above}{code}/"));
                    TerritoryChange { before, after: Some(territory(&code, &parent)) }
                }
                Step::Delete(code) => {
                    let code = format!("T{code}");
                    let inner = |other: usize| {
                        tree.path_of(&format!("T{other}")).is_some_and(|path| path.contains(&format!("{code}/T")))
                    };
                    if tree.path_of(&code).is_none() || (0..10).any(inner) {
                        continue;
                    }
                    tree.remove(&code);
                    TerritoryChange { before: Some(territory(&code, "")), after: None }
                }
            };
            let position = i64::try_from(events.len()).unwrap() + 1;
            events.push(Event { position, payload: Some(NewEvent::pack(&change)), ..Event::default() });
        }
        (events, tree)
    }

    async fn copy(connection: &mut PgConnection) -> Vec<(String, String)> {
        let rows =
            sqlx::raw_sql("select code, path from product_catalog.territory order by code").fetch_all(connection);
        rows.await.unwrap().into_iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    #[test]
    fn the_copy_is_the_tree_however_events_come_together() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let database = runtime.block_on(TestDatabase::create(SCHEMA, &MIGRATOR));
        let connection = std::cell::RefCell::new(runtime.block_on(database.admin()));
        let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
        let strategy = (steps(), 1..20_usize);
        let outcome = runner.run(&strategy, |(steps, together)| {
            let (events, tree) = events(&steps);
            let mut connection = connection.borrow_mut();
            let copy = runtime.block_on(async {
                sqlx::raw_sql("delete from product_catalog.territory").execute(&mut *connection).await.unwrap();
                for batch in events.chunks(together) {
                    apply(&mut connection, batch).await.unwrap();
                }
                copy(&mut connection).await
            });
            let codes = (0..10).map(|number| format!("T{number}"));
            let expected: Vec<_> = codes.filter_map(|code| tree.path_of(&code).map(|path| (code, path))).collect();
            prop_assert_eq!(copy, expected);
            Ok(())
        });
        outcome.unwrap();
    }

    #[tokio::test]
    async fn an_event_that_does_not_fit_is_no_change() {
        let database = TestDatabase::create(SCHEMA, &MIGRATOR).await;
        let mut connection = database.admin().await;
        let change = TerritoryChange { before: None, after: Some(territory("4403", "44")) };
        let event = Event {
            position: 7,
            subject: "territory/1".to_owned(),
            payload: Some(NewEvent::pack(&change)),
            ..Event::default()
        };
        let error = apply(&mut connection, &[event]).await.unwrap_err().to_string();
        assert_eq!(error, "the event at position 7 cannot be applied: territory/1: its parent is not in the copy");
        assert_eq!(copy(&mut connection).await, []);
    }

    #[tokio::test]
    async fn a_process_sees_what_another_one_took_in() {
        let database = TestDatabase::create(SCHEMA, &MIGRATOR).await;
        let settings = guanxi_db::Settings {
            database_url: database.service_url(),
            owner_database_url: None,
            database_connections: 1,
        };
        let here = Database::connect(&settings, SCHEMA).await.unwrap();
        let Directory { paths, .. } = start(&here, watch::channel(0).1, None).await.unwrap();
        let changes = watch::Sender::new(0);
        tokio::spawn(keep_loading(here, paths.clone(), changes.subscribe()));

        let change = TerritoryChange { before: None, after: Some(territory("CN", "")) };
        let event = Event { position: 1, payload: Some(NewEvent::pack(&change)), ..Event::default() };
        apply(&mut database.admin().await, &[event]).await.unwrap();
        assert_eq!(paths.path_of("CN"), None);
        changes.send_replace(1);
        while paths.path_of("CN").is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(paths.roots(), ["CN/"]);
    }
}
