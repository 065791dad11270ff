//! Whether a world has what happens.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use guanxi_proto::client_registry::v1::TerritoryChange;
use guanxi_proto::opportunity_pipeline::v1::{OpportunityChange, OpportunityState};
use prost::Message;
use rust_decimal::Decimal;
use time::OffsetDateTime;

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
        let elsewhere = |event: &&Event| (utc(event) + Duration::from_secs(8 * 3_600)).date() != utc(event).date();
        assert!(feed.iter().filter(elsewhere).count() > feed.len() / 10);
        let ids: BTreeSet<&String> = feed.iter().map(|event| &event.id).collect();
        assert_eq!(ids.len(), feed.len());
    }
}

#[test]
fn deals_are_of_every_kind() {
    let world = World::new(3, 400);
    let all: Vec<(&Event, OpportunityChange)> = deals(&world).collect();
    let after = |change: &OpportunityChange| change.after.clone().unwrap();
    let count = |holds: &dyn Fn(&Event, &OpportunityChange) -> bool| {
        all.iter().filter(|(event, change)| holds(event, change)).count()
    };
    let imported = |event: &Event| event.method.ends_with("/ImportOpportunities");
    let was = |change: &OpportunityChange| change.before.as_ref().map(|before| before.state());
    for (what, number) in [
        ("without value", count(&|_, change| after(change).value.is_none())),
        ("in dollars", count(&|_, change| after(change).value.is_some_and(|value| value.currency_code == "USD"))),
        (
            "lines without price",
            count(&|_, change| {
                let after = after(change);
                after.lines.len() > 1 && after.lines.iter().any(|line| line.list_amount.is_none())
            }),
        ),
        (
            "lines worth nothing",
            count(&|_, change| {
                let after = after(change);
                let list = after.list_amount.map(|list| list.amount.parse::<Decimal>().unwrap());
                after.lines.len() > 1 && list == Some(Decimal::ZERO)
            }),
        ),
        ("chance by hand", count(&|_, change| after(change).probability_percent.is_some())),
        ("without account", count(&|_, change| after(change).account_id.is_empty())),
        ("corrected", count(&|event, change| imported(event) && change.before.is_some())),
        (
            "open without date",
            count(&|event, change| {
                imported(event) && after(change).state() == OpportunityState::Open && after(change).open_date.is_empty()
            }),
        ),
        (
            "closed without date",
            count(&|event, change| {
                imported(event) && after(change).state() != OpportunityState::Open && after(change).open_date.is_empty()
            }),
        ),
        (
            "imported and moved here",
            count(&|event, change| event.r#type.ends_with(".advanced") && !after(change).imported_from.is_empty()),
        ),
        (
            "undeleted as won",
            count(&|_, change| {
                was(change) == Some(OpportunityState::Deleted) && after(change).state() == OpportunityState::Won
            }),
        ),
        (
            "reopened after a win",
            count(&|_, change| {
                was(change) == Some(OpportunityState::Won) && after(change).state() == OpportunityState::Open
            }),
        ),
        (
            "won reassigned",
            count(&|event, change| {
                event.r#type.ends_with(".reassigned") && after(change).state() == OpportunityState::Won
            }),
        ),
        ("nowhere", count(&|event, _| event.territory_code == "NOWHERE")),
    ] {
        assert!(number > 0, "{what}");
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
fn a_large_world_is_made_well_below_a_second_and_always_alike() {
    let begun = Instant::now();
    let world = World::new(11, 2_000);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(world.pipeline.len() > 8_000, "{}", world.pipeline.len());
    assert_eq!(world.pipeline, World::new(11, 2_000).pipeline);
    assert_ne!(world.registry, World::new(12, 2_000).registry);
}
