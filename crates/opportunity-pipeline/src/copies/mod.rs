//! What is known here of accounts, managers, offerings and prices: copies kept by following the feeds of client-registry and
//! product-catalog, so that work on opportunities goes on while those are down.
//!
//! A copy changes only by its feed and is told apart by versions, so that any interleaving of the feeds gives the same copies. Something that
//! has not arrived yet is waited for, as long as its service says how far its feed goes; an account is asked for at client-registry.

mod account;
mod account_manager;
mod batch;
mod offering;
mod upstream;

use std::collections::HashMap;

use guanxi_auth::TerritoryPaths;
use guanxi_db::{Database, PgConnection};
use guanxi_events::FollowError;
use guanxi_grpc::{Call, Peer};
use guanxi_proto::events::v1::Event;
use guanxi_resource::Error;
use prost::Message;
use uuid::Uuid;

pub(crate) use account::{Account, wire_tier};
pub(crate) use account_manager::Manager;
pub(crate) use batch::{ExternalId, Known, Names, lock_territories};
pub(crate) use offering::Offering;
pub(crate) use upstream::Upstream;

/// What is taken in from client-registry, beside its territories.
pub(crate) const REGISTRY_TYPES: [&str; 2] =
    ["guanxi.client_registry.v1.account.*", "guanxi.client_registry.v1.account_manager.*"];
/// What is taken in from product-catalog.
pub(crate) const CATALOG_TYPES: [&str; 2] =
    ["guanxi.product_catalog.v1.offering.*", "guanxi.product_catalog.v1.price.*"];

/// The copies of this service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Copies {
    database: Database,
    paths: TerritoryPaths,
    registry: Option<Upstream>,
    catalog: Option<Upstream>,
}

impl Copies {
    /// The copies in a database, and where they come from as far as the settings say.
    pub(crate) fn new(
        database: &Database,
        paths: TerritoryPaths,
        registry: Option<Upstream>,
        catalog: Option<Upstream>,
    ) -> Self {
        Self { database: database.clone(), paths, registry, catalog }
    }

    /// Where territories lie.
    pub(crate) fn paths(&self) -> &TerritoryPaths {
        &self.paths
    }

    /// The way to product-catalog, where the settings name it.
    pub(crate) fn catalog(&self) -> Option<&Peer> {
        self.catalog.as_ref().map(|catalog| &catalog.peer)
    }

    /// The account of an id.
    pub(crate) async fn account(&self, id: Uuid) -> Result<Option<Account>, Error> {
        let mut connection = self.database.connection().await?;
        let account = account::find(&mut connection, id).await?;
        connection.release();
        Ok(account)
    }

    /// The account of an id; one that is not known here yet is asked for at client-registry on the caller's behalf, which decides whether
    /// the caller may see it.
    pub(crate) async fn account_or_ask(&self, call: &Call, id: Uuid) -> Result<Account, Error> {
        if let Some(account) = self.account(id).await? {
            return Ok(account);
        }
        let Some(registry) = &self.registry else { return Err(Error::not_found("account", id)) };
        let account = account::ask(&registry.peer, call, id).await?;
        let mut connection = self.database.connection().await?;
        account::note(&mut connection, &account).await?;
        connection.release();
        Ok(account)
    }

    /// The managers of some ids; what is not there is missing.
    pub(crate) async fn managers(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Manager>, Error> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let read = async || {
            let mut connection = self.database.connection().await?;
            let managers = account_manager::find(&mut connection, ids).await?;
            connection.release();
            Ok::<HashMap<_, _>, Error>(managers.into_iter().map(|manager| (manager.id, manager)).collect())
        };
        let found = read().await?;
        match &self.registry {
            Some(registry) if ids.iter().any(|id| !found.contains_key(id)) && registry.catch_up().await => read().await,
            _ => Ok(found),
        }
    }

    /// The manager with an employee number.
    pub(crate) async fn manager_of(&self, employee_number: &str) -> Result<Option<Manager>, Error> {
        let read = async || {
            let mut connection = self.database.connection().await?;
            let manager = account_manager::find_by_number(&mut connection, employee_number).await?;
            connection.release();
            Ok::<_, Error>(manager)
        };
        let found = read().await?;
        match &self.registry {
            Some(registry) if found.is_none() && registry.catch_up().await => read().await,
            _ => Ok(found),
        }
    }

    /// The offerings of some codes with their prices; what is not there is missing.
    pub(crate) async fn offerings(&self, codes: &[String]) -> Result<HashMap<String, Offering>, Error> {
        if codes.is_empty() {
            return Ok(HashMap::new());
        }
        let read = async || {
            let mut connection = self.database.connection().await?;
            let offerings = offering::find(&mut connection, codes).await?;
            connection.release();
            Ok::<_, Error>(offerings)
        };
        let found = read().await?;
        let known = |code: &String| found.get(code).is_some_and(|offering| !offering.prices.is_empty());
        match &self.catalog {
            Some(catalog) if !codes.iter().all(known) && catalog.catch_up().await => read().await,
            _ => Ok(found),
        }
    }
}

/// Takes in events of client-registry, beside those of its territories.
pub(crate) async fn take_registry(connection: &mut PgConnection, events: &[Event]) -> Result<(), FollowError> {
    account::take(connection, events).await?;
    account_manager::take(connection, events).await
}

/// Takes in events of product-catalog.
pub(crate) async fn take_catalog(connection: &mut PgConnection, events: &[Event]) -> Result<(), FollowError> {
    offering::take(connection, events).await?;
    offering::take_prices(connection, events).await
}

/// What the events of a noun are about after them, the newest of each: `noun` ends with `/`.
fn newest<C: Message + Default, R>(
    events: &[Event],
    noun: &str,
    after: impl Fn(C) -> Option<R>,
) -> Result<Vec<(Uuid, i64, R)>, FollowError> {
    let mut newest = HashMap::new();
    for event in events {
        let Some(id) = event.subject.strip_prefix(noun) else { continue };
        let unfit = |problem: &str| FollowError::Apply {
            position: event.position,
            problem: format!("{}: {problem}", event.subject),
        };
        let id = Uuid::try_parse(id).map_err(|_| unfit("its subject has no id"))?;
        let payload = event.payload.as_ref().ok_or_else(|| unfit("it has no payload"))?;
        let change = C::decode(payload.value.as_slice()).map_err(|error| unfit(&error.to_string()))?;
        let resource = after(change).ok_or_else(|| unfit("it does not say what became of it"))?;
        newest.insert(id, (event.version, resource));
    }
    Ok(newest.into_iter().map(|(id, (version, resource))| (id, version, resource)).collect())
}

/// The path of a territory for something that is placed in it: it does not move until the transaction ends.
pub(crate) async fn lock_territory(connection: &mut PgConnection, code: &str) -> Result<String, Error> {
    let path = sqlx::query_scalar!("select path from opportunity_pipeline.territory where code = $1 for share", code);
    path.fetch_optional(connection).await?.ok_or_else(|| Error::not_found("territory", code))
}
