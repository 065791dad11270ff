//! Between the wire and the model.

use guanxi_events::NewEvent;
use guanxi_grpc::{Fields, Violation, Violations, etag, known, number, timestamp};
use guanxi_proto::client_registry::v1::{
    self as pb, AccountManagerChannel, AssignmentPolicyChange, UpdateAssignmentPolicyRequest,
};

use super::model::AssignmentPolicy;
use crate::account_manager::{channel_of, wire_channel};

/// The policy as everybody sees it.
pub(super) fn wire(policy: &AssignmentPolicy) -> pb::AssignmentPolicy {
    let channel = policy.tier_c_channel.map_or(AccountManagerChannel::Unspecified, wire_channel);
    pb::AssignmentPolicy {
        id: policy.id.to_string(),
        tier_a_min_grade: policy.tier_a_min_grade,
        tier_b_min_grade: policy.tier_b_min_grade,
        tier_c_min_grade: policy.tier_c_min_grade,
        untiered_min_grade: policy.untiered_min_grade,
        field_max_accounts: policy.field_max_accounts,
        industry_max_accounts: policy.industry_max_accounts,
        phone_max_accounts: policy.phone_max_accounts,
        tier_c_channel: channel.into(),
        vacancy_days: policy.vacancy_days,
        update_time: (policy.version > 0).then(|| timestamp(policy.update_time)),
        etag: etag(policy.version),
    }
}

/// The event of a change. The policy lies in no territory: everybody follows it.
pub(super) fn event(kind: &'static str, before: Option<&AssignmentPolicy>, after: &AssignmentPolicy) -> NewEvent {
    let change = AssignmentPolicyChange { before: before.map(wire), after: Some(wire(after)) };
    guanxi_resource::event_of_all(kind, after.id, after.version, &change)
}

/// Reads an update: the etag, and what becomes of the policy.
pub(super) fn update(
    request: UpdateAssignmentPolicyRequest,
) -> Result<(String, impl FnOnce(AssignmentPolicy) -> AssignmentPolicy), Violations> {
    let sent = request.assignment_policy.ok_or_else(|| Violation::required("assignment_policy"))?;
    let mut fields = Fields::of_update("assignment_policy", request.update_mask);
    let mut count = |name, value, max| fields.read(name, value != 0, |field| number(field, value, 1, max));
    let tier_a = count("tier_a_min_grade", sent.tier_a_min_grade, 5);
    let tier_b = count("tier_b_min_grade", sent.tier_b_min_grade, 5);
    let tier_c = count("tier_c_min_grade", sent.tier_c_min_grade, 5);
    let untiered = count("untiered_min_grade", sent.untiered_min_grade, 5);
    let field = count("field_max_accounts", sent.field_max_accounts, 100_000);
    let industry = count("industry_max_accounts", sent.industry_max_accounts, 100_000);
    let phone = count("phone_max_accounts", sent.phone_max_accounts, 100_000);
    let days = count("vacancy_days", sent.vacancy_days, 365);
    let channel = fields.read("tier_c_channel", sent.tier_c_channel != 0, |field| {
        Ok(channel_of(known(field, sent.tier_c_channel, AccountManagerChannel::as_str_name)?))
    });
    let patch = move |before: AssignmentPolicy| AssignmentPolicy {
        tier_a_min_grade: tier_a.unwrap_or(before.tier_a_min_grade),
        tier_b_min_grade: tier_b.unwrap_or(before.tier_b_min_grade),
        tier_c_min_grade: tier_c.unwrap_or(before.tier_c_min_grade),
        untiered_min_grade: untiered.unwrap_or(before.untiered_min_grade),
        field_max_accounts: field.unwrap_or(before.field_max_accounts),
        industry_max_accounts: industry.unwrap_or(before.industry_max_accounts),
        phone_max_accounts: phone.unwrap_or(before.phone_max_accounts),
        tier_c_channel: channel.unwrap_or(before.tier_c_channel),
        vacancy_days: days.unwrap_or(before.vacancy_days),
        ..before
    };
    fields.finish(Some((sent.etag, patch)))
}
