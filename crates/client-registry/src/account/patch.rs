//! What a caller says of an account: for a creation everything, for an update the fields of the mask, for an import the filled ones.
#![expect(clippy::option_option, reason = "not mentioned, emptied and filled are three things")]

use std::collections::BTreeMap;

use guanxi_grpc::{Fields, Violation, Violations, parse_id, text};
use guanxi_proto::client_registry::v1::{self as pb, ErrorReason};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::r#type::v1::Money;
use guanxi_resource::personal;
use rust_decimal::Decimal;
use sqlx::types::Json;
use uuid::Uuid;

use super::credit_code::{CreditCode, CreditCodeError};
use super::model::Account;
use crate::error::reason;
use crate::{industry, territory};

const MAX_ATTRIBUTES: usize = 100;

/// Checked fields; `None` leaves a field as it is. Inside, `None` and empty mean unset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Patch {
    pub(super) legal_name: Option<String>,
    pub(super) short_name: Option<Option<String>>,
    pub(super) aliases: Option<Vec<String>>,
    pub(super) credit_code: Option<Option<String>>,
    pub(super) external_ids: Option<Vec<String>>,
    pub(super) industry_code: Option<Option<String>>,
    pub(super) parent_id: Option<Option<Uuid>>,
    pub(super) territory_code: Option<String>,
    pub(super) address: Option<Option<String>>,
    pub(super) employee_count: Option<Option<i64>>,
    pub(super) registered_capital: Option<Option<(Decimal, String)>>,
    pub(super) tax_rank: Option<Option<i32>>,
    pub(super) public_sector: Option<bool>,
    pub(super) legal_representative: Option<Option<String>>,
    pub(super) source: Option<Option<String>>,
    pub(super) tags: Option<Vec<String>>,
    pub(super) attributes: Option<BTreeMap<String, String>>,
}

impl Patch {
    /// Reads the fields of an account.
    pub(super) fn read(fields: &mut Fields, account: pb::Account) -> Self {
        let system = |id: &String| id.split_once('=').map_or(String::new(), |(system, _)| system.to_owned());
        Self {
            legal_name: fields.required("legal_name", &account.legal_name, |field, value| text(field, value, 1, 200)),
            short_name: fields.optional_text("short_name", &account.short_name, 100),
            aliases: fields.texts("aliases", account.aliases, 20, 200),
            credit_code: fields.optional("credit_code", &account.credit_code, credit_code),
            external_ids: fields
                .list("external_ids", account.external_ids, 20, |field, id| external_id(field, &id), system)
                .map(|mut ids| {
                    ids.sort();
                    ids
                }),
            industry_code: fields.optional("industry_code", &account.industry_code, industry::code),
            parent_id: fields.optional("parent_account_id", &account.parent_account_id, parse_id),
            territory_code: fields.required("territory_code", &account.territory_code, territory::code),
            address: fields.optional_text("address", &account.address, 300),
            employee_count: fields.optional_number("employee_count", account.employee_count, 0, 10_000_000),
            registered_capital: fields.read("registered_capital", account.registered_capital.is_some(), |field| {
                account.registered_capital.as_ref().map(|money| amount(field, money)).transpose()
            }),
            tax_rank: fields.optional_number("tax_rank", account.tax_rank, 1, 10_000_000),
            public_sector: fields.read("public_sector", account.public_sector, |_| Ok(account.public_sector)),
            legal_representative: fields.optional(
                "legal_representative",
                &account.legal_representative,
                personal::name,
            ),
            source: fields.optional_text("source", &account.source, 50),
            tags: fields.texts("tags", account.tags, 50, 50),
            attributes: fields.read_all("attributes", !account.attributes.is_empty(), |field, violations| {
                attributes(field, account.attributes, violations)
            }),
        }
    }

    /// Writes the fields onto an account, except its parent and its territory, which have to be looked up.
    pub(super) fn apply(&self, account: &mut Account) {
        set(&mut account.legal_name, self.legal_name.as_ref());
        set(&mut account.short_name, self.short_name.as_ref());
        set(&mut account.aliases, self.aliases.as_ref());
        set(&mut account.credit_code, self.credit_code.as_ref());
        set(&mut account.external_ids, self.external_ids.as_ref());
        set(&mut account.industry_code, self.industry_code.as_ref());
        set(&mut account.address, self.address.as_ref());
        set(&mut account.employee_count, self.employee_count.as_ref());
        set(&mut account.tax_rank, self.tax_rank.as_ref());
        set(&mut account.public_sector, self.public_sector.as_ref());
        set(&mut account.legal_representative, self.legal_representative.as_ref());
        set(&mut account.source, self.source.as_ref());
        set(&mut account.tags, self.tags.as_ref());
        if let Some(attributes) = &self.attributes {
            account.attributes = Json(attributes.clone());
        }
        if let Some(capital) = &self.registered_capital {
            account.registered_capital = capital.as_ref().map(|(amount, _)| *amount);
            account.registered_capital_currency = capital.as_ref().map(|(_, currency)| currency.clone());
        }
    }
}

fn set<T: Clone>(field: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        field.clone_from(value);
    }
}

/// Texts by name.
fn attributes(
    field: &str,
    attributes: BTreeMap<String, String>,
    violations: &mut Violations,
) -> Option<BTreeMap<String, String>> {
    if attributes.len() > MAX_ATTRIBUTES {
        violations
            .push(Violation::new(field, Shared::TooMany).with("max", MAX_ATTRIBUTES).with("count", attributes.len()));
        return None;
    }
    let mut kept = BTreeMap::new();
    for (name, value) in attributes {
        if name.is_empty() || name.len() > 50 || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            let wrong = Violation::new(field, Shared::Format).with("value", &name);
            violations.push(wrong.with("expected", "names of 1 to 50 letters, digits and _"));
        }
        if let Some(value) = violations.keep(text(&format!("{field}[{name}]"), &value, 0, 1_000)) {
            kept.insert(name, value);
        }
    }
    Some(kept)
}

/// `system=value` of an id in another system.
pub(super) fn external_id(field: &str, id: &pb::ExternalId) -> Result<String, Violation> {
    let well_formed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    if id.system.is_empty() {
        return Err(Violation::new(format!("{field}.system"), Shared::Required));
    }
    if id.system.len() > 30 || !id.system.bytes().all(well_formed) {
        return Err(Violation::new(format!("{field}.system"), Shared::Format)
            .with("value", &id.system)
            .with("expected", "1 to 30 lower-case letters, digits, _ and -"));
    }
    Ok(format!("{}={}", id.system, text(&format!("{field}.value"), &id.value, 1, 100)?))
}

/// A credit code.
pub(super) fn credit_code(field: &str, value: &str) -> Result<String, Violation> {
    let suggest = |suggestion: Option<CreditCode>| suggestion.map(|code| code.to_string()).unwrap_or_default();
    CreditCode::parse(value).map(|code| code.to_string()).map_err(|error| match error {
        CreditCodeError::Length { suggestion } => Violation::new(field, reason(ErrorReason::CreditCodeLength))
            .with("value", value)
            .with("suggestion", suggest(suggestion)),
        CreditCodeError::Charset { suggestion } => Violation::new(field, reason(ErrorReason::CreditCodeCharset))
            .with("value", value)
            .with("suggestion", suggest(suggestion)),
        CreditCodeError::CheckDigit { expected } => Violation::new(field, reason(ErrorReason::CreditCodeCheckDigit))
            .with("value", value)
            .with("expected", expected),
    })
}

/// An amount of at most 15 digits before and 4 after the point, and its currency.
fn amount(field: &str, money: &Money) -> Result<(Decimal, String), Violation> {
    if money.currency_code.len() != 3 || !money.currency_code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(Violation::new(format!("{field}.currency_code"), Shared::Format)
            .with("value", &money.currency_code)
            .with("expected", "ISO 4217, for example CNY"));
    }
    let plain = money.amount.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match Decimal::from_str_exact(&money.amount) {
        Ok(amount) if plain && amount.scale() <= 4 && amount.trunc().to_string().len() <= 15 => {
            Ok((amount.normalize(), money.currency_code.clone()))
        }
        _ => Err(Violation::new(format!("{field}.amount"), Shared::Format)
            .with("value", &money.amount)
            .with("expected", "decimal of at most 15 digits before and 4 after the point, not negative")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(account: pb::Account) -> Vec<(String, &'static str)> {
        let mut fields = Fields::of_creation("account");
        let patch = Patch::read(&mut fields, account);
        let violations = fields.finish(Some(patch)).unwrap_err();
        violations.into_inner().into_iter().map(|violation| (violation.field, violation.reason.name())).collect()
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let wrong = pb::Account {
            short_name: "长".repeat(101),
            aliases: vec!["a".to_owned(), "a".to_owned()],
            credit_code: "91110000600037341N".to_owned(),
            external_ids: vec![pb::ExternalId { system: "BOSS".to_owned(), value: "1".to_owned() }],
            industry_code: "Z1".to_owned(),
            parent_account_id: "1".to_owned(),
            employee_count: Some(-1),
            registered_capital: Some(Money { currency_code: "CNY".to_owned(), amount: "1e5".to_owned() }),
            tax_rank: Some(0),
            legal_representative: "张**".to_owned(),
            attributes: [("名".to_owned(), String::new())].into(),
            ..Default::default()
        };
        let expected = [
            ("account.legal_name", "REQUIRED"),
            ("account.short_name", "TOO_LONG"),
            ("account.aliases[1]", "DUPLICATE"),
            ("account.credit_code", "CREDIT_CODE_CHECK_DIGIT"),
            ("account.external_ids[0].system", "FORMAT"),
            ("account.industry_code", "FORMAT"),
            ("account.parent_account_id", "FORMAT"),
            ("account.territory_code", "REQUIRED"),
            ("account.employee_count", "OUT_OF_RANGE"),
            ("account.registered_capital.amount", "FORMAT"),
            ("account.tax_rank", "OUT_OF_RANGE"),
            ("account.legal_representative", "FORMAT"),
            ("account.attributes", "FORMAT"),
        ];
        assert_eq!(reasons(wrong), expected.map(|(field, reason)| (field.to_owned(), reason)));
    }

    #[test]
    fn an_amount_is_exact() {
        let of = |amount_: &str| {
            amount("capital", &Money { currency_code: "CNY".to_owned(), amount: amount_.to_owned() })
                .map(|(amount, _)| amount.to_string())
        };
        assert_eq!(of("123456789012345.6789").as_deref(), Ok("123456789012345.6789"));
        assert_eq!(of("100.50").as_deref(), Ok("100.5"));
        for bad in ["", "-1", "1.00001", "1234567890123456", "１", "0x1", "1,000"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_attribute_is_kept_as_it_was_checked() {
        let sent = [("note", "  重点 客户\u{3000}"), ("blank", " "), ("year", "1999")];
        let attributes = sent.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let mut fields = Fields::of_update("account", None);
        let kept = Patch::read(&mut fields, pb::Account { attributes, ..Default::default() }).attributes.unwrap();
        assert!(
            kept.into_iter().eq([("blank", ""), ("note", "重点 客户"), ("year", "1999")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())))
        );
    }

    #[test]
    fn only_what_changes_is_read() {
        let mut fields = Fields::of_update("account", None);
        let account = pb::Account { short_name: "移动".to_owned(), ..Default::default() };
        let patch = Patch::read(&mut fields, account);
        assert_eq!(patch, Patch { short_name: Some(Some("移动".to_owned())), ..Patch::default() });
        assert!(fields.finish(Some(())).is_ok());
    }
}
