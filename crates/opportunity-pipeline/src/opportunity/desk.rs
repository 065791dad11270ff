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
    let account = match named.account_id {
        None => None,
        Some(id) if known == Some(id) => copies.account(id).await?,
        Some(id) => Some(visible(copies.account_or_ask(call, id).await?, copies, sight)?),
    };
    let team = named.team.iter().flatten().map(|member| member.account_manager_id);
    let managers = copies.managers(&team.chain(named.owner_id).collect::<Vec<_>>()).await?;
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

/// Who answers for a new opportunity, and where it belongs: the named owner, else the caller; the named territory, else the owner's.
pub(super) async fn place(
    resources: &Resources,
    copies: &Copies,
    call: &Call,
    named: &Named,
    found: &Found,
) -> Result<Placing, Error> {
    let owner = match named.owner_id {
        Some(id) => {
            in_service(found.managers.get(&id).cloned()).ok_or_else(|| unknown_manager("opportunity.owner_id", id))?
        }
        None => in_service(copies.manager_of(call.subject()).await?)
            .ok_or_else(|| Violation::new("opportunity.owner_id", reason(ErrorReason::OwnerMissing)))?,
    };
    let territory_code = named.territory_code.clone().unwrap_or(owner.territory_code);
    let path = resources.paths().path_of(&territory_code).filter(|path| resources.scope(call).contains(path));
    let territory_path = path.ok_or_else(|| Error::not_found("territory", &territory_code))?;
    Ok(Placing { owner_id: owner.id, owner_employee_number: owner.employee_number, territory_code, territory_path })
}

/// Whom and where a reassignment goes to, as far as it says.
pub(super) struct Target {
    pub(super) owner: Option<Manager>,
    /// Code and path, locked.
    pub(super) territory: Option<(String, String)>,
}

/// The new owner that a reassignment names, in service; looked up before its transaction.
pub(super) async fn new_owner(copies: &Copies, id: Option<Uuid>) -> Result<Option<Manager>, Error> {
    let Some(id) = id else { return Ok(None) };
    let manager = in_service(copies.managers(&[id]).await?.remove(&id));
    Ok(Some(manager.ok_or_else(|| unknown_manager("owner_id", id))?))
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
