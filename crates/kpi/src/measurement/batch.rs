//! The measurements of one message against those that are there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use guanxi_db::Transaction;
use guanxi_events::NewEvent;
use guanxi_grpc::{Call, Violation};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::kpi::v1::{MeasurementBatch, MeasurementBatchChange};
use guanxi_resource::{Import, Mode, Outcome, event, place};

use super::model::{Key, Measurement};
use super::store;
use crate::fact::Deltas;
use crate::figure::code;

/// What becomes of the measurements of one message.
pub(super) struct Batch {
    mode: Mode,
    present: HashMap<Key, Measurement>,
    /// Which row was about a measurement.
    rows: HashMap<Key, i64>,
    /// Before, `None` for a new one, and after; one of zero takes the earlier one away.
    changes: Vec<(Option<Measurement>, Measurement)>,
}

impl Batch {
    /// A batch over what is there of the keys of its rows.
    pub(super) fn new(mode: Mode, present: HashMap<Key, Measurement>) -> Self {
        Self { mode, present, rows: HashMap::new(), changes: Vec::new() }
    }

    /// What becomes of a row.
    pub(super) fn judge(&mut self, number: i64, after: Measurement) -> Result<Outcome, Violation> {
        if let Some(earlier) = self.rows.get(&after.key) {
            return Err(Violation::new("measurement", Shared::RowRepeated).with("row", earlier));
        }
        let before = self.present.remove(&after.key);
        let outcome = match &before {
            None if after.value.is_zero() => Outcome::Unchanged,
            None => Outcome::Created,
            Some(before) => self.judge_known(before, &after)?,
        };
        self.rows.insert(after.key.clone(), number);
        if !matches!(outcome, Outcome::Unchanged) {
            self.changes.push((before, after));
        }
        Ok(outcome)
    }

    fn judge_known(&self, before: &Measurement, after: &Measurement) -> Result<Outcome, Violation> {
        if self.mode == Mode::InsertOnly {
            let exists = Violation::new("measurement", Shared::ResourceExists).with("resource", "measurement");
            return Err(exists.with("field", "date").with("value", before.key.day));
        }
        let fields = before.differences(after);
        if fields.is_empty() {
            return Ok(Outcome::Unchanged);
        }
        if self.mode == Mode::ReportDifferences {
            return Err(Violation::new("measurement", Shared::RowDiffers).with("fields", fields.join(", ")));
        }
        Ok(Outcome::Updated)
    }

    /// Writes what changed, with its sums.
    pub(super) async fn save(
        self,
        transaction: &mut Transaction,
        call: &Call,
        import: &Import,
        paths: &HashMap<String, String>,
    ) -> Result<Vec<NewEvent>, sqlx::Error> {
        if self.mode == Mode::ReportDifferences || self.changes.is_empty() {
            return Ok(Vec::new());
        }
        let after = self.changes.iter().map(|(_, after)| after);
        let (gone, kept): (Vec<_>, Vec<_>) = after.partition(|after| after.value.is_zero());
        store::save(transaction, &kept).await?;
        store::remove(transaction, &gone).await?;
        let mut deltas = Deltas::default();
        for (before, after) in &self.changes {
            if let Some(before) = before {
                deltas.add(&before.fact(), -1);
            }
            deltas.add(&after.fact(), 1);
        }
        deltas.write(transaction).await?;
        Ok(events(&self.changes, call, import, paths))
    }
}

/// One event for all changes; where there are several trees, one for each.
fn events(
    changes: &[(Option<Measurement>, Measurement)],
    call: &Call,
    import: &Import,
    paths: &HashMap<String, String>,
) -> Vec<NewEvent> {
    let mut trees = BTreeMap::<&str, (String, Vec<_>)>::new();
    for change in changes {
        let Some(path) = paths.get(&change.1.key.territory_code) else { continue };
        let root = path.split('/').next().unwrap_or_default();
        let (around, changes) = trees.entry(root).or_insert_with(|| (path.clone(), Vec::new()));
        *around = common(around, path);
        changes.push(change);
    }
    let tell = |(around, changes): (String, Vec<&(Option<Measurement>, Measurement)>)| {
        let id = guanxi_db::new_id(call.now);
        let after = MeasurementBatch { id: id.to_string(), import_id: import.id.to_string(), ..batch(&changes) };
        let change = MeasurementBatchChange { before: None, after: Some(after) };
        event("measurement_batch.imported", id, 1, None, place(code(&around), &around), &change)
    };
    trees.into_values().map(tell).collect()
}

/// What changes have in common.
fn batch(changes: &[&(Option<Measurement>, Measurement)]) -> MeasurementBatch {
    let count = |is: fn(&(Option<Measurement>, Measurement)) -> bool| {
        i32::try_from(changes.iter().filter(|change| is(change)).count()).unwrap_or(i32::MAX)
    };
    let keys = || changes.iter().map(|(_, after)| &after.key);
    let sorted = |texts: BTreeSet<&String>| texts.into_iter().cloned().collect();
    let day = |day: Option<time::Date>| guanxi_grpc::day::wire(day);
    MeasurementBatch {
        created_count: count(|(before, _)| before.is_none()),
        updated_count: count(|(before, after)| before.is_some() && !after.value.is_zero()),
        removed_count: count(|(_, after)| after.value.is_zero()),
        measure_codes: sorted(keys().map(|key| &key.measure).collect()),
        territory_codes: sorted(keys().map(|key| &key.territory_code).collect()),
        first_date: day(keys().map(|key| key.day).min()),
        last_date: day(keys().map(|key| key.day).max()),
        ..Default::default()
    }
}

/// The path of the lowest territory that has two of one tree in it.
fn common(one: &str, other: &str) -> String {
    let steps = one.split_inclusive('/').zip(other.split_inclusive('/'));
    steps.take_while(|(one, other)| one == other).map(|(step, _)| step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_around_two_territories_is_the_lowest_of_both() {
        assert_eq!(common("CN/44/4403/", "CN/44/4405/"), "CN/44/");
        assert_eq!(common("CN/44/", "CN/44/4405/"), "CN/44/");
        assert_eq!(common("CN/44/", "CN/440/"), "CN/");
    }
}
