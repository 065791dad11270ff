//! What became of the rows of an import.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_proto::imports::v1::{ImportProgress, RowViolation};

use super::noun::Noun;
use super::send::Item;

/// Counts of rows, and every row that did not land.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    pub(crate) repeated: u64,
    /// Of a dry run: rows whose parent is a row of the same file that would land first. They can be judged only after it.
    pub(crate) after_parent: u64,
    pub(crate) rejected: BTreeMap<i64, Rejected>,
    /// Of a dry run: what the rows that would land are recognised by.
    keys: BTreeSet<String>,
}

/// A row that did not land.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) line: u64,
    pub(crate) violations: Vec<RowViolation>,
    /// The key of the parent, where there is no such parent yet.
    parent: Option<String>,
    keys: Vec<String>,
}

impl Tally {
    /// Rows that have landed, now or in an earlier attempt.
    pub(crate) fn landed(&self) -> u64 {
        self.created + self.updated + self.unchanged + self.repeated
    }

    /// Adds the answer to a message.
    pub(crate) fn add<N: Noun>(&mut self, items: Vec<Item<N::Row>>, progress: ImportProgress, dry_run: bool) {
        let count = |count: i32| u64::try_from(count).unwrap_or_default();
        self.created += count(progress.created_count);
        self.updated += count(progress.updated_count);
        self.unchanged += count(progress.unchanged_count);
        self.repeated += count(progress.repeated_count);
        let mut refused: BTreeMap<i64, Vec<RowViolation>> =
            progress.rejected_rows.into_iter().map(|row| (row.row_number, row.violations)).collect();
        for item in items {
            let keys = if dry_run { N::keys(&item.row) } else { Vec::new() };
            match refused.remove(&item.number) {
                Some(violations) => {
                    let parent = N::parent(&item.row).filter(|_| is_orphan(&violations, N::PARENT_FIELDS));
                    let violations = if item.broken.is_empty() { violations } else { item.broken };
                    self.rejected.insert(item.number, Rejected { line: item.line, violations, parent, keys });
                }
                None => self.keys.extend(keys),
            }
        }
    }

    /// Takes out the rows that may land once their parents have, for another attempt.
    pub(crate) fn take_orphans(&mut self) -> BTreeSet<i64> {
        let orphans =
            self.rejected.iter().filter(|(_, rejected)| rejected.parent.is_some()).map(|(number, _)| *number).collect();
        self.rejected.retain(|_, rejected| rejected.parent.is_none());
        orphans
    }

    /// Ends a dry run, in which no row sees those of earlier messages: a row whose parent would have landed is not rejected.
    pub(crate) fn adopt_orphans(&mut self) {
        loop {
            let keys = &self.keys;
            let adopted = |rejected: &Rejected| rejected.parent.as_ref().is_some_and(|parent| keys.contains(parent));
            let numbers: Vec<i64> =
                self.rejected.iter().filter(|(_, rejected)| adopted(rejected)).map(|(number, _)| *number).collect();
            if numbers.is_empty() {
                return;
            }
            for rejected in numbers.iter().filter_map(|number| self.rejected.remove(number)) {
                self.after_parent += 1;
                self.keys.extend(rejected.keys);
            }
        }
    }
}

/// Whether nothing is wrong but that there is no such parent.
fn is_orphan(violations: &[RowViolation], parent_fields: &[&str]) -> bool {
    matches!(violations, [violation] if violation.reason == "RESOURCE_NOT_FOUND" && parent_fields.contains(&violation.field.as_str()))
}
