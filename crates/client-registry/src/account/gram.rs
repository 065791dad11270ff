//! How common grams are, as far as Postgres has counted, and which of them to look for.

use std::collections::HashMap;

use super::name::Name;

/// A gram that more of the rows hold than this is no help in finding candidates,
const COMMON_SHARE: f32 = 0.01;
/// unless these are few all the same.
const COMMON_ROWS: f32 = 1_000.0;
/// What legal forms are written with. They are no part of the grams of an account, so a gram of a misspelt one tells nothing.
const LEGAL_FORM_CHARACTERS: &str = "股份有限责任公司集团总合伙企业";

/// The share of the rows that hold a gram, of those grams that Postgres names: the others are rarer than all of these.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares {
    shares: HashMap<String, f32>,
    rows: f32,
}

impl Shares {
    /// Shares of so many rows.
    pub(super) fn new(rows: f32, shares: impl IntoIterator<Item = (String, f32)>) -> Self {
        Self { shares: shares.into_iter().collect(), rows }
    }

    fn of(&self, gram: &str) -> f32 {
        self.shares.get(gram).copied().unwrap_or_default()
    }

    /// Whether the gram is rare enough to find candidates by.
    pub(super) fn is_rare(&self, gram: &str) -> bool {
        let share = self.of(gram);
        share <= COMMON_SHARE || share * self.rows <= COMMON_ROWS
    }

    /// Grams of which every name that is meant has one, where a name may differ by so many typing errors: the rarest, as many as these
    /// errors can spoil and one more. Fetching the rows of more grams would take longer and find nothing else.
    pub(super) fn telling(&self, name: &Name, edits: usize) -> Vec<String> {
        let mut grams = Vec::new();
        name.add_grams(&mut grams);
        // Whether one or two letters are a word depends on blanks.
        grams.retain(|gram| gram.len() > 2);
        let (form, plain): (Vec<String>, Vec<String>) =
            grams.into_iter().partition(|gram| gram.contains(is_of_legal_form));
        // Two characters that are swapped spoil three grams of two, or four of three.
        let latin = name.cjk_len() < name.len();
        let wanted = 1 + edits * if latin { 4 } else { 3 };
        let mut telling = self.rarest(plain, wanted);
        telling.extend(self.rarest(form, wanted - telling.len()));
        let mut beginning = Vec::new();
        if telling.len() < wanted {
            name.add_first_gram(&mut beginning);
        }
        if let (true, Some(word)) = (latin, name.tokens().first()) {
            // A misspelt legal form can be most of a Latin name, never its first word.
            word.add_grams(&mut beginning);
        }
        telling.extend(self.rarest(beginning, 1));
        telling
    }

    /// The rarest of some grams, at most so many; of equals those that come first.
    fn rarest(&self, mut grams: Vec<String>, count: usize) -> Vec<String> {
        grams.retain(|gram| self.is_rare(gram));
        grams.sort_by(|one, other| self.of(one).total_cmp(&self.of(other)));
        grams.truncate(count);
        grams
    }
}

fn is_of_legal_form(character: char) -> bool {
    LEGAL_FORM_CHARACTERS.contains(character)
}

#[cfg(test)]
mod tests {
    use super::super::name::normalise;
    use super::*;

    fn shares(shares: &[(&str, f32)]) -> Shares {
        Shares::new(1e6, shares.iter().map(|(gram, share)| ((*gram).to_owned(), *share)))
    }

    #[test]
    fn a_gram_is_common_by_share_and_number() {
        let share = [("科技".to_owned(), 0.5)];
        assert!(Shares::new(900.0, share.clone()).is_rare("科技"));
        assert!(!Shares::new(1e6, share.clone()).is_rare("科技"));
        assert!(Shares::new(1e6, share).is_rare("中兴"));
    }

    #[test]
    fn the_rarest_tell_one_more_than_an_error_can_spoil() {
        let known = shares(&[("通讯", 0.009), ("深圳", 0.008), ("中兴", 0.001), ("科技", 0.1)]);
        let telling = |name: &str| known.telling(&normalise(name), 1);
        assert_eq!(telling("深圳中兴通讯"), ["圳中", "兴通", "中兴", "深圳"]);
        assert_eq!(telling("中兴科技"), ["兴科", "中兴", "^中"]);
    }

    #[test]
    fn a_misspelt_legal_form_tells_nothing() {
        let telling = |name: &str| shares(&[("平安", 0.001)]).telling(&normalise(name), 1);
        assert_eq!(telling("平安银行股份有很公司")[..3], ["安银", "银行", "平安"]);
        assert!(telling("ZTE Corporatoin").contains(&"zte".to_owned()));
    }
}
