//! Where territories lie: a copy of client-registry's tree, kept by following its feed, and in memory for every call.
//!
//! The copy is one for all processes of the service, and whichever process takes an event in changes it. So each process reads it
//! again when its own stream has shown it that something changed. Its tables, `territory` and `followed`, lie in the service's own
//! schema, so the statements are rendered once with the name of the schema.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use futures_util::future::BoxFuture;
use guanxi_auth::{TerritoryPaths, subtree_end};
use guanxi_db::{Database, PgConnection};
use guanxi_events::{FollowError, Follower};
use guanxi_grpc::Peer;
use guanxi_proto::client_registry::v1::{Territory, TerritoryChange};
use guanxi_proto::events::v1::Event;
use guanxi_resource::Directory;
use prost::Message;
use tokio::sync::watch;

use crate::CLIENT_REGISTRY;

/// What the subjects of territories begin with.
const NOUN: &str = "territory/";
const TYPES: [&str; 1] = ["guanxi.client_registry.v1.territory.*"];
/// How long to wait after the copy could not be read.
const RETRY: Duration = Duration::from_secs(1);

/// Gives what a service keeps in a subtree its new paths: everything whose path begins with the first text gets the second in its
/// place. It runs after the copy itself was changed and in the same transaction, so who places a resource at that moment must lock the
/// row of its territory in the copy (`for share`).
pub type RePath = for<'c> fn(&'c mut PgConnection, &'c str, &'c str) -> BoxFuture<'c, Result<(), guanxi_db::Error>>;

/// A territory that came, moved or went, by what its event alone tells: its own path, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The code.
    pub code: String,
    /// Its path before; `None` where it was not there.
    pub before: Option<String>,
    /// Its path after; `None` where it is gone.
    pub after: Option<String>,
}

/// Restates what a service keeps for whole subtrees, such as sums: it gets what happened in its order, after the copy itself was changed and in the
/// same transaction. What lies below a territory that moved is not named.
pub type Restate = for<'c> fn(&'c mut PgConnection, &'c [Placement]) -> BoxFuture<'c, Result<(), FollowError>>;

/// Takes in events of client-registry in the transaction of their position.
pub type Take = for<'c> fn(&'c mut PgConnection, &'c [Event]) -> BoxFuture<'c, Result<(), FollowError>>;

/// What a service has of client-registry beside the tree itself.
#[derive(Clone, Copy, Default)]
pub struct Beside {
    /// For a service that keeps something in territories.
    pub re_path: Option<RePath>,
    /// For a service that keeps sums over the tree.
    pub restate: Option<Restate>,
    /// For a service that takes in other events too, of these types; `take` gets all events and picks its own.
    pub take: Option<(&'static [&'static str], Take)>,
}

/// What a service knows of the feed of client-registry beside the tree. Where that is not followed, nothing changes here.
#[derive(Clone, Debug)]
pub struct Followed {
    /// How far it is taken in.
    pub position: watch::Receiver<i64>,
    /// Changes whenever the paths were read again: a little later than the copy changed.
    pub loaded: watch::Receiver<i64>,
}

/// Loads the copy, and keeps it up to date where its source is known. `newest` is how far the service's own events go.
pub async fn start(
    database: &Database,
    newest: watch::Receiver<i64>,
    registry: Option<Peer>,
    beside: Beside,
) -> Result<(Directory, Followed), guanxi_db::Error> {
    let (intake, paths) = (Intake::of(database.schema(), beside), TerritoryPaths::default());
    intake.copy.load(database, &paths).await?;
    let (loads, loaded) = watch::channel(0);
    let mut told = Followed { position: watch::channel(0).1, loaded };
    if let Some(registry) = registry {
        let mut follower = Follower::new(database, CLIENT_REGISTRY, registry, &intake.types());
        told.position = follower.position();
        tokio::spawn(intake.copy.keep_loading(database.clone(), paths.clone(), follower.changes_of(NOUN), loads));
        tokio::spawn(follower.follow(async move |transaction, events| intake.apply(transaction, events).await));
    }
    // The service's own changes never shape the tree, so its own feed need not wait for the copy.
    Ok((Directory { paths, followed: newest }, told))
}

/// What a service makes of the feed of client-registry, for who follows it and for who makes it anew elsewhere.
#[derive(Clone, Copy)]
pub struct Intake {
    copy: Copy,
    beside: Beside,
}

impl Intake {
    /// Into the tables of a schema.
    #[must_use]
    pub fn of(schema: &str, beside: Beside) -> Self {
        Self { copy: Copy::of(schema, beside.re_path, beside.restate), beside }
    }

    /// The types of events that it takes.
    #[must_use]
    pub fn types(self) -> Vec<&'static str> {
        [&TYPES, self.beside.take.unzip().0.unwrap_or_default()].concat()
    }

    /// Takes in some events, oldest first.
    pub async fn apply(self, connection: &mut PgConnection, events: &[Event]) -> Result<(), FollowError> {
        self.copy.apply(connection, events).await?;
        match self.beside.take {
            Some((_, take)) => take(connection, events).await,
            None => Ok(()),
        }
    }
}

/// The copy in the tables of a schema.
#[derive(Clone, Copy)]
struct Copy {
    load: &'static str,
    named: &'static str,
    move_subtree: &'static str,
    put: &'static str,
    delete: &'static str,
    re_path: Option<RePath>,
    restate: Option<Restate>,
}

/// The part of the copy that some changes name.
struct Named {
    paths: TerritoryPaths,
    levels: HashMap<String, String>,
}

impl Copy {
    fn of(schema: &str, re_path: Option<RePath>, restate: Option<Restate>) -> Self {
        let load = format!("select code, path from {schema}.territory");
        let named = format!("select code, path, level from {schema}.territory where code = any($1)");
        let move_subtree = format!(
            "update {schema}.territory set path = $3 || substr(path, length($1) + 1) where path >= $1 and path < $2"
        );
        let put = format!(
            "insert into {schema}.territory (code, path, level) \
             select code, path, level from unnest($1::text[], $2::text[], $3::text[]) as new (code, path, level) \
             on conflict (code) do update set path = excluded.path, level = excluded.level returning code"
        );
        let delete = format!("delete from {schema}.territory where code = any($1)");
        Self {
            load: load.leak(),
            named: named.leak(),
            move_subtree: move_subtree.leak(),
            put: put.leak(),
            delete: delete.leak(),
            re_path,
            restate,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the statement carries the name of the service's schema")]
    async fn load(self, database: &Database, paths: &TerritoryPaths) -> Result<(), guanxi_db::Error> {
        let mut connection = database.connection().await?;
        let rows: Vec<(String, String)> = sqlx::query_as(self.load).fetch_all(&mut *connection).await?;
        connection.release();
        paths.replace(rows);
        Ok(())
    }

    /// Reads the whole copy again after every change; what changes meanwhile is read together.
    async fn keep_loading(
        self,
        database: Database,
        paths: TerritoryPaths,
        mut changes: watch::Receiver<i64>,
        loads: watch::Sender<i64>,
    ) {
        while changes.changed().await.is_ok() {
            while let Err(error) = self.load(&database, &paths).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "the copy of the territories cannot be read");
                tokio::time::sleep(RETRY).await;
            }
            loads.send_modify(|loads| *loads += 1);
        }
    }

    /// Changes the copy as the tree was changed. What events create and delete is written at once at the end; a move re-paths its
    /// subtree by a statement of its own, and in `named` what is not written yet. Events that were taken in before change nothing in
    /// the end: each territory goes once more the way that it went.
    async fn apply(self, connection: &mut PgConnection, events: &[Event]) -> Result<(), FollowError> {
        let events = events.iter().filter(|event| event.subject.starts_with(NOUN));
        let changes = events.clone().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut named = self.named(connection, &changes).await?;
        let (mut touched, mut placements) = (BTreeSet::new(), Vec::new());
        for (event, change) in events.zip(changes) {
            match (change.before, change.after) {
                (_, Some(after)) => {
                    let path =
                        path(&named.paths, &after).ok_or_else(|| unfit(event, "its parent is not in the copy"))?;
                    let before = named.paths.path_of(&after.code);
                    if let Some(old) = before.as_ref().filter(|old| **old != path) {
                        self.move_subtree(connection, old, &path).await?;
                    }
                    placements.push(Placement { code: after.code.clone(), before, after: Some(path.clone()) });
                    named.paths.put(&after.code, &path);
                    if named.levels.insert(after.code.clone(), after.level.clone()) != Some(after.level) {
                        touched.insert(after.code);
                    }
                }
                (Some(before), None) => {
                    let path = named.paths.path_of(&before.code);
                    placements.push(Placement { code: before.code.clone(), before: path, after: None });
                    named.paths.remove(&before.code);
                    named.levels.remove(&before.code);
                    touched.insert(before.code);
                }
                (None, None) => return Err(unfit(event, "it has neither before nor after")),
            }
        }
        self.write(connection, &named, touched).await?;
        match self.restate {
            Some(restate) if !placements.is_empty() => restate(connection, &placements).await,
            _ => Ok(()),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the statement carries the name of the service's schema")]
    async fn named(self, connection: &mut PgConnection, changes: &[TerritoryChange]) -> Result<Named, FollowError> {
        let sides = changes.iter().flat_map(|change| [&change.before, &change.after]).flatten();
        let codes: Vec<&str> = sides.flat_map(|side| [&*side.code, &*side.parent_code]).collect();
        let rows: Vec<(String, String, String)> = sqlx::query_as(self.named).bind(codes).fetch_all(connection).await?;
        let paths = TerritoryPaths::default();
        paths.replace(rows.iter().map(|(code, path, _)| (code.clone(), path.clone())));
        Ok(Named { paths, levels: rows.into_iter().map(|(code, _, level)| (code, level)).collect() })
    }

    #[expect(clippy::disallowed_methods, reason = "the statement carries the name of the service's schema")]
    async fn move_subtree(self, connection: &mut PgConnection, old: &str, new: &str) -> Result<(), FollowError> {
        let territories = sqlx::query(self.move_subtree).bind(old).bind(subtree_end(old)).bind(new);
        territories.execute(&mut *connection).await?;
        if let Some(re_path) = self.re_path {
            re_path(connection, old, new).await?;
        }
        Ok(())
    }

    /// Writes what was created, and deletes what was deleted.
    #[expect(clippy::disallowed_methods, reason = "the statements carry the name of the service's schema")]
    async fn write(
        self,
        connection: &mut PgConnection,
        named: &Named,
        codes: BTreeSet<String>,
    ) -> Result<(), FollowError> {
        let (there, gone): (Vec<_>, Vec<_>) = codes.into_iter().partition(|code| named.levels.contains_key(code));
        if !there.is_empty() {
            let paths: Vec<_> = there.iter().map(|code| named.paths.path_of(code)).collect();
            let levels: Vec<_> = there.iter().map(|code| named.levels.get(code)).collect();
            sqlx::query(self.put).bind(&there).bind(paths).bind(levels).fetch_all(&mut *connection).await?;
        }
        if !gone.is_empty() {
            sqlx::query(self.delete).bind(gone).execute(connection).await?;
        }
        Ok(())
    }
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

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tables of these tests are not those of a service")]
mod tests {
    use std::borrow::Cow;

    use guanxi_events::NewEvent;
    use guanxi_test_support::TestDatabase;
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};
    use sqlx::migrate::Migrator;

    use super::*;

    const SCHEMA: &str = "guanxi_test";

    static MIGRATOR: Migrator = Migrator { table_name: Cow::Borrowed("guanxi_test.migration"), ..Migrator::DEFAULT };

    /// A database with an empty copy, and something that lies in territories.
    async fn database() -> TestDatabase {
        let database = TestDatabase::create(SCHEMA, &MIGRATOR).await;
        let tables = "create table guanxi_test.territory (code text collate \"C\" not null, path text collate \"C\" not null, \
            level text not null, constraint territory_pkey primary key (code)); \
            create table guanxi_test.thing (territory_path text collate \"C\" not null); \
            create table guanxi_test.request (principal text not null, method text not null, request_id uuid not null, \
            digest bytea not null, resource_id uuid not null, create_time timestamptz not null); \
            grant all on all tables in schema guanxi_test to guanxi_test_service";
        sqlx::raw_sql(tables).execute(&mut database.admin().await).await.unwrap();
        database
    }

    fn re_path<'c>(
        connection: &'c mut PgConnection,
        old: &'c str,
        new: &'c str,
    ) -> BoxFuture<'c, Result<(), guanxi_db::Error>> {
        Box::pin(async move {
            let move_things = "update guanxi_test.thing set territory_path = $3 || substr(territory_path, length($1) + 1) \
                where territory_path >= $1 and territory_path < $2";
            sqlx::query(move_things).bind(old).bind(subtree_end(old)).bind(new).execute(connection).await?;
            Ok(())
        })
    }

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
        let level = format!("level of {code}");
        Territory { code: code.to_owned(), parent_code: parent.to_owned(), level, ..Territory::default() }
    }

    /// The steps that a tree allows, as events, and the tree after them.
    fn events(steps: &[Step]) -> (Vec<Event>, TerritoryPaths) {
        let (tree, mut events) = (TerritoryPaths::default(), Vec::new());
        for step in steps {
            let (before, after) = match step {
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
                    (before, Some(territory(&code, &parent)))
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
                    (Some(territory(&code, "")), None)
                }
            };
            events.push(event(i64::try_from(events.len()).unwrap() + 1, before, after));
        }
        (events, tree)
    }

    fn event(position: i64, before: Option<Territory>, after: Option<Territory>) -> Event {
        let payload = Some(NewEvent::pack(&TerritoryChange { before, after }));
        Event { position, subject: "territory/1".to_owned(), payload, ..Event::default() }
    }

    async fn copied(connection: &mut PgConnection) -> Vec<(String, String, String)> {
        let rows = sqlx::query_as("select code, path, level from guanxi_test.territory order by code");
        rows.fetch_all(connection).await.unwrap()
    }

    #[test]
    fn the_copy_is_the_tree_however_events_come_together_and_come_again() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let database = runtime.block_on(database());
        let connection = std::cell::RefCell::new(runtime.block_on(database.admin()));
        let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
        let strategy = (steps(), 1..20_usize, 1..20_usize);
        let outcome = runner.run(&strategy, |(steps, together, again)| {
            let (events, tree) = events(&steps);
            let mut connection = connection.borrow_mut();
            let copy = Copy::of(SCHEMA, None, None);
            let codes = (0..10).map(|number| format!("T{number}"));
            let expected = codes.filter_map(|code| {
                let path = tree.path_of(&code)?;
                Some((code.clone(), path, format!("level of {code}")))
            });
            let expected: Vec<_> = expected.collect();
            runtime.block_on(async {
                sqlx::raw_sql("delete from guanxi_test.territory").execute(&mut *connection).await.unwrap();
                for together in [together, again] {
                    for batch in events.chunks(together) {
                        copy.apply(&mut connection, batch).await.unwrap();
                    }
                    prop_assert_eq!(copied(&mut connection).await, &*expected);
                }
                Ok(())
            })
        });
        outcome.unwrap();
    }

    #[tokio::test]
    async fn what_lies_in_a_territory_moves_with_it() {
        let database = database().await;
        let (mut connection, copy) = (database.admin().await, Copy::of(SCHEMA, Some(re_path), None));
        let tree = [("CN", ""), ("44", "CN"), ("33", "CN"), ("4403", "44"), ("4401", "44")];
        let events: Vec<_> =
            (1..).zip(tree).map(|(at, (code, parent))| event(at, None, Some(territory(code, parent)))).collect();
        copy.apply(&mut connection, &events).await.unwrap();
        let things =
            "insert into guanxi_test.thing (territory_path) values ('CN/44/4403/'), ('CN/44/4401/'), ('CN/33/')";
        sqlx::raw_sql(things).execute(&mut connection).await.unwrap();

        let moved = event(6, Some(territory("4403", "44")), Some(territory("4403", "33")));
        copy.apply(&mut connection, &[moved]).await.unwrap();
        let things = "select territory_path from guanxi_test.thing order by territory_path";
        let things: Vec<String> = sqlx::query_scalar(things).fetch_all(&mut connection).await.unwrap();
        assert_eq!(things, ["CN/33/", "CN/33/4403/", "CN/44/4401/"]);
    }

    #[tokio::test]
    async fn an_event_that_does_not_fit_is_no_change() {
        let database = database().await;
        let (mut connection, copy) = (database.admin().await, Copy::of(SCHEMA, None, None));
        let event = event(7, None, Some(territory("4403", "44")));
        let error = copy.apply(&mut connection, &[event]).await.unwrap_err().to_string();
        assert_eq!(error, "the event at position 7 cannot be applied: territory/1: its parent is not in the copy");
        assert_eq!(copied(&mut connection).await, []);
    }

    #[tokio::test]
    async fn a_process_sees_what_another_one_took_in() {
        let database = database().await;
        let here = Database::connect(&database.settings(), SCHEMA).await.unwrap();
        let (Directory { paths, .. }, _) = start(&here, watch::channel(0).1, None, Beside::default()).await.unwrap();
        let (changes, copy) = (watch::Sender::new(0), Copy::of(SCHEMA, None, None));
        tokio::spawn(copy.keep_loading(here, paths.clone(), changes.subscribe(), watch::Sender::new(0)));

        let event = event(1, None, Some(territory("CN", "")));
        copy.apply(&mut database.admin().await, &[event]).await.unwrap();
        assert_eq!(paths.path_of("CN"), None);
        changes.send_replace(1);
        while paths.path_of("CN").is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(paths.roots(), ["CN/"]);
    }
}
