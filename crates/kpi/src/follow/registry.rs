//! What client-registry tells: accounts, who looks after them, and names.

use guanxi_db::PgConnection;
use guanxi_events::FollowError;
use guanxi_grpc::value::localized;
use guanxi_proto::client_registry::v1::{AccountChange, AccountManagerChange, AssignmentChange, TerritoryChange};
use guanxi_proto::events::v1::Event;
use prost::Message as _;
use uuid::Uuid;

use super::name::Names;
use super::{read, told_nothing, unfit};
use crate::fact::store::take_turn;
use crate::subject::store::Subjects;
use crate::subject::{AccountManager, Known};

/// Takes in events of client-registry, beside where its territories lie.
pub(crate) async fn take(connection: &mut PgConnection, events: &[Event]) -> Result<(), FollowError> {
    let mut told = Vec::new();
    let mut names = Names::default();
    for event in events {
        note_territory(&mut names, event)?;
        told.extend(Told::read(event, &mut names)?.map(|(id, day, what)| (event.position, id, day, what)));
    }
    names.save(connection).await?;
    if told.is_empty() {
        return Ok(());
    }
    take_turn(connection).await?;
    let ids: Vec<Uuid> = told.iter().map(|(_, id, ..)| *id).collect();
    let mut subjects = Subjects::load(connection, &ids).await?;
    for (position, id, day, what) in told {
        let make = match &what {
            Told::Account(_) => Some(Known::Account(Box::default())),
            Told::AccountManager(_) => Some(Known::AccountManager(AccountManager::default())),
            // Without an account there is nothing to look after.
            Told::Assignment(_) => None,
        };
        let Some(subject) = subjects.at(id, position, make) else { continue };
        let before = subject.holdings();
        match (&mut subject.known, what) {
            (Known::Account(account), Told::Account(told)) => account.take(id, &told),
            (Known::Account(account), Told::Assignment(told)) => account.take_assignment(&told),
            (Known::AccountManager(manager), Told::AccountManager(told)) => *manager = AccountManager::read(&told),
            _ => continue,
        }
        let after = subject.holdings();
        subject.ledger.turn(day, &before, &after);
    }
    Ok(subjects.save(connection).await?)
}

/// What an event tells of somebody who counts.
enum Told {
    Account(Box<guanxi_proto::client_registry::v1::Account>),
    AccountManager(guanxi_proto::client_registry::v1::AccountManager),
    Assignment(guanxi_proto::client_registry::v1::Assignment),
}

impl Told {
    fn read(event: &Event, names: &mut Names) -> Result<Option<(Uuid, time::Date, Self)>, FollowError> {
        if let Some(told) = read::<AccountChange>(event, "account/")? {
            let account = told.change.after.ok_or_else(|| told_nothing(event))?;
            names.note("ACCOUNT", told.id.to_string(), localized(&account.legal_name, None), event.position);
            return Ok(Some((told.id, told.day, Self::Account(Box::new(account)))));
        }
        if let Some(told) = read::<AccountManagerChange>(event, "account_manager/")? {
            let manager = told.change.after.ok_or_else(|| told_nothing(event))?;
            names.note("MANAGER", told.id.to_string(), localized(&manager.employee_number, None), event.position);
            return Ok(Some((told.id, told.day, Self::AccountManager(manager))));
        }
        let Some(told) = read::<AssignmentChange>(event, "assignment/")? else { return Ok(None) };
        let assignment = told.change.after.ok_or_else(|| told_nothing(event))?;
        let account = Uuid::try_parse(&assignment.account_id).map_err(|_| unfit(event, "it names no account"))?;
        Ok(Some((account, told.day, Self::Assignment(assignment))))
    }
}

/// Territories are named by their code, not by their id.
fn note_territory(names: &mut Names, event: &Event) -> Result<(), FollowError> {
    if !event.subject.starts_with("territory/") {
        return Ok(());
    }
    let payload = event.payload.as_ref().ok_or_else(|| unfit(event, "it has no payload"))?;
    let change = TerritoryChange::decode(payload.value.as_slice()).map_err(|error| unfit(event, &error.to_string()))?;
    if let Some(territory) = change.after {
        names.note("TERRITORY", territory.code, territory.name.unwrap_or_default(), event.position);
    }
    Ok(())
}
