//! Search by name: which rows to fetch, and which of them are meant.
//!
//! Postgres finds candidates by grams (a GIN index on `grams text[]`), Rust decides. The caller runs the queries of
//! [`Query::plan`] in order, gives the rows of each to [`rank`], and stops at the first that leaves a hit.

use super::gram::Shares;
use super::name::{self, Name, normalise};

/// Rows that a candidate query returns at most.
pub(crate) const MAX_CANDIDATES: i64 = 300;

/// Longest text that is searched for. Registered names stay far below, and the work grows with the square.
pub(crate) const MAX_CHARACTERS: usize = 100;

/// Most tokens of which some are read as places; longer texts are names in full.
const MAX_PLACE_TOKENS: usize = 4;

/// What somebody looks for.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    whole: Name,
    /// The parts between blanks.
    tokens: Vec<Name>,
}

/// Why a text cannot be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueryError {
    /// It has no gram.
    #[error("a search by name needs two Chinese characters or a word")]
    TooShort,
    /// It has too many characters.
    #[error("a search by name has at most {MAX_CHARACTERS} characters")]
    TooLong,
}

/// The queries for candidates. `$n` are `text[]` parameters; each ends in `LIMIT` [`MAX_CANDIDATES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CandidatePlan {
    /// Run one after the other.
    pub(crate) contained: Vec<Contained>,
    /// Run last, where anything tells.
    pub(crate) similar: Similar,
}

/// `grams && $1`, sorted by how many of `$2` match, then shorter names first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Similar {
    /// `$1`: every name that is meant has one of them.
    pub(crate) telling: Vec<String>,
    /// `$2`.
    pub(crate) grams: Vec<String>,
}

/// `grams @> $1`, and each text of `$2` stands in the address or in the name of a territory above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contained {
    /// `$1`.
    pub(crate) grams: Vec<String>,
    /// `$2`; Chinese characters only, so there is nothing to escape in a pattern.
    pub(crate) places: Vec<String>,
    /// Whether to sort, shorter names first. Where every gram is common that would read a tenth of the table.
    pub(crate) sorted: bool,
}

/// A row that may be meant, as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Candidate<'a> {
    /// Legal name, short name, aliases.
    pub(crate) names: Vec<&'a str>,
    /// The address, or nothing.
    pub(crate) address: &'a str,
    /// Names of the territories above it.
    pub(crate) place_names: Vec<&'a str>,
}

impl Candidate<'_> {
    /// Whether `token` is one of its places.
    fn is_in(&self, token: &Name) -> bool {
        let text = token.text();
        is_place_like(token)
            && (self.address.contains(&text) || self.place_names.iter().any(|place| place.contains(&text)))
    }
}

/// How a candidate fits, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// A name is the query, or has it, but for a typing error or two.
    Similar,
    /// A name has the query in it, or each token is in a name or in a place.
    Contained,
    /// A name begins with the query.
    Prefix,
    /// A name is the query.
    Exact,
}

/// A candidate that is meant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hit {
    /// Its index among the candidates.
    pub(crate) index: usize,
    /// How it fits; what comes first in the order.
    pub(crate) fit: Fit,
    /// From 0 to 1, among hits that fit alike: how much of the query and of the name is common to both.
    pub(crate) closeness: f32,
}

impl Query {
    /// Reads what was typed.
    pub(crate) fn parse(text: &str) -> Result<Self, QueryError> {
        if text.chars().count() > MAX_CHARACTERS {
            return Err(QueryError::TooLong);
        }
        let whole = normalise(text);
        // Compatibility characters can unfold into many.
        if whole.len() > MAX_CHARACTERS {
            return Err(QueryError::TooLong);
        }
        if grams_of(std::slice::from_ref(&whole)).is_empty() {
            return Err(QueryError::TooShort);
        }
        Ok(Self { tokens: whole.tokens(), whole })
    }

    /// Which rows to fetch.
    pub(crate) fn plan(&self, shares: &Shares) -> CandidatePlan {
        let is_rare = |gram: &String| shares.is_rare(gram);
        let tokens = grams_of(&self.tokens);
        // 万 科: no token has a gram, only both together.
        let grams = if tokens.is_empty() { grams_of(std::slice::from_ref(&self.whole)) } else { tokens };
        let mut contained = vec![Contained { sorted: grams.iter().any(is_rare), grams, places: Vec::new() }];
        for (places, name) in self.places_and_name() {
            let grams = grams_of(&name);
            if grams.iter().any(is_rare) {
                contained.push(Contained { grams, places: places.iter().map(Name::text).collect(), sorted: true });
            }
        }
        let telling = self.rests().iter().flat_map(|rest| shares.telling(rest, Tolerance::of(rest).edits)).collect();
        let mut grams = grams_of(std::slice::from_ref(&self.whole));
        self.whole.add_first_gram(&mut grams);
        CandidatePlan { contained, similar: Similar { telling: name::sorted(telling), grams } }
    }

    /// What is left when tokens at both ends are taken for places, itself included.
    fn rests(&self) -> Vec<Name> {
        let mut ends = vec![0];
        ends.extend(self.tokens.iter().scan(0, |end, token| {
            *end += token.len();
            Some(*end)
        }));
        let mut rests = vec![self.whole.clone()];
        if self.tokens.len() <= MAX_PLACE_TOKENS {
            let pairs = ends.iter().flat_map(|start| ends.iter().map(move |end| (*start, *end)));
            let parts = pairs.filter(|(start, end)| start + 2 <= *end && end - start < self.whole.len());
            rests.extend(parts.map(|(start, end)| self.whole.part(start, end)));
        }
        rests
    }

    /// The ways to read it as places before or after a name.
    fn places_and_name(&self) -> Vec<(Vec<Name>, Vec<Name>)> {
        let mut readings: Vec<_> =
            self.place_then_name().into_iter().map(|(place, name)| (vec![place], vec![name])).collect();
        if self.tokens.len() <= MAX_PLACE_TOKENS {
            for count in 1..self.tokens.len() {
                let (head, tail) = self.tokens.split_at(count);
                readings.push((head.to_vec(), tail.to_vec()));
                readings.push((tail.to_vec(), head.to_vec()));
            }
        }
        readings.retain(|(places, _)| places.iter().all(is_place_like));
        readings
    }

    /// The ways to read one token as a place and a name without a blank between them: 深圳中兴, 深圳市中兴.
    fn place_then_name(&self) -> Vec<(Name, Name)> {
        let length = self.whole.len();
        if self.tokens.len() > 1 {
            return Vec::new();
        }
        let places = [2, 3].into_iter().filter(|place| place + 2 <= length);
        places.map(|place| (self.whole.part(0, place), self.whole.part(place, length))).collect()
    }
}

/// Whether `token` may be the name of a place in China.
fn is_place_like(token: &Name) -> bool {
    token.len() >= 2 && token.cjk_len() == token.len()
}

fn grams_of(names: &[Name]) -> Vec<String> {
    let mut grams = Vec::new();
    for name in names {
        name.add_grams(&mut grams);
    }
    name::sorted(grams)
}

/// The candidates that are meant, best first; equals stay as they came. None, where nothing like the query exists.
pub(crate) fn rank(query: &Query, candidates: &[Candidate<'_>]) -> Vec<Hit> {
    let judge = Judge { query, split: query.place_then_name() };
    let fits = candidates.iter().map(|candidate| judge.best_fit(candidate)).enumerate();
    let hit = |(index, fit): (usize, Option<_>)| fit.map(|(fit, closeness)| Hit { index, fit, closeness });
    let mut hits: Vec<Hit> = fits.filter_map(hit).collect();
    hits.sort_by(|left, right| right.fit.cmp(&left.fit).then(right.closeness.total_cmp(&left.closeness)));
    // What exists as it was typed was not misspelt.
    if hits.first().is_some_and(|best| best.fit > Fit::Similar) {
        hits.retain(|hit| hit.fit > Fit::Similar);
    }
    hits
}

/// How many typing errors are forgiven.
struct Tolerance {
    edits: usize,
    /// Whether only a legal name as a whole will do, not a part of it.
    full_names_only: bool,
}

impl Tolerance {
    fn of(query: &Name) -> Self {
        let cjk = query.cjk_len();
        let latin = query.len() - cjk;
        // Letters say less than Chinese characters: one error from 4 characters or 5 letters on, two from 12 or 15.
        let weight = 5 * cjk + 4 * latin;
        let edits = usize::from(weight >= 20) + usize::from(weight >= 60);
        // Who gives the legal form gives the whole name: that is what makes an error in so short a one bearable, and
        // keeps 某联科技有限公司 from finding every 联科技.
        let full_names_only = latin == 0 && cjk < 6 && query.has_legal_form();
        Self { edits: edits.max(usize::from(full_names_only && cjk > 2)), full_names_only }
    }
}

/// A query with what is the same for all candidates.
struct Judge<'a> {
    query: &'a Query,
    split: Vec<(Name, Name)>,
}

impl Judge<'_> {
    fn best_fit(&self, candidate: &Candidate<'_>) -> Option<(Fit, f32)> {
        let names: Vec<Name> = candidate.names.iter().map(|name| normalise(name)).collect();
        best(&names, |name| self.whole_fit(name))
            .or_else(|| self.split_fit(candidate, &names))
            .or_else(|| self.token_fit(candidate, &names))
            .or_else(|| {
                best(&names, |name| self.query.whole.misspells_legal_form_of(name).then_some((Fit::Similar, 1.0)))
            })
            .or_else(|| best(&names, |name| self.similar_fit(&self.query.whole, name)))
            .or_else(|| self.similar_rest_fit(candidate, &names))
    }

    fn whole_fit(&self, name: &Name) -> Option<(Fit, f32)> {
        let whole = &self.query.whole;
        let fit = match whole.position_in(name)? {
            0 if whole.len() == name.len() => Fit::Exact,
            0 => Fit::Prefix,
            _ => Fit::Contained,
        };
        Some((fit, self.closeness(whole.len(), name)))
    }

    /// One token, its beginning a place and the rest in a name.
    fn split_fit(&self, candidate: &Candidate<'_>, names: &[Name]) -> Option<(Fit, f32)> {
        let (_, rest) = self.split.iter().find(|(place, rest)| {
            candidate.is_in(place) && names.iter().any(|name| rest.position_in(name).is_some())
        })?;
        best(names, |name| rest.position_in(name).map(|_| (Fit::Contained, self.closeness(rest.len(), name))))
    }

    /// Every token in a name or a place, and more than a letter of them in a name.
    fn token_fit(&self, candidate: &Candidate<'_>, names: &[Name]) -> Option<(Fit, f32)> {
        let tokens = &self.query.tokens;
        let in_name = |token: &Name| names.iter().any(|name| token.position_in(name).is_some());
        if tokens.len() < 2 || !tokens.iter().all(|token| in_name(token) || candidate.is_in(token)) {
            return None;
        }
        let found = |name: &Name| {
            let common = tokens.iter().filter(|token| token.position_in(name).is_some()).map(Name::len).sum();
            (common > 1).then(|| (Fit::Contained, self.closeness(common, name)))
        };
        best(names, found)
    }

    fn similar_fit(&self, query: &Name, name: &Name) -> Option<(Fit, f32)> {
        let tolerance = Tolerance::of(query);
        if tolerance.full_names_only && !name.has_legal_form() {
            return None;
        }
        let edits = query.edits(name, tolerance.full_names_only, tolerance.edits)?;
        Some((Fit::Similar, self.closeness(query.len() - edits, name)))
    }

    /// A name much like the query without the places before and after it.
    fn similar_rest_fit(&self, candidate: &Candidate<'_>, names: &[Name]) -> Option<(Fit, f32)> {
        let Query { whole, tokens } = self.query;
        let is_place = |token: &&Name| candidate.is_in(token);
        let start: usize = tokens.iter().take_while(is_place).map(Name::len).sum();
        let end = whole.len() - tokens.iter().rev().take_while(is_place).map(Name::len).sum::<usize>();
        if start + 2 > end || end - start == whole.len() {
            return None;
        }
        let rest = whole.part(start, end);
        // Every city has a company that differs from a made-up one in one of four characters: there the first two, which
        // are no trade, must be right.
        if rest.len() < 5 && !names.iter().any(|name| rest.part(0, 2).position_in(name).is_some()) {
            return None;
        }
        best(names, |name| self.similar_fit(&rest, name))
    }

    /// Twice the common characters over all of both: Dice's coefficient.
    fn closeness(&self, common: usize, name: &Name) -> f32 {
        let number = |count: usize| f32::from(u16::try_from(count).unwrap_or(u16::MAX));
        let common = common.min(name.len());
        2.0 * number(common) / number(self.query.whole.len() + name.len())
    }
}

fn best(names: &[Name], fit: impl Fn(&Name) -> Option<(Fit, f32)>) -> Option<(Fit, f32)> {
    names.iter().filter_map(fit).max_by(|left, right| left.0.cmp(&right.0).then(left.1.total_cmp(&right.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZTE: [&str; 3] = ["中兴通讯股份有限公司", "中兴通讯", "ZTE Corporation"];
    const PING_AN: [&str; 2] = ["中国平安保险（集团）股份有限公司", "Ping An Insurance (Group) Company of China, Ltd."];
    const VANKE: [&str; 2] = ["万科企业股份有限公司", "万  科Ａ"];
    const TENCENT: [&str; 2] = ["深圳市腾讯计算机系统有限公司", "Shenzhen Tencent Computer Systems Company Limited"];

    fn query(text: &str) -> Query {
        Query::parse(text).unwrap()
    }

    fn in_shenzhen<'a>(names: &[&'a str]) -> Candidate<'a> {
        Candidate {
            names: names.to_vec(), address: "广东省深圳市南山区科技南路55号", place_names: vec!["深圳市"]
        }
    }

    fn search(text: &str) -> Vec<(usize, Fit)> {
        let names: [&[&str]; 4] = [&ZTE, &PING_AN, &VANKE, &TENCENT];
        rank(&query(text), &names.map(in_shenzhen)).iter().map(|hit| (hit.index, hit.fit)).collect()
    }

    /// `queries` are separated by 、.
    fn assert_all(queries: &str, expected: &[(usize, Fit)]) {
        for text in queries.split('、') {
            assert_eq!(search(text), expected, "{text}");
        }
    }

    fn contained(grams: &str, places: &str, sorted: bool) -> Contained {
        Contained { grams: texts(grams), places: texts(places), sorted }
    }

    fn texts(grams: &str) -> Vec<String> {
        grams.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn finds_names_as_they_are_typed() {
        assert_all("中兴通讯股份有限公司、中兴通讯、中兴通讯 有限公司、ＺＴＥ、zte corp.", &[(0, Fit::Exact)]);
        assert_all("中兴、中兴通讯股份、中兴通讯股份有限", &[(0, Fit::Prefix)]);
        assert_all("PingAn、ping an、中国平安", &[(1, Fit::Prefix)]);
        assert_all("中国平安保险集团、中国平安保险(集团)有限公司", &[(1, Fit::Exact)]);
        assert_all("万科A、万 科 Ａ", &[(2, Fit::Exact)]);
        assert_all("腾讯计算机、Tencent shenzhen", &[(3, Fit::Contained)]);
    }

    #[test]
    fn a_token_may_be_a_place_but_not_all_of_them() {
        assert_all("深圳 中兴、中兴 深圳、广东 深圳市 中兴、深圳中兴、深圳市中兴、南山区 ZTE", &[(0, Fit::Contained)]);
        assert_all("北京 中兴、北京中兴、广东 南山、广东南山、Beijing 中兴、科技南路", &[]);
    }

    #[test]
    fn forgives_typing_errors() {
        assert_all(
            "中兴通迅、中通兴讯、中兴信通讯、中兴通迅有限公司、中通讯股份有限公司、深圳 中兴通迅",
            &[(0, Fit::Similar)],
        );
        assert_all("平安保俭", &[(1, Fit::Similar)]);
        assert_all("深圳市疼讯计算机系统有限公司、Tenzent、shenzhen tencent computor sistems", &[(3, Fit::Similar)]);
        assert_all("中新、中兴迅、ZTF、Tenzemt、深圳 中新通讯、平安保俭有限公司", &[]);
    }

    #[test]
    fn what_does_not_exist_is_not_found() {
        assert_all("北京不存在的科技有限公司、某某市测试贸易有限公司、深圳 不存在", &[]);
        assert_all("深圳市某某计算机系统有限公司、Nonexistent Trading Co., Ltd.、hen", &[]);
    }

    #[test]
    fn the_best_comes_first_and_equals_stay() {
        let names = ["新中兴科技有限公司", "中兴科技发展有限公司", "中兴科技有限公司", "中兴科技集团", "中兴利技公司"];
        let hits = rank(&query("中兴科技"), &names.map(|name| in_shenzhen(&[name])));
        assert_eq!(hits.iter().map(|hit| hit.index).collect::<Vec<_>>(), [2, 3, 1, 0]);
        assert_eq!(hits[0], Hit { index: 2, fit: Fit::Exact, closeness: 1.0 });
    }

    #[test]
    fn a_plan_leaves_common_grams_to_the_contained_search() {
        let common = Shares::new(1e6, texts("深圳 科技 ^深").into_iter().map(|gram| (gram, 0.02)));
        let plan = query("深圳 中兴").plan(&common);
        assert_eq!(plan.contained, [contained("中兴 深圳", "", true), contained("中兴", "深圳", true)]);
        assert_eq!(plan.similar.telling, texts("中兴 圳中"));
        assert_eq!(query("深圳科技").plan(&common).contained, [contained("圳科 深圳 科技", "", true)]);
        assert_eq!(query("科技").plan(&common).contained, [contained("科技", "", false)]);
        assert_eq!(query("万 科").plan(&common).contained, [contained("万科", "", true)]);
        assert_eq!(query("Ping An").plan(&common).contained, [contained("an ing pin", "", true)]);
    }

    #[test]
    fn refuses_what_cannot_be_searched_for() {
        for text in ["", " ", "中", "（）"] {
            assert_eq!(Query::parse(text).err(), Some(QueryError::TooShort), "{text}");
        }
        assert_eq!(Query::parse(&"中".repeat(101)).err(), Some(QueryError::TooLong));
        assert_eq!(Query::parse(&"㍿".repeat(30)).err(), Some(QueryError::TooLong));
    }

    #[test]
    fn a_typing_error_in_the_legal_form_is_forgiven() {
        assert_all("中兴通讯股份有很公司、中兴通讯股份有限公同、中兴通讯股粉有限公司", &[(0, Fit::Similar)]);
    }
}
