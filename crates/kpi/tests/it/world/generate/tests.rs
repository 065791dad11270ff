//! Whether a world has what happens.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_proto::client_registry::v1::TerritoryChange;
use guanxi_proto::opportunity_pipeline::v1::{Opportunity, OpportunityChange, OpportunityState};
use prost::Message;
use time::OffsetDateTime;
use time::macros::offset;

use super::*;

const REGISTRY: [&str; 20] = [
    "account.activated",
    "account.churned",
    "account.created",
    "account.deleted",
    "account.merged",
    "account.tier_set",
    "account.undeleted",
    "account.updated",
    "account.won_back",
    "account_manager.created",
    "account_manager.deleted",
    "account_manager.departed",
    "account_manager.reinstated",
    "account_manager.undeleted",
    "account_manager.updated",
    "assignment.closed",
    "assignment.opened",
    "hand_over.created",
    "territory.created",
    "territory.updated",
];
const TREE: [&str; 2] = ["territory.deleted", "territory.moved"];
const CATALOG: [&str; 6] = [
    "offering.created",
    "offering.deleted",
    "offering.published",
    "offering.retired",
    "offering.undeleted",
    "offering.updated",
];
const PIPELINE: [&str; 24] = [
    "lead.created",
    "opportunity.advanced",
    "opportunity.created",
    "opportunity.deleted",
    "opportunity.imported",
    "opportunity.lost",
    "opportunity.reassigned",
    "opportunity.reopened",
    "opportunity.suspended",
    "opportunity.undeleted",
    "opportunity.updated",
    "opportunity.won",
    "pipeline.created",
    "pipeline.updated",
    "quote.accepted",
    "quote.approved",
    "quote.created",
    "quote.declined",
    "quote.expired",
    "quote.rejected",
    "quote.revised",
    "quote.submitted",
    "quote.updated",
    "quote.withdrawn",
];

/// The kinds of a feed without the package, with their numbers.
fn kinds(feed: &[Event]) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for event in feed {
        *kinds.entry(event.r#type.splitn(4, '.').last().unwrap().to_owned()).or_default() += 1;
    }
    kinds
}

fn deals(world: &World) -> impl Iterator<Item = (&Event, OpportunityChange)> {
    let deals = world.pipeline.iter().filter(|event| event.subject.starts_with("opportunity/"));
    deals.map(|event| (event, OpportunityChange::decode(event.payload.as_ref().unwrap().value.as_slice()).unwrap()))
}

#[test]
fn a_world_has_everything_that_happens() {
    for seed in 0..5 {
        let world = World::new(seed, 400);
        let names = |feed: &[Event]| kinds(feed).into_keys().collect::<BTreeSet<_>>();
        let expected = |kinds: &[&str]| kinds.iter().map(|&kind| kind.to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(names(&world.registry), expected(&[REGISTRY.as_slice(), &TREE].concat()), "seed {seed}");
        assert_eq!(names(&world.catalog), expected(&CATALOG), "seed {seed}");
        assert_eq!(names(&world.pipeline), expected(&PIPELINE), "seed {seed}");
        assert_eq!(deals(&world).filter(|(_, change)| change.before.is_none()).count(), 400);
    }
}

#[test]
fn feeds_are_dense_and_ascend_in_time_and_version() {
    let world = World::new(7, 300);
    for feed in [&world.registry, &world.catalog, &world.pipeline] {
        let mut versions: BTreeMap<&str, i64> = BTreeMap::new();
        for (expected, event) in (1..).zip(feed) {
            assert_eq!(event.position, expected);
            let version = versions.entry(&event.subject).or_default();
            *version += 1;
            assert_eq!(event.version, *version, "{event:?}");
        }
        let seconds = |event: &Event| event.time.as_ref().unwrap().seconds;
        assert!(feed.is_sorted_by_key(seconds));
        let days = (seconds(feed.last().unwrap()) - seconds(&feed[0])) / 86_400;
        assert!((600..=740).contains(&days), "{days}");
        let utc = |event: &Event| OffsetDateTime::from_unix_timestamp(seconds(event)).unwrap();
        let elsewhere = |event: &&Event| utc(event).to_offset(offset!(+8)).date() != utc(event).date();
        assert!(feed.iter().filter(elsewhere).count() > feed.len() / 10);
        let ids: BTreeSet<&String> = feed.iter().map(|event| &event.id).collect();
        assert_eq!(ids.len(), feed.len());
    }
}

/// What must be seen of opportunities, each with a test of an event.
type Sight = (&'static str, fn(&Event, &Opportunity, Option<OpportunityState>) -> bool);

fn imported(event: &Event) -> bool {
    event.method.ends_with("/ImportOpportunities")
}

const SIGHTS: [Sight; 14] = [
    ("without value", |_, after, _| after.value.is_none()),
    ("in dollars", |_, after, _| after.value.as_ref().is_some_and(|value| value.currency_code == "USD")),
    ("lines without price", |_, after, _| {
        after.lines.len() > 1 && after.lines.iter().any(|line| line.list_amount.is_none())
    }),
    ("lines worth nothing", |_, after, _| {
        after.lines.len() > 1 && after.list_amount.as_ref().is_some_and(|list| list.amount == "0")
    }),
    ("chance by hand", |_, after, _| after.probability_percent.is_some()),
    ("without account", |_, after, _| after.account_id.is_empty()),
    ("corrected by an import", |event, _, before| imported(event) && before.is_some()),
    ("open without date", |event, after, _| {
        imported(event) && after.state() == OpportunityState::Open && after.open_date.is_empty()
    }),
    ("closed without date", |event, after, _| {
        imported(event) && after.state() != OpportunityState::Open && after.open_date.is_empty()
    }),
    ("imported and moved here", |event, after, _| {
        event.r#type.ends_with(".advanced") && !after.imported_from.is_empty()
    }),
    ("undeleted as won", |_, after, before| {
        before == Some(OpportunityState::Deleted) && after.state() == OpportunityState::Won
    }),
    ("reopened after a win", |_, after, before| {
        before == Some(OpportunityState::Won) && after.state() == OpportunityState::Open
    }),
    ("won and reassigned", |event, after, _| {
        event.r#type.ends_with(".reassigned") && after.state() == OpportunityState::Won
    }),
    ("nowhere", |event, _, _| event.territory_code == "NOWHERE"),
];

#[test]
fn deals_are_of_every_kind() {
    let world = World::new(3, 400);
    let all: Vec<(&Event, OpportunityChange)> = deals(&world).collect();
    for (what, seen) in SIGHTS {
        let state = |change: &OpportunityChange| change.before.as_ref().map(Opportunity::state);
        let found = all.iter().any(|(event, change)| seen(event, change.after.as_ref().unwrap(), state(change)));
        assert!(found, "{what}");
    }
}

#[test]
fn subtrees_move_at_any_time() {
    let world = World::new(1, 2_000);
    let decode = |event: &Event| TerritoryChange::decode(event.payload.as_ref().unwrap().value.as_slice()).unwrap();
    let moved: Vec<&Event> = world.registry.iter().filter(|event| event.r#type.ends_with("territory.moved")).collect();
    let changes: Vec<TerritoryChange> = moved.iter().map(|event| decode(event)).collect();
    assert!(
        changes
            .iter()
            .all(|change| change.before.as_ref().unwrap().parent_code != change.after.as_ref().unwrap().parent_code)
    );
    let has_children = |code: &str| {
        world
            .registry
            .iter()
            .filter(|event| event.r#type.ends_with("territory.created"))
            .any(|event| decode(event).after.unwrap().parent_code == code)
    };
    assert!(changes.iter().any(|change| has_children(&change.after.as_ref().unwrap().code)));
}

#[test]
fn the_same_seed_makes_the_same_world() {
    let world = World::new(11, 2_000);
    assert!(world.pipeline.len() > 8_000, "{}", world.pipeline.len());
    let again = World::new(11, 2_000);
    assert!(world.registry == again.registry && world.catalog == again.catalog && world.pipeline == again.pipeline);
    assert_ne!(world.registry, World::new(12, 2_000).registry);
}
