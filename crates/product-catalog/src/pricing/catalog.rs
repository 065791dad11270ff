//! The catalog in memory: what prices are reckoned from, made by folding the service's own events.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::Arc;

use guanxi_grpc::Violations;
use guanxi_proto::product_catalog::v1::{
    self as pb, AuthorityLevel, BundleChange, BundleState, CategoryChange, ChargeKind, DiscountPolicyChange,
    OfferingChange, OfferingState, PriceChange, PriceModel, ReductionCause,
};
use prost::{Message, Name};
use rust_decimal::Decimal;
use time::Date;
use time::macros::format_description;

use super::amount::{Model, Tier};
use crate::specification::{self, Characteristic};

/// The catalog at a position of the service's feed. What one version shares with the next is not copied.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    /// Position of the newest event in it.
    pub(crate) version: i64,
    /// Code of the category above, by code.
    parents: BTreeMap<String, String>,
    /// Versions by number, by code. Drafts are not in it.
    offerings: BTreeMap<String, BTreeMap<i32, Arc<Offering>>>,
    /// By offering and kind, then by id.
    prices: BTreeMap<(String, ChargeKind), BTreeMap<String, Arc<Price>>>,
    /// Published ones by code.
    bundles: BTreeMap<String, Arc<Bundle>>,
    /// By category, the default one under the empty code.
    policies: BTreeMap<String, Arc<Vec<Authority>>>,
}

/// A published or retired version of an offering.
#[derive(Debug)]
pub(super) struct Offering {
    pub(super) validity: Validity,
    pub(super) characteristics: Vec<Characteristic>,
    /// As it was published.
    pub(super) content: pb::Offering,
}

/// A price, ready to be reckoned with.
#[derive(Debug)]
pub(super) struct Price {
    pub(super) id: String,
    pub(super) currency_code: String,
    pub(super) model: Model,
    pub(super) floor: Option<Decimal>,
    pub(super) cost: Option<Decimal>,
    pub(super) reductions: Vec<Reduction>,
    pub(super) validity: Validity,
}

/// What lowers a price by a share.
#[derive(Debug)]
pub(super) struct Reduction {
    pub(super) condition: Condition,
    pub(super) percent: Decimal,
}

/// When a reduction applies.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Tier(i32),
    Term(i32),
    Volume(i64),
}

/// A published bundle.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) percent: Decimal,
    pub(super) components: Vec<pb::BundleComponent>,
    pub(super) validity: Validity,
}

/// What one level may grant.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) level: AuthorityLevel,
    pub(super) max_discount: Decimal,
    pub(super) min_margin: Option<Decimal>,
}

/// From a day to the day before another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validity {
    from: Option<Date>,
    to: Option<Date>,
}

impl Validity {
    /// True on the days of the validity.
    pub(super) fn has(self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day < to)
    }
}

/// An event of the catalog that cannot be understood. Everything in it was checked when it was accepted.
#[derive(Debug, thiserror::Error)]
#[error("the event {position} of the catalog cannot be understood: {problem}")]
pub(crate) struct Broken {
    position: i64,
    problem: String,
}

impl Catalog {
    /// Takes in the next event. Events of what no price depends on only advance the version.
    pub(crate) fn fold(&mut self, position: i64, payload_type: &str, payload: &[u8]) -> Result<(), Broken> {
        self.version = position;
        self.take(payload_type.rsplit('/').next().unwrap_or_default(), payload)
            .map_err(|error| Broken { position, problem: error.to_string() })
    }

    fn take(&mut self, name: &str, payload: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
        if name == CategoryChange::full_name() {
            self.take_category(CategoryChange::decode(payload)?.after.unwrap_or_default());
        } else if name == OfferingChange::full_name() {
            self.take_offering(OfferingChange::decode(payload)?.after.unwrap_or_default())?;
        } else if name == PriceChange::full_name() {
            self.take_price(&PriceChange::decode(payload)?.after.unwrap_or_default())?;
        } else if name == BundleChange::full_name() {
            self.take_bundle(BundleChange::decode(payload)?.after.unwrap_or_default())?;
        } else if name == DiscountPolicyChange::full_name() {
            self.take_policy(&DiscountPolicyChange::decode(payload)?.after.unwrap_or_default())?;
        }
        Ok(())
    }

    fn take_category(&mut self, category: pb::Category) {
        self.parents.insert(category.code, category.parent_code);
    }

    fn take_offering(&mut self, offering: pb::Offering) -> Result<(), Box<dyn std::error::Error>> {
        if offering.state() == OfferingState::Draft {
            return Ok(());
        }
        let versions = self.offerings.entry(offering.code.clone()).or_default();
        let validity = validity(&offering.valid_from_date, &offering.valid_to_date)?;
        let mut wrong = Violations::default();
        let characteristics = specification::characteristics("characteristics", &offering.characteristics, &mut wrong);
        if !wrong.is_empty() {
            return Err("characteristics that are wrong".into());
        }
        versions.insert(offering.version_number, Arc::new(Offering { validity, characteristics, content: offering }));
        Ok(())
    }

    fn take_price(&mut self, price: &pb::Price) -> Result<(), Box<dyn std::error::Error>> {
        let prices = self.prices.entry((price.offering_code.clone(), price.charge_kind())).or_default();
        if price.delete_time.is_some() {
            prices.remove(&price.id);
            return Ok(());
        }
        let reductions = price.reductions.iter().map(|reduction| {
            let condition = match reduction.cause() {
                ReductionCause::Tier => Condition::Tier(reduction.tier),
                ReductionCause::Term => Condition::Term(reduction.min_term_months),
                ReductionCause::Volume => Condition::Volume(reduction.min_quantity),
                ReductionCause::Unspecified => return Err("a reduction without a cause".into()),
            };
            Ok(Reduction { condition, percent: reduction.percent.parse()? })
        });
        let taken = Price {
            id: price.id.clone(),
            currency_code: price.currency_code.clone(),
            model: model(price)?,
            floor: optional(&price.floor_amount)?,
            cost: optional(&price.cost_amount)?,
            reductions: reductions.collect::<Result<_, Box<dyn std::error::Error>>>()?,
            validity: validity(&price.valid_from_date, &price.valid_to_date)?,
        };
        prices.insert(price.id.clone(), Arc::new(taken));
        Ok(())
    }

    fn take_bundle(&mut self, bundle: pb::Bundle) -> Result<(), Box<dyn std::error::Error>> {
        if bundle.state() != BundleState::Published {
            self.bundles.remove(&bundle.code);
            return Ok(());
        }
        let taken = Bundle {
            percent: bundle.discount_percent.parse()?,
            validity: validity(&bundle.valid_from_date, &bundle.valid_to_date)?,
            components: bundle.components,
        };
        self.bundles.insert(bundle.code, Arc::new(taken));
        Ok(())
    }

    fn take_policy(&mut self, policy: &pb::DiscountPolicy) -> Result<(), Box<dyn std::error::Error>> {
        if policy.delete_time.is_some() {
            self.policies.remove(&policy.category_code);
            return Ok(());
        }
        let authorities = policy.authorities.iter().map(|authority| {
            Ok(Authority {
                level: authority.level(),
                max_discount: authority.max_discount_percent.parse()?,
                min_margin: optional(&authority.min_margin_percent)?,
            })
        });
        let mut authorities = authorities.collect::<Result<Vec<_>, rust_decimal::Error>>()?;
        authorities.sort_by_key(|authority| authority.level);
        self.policies.insert(policy.category_code.clone(), Arc::new(authorities));
        Ok(())
    }

    /// The published or retired versions of a code, by number.
    pub(super) fn versions(&self, code: &str) -> Option<&BTreeMap<i32, Arc<Offering>>> {
        self.offerings.get(code)
    }

    /// The prices of an offering on a day, by kind.
    pub(super) fn prices(&self, code: &str, day: Date) -> Vec<(ChargeKind, &Price)> {
        let kinds = [ChargeKind::OneTime, ChargeKind::Monthly, ChargeKind::Yearly, ChargeKind::Usage];
        let of_kind = |kind| {
            let prices = self.prices.get(&(code.to_owned(), kind))?;
            prices.values().find(|price| price.validity.has(day)).map(|price| (kind, price.as_ref()))
        };
        kinds.into_iter().filter_map(of_kind).collect()
    }

    /// The bundle of a code, if it is sold on a day.
    pub(super) fn bundle(&self, code: &str, day: Date) -> Option<&Bundle> {
        self.bundles.get(code).map(Arc::as_ref).filter(|bundle| bundle.validity.has(day))
    }

    /// The policies that an offering of some categories follows: that of each category or of the nearest one above, else the default.
    pub(super) fn policies(&self, categories: &[String]) -> Vec<&[Authority]> {
        let codes: BTreeSet<&str> = categories.iter().map(|code| self.governing(code)).collect();
        codes.into_iter().filter_map(|code| self.policies.get(code)).map(|policy| policy.as_slice()).collect()
    }

    /// Code of the category whose policy governs another; empty for the default one.
    fn governing<'a>(&'a self, category: &'a str) -> &'a str {
        let mut code = category;
        while !code.is_empty() && !self.policies.contains_key(code) {
            code = self.parents.get(code).map_or("", String::as_str);
        }
        code
    }
}

fn model(price: &pb::Price) -> Result<Model, Box<dyn std::error::Error>> {
    let tiers = || {
        price
            .tiers
            .iter()
            .map(|tier| {
                let to = (tier.to_quantity > 0).then_some(tier.to_quantity);
                Ok(Tier { from: tier.from_quantity, to, amount: Decimal::from_str(&tier.amount)? })
            })
            .collect::<Result<Vec<_>, rust_decimal::Error>>()
    };
    Ok(match price.model() {
        PriceModel::Flat => Model::Flat(price.amount.parse()?),
        PriceModel::PerUnit => Model::PerUnit(price.amount.parse()?),
        PriceModel::PerMember => Model::PerMember(price.amount.parse()?),
        PriceModel::Tiered => Model::Tiered(tiers()?),
        PriceModel::Volume => Model::Volume(tiers()?),
        PriceModel::Stairstep => Model::Stairstep(tiers()?),
        PriceModel::Unspecified => return Err("a price without a model".into()),
    })
}

fn optional(text: &str) -> Result<Option<Decimal>, rust_decimal::Error> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some) }
}

fn validity(from: &str, to: &str) -> Result<Validity, time::error::Parse> {
    let day = |text: &str| {
        let parse = |text| Date::parse(text, format_description!("[year]-[month]-[day]"));
        if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
    };
    Ok(Validity { from: day(from)?, to: day(to)? })
}
