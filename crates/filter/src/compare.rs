//! One comparison of a field with a value.

use aip_160::Comparator;
use sqlx::types::Decimal;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::listing::{Field, Kind};
use crate::sql::{Sql, Value};

/// Characters of the user's text that a problem repeats.
const QUOTED_CHARS: usize = 24;

/// The condition, or the problem with it.
pub(crate) fn compare(field: &Field, operator: Comparator, literal: &str, quoted: bool) -> Result<Sql, String> {
    let (kind, column) = match field.kind {
        Kind::Shown(kind, path) => {
            (*kind, Sql::new("case when ").sight(path).text(" then ").text(field.column).text(" end"))
        }
        kind => (kind, Sql::new(field.column)),
    };
    if operator == Comparator::Has && literal == "*" && !quoted {
        return Ok(is_set(kind, column));
    }
    match kind {
        Kind::Text => Ok(text(column, operator, literal)),
        Kind::TextList if operator == Comparator::Has => {
            // Not `= any(..)`, which a GIN index cannot serve.
            Ok(column.text(" @> array[").value(Value::Text(literal.to_owned())).text("]"))
        }
        Kind::TextList | Kind::Shown(..) => Err("only : and an element, or :* for a list that is not empty".to_owned()),
        Kind::Enum(_) | Kind::Boolean | Kind::Id => match operator {
            Comparator::Equal | Comparator::NotEqual => Ok(column.text(symbol(operator)).value(value(kind, literal)?)),
            _ => Err("only = and !=, or :* for any value".to_owned()),
        },
        Kind::Integer | Kind::Decimal | Kind::Instant | Kind::Day => match operator {
            Comparator::Has => Err("only =, !=, <, <=, > and >=, or :* for any value".to_owned()),
            _ => Ok(column.text(symbol(operator)).value(value(kind, literal)?)),
        },
    }
}

fn is_set(kind: Kind, column: Sql) -> Sql {
    match kind {
        // Null and empty are the same on the wire.
        Kind::TextList => Sql::new("coalesce(cardinality(").then(column).text("), 0) > 0"),
        _ => column.text(" is not null"),
    }
}

fn symbol(operator: Comparator) -> &'static str {
    match operator {
        Comparator::Equal => " = ",
        Comparator::NotEqual => " <> ",
        Comparator::LessThan => " < ",
        Comparator::LessThanOrEqual => " <= ",
        Comparator::GreaterThan => " > ",
        Comparator::GreaterThanOrEqual => " >= ",
        Comparator::Has => " like ",
    }
}

fn text(column: Sql, operator: Comparator, literal: &str) -> Sql {
    let (start, core) = literal.strip_prefix('*').map_or(("", literal), |rest| ("%", rest));
    let (end, core) = core.strip_suffix('*').map_or(("", core), |rest| ("%", rest));
    let wildcard = start.len() + end.len() > 0;
    let (symbol, literal) = match operator {
        Comparator::Equal | Comparator::Has if wildcard => (" like ", format!("{start}{}{end}", escape(core))),
        Comparator::NotEqual if wildcard => (" not like ", format!("{start}{}{end}", escape(core))),
        Comparator::Has => (" like ", format!("%{}%", escape(core))),
        Comparator::Equal | Comparator::NotEqual => (symbol(operator), literal.to_owned()),
        // By code point, or the answer would depend on how the database was made.
        _ => return column.text(" collate \"C\"").text(symbol(operator)).value(Value::Text(literal.to_owned())),
    };
    column.text(symbol).value(Value::Text(literal))
}

/// The text as a pattern that matches only itself.
fn escape(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_")
}

fn value(kind: Kind, literal: &str) -> Result<Value, String> {
    let (value, wanted) = match kind {
        Kind::Enum(values) => return named(values, literal),
        Kind::Integer => (literal.parse().ok().map(Value::Integer), "a whole number"),
        Kind::Decimal => (decimal(literal).map(Value::Decimal), "a decimal number such as 12.50"),
        Kind::Boolean => (literal.parse().ok().map(Value::Boolean), "true or false"),
        Kind::Instant => (
            OffsetDateTime::parse(literal, &Rfc3339).ok().map(Value::Instant),
            "an RFC 3339 time such as \"2025-01-31T08:00:00Z\"",
        ),
        Kind::Day => (day(literal).map(Value::Day), "a date such as 2025-01-31"),
        Kind::Id => (Uuid::try_parse(literal).ok().map(Value::Id), "an id (UUID)"),
        Kind::Text | Kind::TextList | Kind::Shown(..) => (Some(Value::Text(literal.to_owned())), "a text"),
    };
    value.ok_or_else(|| format!("{} is not {wanted}", quote(literal)))
}

/// The value in the table of a value of an enum.
fn named(values: &[(&'static str, &'static str)], literal: &str) -> Result<Value, String> {
    let prefix = common_prefix(values);
    let short = |name: &'static str| name.strip_prefix(prefix).unwrap_or(name);
    let found = values.iter().find(|(name, _)| *name == literal || short(name) == literal);
    found.map(|(_, stored)| Value::Text((*stored).to_owned())).ok_or_else(|| {
        let names: Vec<_> = values.iter().map(|(name, _)| short(name)).collect();
        format!("{} is none of {}", quote(literal), names.join(", "))
    })
}

/// What all names begin with, up to an underscore; empty for a single name, where it cannot be told.
fn common_prefix(values: &[(&'static str, &'static str)]) -> &'static str {
    let Some(((first, _), rest)) = values.split_first().filter(|(_, rest)| !rest.is_empty()) else { return "" };
    let mut prefixes = first.match_indices('_').map(|(at, _)| &first[..=at]);
    prefixes.rfind(|prefix| rest.iter().all(|(name, _)| name.starts_with(prefix))).unwrap_or("")
}

fn decimal(literal: &str) -> Option<Decimal> {
    // Underscores between digits are Rust's, not AIP-160's.
    let plain = literal.bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte));
    plain.then(|| Decimal::from_str_exact(literal).ok()).flatten()
}

fn day(literal: &str) -> Option<Date> {
    // Years with a sign reach farther than the dates of Postgres.
    let plain = literal.len() == "2025-01-31".len() && literal.starts_with(|first: char| first.is_ascii_digit());
    plain.then(|| Date::parse(literal, format_description!("[year]-[month]-[day]")).ok()).flatten()
}

/// The beginning of a user's text, in quotes, short enough for what is said about it.
pub(crate) fn quote(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS) {
        Some((end, _)) => format!("\"{}…\"", &text[..end]),
        None => format!("\"{text}\""),
    }
}
