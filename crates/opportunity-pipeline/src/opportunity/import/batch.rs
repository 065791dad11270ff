//! The rows of one message against what is known.

use std::collections::HashMap;

use guanxi_auth::{Scope, TerritoryPaths};
use guanxi_db::Transaction;
use guanxi_events::NewEvent;
use guanxi_grpc::value::unknown;
use guanxi_grpc::{Call, Refusal, Violation, Violations, day};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::opportunity_pipeline::v1::ErrorReason;
use guanxi_resource::{Deletable, Error, Mode, Outcome, Resource, Resources};
use uuid::Uuid;

use super::history::{self, End, Entry, Period};
use super::row::{AccountKey, OwnerKey, Row};
use super::store::{self, Present};
use crate::copies::{Account, Known, Manager, Offering, lock_territories};
use crate::error::reason;
use crate::opportunity::convert;
use crate::opportunity::model::{CloseReason, Opportunity, Placing, State};
use crate::opportunity::patch::{Found, Patch};
use crate::opportunity::store as opportunities;
use crate::pipeline::{self, Pipeline, STANDARD};

/// The rows of one message against what is known.
pub(super) struct Batch<'a> {
    call: &'a Call,
    scope: Scope,
    paths: &'a TerritoryPaths,
    mode: Mode,
    known: &'a Known,
    found: Found,
    /// Paths of the territories that new opportunities may lie in.
    territories: HashMap<String, String>,
    pipelines: HashMap<String, Pipeline>,
    present: HashMap<String, Present>,
    /// Which row was about an opportunity.
    rows: HashMap<String, i64>,
    /// Before, `None` for a new one, and after.
    changes: Vec<(Option<Opportunity>, Opportunity)>,
    periods: Vec<Period>,
}

impl<'a> Batch<'a> {
    /// Reads everything else that the rows name, in a fixed number of statements. Opportunities, territories and pipelines stay as they are
    /// until the transaction ends.
    pub(super) async fn load(
        resources: &'a Resources,
        known: &'a Known,
        transaction: &mut Transaction,
        call: &'a Call,
        mode: Mode,
        rows: impl Iterator<Item = &Row> + Clone,
    ) -> Result<Self, Error> {
        let of_owners = known.managers.values().map(|manager| manager.territory_code.clone());
        let codes: Vec<String> = rows.clone().filter_map(|row| row.territory_code.clone()).chain(of_owners).collect();
        let pipelines: Vec<String> =
            rows.clone().map(|row| row.pipeline_code.clone().unwrap_or_else(|| STANDARD.to_owned())).collect();
        let from: Vec<String> = rows.map(|row| row.imported_from.clone()).collect();
        let territories = lock_territories(transaction, &codes).await?;
        let pipelines = pipeline::store::share_all(transaction, &pipelines).await?;
        let present = store::lock(transaction, &from).await?;
        // What was sold may have been taken off sale since.
        let sold = |offering: &Offering| Offering { on_sale: true, ..offering.clone() };
        let offerings = known.offerings.iter().map(|(code, offering)| (code.clone(), sold(offering))).collect();
        let found = Found { account: None, managers: known.managers.clone(), offerings, today: day::of(call.now) };
        Ok(Self {
            call,
            scope: resources.scope(call),
            paths: resources.paths(),
            mode,
            known,
            found,
            territories,
            pipelines: pipelines.into_iter().map(|pipeline| (pipeline.code.clone(), pipeline)).collect(),
            present,
            rows: HashMap::new(),
            changes: Vec::new(),
            periods: Vec::new(),
        })
    }

    pub(super) fn judge(&mut self, row: &Row, patch: Patch) -> Result<Outcome, Violations> {
        if let Some(earlier) = self.rows.get(&row.imported_from) {
            return Err(Violation::new("external_id", Shared::RowRepeated).with("row", earlier).into());
        }
        let outcome = match self.present.remove(&row.imported_from) {
            Some(present) => self.judge_known(row, patch, present)?,
            None => self.judge_new(row, patch)?,
        };
        self.rows.insert(row.imported_from.clone(), row.number);
        Ok(outcome)
    }

    fn judge_new(&mut self, row: &Row, patch: Patch) -> Result<Outcome, Violations> {
        let mut wrong = Violations::default();
        let pipeline_code = row.pipeline_code.as_deref().unwrap_or(STANDARD);
        let end = keep(&mut wrong, self.end(&row.entries, pipeline_code));
        let open = end.as_ref().is_some_and(|end| end.state == State::Open);
        let placing = wrong.keep(self.placing(row, open));
        let account = wrong.keep(self.account(row, None)).flatten();
        // Without a place everything else that is wrong is named all the same.
        let nowhere = || Placing {
            owner_id: Uuid::nil(),
            owner_employee_number: String::new(),
            territory_code: String::new(),
            territory_path: String::new(),
        };
        let id = guanxi_db::new_id(self.call.now);
        let blank = Opportunity {
            title: row.imported_from.clone(),
            imported_from: Some(row.imported_from.clone()),
            pipeline_code: pipeline_code.to_owned(),
            open_date: None,
            ..Opportunity::blank(id, placing.unwrap_or_else(nowhere), self.found.today, self.call.now)
        };
        let after = keep(&mut wrong, self.patched(patch, blank, account));
        let Some((after, end)) = after.zip(end).filter(|_| wrong.is_empty()) else { return Err(wrong) };
        let after = told(after, row, Some(&end));
        check_won(&after)?;
        self.note(None, after, Some(&row.entries));
        Ok(Outcome::Created)
    }

    fn judge_known(&mut self, row: &Row, patch: Patch, present: Present) -> Result<Outcome, Violations> {
        let Present { opportunity: before, entries, moved } = present;
        if self.mode == Mode::InsertOnly || !self.scope.contains(&before.territory_path) {
            let field = "imported_from";
            return Err(refused(Error::Exists { resource: "opportunity", field, value: row.imported_from.clone() }));
        }
        before.check_live().map_err(refused)?;
        let mut wrong = Violations::default();
        check_fixed(&mut wrong, row, &before);
        let moved = moved || before.state == State::Suspended;
        let further = !row.entries.is_empty() && row.entries != entries;
        let pipeline_code = &before.pipeline_code;
        let end = (further && !moved).then(|| self.end(&row.entries, pipeline_code));
        let end = end.and_then(|end| keep(&mut wrong, end));
        let account = wrong.keep(self.account(row, before.account_id)).flatten();
        let after = keep(&mut wrong, self.patched(patch, before.clone(), account));
        let Some(after) = after.filter(|_| wrong.is_empty()) else { return Err(wrong) };
        let after = if moved { after } else { told(after, row, end.as_ref()) };
        let mut fields = convert::differences(&before, &after);
        fields.extend(further.then_some("stages"));
        if fields.is_empty() {
            return Ok(Outcome::Unchanged);
        }
        if moved || row.entries.len() < entries.len() && further || self.mode == Mode::ReportDifferences {
            let differs = Violation::new("opportunity", Shared::RowDiffers).with("fields", fields.join(", "));
            return Err(differs.into());
        }
        check_won(&after)?;
        self.note(Some(before), after, further.then_some(&row.entries));
        Ok(Outcome::Updated)
    }

    /// Where entries lead in the pipeline of a code.
    fn end(&self, entries: &[Entry], pipeline_code: &str) -> Result<End, Violations> {
        match self.pipelines.get(pipeline_code) {
            Some(pipeline) => history::end(entries, pipeline),
            None => Err(unknown("opportunity.pipeline_code", "pipeline", pipeline_code).into()),
        }
    }

    /// Who answers for a new opportunity, and where it belongs. Who answered for a closed one may have left.
    fn placing(&self, row: &Row, open: bool) -> Result<Placing, Violation> {
        let owner = row.owner.as_ref().ok_or_else(|| Violation::required("owner_employee_number"))?;
        let (manager, value) = match owner {
            OwnerKey::Id(id) => (self.known.managers.get(id), id.to_string()),
            OwnerKey::EmployeeNumber(number) => (self.manager_of(number), number.clone()),
        };
        let manager = manager
            .filter(|manager| manager.in_service || !open)
            .ok_or_else(|| Violation::new(owner.field(), reason(ErrorReason::ManagerUnknown)).with("value", &value))?;
        let territory_code = row.territory_code.as_ref().unwrap_or(&manager.territory_code);
        let path = self.territories.get(territory_code).filter(|path| self.scope.contains(path));
        let path = path.ok_or_else(|| match &row.territory_code {
            Some(code) => unknown("opportunity.territory_code", "territory", code),
            // Where somebody outside works is not told.
            None => unknown(owner.field(), "account manager", &value),
        })?;
        Ok(Placing {
            owner_id: manager.id,
            owner_employee_number: manager.employee_number.clone(),
            territory_code: territory_code.clone(),
            territory_path: path.clone(),
        })
    }

    fn manager_of(&self, employee_number: &str) -> Option<&Manager> {
        self.known.employee_numbers.get(employee_number).and_then(|id| self.known.managers.get(id))
    }

    /// The account that a row names. The one that the opportunity has may lie where the caller does not see it.
    fn account(&self, row: &Row, present: Option<Uuid>) -> Result<Option<&'a Account>, Violation> {
        let Some(key) = &row.account else { return Ok(None) };
        let (id, value) = match key {
            AccountKey::Id(id) => (Some(id), id.to_string()),
            AccountKey::ExternalId(id) => (self.known.external_ids.get(id), format!("{}/{}", id.0, id.1)),
        };
        let account = id.and_then(|id| self.known.accounts.get(id));
        let inside = |account: &&Account| {
            let path = self.paths.path_of(&account.territory_code);
            !account.deleted && path.is_some_and(|path| self.scope.contains(&path))
        };
        let seen = account.filter(|account| present == Some(account.id) || inside(account));
        seen.map(Some).ok_or_else(|| unknown(key.field(), "account", &value))
    }

    /// The opportunity with the fields of a row.
    fn patched(&self, patch: Patch, before: Opportunity, account: Option<&Account>) -> Result<Opportunity, Violations> {
        let after = patch(before, &self.found).map_err(refused)?;
        Ok(match account {
            Some(account) => Opportunity { account_id: Some(account.id), ..after.with_account(Some(account)) },
            None => after,
        })
    }

    /// A change, with the history where that is another one.
    fn note(&mut self, before: Option<Opportunity>, after: Opportunity, entries: Option<&Vec<Entry>>) {
        if let Some(entries) = entries {
            let closing_reason = if after.state == State::Open { "" } else { &after.reason };
            self.periods.extend(history::periods(entries, after.id, closing_reason, self.call));
        }
        self.changes.push((before, after));
    }

    pub(super) async fn save(self, transaction: &mut Transaction) -> Result<Vec<NewEvent>, Error> {
        if self.mode == Mode::ReportDifferences || self.changes.is_empty() {
            return Ok(Vec::new());
        }
        let (mut events, mut saved) = (Vec::new(), Vec::new());
        for (before, mut after) in self.changes {
            if before.is_some() {
                after.stamp().advance(self.call.now);
            }
            let kind = if before.is_some() { "opportunity.updated" } else { "opportunity.imported" };
            events.push(convert::event(kind, before.as_ref(), &after));
            saved.push(after);
        }
        opportunities::save_all(transaction, &saved).await?;
        store::save_periods(transaction, &self.periods).await?;
        Ok(events)
    }
}

/// The opportunity with what a row tells of its past. `end` is where its history leads, where that is new.
fn told(opportunity: Opportunity, row: &Row, end: Option<&End>) -> Opportunity {
    let mut after = opportunity;
    if let (Some(end), Some(last)) = (end, row.entries.last()) {
        after.stage_code.clone_from(&last.stage_code);
        after.stage_enter_date = last.enter_date;
        (after.state, after.close_date) = (end.state, end.close_date);
        after.open_date = row.entries.iter().find_map(|entry| entry.enter_date).or(after.open_date);
    }
    after.close_reason = match after.state {
        State::Open | State::Suspended => None,
        State::Won | State::Lost => row.close_reason.or(after.close_reason).or(Some(CloseReason::Unknown)),
    };
    after.open_date = row.open_date.or(after.open_date);
    after.reason = row.reason.clone().unwrap_or(after.reason);
    after
}

/// Refuses a win without an account or a value.
fn check_won(opportunity: &Opportunity) -> Result<(), Violations> {
    let mut wrong = Violations::default();
    if opportunity.state == State::Won {
        let needed = [
            ("opportunity.account_id", opportunity.account_id.is_some()),
            ("opportunity.amount", opportunity.value().is_some()),
        ];
        for (field, _) in needed.into_iter().filter(|(_, there)| !there) {
            wrong.push(Violation::required(field));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Notes what a row says otherwise of what stays as it is.
fn check_fixed(wrong: &mut Violations, row: &Row, before: &Opportunity) {
    let mut fixed = |field: &str, same: bool, value: &str| {
        if !same {
            wrong.push(Violation::new(field, Shared::Immutable).with("value", value));
        }
    };
    match &row.owner {
        Some(OwnerKey::Id(id)) => fixed("opportunity.owner_id", *id == before.owner_id, &before.owner_id.to_string()),
        Some(OwnerKey::EmployeeNumber(number)) => {
            let same = *number == before.owner_employee_number;
            fixed("owner_employee_number", same, &before.owner_employee_number);
        }
        None => {}
    }
    for (field, sent, is) in [
        ("opportunity.territory_code", &row.territory_code, &before.territory_code),
        ("opportunity.pipeline_code", &row.pipeline_code, &before.pipeline_code),
    ] {
        fixed(field, sent.as_ref().is_none_or(|sent| sent == is), is);
    }
}

/// Notes what is wrong and goes on without the value.
fn keep<T>(wrong: &mut Violations, outcome: Result<T, Violations>) -> Option<T> {
    outcome.map_err(|violations| wrong.extend(violations)).ok()
}

/// A refusal as what is wrong with a row.
fn refused(refusal: Error) -> Violations {
    let field = if matches!(refusal, Error::Exists { .. }) { "external_id" } else { "opportunity" };
    let mut violations = Violations::default();
    Refusal::from(refusal).into_violations(field).into_iter().for_each(|violation| violations.push(violation));
    violations
}
