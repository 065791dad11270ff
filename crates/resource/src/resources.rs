//! What the methods of a service work with.

use guanxi_auth::{Scope, TerritoryPaths};
use guanxi_db::{Claim, Connection, Database, RequestKey, Transaction};
use guanxi_events::{NewEvent, Outbox, Place};
use guanxi_filter::{Page, PageQuery};
use guanxi_grpc::{Call, Refusal, Stopping};
use guanxi_proto::errors::v1::ErrorReason;
use prost::Name;
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use time::OffsetDateTime;
use tokio::sync::watch;
use tonic::Code;
use uuid::Uuid;

use crate::import::ImportStatements;
use crate::{Error, Sight};

/// Where every territory lies, as this process knows it. Cheap to clone.
#[derive(Clone)]
pub struct Directory {
    /// The path of every territory.
    pub paths: TerritoryPaths,
    /// The position, in the feed of the service that they come from, that the paths are at least as new as.
    pub followed: watch::Receiver<i64>,
}

/// The parts of the process that handlers share. Cheap to clone.
#[derive(Clone)]
pub struct Resources {
    /// The service's schema.
    pub database: Database,
    /// Where changes become events.
    pub outbox: Outbox,
    /// Where territories lie.
    pub directory: Directory,
    /// Says when the process is about to stop.
    pub stopping: Stopping,
    pub(crate) imports: ImportStatements,
}

impl Resources {
    /// The parts of a process that keeps its resources in a schema.
    #[must_use]
    pub fn new(database: Database, directory: Directory, stopping: Stopping) -> Self {
        let (outbox, imports) = (Outbox::new(&database), ImportStatements::of(database.schema()));
        Self { database, outbox, directory, stopping, imports }
    }

    /// The territories in which the caller may use the method.
    #[must_use]
    pub fn scope(&self, call: &Call) -> Scope {
        call.scope(self.paths())
    }

    /// Refuses a call for what holds for the whole operator to whoever may use its method in a part of the tree only.
    pub fn check_whole_tree(&self, call: &Call) -> Result<(), Refusal> {
        if self.holds_everywhere(call) {
            return Ok(());
        }
        Err(Refusal::new(Code::PermissionDenied, ErrorReason::RootGrantMissing).with("permission", call.permission))
    }

    /// True if the caller may use the method in the whole tree.
    #[must_use]
    pub fn holds_everywhere(&self, call: &Call) -> bool {
        let (scope, roots) = (self.scope(call), self.paths().roots());
        scope.is_everything() || (!roots.is_empty() && roots.iter().all(|root| scope.contains(root)))
    }

    /// The part of a scope below a territory, or all of it where none is named. What the scope does not contain does not exist.
    pub fn within(&self, scope: &Scope, territory_code: &str) -> Result<Scope, Error> {
        if territory_code.is_empty() {
            return Ok(scope.clone());
        }
        match self.paths().path_of(territory_code).filter(|path| scope.contains(path)) {
            Some(path) => Ok(scope.within(&path)),
            None => Err(Error::not_found("territory", territory_code)),
        }
    }

    /// Where the caller may use the method, and where it may see persons, which `permission` allows.
    #[must_use]
    pub fn sight(&self, call: &Call, permission: &str) -> Sight {
        Sight::of(call, permission, self.paths())
    }

    /// Where every territory lies.
    #[must_use]
    pub fn paths(&self) -> &TerritoryPaths {
        &self.directory.paths
    }

    /// A connection to read with.
    pub async fn connection(&self) -> Result<Connection, Error> {
        Ok(self.database.connection().await?)
    }

    /// A transaction to change with.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        Ok(self.database.begin().await?)
    }

    /// Claims the request id for a change of a resource. `Some` names the resource of the first request where this one is a repeat.
    pub async fn claim(
        &self,
        transaction: &mut Transaction,
        key: Option<&RequestKey>,
        resource_id: Uuid,
        now: OffsetDateTime,
    ) -> Result<Option<Uuid>, Error> {
        match transaction.claim(key, resource_id, now).await? {
            Claim::First => Ok(None),
            Claim::Repeat(first) => Ok(Some(first)),
            Claim::Reused => Err(Error::RequestIdReused(key.map(|key| key.request_id.to_string()).unwrap_or_default())),
        }
    }

    /// A page of what lies in the scope, or of the part of it below a territory.
    pub async fn page<R>(&self, scope: &Scope, territory_code: &str, query: PageQuery) -> Result<Page<R>, Error>
    where
        R: for<'r> FromRow<'r, PgRow>,
    {
        let within = self.within(scope, territory_code)?;
        let mut connection = self.connection().await?;
        let page = query.seen_from(&scope.ranges()).fetch(&mut connection, &within.ranges()).await?;
        connection.release();
        Ok(page)
    }

    /// Commits a change with its events; returns the position of the last one, 0 without any. The caller's next call meets the change.
    pub async fn commit(&self, transaction: Transaction, call: &Call, events: Vec<NewEvent>) -> Result<i64, Error> {
        let shapes_tree = events.iter().any(|event| event.noun == "territory");
        let position = self.outbox.commit(transaction, call, events).await?;
        if shapes_tree {
            // Whoever changed the tree meets its change. A follower that is gone went with its runtime.
            let _ = self.directory.followed.clone().wait_for(|followed| *followed >= position).await;
        }
        Ok(position)
    }
}

/// A territory at the moment of an event.
#[must_use]
pub fn place(code: &str, path: &str) -> Place {
    Place { code: code.to_owned(), path: path.to_owned() }
}

/// The event of a resource that lies in a territory; `before` is where it lay before the change, which not everybody may see who
/// sees where it lies now.
pub fn event(
    kind: &'static str,
    id: Uuid,
    version: i64,
    before: Option<Place>,
    after: Place,
    change: &impl Name,
) -> NewEvent {
    let previous = before.filter(|before| before.code != after.code);
    NewEvent {
        kind,
        noun: kind.split_once('.').map_or(kind, |(noun, _)| noun),
        id,
        version,
        mentions: previous.iter().map(|place| ("before.territory_code", place.code.clone())).collect(),
        territory: Some(after),
        previous_territory: previous,
        payload: NewEvent::pack(change),
    }
}

/// The event of a resource that belongs to the whole operator: it lies in no territory, and names none that must be hidden.
pub fn event_of_all(kind: &'static str, id: Uuid, version: i64, change: &impl Name) -> NewEvent {
    NewEvent {
        kind,
        noun: kind.split_once('.').map_or(kind, |(noun, _)| noun),
        id,
        version,
        territory: None,
        previous_territory: None,
        mentions: Vec::new(),
        payload: NewEvent::pack(change),
    }
}
