//! Between the wire and the model.

use guanxi_events::NewEvent;
use guanxi_grpc::value::{money, wire_money};
use guanxi_grpc::{Fields, Violation, Violations, etag, list, timestamp, wire_enum};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::opportunity_pipeline::v1::{
    self as pb, ApprovalPolicyChange, ErrorReason, UpdateApprovalPolicyRequest,
};
use guanxi_proto::product_catalog::v1::AuthorityLevel;
use sqlx::types::Json;

use super::model::{ApprovalPolicy, Level, Threshold, not_rising};
use crate::error::reason;

/// Ten currencies, four levels above that of an account manager.
const MAX_THRESHOLDS: usize = 40;

wire_enum!(Level, AuthorityLevel, Manager, County, City, Province, Headquarters);

/// The policy on the wire.
pub(super) fn wire(policy: &ApprovalPolicy) -> pb::ApprovalPolicy {
    let threshold = |threshold: &Threshold| pb::ApprovalThreshold {
        above_amount: Some(wire_money(threshold.above_amount, &threshold.currency_code)),
        level: AuthorityLevel::from(threshold.level).into(),
    };
    pb::ApprovalPolicy {
        id: policy.id.to_string(),
        thresholds: policy.thresholds.iter().map(threshold).collect(),
        flagship_level: AuthorityLevel::from(policy.flagship_level).into(),
        loss_level: AuthorityLevel::from(policy.loss_level).into(),
        create_time: Some(timestamp(policy.create_time)),
        update_time: Some(timestamp(policy.update_time)),
        etag: etag(policy.version),
    }
}

/// The event of a change. The policy lies in no territory: everybody follows it.
pub(super) fn event(kind: &'static str, before: Option<&ApprovalPolicy>, after: &ApprovalPolicy) -> NewEvent {
    let change = ApprovalPolicyChange { before: before.map(wire), after: Some(wire(after)) };
    guanxi_resource::event_of_all(kind, after.id, after.version, &change)
}

/// Reads an update: the etag, and what becomes of the policy.
pub(super) fn update(
    request: UpdateApprovalPolicyRequest,
) -> Result<(String, impl FnOnce(ApprovalPolicy) -> ApprovalPolicy), Violations> {
    let sent = request.approval_policy.ok_or_else(|| Violation::required("approval_policy"))?;
    let mut fields = Fields::of_update("approval_policy", request.update_mask);
    let populated = !sent.thresholds.is_empty();
    let thresholds = fields
        .read_all("thresholds", populated, |field, violations| Some(thresholds(field, sent.thresholds, violations)));
    let flagship = fields.read("flagship_level", sent.flagship_level != 0, |field| level(field, sent.flagship_level));
    let loss = fields.read("loss_level", sent.loss_level != 0, |field| level(field, sent.loss_level));
    let patch = move |before: ApprovalPolicy| ApprovalPolicy {
        thresholds: thresholds.map_or(before.thresholds, Json),
        flagship_level: flagship.unwrap_or(before.flagship_level),
        loss_level: loss.unwrap_or(before.loss_level),
        ..before
    };
    fields.finish(Some((sent.etag, patch)))
}

fn level(field: &str, value: i32) -> Result<Level, Violation> {
    Level::read(field, value)?.ok_or_else(|| Violation::required(field))
}

/// The thresholds in the order of their currencies and levels.
fn thresholds(field: &str, sent: Vec<pb::ApprovalThreshold>, violations: &mut Violations) -> Vec<Threshold> {
    let mut wrong = Violations::default();
    let key = |one: &Threshold| format!("{} {:?}", one.currency_code, one.level);
    let mut read = list(&mut wrong, field, sent, MAX_THRESHOLDS, |field, sent| threshold(field, &sent), key);
    if wrong.is_empty() {
        for (index, below) in not_rising(&read) {
            let field = format!("{field}[{index}].above_amount");
            let not_rising = Violation::new(field, reason(ErrorReason::ThresholdNotRising)).with("min", below);
            wrong.push(not_rising.with("value", AuthorityLevel::from(read[index].level).as_str_name()));
        }
    }
    violations.extend(wrong);
    read.sort_by(|one, other| (&one.currency_code, one.level).cmp(&(&other.currency_code, other.level)));
    read
}

fn threshold(field: &str, sent: &pb::ApprovalThreshold) -> Result<Threshold, Violation> {
    let amount_field = format!("{field}.above_amount");
    let amount = sent.above_amount.as_ref().ok_or_else(|| Violation::required(&amount_field))?;
    let (above_amount, currency_code) = money(&amount_field, amount)?;
    let level_field = format!("{field}.level");
    match level(&level_field, sent.level)? {
        // Whoever quotes has it.
        Level::Manager => Err(Violation::new(level_field, Shared::UnknownValue)
            .with("value", AuthorityLevel::Manager.as_str_name())
            .with("expected", "AUTHORITY_LEVEL_COUNTY and above")),
        level => Ok(Threshold { currency_code, above_amount, level }),
    }
}
