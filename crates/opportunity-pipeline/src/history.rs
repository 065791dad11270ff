//! Who sees the history of a resource: whoever sees the resource.

use guanxi_events::Guard;
use guanxi_grpc::{Call, Refusal};
use guanxi_resource::{Error, Resources};
use uuid::Uuid;

/// Keeps the histories of opportunities, of what hangs at them, and of leads to those who see the opportunity or lead.
pub(crate) struct History(Resources);

impl History {
    pub(crate) fn new(resources: Resources) -> Self {
        Self(resources)
    }

    /// Where the caller may read histories, and whether of all that lies there or only of what it works on.
    async fn sees_work(&self, call: &Call, noun: &str, id: Uuid) -> Result<bool, Error> {
        let sight = crate::sight::of(&self.0, call);
        let mut connection = self.0.connection().await?;
        let found = sqlx::query!(
            "select territory_path as \"territory_path!\", seen_by as \"seen_by!\" from opportunity_pipeline.opportunity \
             where id = case $1 when 'opportunity' then $2 \
             when 'need' then (select opportunity_id from opportunity_pipeline.need where id = $2) \
             when 'quote' then (select opportunity_id from opportunity_pipeline.quote where id = $2) end \
             union all select territory_path, seen_by from opportunity_pipeline.lead where $1 = 'lead' and id = $2",
            noun,
            id,
        );
        let found = found.fetch_optional(&mut *connection).await?;
        connection.release();
        Ok(found.is_some_and(|found| sight.shows(&found.territory_path, Some(&found.seen_by))))
    }
}

#[tonic::async_trait]
impl Guard for History {
    async fn sees(&self, call: &Call, noun: &str, id: Uuid) -> Result<bool, Refusal> {
        match noun {
            "lead" | "opportunity" | "need" | "quote" => Ok(self.sees_work(call, noun, id).await?),
            // They belong to the whole operator.
            "pipeline" | "approval_policy" => Ok(true),
            // A noun that nobody thought of here stays closed: every new one needs an arm.
            _ => Ok(false),
        }
    }
}
