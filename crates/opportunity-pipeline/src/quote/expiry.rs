//! The end of quotes that nobody answered: in the background, by whichever replica comes first.

use std::time::Duration;

use guanxi_grpc::{Call, day};
use guanxi_resource::{Error, Noun, Resource, Resources};

use super::model::Quote;
use super::store;

/// A quote is expired at the latest so long after its last day; nobody can accept it any more from that day's end on.
const PERIOD: Duration = Duration::from_mins(1);
/// Quotes of one transaction.
const MOST: i64 = 100;
/// Not served: it is what the events name.
const METHOD: &str = "guanxi.opportunity_pipeline.v1.QuoteService/ExpireQuotes";

/// Expires quotes for as long as the process lives.
pub(crate) async fn watch(resources: Resources) {
    let mut ticks = tokio::time::interval(PERIOD);
    loop {
        ticks.tick().await;
        if let Err(error) = expire_due(&resources).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "quotes could not be expired; they are in a minute"
            );
        }
    }
}

/// Expires what is due, in the service's own name.
async fn expire_due(resources: &Resources) -> Result<(), Error> {
    loop {
        let call = Call::own("opportunity-pipeline", METHOD);
        let mut transaction = resources.begin().await?;
        let due = store::claim_due(&mut transaction, day::of(call.now), MOST).await?;
        if due.is_empty() {
            return Ok(());
        }
        let mut events = Vec::with_capacity(due.len());
        for id in due {
            // It is locked, and nothing is deleted.
            let Some(before) = Quote::find(&mut transaction, id).await? else { continue };
            let mut after = before.expired();
            after.stamp().advance(call.now);
            Quote::save(&mut transaction, &after).await?;
            events.push(Quote::event("quote.expired", Some(&before), &after));
        }
        resources.commit(transaction, &call, events).await?;
    }
}
