//! What counts.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
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
    /// A number that tells it from everything else that counts of a subject: of every field, the same in every process and release.
    pub(crate) fn digest(&self) -> i64 {
        let attribution = &self.attribution;
        let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
        let fixed = [
            self.measure.clone(),
            self.day.to_string(),
            attribution.territory_code.clone(),
            id(attribution.manager_id),
            id(attribution.account_id),
            attribution.stage.clone(),
            attribution.tier.clone(),
            attribution.industry_code.clone(),
            self.currency_code.clone(),
            self.value.normalize().to_string(),
        ];
        let offerings = self.offerings.iter().flat_map(|(code, value)| [code.clone(), value.normalize().to_string()]);
        let mut hasher = Sha256::new();
        for part in fixed.into_iter().chain(offerings) {
            // With its length, so that no text can pass into its neighbour.
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hasher.finalize()[..8]);
        i64::from_be_bytes(bytes)
    }
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
        // Multiplied first, an exact half stays one; where that is too large, nobody sees the difference.
        let share = amount.checked_mul(weight).map_or_else(|| amount * (weight / whole), |product| product / whole);
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

    #[test]
    fn a_digest_tells_facts_apart_and_stays() {
        let fact = Fact {
            measure: "won_value".to_owned(),
            day: UNDATED,
            attribution: Attribution::default(),
            currency_code: "CNY".to_owned(),
            value: Decimal::from(100),
            offerings: BTreeMap::from([(String::new(), Decimal::from(100))]),
        };
        assert_eq!(fact.digest(), Fact { value: "100.00".parse().unwrap(), ..fact.clone() }.digest());
        assert_ne!(fact.digest(), Fact { value: Decimal::from(101), ..fact.clone() }.digest());
        assert_ne!(
            fact.digest(),
            Fact { measure: "won_valueC".to_owned(), currency_code: "NY".to_owned(), ..fact.clone() }.digest()
        );
        // Rows are kept by it: it is the same for ever.
        assert_eq!(fact.digest(), DIGEST);
    }

    const DIGEST: i64 = 3_945_987_401_205_644_912;
}
