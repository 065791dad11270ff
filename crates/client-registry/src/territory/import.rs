//! Importing territories: rows keyed by code, parents before their children.

use std::collections::HashMap;

use guanxi_auth::Scope;
use guanxi_db::Transaction;
use guanxi_events::NewEvent;
use guanxi_grpc::{Call, Refusal, Violation};
use guanxi_proto::client_registry::v1::{ImportTerritoriesRequest, ImportTerritoriesResponse, ImportTerritoryRow};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::imports::v1::{ImportOptions, ImportProgress};
use guanxi_resource::{Error, Import, Mode, Outcome, Resource, Rows};
use time::OffsetDateTime;

use super::TerritoryRpc;
use super::convert;
use super::model::{Levels, NewTerritory, Territory};
use super::store;

impl Rows for TerritoryRpc {
    type Request = ImportTerritoriesRequest;
    type Response = ImportTerritoriesResponse;
    type Row = ImportTerritoryRow;
    const NOUN: &'static str = "territory";

    fn take(request: ImportTerritoriesRequest) -> (Option<ImportOptions>, Vec<ImportTerritoryRow>) {
        (request.options, request.rows)
    }

    fn number(row: &ImportTerritoryRow) -> i64 {
        row.row_number
    }

    fn answer(progress: ImportProgress) -> ImportTerritoriesResponse {
        ImportTerritoriesResponse { progress: Some(progress) }
    }

    async fn apply(
        &self,
        transaction: &mut Transaction,
        call: &Call,
        import: &Import,
        rows: &[ImportTerritoryRow],
    ) -> Result<(Vec<Outcome>, Vec<NewEvent>), Error> {
        // Rows may move territories, so the tree is held alone.
        store::lock_tree(transaction, "territory", true).await?;
        let scope = self.resources.scope(call);
        let parsed: Vec<_> =
            rows.iter().map(|row| convert::new_territory("territory", row.territory.as_deref().cloned())).collect();
        let codes = parsed.iter().flatten().flat_map(|new| [Some(new.code.clone()), new.parent_code.clone()]);
        let codes: Vec<String> = codes.flatten().collect();
        let known = store::find(transaction, &Scope::everything(), &codes).await?;
        let mut batch = Batch {
            scope,
            levels: store::levels(transaction).await?,
            retired: store::retired(transaction, &codes).await?,
            known: known.into_iter().map(|territory| (territory.code.clone(), territory)).collect(),
            mode: import.mode,
            now: call.now,
            created: Vec::new(),
            changed: Vec::new(),
        };
        let outcomes = parsed.into_iter().map(|new| match new.map_err(Error::from).and_then(|new| batch.judge(new)) {
            Ok(outcome) => Ok(outcome),
            Err(Error::Database(error)) => Err(Error::Database(error)),
            Err(refusal) => {
                let field = if matches!(refusal, Error::Exists { .. }) { "territory.code" } else { "territory" };
                Ok(Outcome::Rejected(Refusal::from(refusal).into_violations(field)))
            }
        });
        let outcomes = outcomes.collect::<Result<Vec<_>, Error>>()?;
        let events = batch.save(transaction).await?;
        Ok((outcomes, events))
    }
}

/// The rows of one message against what is known.
struct Batch {
    scope: Scope,
    levels: Levels,
    retired: Vec<String>,
    known: HashMap<String, Territory>,
    mode: Mode,
    now: OffsetDateTime,
    created: Vec<Territory>,
    changed: Vec<(Territory, Territory)>,
}

impl Batch {
    fn judge(&mut self, new: NewTerritory) -> Result<Outcome, Error> {
        convert::check_level("territory", &new.level, &self.levels)?;
        let parent = match &new.parent_code {
            Some(code) => Some(self.visible(code)?.clone()),
            None => None,
        };
        let Some(before) = self.known.get(&new.code).cloned() else {
            if parent.is_none() {
                convert::check_root("territory", &self.scope)?;
            }
            convert::check_code(&new.code, &self.retired)?;
            let territory = new.place(parent.as_ref(), &self.levels, guanxi_db::new_id(self.now), self.now)?;
            self.known.insert(territory.code.clone(), territory.clone());
            if self.mode != Mode::ReportDifferences {
                self.created.push(territory);
            }
            return Ok(Outcome::Created);
        };
        self.visible(&before.code)?;
        if self.mode == Mode::InsertOnly {
            return Err(Error::Exists { resource: "territory", field: "code", value: before.code });
        }
        if new.level != before.level {
            return Err(Violation::new("territory.level", Shared::Immutable).with("value", before.level).into());
        }
        let name_en = new.name_en.clone().or_else(|| before.name_en.clone());
        let renamed = new.name_zh != before.name_zh || name_en != before.name_en;
        let moved = parent.filter(|parent| before.parent_code.as_ref() != Some(&parent.code));
        if !renamed && moved.is_none() {
            return Ok(Outcome::Unchanged);
        }
        if self.mode == Mode::ReportDifferences {
            let fields: Vec<&str> = [(renamed, "name"), (moved.is_some(), "parent_code")]
                .iter()
                .filter(|field| field.0)
                .map(|field| field.1)
                .collect();
            return Err(Violation::new("territory", Shared::RowDiffers).with("fields", fields.join(", ")).into());
        }
        let mut after = moved.map_or_else(|| Ok(before.clone()), |parent| before.moved(&parent, &self.levels))?;
        (after.name_zh, after.name_en) = (new.name_zh, name_en);
        after.stamp().advance(self.now);
        self.note(before, after);
        Ok(Outcome::Updated)
    }

    /// A change, for the rows that follow too: what lies below a moved territory lies elsewhere for them.
    fn note(&mut self, before: Territory, after: Territory) {
        if before.path != after.path {
            for below in self.known.values_mut().filter(|below| below.path.starts_with(&before.path)) {
                below.path = format!("{}{}", after.path, &below.path[before.path.len()..]);
            }
        }
        self.known.insert(after.code.clone(), after.clone());
        self.changed.push((before, after));
    }

    fn visible(&self, code: &str) -> Result<&Territory, Error> {
        let found = self.known.get(code).filter(|territory| self.scope.contains(&territory.path));
        found.ok_or_else(|| Error::not_found("territory", code))
    }

    async fn save(self, transaction: &mut Transaction) -> Result<Vec<NewEvent>, Error> {
        store::insert(transaction, &self.created).await?;
        let mut events: Vec<_> =
            self.created.iter().map(|territory| convert::event("territory.created", None, territory)).collect();
        for (before, after) in &self.changed {
            store::update(transaction, after).await?;
            let moved = before.path != after.path;
            if moved {
                store::move_subtree(transaction, &before.path, &after.path).await?;
            }
            let kind = if moved { "territory.moved" } else { "territory.updated" };
            events.push(convert::event(kind, Some(before), after));
        }
        Ok(events)
    }
}
