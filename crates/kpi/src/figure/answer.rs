//! Answers: the figures of a question, with what they are compared to.

use std::collections::BTreeMap;

use guanxi_auth::Scope;
use guanxi_db::Transaction;
use guanxi_grpc::{Call, day};
use guanxi_resource::{Error, Resources};
use rust_decimal::{Decimal, RoundingStrategy};
use time::Date;
use time::macros::date;

use super::place::{self, Places};
use super::question::{By, Question, later};
use super::reckon::{Measures, Sums, values};
use super::span::Span;
use super::store::{self, Counting, Rolled, Sum};
use crate::fact::rollup::Kept;
use crate::indicator::{self, Direction, Formula, Indicator, Kind};

/// Places of shares and growths.
const SHARE_PLACES: u32 = 4;
/// The first day that is no sign of an unknown one.
const DATED: Date = date!(0001 - 02 - 01);

/// Values of a formula, and of its measures, by key and currency.
pub(super) type Values = BTreeMap<(String, String), (Option<Decimal>, Measures)>;

/// A figure with what it is compared to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) name: Option<(String, Option<String>)>,
    pub(crate) currency_code: String,
    pub(crate) value: Option<Decimal>,
    pub(crate) measures: Measures,
    pub(crate) share: Option<Decimal>,
    pub(crate) rank: i32,
    pub(crate) previous: Option<Decimal>,
    pub(crate) year_before: Option<Decimal>,
}

/// The figures of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) indicator: Indicator,
    /// By key and currency, what has no key last.
    pub(crate) rows: Vec<Row>,
    /// The whole, one for each currency.
    pub(crate) totals: Vec<Row>,
}

/// Everything that a question is reckoned with: one snapshot of the sums.
pub(crate) struct Desk<'a> {
    pub(super) resources: &'a Resources,
    pub(super) transaction: Transaction,
    pub(super) indicator: Indicator,
    pub(super) formula: Formula,
    pub(super) today: Date,
}

impl<'a> Desk<'a> {
    /// Looks up the indicator of a code.
    pub(super) async fn open(resources: &'a Resources, call: &Call, indicator_code: &str) -> Result<Self, Error> {
        let mut transaction = resources.begin().await?;
        // All reads of an answer see the same sums.
        sqlx::query!("set transaction isolation level repeatable read, read only").execute(&mut **transaction).await?;
        let indicator = indicator::store::live(&mut transaction, indicator_code).await?;
        let formula = Formula::read(&indicator.formula).map_err(|_| guanxi_grpc::Refusal::internal())?;
        Ok(Self { resources, transaction, indicator, formula, today: day::of(call.now) })
    }

    /// The values that a question asks for.
    pub(super) async fn values(&mut self, places: &Places, question: &Question) -> Result<Values, Error> {
        let mut sums = Sums::default();
        for stock in [false, true] {
            let measures = self.formula.measures().into_iter().filter(|measure| measure.stock == stock);
            let measures: Vec<String> = measures.map(|measure| measure.code.to_owned()).collect();
            if measures.is_empty() {
                continue;
            }
            let span = span(question, stock);
            for (key, sum) in self.sums(places, question, &measures, &span).await? {
                sums.add(key, sum, stock);
            }
        }
        let table = match question.by {
            // What there will be nobody knows.
            by if by.is_time() => {
                let last = question.to.map_or(self.today, |to| to.min(self.today));
                sums.by_time(by, question.from, last)
            }
            _ => sums.by_key(),
        };
        let mut values = values(table, &self.indicator, &self.formula, &question.currency_code);
        if question.by == By::Whole && !self.formula.has_money() {
            // Of nothing, too, people want to know how much there is.
            let nothing = || (self.formula.value(&Measures::new()), Measures::new());
            values.entry((String::new(), String::new())).or_insert_with(nothing);
        }
        Ok(values)
    }

    /// The sums of some measures by the keys of the question.
    async fn sums(
        &mut self,
        places: &Places,
        question: &Question,
        measures: &[String],
        span: &Span,
    ) -> Result<Vec<(String, Sum)>, Error> {
        let paths = self.resources.paths();
        let mut sums = Vec::new();
        let mut spare = span.clone();
        if let Some((dimension, key)) = kept(question, places) {
            let territories: Vec<String> = match question.by {
                By::Territory => {
                    places.parts.iter().chain(&places.rest).map(|path| place::code(path).to_owned()).collect()
                }
                _ => place::tops(&places.everything, paths).iter().map(|path| place::code(path).to_owned()).collect(),
            };
            let by_month = question.by.is_time();
            let rolled = Rolled { measures, territory_codes: &territories, dimension, key, by_month };
            let mut found = store::months(&mut self.transaction, &rolled, span.months).await?;
            spare.months = (span.months.0, span.months.0);
            if dimension == Kept::Whole && !spare.days.is_empty() {
                found.extend(store::days(&mut self.transaction, &rolled, &span.days).await?);
                spare.days.clear();
            }
            sums.extend(found.into_iter().flat_map(|sum| rolled_keys(question.by, places, sum)));
        }
        let nothing_left = spare.months.0 >= spare.months.1 && spare.days.is_empty();
        let (everything, nothing) = (&places.everything, Scope::nothing());
        let all = (!nothing_left && !everything.is_nothing()).then_some((everything, &nothing, None, &spare));
        let own = places.own.as_ref().map(|(within, manager)| (within, everything, Some(*manager), span));
        for (within, without, manager_id, span) in all.into_iter().chain(own) {
            let (within, without) = (within.clone(), without.clone());
            let counting = Counting { measures, within, without, manager_id, only: &question.only };
            let by = (question.by, question.by.is_time());
            let found = store::facts(&mut self.transaction, &counting, span, by).await?;
            sums.extend(found.into_iter().filter_map(|sum| Some((fact_key(question.by, places, paths, &sum)?, sum))));
        }
        Ok(sums)
    }
}

/// The days that count for what happened, or for what there is.
pub(super) fn span(question: &Question, stock: bool) -> Span {
    match (stock, question.from, question.to) {
        (true, Some(_), None) => Span::of(Some(DATED), None),
        (true, _, to) => Span::of(None, to),
        (false, from, to) => Span::of(from, to),
    }
}

/// The dimension whose roll-ups have what is asked, and the key in it; `None` where the facts have to be read.
fn kept<'q>(question: &'q Question, places: &Places) -> Option<(Kept, Option<&'q str>)> {
    let of = |by: By| match by {
        By::Manager => Some(Kept::Manager),
        By::Offering => Some(Kept::Offering),
        By::Stage => Some(Kept::Stage),
        By::Tier => Some(Kept::Tier),
        By::Industry => Some(Kept::Industry),
        _ => None,
    };
    match (question.by, question.only.as_slice()) {
        (By::Territory, _) if !places.whole => None,
        (By::Whole | By::Territory | By::Month | By::Quarter | By::Year, []) => Some((Kept::Whole, None)),
        (By::Whole | By::Territory | By::Month | By::Quarter | By::Year, [(by, key)]) => Some((of(*by)?, Some(key))),
        (by, []) => Some((of(by)?, None)),
        (by, [(only, key)]) if by == *only => Some((of(by)?, Some(key))),
        _ => None,
    }
}

/// Under which keys a sum of a roll-up stands. The sum of a territory includes its parts, which are not its rest.
fn rolled_keys(by: By, places: &Places, sum: Sum) -> Vec<(String, Sum)> {
    match by {
        By::Territory => {
            let rest = places.rest.as_deref().map(place::code);
            let mut keys = vec![(sum.territory_code.clone(), sum.clone())];
            if let Some(rest) = rest.filter(|rest| *rest != sum.territory_code) {
                keys.push((rest.to_owned(), Sum { value: -sum.value, ..sum }));
            }
            keys
        }
        By::Whole | By::Month | By::Quarter | By::Year => vec![(String::new(), sum)],
        _ => vec![(sum.key.clone(), sum)],
    }
}

/// Under which key a sum of facts stands; `None` outside of all parts.
fn fact_key(by: By, places: &Places, paths: &guanxi_auth::TerritoryPaths, sum: &Sum) -> Option<String> {
    match by {
        By::Territory => places.part_of(&paths.path_of(&sum.territory_code)?).map(str::to_owned),
        _ => Some(sum.key.clone()),
    }
}

/// The figures of a question.
pub(crate) async fn answer(resources: &Resources, call: &Call, question: &Question) -> Result<Answer, Error> {
    let mut desk = Desk::open(resources, call, &question.indicator_code).await?;
    let places = Places::of(resources, &mut desk.transaction, call, question).await?;
    answer_at(&mut desk, &places, question).await
}

/// The same of an open desk.
pub(super) async fn answer_at(desk: &mut Desk<'_>, places: &Places, question: &Question) -> Result<Answer, Error> {
    let values = desk.values(places, question).await?;
    let whole = Question { by: By::Whole, ..question.clone() };
    let totals = if question.by == By::Whole { values.clone() } else { desk.values(places, &whole).await? };
    let (previous, year_before) = compared(desk, places, question).await?;
    let keys: Vec<String> = values.keys().map(|(key, _)| key.clone()).collect();
    let names = store::names(&mut desk.transaction, question.by.column(), &keys).await?;
    let names: BTreeMap<String, (String, Option<String>)> =
        names.into_iter().map(|(key, zh, en)| (key, (zh, en))).collect();
    let of_total = |currency: &String| totals.get(&(String::new(), currency.clone())).and_then(|(total, _)| *total);
    let parts = desk.indicator.adds_up() && !question.by.is_time() && !matches!(question.by, By::Whole | By::Offering);
    let find = |compared: &Option<Values>, key: &str, currency: &str, months: i32| {
        let compared = compared.as_ref().unwrap_or(&values);
        let key = if question.by.is_time() { earlier_key(question.by, key, months)? } else { key.to_owned() };
        compared.get(&(key, currency.to_owned())).and_then(|(value, _)| *value)
    };
    let row = |((key, currency_code), (value, measures)): (&(String, String), &(Option<Decimal>, Measures))| Row {
        key: key.clone(),
        name: names.get(key).cloned(),
        currency_code: currency_code.clone(),
        value: *value,
        measures: measures.clone(),
        share: value.filter(|_| parts).and_then(|value| quotient(value, of_total(currency_code)?)),
        rank: 0,
        previous: (previous.is_some() || question.by.is_time())
            .then(|| find(&previous, key, currency_code, question.by.months()))
            .flatten(),
        year_before: (year_before.is_some() || question.by.is_time())
            .then(|| find(&year_before, key, currency_code, 12))
            .flatten(),
    };
    let mut rows: Vec<Row> = values.iter().map(row).collect();
    rows.sort_by(|one, other| {
        (one.key.is_empty(), &one.key, &one.currency_code).cmp(&(
            other.key.is_empty(),
            &other.key,
            &other.currency_code,
        ))
    });
    if !question.by.is_time() && question.by != By::Whole {
        rank(&mut rows, desk.indicator.direction);
    }
    let totals =
        totals.into_iter().map(|((_, currency_code), (value, measures))| total(currency_code, value, measures));
    Ok(Answer { totals: totals.collect(), rows, indicator: desk.indicator.clone() })
}

/// The values of an indicator in some territories, each with everything below it, by code and currency. The caller has to see all figures there.
pub(crate) async fn by_territory(
    resources: &Resources,
    call: &Call,
    question: &Question,
    paths: Vec<String>,
) -> Result<(Indicator, BTreeMap<(String, String), Option<Decimal>>), Error> {
    let mut desk = Desk::open(resources, call, &question.indicator_code).await?;
    let everything = Scope::resolve(paths.iter().map(String::as_str), |path| Some(path.to_owned()));
    let places = Places { everything, whole: true, own: None, parts: paths, rest: None };
    let values = desk.values(&places, question).await?;
    Ok((desk.indicator, values.into_iter().map(|(key, (value, _))| (key, value)).collect()))
}

fn total(currency_code: String, value: Option<Decimal>, measures: Measures) -> Row {
    let (key, name) = (String::new(), None);
    Row { key, name, currency_code, value, measures, share: None, rank: 0, previous: None, year_before: None }
}

/// The values of the period before and of the year before, where the question has a range to move.
async fn compared(
    desk: &mut Desk<'_>,
    places: &Places,
    question: &Question,
) -> Result<(Option<Values>, Option<Values>), Error> {
    let comparable = question.from.is_some() || desk.indicator.kind == Kind::Last;
    let (before, year) = if comparable { (question.before(), question.earlier(12)) } else { (None, None) };
    let previous = match before {
        Some(before) => Some(desk.values(places, &before).await?),
        None => None,
    };
    let year_before = match year {
        Some(year) => Some(desk.values(places, &year).await?),
        None => None,
    };
    Ok((previous, year_before))
}

/// The key of a period so many months before.
fn earlier_key(by: By, key: &str, months: i32) -> Option<String> {
    Some(by.key_of(later(by.first_day(key)?, -months)?))
}

/// One value by another.
pub(super) fn quotient(value: Decimal, by: Decimal) -> Option<Decimal> {
    let quotient = value.checked_div(by)?;
    Some(quotient.round_dp_with_strategy(SHARE_PLACES, RoundingStrategy::MidpointAwayFromZero).normalize())
}

/// Gives rows their places among those of their currency: 1 for the best, equals alike.
fn rank(rows: &mut [Row], direction: Direction) {
    let better = |one: Decimal, other: Decimal| match direction {
        Direction::Up => one > other,
        Direction::Down => one < other,
    };
    let values: Vec<(String, Decimal)> =
        rows.iter().filter_map(|row| Some((row.currency_code.clone(), row.value?))).collect();
    let mut sorted: BTreeMap<&str, Vec<Decimal>> = BTreeMap::new();
    for (currency, value) in &values {
        sorted.entry(currency).or_default().push(*value);
    }
    for values in sorted.values_mut() {
        values.sort_by(|one, other| if direction == Direction::Up { other.cmp(one) } else { one.cmp(other) });
    }
    for row in rows.iter_mut() {
        let Some((value, values)) = row.value.zip(sorted.get(row.currency_code.as_str())) else { continue };
        let ahead = values.partition_point(|other| better(*other, value));
        row.rank = i32::try_from(ahead + 1).unwrap_or(i32::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_rank_alike_and_what_has_no_value_nowhere() {
        let row = |value: Option<i64>| total(String::new(), value.map(Decimal::from), Measures::new());
        let mut rows: Vec<Row> = [Some(5), Some(9), None, Some(5), Some(1)].map(row).into();
        rank(&mut rows, Direction::Up);
        assert_eq!(rows.iter().map(|row| row.rank).collect::<Vec<_>>(), [2, 1, 0, 2, 4]);
        rank(&mut rows, Direction::Down);
        assert_eq!(rows.iter().map(|row| row.rank).collect::<Vec<_>>(), [2, 4, 0, 2, 1]);
    }

    #[test]
    fn a_key_goes_back_in_time() {
        assert_eq!(earlier_key(By::Month, "2026-01", 1).as_deref(), Some("2025-12"));
        assert_eq!(earlier_key(By::Quarter, "2026-Q1", 12).as_deref(), Some("2025-Q1"));
        assert_eq!(earlier_key(By::Month, "", 1), None);
        assert_eq!(quotient(Decimal::ONE, Decimal::from(3)), Some(Decimal::new(3333, 4)));
        assert_eq!(quotient(Decimal::ONE, Decimal::ZERO), None);
    }
}
