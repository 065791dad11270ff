//! The deals of the demo that are over: two years of them, made up from a seed.

use guanxi_proto::client_registry::v1::Account;
use guanxi_proto::opportunity_pipeline::v1::{
    CloseReason, ExternalId, ImportOpportunityRow, ImportedStage, Opportunity, OpportunityLine,
};
use guanxi_proto::product_catalog::v1::{ChargeKind, PriceModel};
use guanxi_proto::r#type::v1::Money;
use time::{Date, Duration, Month};

use super::accounts::SYSTEM;
use super::offerings;
use super::opportunities::{self, LOSSES};
use super::random::Random;

/// The label by which they are told from those that go on.
const TAG: &str = "演示历史";
/// How far back the demo goes.
pub(super) const MONTHS: i32 = 24;
/// Of so many hundred deals that are closed so many are won.
const WON_PERCENT: u64 = 62;
/// The open stages of the standard pipeline.
const STAGES: [&str; 5] = ["NEED_HYPOTHESIS", "NEED_VERIFIED", "NEED_EVALUATED", "SOLUTION", "QUOTED"];

/// Makes the closed deals of an account, the `number`th of the demo, of the two years before the month of `today`. The first row has
/// the number `first`.
pub(super) fn of_account(
    seed: u64,
    (number, first): (u64, i64),
    account: &Account,
    employee_number: &str,
    today: Date,
) -> Vec<ImportOpportunityRow> {
    // An account's own numbers: what another one has does not change them.
    let mut random = Random::new(seed ^ 0x7061_7374 ^ (number << 20));
    let mut rows = Vec::new();
    for back in (1..=MONTHS).rev() {
        let Some(month) = months_before(today, back) else { continue };
        // Business grows, and little is decided around the Spring Festival.
        let growth = u64::try_from(MONTHS - back).unwrap_or_default() / 2;
        let usual = if month.month() == Month::February { 8 } else { 20 };
        let opened = month.saturating_add(Duration::days(i64::try_from(random.between(0, 27)).unwrap_or_default()));
        let days = i64::try_from(random.between(12, 75)).unwrap_or_default();
        let closed = opened.saturating_add(Duration::days(days));
        if random.chance(usual + growth) && closed < today {
            let row = first + i64::try_from(rows.len()).unwrap_or_default();
            rows.push(deal(&mut random, (seed, row), account, employee_number, (opened, closed)));
        }
    }
    rows
}

/// The first day of the month so many months before that of a day.
pub(super) fn months_before(day: Date, months: i32) -> Option<Date> {
    let count = day.year() * 12 + i32::from(u8::from(day.month())) - 1 - months;
    let month = Month::try_from(u8::try_from(count.rem_euclid(12) + 1).ok()?).ok()?;
    Date::from_calendar_date(count.div_euclid(12), month, 1).ok()
}

fn deal(
    random: &mut Random,
    (seed, row_number): (u64, i64),
    account: &Account,
    employee_number: &str,
    (opened, closed): (Date, Date),
) -> ImportOpportunityRow {
    let won = random.chance(WON_PERCENT);
    let (title, lines) = opportunities::wanted(random, account);
    let amount = list_amount(&lines) * random.between(82, 100) / 100;
    let (close_reason, reason) = if won { (CloseReason::Product, "方案通过评审") } else { *random.pick(&LOSSES) };
    let opportunity = Opportunity {
        title: format!("{title}（{}年{}月）", opened.year(), u8::from(opened.month())),
        account_id: account.id.clone(),
        amount: Some(Money { currency_code: "CNY".to_owned(), amount: amount.to_string() }),
        lines,
        tags: vec![TAG.to_owned()],
        ..Default::default()
    };
    ImportOpportunityRow {
        row_number,
        external_id: Some(ExternalId { system: SYSTEM.to_owned(), value: format!("{seed}-past-{row_number:05}") }),
        opportunity: Some(Box::new(opportunity)),
        owner_employee_number: employee_number.to_owned(),
        stages: course(random, won, (opened, closed)),
        open_date: opened.to_string(),
        close_reason: close_reason.into(),
        reason: reason.to_owned(),
        ..Default::default()
    }
}

/// The stages that a deal went through, evenly from its opening to its close: all of them where it was won, the first ones where it was lost.
fn course(random: &mut Random, won: bool, (opened, closed): (Date, Date)) -> Vec<ImportedStage> {
    let reached = if won { STAGES.len() } else { usize::try_from(random.between(1, 5)).unwrap_or(1) };
    let step = (closed - opened).whole_days() / i64::try_from(reached + 1).unwrap_or(1);
    let stage = |(stage_code, number): (&&str, i64)| ImportedStage {
        stage_code: (*stage_code).to_owned(),
        enter_date: opened.saturating_add(Duration::days(step * number)).to_string(),
    };
    let mut stages: Vec<ImportedStage> = STAGES[..reached].iter().zip(0..).map(stage).collect();
    let last = if won { "CONTRACTED" } else { "LOST" };
    stages.push(ImportedStage { stage_code: last.to_owned(), enter_date: closed.to_string() });
    stages
}

/// What lines cost at list price, in whole yuan: one unit's price times the quantity, every month of the term.
fn list_amount(lines: &[OpportunityLine]) -> u64 {
    let of = |line: &OpportunityLine| -> f64 {
        let prices = offerings::prices().into_iter().filter(|price| price.offering_code == line.offering_code);
        let charged = prices.filter(|price| price.charge_kind() != ChargeKind::Usage).map(|price| {
            let tier = price.tiers.first().map(|tier| tier.amount.as_str()).unwrap_or_default();
            let amount = if price.amount.is_empty() { tier } else { price.amount.as_str() };
            let flat = matches!(price.model(), PriceModel::Flat | PriceModel::Stairstep);
            let quantity = if flat { 1 } else { i32::try_from(line.quantity).unwrap_or(1) };
            let times = if price.charge_kind() == ChargeKind::Monthly { line.term_months } else { 1 };
            amount.parse::<f64>().unwrap_or_default() * f64::from(quantity) * f64::from(times)
        });
        charged.sum()
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "amounts of the demo are small and positive"
    )]
    let whole = lines.iter().map(of).sum::<f64>().round() as u64;
    whole.max(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use time::macros::date;

    use super::*;
    use crate::demo::accounts;

    const TODAY: Date = date!(2026 - 03 - 15);

    fn all(seed: u64) -> Vec<ImportOpportunityRow> {
        let accounts = accounts::plans(seed).into_iter().filter_map(|plan| plan.row.account);
        let mut rows = Vec::new();
        for (account, number) in accounts.zip(0..) {
            let first = i64::try_from(rows.len()).unwrap() + 1;
            rows.extend(of_account(seed, (number, first), &account, "D4403-1", TODAY));
        }
        rows
    }

    #[test]
    fn two_years_of_deals_follow_from_the_seed_and_are_over() {
        let rows = all(1);
        assert_eq!(rows, all(1));
        assert!((900..1_500).contains(&rows.len()), "{}", rows.len());
        let ids: BTreeSet<_> = rows.iter().map(|row| row.external_id.clone().unwrap().value).collect();
        assert_eq!(ids.len(), rows.len());
        let last = |row: &ImportOpportunityRow| row.stages.last().unwrap().clone();
        let months: BTreeSet<_> = rows.iter().map(|row| last(row).enter_date[..7].to_owned()).collect();
        assert!(months.len() >= 23, "{months:?}");
        for row in &rows {
            let days: Vec<_> = row.stages.iter().map(|stage| stage.enter_date.clone()).collect();
            assert!(days.is_sorted() && *days.last().unwrap() < TODAY.to_string(), "{row:?}");
        }
        let won = rows.iter().filter(|row| last(row).stage_code == "CONTRACTED").count();
        assert!(won * 100 / rows.len() > 55 && won * 100 / rows.len() < 70, "{won}");
    }

    #[test]
    fn a_month_goes_back_over_years() {
        assert_eq!(months_before(TODAY, 3), Some(date!(2025 - 12 - 01)));
        assert_eq!(months_before(TODAY, 24), Some(date!(2024 - 03 - 01)));
    }
}
