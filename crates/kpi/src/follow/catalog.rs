//! What product-catalog tells: names of offerings.

use guanxi_db::PgConnection;
use guanxi_events::FollowError;
use guanxi_proto::events::v1::Event;
use guanxi_proto::product_catalog::v1::OfferingChange;

use super::name::Names;
use super::{read, told_nothing};

/// Takes in events of product-catalog.
pub(crate) async fn take(connection: &mut PgConnection, events: &[Event]) -> Result<(), FollowError> {
    let mut names = Names::default();
    for event in events {
        let Some(offering) = read::<OfferingChange>(event, "offering/")? else { continue };
        let offering = offering.change.after.ok_or_else(|| told_nothing(event))?;
        // An older version that changes does not rename the newest.
        let name = offering.name.unwrap_or_default();
        names.note("OFFERING", offering.code, name, offering.version_number.into());
    }
    Ok(names.save(connection).await?)
}
