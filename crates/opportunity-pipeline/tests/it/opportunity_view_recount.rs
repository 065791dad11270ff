//! The figures of some hundred opportunities with a past, beside a recount of what was made: exact, for whoever sees what.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use guanxi_auth::Role;
use guanxi_proto::opportunity_pipeline::v1::*;
use guanxi_test_support::contract::{INSIDE, OUTSIDE};
use guanxi_test_support::rows;
use rust_decimal::Decimal;
use time::macros::date;
use time::{Date, Duration};

use crate::support::{E1000, E1001, E2000, Service, with};

const DEALS: u64 = 400;

/// The shipped stages: code, kind, chance, category.
const STAGES: [(&str, StageKind, i64, &str); 10] = [
    ("NEED_HYPOTHESIS", StageKind::Open, 10, "PIPELINE"),
    ("NEED_VERIFIED", StageKind::Open, 20, "PIPELINE"),
    ("NEED_EVALUATED", StageKind::Open, 35, "PIPELINE"),
    ("SOLUTION", StageKind::Open, 50, "BEST_CASE"),
    ("QUOTED", StageKind::Open, 65, "BEST_CASE"),
    ("APPROVED", StageKind::Open, 80, "COMMIT"),
    ("CONTRACTED", StageKind::Won, 100, ""),
    ("DELIVERING", StageKind::Won, 100, ""),
    ("ACCEPTED", StageKind::Won, 100, ""),
    ("LOST", StageKind::Lost, 0, ""),
];
const LOST: usize = 9;

/// Pseudo-random numbers that are the same in every run (xorshift64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    /// True so many times out of a hundred.
    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    fn days(&mut self, bound: u64) -> Duration {
        Duration::days(i64::try_from(self.below(bound)).unwrap())
    }
}

struct Period {
    stage: usize,
    enter: Option<Date>,
    leave: Option<Date>,
}

struct Deal {
    id: String,
    path: &'static str,
    territory: &'static str,
    owner: (&'static str, &'static str),
    seen_by: Vec<&'static str>,
    periods: Vec<Period>,
    state: &'static str,
    deleted: bool,
    /// In ten-thousandths.
    amount: Option<i128>,
    list_amount: Option<i128>,
    currency: &'static str,
    probability: Option<i64>,
    category: Option<&'static str>,
    expected: Option<Date>,
    close: Option<Date>,
}

impl Deal {
    fn roll(number: u64, dice: &mut Dice) -> Self {
        let (path, territory) = dice.one(&[
            ("CN/440000/440300/440305/", INSIDE.county),
            ("CN/440000/440300/440305/", INSIDE.county),
            ("CN/440000/440300/", INSIDE.city),
            ("CN/440000/", "440000"),
            ("CN/330000/330100/330106/", OUTSIDE.county),
        ]);
        let owner = dice.one(&[(E1000, "E1000"), (E1001, "E1001"), (E2000, "E2000")]);
        let mut seen_by = vec![owner.1];
        if owner.1 != "E1001" && dice.percent(25) {
            seen_by.push("E1001");
        }
        let periods = walk(dice);
        let state = match STAGES[periods.last().unwrap().stage].1 {
            StageKind::Won => "WON",
            StageKind::Lost => "LOST",
            _ if dice.percent(15) => "SUSPENDED",
            _ => "OPEN",
        };
        let mut value = |percent| dice.percent(percent).then(|| i128::from(dice.below(9_000_000_000)));
        let (amount, list_amount) = (value(60), value(50));
        let day = |dice: &mut Dice| dice.percent(85).then(|| date!(2025 - 11 - 01) + dice.days(500));
        Self {
            id: format!("01990000-0000-7000-9000-{number:012}"),
            path,
            territory,
            owner,
            seen_by,
            periods,
            state,
            deleted: dice.percent(7),
            amount,
            list_amount,
            currency: dice.one(&["CNY", "CNY", "USD", "JPY"]),
            probability: dice.percent(25).then(|| i64::try_from(dice.below(101)).unwrap()),
            category: dice.percent(20).then(|| dice.one(&["COMMIT", "BEST_CASE", "PIPELINE", "OMITTED"])),
            expected: day(dice),
            close: day(dice).filter(|_| ["WON", "LOST"].contains(&state)),
        }
    }

    fn stage(&self) -> usize {
        self.periods.last().unwrap().stage
    }

    fn value(&self) -> Option<i128> {
        self.amount.or(self.list_amount)
    }

    fn chance(&self) -> i128 {
        let (_, kind, of_stage, _) = STAGES[self.stage()];
        i128::from(self.probability.filter(|_| kind == StageKind::Open).unwrap_or(of_stage))
    }

    fn statements(&self) -> String {
        let quoted = |text: Option<String>| text.map_or_else(|| "null".to_owned(), |text| format!("'{text}'"));
        let day = |day: Option<Date>| quoted(day.map(|day| day.to_string()));
        let number = |units: Option<i128>| units.map_or_else(|| "null".to_owned(), |units| decimal(units, 4));
        let last = self.periods.last().unwrap();
        let mut sql = format!(
            "insert into opportunity_pipeline.opportunity (id, title, kind, pipeline_code, stage_code, stage_enter_date, state, owner_id, \
             owner_employee_number, territory_code, territory_path, seen_by, amount, list_amount, currency_code, probability_percent, \
             forecast_category, expected_close_date, close_date, lines, offering_codes, competitors, team, key_success_factors, flagship, \
             description, tags, reason, version, create_time, update_time, delete_time) values ('{}', '商机', 'NEW', 'STANDARD', '{}', {}, \
             '{}', '{}', '{}', '{}', '{}', '{{{}}}', {}, {}, {}, {}, {}, {}, {}, '[]', '{{}}', '[]', '[]', '[]', false, '', '{{}}', '', 1, \
             now(), now(), {});",
            self.id,
            STAGES[last.stage].0,
            day(last.enter),
            self.state,
            self.owner.0,
            self.owner.1,
            self.territory,
            self.path,
            self.seen_by.join(","),
            number(self.amount),
            number(self.list_amount),
            quoted(self.value().map(|_| self.currency.to_owned())),
            self.probability.map_or_else(|| "null".to_owned(), |percent| percent.to_string()),
            quoted(self.category.map(str::to_owned)),
            day(self.expected),
            day(self.close),
            if self.deleted { "now()" } else { "null" },
        );
        for (index, period) in self.periods.iter().enumerate() {
            let left = if index + 1 < self.periods.len() { "now()" } else { "null" };
            let _ = write!(
                sql,
                "insert into opportunity_pipeline.stage_period (opportunity_id, number, stage_code, enter_date, leave_date, enter_time, \
                 leave_time, reason, actor, imported) values ('{}', {}, '{}', {}, {}, now(), {left}, '', 'E1000', true);",
                self.id,
                index + 1,
                STAGES[period.stage].0,
                day(period.enter),
                day(period.leave),
            );
        }
        sql
    }
}

/// From stage to stage: mostly on, at times back, into what is lost, or out of it again.
fn walk(dice: &mut Dice) -> Vec<Period> {
    let mut day = date!(2025 - 01 - 01) + dice.days(300);
    let mut periods = vec![Period { stage: 0, enter: Some(day).filter(|_| dice.percent(92)), leave: None }];
    while dice.percent(78) {
        let last = periods.last_mut().unwrap();
        let stage = match last.stage {
            LOST => usize::try_from(dice.below(5)).unwrap(),
            stage if dice.percent(12) => stage.saturating_sub(1),
            _ if dice.percent(12) => LOST,
            stage => (stage + dice.one(&[1, 1, 2])).min(LOST - 1),
        };
        day += dice.days(70);
        let known = Some(day).filter(|_| dice.percent(92));
        last.leave = known;
        periods.push(Period { stage, enter: known, leave: None });
    }
    periods
}

fn decimal(units: i128, scale: u32) -> String {
    Decimal::from_i128_with_scale(units, scale).normalize().to_string()
}

/// Ten-thousandths times percent, half up to the minor unit.
fn weighted(sum: i128, currency: &str) -> String {
    if currency == "JPY" { decimal((sum + 500_000) / 1_000_000, 0) } else { decimal((sum + 5_000) / 10_000, 2) }
}

fn board(deals: &[&Deal]) -> Vec<String> {
    let stages = STAGES.iter().enumerate().map(|(index, (code, ..))| {
        let inside = deals.iter().copied().filter(|deal| deal.stage() == index);
        let (resting, counted): (Vec<&Deal>, Vec<&Deal>) = inside.partition(|deal| deal.state == "SUSPENDED");
        let mut sums = BTreeMap::<&str, (i64, i128, i128)>::new();
        for (deal, value) in counted.iter().filter_map(|deal| Some((deal, deal.value()?))) {
            let sum = sums.entry(deal.currency).or_default();
            *sum = (sum.0 + 1, sum.1 + value, sum.2 + value * deal.chance());
        }
        let without = counted.iter().filter(|deal| deal.value().is_none()).count();
        let sums: Vec<String> = sums
            .into_iter()
            .map(|(code, (count, value, sum))| format!("{count} {code} {} {}", decimal(value, 4), weighted(sum, code)))
            .collect();
        format!("{code} {} {} {without} {sums:?}", counted.len(), resting.len())
    });
    stages.collect()
}

fn shown_board(board: GetBoardResponse) -> Vec<String> {
    let stages = board.stages.into_iter().map(|stage| {
        let sums = stage.sums.into_iter().map(|sum| {
            let (value, weighted) = (sum.value.unwrap(), sum.weighted_value.unwrap());
            format!("{} {} {} {}", sum.opportunity_count, value.currency_code, value.amount, weighted.amount)
        });
        let (count, resting, without) = (stage.opportunity_count, stage.suspended_count, stage.without_value_count);
        format!("{} {count} {resting} {without} {:?}", stage.stage_code, sums.collect::<Vec<_>>())
    });
    stages.collect()
}

fn funnel(deals: &[&Deal], from: Option<Date>, to: Option<Date>) -> Vec<String> {
    let inside = |period: &Period| match period.enter {
        Some(day) => from.is_none_or(|from| day >= from) && to.is_none_or(|to| day <= to),
        None => from.is_none() && to.is_none(),
    };
    let stages = STAGES.iter().enumerate().map(|(index, (code, ..))| {
        let (mut advanced, mut lost, mut returned, mut remaining) = (0, 0, 0, 0);
        let mut days = Vec::new();
        for deal in deals {
            let entries = deal.periods.iter().enumerate().filter(|(_, period)| period.stage == index && inside(period));
            let entries: Vec<(usize, &Period)> = entries.collect();
            days.extend(entries.iter().filter_map(|(_, period)| Some((period.leave? - period.enter?).whole_days())));
            let Some((latest, _)) = entries.last() else { continue };
            match deal.periods.get(latest + 1).map(|next| next.stage) {
                None => remaining += 1,
                Some(next) if next <= index => returned += 1,
                Some(LOST) => lost += 1,
                Some(_) => advanced += 1,
            }
        }
        let entered = advanced + lost + returned + remaining;
        days.sort_unstable();
        let (count, sum) = (i64::try_from(days.len()).unwrap(), days.iter().sum::<i64>());
        let percent = (entered > 0).then(|| decimal((advanced * 20_000 + entered) / (2 * entered), 2));
        let mean = (count > 0).then(|| decimal(i128::from((sum * 200 + count) / (2 * count)), 2));
        let median = (count > 0).then(|| decimal(i128::from(days[(days.len() - 1) / 2] + days[days.len() / 2]) * 5, 1));
        format!("{code} {entered} {advanced} {lost} {returned} {remaining} {percent:?} {count} {mean:?} {median:?}")
    });
    stages.collect()
}

fn shown_funnel(funnel: GetFunnelResponse) -> Vec<String> {
    let stages = funnel.stages.into_iter().map(|stage| {
        format!(
            "{} {} {} {} {} {} {:?} {} {:?} {:?}",
            stage.stage_code,
            stage.entered_count,
            stage.advanced_count,
            stage.lost_count,
            stage.returned_count,
            stage.remaining_count,
            stage.conversion_percent,
            stage.finished_count,
            stage.mean_days,
            stage.median_days
        )
    });
    stages.collect()
}

fn stalled(deals: &[&Deal], as_of: Date, days: i64) -> Vec<String> {
    let mut found = Vec::new();
    for deal in deals {
        for (index, period) in deal.periods.iter().enumerate() {
            let last = index + 1 == deal.periods.len();
            let there = if last { true } else { period.leave.is_some_and(|leave| leave > as_of) };
            let Some(enter) = period.enter.filter(|_| there && STAGES[period.stage].1 == StageKind::Open) else {
                continue;
            };
            if enter + Duration::days(days) < as_of {
                let line = format!("{} {} {}", deal.id, STAGES[period.stage].0, (as_of - enter).whole_days());
                found.push((enter, deal.id.clone(), line));
            }
        }
    }
    found.sort();
    found.into_iter().map(|(_, _, line)| line).collect()
}

/// By month, part of 440300 and currency: won, commit, best case, pipeline, weighted.
fn forecast(deals: &[&Deal]) -> Vec<String> {
    let mut rows = BTreeMap::<(bool, String, &str, bool, &str), (i64, [i128; 4], i128)>::new();
    for deal in deals.iter().filter(|deal| ["OPEN", "WON"].contains(&deal.state)) {
        let won = deal.state == "WON";
        let day = if won { deal.close } else { deal.expected };
        let category = if won { "WON" } else { deal.category.unwrap_or(STAGES[deal.stage()].3) };
        let Some(column) = ["WON", "COMMIT", "BEST_CASE", "PIPELINE"].iter().position(|known| *known == category)
        else {
            continue;
        };
        if day.is_some_and(|day| day < date!(2026 - 01 - 01) || day > date!(2026 - 12 - 31)) {
            continue;
        }
        let month = day.map(|day| day.to_string()[..7].to_owned()).unwrap_or_default();
        let currency = deal.value().map_or("", |_| deal.currency);
        let row = rows.entry((day.is_none(), month, deal.territory, currency.is_empty(), currency)).or_default();
        row.0 += 1;
        row.1[column] += deal.value().unwrap_or_default();
        row.2 += deal.value().unwrap_or_default() * deal.chance();
    }
    let rows = rows.into_iter().map(|((_, month, part, none, code), (count, sums, sum))| {
        let money = |text: String| if none { String::new() } else { format!("{text} {code}") };
        let sums = sums.map(|sum| money(decimal(sum, 4)));
        format!("{month} {part} {count} {sums:?} {}", money(weighted(sum, code)))
    });
    rows.collect()
}

fn shown_forecast(forecast: GetForecastResponse) -> Vec<String> {
    let money = |money: Option<guanxi_proto::r#type::v1::Money>| {
        money.map(|money| format!("{} {}", money.amount, money.currency_code)).unwrap_or_default()
    };
    let rows = forecast.rows.into_iter().map(|row| {
        let sums = [row.won, row.commit, row.best_case, row.pipeline].map(money);
        format!("{} {} {} {sums:?} {}", row.month, row.territory_code, row.opportunity_count, money(row.weighted_value))
    });
    rows.collect()
}

async fn shown_stalled(service: &Service, token: &str, as_of: Date, min_days: i32) -> Vec<String> {
    let mut found = Vec::new();
    let mut request = ListStalledOpportunitiesRequest {
        as_of_date: as_of.to_string(),
        min_days,
        page_size: 7,
        with_total: true,
        ..Default::default()
    };
    loop {
        let page = service.views().list_stalled_opportunities(with(request.clone(), token)).await.unwrap().into_inner();
        found.extend(
            page.stalled_opportunities
                .into_iter()
                .map(|stalled| format!("{} {} {}", stalled.opportunity.unwrap().id, stalled.stage_code, stalled.days)),
        );
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            assert_eq!(page.total, i64::try_from(found.len()).unwrap());
            return found;
        }
    }
}

/// Whether a caller sees an opportunity that is not deleted.
type Sees = fn(&Deal) -> bool;

fn in_city(deal: &Deal) -> bool {
    deal.path.starts_with("CN/440000/440300/")
}

#[tokio::test]
async fn figures_are_what_a_recount_says_for_whoever_sees_what() {
    let service = Service::start().await;
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let deals: Vec<Deal> = (0..DEALS).map(|number| Deal::roll(number, &mut dice)).collect();
    let mut owner = service.database.admin().await;
    rows(&mut owner, deals.iter().map(Deal::statements).collect::<String>()).await;

    let callers: [(String, Sees); 3] = [
        (service.admin.clone(), |_| true),
        (service.token(Role::Supervisor, INSIDE.city), in_city),
        (service.manager("E1001"), |deal| in_city(deal) && deal.seen_by.contains(&"E1001")),
    ];
    for (token, sees) in callers {
        let seen: Vec<&Deal> = deals.iter().filter(|deal| !deal.deleted && sees(deal)).collect();
        assert!(seen.len() > 50);
        let shown = service.views().get_board(with(GetBoardRequest::default(), &token)).await.unwrap();
        assert_eq!(shown_board(shown.into_inner()), board(&seen));
        let own = GetBoardRequest { owner_id: E1000.to_owned(), ..Default::default() };
        let of_owner: Vec<&Deal> = seen.iter().copied().filter(|deal| deal.owner.0 == E1000).collect();
        let shown = service.views().get_board(with(own, &token)).await.unwrap();
        assert_eq!(shown_board(shown.into_inner()), board(&of_owner));

        for (from, to) in [
            (None, None),
            (Some(date!(2025 - 06 - 15)), Some(date!(2025 - 10 - 31))),
            (None, Some(date!(2025 - 08 - 01))),
        ] {
            let day = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
            let request = GetFunnelRequest { from_date: day(from), to_date: day(to), ..Default::default() };
            let shown = service.views().get_funnel(with(request, &token)).await.unwrap();
            assert_eq!(shown_funnel(shown.into_inner()), funnel(&seen, from, to));
        }
        for (as_of, days) in [(date!(2025 - 09 - 30), 30), (date!(2026 - 01 - 31), 100), (date!(2025 - 02 - 01), 1)] {
            assert_eq!(shown_stalled(&service, &token, as_of, days).await, stalled(&seen, as_of, days.into()));
        }
        let request = GetForecastRequest {
            territory_code: INSIDE.city.to_owned(),
            from_month: "2026-01".to_owned(),
            ..Default::default()
        };
        let below: Vec<&Deal> = seen.iter().copied().filter(|deal| in_city(deal)).collect();
        let shown = service.views().get_forecast(with(request, &token)).await.unwrap();
        assert_eq!(shown_forecast(shown.into_inner()), forecast(&below));
    }
}
