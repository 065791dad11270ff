//! Maps: which field comes from which column. docs/IMPORT.md describes the format.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use guanxi_proto::imports::v1::RowViolation;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::Value;

use super::lines::Encoding;
use super::noun::{Field, Shape};
use super::source::{BoundSource, Source, SourceText, violation};
use super::template::Missing;
use crate::wording::{Failure, Language, pick};

/// A map as its file writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MapText {
    noun: String,
    encoding: Option<Encoding>,
    #[serde(default = "comma")]
    delimiter: char,
    #[serde(default)]
    absent_columns: AbsentColumns,
    fields: toml::Table,
}

/// What becomes of a column that the map names and the file does not have.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum AbsentColumns {
    #[default]
    Refuse,
    Empty,
}

fn comma() -> char {
    ','
}

/// A map whose lookups were read.
#[derive(Debug)]
pub(super) struct Map {
    path: PathBuf,
    pub(super) encoding: Option<Encoding>,
    pub(super) delimiter: char,
    absent_columns: AbsentColumns,
    fields: Vec<MappedField>,
    /// Of the map and its lookups.
    pub(super) digest: [u8; 32],
}

/// A field and its sources.
#[derive(Debug)]
struct MappedField {
    field: &'static Field,
    /// For a field by name: the name; nothing where cells hold `name=value` lines.
    name: Option<String>,
    sources: Vec<Source>,
}

impl Map {
    /// Reads a map of a noun with these fields. `text` is that of the map at `path`; lookups are relative to its folder.
    pub(super) fn read(
        path: &Path,
        text: &str,
        noun: &'static str,
        fields: &'static [Field],
        language: Language,
    ) -> Result<Self, Failure> {
        let wrong = |problem: String| {
            let path = path.display();
            Failure::new(
                language,
                format!("映射 {path} 有误：{problem}"),
                format!("the map {path} is wrong: {problem}"),
            )
        };
        let map: MapText = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if map.noun != noun {
            let found = &map.noun;
            return Err(wrong(pick(
                language,
                format!("它用于 {found}，不是 {noun}"),
                format!("it is for {found}, not for {noun}"),
            )));
        }
        let mut reader = Reader {
            folder: path.parent().unwrap_or(Path::new("")),
            fields,
            language,
            digests: Vec::new(),
            read: Vec::new(),
        };
        for (name, value) in map.fields {
            reader.field(&name, value).map_err(wrong)?;
        }
        let mut digest = Sha256::new_with_prefix(text);
        reader.digests.iter().for_each(|lookup| digest.update(lookup));
        Ok(Self {
            path: path.to_owned(),
            encoding: map.encoding,
            delimiter: map.delimiter,
            absent_columns: map.absent_columns,
            fields: reader.read,
            digest: digest.finalize().into(),
        })
    }

    /// Finds the columns of the map in the header of a file.
    pub(super) fn bind(&self, file: &Path, header: &[String], language: Language) -> Result<BoundMap<'_>, Failure> {
        let mut missing = Vec::new();
        let fields: Vec<BoundField<'_>> = self
            .fields
            .iter()
            .map(|mapped| BoundField {
                field: mapped.field,
                name: mapped.name.as_deref(),
                sources: mapped.sources.iter().map(|source| source.bind(header, &mut missing)).collect(),
            })
            .collect();
        if self.absent_columns == AbsentColumns::Empty {
            missing.retain(|missing| matches!(missing, Missing::Ambiguous(_)));
        }
        if !missing.is_empty() {
            return Err(super::file::missing_columns(language, file, &missing, header));
        }
        let used: Vec<usize> =
            fields.iter().flat_map(|field| field.sources.iter().flat_map(BoundSource::columns)).collect();
        let unused = header.iter().enumerate().filter(|(index, name)| !used.contains(index) && !name.is_empty());
        let unused: Vec<String> = unused.map(|(_, name)| name.clone()).collect();
        if used.is_empty() {
            let (path, columns) = (self.path.display(), header.join(", "));
            let zh = format!("映射 {path} 没有用到 {} 的任何一列；文件的列：{columns}", file.display());
            return Err(Failure::new(
                language,
                zh,
                format!("the map {path} uses no column of {}; it has: {columns}", file.display()),
            ));
        }
        Ok(BoundMap { fields, unused, language })
    }
}

/// Reads the `[fields]` of a map.
struct Reader<'a> {
    folder: &'a Path,
    fields: &'static [Field],
    language: Language,
    digests: Vec<[u8; 32]>,
    read: Vec<MappedField>,
}

impl Reader<'_> {
    /// Reads a field at a dotted path: `name.zh = …` arrives as the table `name` with `zh` in it.
    fn field(&mut self, path: &str, value: Value) -> Result<(), String> {
        let known = self.fields.iter().find(|field| field.path == path);
        match (known, value) {
            (Some(field), Value::Table(by_name)) if field.shape == Shape::Named => {
                for (name, value) in by_name {
                    let sources = self.sources(&format!("{path}.{name}"), value, SourceText::column)?;
                    self.read.push(MappedField { field, name: Some(name), sources });
                }
                Ok(())
            }
            (Some(field), value) => {
                let text = if field.shape == Shape::Named { SourceText::pairs } else { SourceText::column };
                let sources = self.sources(path, value, text)?;
                self.read.push(MappedField { field, name: None, sources });
                Ok(())
            }
            (None, Value::Table(parts))
                if self.fields.iter().any(|field| field.path.starts_with(&format!("{path}."))) =>
            {
                parts.into_iter().try_for_each(|(part, value)| self.field(&format!("{path}.{part}"), value))
            }
            (None, _) => {
                let known = self.fields.iter().map(|field| field.path).collect::<Vec<_>>().join(", ");
                Err(pick(
                    self.language,
                    format!("没有字段 {path}；可用：{known}"),
                    format!("there is no field {path}; there are: {known}"),
                ))
            }
        }
    }

    /// A column, a source, or several of them.
    fn sources(&mut self, path: &str, value: Value, text: fn(&str) -> SourceText) -> Result<Vec<Source>, String> {
        let values = if let Value::Array(several) = value { several } else { vec![value] };
        let mut sources = Vec::new();
        for value in values {
            let source = match value {
                Value::String(column) => text(&column),
                value => value.try_into().map_err(|error: toml::de::Error| format!("{path}: {}", error.message()))?,
            };
            let source = source.load(self.folder, &mut self.digests, self.language);
            sources.push(source.map_err(|problem| format!("{path}: {problem}"))?);
        }
        Ok(sources)
    }
}

/// A map with the columns of a file.
pub(super) struct BoundMap<'a> {
    fields: Vec<BoundField<'a>>,
    /// The columns that it does not use.
    pub(super) unused: Vec<String>,
    language: Language,
}

struct BoundField<'a> {
    field: &'static Field,
    name: Option<&'a str>,
    sources: Vec<BoundSource<'a>>,
}

/// What a record says.
#[derive(Debug, Default)]
pub(crate) struct Values {
    plain: BTreeMap<&'static str, Vec<String>>,
    named: BTreeMap<&'static str, Vec<(String, String)>>,
}

impl Values {
    /// The value of a field, or nothing.
    pub(super) fn one(&mut self, field: &str) -> String {
        self.many(field).into_iter().next().unwrap_or_default()
    }

    /// All values of a field.
    pub(super) fn many(&mut self, field: &str) -> Vec<String> {
        self.plain.remove(field).unwrap_or_default()
    }

    /// The values of a field by name.
    pub(super) fn named(&mut self, field: &str) -> Vec<(String, String)> {
        self.named.remove(field).unwrap_or_default()
    }
}

impl BoundMap<'_> {
    /// What a record says, or everything that is wrong with it.
    pub(super) fn values(&self, cells: &[String]) -> Result<Values, Vec<RowViolation>> {
        let (mut values, mut wrong) = (Values::default(), Vec::new());
        for field in &self.fields {
            if let Err(violation) = field.read(cells, self.language, &mut values) {
                wrong.push(violation);
            }
        }
        if wrong.is_empty() { Ok(values) } else { Err(wrong) }
    }
}

impl BoundField<'_> {
    fn read(&self, cells: &[String], language: Language, values: &mut Values) -> Result<(), RowViolation> {
        let mut path = format!("{}{}", self.field.root, self.field.path);
        if let Some(name) = self.name {
            path = format!("{path}.{name}");
        }
        let mut found = Vec::new();
        for source in &self.sources {
            found.extend(source.values(&path, cells, language)?);
            // Several sources of one value: the first that says something.
            if !found.is_empty()
                && self.field.shape != Shape::Many
                && (self.field.shape == Shape::One || self.name.is_some())
            {
                break;
            }
        }
        match (self.field.shape, self.name) {
            (Shape::One | Shape::Many, _) => values.plain.entry(self.field.path).or_default().extend(found),
            (Shape::Named, Some(name)) => {
                let first = found.into_iter().next().map(|value| (name.to_owned(), value));
                values.named.entry(self.field.path).or_default().extend(first);
            }
            (Shape::Named, None) => {
                for line in found.iter().flat_map(|cell| cell.lines()).filter(|line| !line.trim().is_empty()) {
                    let Some((name, value)) = line.split_once('=') else {
                        let zh = format!("“{line}”不是“名称=值”。");
                        return Err(violation(
                            &path,
                            "FORMAT",
                            pick(language, zh, format!("\"{line}\" is not name=value.")),
                        ));
                    };
                    values.named.entry(self.field.path).or_default().push((name.to_owned(), value.to_owned()));
                }
            }
        }
        Ok(())
    }
}
