//! The recount against figures that were reckoned by hand, and against itself.

mod story;

use rust_decimal::Decimal;
use time::Date;
use time::macros::date;

use self::story::world;
use super::*;

/// After everything that happens in the story.
const TODAY: Date = date!(2026 - 03 - 31);

fn ask(indicator: &'static str) -> Question {
    Question { indicator, by: None, territory: None, from: None, to: None }
}

fn told(question: &Question) -> Vec<String> {
    told_of(&world(), question)
}

/// Rows as text, for example `2026-01 CNY 150`; without key and currency only the value, `-` where there is none.
fn told_of(world: &World, question: &Question) -> Vec<String> {
    let figures = recount(world, question, TODAY);
    let row = |((key, currency), value): (&(String, String), &Option<Decimal>)| {
        let value = value.map_or("-".to_owned(), |value| value.normalize().to_string());
        [key.as_str(), currency, &value].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    };
    figures.iter().map(row).collect()
}

fn whole(indicator: &'static str) -> Vec<String> {
    told(&ask(indicator))
}

fn by(indicator: &'static str, by: By) -> Vec<String> {
    told(&Question { by: Some(by), ..ask(indicator) })
}

fn as_of(indicator: &'static str, by: Option<By>, day: Date) -> Vec<String> {
    told(&Question { by, to: Some(day), ..ask(indicator) })
}

fn within(indicator: &'static str, from: Option<Date>, to: Option<Date>) -> Vec<String> {
    told(&Question { from, to, ..ask(indicator) })
}

#[test]
fn accounts_are_counted_on_days_of_shanghai() {
    // A1 was created on 5 January at 16:30 UTC, which is the 6th. A2 came on 10 February and was deleted on 15 March.
    assert_eq!(as_of("accounts", None, date!(2026 - 01 - 05)), ["0"]);
    assert_eq!(as_of("accounts", None, date!(2026 - 01 - 06)), ["1"]);
    assert_eq!(by("accounts", By::Month), ["2026-01 1", "2026-02 2", "2026-03 1"]);
    assert_eq!(as_of("accounts", Some(By::Manager), date!(2026 - 02 - 15)), ["1", "M1 1"]);
    // A1 is of tier A since 1 March.
    assert_eq!(by("accounts", By::Tier), ["A 1"]);
    assert_eq!(as_of("accounts", Some(By::Tier), date!(2026 - 02 - 28)), ["2"]);
    // A1 lies in C1, which moved from P1 to P2 on 20 March: the tree of the end holds for every day.
    assert_eq!(as_of("accounts", Some(By::Territory), date!(2026 - 02 - 28)), ["P2 2"]);
}

#[test]
fn an_account_is_new_when_it_became_active() {
    // A1 on 1 February, when it had no tier yet; A2 is deleted.
    assert_eq!(by("new-accounts", By::Month), ["2026-02 1"]);
    assert_eq!(by("new-accounts", By::Tier), ["1"]);
    assert_eq!(by("new-accounts", By::Industry), ["J66 1"]);
}

#[test]
fn accounts_are_divided_by_managers_in_service() {
    // A1 has M1 since 20 January. M1 and M2 serve from 2 January, M2 until 10 March.
    assert_eq!(as_of("accounts-per-manager", None, date!(2026 - 01 - 01)), ["-"]);
    assert_eq!(as_of("accounts-per-manager", None, date!(2026 - 01 - 19)), ["0"]);
    assert_eq!(as_of("accounts-per-manager", None, date!(2026 - 03 - 05)), ["0.5"]);
    assert_eq!(whole("accounts-per-manager"), ["1"]);
    assert_eq!(as_of("accounts-per-manager", Some(By::Manager), date!(2026 - 03 - 05)), ["M1 1", "M2 0"]);
    // Managers have no tier, and accounts of tier A no managers of that tier.
    assert_eq!(as_of("accounts-per-manager", Some(By::Tier), date!(2026 - 03 - 05)), ["0", "A -"]);
}

#[test]
fn a_deal_is_opened_on_its_own_day_or_on_none() {
    // D1 10 January, D2 15 December, D3 unknown, D4 1 January, D6 3 February, D7 1 March. D5 lies nowhere, and D8 is deleted.
    assert_eq!(whole("opportunities-opened"), ["6"]);
    assert_eq!(by("opportunities-opened", By::Month), ["1", "2025-12 1", "2026-01 2", "2026-02 1", "2026-03 1"]);
    assert_eq!(by("opportunities-opened", By::Quarter), ["1", "2025-Q4 1", "2026-Q1 4"]);
    assert_eq!(by("opportunities-opened", By::Year), ["1", "2025 1", "2026 4"]);
    assert_eq!(within("opportunities-opened", Some(date!(2026 - 01 - 01)), Some(date!(2026 - 01 - 31))), ["2"]);
    assert_eq!(within("opportunities-opened", Some(date!(2025 - 01 - 01)), None), ["5"]);
    // D1 in C1 below P2 now, D2 in P2; D3 and D4 in P1; D6 and D7 in the root itself.
    assert_eq!(by("opportunities-opened", By::Territory), ["CN 2", "P1 2", "P2 2"]);
}

#[test]
fn territories_are_those_below_the_asked_one() {
    let below = |code: &str| {
        told(&Question { by: Some(By::Territory), territory: Some(code.to_owned()), ..ask("opportunities-opened") })
    };
    assert_eq!(below("P2"), ["C1 1", "P2 1"]);
    assert_eq!(below("C1"), ["C1 1"]);
    assert_eq!(below("C2"), [""; 0]);
    assert_eq!(below("NOWHERE"), [""; 0]);
    assert_eq!(told(&Question { territory: Some("P2".to_owned()), ..ask("opportunities-opened") }), ["2"]);
    assert_eq!(told(&Question { territory: Some("C2".to_owned()), ..ask("opportunities-opened") }), ["0"]);
}

#[test]
fn a_win_stays_with_whoever_won() {
    // D1 was won on 20 February by M1 for 80, and went to M2 on 1 March, who wrote 85.
    assert_eq!(by("won-value", By::Manager), ["M1 CNY 80"]);
    assert_eq!(by("won-value", By::Month), ["2026-02 CNY 80"]);
    assert_eq!(by("opportunities-won", By::Stage), ["STANDARD/WON 1"]);
    assert_eq!(whole("average-deal"), ["CNY 80"]);
    // Listed at 3: (3 − 80) / 3.
    assert_eq!(whole("discount-depth"), ["CNY -25.666667"]);
    // A third of 80, and the rest of it.
    assert_eq!(by("won-value", By::Offering), ["X CNY 26.6667", "Y CNY 53.3333"]);
    assert_eq!(by("opportunities-won", By::Offering), ["X 1", "Y 1"]);
}

#[test]
fn a_loss_is_gone_with_its_reopening_and_corrected_by_an_import() {
    // D6 was lost on 28 February and reopened. D4 was lost on 1 February, or as we know now on 2 March.
    assert_eq!(by("opportunities-lost", By::Month), ["2026-03 1"]);
    assert_eq!(whole("win-rate"), ["0.5"]);
    assert_eq!(by("win-rate", By::Month), ["2026-02 1", "2026-03 0"]);
    // D8 was won and deleted: as if it had never been.
    assert_eq!(whole("opportunities-won"), ["1"]);
    // From 10 January to 20 February 41 days; from 1 January to 2 March 60.
    assert_eq!(whole("cycle-days-won"), ["41"]);
    assert_eq!(whole("cycle-days-closed"), ["50.5"]);
}

#[test]
fn the_pipeline_is_as_it_was_on_a_day() {
    // D1 100 CNY until 20 February. D2 1000 USD since December. D3 500 CNY, nobody knows since when. D4 50 CNY until 2 March. D6 7 CNY from
    // 3 to 27 February and since 3 March, but not on 6 and 7 March. D7 40 CNY since 1 March. D8 3 CNY since 2 March, won on the 4th.
    let months = [
        "CNY 500",
        "2025-12 USD 1000",
        "2026-01 CNY 150",
        "2026-01 USD 1000",
        "2026-02 CNY 50",
        "2026-02 USD 1000",
        "2026-03 CNY 47",
        "2026-03 USD 1000",
    ];
    assert_eq!(by("pipeline-value", By::Month), months);
    assert_eq!(whole("pipeline-value"), ["CNY 547", "USD 1000"]);
    assert_eq!(within("pipeline-value", Some(date!(2026 - 03 - 01)), None), ["CNY 47", "USD 1000"]);
    assert_eq!(as_of("pipeline-value", None, date!(2026 - 03 - 06)), ["CNY 40", "USD 1000"]);
    assert_eq!(as_of("pipeline-value", None, date!(2026 - 03 - 03)), ["CNY 50", "USD 1000"]);
    assert_eq!(as_of("pipeline-count", None, date!(2026 - 03 - 03)), ["4"]);
    // The range ends within a month, and begins within one.
    let range = Question {
        by: Some(By::Month),
        from: Some(date!(2026 - 02 - 10)),
        to: Some(date!(2026 - 03 - 01)),
        ..ask("pipeline-count")
    };
    // On 28 February D2 and D4; on 1 March D7 too.
    assert_eq!(told(&range), ["2026-02 2", "2026-03 3"]);
    // Nobody told in which stage D4 was.
    let stages = ["CNY 50", "STANDARD/NEW CNY 100", "STANDARD/NEW USD 1000"];
    assert_eq!(as_of("pipeline-value", Some(By::Stage), date!(2026 - 02 - 01)), stages);
}

#[test]
fn weights_change_with_the_pipeline() {
    // NEW is worth 10, since 5 March 20 in a hundred; DEEP 50. D2 was told of after that, D4 has no weight, D6 has 90 by hand.
    // D1 10; D2 200.
    assert_eq!(as_of("weighted-pipeline", None, date!(2026 - 01 - 31)), ["CNY 10", "USD 200"]);
    // D1 has been DEEP since 5 February: 50; D6 6.3.
    assert_eq!(as_of("weighted-pipeline", None, date!(2026 - 02 - 10)), ["CNY 56.3", "USD 200"]);
    // D6 6.3; D7 4, then 8.
    assert_eq!(as_of("weighted-pipeline", None, date!(2026 - 03 - 04)), ["CNY 10.3", "USD 200"]);
    assert_eq!(as_of("weighted-pipeline", None, date!(2026 - 03 - 05)), ["CNY 14.3", "USD 200"]);
    // D3, without a day, is DEEP: 250.
    assert_eq!(whole("weighted-pipeline"), ["CNY 264.3", "USD 200"]);
    assert_eq!(by("weighted-pipeline", By::Tier), ["CNY 258", "USD 200", "B CNY 6.3"]);
}

#[test]
fn quotes_wait_while_their_deal_is_there() {
    // On D6 since 4 March; the deal was deleted on the 6th and came back on the 8th, for tier B.
    for (day, count) in [(3, "0"), (4, "1"), (5, "1"), (6, "0"), (7, "0"), (8, "1")] {
        let day = Date::from_calendar_date(2026, time::Month::March, day).unwrap();
        assert_eq!(as_of("quotes-waiting", None, day), [count], "{day}");
    }
    assert_eq!(by("quotes-waiting", By::Tier), ["B 1"]);
}

#[test]
fn what_is_taken_up_again_enters_on_that_day() {
    let world = story::reopened();
    let as_of = |indicator, day| told_of(&world, &Question { to: Some(day), ..ask(indicator) });
    // R1 from its opening on 10 January to its win on 10 February; R2 never. Both again since 10 March.
    assert_eq!(as_of("pipeline-count", date!(2026 - 02 - 09)), ["1"]);
    assert_eq!(as_of("pipeline-count", date!(2026 - 02 - 10)), ["0"]);
    assert_eq!(as_of("pipeline-count", date!(2026 - 03 - 10)), ["2"]);
    assert_eq!(told_of(&world, &ask("pipeline-count")), ["3"]);
    assert_eq!(told_of(&world, &ask("opportunities-won")), ["0"]);
    // 10 in a hundred of 10 each, then 30. R3, without a day, adds 30 of 100.
    assert_eq!(as_of("weighted-pipeline", date!(2026 - 02 - 09)), [""; 0]);
    assert_eq!(as_of("weighted-pipeline", date!(2026 - 03 - 14)), ["CNY 2"]);
    assert_eq!(as_of("weighted-pipeline", date!(2026 - 03 - 15)), ["CNY 6"]);
    assert_eq!(told_of(&world, &ask("weighted-pipeline")), ["CNY 36"]);
    let months = Question { by: Some(By::Month), ..ask("weighted-pipeline") };
    assert_eq!(told_of(&world, &months), ["CNY 30", "2026-03 CNY 6"]);
}

#[test]
fn nothing_is_nothing() {
    let never = Some(date!(2027 - 01 - 01));
    assert_eq!(within("opportunities-won", never, None), ["0"]);
    assert_eq!(within("win-rate", never, None), ["-"]);
    assert_eq!(within("won-value", never, None), [""; 0]);
    assert_eq!(told(&Question { by: Some(By::Manager), from: never, ..ask("win-rate") }), [""; 0]);
}

#[test]
fn money_is_split_over_the_lines() {
    let split = |lines: &[(&str, Option<i64>)], amount: i64| {
        let lines = lines.iter().map(|(code, list)| ((*code).to_owned(), list.map(Decimal::from))).collect();
        let fact = Fact { lines, amount: Decimal::new(amount, 4), ..Fact::default() };
        let shares = by_offering(&fact, true);
        shares.into_iter().map(|(code, share)| format!("{code} {}", share.normalize())).collect::<Vec<_>>()
    };
    assert_eq!(split(&[], 10_000), [" 1"]);
    // 0.0001 × 1/2 is rounded up, and leaves nothing.
    assert_eq!(split(&[("X", Some(1)), ("Y", Some(1))], 1), ["X 0.0001", "Y 0"]);
    assert_eq!(split(&[("X", Some(1)), ("Y", Some(3)), ("Z", Some(0))], 10_000), ["X 0.25", "Y 0.75", "Z 0"]);
    // Equally where one has no list amount, or all are zero.
    assert_eq!(split(&[("X", Some(9)), ("Y", None)], 10_000), ["X 0.5", "Y 0.5"]);
    assert_eq!(split(&[("X", Some(0)), ("Y", Some(0))], 10_000), ["X 0.5", "Y 0.5"]);
}

/// The sum of the rows of each currency.
fn sums(figures: &Figures) -> BTreeMap<String, Decimal> {
    let mut sums: BTreeMap<String, Decimal> = BTreeMap::new();
    for ((_, currency), value) in figures {
        *sums.entry(currency.clone()).or_default() += value.unwrap();
    }
    sums.retain(|_, sum| !sum.is_zero());
    sums
}

#[test]
fn the_parts_of_every_sum_are_the_whole() {
    let world = World::new(5, 300);
    let recount = Recount::of(&world);
    let today = date!(2026 - 07 - 15);
    for formula in FORMULAS.iter().filter(|formula| formula.decimals.is_none()) {
        for (from, to) in [(None, None), (Some(date!(2025 - 01 - 10)), Some(date!(2026 - 02 - 20)))] {
            let question = Question { from, to, ..ask(formula.code) };
            let whole = sums(&recount.answer(&question, today));
            assert!(!whole.is_empty(), "{}", formula.code);
            for by in By::ALL {
                let timely = matches!(by, By::Month | By::Quarter | By::Year);
                let counted_twice = by == By::Offering && !formula.money;
                if counted_twice || (timely && formula.stock) {
                    continue;
                }
                let parts = recount.answer(&Question { by: Some(by), ..question.clone() }, today);
                assert_eq!(sums(&parts), whole, "{} by {by:?}", formula.code);
            }
        }
    }
}

#[test]
fn a_stock_by_month_is_what_it_is_on_the_last_days() {
    let world = World::new(6, 300);
    let recount = Recount::of(&world);
    let today = date!(2026 - 07 - 15);
    for formula in FORMULAS.iter().filter(|formula| formula.stock) {
        let months = recount.answer(&Question { by: Some(By::Month), ..ask(formula.code) }, today);
        for (month, last) in
            [("2025-02", date!(2025 - 02 - 28)), ("2025-12", date!(2025 - 12 - 31)), ("2026-07", today)]
        {
            let as_of = recount.answer(&Question { to: Some(last), ..ask(formula.code) }, today);
            let of_month: Figures = months
                .iter()
                .filter(|((key, _), _)| key == month)
                .map(|((_, currency), value)| ((String::new(), currency.clone()), *value))
                .collect();
            assert_eq!(of_month, as_of, "{} in {month}", formula.code);
        }
    }
}

#[test]
fn every_question_has_an_answer() {
    let world = World::new(8, 200);
    let recount = Recount::of(&world);
    let mut rows = 0;
    for indicator in indicators() {
        for by in By::ALL.map(Some).into_iter().chain([None]) {
            for territory in [None, Some("P1".to_owned())] {
                let question = Question { indicator, by, territory, from: Some(date!(2025 - 03 - 01)), to: None };
                rows += recount.answer(&question, date!(2026 - 07 - 01)).len();
            }
        }
    }
    assert!(rows > 1_000, "{rows}");
    assert!(recount.territories().count() > 50);
}
