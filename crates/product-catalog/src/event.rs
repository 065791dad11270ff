//! Events of the catalog.

use guanxi_events::NewEvent;
use prost::Name;
use uuid::Uuid;

/// The event of a resource that belongs to the whole operator: it lies in no territory, and names none that must be hidden.
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
