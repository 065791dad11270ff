//! What a lead refers to, looked up before its transaction: an account that is not known here yet is asked for over the network.

use guanxi_grpc::{Call, Violation};
use guanxi_proto::opportunity_pipeline::v1::ErrorReason;
use guanxi_resource::{Error, Resources, Sight};
use uuid::Uuid;

use super::convert::Reassignment;
use super::model::Lead;
use super::patch::Named;
use crate::copies::{Account, Copies, Manager};
use crate::error::reason;
use crate::opportunity::{Placing, in_service, unknown_manager, visible};

/// The account that a request names. One that is `known` to be the present one is not asked about again: it may lie where the caller sees
/// only its name.
pub(super) async fn account(
    copies: &Copies,
    call: &Call,
    sight: &Sight,
    named: Option<Uuid>,
    known: Option<Uuid>,
) -> Result<Option<Account>, Error> {
    match named {
        None => Ok(None),
        Some(id) if known == Some(id) => copies.account(id).await,
        Some(id) => Ok(Some(visible(copies.account_or_ask(call, id).await?, copies, sight)?)),
    }
}

/// Who answers for a new lead, and where it belongs: the named owner, else the caller; the named territory, else the owner's.
pub(super) async fn place(resources: &Resources, copies: &Copies, call: &Call, named: Named) -> Result<Placing, Error> {
    let owner = match named.owner_id {
        Some(id) => manager(copies, "lead.owner_id", id).await?,
        None => in_service(copies.manager_of(call.subject()).await?)
            .ok_or_else(|| Violation::new("lead.owner_id", reason(ErrorReason::OwnerMissing)))?,
    };
    let territory_code = named.territory_code.unwrap_or(owner.territory_code);
    let territory_path = path(resources, call, &territory_code)?;
    Ok(Placing { owner_id: owner.id, owner_employee_number: owner.employee_number, territory_code, territory_path })
}

/// Who answers for a lead that is reassigned, and where it belongs then.
pub(super) async fn place_anew(
    resources: &Resources,
    copies: &Copies,
    call: &Call,
    lead: &Lead,
    wanted: &Reassignment,
) -> Result<Placing, Error> {
    let mut placing = lead.placing();
    if let Some(id) = wanted.owner_id {
        let owner = manager(copies, "owner_id", id).await?;
        placing = Placing { owner_id: owner.id, owner_employee_number: owner.employee_number, ..placing };
    }
    if let Some(code) = &wanted.territory_code {
        let territory_path = path(resources, call, code)?;
        placing = Placing { territory_code: code.clone(), territory_path, ..placing };
    }
    Ok(placing)
}

async fn manager(copies: &Copies, field: &str, id: Uuid) -> Result<Manager, Error> {
    let found = copies.managers(&[id]).await?.remove(&id);
    Ok(in_service(found).ok_or_else(|| unknown_manager(field, id))?)
}

/// Where a territory of the caller lies.
fn path(resources: &Resources, call: &Call, code: &str) -> Result<String, Error> {
    let path = resources.paths().path_of(code).filter(|path| resources.scope(call).contains(path));
    path.ok_or_else(|| Error::not_found("territory", code))
}
