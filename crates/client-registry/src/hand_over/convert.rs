//! Between the wire and the model.

use std::collections::HashSet;

use guanxi_events::NewEvent;
use guanxi_grpc::{Violation, Violations, language, parse_id, text, timestamp};
use guanxi_proto::client_registry::v1::{
    self as pb, AccountTransfer, HandOverChange, TransferAccountsRequest, transfer_accounts_request,
};
use guanxi_proto::errors::v1::ErrorReason;
use guanxi_resource::place;
use uuid::Uuid;

use super::model::HandOver;
use super::transfer::{Accounts, MAX_ACCOUNTS, Transfer};
use crate::assignment::{Wish, optional_reason, reason_text, territory_code};

/// Most characters of a note.
const MAX_NOTE: usize = 500;

/// The hand-over as everybody sees it who sees its territory.
pub(super) fn wire(hand_over: &HandOver) -> pb::HandOver {
    let texts = |ids: &[Uuid]| ids.iter().map(Uuid::to_string).collect();
    pb::HandOver {
        id: hand_over.id.to_string(),
        from_account_manager_ids: texts(&hand_over.from_account_manager_ids),
        to_account_manager_ids: texts(&hand_over.to_account_manager_ids),
        account_count: hand_over.account_count,
        reason: hand_over.reason.clone(),
        note: hand_over.note.clone().unwrap_or_default(),
        actor: hand_over.actor.clone(),
        territory_code: territory_code(&hand_over.territory_path).to_owned(),
        create_time: Some(timestamp(hand_over.create_time)),
    }
}

/// The one event of a hand-over.
pub(super) fn event(hand_over: &HandOver) -> NewEvent {
    let change = HandOverChange { after: Some(wire(hand_over)), reason: hand_over.reason.clone() };
    let lies = place(territory_code(&hand_over.territory_path), &hand_over.territory_path);
    guanxi_resource::event("hand_over.created", hand_over.id, 1, None, lies, &change)
}

/// Reads a transfer.
pub(super) fn transfer(request: TransferAccountsRequest) -> Result<Transfer, Violations> {
    let mut violations = Violations::default();
    let accounts = match request.accounts {
        None => violations.keep(Err(Violation::required("accounts"))),
        Some(transfer_accounts_request::Accounts::Portfolio(portfolio)) => {
            let from = parse_id("portfolio.from_account_manager_id", &portfolio.from_account_manager_id);
            let to = parse_id("portfolio.to_account_manager_id", &portfolio.to_account_manager_id);
            let (from, to) = (violations.keep(from), violations.keep(to));
            from.zip(to).map(|(from, to)| Accounts::Portfolio { from, to })
        }
        Some(transfer_accounts_request::Accounts::Transfers(sent)) => pairs(&mut violations, &sent.transfers),
    };
    let reason = violations.keep(reason_text("reason", &request.reason));
    let note = violations.keep(text("note", &request.note, 0, MAX_NOTE));
    let exception_reason = violations.keep(optional_reason("exception_reason", &request.exception_reason));
    match (accounts, reason, note, exception_reason) {
        (Some(accounts), Some(reason), Some(note), Some(exception_reason)) if violations.is_empty() => {
            let note = Some(note).filter(|note| !note.is_empty());
            Ok(Transfer { accounts, reason, note, exception_reason })
        }
        _ => Err(violations),
    }
}

/// Reads named transfers, each account once.
fn pairs(violations: &mut Violations, sent: &[AccountTransfer]) -> Option<Accounts> {
    let field = "transfers.transfers";
    if sent.is_empty() {
        return violations.keep(Err(Violation::required(field)));
    }
    if sent.len() > MAX_ACCOUNTS {
        let many = Violation::new(field, ErrorReason::TooMany).with("max", MAX_ACCOUNTS);
        return violations.keep(Err(many.with("count", sent.len())));
    }
    let (mut seen, mut pairs) = (HashSet::new(), Vec::with_capacity(sent.len()));
    for (index, transfer) in sent.iter().enumerate() {
        let name = format!("{field}[{index}].account_id");
        let account = violations.keep(parse_id(&name, &transfer.account_id));
        let manager = format!("{field}[{index}].account_manager_id");
        let manager = violations.keep(parse_id(&manager, &transfer.account_manager_id));
        let Some(account) = account else { continue };
        if !seen.insert(account) {
            violations.push(Violation::new(name, ErrorReason::Duplicate).with("value", account));
        }
        pairs.extend(manager.map(|manager| (account, manager)));
    }
    Some(Accounts::Named(pairs))
}

/// What is broken, as an answer in the caller's language.
pub(super) fn violations(wishes: &[Wish], broken: Vec<(usize, Violation)>) -> Vec<pb::TransferViolation> {
    let told = broken.into_iter().map(|(index, violation)| pb::TransferViolation {
        index: i32::try_from(index).unwrap_or(i32::MAX),
        account_id: wishes[index].account_id.to_string(),
        account_manager_id: wishes[index].account_manager_id.to_string(),
        reason: violation.reason.name().to_owned(),
        message: violation.text(language()),
    });
    told.collect()
}
