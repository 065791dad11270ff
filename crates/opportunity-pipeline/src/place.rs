//! What lies in territories here, and where it goes when they move.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use guanxi_auth::subtree_end;
use guanxi_db::{Error, PgConnection};

/// Gives everything that lies in a subtree its new paths.
pub(crate) fn re_path<'c>(
    connection: &'c mut PgConnection,
    old: &'c str,
    new: &'c str,
) -> BoxFuture<'c, Result<(), Error>> {
    async move {
        let end = subtree_end(old);
        sqlx::query!(
            "update opportunity_pipeline.opportunity set territory_path = $3 || substr(territory_path, length($1) + 1) \
             where territory_path >= $1 and territory_path < $2",
            old,
            end,
            new,
        )
        .execute(&mut *connection)
        .await?;
        sqlx::query!(
            "update opportunity_pipeline.lead set territory_path = $3 || substr(territory_path, length($1) + 1) \
             where territory_path >= $1 and territory_path < $2",
            old,
            end,
            new,
        )
        .execute(&mut *connection)
        .await?;
        Ok(())
    }
    .boxed()
}
