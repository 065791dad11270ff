//! The opportunities of the demo, made up from a seed.

use guanxi_proto::client_registry::v1::{Account, Tier};
use guanxi_proto::opportunity_pipeline::v1::{
    CloseReason, CustomerIntent, KeySuccessFactor, KeySuccessFactorKind, Opportunity, OpportunityCompetitor,
    OpportunityKind, OpportunityLine,
};
use time::{Date, Duration};

use super::random::Random;

/// The label by which the demo knows its opportunities again.
pub(super) const TAG: &str = "演示";

/// An opportunity, and what has become of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Deal {
    pub(super) opportunity: Opportunity,
    pub(super) fate: Fate,
}

/// What has become of an opportunity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Open,
    /// Why, by its kind and in words.
    Lost(CloseReason, &'static str),
    /// Why, and until when.
    Suspended(&'static str, Date),
}

/// What is sold together: the offering that gives the deal its name, its name, what may come with it, and the usual numbers of each.
struct Package {
    offering_code: &'static str,
    name: &'static str,
    quantities: (u64, u64),
    with: Option<(&'static str, (u64, u64))>,
    /// Section of the industries that want it; empty for all.
    section: &'static str,
}

const fn package(offering_code: &'static str, name: &'static str, quantities: (u64, u64)) -> Package {
    Package { offering_code, name, quantities, with: None, section: "" }
}

const PACKAGES: [Package; 12] = [
    Package { with: Some(("DATA_LINE", (1, 4))), ..package("INTERNET_LINE", "互联网专线", (1, 8)) },
    package("DATA_LINE", "分支组网专线", (2, 12)),
    Package { with: Some(("RING_BACK_TONE", (30, 300))), ..package("VNET", "集团V网", (30, 300)) },
    Package { with: Some(("VNET", (20, 200))), ..package("SWITCHBOARD", "移动总机", (10, 80)) },
    package("VIDEO_CONFERENCE", "云视讯会议", (5, 25)),
    package("ENTERPRISE_MAIL", "企业邮箱", (20, 50)),
    package("MOBILE_OFFICE", "移动办公", (20, 400)),
    package("HOTLINE_400", "400 热线", (1, 2)),
    Package { with: Some(("IOT_CARD", (50, 400))), ..package("FLEET", "车务通", (10, 120)) },
    Package { with: Some(("INTERNET_LINE", (1, 2))), ..package("VIDEO_SURVEILLANCE", "视频监控", (8, 60)) },
    Package { section: "P", ..package("SCHOOL_LINK", "校讯通", (200, 2_000)) },
    Package { section: "C", ..package("IOT_CARD", "产线物联网", (200, 3_000)) },
];

const KINDS: [(OpportunityKind, &str); 5] = [
    (OpportunityKind::New, "新建"),
    (OpportunityKind::Expand, "扩容"),
    (OpportunityKind::Renew, "续约"),
    (OpportunityKind::WinBack, "回流"),
    (OpportunityKind::Attack, "竞争替换"),
];

const COMPETITORS: [(&str, &str); 3] = [
    ("本地宽带公司（示例）", "低价专线，承诺一周开通"),
    ("系统集成商（示例）", "整体打包，三年分期"),
    ("云服务商（示例）", "软件免费，按用量收费"),
];

const FACTORS: [(KeySuccessFactorKind, &str); 5] = [
    (KeySuccessFactorKind::EntryPoint, "信息中心负责人希望年内完成网络改造"),
    (KeySuccessFactorKind::EntryPoint, "现有合同即将到期"),
    (KeySuccessFactorKind::SuccessFactor, "双路由保障方案通过技术评审"),
    (KeySuccessFactorKind::SuccessFactor, "首年预算获批"),
    (KeySuccessFactorKind::SuccessFactor, "样板项目参观后获得决策人认可"),
];

pub(super) const LOSSES: [(CloseReason, &str); 5] = [
    (CloseReason::Price, "报价高于对方一成以上"),
    (CloseReason::Competitor, "客户总部已与其他运营商签订框架协议"),
    (CloseReason::Budget, "年度预算被削减"),
    (CloseReason::NoDecision, "客户决策人变动，项目搁置"),
    (CloseReason::Service, "客户对上次开通时限不满"),
];

const RESTS: [&str; 2] = ["等待客户下一年度预算", "客户办公楼搬迁，迁后再议"];

const INTENTS: [CustomerIntent; 5] = [
    CustomerIntent::Unaware,
    CustomerIntent::Aware,
    CustomerIntent::Interested,
    CustomerIntent::Planning,
    CustomerIntent::Purchasing,
];

/// Makes the deals of an account, the `number`th of the demo: none to three. Days are counted from `today`.
pub(super) fn of_account(seed: u64, number: u64, account: &Account, owner_id: &str, today: Date) -> Vec<Deal> {
    // An account's own numbers: what another one has does not change them.
    let mut random = Random::new(seed ^ 0x0064_6561_6C73 ^ (number << 20));
    let wanted = |package: &&Package| package.section.is_empty() || account.industry_code.starts_with(package.section);
    let mut packages: Vec<&Package> = PACKAGES.iter().filter(wanted).collect();
    random.shuffle(&mut packages);
    let count = if account.tier() == Tier::A { random.between(2, 3) } else { random.between(0, 3) };
    let packages = packages.into_iter().zip(0..count);
    let deal = |(package, _)| Deal {
        opportunity: opportunity(&mut random, package, account, owner_id, today),
        fate: fate(&mut random, today),
    };
    packages.map(deal).collect()
}

fn fate(random: &mut Random, today: Date) -> Fate {
    match random.between(1, 100) {
        1..=18 => {
            let (close_reason, reason) = *random.pick(&LOSSES);
            Fate::Lost(close_reason, reason)
        }
        19..=24 => Fate::Suspended(random.pick::<&str>(&RESTS), today.saturating_add(Duration::days(120))),
        _ => Fate::Open,
    }
}

/// A deal that an account might want: what it is called, and its lines.
pub(super) fn wanted(random: &mut Random, account: &Account) -> (String, Vec<OpportunityLine>) {
    let fits = |package: &&Package| package.section.is_empty() || account.industry_code.starts_with(package.section);
    let packages: Vec<&Package> = PACKAGES.iter().filter(fits).collect();
    let package = *random.pick(&packages);
    let (_, word) = *random.pick(&KINDS);
    (format!("{}{}{word}", name(account), package.name), lines(random, package))
}

fn name(account: &Account) -> &str {
    if account.short_name.is_empty() { &account.legal_name } else { &account.short_name }
}

fn lines(random: &mut Random, package: &Package) -> Vec<OpportunityLine> {
    let term_months = *random.pick(&[12, 24, 36]);
    let mut line = |offering_code: &str, (low, high): (u64, u64)| OpportunityLine {
        offering_code: offering_code.to_owned(),
        quantity: i64::try_from(random.between(low, high)).unwrap_or(1),
        term_months,
        ..Default::default()
    };
    let mut lines = vec![line(package.offering_code, package.quantities)];
    lines.extend(package.with.map(|(code, quantities)| line(code, quantities)));
    lines
}

fn opportunity(random: &mut Random, package: &Package, account: &Account, owner_id: &str, today: Date) -> Opportunity {
    let (kind, word) = *random.pick(&KINDS);
    let lines = lines(random, package);
    // Some are late.
    let days = i64::try_from(random.between(0, 330)).unwrap_or_default() - 45;
    Opportunity {
        title: format!("{}{}{word}", name(account), package.name),
        account_id: account.id.clone(),
        kind: kind.into(),
        owner_id: owner_id.to_owned(),
        expected_close_date: today.saturating_add(Duration::days(days)).to_string(),
        intent: i32::from(*random.pick(&INTENTS)),
        lines,
        competitors: competitors(random, kind),
        key_success_factors: factors(random),
        flagship: account.tier() == Tier::A && random.chance(15),
        tags: vec![TAG.to_owned()],
        ..Default::default()
    }
}

fn competitors(random: &mut Random, kind: OpportunityKind) -> Vec<OpportunityCompetitor> {
    let known = matches!(kind, OpportunityKind::Attack | OpportunityKind::WinBack) || random.chance(30);
    let (name, offer) = *random.pick(&COMPETITORS);
    let competitor = OpportunityCompetitor { name: name.to_owned(), offer: offer.to_owned(), price: None };
    if known { vec![competitor] } else { Vec::new() }
}

fn factors(random: &mut Random) -> Vec<KeySuccessFactor> {
    let mut factors = FACTORS;
    random.shuffle(&mut factors);
    let count = random.between(0, 3);
    let met = |random: &mut Random| random.chance(40);
    let factors = factors.into_iter().zip(0..count);
    factors
        .map(|((kind, text), _)| KeySuccessFactor { text: text.to_owned(), kind: kind.into(), met: met(random) })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use time::macros::date;

    use super::*;
    use crate::demo::{accounts, offerings};

    const TODAY: Date = date!(2026 - 03 - 01);

    fn all(seed: u64) -> Vec<Deal> {
        let accounts = accounts::plans(seed).into_iter().filter_map(|plan| plan.row.account);
        accounts.zip(0..).flat_map(|(account, number)| of_account(seed, number, &account, "owner", TODAY)).collect()
    }

    #[test]
    fn some_three_hundred_deals_differ_and_follow_from_the_seed() {
        let deals = all(1);
        assert_eq!(deals, all(1));
        assert!((250..350).contains(&deals.len()), "{}", deals.len());
        let open = deals.iter().filter(|deal| deal.fate == Fate::Open).count();
        assert!(open * 2 > deals.len() && open < deals.len(), "{open}");
        let opportunities: Vec<_> = deals.into_iter().map(|deal| deal.opportunity).collect();
        let titles: BTreeSet<_> = opportunities.iter().map(|opportunity| &opportunity.title).collect();
        assert_eq!(titles.len(), opportunities.len());
        let months: BTreeSet<_> = opportunities.iter().map(|each| &each.expected_close_date[..7]).collect();
        assert!(months.len() > 9, "{months:?}");
        let kinds: BTreeSet<_> = opportunities.iter().map(|opportunity| opportunity.kind).collect();
        assert_eq!(kinds.len(), KINDS.len());
    }

    #[test]
    fn what_they_are_about_is_sold_at_a_list_price() {
        let priced: BTreeSet<_> = offerings::prices().into_iter().map(|price| price.offering_code).collect();
        for line in all(1).into_iter().flat_map(|deal| deal.opportunity.lines) {
            assert!(priced.contains(&line.offering_code), "{line:?}");
            assert!(line.quantity > 0);
        }
    }
}
