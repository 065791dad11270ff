//! Wire → model: what a request makes of a quote, with everything that is wrong with it.

use std::collections::BTreeMap;

use guanxi_grpc::value::{bounded, code, currencies, lines, minor_unit, money, percent};
use guanxi_grpc::{Fields, Violation, Violations, day, number, parse_id, text};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::opportunity_pipeline::v1::{self as pb, AcceptQuoteRequest, ErrorReason, UpdateQuoteRequest};
use guanxi_proto::product_catalog::v1::PriceQuoteLine;
use guanxi_resource::Error;
use rust_decimal::Decimal;
use sqlx::types::Json;
use time::{Date, Duration};
use uuid::Uuid;

use super::model::{Concession, Payer, Quote};
use crate::error::reason;

const MAX_LINES: usize = 200;
const MAX_QUANTITY: i64 = 1_000_000_000;
const MAX_CHARACTERISTICS: usize = 50;
/// Of all lines together, so that an event with the quote before and after stays below 4 MiB.
const MAX_CHARACTERISTICS_IN_ALL: usize = 2_000;
const MAX_CONCESSIONS: usize = 50;
const MAX_VALID_DAYS: i64 = 365;
const MAX_TEXT: usize = 10_000;

/// What a request says; `None` where it leaves a field alone.
#[expect(clippy::option_option, reason = "left alone, or emptied")]
#[derive(Clone)]
pub(super) struct Values {
    opportunity_id: Option<Option<Uuid>>,
    currency_code: Option<Option<String>>,
    lines: Option<Vec<PriceQuoteLine>>,
    concessions: Option<Vec<(Concession, String)>>,
    discount_reason: Option<String>,
    valid_until_date: Option<Option<Date>>,
    solution: Option<String>,
    terms: Option<String>,
    today: Date,
}

/// A checked creation: the opportunity, and what is said of its quote.
pub(super) fn creation(sent: Option<pb::Quote>, today: Date) -> Result<(Uuid, Values), Violations> {
    let sent = sent.ok_or_else(|| Violation::required("quote"))?;
    let mut fields = Fields::of_creation("quote");
    let opportunity_id = fields.keep(parse_id("quote.opportunity_id", &sent.opportunity_id));
    let values = read(&mut fields, sent, today);
    fields.finish(opportunity_id.map(|id| (id, Values { opportunity_id: None, ..values })))
}

/// A checked update: the quote, the version that was read, and what is said of it.
pub(super) fn update(request: UpdateQuoteRequest, today: Date) -> Result<(Uuid, String, Values), Violations> {
    let sent = request.quote.ok_or_else(|| Violation::required("quote"))?;
    let mut fields = Fields::of_update("quote", request.update_mask);
    let (id, etag) = (fields.keep(parse_id("quote.id", &sent.id)), sent.etag.clone());
    let mut values = read(&mut fields, sent.clone(), today);
    // It may be sent back as it was read, and nothing else.
    values.opportunity_id = fields.optional("opportunity_id", &sent.opportunity_id, parse_id);
    fields.finish(id.map(|id| (id, etag, values)))
}

fn read(fields: &mut Fields, sent: pb::Quote, today: Date) -> Values {
    let populated = !sent.lines.is_empty();
    Values {
        opportunity_id: None,
        currency_code: fields.optional("currency_code", &sent.currency_code, currency_code),
        lines: fields.read_all("lines", populated, |field, violations| {
            quote_lines(field, &sent.lines, violations);
            Some(sent.lines)
        }),
        concessions: fields.list(
            "concessions",
            sent.concessions,
            MAX_CONCESSIONS,
            |field, sent| concession(field, &sent),
            |(one, _)| one.text.clone(),
        ),
        discount_reason: fields.read("discount_reason", !sent.discount_reason.is_empty(), |field| {
            text(field, &sent.discount_reason, 0, 500)
        }),
        valid_until_date: fields
            .optional("valid_until_date", &sent.valid_until_date, |field, value| valid_until(field, value, today)),
        solution: fields.read("solution", !sent.solution.is_empty(), |field| lines(field, &sent.solution, MAX_TEXT)),
        terms: fields.read("terms", !sent.terms.is_empty(), |field| lines(field, &sent.terms, MAX_TEXT)),
        today,
    }
}

impl Values {
    /// The quote with these values.
    pub(super) fn applied(self, before: Quote) -> Result<Quote, Error> {
        let mut violations = Violations::default();
        if self.opportunity_id.flatten().is_some_and(|id| id != before.opportunity_id) {
            let immutable = Violation::new("quote.opportunity_id", Shared::Immutable);
            violations.push(immutable.with("value", before.opportunity_id));
        }
        let currency_code = self.currency_code.flatten().unwrap_or(before.currency_code);
        let concessions = self.concessions.map(|given| in_currency(&mut violations, given, &currency_code));
        let mut asked = before.asked;
        asked.0.lines = self.lines.unwrap_or(asked.0.lines);
        let discount_reason = self.discount_reason.unwrap_or(before.discount_reason);
        let discounted =
            |line: &PriceQuoteLine| line.manual_discount_percent.parse().is_ok_and(|share: Decimal| !share.is_zero());
        if discount_reason.is_empty() && asked.0.lines.iter().any(discounted) {
            violations.push(Violation::required("quote.discount_reason"));
        }
        violations.check()?;
        let usual = Quote::usual_validity(self.today);
        Ok(Quote {
            currency_code,
            asked,
            concessions: concessions.map_or(before.concessions, Json),
            discount_reason,
            valid_until_date: self.valid_until_date.map_or(before.valid_until_date, |until| until.unwrap_or(usual)),
            solution: self.solution.unwrap_or(before.solution),
            terms: self.terms.unwrap_or(before.terms),
            ..before
        })
    }
}

/// Reads when and by what the customer accepted.
pub(super) fn acceptance(request: &AcceptQuoteRequest) -> Result<(Option<Date>, String), Violations> {
    let mut violations = Violations::default();
    let on = violations.keep(day::read("accept_date", &request.accept_date));
    let reference = violations.keep(text("acceptance_reference", &request.acceptance_reference, 0, 100));
    on.zip(reference).ok_or(violations)
}

/// The concessions, each of which has to be in the quote's currency.
fn in_currency(violations: &mut Violations, given: Vec<(Concession, String)>, currency_code: &str) -> Vec<Concession> {
    let mut concessions = Vec::with_capacity(given.len());
    for (index, (concession, currency)) in given.into_iter().enumerate() {
        if currency != currency_code {
            let field = format!("quote.concessions[{index}].cost.currency_code");
            let mixed = Violation::new(field, reason(ErrorReason::CurrenciesMixed)).with("value", currency);
            violations.push(mixed.with("expected", currency_code));
        }
        concessions.push(concession);
    }
    concessions
}

fn currency_code(field: &str, value: &str) -> Result<String, Violation> {
    match minor_unit(value) {
        Some(_) => Ok(value.to_owned()),
        None => Err(Violation::new(field, Shared::UnknownValue).with("value", value).with("expected", currencies())),
    }
}

fn valid_until(field: &str, value: &str, today: Date) -> Result<Date, Violation> {
    let (until, last) = (day::parse(field, value)?, today.saturating_add(Duration::days(MAX_VALID_DAYS)));
    if (today..=last).contains(&until) {
        return Ok(until);
    }
    Err(Violation::new(field, Shared::OutOfRange).with("value", value).with("min", today).with("max", last))
}

/// Reads the lines as product-catalog does, so that what is wrong is named where it stands in our request.
fn quote_lines(field: &str, sent: &[PriceQuoteLine], violations: &mut Violations) {
    let too_many =
        |max: usize, count: usize| Violation::new(field, Shared::TooMany).with("max", max).with("count", count);
    let characteristics = sent.iter().map(|line| line.characteristics.len()).sum();
    match sent.len() {
        0 => violations.push(Violation::required(field)),
        count if count > MAX_LINES => violations.push(too_many(MAX_LINES, count)),
        _ if characteristics > MAX_CHARACTERISTICS_IN_ALL => {
            violations.push(too_many(MAX_CHARACTERISTICS_IN_ALL, characteristics));
        }
        _ => {
            for (index, line) in sent.iter().enumerate() {
                quote_line(&format!("{field}[{index}]"), line, violations);
            }
        }
    }
}

fn quote_line(place: &str, sent: &PriceQuoteLine, violations: &mut Violations) {
    let field = |name: &str| format!("{place}.{name}");
    violations.keep(code(&field("offering_code"), &sent.offering_code));
    violations.keep(number(&field("quantity"), sent.quantity, 1, MAX_QUANTITY));
    violations.keep(number(&field("usage_quantity"), sent.usage_quantity, 0, MAX_QUANTITY));
    violations.keep(number(&field("term_months"), sent.term_months, 0, 120));
    if !sent.bundle_code.is_empty() {
        violations.keep(code(&field("bundle_code"), &sent.bundle_code));
    }
    if !sent.manual_discount_percent.is_empty() {
        violations.keep(percent(&field("manual_discount_percent"), &sent.manual_discount_percent));
    }
    characteristics(&field("characteristics"), &sent.characteristics, violations);
}

fn characteristics(field: &str, sent: &BTreeMap<String, String>, violations: &mut Violations) {
    if sent.len() > MAX_CHARACTERISTICS {
        let many = Violation::new(field, Shared::TooMany).with("max", MAX_CHARACTERISTICS);
        violations.push(many.with("count", sent.len()));
    }
    for (key, value) in sent.iter().take(MAX_CHARACTERISTICS) {
        violations.keep(code(field, key));
        violations.keep(text(&format!("{field}[{key}]"), value, 0, 200));
    }
}

/// A concession, and the currency of its cost.
fn concession(field: &str, sent: &pb::Concession) -> Result<(Concession, String), Violation> {
    let field = |name: &str| format!("{field}.{name}");
    let text = text(&field("text"), &sent.text, 1, 300)?;
    let cost = sent.cost.as_ref().ok_or_else(|| Violation::required(field("cost")))?;
    let (cost, currency_code) = money(&field("cost"), cost)?;
    // Fifty of them still add up.
    bounded(&field("cost.amount"), &cost.to_string(), 4, Decimal::ZERO, Decimal::from(100_000_000_000_i64))?;
    let payer = Payer::read(&field("payer"), sent.payer)?.ok_or_else(|| Violation::required(field("payer")))?;
    let share = sent.operator_share_percent.as_str();
    let operator_share_percent = match payer {
        Payer::Shared => Some(percent(&field("operator_share_percent"), share)?),
        _ if share.is_empty() => None,
        _ => {
            let alone = Violation::new(field("operator_share_percent"), Shared::Format).with("value", share);
            return Err(alone.with("expected", "nothing, where the cost is not shared"));
        }
    };
    Ok((Concession { text, cost, payer, operator_share_percent }, currency_code))
}
