//! The quote: a pure function of what was asked, the catalog and the place of the account.

use std::collections::BTreeMap;

use guanxi_proto::product_catalog::v1::{
    AdjustmentCause, AuthorityLevel, ChargeKind, ErrorReason, OfferingState, PriceQuoteLine,
};
use rust_decimal::Decimal;
use time::Date;

use super::amount::{self, NoAmount};
use super::catalog::{Authority, Bundle, Catalog, Condition, Offering, Price};
use super::eligible;
use crate::specification;

/// Who would buy.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    pub(super) account_id: String,
    pub(super) tier: i32,
    pub(super) value_class: i32,
    pub(super) industry_code: String,
    pub(super) territory_code: String,
    /// Codes from the root to the territory.
    pub(super) territory_path: String,
    pub(super) member_count: i64,
    pub(super) held: Vec<String>,
}

/// A checked request.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) profile: Profile,
    pub(super) lines: Vec<Line>,
    pub(super) currency_code: String,
    /// Places after the point of the currency's minor unit.
    pub(super) places: u32,
    pub(super) day: Date,
}

/// A line whose discount by hand is read.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) sent: PriceQuoteLine,
    pub(super) manual_discount: Decimal,
}

/// A line with its price, or with why it is not allowed.
#[derive(Clone, Debug, Default)]
pub(super) struct Quoted {
    pub(super) version_number: i32,
    pub(super) refusals: Vec<(ErrorReason, String)>,
    pub(super) charges: Vec<Charge>,
    pub(super) level: Option<AuthorityLevel>,
}

/// What one kind of charge amounts to.
#[derive(Clone, Debug)]
pub(super) struct Charge {
    pub(super) kind: ChargeKind,
    pub(super) price_id: String,
    pub(super) list: Decimal,
    pub(super) adjustments: Vec<Adjustment>,
    pub(super) net: Decimal,
    pub(super) cost: Option<Decimal>,
    pub(super) floor: Option<Decimal>,
}

/// A reduction of a charge.
#[derive(Clone, Debug)]
pub(super) struct Adjustment {
    pub(super) cause: AdjustmentCause,
    pub(super) percent: Decimal,
    pub(super) amount: Decimal,
    pub(super) source: String,
}

/// Prices every line.
pub(super) fn quote(catalog: &Catalog, asked: &Asked) -> Vec<Quoted> {
    let bundles = bundles(catalog, asked);
    asked.lines.iter().map(|line| quote_line(catalog, asked, line, &bundles)).collect()
}

fn quote_line(catalog: &Catalog, asked: &Asked, line: &Line, bundles: &BTreeMap<&str, Bound<'_>>) -> Quoted {
    let mut quoted = Quoted::default();
    let code = line.sent.offering_code.as_str();
    let offering = match sold(catalog, code, asked.day) {
        Ok(offering) => offering,
        Err(refusal) => {
            quoted.refusals.push(refusal);
            return quoted;
        }
    };
    quoted.version_number = offering.content.version_number;
    let with: Vec<&str> = asked.lines.iter().map(|line| line.sent.offering_code.as_str()).collect();
    quoted.refusals.extend(eligible::refusals(&offering.content, &asked.profile, &with));
    if let Err(wrong) = specification::configure(&offering.characteristics, &line.sent.characteristics) {
        quoted.refusals.extend(wrong.into_iter().map(|code| (ErrorReason::CharacteristicInvalid, code)));
    }
    let bundle = bundles.get(line.sent.bundle_code.as_str());
    if let Some(bound) = bundle {
        quoted.refusals.extend(bound.refusal_of(line));
    }
    let bundle = bundle.and_then(|bound| bound.bundle);
    let prices = catalog.prices(code, asked.day);
    if prices.is_empty() {
        quoted.refusals.push((ErrorReason::PriceMissing, asked.day.to_string()));
    }
    for (kind, price) in prices {
        match charge(asked, line, kind, price, bundle) {
            Ok(charge) => {
                quoted.refusals.extend(below_floor(&charge));
                quoted.charges.push(charge);
            }
            Err(refusal) => quoted.refusals.push(refusal),
        }
    }
    let level =
        required_level(&catalog.policies(&offering.content.category_codes), line.manual_discount, &quoted.charges);
    if level.is_none() {
        quoted.refusals.push((ErrorReason::AboveEveryAuthority, line.manual_discount.normalize().to_string()));
    }
    quoted.level = level.filter(|_| quoted.refusals.is_empty());
    quoted
}

/// The version of an offering that is sold on a day: of those that are valid the one with the largest number.
fn sold<'a>(catalog: &'a Catalog, code: &str, day: Date) -> Result<&'a Offering, (ErrorReason, String)> {
    let versions = catalog.versions(code).ok_or_else(|| (ErrorReason::OfferingUnknown, code.to_owned()))?;
    let mut published = versions.values().rev().filter(|version| version.content.state() == OfferingState::Published);
    if published.clone().next().is_none() {
        return Err((ErrorReason::OfferingRetired, code.to_owned()));
    }
    let valid = published.find(|version| version.validity.has(day));
    valid.map(AsRef::as_ref).ok_or_else(|| (ErrorReason::OfferingNotValid, day.to_string()))
}

/// One kind of charge of a line: the list amount, less one reduction after the other.
fn charge(
    asked: &Asked,
    line: &Line,
    kind: ChargeKind,
    price: &Price,
    bundle: Option<&Bundle>,
) -> Result<Charge, (ErrorReason, String)> {
    if price.currency_code != asked.currency_code {
        return Err((ErrorReason::CurrencyDiffers, price.currency_code.clone()));
    }
    let quantity = if kind == ChargeKind::Usage { line.sent.usage_quantity } else { line.sent.quantity };
    if quantity == 0 {
        return Err((ErrorReason::UsageMissing, String::new()));
    }
    let members = asked.profile.member_count;
    let list = price.model.amount(quantity, members).map_err(|wrong| match wrong {
        NoAmount::OutsideTiers => (ErrorReason::QuantityOutsideTiers, quantity.to_string()),
        NoAmount::TooLarge => (ErrorReason::AmountTooLarge, String::new()),
    })?;
    let list = amount::round(list, asked.places);
    let units = price.model.units(quantity, members);
    let of_units = |rate: Decimal| units.checked_mul(rate).map(|amount| amount::round(amount, asked.places));
    let (mut net, mut adjustments) = (list, Vec::new());
    for (cause, percent, source) in reductions(asked, line, price, bundle) {
        let amount = amount::share(net, percent, asked.places);
        net -= amount;
        adjustments.push(Adjustment { cause, percent, amount, source });
    }
    let too_large = || (ErrorReason::AmountTooLarge, String::new());
    Ok(Charge {
        kind,
        price_id: price.id.clone(),
        list,
        adjustments,
        net,
        cost: price.cost.map(|cost| of_units(cost).ok_or_else(too_large)).transpose()?,
        floor: price.floor.map(|floor| of_units(floor).ok_or_else(too_large)).transpose()?,
    })
}

/// What is taken off, in order: for who buys, for how long, how much, with what, and by hand. Of each cause the largest.
fn reductions(
    asked: &Asked,
    line: &Line,
    price: &Price,
    bundle: Option<&Bundle>,
) -> Vec<(AdjustmentCause, Decimal, String)> {
    let largest = |applies: &dyn Fn(&Condition) -> bool| {
        price.reductions.iter().filter(|one| applies(&one.condition)).map(|one| one.percent).max().unwrap_or_default()
    };
    let tier = largest(&|condition| matches!(condition, Condition::Tier(tier) if *tier == asked.profile.tier));
    let term = largest(&|condition| matches!(condition, Condition::Term(months) if *months <= line.sent.term_months));
    let volume = largest(&|condition| matches!(condition, Condition::Volume(least) if *least <= line.sent.quantity));
    let bound = bundle.map(|bundle| bundle.percent).unwrap_or_default();
    let all = [
        (AdjustmentCause::Tier, tier, &price.id),
        (AdjustmentCause::Term, term, &price.id),
        (AdjustmentCause::Volume, volume, &price.id),
        (AdjustmentCause::Bundle, bound, &line.sent.bundle_code),
        (AdjustmentCause::Manual, line.manual_discount, &String::new()),
    ];
    let given = all.into_iter().filter(|(_, percent, _)| !percent.is_zero());
    given.map(|(cause, percent, source)| (cause, percent, source.clone())).collect()
}

fn below_floor(charge: &Charge) -> Option<(ErrorReason, String)> {
    let floor = charge.floor.filter(|floor| charge.net < *floor)?;
    Some((ErrorReason::BelowFloor, floor.normalize().to_string()))
}

/// The lowest level that every policy lets grant the discount by hand and what it leaves of every charge.
fn required_level(policies: &[&[Authority]], discount: Decimal, charges: &[Charge]) -> Option<AuthorityLevel> {
    let lowest = |policy: &&[Authority]| {
        let grants = |authority: &&Authority| {
            discount <= authority.max_discount && charges.iter().all(|charge| leaves(charge, authority.min_margin))
        };
        policy.iter().find(grants).map(|authority| authority.level)
    };
    policies.iter().map(lowest).try_fold(AuthorityLevel::Manager, |highest, level| Some(highest.max(level?)))
}

/// True if a charge leaves at least a margin, where its cost is known. Compared without dividing: nothing is rounded, and of nothing
/// there is nothing left unless it costs nothing.
fn leaves(charge: &Charge, min_margin: Option<Decimal>) -> bool {
    match (charge.cost, min_margin) {
        (Some(cost), Some(margin)) => (charge.net - cost) * Decimal::ONE_HUNDRED >= margin * charge.net,
        _ => true,
    }
}

/// A bundle that lines name, and what is wrong with what they make of it.
struct Bound<'a> {
    bundle: Option<&'a Bundle>,
    code: &'a str,
    /// Code of a part that is missing, or there too often, too much or too little.
    wrong: Option<&'a str>,
}

impl Bound<'_> {
    fn refusal_of(&self, line: &Line) -> Option<(ErrorReason, String)> {
        let Some(bundle) = self.bundle else { return Some((ErrorReason::BundleUnknown, self.code.to_owned())) };
        let code = &line.sent.offering_code;
        let foreign = !bundle.components.iter().any(|part| part.offering_code == *code);
        let wrong = if foreign { Some(code.as_str()) } else { self.wrong };
        wrong.map(|part| (ErrorReason::BundleIncomplete, part.to_owned()))
    }
}

/// The bundles that the lines name.
fn bundles<'a>(catalog: &'a Catalog, asked: &'a Asked) -> BTreeMap<&'a str, Bound<'a>> {
    let named = asked.lines.iter().map(|line| line.sent.bundle_code.as_str()).filter(|code| !code.is_empty());
    let bind = |code: &'a str| {
        let bundle = catalog.bundle(code, asked.day);
        let wrong = bundle.and_then(|bundle| {
            bundle.components.iter().map(|part| part.offering_code.as_str()).zip(&bundle.components).find_map(
                |(name, part)| {
                    let lines = asked.lines.iter().map(|line| &line.sent);
                    let of_part =
                        lines.filter(|line| line.bundle_code == code && line.offering_code == part.offering_code);
                    let quantities: Vec<i64> = of_part.map(|line| line.quantity).collect();
                    let fits = |quantity: i64| {
                        quantity >= part.min_quantity && (part.max_quantity == 0 || quantity <= part.max_quantity)
                    };
                    let right = match quantities.as_slice() {
                        [] => part.min_quantity == 0,
                        [quantity] => fits(*quantity),
                        _ => false,
                    };
                    (!right).then_some(name)
                },
            )
        });
        (code, Bound { bundle, code, wrong })
    };
    named.map(bind).collect()
}
