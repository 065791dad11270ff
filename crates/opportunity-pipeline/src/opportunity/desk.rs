//! What an opportunity refers to, looked up before it is locked: an account that is not known here yet is asked for over the network.

use guanxi_db::Transaction;
use guanxi_grpc::{Call, Violation};
use guanxi_proto::opportunity_pipeline::v1::ErrorReason;
use guanxi_resource::{Error, Resources, Sight};
use time::Date;
use uuid::Uuid;

use super::model::{Opportunity, Placing};
use super::patch::{Found, Named, unknown_manager};
use crate::copies::{Account, Copies, Manager, lock_territory};
use crate::error::reason;

/// Looks up what a request names; managers and offerings that are not there are missing in what is found. An account that is `known` to be
/// the present one is not asked about again: it may lie where the caller sees only its name.
pub(super) async fn find(
    copies: &Copies,
    call: &Call,
    sight: &Sight,
    named: &Named,
    known: Option<Uuid>,
    today: Date,
) -> Result<Found, Error> {
    let account = account(copies, call, sight, named.account_id, known).await?;
    let team = named.team.iter().flatten().map(|member| member.account_manager_id);
    let managers = copies.managers(&team.collect::<Vec<_>>()).await?;
    let codes: Vec<String> = named.lines.iter().flatten().map(|line| line.offering_code.clone()).collect();
    Ok(Found { account, managers, offerings: copies.offerings(&codes).await?, today })
}

/// An account that the caller sees, or the refusal that there is none.
pub(crate) fn visible(account: Account, copies: &Copies, sight: &Sight) -> Result<Account, Error> {
    let path = copies.paths().path_of(&account.territory_code);
    match path.filter(|path| !account.deleted && sight.scope.contains(path)) {
        Some(_) => Ok(account),
        None => Err(Error::not_found("account", account.id)),
    }
}

/// The account that a request names, visible to its caller. One that is `known` to be the present one is not asked about again.
pub(crate) async fn account(
    copies: &Copies,
    call: &Call,
    sight: &Sight,
    named: Option<Uuid>,
    known: Option<Uuid>,
) -> Result<Option<Account>, Error> {
    match named {
        None => Ok(None),
        Some(id) if known == Some(id) => copies.account(id).await,
        Some(id) => visible(copies.account_or_ask(call, id).await?, copies, sight).map(Some),
    }
}

/// Who answers for something new, and where it belongs: the named owner, else the caller; the named territory, else the owner's. `field` is
/// that of the owner in the request.
pub(crate) async fn place(
    resources: &Resources,
    copies: &Copies,
    call: &Call,
    field: &str,
    (owner_id, territory_code): (Option<Uuid>, Option<&str>),
) -> Result<Placing, Error> {
    let owner = match owner_id {
        Some(id) => manager(copies, field, id).await?,
        None => in_service(copies.manager_of(call.subject()).await?)
            .ok_or_else(|| Violation::new(field, reason(ErrorReason::OwnerMissing)))?,
    };
    let code = territory_code.unwrap_or(&owner.territory_code).to_owned();
    let path = resources.paths().path_of(&code).filter(|path| resources.scope(call).contains(path));
    // Where an owner belongs is not told to whoever does not see it.
    let territory_path = path.ok_or_else(|| match territory_code {
        Some(code) => Error::not_found("territory", code),
        None => Error::not_found("account_manager", owner.id),
    })?;
    Ok(Placing {
        owner_id: owner.id,
        owner_employee_number: owner.employee_number,
        territory_code: code,
        territory_path,
    })
}

/// The manager of an id who is in service.
pub(crate) async fn manager(copies: &Copies, field: &str, id: Uuid) -> Result<Manager, Error> {
    let found = copies.managers(&[id]).await?.remove(&id);
    Ok(in_service(found).ok_or_else(|| unknown_manager(field, id))?)
}

/// Whom and where a reassignment goes to, as far as it says.
pub(super) struct Target {
    pub(super) owner: Option<Manager>,
    /// Code and path, locked.
    pub(super) territory: Option<(String, String)>,
}

/// The new owner that a reassignment names, in service; looked up before its transaction.
pub(super) async fn new_owner(copies: &Copies, id: Option<Uuid>) -> Result<Option<Manager>, Error> {
    match id {
        Some(id) => manager(copies, "owner_id", id).await.map(Some),
        None => Ok(None),
    }
}

/// The new territory that a reassignment names, where the caller may reassign, locked.
pub(super) async fn new_territory(
    transaction: &mut Transaction,
    sight: &Sight,
    code: Option<&str>,
) -> Result<Option<(String, String)>, Error> {
    let Some(code) = code else { return Ok(None) };
    let path = lock_territory(transaction, code).await?;
    let seen = Some(path).filter(|path| sight.scope.contains(path));
    let path = seen.ok_or_else(|| Error::not_found("territory", code))?;
    Ok(Some((code.to_owned(), path)))
}

impl Target {
    /// Who answers for an opportunity, and where it belongs, once it went there.
    pub(super) fn placing(self, before: &Opportunity) -> Placing {
        let owner = self.owner.map(|owner| (owner.id, owner.employee_number));
        let (owner_id, owner_employee_number) =
            owner.unwrap_or_else(|| (before.owner_id, before.owner_employee_number.clone()));
        let stays = || (before.territory_code.clone(), before.territory_path.clone());
        let (territory_code, territory_path) = self.territory.unwrap_or_else(stays);
        Placing { owner_id, owner_employee_number, territory_code, territory_path }
    }
}

/// A manager who is in service.
pub(crate) fn in_service(manager: Option<Manager>) -> Option<Manager> {
    manager.filter(|manager| manager.in_service)
}
