//! The account managers of the demo, and who of them looks after what.

use guanxi_proto::client_registry::v1::{Account, AccountManager, AccountManagerChannel, Tier};

use super::places::{self, County};
use super::random::Random;
use super::trades::{GIVEN_NAMES, SURNAMES};

/// Industries that have managers of their own: banks, and electricity.
const INDUSTRIES: [&str; 2] = ["J66", "D44"];

/// Makes the managers of a seed: in each city two who visit and one who calls, in each province one for the industries.
pub(super) fn managers(seed: u64) -> Vec<AccountManager> {
    // Not the numbers of the accounts, which stay what they are.
    let mut random = Random::new(seed ^ 0x6D61_6E61_6765_7273);
    let mut managers = Vec::new();
    let mut cities: Vec<String> = places::counties().into_iter().map(|county| county.city_code).collect();
    cities.dedup();
    for city in &cities {
        let grade = |low, high, random: &mut Random| i32::try_from(random.between(low, high)).unwrap_or(1);
        let senior = grade(4, 5, &mut random);
        let junior = grade(2, 3, &mut random);
        let phone = grade(1, 3, &mut random);
        for (number, channel, grade, skills) in [
            (1, AccountManagerChannel::Field, senior, &["上云", "专线"][..]),
            (2, AccountManagerChannel::Field, junior, &["融合套餐"]),
            (3, AccountManagerChannel::Phone, phone, &[]),
        ] {
            let made = manager(&number_of(city, number), city, channel, grade, &mut random);
            managers.push(AccountManager { skills: skills.iter().map(|skill| (*skill).to_owned()).collect(), ..made });
        }
    }
    let mut provinces: Vec<String> = cities.iter().map(|city| format!("{}0000", &city[..2])).collect();
    provinces.dedup();
    for province in &provinces {
        let made = manager(&number_of(province, 9), province, AccountManagerChannel::Industry, 4, &mut random);
        let industry_codes = INDUSTRIES.map(str::to_owned).to_vec();
        managers.push(AccountManager { industry_codes, skills: vec!["行业方案".to_owned()], ..made });
    }
    managers
}

fn manager(
    employee_number: &str,
    territory_code: &str,
    channel: AccountManagerChannel,
    grade: i32,
    random: &mut Random,
) -> AccountManager {
    AccountManager {
        employee_number: employee_number.to_owned(),
        name: format!("{}{}", random.pick(&SURNAMES), random.pick(&GIVEN_NAMES)),
        territory_code: territory_code.to_owned(),
        channel: channel.into(),
        grade,
        ..Default::default()
    }
}

/// The employee number of the one who looks after an account of a tier.
pub(super) fn responsible(counties: &[County], account: &Account, tier: Option<Tier>) -> String {
    let in_city = |county: &&County| {
        account.territory_code.starts_with(county.code) || account.territory_code == county.city_code
    };
    let city = counties.iter().find(in_city).map(|county| county.city_code.clone()).unwrap_or_default();
    let industry = INDUSTRIES.iter().any(|code| account.industry_code.starts_with(code));
    match tier {
        Some(Tier::A) if industry => number_of(&format!("{}0000", &city[..2]), 9),
        Some(Tier::A) => number_of(&city, 1),
        Some(Tier::C) => number_of(&city, 3),
        _ => number_of(&city, 2),
    }
}

/// `D4403-1`.
fn number_of(territory_code: &str, number: u32) -> String {
    format!("D{}-{number}", &territory_code[..4])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::demo::accounts;

    #[test]
    fn everybody_who_is_to_look_after_something_is_there() {
        let managers = managers(1);
        let numbers: BTreeSet<_> = managers.iter().map(|manager| manager.employee_number.clone()).collect();
        assert_eq!(numbers.len(), managers.len());
        assert_eq!(managers, super::managers(1));
        let counties = places::counties();
        for plan in accounts::plans(1) {
            let account = plan.row.account.unwrap();
            let tier = plan.tier.map(|(tier, ..)| tier);
            assert!(numbers.contains(&responsible(&counties, &account, tier)), "{account:?}");
        }
        let grades: BTreeSet<_> = managers.iter().map(|manager| manager.grade).collect();
        assert_eq!(grades, (1..=5).collect());
    }
}
