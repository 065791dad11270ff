//! Between the wire and the quote.

use std::collections::BTreeMap;

use guanxi_auth::{Scope, TerritoryPaths};
use guanxi_grpc::{Violation, Violations, day, known, language, list, number, parse_id};
use guanxi_proto::client_registry::v1::Tier;
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::product_catalog::v1::{
    self as pb, AccountProfile, ChargeKind, ChargeTotal, ErrorReason, LineRefusal, PriceQuoteLine, PriceQuoteRequest,
    PriceQuoteResponse, QuotedLine, ValueClass,
};
use guanxi_proto::r#type::v1::Money;
use guanxi_resource::Error;
use rust_decimal::Decimal;
use time::OffsetDateTime;

use super::amount::margin;
use super::quote::{Asked, Charge, Line, Profile, Quoted};
use crate::error::reason;
use crate::value;

const MAX_LINES: usize = 200;
const MAX_HELD: usize = 500;
const MAX_CHARACTERISTICS: usize = 50;
const MAX_QUANTITY: i64 = 1_000_000_000;
const MAX_TERM: i32 = 120;

/// Reads a request: everything that is wrong with it whatever the catalog has. The place of the account is still missing.
pub(super) fn asked(request: PriceQuoteRequest, now: OffsetDateTime) -> Result<Asked, Violations> {
    let mut violations = Violations::default();
    let profile = profile(&mut violations, request.profile.unwrap_or_default());
    let currency_code = if request.currency_code.is_empty() { "CNY".to_owned() } else { request.currency_code };
    let places = value::minor_unit(&currency_code);
    if places.is_none() {
        violations.push(
            Violation::new("currency_code", Shared::UnknownValue)
                .with("value", &currency_code)
                .with("expected", value::currencies()),
        );
    }
    let day =
        if request.date.is_empty() { Some(day::of(now)) } else { violations.keep(day::parse("date", &request.date)) };
    violations.keep(number("catalog_version", request.catalog_version, 0, i64::MAX));
    let lines = lines(&mut violations, request.lines);
    match (places, day) {
        (Some(places), Some(day)) if violations.is_empty() => Ok(Asked { profile, lines, currency_code, places, day }),
        _ => Err(violations),
    }
}

fn profile(violations: &mut Violations, sent: AccountProfile) -> Profile {
    violations.keep(known("profile.tier", sent.tier, Tier::as_str_name));
    violations.keep(known("profile.value_class", sent.value_class, ValueClass::as_str_name));
    violations.keep(number("profile.member_count", sent.member_count, 0, MAX_QUANTITY));
    let field = "profile.held_offering_codes";
    let held = list(
        violations,
        field,
        sent.held_offering_codes,
        MAX_HELD,
        |field, code| value::code(field, &code),
        Clone::clone,
    );
    let account_id = match sent.account_id.as_str() {
        "" => String::new(),
        id => violations.keep(parse_id("profile.account_id", id)).map(|id| id.to_string()).unwrap_or_default(),
    };
    Profile {
        account_id,
        tier: sent.tier,
        value_class: sent.value_class,
        industry_code: sent.industry_code,
        territory_code: sent.territory_code,
        territory_path: String::new(),
        member_count: sent.member_count,
        held,
    }
}

fn lines(violations: &mut Violations, sent: Vec<PriceQuoteLine>) -> Vec<Line> {
    match sent.len() {
        0 => violations.push(Violation::required("lines")),
        count if count > MAX_LINES => {
            violations.push(Violation::new("lines", Shared::TooMany).with("max", MAX_LINES).with("count", count));
            return Vec::new();
        }
        _ => {}
    }
    let lines = sent.into_iter().enumerate();
    lines.filter_map(|(index, line)| read_line(violations, &format!("lines[{index}]"), line)).collect()
}

fn read_line(violations: &mut Violations, place: &str, sent: PriceQuoteLine) -> Option<Line> {
    let field = |name: &str| format!("{place}.{name}");
    violations.keep(value::code(&field("offering_code"), &sent.offering_code));
    violations.keep(number(&field("quantity"), sent.quantity, 1, MAX_QUANTITY));
    violations.keep(number(&field("usage_quantity"), sent.usage_quantity, 0, MAX_QUANTITY));
    violations.keep(number(&field("term_months"), sent.term_months, 0, MAX_TERM));
    if !sent.bundle_code.is_empty() {
        violations.keep(value::code(&field("bundle_code"), &sent.bundle_code));
    }
    if sent.characteristics.len() > MAX_CHARACTERISTICS {
        let many = Violation::new(field("characteristics"), Shared::TooMany).with("max", MAX_CHARACTERISTICS);
        violations.push(many.with("count", sent.characteristics.len()));
    }
    let manual_discount = if sent.manual_discount_percent.is_empty() {
        Some(Decimal::ZERO)
    } else {
        violations.keep(value::percent(&field("manual_discount_percent"), &sent.manual_discount_percent))
    };
    Some(Line { sent, manual_discount: manual_discount? })
}

/// Puts the account where it lies. A place outside the caller's territories does not exist for it.
pub(super) fn locate(asked: &mut Asked, scope: &Scope, paths: &TerritoryPaths) -> Result<(), Error> {
    let code = &asked.profile.territory_code;
    if code.is_empty() {
        return Ok(());
    }
    let path = paths.path_of(code).filter(|path| scope.contains(path));
    asked.profile.territory_path = path.ok_or_else(|| Error::not_found("territory", code))?;
    Ok(())
}

/// The answer.
pub(super) fn response(asked: &Asked, quoted: &[Quoted], catalog_version: i64) -> PriceQuoteResponse {
    let allowed = quoted.iter().all(|line| line.refusals.is_empty());
    let level = quoted.iter().filter_map(|line| line.level).max().filter(|_| allowed);
    PriceQuoteResponse {
        lines: asked.lines.iter().zip(quoted).map(|(line, quoted)| quoted_line(asked, line, quoted)).collect(),
        totals: totals(asked, quoted),
        allowed,
        required_level: level.unwrap_or_default().into(),
        catalog_version,
        date: asked.day.to_string(),
    }
}

fn quoted_line(asked: &Asked, line: &Line, quoted: &Quoted) -> QuotedLine {
    QuotedLine {
        offering_code: line.sent.offering_code.clone(),
        version_number: quoted.version_number,
        allowed: quoted.refusals.is_empty(),
        refusals: quoted.refusals.iter().map(|(own, value)| refusal(*own, value)).collect(),
        charges: quoted.charges.iter().map(|charge| wire_charge(asked, charge)).collect(),
        required_level: quoted.level.unwrap_or_default().into(),
    }
}

fn refusal(own: ErrorReason, value: &str) -> LineRefusal {
    let reason = reason(own);
    let message = reason.text(language(), &[("value", value.to_owned())]);
    LineRefusal { reason: reason.name().to_owned(), value: value.to_owned(), message }
}

fn wire_charge(asked: &Asked, charge: &Charge) -> pb::Charge {
    let adjustments = charge.adjustments.iter().map(|adjustment| pb::Adjustment {
        cause: adjustment.cause.into(),
        percent: adjustment.percent.normalize().to_string(),
        amount: Some(money(asked, adjustment.amount)),
        source: adjustment.source.clone(),
    });
    pb::Charge {
        charge_kind: charge.kind.into(),
        price_id: charge.price_id.clone(),
        list_amount: Some(money(asked, charge.list)),
        adjustments: adjustments.collect(),
        net_amount: Some(money(asked, charge.net)),
        cost_amount: charge.cost.map(|cost| money(asked, cost)),
        floor_amount: charge.floor.map(|floor| money(asked, floor)),
        margin_percent: margin_text(charge.net, charge.cost),
    }
}

fn totals(asked: &Asked, quoted: &[Quoted]) -> Vec<ChargeTotal> {
    let mut sums: BTreeMap<ChargeKind, (Decimal, Decimal, Option<Decimal>)> = BTreeMap::new();
    for charge in quoted.iter().filter(|line| line.refusals.is_empty()).flat_map(|line| &line.charges) {
        let sum = sums.entry(charge.kind).or_insert((Decimal::ZERO, Decimal::ZERO, Some(Decimal::ZERO)));
        sum.0 += charge.list;
        sum.1 += charge.net;
        sum.2 = sum.2.zip(charge.cost).map(|(sum, cost)| sum + cost);
    }
    let total = |(kind, (list, net, cost)): (ChargeKind, (Decimal, Decimal, Option<Decimal>))| ChargeTotal {
        charge_kind: kind.into(),
        list_amount: Some(money(asked, list)),
        net_amount: Some(money(asked, net)),
        cost_amount: cost.map(|cost| money(asked, cost)),
        margin_percent: margin_text(net, cost),
    };
    sums.into_iter().map(total).collect()
}

fn margin_text(net: Decimal, cost: Option<Decimal>) -> String {
    cost.and_then(|cost| margin(net, cost)).map(|margin| format!("{margin:.2}")).unwrap_or_default()
}

fn money(asked: &Asked, amount: Decimal) -> Money {
    let places = asked.places as usize;
    Money { currency_code: asked.currency_code.clone(), amount: format!("{amount:.places$}") }
}
