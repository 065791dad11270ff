//! One opportunity, and what becomes of it.

use guanxi_proto::client_registry::v1::Tier;
use guanxi_proto::opportunity_pipeline::v1::{
    CloseReason, Opportunity, OpportunityLine, OpportunityState, Quote, StageKind,
};
use guanxi_proto::r#type::v1::Money;
use rust_decimal::Decimal;
use time::macros::format_description;
use time::{Date, Duration};

use super::Cast;
use super::feed::Kept;
use super::pipelines::Pipelines;
use super::random::Random;

/// An opportunity with what its service knows beside it.
pub(super) struct Deal {
    pub(super) kept: Kept<Opportunity>,
    pub(super) quotes: Vec<Kept<Quote>>,
    /// The open stages that it was in, the latest last.
    pub(super) past: Vec<String>,
    /// True once it went through a stage here: imports leave it alone from then on.
    pub(super) moved: bool,
    /// Its state beneath the deletion.
    pub(super) state: OpportunityState,
}

/// Tier and industry of an account.
pub(super) type Class = (Tier, String);

pub(super) fn in_currency(amount: Decimal, currency_code: &str) -> Money {
    Money { currency_code: currency_code.to_owned(), amount: amount.normalize().to_string() }
}

fn amount(money: Option<&Money>) -> Option<Decimal> {
    money.map(|money| money.amount.parse().unwrap())
}

/// Its list amount and its value, as they follow from the rest.
pub(super) fn settle(deal: &mut Opportunity) {
    let lists: Vec<&Money> = deal.lines.iter().filter_map(|line| line.list_amount.as_ref()).collect();
    deal.list_amount = lists.first().map(|first| {
        let sum: Decimal = lists.iter().filter_map(|list| amount(Some(list))).sum();
        in_currency(sum, &first.currency_code)
    });
    deal.value = deal.amount.clone().or_else(|| deal.list_amount.clone());
}

/// The currency that it is in, or a new one.
fn currency(deal: &Opportunity, random: &mut Random) -> String {
    let own = deal.value.as_ref().map(|value| value.currency_code.clone());
    own.unwrap_or_else(|| (*random.pick(&["CNY", "CNY", "CNY", "USD"])).to_owned())
}

/// Writes other lines, with list amounts as far as prices are known.
pub(super) fn set_lines(deal: &mut Opportunity, random: &mut Random, cast: &Cast) {
    let currency = currency(deal, random);
    let count = random.between(0, 3);
    let zero = random.chance(15);
    let mut lines: Vec<OpportunityLine> = Vec::new();
    for _ in 0..count {
        let offering_code = random.pick(&cast.offerings).clone();
        if lines.iter().any(|line| line.offering_code == offering_code) {
            continue;
        }
        let list = if zero { Decimal::ZERO } else { random.amount() };
        let list_amount = random.chance(80).then(|| in_currency(list, &currency));
        lines.push(OpportunityLine { offering_code, quantity: 1, list_amount, ..OpportunityLine::default() });
    }
    deal.lines = lines;
    settle(deal);
}

/// Says another amount, or none any more.
pub(super) fn set_amount(deal: &mut Opportunity, random: &mut Random) {
    // A deal without lines may change its currency with its amount.
    if deal.lines.is_empty() && random.chance(20) {
        deal.value = None;
    }
    let currency = currency(deal, random);
    deal.amount = random.chance(80).then(|| in_currency(random.amount(), &currency));
    settle(deal);
}

pub(super) fn set_account(deal: &mut Opportunity, random: &mut Random, cast: &Cast) {
    deal.account_id.clone_from(random.pick(&cast.accounts));
}

/// Changes one thing that people change.
pub(super) fn update(deal: &mut Opportunity, random: &mut Random, cast: &Cast) {
    match random.between(0, 9) {
        0..=2 => set_amount(deal, random),
        3..=4 => set_lines(deal, random, cast),
        5 => {
            set_lines(deal, random, cast);
            set_amount(deal, random);
        }
        6 => set_account(deal, random, cast),
        7 => deal.probability_percent = Some(i32::try_from(random.between(0, 100)).unwrap()),
        8 => deal.probability_percent = None,
        _ => deal.title = format!("商机{}", random.between(1, 999)),
    }
}

pub(super) fn date(text: &str) -> Option<Date> {
    (!text.is_empty()).then(|| Date::parse(text, format_description!("[year]-[month]-[day]")).unwrap())
}

/// A day between the opening and today on which it is closed: today mostly.
fn close_date(deal: &Opportunity, today: Date, random: &mut Random) -> Date {
    let past = if random.chance(70) { 0 } else { random.between(0, 40) };
    let first = date(&deal.open_date).unwrap_or(Date::MIN);
    (today - Duration::days(past)).max(first)
}

pub(super) fn close(deal: &mut Opportunity, won: bool, stage: &str, today: Date, random: &mut Random) {
    deal.close_date = close_date(deal, today, random).to_string();
    deal.state = if won { OpportunityState::Won } else { OpportunityState::Lost }.into();
    deal.close_reason = CloseReason::Price.into();
    stage.clone_into(&mut deal.stage_code);
    deal.stage_enter_date.clone_from(&deal.close_date);
    deal.suspend_until_date.clear();
    if won {
        // Winning may say another amount, and fixes the one that it counts for.
        if random.chance(40) {
            let currency = currency(deal, random);
            deal.amount = Some(in_currency(random.amount(), &currency));
        }
        deal.amount = deal.amount.clone().or_else(|| deal.value.clone());
    }
    settle(deal);
}

/// Whether everything is known that a win needs.
pub(super) fn complete(deal: &Opportunity) -> bool {
    !deal.account_id.is_empty() && deal.value.is_some()
}

/// What another system tells of its past: when it was opened if that is known, and where it led.
pub(super) fn tell_past(deal: &mut Opportunity, pipelines: &Pipelines, today: Date, random: &mut Random) {
    let known_close = date(&deal.close_date);
    let (opened, closed) =
        (today - Duration::days(random.between(0, 500)), today - Duration::days(random.between(0, 200)));
    let kind = match random.between(0, 9) {
        0..=3 => StageKind::Open,
        4..=7 if complete(deal) => StageKind::Won,
        _ => StageKind::Lost,
    };
    deal.stage_code.clone_from(random.pick(&pipelines.stages(&deal.pipeline_code, kind)));
    deal.open_date = if random.chance(75) { opened.to_string() } else { String::new() };
    let closed = closed.max(known_close.filter(|_| random.chance(30)).unwrap_or(closed));
    let closed = if deal.open_date.is_empty() { closed } else { closed.max(opened) };
    (deal.state, deal.close_date, deal.close_reason) = match kind {
        StageKind::Open => (OpportunityState::Open.into(), String::new(), CloseReason::Unspecified.into()),
        StageKind::Won => (OpportunityState::Won.into(), closed.to_string(), CloseReason::Unknown.into()),
        _ => (OpportunityState::Lost.into(), closed.to_string(), CloseReason::Unknown.into()),
    };
    deal.stage_enter_date.clone_from(&deal.close_date);
}
