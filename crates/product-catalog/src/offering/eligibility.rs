//! Which accounts may buy an offering.

use guanxi_grpc::{Violation, Violations, list, number, parse_id};
use guanxi_proto::client_registry::v1 as registry;
use guanxi_proto::errors::v1::ErrorReason;
use guanxi_proto::product_catalog::v1 as pb;
use serde::{Deserialize, Serialize};

use crate::value::{self, wire_enum};

/// Most members that an account may have.
const MAX_MEMBERS: i64 = 1_000_000_000;

/// How important an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Tier {
    A,
    B,
    C,
}

/// What an account is worth to the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ValueClass {
    Economic,
    Important,
    Group,
    Strategic,
}

wire_enum!(Tier, registry::Tier, A, B, C);
wire_enum!(ValueClass, pb::ValueClass, Economic, Important, Group, Strategic);

/// The conditions; those that are empty do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Eligibility {
    pub(super) tiers: Vec<Tier>,
    pub(super) value_classes: Vec<ValueClass>,
    pub(super) industry_codes: Vec<String>,
    pub(super) min_member_count: i64,
    pub(super) max_member_count: i64,
    pub(super) held_offering_codes: Vec<String>,
    pub(super) lacking_offering_codes: Vec<String>,
    #[serde(default)]
    pub(super) account_ids: Vec<String>,
}

impl Eligibility {
    /// The conditions on the wire.
    pub(super) fn wire(&self) -> pb::Eligibility {
        pb::Eligibility {
            tiers: self.tiers.iter().map(|tier| registry::Tier::from(*tier).into()).collect(),
            value_classes: self.value_classes.iter().map(|class| pb::ValueClass::from(*class).into()).collect(),
            industry_codes: self.industry_codes.clone(),
            min_member_count: self.min_member_count,
            max_member_count: self.max_member_count,
            held_offering_codes: self.held_offering_codes.clone(),
            lacking_offering_codes: self.lacking_offering_codes.clone(),
            account_ids: self.account_ids.clone(),
        }
    }

    /// Reads the conditions and notes everything that is wrong with them.
    pub(super) fn of(field: &str, sent: pb::Eligibility, violations: &mut Violations) -> Self {
        let at = |name: &str| format!("{field}.{name}");
        let tier = |field: &str, tier| Tier::read(field, tier)?.ok_or_else(|| Violation::required(field));
        let class = |field: &str, class| ValueClass::read(field, class)?.ok_or_else(|| Violation::required(field));
        let code = |field: &str, code: String| value::code(field, &code);
        let bound = |name: &str, value| number(&at(name), value, 0, MAX_MEMBERS);
        let min_member_count = violations.keep(bound("min_member_count", sent.min_member_count)).unwrap_or_default();
        let max_member_count = violations.keep(bound("max_member_count", sent.max_member_count)).unwrap_or_default();
        if max_member_count != 0 {
            let field = at("max_member_count");
            violations.keep(number(&field, max_member_count, min_member_count.max(1), MAX_MEMBERS));
        }
        let tiers = list(violations, &at("tiers"), sent.tiers, 3, tier, |tier| *tier as i32);
        let value_classes = list(violations, &at("value_classes"), sent.value_classes, 4, class, |class| *class as i32);
        let industry = |field: &str, code: String| industry(field, code);
        let account = |field: &str, id: String| Ok(parse_id(field, &id)?.to_string());
        let account_ids = list(violations, &at("account_ids"), sent.account_ids, 500, account, Clone::clone);
        Self {
            tiers,
            value_classes,
            industry_codes: list(violations, &at("industry_codes"), sent.industry_codes, 50, industry, Clone::clone),
            min_member_count,
            max_member_count,
            held_offering_codes: list(
                violations,
                &at("held_offering_codes"),
                sent.held_offering_codes,
                20,
                code,
                Clone::clone,
            ),
            lacking_offering_codes: list(
                violations,
                &at("lacking_offering_codes"),
                sent.lacking_offering_codes,
                20,
                code,
                Clone::clone,
            ),
            account_ids,
        }
    }
}

/// GB/T 4754-2017: a section letter A to T, the two to four digits of a division, group or class, or both.
fn industry(field: &str, code: String) -> Result<String, Violation> {
    let section = code.starts_with(|first: char| matches!(first, 'A'..='T'));
    let digits = if section { &code[1..] } else { &code };
    let digits_fit = digits.bytes().all(|byte| byte.is_ascii_digit()) && (2..=4).contains(&digits.len());
    if digits_fit || (section && digits.is_empty()) {
        return Ok(code);
    }
    let wrong = Violation::new(field, ErrorReason::Format).with("value", &code);
    Err(wrong.with("expected", "GB/T 4754-2017: I, 63, I63, 631, 6311"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_come_back_as_sent_or_everything_wrong_is_named() {
        let sent = pb::Eligibility {
            tiers: vec![1, 3],
            value_classes: vec![4],
            industry_codes: vec!["I".to_owned(), "631".to_owned()],
            min_member_count: 10,
            max_member_count: 10,
            held_offering_codes: vec!["A".to_owned()],
            lacking_offering_codes: vec!["B".to_owned()],
            account_ids: vec!["0192f0c1-2345-7abc-8def-0123456789ab".to_owned()],
        };
        let mut violations = Violations::default();
        assert_eq!(Eligibility::of("e", sent.clone(), &mut violations).wire(), sent);
        assert!(violations.is_empty());
        let wrong = pb::Eligibility {
            tiers: vec![0, 1, 1],
            value_classes: vec![9],
            industry_codes: vec!["U".to_owned()],
            max_member_count: 9,
            held_offering_codes: vec!["a b".to_owned()],
            ..sent
        };
        Eligibility::of("e", wrong, &mut violations);
        let found: Vec<_> =
            violations.into_inner().into_iter().map(|wrong| (wrong.field, wrong.reason.name())).collect();
        let expected = [
            ("e.max_member_count", "OUT_OF_RANGE"),
            ("e.tiers[0]", "REQUIRED"),
            ("e.tiers[2]", "DUPLICATE"),
            ("e.value_classes[0]", "UNKNOWN_VALUE"),
            ("e.industry_codes[0]", "FORMAT"),
            ("e.held_offering_codes[0]", "FORMAT"),
        ];
        assert_eq!(found, expected.map(|(field, reason)| (field.to_owned(), reason)));
    }
}
