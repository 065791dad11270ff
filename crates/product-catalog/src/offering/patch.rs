//! What a request sets of a draft, and what must hold of it whole.

use guanxi_grpc::{Fields, Violation, Violations, day, number, text};
use guanxi_proto::errors::v1::ErrorReason;
use guanxi_proto::product_catalog::v1::{self as pb, ErrorReason as OwnReason};
use sqlx::types::Json;

use super::eligibility::Eligibility;
use super::model::{Content, Offering, Supply};
use crate::error::reason;
use crate::value::{self, wire_enum};

wire_enum!(Supply, pb::OfferingSupply, Own, Partner, SystemIntegration);

/// Reads the fields: what becomes of a draft by them.
pub(super) fn patch(fields: &mut Fields, sent: pb::Offering) -> impl FnOnce(Offering) -> Offering + use<> {
    let name = sent.name.unwrap_or_default();
    let code = fields.required("code", &sent.code, value::code);
    let name_zh = fields.required("name.zh", &name.zh, |field, value| text(field, value, 1, 100));
    let name_en = fields.optional_text("name.en", &name.en, 100);
    let categories = !sent.category_codes.is_empty();
    let category_codes = fields.read_all("category_codes", categories, |field, violations| {
        violations.keep(if categories { Ok(()) } else { Err(Violation::required(field)) })?;
        Some(codes(field, sent.category_codes, 5, violations))
    });
    let specification_code = fields.optional("specification_code", &sent.specification_code, value::code);
    let supply = fields.read("supply", sent.supply != 0, |field| Supply::read(field, sent.supply));
    let valid_from_date = fields.optional("valid_from_date", &sent.valid_from_date, day::parse);
    let valid_to_date = fields.optional("valid_to_date", &sent.valid_to_date, day::parse);
    let prerequisites = !sent.prerequisite_offering_codes.is_empty();
    let prerequisites = fields.read_all("prerequisite_offering_codes", prerequisites, |field, violations| {
        Some(codes(field, sent.prerequisite_offering_codes, 20, violations))
    });
    let content = content(
        fields,
        pb::Offering {
            description: sent.description,
            partner_name: sent.partner_name,
            group_payment: sent.group_payment,
            trial_days: sent.trial_days,
            available_territory_codes: sent.available_territory_codes,
            eligibility: sent.eligibility,
            excluded_offering_codes: sent.excluded_offering_codes,
            ..Default::default()
        },
    );
    move |before: Offering| Offering {
        code: code.unwrap_or(before.code),
        name_zh: name_zh.unwrap_or(before.name_zh),
        name_en: name_en.unwrap_or(before.name_en),
        category_codes: category_codes.unwrap_or(before.category_codes),
        specification_code: specification_code.unwrap_or(before.specification_code),
        supply: supply.map_or(before.supply, |supply| supply.unwrap_or(Supply::Own)),
        valid_from_date: valid_from_date.unwrap_or(before.valid_from_date),
        valid_to_date: valid_to_date.unwrap_or(before.valid_to_date),
        prerequisite_offering_codes: prerequisites.unwrap_or(before.prerequisite_offering_codes),
        content: Json(content(before.content.0)),
        ..before
    }
}

fn content(fields: &mut Fields, sent: pb::Offering) -> impl FnOnce(Content) -> Content + use<> {
    let description = sent.description.unwrap_or_default();
    let lines = |field: &str, value: &str| value::lines(field, value, 2_000);
    let description_zh = fields.optional("description.zh", &description.zh, lines);
    let description_en = fields.optional("description.en", &description.en, lines);
    let partner_name = fields.optional_text("partner_name", &sent.partner_name, 100);
    let group_payment = fields.read("group_payment", sent.group_payment, |_| Ok(sent.group_payment));
    let trial_days = fields.read("trial_days", sent.trial_days != 0, |field| number(field, sent.trial_days, 0, 365));
    let territories = !sent.available_territory_codes.is_empty();
    let territories = fields.read_all("available_territory_codes", territories, |field, violations| {
        Some(codes(field, sent.available_territory_codes, 400, violations))
    });
    let eligibility = fields.read_all("eligibility", sent.eligibility.is_some(), |field, violations| {
        Some(sent.eligibility.map(|sent| Eligibility::of(field, sent, violations)))
    });
    let excluded = !sent.excluded_offering_codes.is_empty();
    let excluded = fields.read_all("excluded_offering_codes", excluded, |field, violations| {
        Some(codes(field, sent.excluded_offering_codes, 20, violations))
    });
    move |before: Content| Content {
        description_zh: description_zh.map_or(before.description_zh, |text| text.filter(|text| !text.is_empty())),
        description_en: description_en.map_or(before.description_en, |text| text.filter(|text| !text.is_empty())),
        partner_name: partner_name.unwrap_or(before.partner_name),
        group_payment: group_payment.unwrap_or(before.group_payment),
        trial_days: trial_days.unwrap_or(before.trial_days),
        available_territory_codes: territories.unwrap_or(before.available_territory_codes),
        eligibility: eligibility.unwrap_or(before.eligibility),
        excluded_offering_codes: excluded.unwrap_or(before.excluded_offering_codes),
        characteristics: before.characteristics,
    }
}

fn codes(field: &str, sent: Vec<String>, max: usize, violations: &mut Violations) -> Vec<String> {
    guanxi_grpc::list(violations, field, sent, max, |field, code| value::code(field, &code), Clone::clone)
}

/// Everything that is wrong between the fields of a draft.
pub(super) fn check(offering: &Offering) -> Violations {
    let mut violations = Violations::default();
    let supply = pb::OfferingSupply::from(offering.supply).as_str_name();
    match (offering.supply, &offering.content.partner_name) {
        (Supply::Partner, None) => violations.push(Violation::required("offering.partner_name")),
        (Supply::Own | Supply::SystemIntegration, Some(_)) => {
            let wrong = Violation::new("offering.partner_name", reason(OwnReason::NotApplicable));
            violations.push(wrong.with("because", supply));
        }
        _ => (),
    }
    if let (Some(from), Some(to)) = (offering.valid_from_date, offering.valid_to_date)
        && to <= from
    {
        let reversed = Violation::new("offering.valid_to_date", reason(OwnReason::DatesReversed));
        violations.push(reversed.with("value", to).with("from", from));
    }
    for (field, codes) in offering.named() {
        for (index, _) in codes.iter().enumerate().filter(|(_, code)| **code == offering.code) {
            let itself = Violation::new(format!("offering.{field}[{index}]"), reason(OwnReason::Circular));
            violations.push(itself.with("value", &offering.code));
        }
    }
    for (index, code) in offering.content.excluded_offering_codes.iter().enumerate() {
        if offering.prerequisite_offering_codes.contains(code) {
            let both = Violation::new(format!("offering.excluded_offering_codes[{index}]"), ErrorReason::Duplicate);
            violations.push(both.with("value", code));
        }
    }
    violations
}
