//! What becomes of the assignments of a manager who leaves.

use guanxi_db::PgConnection;
use guanxi_events::NewEvent;
use guanxi_resource::{Error, Resource};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::model::Assignment;
use super::{convert, store};

/// Closes every open assignment of a manager that is locked, in a fixed number of statements; customers are vacant from then on.
pub(crate) async fn end_all_of(
    connection: &mut PgConnection,
    manager_id: Uuid,
    day: Date,
    reason: &str,
    now: OffsetDateTime,
) -> Result<(Vec<Assignment>, Vec<NewEvent>), Error> {
    let open = store::lock_open_of_manager(connection, manager_id).await?;
    let mut closed = Vec::with_capacity(open.len());
    for assignment in &open {
        let mut ended = assignment.closed(day, reason)?;
        ended.stamp().advance(now);
        closed.push(ended);
    }
    store::close(connection, &closed).await?;
    store::vacate(connection, &closed).await?;
    let changes = open.iter().zip(&closed);
    let events = changes.map(|(before, after)| convert::event("assignment.closed", Some(before), after)).collect();
    Ok((closed, events))
}
