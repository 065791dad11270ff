//! What one noun says of another: by its code, and locked until the transaction ends.

use guanxi_db::PgConnection;
use guanxi_resource::Error;

/// The category of a code is there, and nobody deletes it until the transaction ends.
#[expect(clippy::unused_async, reason = "categories come with their own migration")]
pub(crate) async fn share_category(_connection: &mut PgConnection, _code: &str) -> Result<(), Error> {
    Ok(())
}
