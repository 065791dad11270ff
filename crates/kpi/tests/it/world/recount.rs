//! Every figure once more: from all the events, with nothing kept between two questions.
//!
//! `docs/decisions/0017-what-a-figure-counts.md` says what counts. Where it leaves room, it is read so here:
//! - A win is gone with its reopening, as a loss is.
//! - What was imported closed and is reopened here enters on that day, whether or not its opening is known.
//! - Of what is UNDATED, a pipeline's other chances are UNDATED too.
//! - An import replaces nothing of quotes: they wait on the days of their own events and of those of their opportunity.
//! - A stage that nobody knows is the empty key.
//! - The money that is split over lines is that of the measure: the weighted value, not the value before it is weighted.
//! - A question for one figure without money always has a row; one for money has those of the currencies that are not zero.

mod fact;
mod history;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::{Decimal, RoundingStrategy};
use time::{Date, Duration, Month};

use self::fact::{Course, Fact, Span};
use self::history::Histories;
use super::generate::World;

/// What a figure is broken down by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Territory,
    Manager,
    Account,
    Offering,
    Stage,
    Tier,
    Industry,
    Month,
    Quarter,
    Year,
}

impl By {
    /// Each of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Territory,
        Self::Manager,
        Self::Account,
        Self::Offering,
        Self::Stage,
        Self::Tier,
        Self::Industry,
        Self::Month,
        Self::Quarter,
        Self::Year,
    ];
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) indicator: &'static str,
    pub(crate) by: Option<By>,
    pub(crate) territory: Option<String>,
    pub(crate) from: Option<Date>,
    pub(crate) to: Option<Date>,
}

/// Values by key and currency; the currency is empty without money, and the value missing where the formula divides by zero.
pub(crate) type Figures = BTreeMap<(String, String), Option<Decimal>>;

/// How an indicator is made.
struct Formula {
    code: &'static str,
    measures: &'static [&'static str],
    stock: bool,
    money: bool,
    /// Digits behind the point; `None` for exact values.
    decimals: Option<u32>,
    value: fn(&[Decimal]) -> Option<Decimal>,
}

const fn sum(code: &'static str, measures: &'static [&'static str], stock: bool, money: bool) -> Formula {
    Formula { code, measures, stock, money, decimals: None, value: |sums| Some(sums[0]) }
}

const fn ratio(
    code: &'static str,
    measures: &'static [&'static str],
    money: bool,
    decimals: u32,
    value: fn(&[Decimal]) -> Option<Decimal>,
) -> Formula {
    Formula { code, measures, stock: false, money, decimals: Some(decimals), value }
}

const FORMULAS: [Formula; 16] = [
    sum("accounts", &["accounts"], true, false),
    sum("new-accounts", &["new_accounts"], false, false),
    sum("opportunities-opened", &["opportunities_opened"], false, false),
    sum("opportunities-won", &["opportunities_won"], false, false),
    sum("opportunities-lost", &["opportunities_lost"], false, false),
    ratio("win-rate", &["opportunities_won", "opportunities_lost"], false, 6, |sums| {
        sums[0].checked_div(sums[0] + sums[1])
    }),
    sum("won-value", &["won_value"], false, true),
    ratio("average-deal", &["won_value", "opportunities_won"], true, 4, |sums| sums[0].checked_div(sums[1])),
    ratio("cycle-days-won", &["cycle_days_won", "cycles_won"], false, 4, |sums| sums[0].checked_div(sums[1])),
    ratio("cycle-days-closed", &["cycle_days_won", "cycle_days_lost", "cycles_won", "cycles_lost"], false, 4, |sums| {
        (sums[0] + sums[1]).checked_div(sums[2] + sums[3])
    }),
    sum("pipeline-count", &["pipeline_count"], true, false),
    sum("pipeline-value", &["pipeline_value"], true, true),
    sum("weighted-pipeline", &["weighted_pipeline_value"], true, true),
    ratio("discount-depth", &["won_list_value", "won_net_value"], true, 6, |sums| {
        (sums[0] - sums[1]).checked_div(sums[0])
    }),
    Formula {
        stock: true,
        ..ratio("accounts-per-manager", &["assigned_accounts", "managers_in_service"], false, 4, |sums| {
            sums[0].checked_div(sums[1])
        })
    },
    sum("quotes-waiting", &["quotes_waiting"], true, false),
];

/// The codes of all indicators.
pub(crate) fn indicators() -> impl Iterator<Item = &'static str> {
    FORMULAS.iter().map(|formula| formula.code)
}

/// Answers a question from the whole list of events. Who asks many saves the reading of the list with a `Recount`.
pub(crate) fn recount(world: &World, question: &Question, today: Date) -> Figures {
    Recount::of(world).answer(question, today)
}

/// The events of a world, read.
pub(crate) struct Recount {
    histories: Histories,
    tree: Tree,
}

impl Recount {
    pub(crate) fn of(world: &World) -> Self {
        let histories = Histories::of(world);
        let tree = Tree::of(&histories);
        Self { histories, tree }
    }

    /// The codes of all territories that there are at the end.
    pub(crate) fn territories(&self) -> impl Iterator<Item = &String> {
        self.tree.parents.keys()
    }

    /// Answers a question.
    pub(crate) fn answer(&self, question: &Question, today: Date) -> Figures {
        let formula = FORMULAS.iter().find(|formula| formula.code == question.indicator).unwrap();
        let courses: Vec<Course> =
            formula.measures.iter().map(|measure| Course::of(&self.histories, measure)).collect();
        let ranged = question.from.is_some() || question.to.is_some();
        let mut rows = Figures::new();
        if let Some(by @ (By::Month | By::Quarter | By::Year)) = question.by {
            if !ranged {
                self.add_rows(&mut rows, question, formula, &courses, Span::Undated, Some(""));
            }
            for (name, start, end) in periods(by, question, formula, &courses, today) {
                let span = Span::Between(Some(start), Some(end));
                self.add_rows(&mut rows, question, formula, &courses, span, Some(&name));
            }
        } else {
            let span = if ranged { Span::Between(question.from, question.to) } else { Span::Everything };
            self.add_rows(&mut rows, question, formula, &courses, span, None);
        }
        if question.by.is_none() && !formula.money && self.tree.knows(question.territory.as_deref()) {
            let nothing = vec![Decimal::ZERO; formula.measures.len()];
            rows.entry((String::new(), String::new())).or_insert_with(|| (formula.value)(&nothing));
        }
        rows
    }

    /// Adds the rows of one span, all under the name of the period where there is one.
    fn add_rows(
        &self,
        rows: &mut Figures,
        question: &Question,
        formula: &Formula,
        courses: &[Course],
        span: Span,
        period: Option<&str>,
    ) {
        // Key, currency, which measure, how much.
        let mut parts: Vec<(String, String, usize, Decimal)> = Vec::new();
        for (number, (course, measure)) in courses.iter().zip(formula.measures).enumerate() {
            for fact in course.within(span) {
                for (key, amount) in self.keys(question, fact, measure.ends_with("value")) {
                    let currency = if formula.money { fact.currency.clone() } else { String::new() };
                    parts.push((period.map_or(key, ToOwned::to_owned), currency, number, amount));
                }
            }
        }
        let wanted: BTreeSet<(String, String)> =
            parts.iter().map(|(key, currency, ..)| (key.clone(), currency.clone())).collect();
        for (key, currency) in wanted {
            if formula.money && currency.is_empty() {
                continue;
            }
            let mut sums = vec![Decimal::ZERO; formula.measures.len()];
            for (_, _, number, amount) in
                parts.iter().filter(|part| part.0 == key && (part.1 == currency || part.1.is_empty()))
            {
                sums[*number] += amount;
            }
            if sums.iter().any(|sum| !sum.is_zero()) {
                rows.insert((key, currency), rounded(formula, &sums));
            }
        }
    }

    /// The keys that a fact stands under, and how much of it under each; none where it lies outside.
    fn keys(&self, question: &Question, fact: &Fact, money: bool) -> Vec<(String, Decimal)> {
        let Some(below) = self.tree.below(question.territory.as_deref(), &fact.territory) else { return Vec::new() };
        let key = match question.by {
            None | Some(By::Month | By::Quarter | By::Year) => "",
            Some(By::Territory) => below,
            Some(By::Manager) => &fact.manager,
            Some(By::Account) => &fact.account,
            Some(By::Stage) => &fact.stage,
            Some(By::Tier) => &fact.tier,
            Some(By::Industry) => &fact.industry,
            Some(By::Offering) => return by_offering(fact, money),
        };
        vec![(key.to_owned(), fact.amount)]
    }
}

/// A count counts for each offering; money is split by list amount, the last line takes the rest.
fn by_offering(fact: &Fact, money: bool) -> Vec<(String, Decimal)> {
    let Some(((last, _), others)) = fact.lines.split_last() else { return vec![(String::new(), fact.amount)] };
    if !money {
        return fact.lines.iter().map(|(code, _)| (code.clone(), fact.amount)).collect();
    }
    let listed: Option<Vec<Decimal>> = fact.lines.iter().map(|(_, list)| *list).collect();
    let weights = listed.filter(|listed| listed.iter().any(|list| !list.is_zero()));
    let weights = weights.unwrap_or_else(|| vec![Decimal::ONE; fact.lines.len()]);
    let whole: Decimal = weights.iter().sum();
    let share = |weight: Decimal| {
        (fact.amount * weight / whole).round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero)
    };
    let mut shares: Vec<(String, Decimal)> =
        others.iter().zip(&weights).map(|((code, _), weight)| (code.clone(), share(*weight))).collect();
    let rest = fact.amount - shares.iter().map(|(_, share)| *share).sum::<Decimal>();
    shares.push((last.clone(), rest));
    shares
}

fn rounded(formula: &Formula, sums: &[Decimal]) -> Option<Decimal> {
    let value = (formula.value)(sums)?;
    let decimals = formula.decimals.unwrap_or(28);
    Some(value.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero))
}

/// The periods that are asked for, each with its name, and its first and last day as far as they are asked for.
fn periods(
    by: By,
    question: &Question,
    formula: &Formula,
    courses: &[Course],
    today: Date,
) -> Vec<(String, Date, Date)> {
    let days: Vec<Date> = courses.iter().flat_map(Course::days).collect();
    let (Some(earliest), Some(latest)) = (days.iter().min(), days.iter().max()) else { return Vec::new() };
    let first = question.from.unwrap_or(*earliest);
    let last = question.to.unwrap_or(if formula.stock { today } else { *latest });
    let last = if formula.stock { last.min(today) } else { last };
    let mut periods = Vec::new();
    let mut day = first;
    while day <= last {
        let name = period(by, day);
        let mut end = day;
        while end < last && period(by, end + Duration::DAY) == name {
            end += Duration::DAY;
        }
        periods.push((name, day, end));
        day = end + Duration::DAY;
    }
    periods
}

fn period(by: By, day: Date) -> String {
    let month = u8::from(day.month());
    match by {
        By::Month => format!("{}-{month:02}", day.year()),
        By::Quarter => format!("{}-Q{}", day.year(), month.div_ceil(u8::from(Month::March))),
        _ => day.year().to_string(),
    }
}

/// The territories as they lie at the end: the parent of each, empty for a root.
struct Tree {
    parents: BTreeMap<String, String>,
}

impl Tree {
    fn of(histories: &Histories) -> Self {
        let mut parents = BTreeMap::new();
        for told in &histories.territories {
            if let Some(before) = &told.change.before {
                parents.remove(&before.code);
            }
            if let Some(after) = &told.change.after {
                parents.insert(after.code.clone(), after.parent_code.clone());
            }
        }
        Self { parents }
    }

    fn knows(&self, asked: Option<&str>) -> bool {
        asked.is_none_or(|asked| self.parents.contains_key(asked))
    }

    /// The territory right below the asked one that a territory lies in, or is; the asked one itself for itself. Nothing for what lies
    /// elsewhere. The only root is asked for where nothing is.
    fn below<'a>(&'a self, asked: Option<&'a str>, code: &'a str) -> Option<&'a str> {
        let top = asked
            .or_else(|| self.parents.iter().find(|(_, parent)| parent.is_empty()).map(|(root, _)| root.as_str()))?;
        let mut below = code;
        let mut here = code;
        while here != top {
            below = here;
            here = self.parents.get(here)?;
        }
        self.parents.contains_key(top).then_some(below)
    }
}
