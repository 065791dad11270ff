//! Wire → model: what the requests of verbs say, with everything that is wrong with them.

use guanxi_grpc::value::money;
use guanxi_grpc::{Violation, Violations, day, number, parse_id, text};
use guanxi_proto::errors::v1::ErrorReason;
use guanxi_proto::opportunity_pipeline::v1::{
    self as pb, AdvanceOpportunityRequest, LoseOpportunityRequest, ReassignOpportunityRequest,
    ReopenOpportunityRequest, SuspendOpportunityRequest, WinOpportunityRequest,
};
use time::Date;
use uuid::Uuid;

use super::model::CloseReason;
use super::patch::territory_code;
use super::verb::Closing;

/// Longest reason that people give, in characters.
const MAX_REASON: usize = 500;

/// The stage of an advance, `None` for the next one, and the reason, which may be empty.
pub(super) fn advance(request: &AdvanceOpportunityRequest) -> Result<(Option<String>, String), Violations> {
    let mut violations = Violations::default();
    violations.keep(parse_id("id", &request.id));
    let stage_code = Some(request.stage_code.clone()).filter(|code| !code.is_empty());
    let reason = violations.keep(text("reason", &request.reason, 0, MAX_REASON));
    finish(violations, reason.map(|reason| (stage_code, reason)))
}

/// How an opportunity is won.
pub(super) fn win(request: &WinOpportunityRequest) -> Result<Closing, Violations> {
    let mut violations = Violations::default();
    violations.keep(parse_id("id", &request.id));
    let amount = violations.keep(request.amount.as_ref().map(|sum| money("amount", sum)).transpose());
    let closing = closing(&mut violations, &request.close_date, request.close_reason, &request.reason);
    finish(violations, closing.zip(amount).map(|(closing, amount)| Closing { amount, ..closing }))
}

/// How an opportunity is lost.
pub(super) fn lose(request: &LoseOpportunityRequest) -> Result<Closing, Violations> {
    let mut violations = Violations::default();
    violations.keep(parse_id("id", &request.id));
    let closing = closing(&mut violations, &request.close_date, request.close_reason, &request.reason);
    finish(violations, closing)
}

/// Until when an opportunity rests, and why.
pub(super) fn suspension(
    request: &SuspendOpportunityRequest,
    today: Date,
) -> Result<(Option<Date>, String), Violations> {
    let mut violations = Violations::default();
    violations.keep(parse_id("id", &request.id));
    let reason = violations.keep(why(&request.reason));
    let field = "suspend_until_date";
    let tomorrow = today.next_day().unwrap_or(today);
    let until = day::read(field, &request.suspend_until_date)
        .and_then(|until| until.map(|until| number(field, until, tomorrow, Date::MAX)).transpose());
    let until = violations.keep(until);
    finish(violations, until.zip(reason))
}

/// Why an opportunity is taken up again.
pub(super) fn reopening(request: &ReopenOpportunityRequest) -> Result<String, Violations> {
    let mut violations = Violations::default();
    violations.keep(parse_id("id", &request.id));
    let reason = violations.keep(why(&request.reason));
    finish(violations, reason)
}

/// Whom or where an opportunity goes to, and why.
pub(super) struct Reassignment {
    pub(super) owner_id: Option<Uuid>,
    pub(super) territory_code: Option<String>,
    pub(super) reason: String,
}

pub(super) fn reassignment(request: &ReassignOpportunityRequest) -> Result<Reassignment, Violations> {
    let mut violations = Violations::default();
    violations.keep(parse_id("id", &request.id));
    if request.owner_id.is_empty() && request.territory_code.is_empty() {
        violations.push(Violation::required("owner_id"));
    }
    let named = |value: &str| !value.is_empty();
    let owner_id = named(&request.owner_id).then(|| parse_id("owner_id", &request.owner_id));
    let owner_id = violations.keep(owner_id.transpose());
    let code = named(&request.territory_code).then(|| territory_code("territory_code", &request.territory_code));
    let code = violations.keep(code.transpose());
    let reason = violations.keep(why(&request.reason));
    let read = owner_id.zip(code).zip(reason);
    finish(
        violations,
        read.map(|((owner_id, territory_code), reason)| Reassignment { owner_id, territory_code, reason }),
    )
}

/// What a win and a loss have in common.
fn closing(violations: &mut Violations, close_date: &str, close_reason: i32, reason: &str) -> Option<Closing> {
    let close_date = violations.keep(day::read("close_date", close_date));
    let close_reason = violations.keep(known_reason("close_reason", close_reason));
    let reason = violations.keep(why(reason));
    let read = close_date.zip(close_reason).zip(reason);
    read.map(|((close_date, close_reason), reason)| Closing { amount: None, close_date, close_reason, reason })
}

/// What decided it. Only an import may not know.
fn known_reason(field: &str, value: i32) -> Result<CloseReason, Violation> {
    match CloseReason::read(field, value)? {
        None => Err(Violation::required(field)),
        Some(CloseReason::Unknown) => {
            let unknown = Violation::new(field, ErrorReason::UnknownValue);
            let expected = (1..).map_while(|value| pb::CloseReason::try_from(value).ok());
            let names =
                expected.filter(|reason| *reason != pb::CloseReason::Unknown).map(|reason| reason.as_str_name());
            let names: Vec<&str> = names.collect();
            Err(unknown.with("value", pb::CloseReason::Unknown.as_str_name()).with("expected", names.join(", ")))
        }
        Some(reason) => Ok(reason),
    }
}

fn why(reason: &str) -> Result<String, Violation> {
    text("reason", reason, 1, MAX_REASON)
}

fn finish<T>(violations: Violations, read: Option<T>) -> Result<T, Violations> {
    read.filter(|_| violations.is_empty()).ok_or(violations)
}
