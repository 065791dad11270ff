//! Catalogs and requests made from a seed, for tests.

use guanxi_proto::client_registry::v1::Tier;
use guanxi_proto::product_catalog::v1::*;
use prost::Name;

use super::catalog::Catalog;

/// Splitmix64: small, and the same everywhere.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub(super) fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn pick<T: Clone>(&mut self, values: &[T]) -> T {
        values[usize::try_from(self.below(values.len() as u64)).unwrap()].clone()
    }

    /// A decimal number below a bound with at most so many places.
    fn decimal(&mut self, bound: u64, places: u32) -> String {
        let scale = u32::try_from(self.below(u64::from(places) + 1)).unwrap();
        let units = i64::try_from(self.below(bound * 10u64.pow(scale))).unwrap();
        rust_decimal::Decimal::new(units, scale).to_string()
    }

    fn codes(&mut self, most: u64) -> Vec<String> {
        let mut codes: Vec<String> = (0..self.below(most + 1)).map(|_| self.offering_code()).collect();
        codes.sort();
        codes.dedup();
        codes
    }

    fn offering_code(&mut self) -> String {
        format!("O{}", self.below(OFFERINGS))
    }
}

const OFFERINGS: u64 = 14;
const CATEGORIES: u64 = 5;
const ACCOUNT: &str = "0192f0c1-2345-7abc-8def-0123456789ab";
const DAYS: [&str; 4] = ["2026-01-01", "2026-03-01", "2026-06-15", "2027-01-01"];
const PATHS: [&str; 4] = ["", "CN/", "CN/440000/440300/", "CN/110000/"];
const LEVELS: [AuthorityLevel; 5] = [
    AuthorityLevel::Manager,
    AuthorityLevel::County,
    AuthorityLevel::City,
    AuthorityLevel::Province,
    AuthorityLevel::Headquarters,
];

/// What the events of a catalog left, resource by resource.
#[derive(Default)]
pub(super) struct Resources {
    pub(super) categories: Vec<Category>,
    pub(super) offerings: Vec<Offering>,
    pub(super) prices: Vec<Price>,
    pub(super) bundles: Vec<Bundle>,
    pub(super) policies: Vec<DiscountPolicy>,
}

impl Resources {
    pub(super) fn random(random: &mut Random) -> Self {
        let mut made = Self::default();
        for number in 0..CATEGORIES {
            let parent_code = if number < 2 { String::new() } else { format!("C{}", random.below(number)) };
            made.categories.push(Category { code: format!("C{number}"), parent_code, ..Default::default() });
            if random.one_in(3) {
                made.policies.push(policy(random, format!("C{number}")));
            }
        }
        made.policies.push(policy(random, String::new()));
        for number in 0..OFFERINGS - 1 {
            for version_number in 1..=i32::try_from(random.below(3) + 1).unwrap() {
                made.offerings.push(offering(random, format!("O{number}"), version_number));
            }
            for charge_kind in [ChargeKind::OneTime, ChargeKind::Monthly, ChargeKind::Yearly, ChargeKind::Usage] {
                if random.one_in(2) {
                    made.prices.extend(prices(random, &format!("O{number}"), charge_kind));
                }
            }
        }
        for number in 0..4 {
            made.bundles.push(bundle(random, format!("B{number}")));
        }
        made
    }

    /// The catalog that events of these resources make.
    pub(super) fn catalog(&self) -> Catalog {
        let mut catalog = Catalog::default();
        let mut put = |name: String, payload: Vec<u8>| {
            let position = catalog.version + 1;
            catalog.fold(position, &format!("type.googleapis.com/{name}"), &payload).unwrap();
        };
        for category in &self.categories {
            let change = CategoryChange { before: None, after: Some(category.clone()) };
            put(CategoryChange::full_name(), prost::Message::encode_to_vec(&change));
        }
        for offering in &self.offerings {
            let change = OfferingChange { before: None, after: Some(offering.clone()) };
            put(OfferingChange::full_name(), prost::Message::encode_to_vec(&change));
        }
        for price in &self.prices {
            let change = PriceChange { before: None, after: Some(price.clone()) };
            put(PriceChange::full_name(), prost::Message::encode_to_vec(&change));
        }
        for bundle in &self.bundles {
            let change = BundleChange { before: None, after: Some(bundle.clone()) };
            put(BundleChange::full_name(), prost::Message::encode_to_vec(&change));
        }
        for policy in &self.policies {
            let change = DiscountPolicyChange { before: None, after: Some(policy.clone()) };
            put(DiscountPolicyChange::full_name(), prost::Message::encode_to_vec(&change));
        }
        catalog
    }
}

fn policy(random: &mut Random, category_code: String) -> DiscountPolicy {
    let mut max = 0;
    let authorities = LEVELS.iter().map(|level| {
        max = (max + random.below(15)).min(100);
        let min_margin_percent = if random.one_in(2) { String::new() } else { random.decimal(30, 2) };
        DiscountAuthority { level: (*level).into(), max_discount_percent: max.to_string(), min_margin_percent }
    });
    DiscountPolicy { category_code, authorities: authorities.collect(), ..Default::default() }
}

fn offering(random: &mut Random, code: String, version_number: i32) -> Offering {
    let state = random.pick(&[
        OfferingState::Published,
        OfferingState::Published,
        OfferingState::Published,
        OfferingState::Draft,
        OfferingState::Retired,
    ]);
    let mut category_codes: Vec<String> =
        (0..=random.below(2)).map(|_| format!("C{}", random.below(CATEGORIES))).collect();
    category_codes.dedup();
    let here = ["CN", "440000", "110000"].map(str::to_owned);
    Offering {
        code,
        version_number,
        state: state.into(),
        category_codes,
        valid_from_date: if random.one_in(3) { random.pick(&DAYS).to_owned() } else { String::new() },
        valid_to_date: if random.one_in(4) { "2026-06-15".to_owned() } else { String::new() },
        available_territory_codes: if random.one_in(3) { vec![random.pick(&here)] } else { Vec::new() },
        eligibility: random.one_in(3).then(|| eligibility(random)),
        prerequisite_offering_codes: if random.one_in(5) { random.codes(1) } else { Vec::new() },
        excluded_offering_codes: if random.one_in(6) { random.codes(1) } else { Vec::new() },
        ..Default::default()
    }
}

fn eligibility(random: &mut Random) -> Eligibility {
    Eligibility {
        tiers: if random.one_in(2) { vec![Tier::A.into(), Tier::B.into()] } else { Vec::new() },
        value_classes: if random.one_in(4) { vec![ValueClass::Strategic.into()] } else { Vec::new() },
        industry_codes: if random.one_in(3) { vec!["J".to_owned(), "I65".to_owned()] } else { Vec::new() },
        min_member_count: if random.one_in(3) { 20 } else { 0 },
        max_member_count: if random.one_in(4) { 500 } else { 0 },
        held_offering_codes: if random.one_in(5) { random.codes(1) } else { Vec::new() },
        lacking_offering_codes: if random.one_in(5) { random.codes(2) } else { Vec::new() },
        account_ids: if random.one_in(6) { vec![ACCOUNT.to_owned()] } else { Vec::new() },
    }
}

/// One price for all days, or one until a day and another from then on.
fn prices(random: &mut Random, code: &str, charge_kind: ChargeKind) -> Vec<Price> {
    let bounds: &[(&str, &str)] = if random.one_in(3) {
        &[("2026-01-01", "2026-06-15"), ("2026-06-15", "")]
    } else if random.one_in(6) {
        &[("2026-03-01", "")]
    } else {
        &[("2020-01-01", "")]
    };
    bounds.iter().map(|(from, to)| price(random, code, charge_kind, from, to)).collect()
}

fn price(random: &mut Random, code: &str, charge_kind: ChargeKind, from: &str, to: &str) -> Price {
    let model = random.pick(&[
        PriceModel::Flat,
        PriceModel::PerUnit,
        PriceModel::PerMember,
        PriceModel::Tiered,
        PriceModel::Volume,
        PriceModel::Stairstep,
    ]);
    let tiered = matches!(model, PriceModel::Tiered | PriceModel::Volume | PriceModel::Stairstep);
    let bound = random.pick(&[1, 20, 1_000, 900_000_000]);
    let reductions = (0..random.below(5)).map(|_| reduction(random)).collect();
    Price {
        id: format!("{code}-{}-{from}", charge_kind.as_str_name()),
        offering_code: code.to_owned(),
        charge_kind: charge_kind.into(),
        model: model.into(),
        currency_code: if random.one_in(30) { "USD".to_owned() } else { "CNY".to_owned() },
        amount: if tiered { String::new() } else { random.decimal(bound, 6) },
        tiers: if tiered { tiers(random, bound) } else { Vec::new() },
        floor_amount: if random.one_in(4) { random.decimal(bound.min(20), 3) } else { String::new() },
        cost_amount: if random.one_in(2) { random.decimal(bound, 4) } else { String::new() },
        reductions,
        valid_from_date: from.to_owned(),
        valid_to_date: to.to_owned(),
        ..Default::default()
    }
}

fn tiers(random: &mut Random, bound: u64) -> Vec<PriceTier> {
    let mut from_quantity = 1;
    let mut tiers = Vec::new();
    let count = random.below(4) + 1;
    for number in 0..count {
        let to_quantity =
            if number + 1 == count { 0 } else { from_quantity + i64::try_from(random.below(40)).unwrap() };
        tiers.push(PriceTier { from_quantity, to_quantity, amount: random.decimal(bound, 6) });
        from_quantity = to_quantity + 1;
    }
    tiers
}

fn reduction(random: &mut Random) -> PriceReduction {
    let cause = random.pick(&[ReductionCause::Tier, ReductionCause::Term, ReductionCause::Volume]);
    let mut reduction = PriceReduction { cause: cause.into(), percent: random.decimal(60, 2), ..Default::default() };
    match cause {
        ReductionCause::Tier => reduction.tier = random.pick(&[Tier::A, Tier::B, Tier::C]).into(),
        ReductionCause::Term => reduction.min_term_months = random.pick(&[6, 12, 24]),
        _ => reduction.min_quantity = random.pick(&[2, 10, 50]),
    }
    reduction
}

fn bundle(random: &mut Random, code: String) -> Bundle {
    let mut codes = random.codes(4);
    codes.push("O0".to_owned());
    codes.sort();
    codes.dedup();
    let components: Vec<_> = codes
        .into_iter()
        .map(|offering_code| BundleComponent {
            offering_code,
            min_quantity: random.pick(&[0, 0, 1, 2]),
            max_quantity: random.pick(&[0, 0, 10]),
        })
        .collect();
    Bundle {
        code,
        state: random.pick(&[BundleState::Published, BundleState::Published, BundleState::Draft]).into(),
        components,
        discount_percent: random.decimal(40, 2),
        valid_from_date: if random.one_in(4) { "2026-03-01".to_owned() } else { String::new() },
        ..Default::default()
    }
}

/// A request, and the path of the account's territory.
pub(super) fn request(random: &mut Random, resources: &Resources) -> (PriceQuoteRequest, &'static str) {
    let profile = AccountProfile {
        tier: random.pick(&[Tier::Unspecified, Tier::A, Tier::B, Tier::C]).into(),
        value_class: random.pick(&[ValueClass::Unspecified, ValueClass::Strategic, ValueClass::Group]).into(),
        industry_code: random.pick(&["", "J66", "I651", "C39"]).to_owned(),
        territory_code: String::new(),
        member_count: random.pick(&[0, 1, 25, 499, 1_000_000_000]),
        held_offering_codes: random.codes(3),
        account_id: if random.one_in(2) { ACCOUNT.to_owned() } else { String::new() },
    };
    let mut lines: Vec<PriceQuoteLine> = (0..=random.below(4)).map(|_| line(random)).collect();
    if random.one_in(4) {
        let bundle = random.pick(&resources.bundles);
        lines.extend(bundle.components.iter().map(|component| PriceQuoteLine {
            offering_code: component.offering_code.clone(),
            quantity: component.min_quantity.max(1),
            bundle_code: bundle.code.clone(),
            ..line(random)
        }));
    }
    let date = random.pick(&["2026-02-28", "2026-03-01", "2026-06-14", "2026-06-15", "2027-01-01"]).to_owned();
    let request =
        PriceQuoteRequest { profile: Some(profile), lines, currency_code: String::new(), date, catalog_version: 0 };
    (request, random.pick(&PATHS))
}

fn line(random: &mut Random) -> PriceQuoteLine {
    PriceQuoteLine {
        offering_code: random.offering_code(),
        quantity: random.pick(&[1, 2, 9, 10, 11, 40, 50, 1_000_000_000]),
        usage_quantity: random.pick(&[0, 1, 37, 50_000]),
        term_months: random.pick(&[0, 6, 12, 36]),
        bundle_code: if random.one_in(12) { format!("B{}", random.below(5)) } else { String::new() },
        manual_discount_percent: if random.one_in(2) { random.decimal(45, 2) } else { String::new() },
        ..Default::default()
    }
}
