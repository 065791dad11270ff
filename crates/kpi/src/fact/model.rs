//! What counts.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use time::Date;
use time::macros::date;
use uuid::Uuid;

/// Stands for an unknown business date.
pub(crate) const UNDATED: Date = date!(0001 - 01 - 01);

/// Places of the parts of a value by offering.
const SHARE_PLACES: u32 = 4;

/// To whom and what something is attributed; an empty text for what is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Attribution {
    pub(crate) territory_code: String,
    pub(crate) manager_id: Option<Uuid>,
    pub(crate) account_id: Option<Uuid>,
    /// `PIPELINE/STAGE`.
    pub(crate) stage: String,
    pub(crate) tier: String,
    pub(crate) industry_code: String,
}

/// Something that counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Fact {
    pub(crate) measure: String,
    /// Business date, [`UNDATED`] where it is not known.
    pub(crate) day: Date,
    pub(crate) attribution: Attribution,
    /// Empty for what is no money.
    pub(crate) currency_code: String,
    pub(crate) value: Decimal,
    /// Its parts by offering, an empty code for none.
    pub(crate) offerings: BTreeMap<String, Decimal>,
}

impl Fact {
    /// The same fact with the opposite sign: it takes the fact away from a sum.
    pub(crate) fn reversed(&self) -> Self {
        let offerings = self.offerings.iter().map(|(code, value)| (code.clone(), -value)).collect();
        Self { value: -self.value, offerings, ..self.clone() }
    }

    /// True where it changes no sum.
    fn is_nothing(&self) -> bool {
        self.value.is_zero() && self.offerings.values().all(Decimal::is_zero)
    }
}

/// Facts that differ in nothing but their values added up; what adds up to nothing is left out.
pub(crate) fn folded(facts: impl IntoIterator<Item = Fact>) -> Vec<Fact> {
    let mut sums: BTreeMap<(String, Date, Attribution, String), Fact> = BTreeMap::new();
    for fact in facts {
        let key = (fact.measure.clone(), fact.day, fact.attribution.clone(), fact.currency_code.clone());
        match sums.get_mut(&key) {
            Some(sum) => {
                sum.value += fact.value;
                for (code, value) in fact.offerings {
                    *sum.offerings.entry(code).or_default() += value;
                }
                sum.offerings.retain(|_, value| !value.is_zero());
            }
            None => {
                sums.insert(key, fact);
            }
        }
    }
    sums.into_values().filter(|fact| !fact.is_nothing()).collect()
}

/// An amount of money split over the offerings of lines by their list amounts: equally where one has none or all are zero. Each share but the
/// last is rounded half up, the last has the rest. Without lines it stands under no offering.
pub(crate) fn shares(amount: Decimal, lines: &[(String, Option<Decimal>)]) -> BTreeMap<String, Decimal> {
    let Some(((last, _), others)) = lines.split_last() else { return BTreeMap::from([(String::new(), amount)]) };
    let weights: Option<Vec<Decimal>> = lines.iter().map(|(_, weight)| *weight).collect();
    let weights = weights.filter(|weights| weights.iter().any(|weight| !weight.is_zero()));
    let weights = weights.unwrap_or_else(|| vec![Decimal::ONE; lines.len()]);
    let whole: Decimal = weights.iter().sum();
    let (mut split, mut rest) = (BTreeMap::new(), amount);
    for ((code, _), weight) in others.iter().zip(weights) {
        let share = amount * (weight / whole);
        let share = share.round_dp_with_strategy(SHARE_PLACES, RoundingStrategy::MidpointAwayFromZero);
        *split.entry(code.clone()).or_default() += share;
        rest -= share;
    }
    *split.entry(last.clone()).or_default() += rest;
    split
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(code: &str, weight: Option<i64>) -> (String, Option<Decimal>) {
        (code.to_owned(), weight.map(Decimal::from))
    }

    fn split(amount: &str, lines: &[(String, Option<Decimal>)]) -> Vec<(String, String)> {
        let split = shares(amount.parse().unwrap(), lines);
        split.into_iter().map(|(code, value)| (code, value.normalize().to_string())).collect()
    }

    #[test]
    fn money_is_split_by_list_amounts_and_adds_up() {
        let of = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(code, value)| ((*code).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(split("100", &[]), of(&[("", "100")]));
        assert_eq!(split("100", &[line("A", Some(60)), line("B", Some(20))]), of(&[("A", "75"), ("B", "25")]));
        assert_eq!(split("100", &[line("A", None), line("B", Some(20))]), of(&[("A", "50"), ("B", "50")]));
        assert_eq!(split("10", &[line("A", Some(0)), line("B", Some(0))]), of(&[("A", "5"), ("B", "5")]));
        let thirds = [line("A", None), line("B", None), line("C", None)];
        assert_eq!(split("100", &thirds), of(&[("A", "33.3333"), ("B", "33.3333"), ("C", "33.3334")]));
    }

    fn fact(value: i64, offerings: &[(&str, i64)]) -> Fact {
        Fact {
            measure: "won_value".to_owned(),
            day: UNDATED,
            attribution: Attribution::default(),
            currency_code: "CNY".to_owned(),
            value: Decimal::from(value),
            offerings: offerings.iter().map(|(code, value)| ((*code).to_owned(), Decimal::from(*value))).collect(),
        }
    }

    #[test]
    fn facts_fold_and_what_is_nothing_goes() {
        let (one, other) = (fact(100, &[("", 100)]), fact(150, &[("A", 150)]));
        assert_eq!(folded([one.clone(), one.reversed()]), []);
        assert_eq!(folded([one.reversed(), other.clone()]), [fact(50, &[("", -100), ("A", 150)])]);
        let elsewhere = Fact { currency_code: "USD".to_owned(), ..other.clone() };
        assert_eq!(folded([elsewhere.clone(), other.clone()]), [other, elsewhere]);
    }
}
