//! What one noun says of another: by its code, and locked until the transaction ends.

use guanxi_db::PgConnection;
use guanxi_resource::Error;

use crate::category::store as categories;

/// The category of a code is there, and nobody deletes it until the transaction ends.
pub(crate) async fn share_category(connection: &mut PgConnection, code: &str) -> Result<(), Error> {
    if categories::lock_live(connection, &[code.to_owned()]).await?.is_empty() {
        return Err(Error::not_found("category", code));
    }
    Ok(())
}
