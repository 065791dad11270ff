//! The fields of a price as they are sent, and what is wrong with them.

use guanxi_grpc::{Fields, Violation, Violations, day, known, number};
use guanxi_proto::client_registry::v1 as registry;
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::product_catalog::v1::{self as pb, ErrorReason, ReductionCause};
use rust_decimal::Decimal;
use time::Date;

use super::model::{AccountTier, ChargeKind, Condition, Model, Price, Reduction, Tier};
use crate::error::reason;
use crate::value::{self, wire_enum};

const MAX_TIERS: usize = 50;
const MAX_REDUCTIONS: usize = 50;
/// The largest bound of a tier.
const MAX_QUANTITY: i64 = 1_000_000_000_000;
const SMALLEST_PERCENT: Decimal = Decimal::from_parts(1, 0, 0, false, 2);

wire_enum!(ChargeKind, pb::ChargeKind, OneTime, Monthly, Yearly, Usage);
wire_enum!(Model, pb::PriceModel, Flat, PerUnit, PerMember, Tiered, Volume, Stairstep);
wire_enum!(AccountTier, registry::Tier, A, B, C);

/// What a request or a row says of a price; `None` where it says nothing.
#[expect(clippy::option_option, reason = "the outer says whether, the inner what")]
#[derive(Clone, Debug)]
pub(super) struct Patch {
    pub(super) offering_code: Option<String>,
    pub(super) charge_kind: Option<ChargeKind>,
    pub(super) model: Option<Model>,
    pub(super) currency_code: Option<String>,
    amount: Option<Option<Decimal>>,
    tiers: Option<Vec<Tier>>,
    unit: Option<Option<String>>,
    floor: Option<Option<Decimal>>,
    cost: Option<Option<Decimal>>,
    reductions: Option<Vec<Reduction>>,
    pub(super) valid_from_date: Option<Date>,
    valid_to_date: Option<Option<Date>>,
}

impl Patch {
    /// Reads every field.
    pub(super) fn read(fields: &mut Fields, sent: pb::Price) -> Self {
        let charge_kind =
            |field: &str| ChargeKind::read(field, sent.charge_kind)?.ok_or_else(|| Violation::required(field));
        let model = |field: &str| Model::read(field, sent.model)?.ok_or_else(|| Violation::required(field));
        Self {
            offering_code: fields.required("offering_code", &sent.offering_code, value::code),
            charge_kind: fields.read("charge_kind", sent.charge_kind != 0, charge_kind),
            model: fields.read("model", sent.model != 0, model),
            currency_code: fields.required("currency_code", &sent.currency_code, currency_code),
            amount: fields.optional("amount", &sent.amount, value::amount),
            tiers: fields.list("tiers", sent.tiers, MAX_TIERS, |field, sent| tier(field, &sent), |tier| tier.from),
            unit: fields.optional_text("unit", &sent.unit, 20),
            floor: fields.optional("floor_amount", &sent.floor_amount, value::amount),
            cost: fields.optional("cost_amount", &sent.cost_amount, value::amount),
            reductions: fields.list(
                "reductions",
                sent.reductions,
                MAX_REDUCTIONS,
                |field, sent| reduction(field, &sent),
                |reduction| spelled(reduction.condition),
            ),
            valid_from_date: fields.required("valid_from_date", &sent.valid_from_date, first_day),
            valid_to_date: fields.optional("valid_to_date", &sent.valid_to_date, day::parse),
        }
    }

    /// The price with what the patch says.
    pub(super) fn apply(&self, mut price: Price) -> Price {
        fn set<T: Clone>(field: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                field.clone_from(value);
            }
        }
        set(&mut price.offering_code, self.offering_code.as_ref());
        set(&mut price.charge_kind, self.charge_kind.as_ref());
        set(&mut price.currency_code, self.currency_code.as_ref());
        set(&mut price.content.model, self.model.as_ref());
        set(&mut price.content.amount, self.amount.as_ref());
        set(&mut price.content.tiers, self.tiers.as_ref());
        set(&mut price.content.unit, self.unit.as_ref());
        set(&mut price.content.floor, self.floor.as_ref());
        set(&mut price.content.cost, self.cost.as_ref());
        set(&mut price.content.reductions, self.reductions.as_ref());
        set(&mut price.valid_from_date, self.valid_from_date.as_ref());
        set(&mut price.valid_to_date, self.valid_to_date.as_ref());
        price
    }

    /// Refuses to make a new price of it without what every price has.
    pub(super) fn check_new(&self) -> Result<(), Violations> {
        let mut violations = Violations::default();
        for (field, missing) in
            [("price.model", self.model.is_none()), ("price.currency_code", self.currency_code.is_none())]
        {
            if missing {
                violations.push(Violation::required(field));
            }
        }
        if violations.is_empty() { Ok(()) } else { Err(violations) }
    }

    /// The price as the patch makes it, or everything that is wrong: with the fields as `read` found them, and with what they say
    /// together where that is known.
    pub(super) fn complete(&self, read: Result<(), Violations>, price: Price) -> Result<Price, Violations> {
        let price = self.apply(price);
        let together = check(&price);
        let Err(violations) = read else { return if together.is_empty() { Ok(price) } else { Err(together) } };
        let mut violations = violations.into_inner();
        if self.model.is_some() && self.valid_from_date.is_some() {
            let about = |one: &Violation, other: &Violation| one.field.starts_with(&other.field);
            let more = together.into_inner().into_iter();
            let more = more.filter(|more| violations.iter().all(|known| !about(known, more) && !about(more, known)));
            violations.extend(more.collect::<Vec<_>>());
        }
        let mut all = Violations::default();
        for violation in violations {
            all.push(violation);
        }
        Err(all)
    }
}

/// What the fields of a price say together.
pub(super) fn check(price: &Price) -> Violations {
    let mut violations = Violations::default();
    let content = &price.content;
    let (has_amount, has_tiers) = (content.amount.is_some(), !content.tiers.is_empty());
    for (field, set, wanted) in [
        ("price.amount", has_amount, !content.model.has_tiers()),
        ("price.tiers", has_tiers, content.model.has_tiers()),
    ] {
        if wanted && !set {
            violations.push(Violation::required(field));
        } else if set && !wanted {
            let because = pb::PriceModel::from(content.model).as_str_name();
            violations.push(Violation::new(field, reason(ErrorReason::NotApplicable)).with("because", because));
        }
    }
    check_tiers(&content.tiers, &mut violations);
    if let (Some(floor), Some(amount)) = (content.floor, price.smallest_amount())
        && floor > amount
    {
        let above = Violation::new("price.floor_amount", Shared::OutOfRange).with("value", floor);
        violations.push(above.with("min", 0).with("max", amount));
    }
    if let Some(end) = price.valid_to_date.filter(|end| *end <= price.valid_from_date) {
        let reversed = Violation::new("price.valid_to_date", reason(ErrorReason::DatesReversed));
        violations.push(reversed.with("value", end).with("from", price.valid_from_date));
    }
    violations
}

/// Tiers begin at 1, each where the one before it ends, and only the last has no end.
fn check_tiers(tiers: &[Tier], violations: &mut Violations) {
    let mut expected = Some(1);
    for (index, tier) in tiers.iter().enumerate() {
        match expected {
            None => violations.push(Violation::required(format!("price.tiers[{}].to_quantity", index - 1))),
            Some(expected) if tier.from != expected => {
                let field = format!("price.tiers[{index}].from_quantity");
                let wrong = Violation::new(field, reason(ErrorReason::TiersNotContiguous));
                violations.push(wrong.with("expected", expected).with("value", tier.from));
            }
            Some(_) => {}
        }
        expected = tier.to.map(|end| end + 1);
    }
}

fn first_day(field: &str, value: &str) -> Result<Date, Violation> {
    if value.is_empty() { Err(Violation::required(field)) } else { day::parse(field, value) }
}

fn currency_code(field: &str, value: &str) -> Result<String, Violation> {
    match value::minor_unit(value) {
        _ if value.is_empty() => Err(Violation::required(field)),
        Some(_) => Ok(value.to_owned()),
        None => {
            let unknown = Violation::new(field, Shared::UnknownValue).with("value", value);
            Err(unknown.with("expected", value::currencies()))
        }
    }
}

fn tier(field: &str, sent: &pb::PriceTier) -> Result<Tier, Violation> {
    let from = number(&format!("{field}.from_quantity"), sent.from_quantity, 1, MAX_QUANTITY)?;
    let to = match sent.to_quantity {
        0 => None,
        to => Some(number(&format!("{field}.to_quantity"), to, from, MAX_QUANTITY)?),
    };
    Ok(Tier { from, to, amount: value::amount(&format!("{field}.amount"), &sent.amount)? })
}

fn reduction(field: &str, sent: &pb::PriceReduction) -> Result<Reduction, Violation> {
    let named = |name: &str| format!("{field}.{name}");
    let cause = known(&named("cause"), sent.cause, ReductionCause::as_str_name)?;
    let own = match cause {
        ReductionCause::Unspecified => return Err(Violation::required(named("cause"))),
        ReductionCause::Tier => "tier",
        ReductionCause::Term => "min_term_months",
        ReductionCause::Volume => "min_quantity",
    };
    let filled = [
        ("tier", sent.tier != 0),
        ("min_term_months", sent.min_term_months != 0),
        ("min_quantity", sent.min_quantity != 0),
    ];
    if let Some((name, _)) = filled.into_iter().find(|(name, filled)| *filled && *name != own) {
        let foreign = Violation::new(named(name), reason(ErrorReason::NotApplicable));
        return Err(foreign.with("because", cause.as_str_name()));
    }
    if !filled.contains(&(own, true)) {
        return Err(Violation::required(named(own)));
    }
    let condition = match cause {
        ReductionCause::Term => Condition::Term(number(&named(own), sent.min_term_months, 1, 120)?),
        ReductionCause::Volume => Condition::Volume(number(&named(own), sent.min_quantity, 2, 1_000_000_000)?),
        _ => {
            Condition::Tier(AccountTier::read(&named(own), sent.tier)?.ok_or_else(|| Violation::required(named(own)))?)
        }
    };
    let percent = value::bounded(&named("percent"), &sent.percent, 2, SMALLEST_PERCENT, Decimal::ONE_HUNDRED)?;
    Ok(Reduction { condition, percent })
}

/// A condition for people.
fn spelled(condition: Condition) -> String {
    match condition {
        Condition::Tier(tier) => registry::Tier::from(tier).as_str_name().to_owned(),
        Condition::Term(months) => format!("min_term_months {months}"),
        Condition::Volume(quantity) => format!("min_quantity {quantity}"),
    }
}
