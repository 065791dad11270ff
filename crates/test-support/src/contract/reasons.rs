//! Every published reason is provoked by a test, with the code that its comment promises.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_proto::DESCRIPTOR_SET;
use prost::Message;
use prost_reflect::prost_types::FileDescriptorSet;
use tonic::Code;

use super::refused::Case;

const FIELD: &str = "Field violation";
const ROW: &str = "Row violation";

/// The reasons of every service.
pub const COMMON: &str = "guanxi.errors.v1";

/// What tests expect, and therefore provoke: reasons with codes or the kind of violation.
#[derive(Default)]
pub struct Provoked(BTreeMap<String, BTreeSet<String>>);

impl Provoked {
    fn note(&mut self, reason: &str, kind: &str) {
        self.0.entry(reason.to_owned()).or_default().insert(kind.to_owned());
    }

    /// Refusals with these codes and reasons.
    pub fn refusals(&mut self, reasons: &[(Code, &str)]) {
        for (code, reason) in reasons {
            self.note(reason, &code_name(*code));
        }
    }

    /// Rows that are rejected for this reason.
    pub fn row(&mut self, reason: &str) {
        self.note(reason, ROW);
    }

    /// What stands in an answer, under the name that the comments of its reasons begin with.
    pub fn answer(&mut self, kind: &str, reason: &str) {
        self.note(reason, kind);
    }

    /// Cases, with the reasons of their violations.
    pub fn cases(&mut self, cases: &[Case]) {
        for case in cases {
            self.refusals(&[(case.code, case.reason)]);
            let kind = if case.code == Code::InvalidArgument { FIELD.to_owned() } else { code_name(case.code) };
            for (_, reason) in &case.fields {
                self.note(reason, &kind);
            }
        }
    }
}

/// Reasons of packages with what their comments begin with: the codes, or that they stand in violations.
fn published(packages: &[&str]) -> BTreeMap<String, Vec<String>> {
    let set = FileDescriptorSet::decode(DESCRIPTOR_SET).unwrap();
    let mut published = BTreeMap::new();
    for file in set.file.iter().filter(|file| packages.contains(&file.package())) {
        for (index, values) in file.enum_type.iter().enumerate().filter(|(_, one)| one.name() == "ErrorReason") {
            for location in &file.source_code_info.as_ref().unwrap().location {
                // The path of a value: field 5 of the file, its index, field 2 of the enum, its index.
                let [5, of, 2, value] = location.path[..] else { continue };
                if usize::try_from(of).unwrap() == index {
                    let name = values.value[usize::try_from(value).unwrap()].name();
                    let kinds = location.leading_comments().trim().split([':', '.']).next().unwrap();
                    let kinds = kinds.split(" or ").map(str::to_owned).collect();
                    published.insert(name.trim_start_matches("ERROR_REASON_").to_owned(), kinds);
                }
            }
        }
    }
    published
}

/// Checks that every reason of a service is provoked as its comment says, but for those that never are, each with why. `all` says that
/// these tests are the ones that provoke the common reasons too.
pub fn check(package: &str, all: bool, provoked: &Provoked, never: &[(&str, &str)]) {
    let own = published(&[package]);
    let published = published(&[COMMON, package]);
    for (reason, promised) in &published {
        let kinds = provoked.0.get(reason);
        if never.iter().any(|(never, _)| never == reason) {
            assert!(kinds.is_none(), "{reason} is provoked after all");
            continue;
        }
        let Some(kinds) = kinds else {
            assert!(!all && !own.contains_key(reason), "no test provokes {reason}: add a case to tests/it/bad_*.rs");
            continue;
        };
        // A field that is wrong only in rows is a field too.
        let promises =
            |kind: &String| promised.contains(kind) || (kind == ROW && promised.iter().any(|kind| kind == FIELD));
        assert!(kinds.iter().any(promises), "{reason} promises {promised:?} and comes as {kinds:?}");
        // It has the codes that are promised, wherever it comes from.
        let others: Vec<_> = kinds.iter().filter(|kind| *kind != FIELD && *kind != ROW && !promises(kind)).collect();
        assert!(others.is_empty(), "{reason} promises {promised:?} and comes as {others:?}");
    }
    let unknown: Vec<&String> = provoked.0.keys().filter(|reason| !published.contains_key(*reason)).collect();
    assert!(unknown.is_empty(), "provoked and not published: {unknown:?}");
}

/// `NotFound` → `NOT_FOUND`.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for character in format!("{code:?}").chars() {
        if character.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(character.to_ascii_uppercase());
    }
    name
}
