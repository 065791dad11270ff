//! Between the wire and the model.

use guanxi_events::NewEvent;
use guanxi_grpc::{Fields, Violation, Violations, etag, known, list, parse_id, text, timestamp};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::product_catalog::v1::{
    self as pb, AuthorityLevel, DiscountPolicyChange, ErrorReason, UpdateDiscountPolicyRequest,
    get_discount_policy_request,
};
use guanxi_resource::{Deletable, Error, Update};
use rust_decimal::Decimal;

use super::model::{Authorities, Authority, Content, DiscountPolicy, not_rising};
use crate::error::reason;
use crate::value::{self, Key};

/// The least margin that a policy may demand, in percent.
const MIN_MARGIN: Decimal = Decimal::from_parts(1_000, 0, 0, true, 0);

/// The levels, the lowest first.
const LEVELS: [AuthorityLevel; 5] = [
    AuthorityLevel::Manager,
    AuthorityLevel::County,
    AuthorityLevel::City,
    AuthorityLevel::Province,
    AuthorityLevel::Headquarters,
];

pub(super) fn wire(policy: &DiscountPolicy) -> pb::DiscountPolicy {
    let authorities = LEVELS.iter().zip(&policy.content.authorities).map(|(level, authority)| pb::DiscountAuthority {
        level: (*level).into(),
        max_discount_percent: authority.max_discount.to_string(),
        min_margin_percent: authority.min_margin.map(|margin| margin.to_string()).unwrap_or_default(),
    });
    pb::DiscountPolicy {
        id: policy.id.to_string(),
        category_code: policy.category_code.clone(),
        authorities: authorities.collect(),
        reason: policy.content.reason.clone(),
        create_time: Some(timestamp(policy.create_time)),
        update_time: Some(timestamp(policy.update_time)),
        delete_time: policy.delete_time.map(timestamp),
        etag: etag(policy.version),
    }
}

/// The event of a change.
pub(super) fn event(kind: &'static str, before: Option<&DiscountPolicy>, after: &DiscountPolicy) -> NewEvent {
    let change = DiscountPolicyChange { before: before.map(wire), after: Some(wire(after)) };
    guanxi_resource::event_of_all(kind, after.id, after.version, &change)
}

/// Reads the key of a Get.
pub(super) fn key(key: Option<get_discount_policy_request::Key>) -> Result<Key, Violation> {
    match key {
        None => Err(Violation::required("key")),
        Some(get_discount_policy_request::Key::Id(id)) => Ok(Key::Id(parse_id("id", &id)?)),
        Some(get_discount_policy_request::Key::CategoryCode(code)) if code.is_empty() => Ok(Key::Code(code)),
        Some(get_discount_policy_request::Key::CategoryCode(code)) => {
            Ok(Key::Code(value::code("category_code", &code)?))
        }
    }
}

/// A checked creation: the code of the category, and what becomes of a new policy.
pub(super) fn creation(
    sent: Option<pb::DiscountPolicy>,
) -> Result<(String, impl FnOnce(DiscountPolicy) -> DiscountPolicy), Violations> {
    let sent = sent.ok_or_else(|| Violation::required("discount_policy"))?;
    let mut fields = Fields::of_creation("discount_policy");
    let (category_code, patch) = patch(&mut fields, sent);
    fields.finish(category_code.map(|code| (code, patch)))
}

/// Reads an update: what a policy becomes, unless that is wrong beside the policy as it is.
pub(super) fn update(
    request: UpdateDiscountPolicyRequest,
) -> Result<Update<impl FnOnce(&DiscountPolicy) -> Result<DiscountPolicy, Error>>, Violations> {
    let sent = request.discount_policy.ok_or_else(|| Violation::required("discount_policy"))?;
    let mut fields = Fields::of_update("discount_policy", request.update_mask);
    let (id, etag) = (fields.keep(parse_id("discount_policy.id", &sent.id)), sent.etag.clone());
    let (_, patch) = patch(&mut fields, sent);
    let patch = move |before: &DiscountPolicy| {
        before.check_live()?;
        let after = patch(before.clone());
        if after.category_code != before.category_code {
            let immutable = Violation::new("discount_policy.category_code", Shared::Immutable);
            return Err(immutable.with("value", &before.category_code).into());
        }
        Ok(after)
    };
    fields.finish(id.map(|id| Update { id, etag, patch }))
}

/// Reads the fields: the code of the category, and what becomes of a policy by all of them.
fn patch(
    fields: &mut Fields,
    sent: pb::DiscountPolicy,
) -> (Option<String>, impl FnOnce(DiscountPolicy) -> DiscountPolicy + use<>) {
    let category_code =
        fields.optional("category_code", &sent.category_code, value::code).map(Option::unwrap_or_default);
    let populated = !sent.authorities.is_empty();
    let authorities =
        fields.read_all("authorities", populated, |field, violations| authorities(field, sent.authorities, violations));
    let reason = fields.read("reason", !sent.reason.is_empty(), |field| text(field, &sent.reason, 0, 500));
    let category = category_code.clone();
    let patch = move |before: DiscountPolicy| {
        let Content { authorities: old, reason: old_reason } = before.content.0;
        let content = Content { authorities: authorities.unwrap_or(old), reason: reason.unwrap_or(old_reason) };
        DiscountPolicy { category_code: category.unwrap_or(before.category_code), content: content.into(), ..before }
    };
    (category_code, patch)
}

/// One authority for every level, in any order, rising with the levels.
fn authorities(field: &str, sent: Vec<pb::DiscountAuthority>, violations: &mut Violations) -> Option<Authorities> {
    if sent.is_empty() {
        violations.push(Violation::required(field));
        return None;
    }
    let places = LEVELS.map(|level| sent.iter().position(|one| one.level() == level).unwrap_or_default());
    let mut wrong = Violations::default();
    let read = |field: &str, one: pb::DiscountAuthority| authority(field, &one);
    let mut read = list(&mut wrong, field, sent, LEVELS.len(), read, |(level, _)| level.as_str_name());
    read.sort_by_key(|(level, _)| *level);
    let authorities: Option<Authorities> = read.iter().map(|(_, one)| *one).collect::<Vec<_>>().try_into().ok();
    if let Some(authorities) = &authorities {
        for (level, of_discount) in not_rising(authorities) {
            let name = if of_discount { "max_discount_percent" } else { "min_margin_percent" };
            let field = format!("{field}[{}].{name}", places[level]);
            let not_rising = Violation::new(field, reason(ErrorReason::AuthorityNotRising));
            wrong.push(not_rising.with("value", LEVELS[level].as_str_name()));
        }
    } else if wrong.is_empty() {
        let missing = Violation::new(field, Shared::Format).with("value", names(read.iter().map(|(level, _)| level)));
        wrong.push(missing.with("expected", format!("an entry for each of {}", names(&LEVELS))));
    }
    violations.extend(wrong);
    authorities
}

fn names<'a>(levels: impl IntoIterator<Item = &'a AuthorityLevel>) -> String {
    levels.into_iter().map(AuthorityLevel::as_str_name).collect::<Vec<_>>().join(", ")
}

fn authority(field: &str, sent: &pb::DiscountAuthority) -> Result<(AuthorityLevel, Authority), Violation> {
    let level = match known(&format!("{field}.level"), sent.level, AuthorityLevel::as_str_name)? {
        AuthorityLevel::Unspecified => return Err(Violation::required(format!("{field}.level"))),
        level => level,
    };
    let max_discount = value::percent(&format!("{field}.max_discount_percent"), &sent.max_discount_percent)?;
    let min_margin = match sent.min_margin_percent.as_str() {
        "" => None,
        margin => {
            Some(value::bounded(&format!("{field}.min_margin_percent"), margin, 2, MIN_MARGIN, Decimal::ONE_HUNDRED)?)
        }
    };
    Ok((level, Authority { max_discount, min_margin }))
}
