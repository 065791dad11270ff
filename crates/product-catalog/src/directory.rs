//! Where territories lie: a copy of client-registry's tree.

use guanxi_auth::TerritoryPaths;
use guanxi_db::Database;
use guanxi_resource::Directory;
use tokio::sync::watch;

/// Loads the copy.
pub(crate) async fn start(database: &Database) -> Result<Directory, guanxi_db::Error> {
    let mut connection = database.connection().await?;
    let rows = sqlx::query!("select code, path from product_catalog.territory").fetch_all(&mut *connection).await?;
    connection.release();
    let paths = TerritoryPaths::default();
    paths.replace(rows.into_iter().map(|row| (row.code, row.path)));
    // The service's own changes never shape the tree, so its own feed need not wait for the copy.
    let (_, followed) = watch::channel(i64::MAX);
    Ok(Directory { paths, followed })
}
