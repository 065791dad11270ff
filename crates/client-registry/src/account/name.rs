//! Names of accounts as search sees them: folded, without legal form, cut into grams.

use unicode_normalization::UnicodeNormalization;

/// Legal forms at the end of a Chinese name, each before those it ends in.
const CHINESE_LEGAL_FORMS: [&str; 10] = [
    "股份有限公司",
    "有限责任公司",
    "有限公司",
    "股份公司",
    "集团公司",
    "总公司",
    "公司",
    "集团",
    "有限合伙",
    "合伙企业",
];

/// Words of a legal form at the end of a Latin name; `coltd` is `Co.,Ltd.` without its punctuation.
const LATIN_LEGAL_WORDS: [&str; 14] = [
    "ag",
    "co",
    "coltd",
    "company",
    "corp",
    "corpltd",
    "corporation",
    "gmbh",
    "group",
    "inc",
    "limited",
    "llc",
    "ltd",
    "plc",
];

/// A name ready to be compared: NFKC, lower case, letters and digits only.
///
/// It is a row of *units*: each Chinese character is one, each Latin or numeric word is one. Blanks are gone, so that
/// 万 科 equals 万科 and "Ping An" equals "Pingan"; where units begin is remembered, so that "ai" is no part of
/// "Shanghai". The legal form at the end does not count, but a query may run into it (中兴通讯股份).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    characters: Vec<char>,
    /// How each character stands to the one before it.
    borders: Vec<Border>,
    /// Characters before the legal form.
    length: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Border {
    /// Inside a Latin word.
    None,
    /// A unit begins.
    Unit,
    /// A unit begins after a blank or punctuation.
    Blank,
}

/// Folds `text` into a [`Name`].
pub(crate) fn normalise(text: &str) -> Name {
    let mut name = Name { characters: Vec::with_capacity(32), borders: Vec::with_capacity(32), length: 0 };
    let mut after_blank = true;
    for character in fold(text).chars() {
        if is_common_ideograph(character) || character.is_alphanumeric() {
            let joins = |last: &char| !is_cjk(*last) && !is_cjk(character);
            name.borders.push(match name.characters.last() {
                _ if after_blank => Border::Blank,
                Some(last) if joins(last) => Border::None,
                _ => Border::Unit,
            });
            name.characters.push(character);
            after_blank = false;
        } else {
            // An apostrophe joins: "Xi'an" is one word.
            after_blank |= !matches!(character, '\'' | '\u{2019}');
        }
    }
    name.cut_legal_forms();
    name
}

/// NFKC and lower case, and without the (集团) in the middle of a name, which many leave out.
fn fold(text: &str) -> String {
    // NFKC leaves ASCII and the common ideographs alone, and most names have nothing else.
    let plain = text.chars().all(|character| character.is_ascii() || is_common_ideograph(character));
    let folded = if plain { text.to_ascii_lowercase() } else { text.nfkc().collect::<String>().to_lowercase() };
    if folded.contains("(集团)") { folded.replace("(集团)", "") } else { folded }
}

/// Whether `character` is one of nearly all that stand in Chinese names: spares a look into large tables.
const fn is_common_ideograph(character: char) -> bool {
    matches!(character, '\u{4E00}'..='\u{9FFF}')
}

/// Whether `character` is of a script without blanks between words: ideographs, kana, Hangul.
pub(crate) const fn is_cjk(character: char) -> bool {
    let kana_or_mark = matches!(character, '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30FF}');
    let hangul = matches!(character, '\u{AC00}'..='\u{D7A3}');
    kana_or_mark || hangul || matches!(character, '\u{3400}'..='\u{9FFF}' | '\u{20000}'..='\u{3FFFF}')
}

impl Name {
    /// Takes legal forms off the end for as long as two characters are left.
    fn cut_legal_forms(&mut self) {
        self.length = self.characters.len();
        while let Some(cut) = self.legal_form().filter(|cut| self.length >= cut + 2) {
            self.length -= cut;
        }
    }

    /// How many characters at the end are a legal form.
    fn legal_form(&self) -> Option<usize> {
        let core = self.core();
        let ends_in = |form: &&&str| {
            let mut end = core.iter().rev();
            form.chars().rev().all(|character| end.next() == Some(&character))
        };
        let last = *core.last()?;
        if is_cjk(last) {
            return CHINESE_LEGAL_FORMS.iter().find(|form| ends_in(form)).map(|form| form.chars().count());
        }
        let word = (0..self.length).rev().find(|place| self.is_border(*place))?;
        let is_word = |form: &&&str| form.chars().eq(core[word..].iter().copied());
        LATIN_LEGAL_WORDS.iter().find(is_word).map(|form| form.len())
    }

    /// Characters without the legal form.
    fn core(&self) -> &[char] {
        &self.characters[..self.length]
    }

    /// How many characters it has without the legal form.
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    /// Its text without the legal form and blanks: equal for names that mean the same.
    pub(crate) fn text(&self) -> String {
        self.core().iter().collect()
    }

    /// Whether it is all of `name` with a typing error in the legal form: 平安银行股份有很公司, 美的集都股份有限公司.
    pub(crate) fn misspells_legal_form_of(&self, name: &Self) -> bool {
        let complete = |name: &Self| Self { length: name.characters.len(), ..name.clone() };
        name.has_legal_form()
            && self.characters.starts_with(name.core())
            && complete(self).edits(&complete(name), true, 1).is_some()
    }

    /// Whether it came with a legal form, so that it is a name in full.
    pub(crate) const fn has_legal_form(&self) -> bool {
        self.length < self.characters.len()
    }

    /// How many of its characters are Chinese.
    pub(crate) fn cjk_len(&self) -> usize {
        self.core().iter().filter(|character| is_cjk(**character)).count()
    }

    /// Its parts between blanks and punctuation.
    pub(crate) fn tokens(&self) -> Vec<Self> {
        let begins = |place: &usize| self.borders[*place] == Border::Blank;
        let starts: Vec<usize> = (0..self.length).filter(begins).chain([self.length]).collect();
        starts.windows(2).map(|ends| self.part(ends[0], ends[1])).collect()
    }

    /// The part from one character to before another; up to the end, it keeps the legal form.
    pub(crate) fn part(&self, start: usize, end: usize) -> Self {
        let stop = if end == self.length { self.characters.len() } else { end };
        Self {
            characters: self.characters[start..stop].to_vec(),
            borders: self.borders[start..stop].to_vec(),
            length: end - start,
        }
    }

    /// Whether no unit goes on across the beginning of `place`.
    fn is_border(&self, place: usize) -> bool {
        place >= self.length || self.borders[place] > Border::None
    }

    /// Where `self` stands in `other`: from the beginning of a unit on, so that "tech" stands in "Hi-Tech" and in
    /// "Technology", not in "Biotech". One or two letters must be a word, as too many words begin with them.
    pub(crate) fn position_in(&self, other: &Self) -> Option<usize> {
        let word = self.length < 3 && self.core().last().is_some_and(|last| !is_cjk(*last));
        (0..other.length).find(|start| {
            other.is_border(*start)
                && other.characters[*start..].starts_with(self.core())
                && (!word || other.is_border(start + self.length))
        })
    }

    /// How many characters of `self` are wrong, missing, too many, or swapped with a neighbour, against `other` as a
    /// whole or against the part of it (of whole units) that is nearest; `None` if more than `limit`.
    pub(crate) fn edits(&self, other: &Self, whole: bool, limit: usize) -> Option<usize> {
        let (query, name) = (self.core(), other.core());
        // Cheap and enough to turn most candidates down: each character that the name lacks is an edit.
        let mut lacking = query.iter().filter(|character| !name.contains(character));
        if lacking.nth(limit).is_some() || (whole && query.len().abs_diff(name.len()) > limit) {
            return None;
        }
        // Optimal string alignment, row by row; `row[n]` is the edits between the query so far and a part ending at n.
        let far = limit + 1;
        let mut before = vec![far; name.len() + 1];
        let mut row: Vec<usize> = Vec::with_capacity(before.len());
        for place in 0..before.len() {
            let starts = place == 0 || (!whole && other.is_border(place));
            row.push(if starts { 0 } else { (row[place - 1] + 1).min(far) });
        }
        for (index, character) in query.iter().enumerate() {
            let mut next = Vec::with_capacity(row.len());
            next.push((index + 1).min(far));
            for place in 1..row.len() {
                let replaced = row[place - 1] + usize::from(*character != name[place - 1]);
                let mut edits = replaced.min(row[place] + 1).min(next[place - 1] + 1);
                let swapped = index > 0 && place > 1 && *character == name[place - 2];
                if swapped && query[index - 1] == name[place - 1] {
                    edits = edits.min(before[place - 2] + 1);
                }
                next.push(edits.min(far));
            }
            before = std::mem::replace(&mut row, next);
            if row.iter().chain(&before).all(|edits| *edits > limit) {
                return None;
            }
        }
        let ends = if whole { name.len() } else { 0 }..=name.len();
        ends.filter(|place| other.is_border(*place)).map(|place| row[place]).min().filter(|edits| *edits <= limit)
    }

    /// Adds its grams to `grams`: every two neighbours of a Chinese run, every three of a Latin one, and words of one or
    /// two letters. A single Chinese character has none.
    ///
    /// Threes run on across blanks: they make "Pingan" find "Ping An", and where a short word is wrong they are often
    /// the only rare ones left. Whole words instead of threes would find neither typing errors nor half-typed words.
    pub(crate) fn add_grams(&self, grams: &mut Vec<String>) {
        let mut add = |gram: &[char]| grams.push(gram.iter().collect());
        for run in self.core().chunk_by(|left, right| is_cjk(*left) == is_cjk(*right)) {
            run.windows(if is_cjk(run[0]) { 2 } else { 3 }).for_each(&mut add);
        }
        let mut start = 0;
        for end in (1..=self.length).filter(|end| self.is_border(*end)) {
            if end - start < 3 && !is_cjk(self.characters[start]) {
                add(&self.characters[start..end]);
            }
            start = end;
        }
    }

    /// Adds the gram of its beginning, which only the search for similar names uses: without it nothing rare is left of
    /// 长缆科技 when its second character is wrong.
    pub(crate) fn add_first_gram(&self, grams: &mut Vec<String>) {
        if let [first, rest @ ..] = self.core() {
            let letters = usize::from(!is_cjk(*first)).min(rest.len());
            grams.push(['^', *first].iter().chain(&rest[..letters]).collect());
        }
    }
}

/// The grams of an account: of all its names together, sorted and distinct. They are the column `grams`.
pub(crate) fn grams<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut grams = Vec::new();
    for name in names {
        let name = normalise(name);
        name.add_grams(&mut grams);
        name.add_first_gram(&mut grams);
    }
    sorted(grams)
}

/// `grams` sorted and distinct.
pub(crate) fn sorted(mut grams: Vec<String>) -> Vec<String> {
    grams.sort_unstable();
    grams.dedup();
    grams
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(name: &str) -> String {
        normalise(name).text()
    }

    #[test]
    fn folds_width_case_blanks_and_punctuation() {
        assert_eq!(text("万  科Ａ"), "万科a");
        assert_eq!(text("麦克（厦门）电气"), "麦克厦门电气");
        assert_eq!(text("Xi'an Hi-Tech"), "xianhitech");
        assert_eq!(text("＊ＳＴ《中兴》・通讯"), "st中兴通讯");
    }

    #[test]
    fn cuts_legal_forms_off_the_end() {
        for name in
            ["中兴通讯股份有限公司", "中兴通讯集团有限公司", "中兴通讯（集团）股份公司", "中兴通讯 有限责任公司"]
        {
            assert_eq!(text(name), "中兴通讯", "{name}");
            assert!(normalise(name).has_legal_form());
        }
        assert_eq!(text("万向集团公司"), "万向");
        assert_eq!(text("振业(集团)实业"), "振业实业");
        assert_eq!(text("CSG HOLDING CO.,LTD."), "csgholding");
        assert_eq!(text("ZTE Group Corporation Limited"), "zte");
        assert_eq!(text("深圳 co"), "深圳");
        for name in ["有限公司", "集团", "Group", "某公司", "Coca Cola", "中兴通讯股份"] {
            assert!(!normalise(name).has_legal_form(), "{name}");
        }
    }

    #[test]
    fn splits_into_tokens() {
        let tokens = |name: &str| normalise(name).tokens().iter().map(Name::text).collect::<Vec<_>>();
        assert_eq!(tokens(" 深圳  中兴,ZTE科技 有限公司"), ["深圳", "中兴", "zte科技"]);
        assert_eq!(tokens("…"), Vec::<String>::new());
    }

    #[test]
    fn grams_are_twos_and_threes() {
        assert_eq!(grams(["中兴通讯股份有限公司", "中兴"]), ["^中", "中兴", "兴通", "通讯"]);
        assert_eq!(grams(["Ping An"]), ["^pi", "an", "gan", "ing", "nga", "pin"]);
        assert_eq!(grams(["TCL科技3"]), ["3", "^tc", "tcl", "科技"]);
        assert_eq!(grams(["", "中"]), ["^中"]);
    }

    #[test]
    fn a_position_begins_with_a_unit() {
        let position = |part: &str, name: &str| normalise(part).position_in(&normalise(name));
        assert_eq!(position("tech", "Hi-Tech Park"), Some(2));
        assert_eq!(position("ping an", "Bank of PingAn"), Some(6));
        assert_eq!(position("a科", "万科A科"), Some(2));
        assert_eq!(position("通讯股", "中兴通讯股份有限公司"), Some(2));
        for (part, name) in [("ai", "Shanghai"), ("sh", "Shanghai"), ("有限", "中兴有限公司"), ("中兴通讯", "中兴")]
        {
            assert_eq!(position(part, name), None, "{part}");
        }
    }

    #[test]
    fn counts_edits_of_a_part_or_of_the_whole() {
        let edits = |part: &str, name: &str, whole| normalise(part).edits(&normalise(name), whole, 2);
        for (part, count) in
            [("中兴通讯", 0), ("中兴通迅", 1), ("中兴讯", 1), ("中兴大通讯", 1), ("中通兴讯", 1), ("终新通讯", 2)]
        {
            assert_eq!(edits(part, "深圳中兴通讯设备", false), Some(count), "{part}");
            assert_eq!(edits(part, "深圳中兴通讯设备", true), None, "{part}");
            assert_eq!(edits(part, "中兴通讯有限公司", true), Some(count), "{part}");
        }
        assert_eq!(edits("终新同讯", "中兴通讯", false), None);
        assert_eq!(edits("tencemt", "Shenzhen Tencent", false), Some(1));
        assert_eq!(edits("hanghei", "Shanghai", false), Some(2));
    }

    proptest! {
        #[test]
        fn whatever_is_contained_has_its_grams_contained(name in "[中兴通讯深圳市a-c ]{2,12}", start in 0..12_usize, count in 2..12_usize) {
            let part: String = name.chars().skip(start).take(count).collect();
            let (whole, part) = (normalise(&name), normalise(&part));
            let mut needed = Vec::new();
            part.add_grams(&mut needed);
            let held = grams([name.as_str()]);
            let is_word = |gram: &String| gram.len() < 3;
            if part.position_in(&whole).is_some() && !needed.iter().any(is_word) {
                prop_assert!(needed.iter().all(|gram| held.contains(gram)));
            }
        }

        #[test]
        fn no_text_breaks_it(name in ".{0,40}", other in ".{0,40}") {
            let (name, other) = (normalise(&name), normalise(&other));
            prop_assert_eq!(name.edits(&name, true, 1), Some(0));
            prop_assert!(name.len() == 0 || name.position_in(&name) == Some(0));
            let _ = (name.edits(&other, false, 2), name.position_in(&other), name.tokens());
        }
    }
}
