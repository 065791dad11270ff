//! The three feeds as they were told: every event of a noun, by the resource that it is about.

use std::collections::BTreeMap;

use guanxi_proto::client_registry::v1::{AccountChange, AccountManagerChange, AssignmentChange, TerritoryChange};
use guanxi_proto::events::v1::Event;
use guanxi_proto::opportunity_pipeline::v1::{OpportunityChange, PipelineChange, QuoteChange};
use prost::Message;
use time::{Date, OffsetDateTime};

use crate::world::generate::World;

/// One event of a resource.
pub(super) struct Told<C> {
    pub(super) position: i64,
    /// The day in Asia/Shanghai.
    pub(super) day: Date,
    /// True for what ImportOpportunities told.
    pub(super) imported: bool,
    pub(super) change: C,
}

/// The events of the resources of a noun by their id, each in their order.
pub(super) type OfNoun<C> = BTreeMap<String, Vec<Told<C>>>;

/// Everything that was told.
pub(super) struct Histories {
    pub(super) territories: Vec<Told<TerritoryChange>>,
    pub(super) accounts: OfNoun<AccountChange>,
    pub(super) managers: OfNoun<AccountManagerChange>,
    pub(super) assignments: OfNoun<AssignmentChange>,
    pub(super) pipelines: OfNoun<PipelineChange>,
    pub(super) opportunities: OfNoun<OpportunityChange>,
    pub(super) quotes: OfNoun<QuoteChange>,
}

impl Histories {
    pub(super) fn of(world: &World) -> Self {
        Self {
            territories: events(&world.registry, "territory").map(|(_, told)| told).collect(),
            accounts: by_id(&world.registry, "account"),
            managers: by_id(&world.registry, "account_manager"),
            assignments: by_id(&world.registry, "assignment"),
            pipelines: by_id(&world.pipeline, "pipeline"),
            opportunities: by_id(&world.pipeline, "opportunity"),
            quotes: by_id(&world.pipeline, "quote"),
        }
    }
}

/// What is known of a resource right after a position.
pub(super) fn latest<C>(events: &[Told<C>], position: i64) -> Option<&Told<C>> {
    events.iter().rfind(|told| told.position <= position)
}

fn by_id<C: Message + Default>(feed: &[Event], noun: &str) -> OfNoun<C> {
    let mut resources = OfNoun::new();
    for (id, told) in events(feed, noun) {
        resources.entry(id).or_default().push(told);
    }
    resources
}

fn events<C: Message + Default>(feed: &[Event], noun: &str) -> impl Iterator<Item = (String, Told<C>)> {
    feed.iter().filter_map(move |event| {
        let id = event.subject.strip_prefix(noun)?.strip_prefix('/')?;
        let told = Told {
            position: event.position,
            day: day(event.time.as_ref().unwrap()),
            imported: event.method.ends_with("/ImportOpportunities"),
            change: C::decode(event.payload.as_ref().unwrap().value.as_slice()).unwrap(),
        };
        Some((id.to_owned(), told))
    })
}

/// The day of an instant in Asia/Shanghai, eight hours ahead.
pub(super) fn day(time: &prost_types::Timestamp) -> Date {
    OffsetDateTime::from_unix_timestamp(time.seconds + 8 * 3600).unwrap().date()
}
