//! What a lead refers to that changes with its owner, looked up before its transaction.

use guanxi_grpc::Call;
use guanxi_resource::{Error, Resources};

use super::convert::Reassignment;
use super::model::Lead;
use crate::copies::Copies;
use crate::opportunity::Placing;
use crate::opportunity::desk::manager;

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

/// Where a territory of the caller lies.
fn path(resources: &Resources, call: &Call, code: &str) -> Result<String, Error> {
    let path = resources.paths().path_of(code).filter(|path| resources.scope(call).contains(path));
    path.ok_or_else(|| Error::not_found("territory", code))
}
