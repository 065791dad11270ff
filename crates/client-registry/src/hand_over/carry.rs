//! Carrying a hand-over out, whether of one account or of a thousand.

use std::collections::BTreeSet;

use guanxi_db::PgConnection;
use guanxi_events::NewEvent;
use guanxi_grpc::{Call, day};
use guanxi_resource::{Error, Resource};
use uuid::Uuid;

use super::model::{HandOver, common_path};
use super::{convert, store};
use crate::assignment::{self, Assignment, Desk, store as assignments};

/// What is ordered about a hand-over.
pub(crate) struct Order<'a> {
    pub(crate) id: Uuid,
    pub(crate) reason: &'a str,
    pub(crate) note: Option<String>,
}

/// What was done.
pub(crate) struct Done {
    pub(super) hand_over: HandOver,
    pub(crate) opened: Vec<Assignment>,
    pub(crate) events: Vec<NewEvent>,
}

/// Closes the open PRIMARYs of the accounts and opens others, which have passed the gates, in a fixed number of statements.
pub(crate) async fn carry_out(
    connection: &mut PgConnection,
    call: &Call,
    desk: &Desk,
    mut opened: Vec<Assignment>,
    order: Order<'_>,
) -> Result<Done, Error> {
    let Order { id, reason, note } = order;
    let before: Vec<&Assignment> = opened.iter().filter_map(|next| desk.open.get(&next.account_id)).collect();
    let mut closed = Vec::with_capacity(before.len());
    for current in &before {
        let mut ended = current.closed(day::of(call.now), reason)?;
        ended.closing_hand_over_id = Some(id);
        ended.stamp().advance(call.now);
        closed.push(ended);
    }
    for next in &mut opened {
        next.hand_over_id = Some(id);
    }
    let hand_over = HandOver {
        id,
        from_account_manager_ids: managers(&closed),
        to_account_manager_ids: managers(&opened),
        account_count: i32::try_from(opened.len()).unwrap_or(i32::MAX),
        reason: reason.to_owned(),
        note,
        actor: call.subject().to_owned(),
        territory_path: common_path(opened.iter().map(|next| next.territory_path.as_str())),
        create_time: call.now,
    };
    store::insert(connection, &hand_over).await?;
    assignments::close(connection, &closed).await?;
    assignments::insert(connection, &opened).await?;
    let ends = before.iter().zip(&closed).map(|(before, after)| (Some(*before), after));
    let ends = ends.map(|(before, after)| assignment::event("assignment.closed", before, after));
    let starts = opened.iter().map(|next| assignment::event("assignment.opened", None, next));
    let events = ends.chain(starts).chain([convert::event(&hand_over)]).collect();
    Ok(Done { hand_over, opened, events })
}

fn managers(assignments: &[Assignment]) -> Vec<Uuid> {
    let ids = assignments.iter().map(|assignment| assignment.account_manager_id);
    ids.collect::<BTreeSet<_>>().into_iter().collect()
}
