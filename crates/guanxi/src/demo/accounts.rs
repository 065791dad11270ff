//! The accounts of the demo, made up from a seed.

use client_registry::credit_code::check_character;
use guanxi_proto::client_registry::v1::{Account, ExternalId, ImportAccountRow, Tier};
use guanxi_proto::r#type::v1::Money;

use super::places::{self, County};
use super::random::Random;
use super::trades::{FIRSTS, Form, GIVEN_NAMES, GROUPS, SECONDS, STREETS, SURNAMES, TRADES, Trade};

/// The system of the ids by which the demo knows its accounts again.
pub(super) const SYSTEM: &str = "demo";

/// An account and what happens to it once it is there.
pub(super) struct Plan {
    pub(super) row: ImportAccountRow,
    /// A tier, since when, and why.
    pub(super) tier: Option<(Tier, String, &'static str)>,
    pub(super) active: bool,
}

/// Makes all accounts, parents first.
pub(super) fn plans(seed: u64) -> Vec<Plan> {
    let mut random = Random::new(seed);
    let mut brands: Vec<_> =
        FIRSTS.iter().flat_map(|first| SECONDS.iter().map(move |second| (*first, *second))).collect();
    brands.retain(|((first, _), (second, _))| first != second);
    random.shuffle(&mut brands);
    let brands = brands.into_iter().map(|(first, second)| Brand {
        zh: format!("{}{}", first.0, second.0),
        en: format!("{}{}", first.1, second.1),
    });
    let mut maker = Maker { seed, random, counties: places::counties(), brands: brands.collect(), plans: Vec::new() };
    for group in &GROUPS {
        maker.group(group);
    }
    for trade in &TRADES {
        let mut counties = maker.counties.clone();
        maker.random.shuffle(&mut counties);
        for county in counties.iter().cycle().take(trade.count) {
            maker.single(trade, county);
        }
    }
    maker.plans
}

struct Brand {
    zh: String,
    en: String,
}

/// What tells accounts apart.
struct Identity {
    legal_name: String,
    short_name: String,
    aliases: Vec<String>,
}

struct Maker {
    seed: u64,
    random: Random,
    counties: Vec<County>,
    /// Not given to anybody yet.
    brands: Vec<Brand>,
    plans: Vec<Plan>,
}

impl Maker {
    fn brand(&mut self) -> Brand {
        self.brands.pop().unwrap_or_else(|| Brand { zh: "样例".to_owned(), en: "Sample".to_owned() })
    }

    /// A group and its subsidiaries, each in another city.
    fn group(&mut self, trade: &Trade) {
        let brand = self.brand();
        let mut cities = self.counties.clone();
        self.random.shuffle(&mut cities);
        let mut seen = Vec::new();
        cities.retain(|county| {
            !seen.contains(&county.city) && {
                seen.push(county.city);
                true
            }
        });
        let Some((seat, others)) = cities.split_first() else { return };
        let head = Identity {
            legal_name: format!("{}{}集团股份有限公司", brand.zh, trade.zh),
            short_name: format!("{}集团", brand.zh),
            aliases: vec![format!("{} Group Co., Ltd.", brand.en), format!("{}{}有限公司", brand.zh, trade.zh)],
        };
        let parent = self.add(trade, seat, &seat.city_code, head, None);
        for county in others.iter().take(trade.count) {
            let city = short(county.city);
            let identity = Identity {
                legal_name: format!("{}{}{}有限公司", county.city, brand.zh, trade.zh),
                short_name: format!("{city}{}", brand.zh),
                aliases: vec![format!("{} {} ({}) Co., Ltd.", brand.en, trade.en, county.city_en)],
            };
            let territory = self.territory(county);
            self.add(trade, county, &territory, identity, Some(parent.clone()));
        }
    }

    fn single(&mut self, trade: &Trade, county: &County) {
        let identity = match trade.form {
            Form::Company => {
                let brand = self.brand();
                let form = if trade.zh.ends_with("银行") || self.random.chance(15) {
                    "股份有限公司"
                } else {
                    "有限公司"
                };
                Identity {
                    legal_name: format!("{}{}{}{form}", county.city, brand.zh, trade.zh),
                    short_name: format!("{}{}", brand.zh, trade.zh),
                    aliases: vec![format!("{} {} {} Co., Ltd.", county.city_en, brand.en, trade.en)],
                }
            }
            Form::Institution => {
                let brand = self.brand().zh;
                let short_name = format!("{brand}{}", trade.zh);
                Identity {
                    legal_name: format!("{}{}{short_name}", county.city, county.name),
                    short_name,
                    aliases: Vec::new(),
                }
            }
            Form::Authority => Identity {
                legal_name: format!("{}{}{}", county.city, county.name, trade.zh),
                short_name: format!("{}{}", county.name, trade.zh),
                aliases: Vec::new(),
            },
        };
        let territory = self.territory(county);
        self.add(trade, county, &territory, identity, None);
    }

    /// A grid of the county for most, the county itself for some.
    fn territory(&mut self, county: &County) -> String {
        if self.random.chance(85) { places::grid(county, self.plans.len()) } else { county.code.to_owned() }
    }

    fn add(
        &mut self,
        trade: &Trade,
        county: &County,
        territory: &str,
        identity: Identity,
        parent: Option<ExternalId>,
    ) -> ExternalId {
        let number = self.plans.len() + 1;
        let key = ExternalId { system: SYSTEM.to_owned(), value: format!("{}-{number:04}", self.seed) };
        let random = &mut self.random;
        let employees = random.between(trade.employees.0, trade.employees.1);
        // What is not known of everybody: a profile wants completing.
        let known = random.chance(90);
        let company = trade.form == Form::Company;
        let boss = ExternalId { system: "boss".to_owned(), value: format!("8{:03}{number:06}", self.seed % 1_000) };
        let capital = Money { currency_code: "CNY".to_owned(), amount: (random.between(1, 200) * 500_000).to_string() };
        let mut tags: Vec<String> = trade.tags.iter().map(|tag| (*tag).to_owned()).collect();
        if company && random.chance(12) {
            tags.push("专精特新".to_owned());
        }
        let address = format!(
            "{}{}{}{}{}号",
            county.province,
            county.city,
            county.name,
            random.pick(&STREETS),
            random.between(1, 899)
        );
        let account = Account {
            legal_name: identity.legal_name,
            short_name: identity.short_name,
            aliases: identity.aliases,
            credit_code: if known { credit_code(trade.form, county, random, number) } else { String::new() },
            external_ids: if random.chance(70) { vec![key.clone(), boss] } else { vec![key.clone()] },
            industry_code: trade.industry.to_owned(),
            territory_code: territory.to_owned(),
            address,
            employee_count: known.then_some(i64::try_from(employees).unwrap_or_default()),
            registered_capital: (company && known).then_some(capital),
            tax_rank: (company && random.chance(8)).then(|| i32::try_from(random.between(1, 800)).unwrap_or_default()),
            public_sector: !company,
            legal_representative: if company {
                format!("{}{}", random.pick(&SURNAMES), random.pick(&GIVEN_NAMES))
            } else {
                String::new()
            },
            source: SYSTEM.to_owned(),
            tags,
            attributes: [(
                "bandwidth_mbps".to_owned(),
                random.pick(&["100", "200", "500", "1000", "2000"]).to_string(),
            )]
            .into(),
            ..Default::default()
        };
        let tier = tier(trade, employees, parent.is_none(), random);
        let active = random.chance(78);
        let row_number = i64::try_from(number).unwrap_or_default();
        let row = ImportAccountRow { row_number, account: Some(Box::new(account)), parent_external_id: parent };
        self.plans.push(Plan { row, tier, active });
        key
    }
}

/// 深圳 of 深圳市.
fn short(city: &str) -> &str {
    city.strip_suffix('市').unwrap_or(city)
}

/// What an evaluator would say, since a day of the last years. Some accounts are not classified yet.
fn tier(trade: &Trade, employees: u64, independent: bool, random: &mut Random) -> Option<(Tier, String, &'static str)> {
    let start = format!("202{}-{:02}-{:02}", random.between(4, 5), random.between(1, 12), random.between(1, 28));
    if random.chance(12) {
        return None;
    }
    let (tier, reason) = match trade.form {
        Form::Authority => (Tier::A, "党政机关，按政策列为 A 类"),
        _ if trade.industry.starts_with("J66") || trade.industry.starts_with('D') => {
            (Tier::A, "金融、电力等基础行业，按政策列为 A 类")
        }
        _ if employees > 4_000 && independent => (Tier::A, "集团总部，年收入居本省前列"),
        Form::Institution if employees > 1_000 => (Tier::B, "公共服务单位，成员规模较大"),
        _ if employees > 700 => (Tier::B, "年收入与成员规模达到 B 类标准"),
        _ => (Tier::C, "规模较小，由电话渠道维系"),
    };
    Some((tier, start, reason))
}

/// A credit code with right check characters: its own, and that of the body's code (GB 11714) inside it.
fn credit_code(form: Form, county: &County, random: &mut Random, number: usize) -> String {
    let body = format!(
        "MA{}{:05}",
        random.pick(&["0", "1", "5", "A", "C", "D"]),
        random.between(0, 99) * 1_000 + number as u64
    );
    let first_17 = format!("{}{}{body}{}", form.credit_prefix(), county.code, organisation_check(&body));
    check_character(&first_17).map(|check| format!("{first_17}{check}")).unwrap_or_default()
}

/// The check character of eight characters of GB 11714.
fn organisation_check(body: &str) -> char {
    let weights = [3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 =
        body.chars().zip(weights).map(|(character, weight)| character.to_digit(36).unwrap_or_default() * weight).sum();
    match 11 - sum % 11 {
        10 => 'X',
        11 => '0',
        digit => char::from_digit(digit, 10).unwrap_or('0'),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use client_registry::credit_code::CreditCode;

    use super::*;

    #[test]
    fn the_accounts_follow_from_the_seed_and_are_told_apart() {
        let rows = |seed| plans(seed).into_iter().map(|plan| plan.row).collect::<Vec<_>>();
        let first = rows(1);
        assert_eq!(first, rows(1));
        assert_ne!(first, rows(2));
        assert!((190..=220).contains(&first.len()), "{}", first.len());
        let accounts: Vec<_> = first.iter().filter_map(|row| row.account.clone()).collect();
        let names: BTreeSet<_> = accounts.iter().map(|account| &account.legal_name).collect();
        assert_eq!(names.len(), accounts.len());
        for account in accounts.iter().filter(|account| !account.credit_code.is_empty()) {
            assert!(CreditCode::parse(&account.credit_code).is_ok(), "{}", account.credit_code);
            assert!(account.territory_code.starts_with(&account.credit_code[2..4]), "{account:?}");
        }
    }

    #[test]
    fn an_organisation_code_has_its_check_character() {
        // The example of GB 11714-1997.
        assert_eq!(organisation_check("D2143569"), 'X');
    }
}
