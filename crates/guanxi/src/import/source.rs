//! Where the value of a field comes from, and what is done to it on the way.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use guanxi_proto::imports::v1::RowViolation;
use serde::Deserialize;

use super::lines::Encoding;
use super::number::Format;
use super::records::Records;
use super::template::{Missing, Reading, Template, trim};
use crate::wording::{Language, pick};

/// Characters of the known values that a rejection shows.
const MAX_KNOWN: usize = 200;

/// A source as a map writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceText {
    from: Option<String>,
    value: Option<String>,
    #[serde(default = "yes")]
    trim: bool,
    #[serde(default)]
    ignore: Vec<String>,
    split: Option<String>,
    table: Option<BTreeMap<String, String>>,
    lookup: Option<LookupText>,
    #[serde(default)]
    unknown: Unknown,
    thousands: Option<char>,
    decimal: Option<char>,
    times: Option<i64>,
}

/// A lookup as a map writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LookupText {
    file: PathBuf,
    key: String,
    value: String,
    #[serde(default)]
    encoding: Encoding,
}

/// What becomes of a value that a table or a lookup does not have.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Unknown {
    #[default]
    Reject,
    Keep,
    Ignore,
}

fn yes() -> bool {
    true
}

/// Values by what stands in the file.
#[derive(Debug)]
struct Lookup {
    values: HashMap<String, String>,
    /// Where they are from, for people.
    place: String,
}

/// A source whose lookups were read.
#[derive(Debug)]
pub(super) struct Source {
    text: SourceText,
    lookups: Vec<Lookup>,
}

impl SourceText {
    /// A column, or a template, and nothing else.
    pub(super) fn column(name: &str) -> Self {
        let (from, ignore, unknown) = (Some(name.to_owned()), Vec::new(), Unknown::Reject);
        let (value, split, table, lookup) = (None, None, None, None);
        Self {
            from,
            value,
            trim: true,
            ignore,
            split,
            table,
            lookup,
            unknown,
            thousands: None,
            decimal: None,
            times: None,
        }
    }

    /// A column with a `name=value` on each line of a cell.
    pub(super) fn pairs(name: &str) -> Self {
        Self { trim: false, ..Self::column(name) }
    }

    /// Reads the lookup, relative to the folder of the map, and adds the digest of its file. The error is for people.
    pub(super) fn load(self, folder: &Path, digests: &mut Vec<[u8; 32]>, language: Language) -> Result<Source, String> {
        if self.from.is_some() == self.value.is_some() {
            return Err(pick(
                language,
                "须写明 from（列）或 value（常量）之一",
                "needs either from (a column) or value (a constant)",
            ));
        }
        let mut lookups = Vec::new();
        if let Some(table) = &self.table {
            let values = table.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
            let known = table.keys().map(String::as_str).collect::<Vec<_>>().join(&pick(language, "、", ", "));
            let shown: String = known.chars().take(MAX_KNOWN).collect();
            lookups.push(Lookup { values, place: if shown == known { known } else { format!("{shown}…") } });
        }
        if let Some(lookup) = &self.lookup {
            lookups.push(lookup.load(folder, digests, language)?);
        }
        Ok(Source { text: self, lookups })
    }
}

impl LookupText {
    fn load(&self, folder: &Path, digests: &mut Vec<[u8; 32]>, language: Language) -> Result<Lookup, String> {
        let path = folder.join(&self.file);
        let place = path.display();
        let unreadable = |fault| super::file::refuse(language, &path, self.encoding, fault, 0).to_string();
        let mut records = Records::open(&path, self.encoding, ',').map_err(unreadable)?;
        let mut missing = Vec::new();
        let [key, value] = [&self.key, &self.value].map(|text| Template::bind(text, &records.header, &mut missing));
        if !missing.is_empty() {
            return Err(super::file::missing_columns(language, &path, &missing, &records.header).to_string());
        }
        let reading = Reading { trim: true, ignore: &[] };
        let mut values = HashMap::new();
        while let Some(record) = records.next().map_err(unreadable)? {
            let line = record.line;
            let Ok(cells) = record.cells else {
                return Err(pick(
                    language,
                    format!("{place} 第 {line} 行不完整"),
                    format!("line {line} of {place} is broken"),
                ));
            };
            let (key, value) = (key.fill(&cells, &reading), value.fill(&cells, &reading));
            let known = values.entry(key).or_insert_with(|| value.clone());
            if *known != value {
                let zh = format!("{place} 第 {line} 行：同一个键已有另一个值“{known}”");
                return Err(pick(
                    language,
                    zh,
                    format!("line {line} of {place}: the key stands there before with the value \"{known}\""),
                ));
            }
        }
        digests.push(records.into_lines().digest());
        Ok(Lookup {
            values,
            place: pick(language, format!("{place} 中“{}”列的值", self.key), format!("a {} of {place}", self.key)),
        })
    }
}

/// A source with the columns of a table.
#[derive(Debug)]
pub(super) struct BoundSource<'a> {
    source: &'a Source,
    template: Option<Template>,
    number: Option<Format>,
}

impl Source {
    pub(super) fn bind(&self, header: &[String], missing: &mut Vec<Missing>) -> BoundSource<'_> {
        let template = self.text.from.as_ref().map(|from| Template::bind(from, header, missing));
        let SourceText { thousands, decimal, times, .. } = self.text;
        let number = (thousands.is_some() || decimal.is_some() || times.is_some()).then(|| Format {
            thousands,
            decimal: decimal.unwrap_or('.'),
            times: times.unwrap_or(1),
        });
        BoundSource { source: self, template, number }
    }
}

impl BoundSource<'_> {
    pub(super) fn columns(&self) -> impl Iterator<Item = usize> {
        self.template.iter().flat_map(Template::columns)
    }

    /// The values for one record; none where it says nothing.
    pub(super) fn values(
        &self,
        field: &str,
        cells: &[String],
        language: Language,
    ) -> Result<Vec<String>, RowViolation> {
        let text = &self.source.text;
        let Some(template) = &self.template else { return Ok(text.value.iter().cloned().collect()) };
        let filled = template.fill(cells, &Reading { trim: text.trim, ignore: &text.ignore });
        if filled.contains('\u{FFFD}') {
            let zh = format!("“{filled}”含有 U+FFFD：文字在更早的转换中已损坏，请从源系统重新导出。");
            let en = format!(
                "\"{filled}\" holds U+FFFD: an earlier conversion destroyed the text; export it from its source again."
            );
            return Err(violation(field, "FORMAT", pick(language, zh, en)));
        }
        let pieces = match &text.split {
            Some(separator) => filled.split(separator.as_str()).map(trim).map(str::to_owned).collect(),
            None => vec![filled],
        };
        let mut values = Vec::new();
        for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
            values.extend(self.translate(field, piece, language)?);
        }
        Ok(values)
    }

    fn translate(&self, field: &str, mut value: String, language: Language) -> Result<Option<String>, RowViolation> {
        for lookup in &self.source.lookups {
            match (lookup.values.get(&value), self.source.text.unknown) {
                (Some(found), _) => value.clone_from(found),
                (None, Unknown::Keep) => {}
                (None, Unknown::Ignore) => return Ok(None),
                (None, Unknown::Reject) => {
                    let place = &lookup.place;
                    let zh = format!("“{value}”不在对照表中，可用：{place}。");
                    return Err(violation(
                        field,
                        "UNKNOWN_VALUE",
                        pick(language, zh, format!("\"{value}\" is not in the table; known: {place}.")),
                    ));
                }
            }
        }
        if let Some(format) = self.number.filter(|_| !value.is_empty()) {
            let Some(number) = format.read(&value) else {
                let zh = format!("“{value}”不是映射所述格式的数字。");
                let en = format!("\"{value}\" is not a number as the map describes it.");
                return Err(violation(field, "FORMAT", pick(language, zh, en)));
            };
            value = number;
        }
        Ok(Some(value).filter(|value| !value.is_empty()))
    }
}

/// A reason why a row does not land.
pub(super) fn violation(field: &str, reason: &str, message: String) -> RowViolation {
    RowViolation { field: field.to_owned(), reason: reason.to_owned(), message }
}
