//! Between the wire and the model.

use guanxi_events::NewEvent;
use guanxi_grpc::timestamp;
use guanxi_proto::client_registry::v1::{self as pb, HandOverChange};
use guanxi_resource::place;
use uuid::Uuid;

use super::model::HandOver;
use crate::assignment::territory_code;

/// The hand-over as everybody sees it who sees its territory.
pub(super) fn wire(hand_over: &HandOver) -> pb::HandOver {
    let texts = |ids: &[Uuid]| ids.iter().map(Uuid::to_string).collect();
    pb::HandOver {
        id: hand_over.id.to_string(),
        from_account_manager_ids: texts(&hand_over.from_account_manager_ids),
        to_account_manager_ids: texts(&hand_over.to_account_manager_ids),
        account_count: hand_over.account_count,
        reason: hand_over.reason.clone(),
        note: hand_over.note.clone().unwrap_or_default(),
        actor: hand_over.actor.clone(),
        territory_code: territory_code(&hand_over.territory_path).to_owned(),
        create_time: Some(timestamp(hand_over.create_time)),
    }
}

/// The one event of a hand-over.
pub(super) fn event(hand_over: &HandOver) -> NewEvent {
    let change = HandOverChange { after: Some(wire(hand_over)), reason: hand_over.reason.clone() };
    let lies = place(territory_code(&hand_over.territory_path), &hand_over.territory_path);
    guanxi_resource::event("hand_over.created", hand_over.id, 1, None, lies, &change)
}
