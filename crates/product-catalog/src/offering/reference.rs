//! What an offering names, looked up under locks that hold until the transaction ends.

use guanxi_auth::TerritoryPaths;
use guanxi_db::PgConnection;
use guanxi_grpc::{Violation, Violations};
use guanxi_proto::errors::v1::ErrorReason as Reason;
use guanxi_proto::product_catalog::v1::ErrorReason;
use guanxi_resource::Error;
use time::Date;

use super::model::Offering;
use super::{patch, store};
use crate::error::{not_publishable, precondition};
use crate::specification::Characteristic;
use crate::value;
use crate::{category, specification};

/// Of the categories, specification and territories that an offering names: those that are not there; and what can be
/// configured.
async fn look_up(
    connection: &mut PgConnection,
    paths: &TerritoryPaths,
    offering: &Offering,
) -> Result<(Violations, Vec<Characteristic>), Error> {
    let live = category::store::lock_live(connection, &offering.category_codes).await?;
    let specification = match &offering.specification_code {
        Some(code) => specification::store::lock_live(connection, code).await?,
        None => Some(Vec::new()),
    };
    let mut missing = Violations::default();
    let mut note = |field: String, resource, code: &str| {
        missing.push(value::unknown(format!("offering.{field}"), resource, code));
    };
    for (index, code) in offering.category_codes.iter().enumerate().filter(|(_, code)| !live.contains(code)) {
        note(format!("category_codes[{index}]"), "category", code);
    }
    if let (None, Some(code)) = (&specification, &offering.specification_code) {
        note("specification_code".to_owned(), "specification", code);
    }
    for (index, code) in offering.content.available_territory_codes.iter().enumerate() {
        if paths.path_of(code).is_none() {
            note(format!("available_territory_codes[{index}]"), "territory", code);
        }
    }
    Ok((missing, specification.unwrap_or_default()))
}

/// Refuses a draft whose fields do not go together, or that names what is not there. Other offerings may come later.
pub(super) async fn check_draft(
    connection: &mut PgConnection,
    paths: &TerritoryPaths,
    offering: &Offering,
) -> Result<(), Error> {
    let mut violations = patch::check(offering);
    let (missing, _) = look_up(connection, paths, offering).await?;
    violations.extend(missing);
    Ok(violations.check()?)
}

/// Refuses to publish what is not ready; returns what can be configured. The caller holds the lock of publishing.
pub(super) async fn check_publishable(
    connection: &mut PgConnection,
    paths: &TerritoryPaths,
    offering: &Offering,
    today: Date,
) -> Result<Vec<Characteristic>, Error> {
    let (mut wrong, characteristics) = look_up(connection, paths, offering).await?;
    let named: Vec<String> = offering.named().iter().flat_map(|(_, codes)| codes.iter().cloned()).collect();
    let existing = store::existing(connection, &named, &["DRAFT", "PUBLISHED"]).await?;
    for (field, codes) in offering.named() {
        for (index, code) in codes.iter().enumerate().filter(|(_, code)| !existing.contains(code)) {
            wrong.push(value::unknown(format!("offering.{field}[{index}]"), "offering", code));
        }
    }
    if let Some(day) = offering.valid_to_date.filter(|day| *day <= today) {
        let over = Violation::new("offering.valid_to_date", Reason::OutOfRange).with("value", day);
        wrong.push(over.with("min", today.next_day().unwrap_or(Date::MAX)).with("max", Date::MAX));
    }
    if !wrong.is_empty() {
        return Err(not_publishable(wrong).into());
    }
    if store::needs_itself(connection, &offering.code, &offering.prerequisite_offering_codes).await? {
        return Err(precondition(ErrorReason::Circular).with("value", &offering.code).into());
    }
    Ok(characteristics)
}

/// Refuses to take away the last version of something that is needed.
pub(super) async fn check_unneeded(
    connection: &mut PgConnection,
    going: &[&Offering],
    staying: &[&str],
) -> Result<(), Error> {
    let Some(code) = going.first().map(|offering| offering.code.as_str()) else { return Ok(()) };
    let ids: Vec<_> = going.iter().map(|offering| offering.id).collect();
    match store::needed_by(connection, code, &ids, staying).await? {
        Some(needed_by) => Err(precondition(ErrorReason::StillNeeded).with("needed_by", needed_by).into()),
        None => Ok(()),
    }
}

/// Refuses a successor that is the offering itself, or not published.
pub(super) async fn check_successor(connection: &mut PgConnection, code: &str, successor: &str) -> Result<(), Error> {
    if code == successor {
        let circular = Violation::new("successor_code", crate::error::reason(ErrorReason::Circular));
        return Err(circular.with("value", successor).into());
    }
    if store::existing(connection, &[successor.to_owned()], &["PUBLISHED"]).await?.is_empty() {
        return Err(value::unknown("successor_code", "offering", successor).into());
    }
    Ok(())
}
