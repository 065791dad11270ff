//! Following the feeds of the other services: what each event makes of what counts.
//!
//! There is one follower for each feed, and each takes what it needs from its own feed alone, so that any interleaving gives the same figures. Only
//! where territories lie is shared; the turn (see `fact::store`) keeps a move of the tree and new facts in it apart.

mod catalog;
mod name;
mod pipeline;
mod registry;

use guanxi_events::FollowError;
use guanxi_grpc::day;
use guanxi_proto::client_registry::v1::Tier;
use guanxi_proto::events::v1::Event;
use prost::Message;
use prost_types::Timestamp;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

pub(crate) use catalog::take as take_catalog;
pub(crate) use pipeline::take as take_pipeline;
pub(crate) use registry::take as take_registry;

/// What is taken in from client-registry, beside its territories.
pub(crate) const REGISTRY_TYPES: [&str; 3] = [
    "guanxi.client_registry.v1.account.*",
    "guanxi.client_registry.v1.account_manager.*",
    "guanxi.client_registry.v1.assignment.*",
];
/// What is taken in from product-catalog.
pub(crate) const CATALOG_TYPES: [&str; 1] = ["guanxi.product_catalog.v1.offering.*"];
/// What is taken in from opportunity-pipeline.
pub(crate) const PIPELINE_TYPES: [&str; 3] = [
    "guanxi.opportunity_pipeline.v1.opportunity.*",
    "guanxi.opportunity_pipeline.v1.pipeline.*",
    "guanxi.opportunity_pipeline.v1.quote.*",
];

/// The business day of an instant on the wire.
pub(crate) fn day_of(instant: &Timestamp) -> Option<Date> {
    OffsetDateTime::from_unix_timestamp(instant.seconds).ok().map(day::of)
}

/// A tier as a key; empty for none.
pub(crate) fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Unspecified => "",
        Tier::A => "A",
        Tier::B => "B",
        Tier::C => "C",
    }
}

/// An event about a noun: the id of its resource, its business day, and its payload.
struct Read<C> {
    id: Uuid,
    day: Date,
    change: C,
}

/// Reads an event if it is about a noun, for example `account/`.
fn read<C: Message + Default>(event: &Event, noun: &str) -> Result<Option<Read<C>>, FollowError> {
    let Some(id) = event.subject.strip_prefix(noun) else { return Ok(None) };
    let id = Uuid::try_parse(id).map_err(|_| unfit(event, "its subject has no id"))?;
    let payload = event.payload.as_ref().ok_or_else(|| unfit(event, "it has no payload"))?;
    let change = C::decode(payload.value.as_slice()).map_err(|error| unfit(event, &error.to_string()))?;
    let day = event.time.as_ref().and_then(day_of).ok_or_else(|| unfit(event, "it has no time"))?;
    Ok(Some(Read { id, day, change }))
}

fn unfit(event: &Event, problem: &str) -> FollowError {
    FollowError::Apply { position: event.position, problem: format!("{}: {problem}", event.subject) }
}

/// The refusal of an event that does not say what became of its resource.
fn told_nothing(event: &Event) -> FollowError {
    unfit(event, "it does not say what became of it")
}
