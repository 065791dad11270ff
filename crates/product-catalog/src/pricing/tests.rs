//! Quotes over random catalogs: against rules that always hold, and against a reckoning that shares no code with ours.

use std::io::Write as _;
use std::process::{Command, Stdio};

use guanxi_proto::DESCRIPTOR_POOL;
use guanxi_proto::product_catalog::v1::{ChargeKind, ErrorReason, PriceQuoteRequest, PriceQuoteResponse};
use prost::{Message, Name};
use prost_reflect::DynamicMessage;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::catalog::Catalog;
use super::convert;
use super::quote::{self, Asked, Quoted};
use super::random::{self, Random, Resources};

const CATALOGS: u64 = 100;
const QUOTES: u64 = 100;

fn asked(request: &PriceQuoteRequest, path: &str) -> Asked {
    let mut asked = convert::asked(request.clone(), OffsetDateTime::UNIX_EPOCH).unwrap();
    path.clone_into(&mut asked.profile.territory_path);
    asked
}

fn net(quoted: &[Quoted]) -> Decimal {
    quoted.iter().flat_map(|line| &line.charges).map(|charge| charge.net).sum()
}

/// Calls a check with many requests.
fn over_random(seed: u64, mut check: impl FnMut(&mut Random, &Catalog, &Resources, PriceQuoteRequest, &str)) {
    let mut random = Random(seed);
    for _ in 0..40 {
        let resources = Resources::random(&mut random);
        let catalog = resources.catalog();
        for _ in 0..50 {
            let (request, path) = random::request(&mut random, &resources);
            check(&mut random, &catalog, &resources, request, path);
        }
    }
}

#[test]
fn the_same_input_gives_the_same_answer() {
    over_random(1, |_, catalog, resources, request, path| {
        let asked = asked(&request, path);
        let answer = |catalog: &Catalog| convert::response(&asked, &quote::quote(catalog, &asked), catalog.version);
        assert_eq!(answer(catalog), answer(&resources.catalog()));
    });
}

#[test]
fn more_discount_never_makes_anything_dearer() {
    over_random(2, |_, catalog, _, mut request, path| {
        let before = quote::quote(catalog, &asked(&request, path));
        for line in &mut request.lines {
            let more: Decimal = line.manual_discount_percent.parse().unwrap_or_default();
            line.manual_discount_percent = (more + Decimal::ONE).to_string();
        }
        let after = quote::quote(catalog, &asked(&request, path));
        for (before, after) in before.iter().zip(&after) {
            for (before, after) in before.charges.iter().zip(&after.charges) {
                assert!(after.net <= before.net && after.list == before.list);
            }
            assert!(before.level.is_none() || after.level.is_none() || before.level <= after.level);
        }
    });
}

#[test]
fn a_bundle_is_never_dearer_than_its_parts() {
    let mut bound = 0;
    over_random(3, |_, catalog, _, mut request, path| {
        let together = quote::quote(catalog, &asked(&request, path));
        bound += request.lines.iter().filter(|line| !line.bundle_code.is_empty()).count();
        for line in &mut request.lines {
            line.bundle_code.clear();
        }
        assert!(net(&together) <= net(&quote::quote(catalog, &asked(&request, path))));
    });
    assert!(bound > 100);
}

#[test]
fn amounts_are_whole_minor_units_and_add_up() {
    over_random(4, |_, catalog, _, request, path| {
        for charge in quote::quote(catalog, &asked(&request, path)).iter().flat_map(|line| &line.charges) {
            let off: Decimal = charge.adjustments.iter().map(|adjustment| adjustment.amount).sum();
            assert_eq!(charge.list - off, charge.net);
            for amount in [charge.list, charge.net].into_iter().chain(charge.cost).chain(charge.floor) {
                assert!(amount.normalize().scale() <= 2 && !amount.is_sign_negative());
            }
            let causes: Vec<_> = charge.adjustments.iter().map(|adjustment| adjustment.cause).collect();
            assert!(causes.is_sorted_by(|one, next| one < next), "{causes:?}");
        }
    });
}

#[test]
fn every_reason_to_refuse_a_line_is_met() {
    let mut met = std::collections::BTreeSet::new();
    over_random(5, |_, catalog, _, request, path| {
        met.extend(
            quote::quote(catalog, &asked(&request, path)).iter().flat_map(|line| &line.refusals).map(|one| one.0),
        );
    });
    // Configurations have tests of their own, and the tiers of what was published have no end.
    let never = [ErrorReason::CharacteristicInvalid, ErrorReason::QuantityOutsideTiers];
    let all =
        (20..100).filter_map(|number| ErrorReason::try_from(number).ok()).filter(|reason| !never.contains(reason));
    assert_eq!(met.into_iter().collect::<Vec<_>>(), all.collect::<Vec<_>>());
}

fn json_of<M: Message + Name>(message: &M) -> Value {
    let descriptor = DESCRIPTOR_POOL.get_message_by_name(&M::full_name()).unwrap();
    let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).unwrap();
    serde_json::to_value(&dynamic).unwrap()
}

fn texts<M: Message + Name>(messages: &[M]) -> Vec<Value> {
    messages.iter().map(json_of).collect()
}

#[test]
fn ten_thousand_quotes_equal_an_independent_reckoning() {
    let mut reference = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/quote.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs: the set-up of the README installs it");
    let mut input = reference.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        let mut random = Random(2026);
        let mut charges = 0;
        for _ in 0..CATALOGS {
            let resources = Resources::random(&mut random);
            let catalog = resources.catalog();
            let quotes: Vec<Value> = (0..QUOTES)
                .map(|_| {
                    let (request, path) = random::request(&mut random, &resources);
                    let asked = asked(&request, path);
                    let response: PriceQuoteResponse =
                        convert::response(&asked, &quote::quote(&catalog, &asked), catalog.version);
                    charges +=
                        response.lines.iter().filter(|line| line.allowed).map(|line| line.charges.len()).sum::<usize>();
                    json!({"request": json_of(&request), "path": path, "response": json_of(&response)})
                })
                .collect();
            let line = json!({
                "categories": texts(&resources.categories), "offerings": texts(&resources.offerings),
                "prices": texts(&resources.prices), "bundles": texts(&resources.bundles),
                "policies": texts(&resources.policies), "quotes": quotes,
            });
            writeln!(input, "{line}").unwrap();
        }
        charges
    });
    let output = reference.wait_with_output().unwrap();
    let charges = writer.join().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.trim(), format!("{} quotes, 0 differ", CATALOGS * QUOTES));
    assert!(charges > 1_000, "only {charges} charges of allowed lines were compared");
    assert_eq!(ChargeKind::Usage as i32, 4, "the reference knows four kinds");
}
