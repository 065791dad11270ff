//! The events of the catalog, which belongs to no territory.

use guanxi_events::NewEvent;
use prost::Name;
use uuid::Uuid;

/// The event of a resource; `kind` is for example `price.created`.
pub(crate) fn event(kind: &'static str, id: Uuid, version: i64, change: &impl Name) -> NewEvent {
    NewEvent {
        kind,
        noun: kind.split_once('.').map_or(kind, |(noun, _)| noun),
        id,
        version,
        territory: None,
        previous_territory: None,
        mentions: Vec::new(),
        payload: NewEvent::pack(change),
    }
}
