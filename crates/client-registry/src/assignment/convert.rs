//! Between the wire and the model.

use guanxi_events::NewEvent;
use guanxi_grpc::{Violation, Violations, day, etag, known, number, parse_id, text, timestamp};
use guanxi_proto::client_registry::v1::{
    self as pb, AssignmentChange, AssignmentRole, CloseAssignmentRequest, ErrorReason, FindResponsibleRequest,
    HandOverAccountRequest, OpenAssignmentRequest,
};
use guanxi_resource::place;
use time::Date;
use uuid::Uuid;

use super::desk::Wish;
use super::gate::Gate;
use super::model::{Assignment, Role, territory_code};
use crate::account::{Tier, wire_tier};
use crate::account_manager::Channel;
use crate::error::reason;

/// Most characters of a reason.
const MAX_REASON: usize = 200;

/// The assignment as everybody sees it who sees the account.
pub(super) fn wire(assignment: &Assignment) -> pb::Assignment {
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let role = match assignment.role {
        Role::Primary => AssignmentRole::Primary,
        Role::Backup => AssignmentRole::Backup,
        Role::ProductManager => AssignmentRole::ProductManager,
        Role::SupportManager => AssignmentRole::SupportManager,
    };
    let state = match assignment.end_date {
        None => pb::AssignmentState::Open,
        Some(_) => pb::AssignmentState::Closed,
    };
    pb::Assignment {
        id: assignment.id.to_string(),
        account_id: assignment.account_id.to_string(),
        account_manager_id: assignment.account_manager_id.to_string(),
        role: role.into(),
        start_date: assignment.start_date.to_string(),
        end_date: day::wire(assignment.end_date),
        state: state.into(),
        open_reason: text(&assignment.open_reason),
        close_reason: text(&assignment.close_reason),
        exception_reason: text(&assignment.exception_reason),
        hand_over_id: id(assignment.hand_over_id),
        closing_hand_over_id: id(assignment.closing_hand_over_id),
        territory_code: territory_code(&assignment.territory_path).to_owned(),
        create_time: Some(timestamp(assignment.create_time)),
        update_time: Some(timestamp(assignment.update_time)),
        etag: etag(assignment.version),
    }
}

/// The event of a change. Its territory is the account's, so it carries every id that somebody may count by.
pub(crate) fn event(kind: &'static str, before: Option<&Assignment>, after: &Assignment) -> NewEvent {
    let why = if after.end_date.is_some() { &after.close_reason } else { &after.open_reason };
    let change = AssignmentChange {
        before: before.map(wire),
        after: Some(wire(after)),
        reason: why.clone().unwrap_or_default(),
        account_tier: wire_tier(after.account_tier).into(),
    };
    let lies = place(territory_code(&after.territory_path), &after.territory_path);
    guanxi_resource::event(kind, after.id, after.version, None, lies, &change)
}

/// A reason that must be given.
pub(crate) fn reason_text(field: &str, value: &str) -> Result<String, Violation> {
    text(field, value, 1, MAX_REASON)
}

/// A reason that may be missing.
pub(crate) fn optional_reason(field: &str, value: &str) -> Result<Option<String>, Violation> {
    Ok(Some(text(field, value, 0, MAX_REASON)?).filter(|reason| !reason.is_empty()))
}

fn role(field: &str, value: i32) -> Result<Role, Violation> {
    match known(field, value, AssignmentRole::as_str_name)? {
        AssignmentRole::Unspecified => Err(Violation::required(field)),
        AssignmentRole::Primary => Ok(Role::Primary),
        AssignmentRole::Backup => Ok(Role::Backup),
        AssignmentRole::ProductManager => Ok(Role::ProductManager),
        AssignmentRole::SupportManager => Ok(Role::SupportManager),
    }
}

/// Reads an opening: the wish, and why.
pub(super) fn opening(request: &OpenAssignmentRequest, today: Date) -> Result<(Wish, Option<String>), Violations> {
    let mut violations = Violations::default();
    let account_id = violations.keep(parse_id("account_id", &request.account_id));
    let account_manager_id = violations.keep(parse_id("account_manager_id", &request.account_manager_id));
    let role = violations.keep(role("role", request.role));
    let start = day::read("start_date", &request.start_date);
    let start = start.and_then(|day| number("start_date", day.unwrap_or(today), day::FIRST, today));
    let start_date = violations.keep(start);
    let why = violations.keep(optional_reason("reason", &request.reason));
    let exception_reason = violations.keep(optional_reason("exception_reason", &request.exception_reason));
    match (account_id, account_manager_id, role, start_date, why, exception_reason) {
        (
            Some(account_id),
            Some(account_manager_id),
            Some(role),
            Some(start_date),
            Some(why),
            Some(exception_reason),
        ) => Ok((Wish { account_id, account_manager_id, role, start_date, exception_reason }, why)),
        _ => Err(violations),
    }
}

/// Reads a hand-over of one account: the wish, and why.
pub(super) fn hand_over(request: &HandOverAccountRequest, today: Date) -> Result<(Wish, String), Violations> {
    let mut violations = Violations::default();
    let account_id = violations.keep(parse_id("account_id", &request.account_id));
    let account_manager_id = violations.keep(parse_id("account_manager_id", &request.account_manager_id));
    let why = violations.keep(reason_text("reason", &request.reason));
    let exception_reason = violations.keep(optional_reason("exception_reason", &request.exception_reason));
    match (account_id, account_manager_id, why, exception_reason) {
        (Some(account_id), Some(account_manager_id), Some(why), Some(exception_reason)) => {
            let (role, start_date) = (Role::Primary, today);
            Ok((Wish { account_id, account_manager_id, role, start_date, exception_reason }, why))
        }
        _ => Err(violations),
    }
}

/// Reads a closing: the id, the day if one is named, and why.
pub(super) fn closing(request: &CloseAssignmentRequest) -> Result<(Uuid, Option<Date>, String), Violations> {
    let mut violations = Violations::default();
    let id = violations.keep(parse_id("id", &request.id));
    let why = violations.keep(reason_text("reason", &request.reason));
    let end_date = violations.keep(day::read("end_date", &request.end_date));
    match (id, end_date, why) {
        (Some(id), Some(end_date), Some(why)) => Ok((id, end_date, why)),
        _ => Err(violations),
    }
}

/// Reads a question: which account, on which day.
pub(super) fn question(request: &FindResponsibleRequest, today: Date) -> Result<(Uuid, Date), Violations> {
    let mut violations = Violations::default();
    let account_id = violations.keep(parse_id("account_id", &request.account_id));
    let day = violations.keep(day::read("on_date", &request.on_date));
    match (account_id, day) {
        (Some(account_id), Some(day)) => Ok((account_id, day.unwrap_or(today))),
        _ => Err(violations),
    }
}

/// A broken gate as it is told.
pub(crate) fn unmet(subject: &str, gate: &Gate) -> Violation {
    let broken = |own: ErrorReason| Violation::new(subject, reason(own));
    match gate {
        Gate::PrimaryExists { assignment_id, account_manager_id } => broken(ErrorReason::PrimaryExists)
            .with("assignment_id", assignment_id)
            .with("account_manager_id", account_manager_id),
        Gate::Overlaps { start_date, end_date } => {
            broken(ErrorReason::AssignmentOverlaps).with("start_date", start_date).with("end_date", end_date)
        }
        Gate::AccountNotServed { state } => broken(ErrorReason::AccountNotServed).with("state", state),
        Gate::ManagerNotInService { state } => broken(ErrorReason::ManagerNotInService).with("state", state),
        Gate::GradeTooLow { tier, required, grade } => broken(ErrorReason::GradeTooLow)
            .with("tier", tier_name(*tier))
            .with("required", required)
            .with("grade", grade),
        Gate::TerritoryNotCovered { manager, account } => broken(ErrorReason::TerritoryNotCovered)
            .with("manager_territory", territory_code(manager))
            .with("account_territory", territory_code(account)),
        Gate::ChannelWrongForTier { expected, channel } => broken(ErrorReason::ChannelWrongForTier)
            .with("expected", channel_name(*expected))
            .with("channel", channel_name(*channel)),
        Gate::LoadFull { load, max } => broken(ErrorReason::LoadFull).with("load", load).with("max", max),
    }
}

/// A tier in texts of both languages.
pub(crate) fn tier_name(tier: Option<Tier>) -> &'static str {
    match tier {
        Some(Tier::A) => "A",
        Some(Tier::B) => "B",
        Some(Tier::C) => "C",
        None => "-",
    }
}

/// A channel in texts of both languages.
pub(crate) fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Field => "FIELD",
        Channel::Phone => "PHONE",
        Channel::Industry => "INDUSTRY",
    }
}
