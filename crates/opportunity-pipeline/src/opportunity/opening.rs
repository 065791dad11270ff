//! The opening of an opportunity, by hand or from a lead.

use guanxi_db::Transaction;
use guanxi_grpc::{Call, day};
use guanxi_resource::Error;

use super::model::Opportunity;
use super::store;
use crate::{copies, pipeline};

/// Puts a new opportunity into its territory and into the first stage of its pipeline.
pub(crate) async fn open(
    transaction: &mut Transaction,
    call: &Call,
    pipeline_code: &str,
    new: Opportunity,
) -> Result<Opportunity, Error> {
    let territory_path = copies::lock_territory(transaction, &new.territory_code).await?;
    let pipeline = pipeline::store::share(transaction, pipeline_code).await?;
    let first = pipeline.first().ok_or_else(|| Error::not_found("pipeline", pipeline_code))?;
    let (date, actor) = (day::of(call.now), call.subject());
    let entry = store::Entry { stage_code: &first.code, date, reason: "", actor, now: call.now };
    store::enter_stage(transaction, new.id, &entry).await?;
    let (pipeline_code, stage_code) = (pipeline.code.clone(), first.code.clone());
    Ok(Opportunity { pipeline_code, stage_code, territory_path, ..new })
}
