//! What one noun says of another: by its code, and locked until the transaction ends.

use std::collections::BTreeMap;

use guanxi_db::PgConnection;
use guanxi_resource::Error;

use crate::category::store as categories;

/// Where an offering stands, by the version that stands highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// Nothing is left of it but its code.
    Deleted,
    /// A draft, or retired.
    Unsold,
    /// A version of it is published.
    OnSale,
}

/// Where offerings stand, by code; a code without an offering has no entry.
pub(crate) type Standings = BTreeMap<String, Standing>;

/// The category of a code is there, and nobody deletes it until the transaction ends.
pub(crate) async fn share_category(connection: &mut PgConnection, code: &str) -> Result<(), Error> {
    if categories::lock_live(connection, &[code.to_owned()]).await?.is_empty() {
        return Err(Error::not_found("category", code));
    }
    Ok(())
}

/// The offering of a code is there, and it and its prices are the caller's until the transaction ends.
pub(crate) async fn lock_offering(connection: &mut PgConnection, code: &str) -> Result<(), Error> {
    match lock_offerings(connection, &[code.to_owned()]).await?.get(code) {
        None | Some(Standing::Deleted) => Err(Error::not_found("offering", code)),
        Some(Standing::Unsold | Standing::OnSale) => Ok(()),
    }
}

/// Locks offerings, and with them their prices: neither changes but by the caller until the transaction ends.
pub(crate) async fn lock_offerings(connection: &mut PgConnection, codes: &[String]) -> Result<Standings, Error> {
    let versions = sqlx::query!(
        r#"select code, state, delete_time is not null as "deleted!"
        from product_catalog.offering where code = any($1) order by id for no key update"#,
        codes,
    );
    let mut standings = Standings::new();
    for version in versions.fetch_all(connection).await? {
        let standing = match version.state.as_str() {
            _ if version.deleted => Standing::Deleted,
            "PUBLISHED" => Standing::OnSale,
            _ => Standing::Unsold,
        };
        let known = standings.entry(version.code).or_insert(standing);
        *known = standing.max(*known);
    }
    Ok(standings)
}
