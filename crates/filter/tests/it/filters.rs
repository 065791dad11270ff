//! Random filters find what the same condition finds in Rust.

use std::cmp::Ordering;

use guanxi_filter::PageRequest;
use sqlx::{PgConnection, Row};
use time::format_description::well_known::Rfc3339;

use crate::random::Random;
use crate::thing::{self, TAGS, TEXTS, THINGS, TIERS, Thing, table};

/// True, false, or neither because something is not set.
type Truth = Option<bool>;

/// A filter, and what it says of a row.
struct Condition {
    text: String,
    holds: Box<dyn Fn(&Thing) -> Truth>,
}

fn condition(text: String, holds: impl Fn(&Thing) -> Truth + 'static) -> Condition {
    Condition { text, holds: Box::new(holds) }
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Any condition; the deeper the simpler.
fn random_condition(random: &mut Random, depth: u32) -> Condition {
    if depth == 0 || random.below(4) == 0 {
        return comparison(random);
    }
    if random.below(4) == 0 {
        let inner = random_condition(random, depth - 1);
        let text = format!("{}({})", random.pick(&["-", "NOT "]), inner.text);
        return condition(text, move |row| (inner.holds)(row).map(|truth| !truth));
    }
    let (either, separator) = *random.pick(&[(true, " OR "), (false, " AND "), (false, " ")]);
    let parts: Vec<_> = (0..2 + random.below(2)).map(|_| random_condition(random, depth - 1)).collect();
    let text = parts.iter().map(|part| format!("({})", part.text)).collect::<Vec<_>>().join(separator);
    condition(text, move |row| {
        let truths: Vec<_> = parts.iter().map(|part| (part.holds)(row)).collect();
        let known = truths.iter().all(Option::is_some).then_some(!either);
        if truths.contains(&Some(either)) { Some(either) } else { known }
    })
}

fn comparison(random: &mut Random) -> Condition {
    match random.below(10) {
        0 => presence(random),
        1 => text(random),
        2 => substring(random),
        3 => {
            let (name, stored) = *random.pick(TIERS);
            let name = *random.pick(&[name, &name["TIER_".len()..]]);
            equality(random, "tier", name, stored.to_owned(), |row| row.tier.clone())
        }
        4 => {
            let value = *random.pick(&[true, false]);
            equality(random, "listed", &value.to_string(), value, |row| row.listed)
        }
        5 => {
            let value = thing::parent(random);
            equality(random, "parent.id", &value.to_string(), value, |row| row.parent_id)
        }
        6 => {
            let value = i32::try_from(random.below(9)).unwrap() - 4;
            ordering(random, "employee_count", &value.to_string(), value, |row| row.employee_count)
        }
        7 => {
            let value = thing::decimal(random);
            ordering(random, "revenue", &value.to_string(), value, |row| row.revenue)
        }
        8 => {
            let value = thing::instant(random);
            let east = value.to_offset(time::macros::offset!(+8)).format(&Rfc3339).unwrap();
            ordering(random, "create_time", &quote(&east), value, |row| row.create_time)
        }
        _ => {
            let value = thing::day(random);
            ordering(random, "care_date", &value.to_string(), value, |row| row.care_date)
        }
    }
}

fn presence(random: &mut Random) -> Condition {
    match random.below(4) {
        0 => condition("note:*".to_owned(), |row| Some(row.note.is_some())),
        1 => condition("tier:*".to_owned(), |row| Some(row.tier.is_some())),
        2 => condition("create_time:*".to_owned(), |row| Some(row.create_time.is_some())),
        _ => condition("tags:*".to_owned(), |row| Some(row.tags.as_ref().is_some_and(|tags| !tags.is_empty()))),
    }
}

fn text(random: &mut Random) -> Condition {
    let value = *random.pick(TEXTS);
    match random.below(3) {
        0 => {
            let tag = *random.pick(TAGS);
            condition(format!("tags:{}", quote(tag)), move |row| {
                row.tags.as_ref().map(|tags| tags.iter().any(|found| found == tag))
            })
        }
        _ => ordering(random, "note", &quote(value), value.to_owned(), |row| row.note.clone()),
    }
}

fn substring(random: &mut Random) -> Condition {
    type Test = fn(&str, &str) -> bool;
    let value = *random.pick(TEXTS);
    let (operator, pattern, test): (&str, String, Test) = match random.below(5) {
        0 => (":", value.to_owned(), |found, value| found.contains(value)),
        1 => ("=", format!("{value}*"), |found, value| found.starts_with(value)),
        2 => ("=", format!("*{value}"), |found, value| found.ends_with(value)),
        3 => ("=", format!("*{value}*"), |found, value| found.contains(value)),
        _ => ("!=", format!("{value}*"), |found, value| !found.starts_with(value)),
    };
    condition(format!("note{operator}{}", quote(&pattern)), move |row| {
        row.note.as_ref().map(|found| test(found, value))
    })
}

fn equality<T: PartialEq + 'static>(
    random: &mut Random,
    name: &str,
    literal: &str,
    value: T,
    column: fn(&Thing) -> Option<T>,
) -> Condition {
    let (operator, wanted) = *random.pick(&[("=", true), ("!=", false)]);
    condition(format!("{name} {operator} {literal}"), move |row| column(row).map(|found| (found == value) == wanted))
}

fn ordering<T: Ord + 'static>(
    random: &mut Random,
    name: &str,
    literal: &str,
    value: T,
    column: fn(&Thing) -> Option<T>,
) -> Condition {
    let (operator, test): (&str, fn(Ordering) -> bool) = *random.pick(&[
        ("=", Ordering::is_eq as fn(Ordering) -> bool),
        ("!=", Ordering::is_ne),
        ("<", Ordering::is_lt),
        ("<=", Ordering::is_le),
        (">", Ordering::is_gt),
        (">=", Ordering::is_ge),
    ]);
    condition(format!("{name}{operator}{literal}"), move |row| column(row).map(|found| test(found.cmp(&value))))
}

async fn found(connection: &mut PgConnection, filter: &str) -> Vec<Thing> {
    let request = PageRequest { page_size: 5_000, filter, ..Default::default() };
    let query = THINGS.query(&request).unwrap_or_else(|violations| panic!("{filter}: {:?}", violations.into_inner()));
    let ranges = [("1".to_owned(), "2".to_owned())];
    let rows = query.fetch(connection, &ranges).await.unwrap().rows;
    let counted = query.count(connection, &ranges).await.unwrap();
    assert_eq!(usize::try_from(counted).unwrap(), rows.len(), "{filter}");
    rows
}

#[tokio::test]
async fn random_filters_find_what_the_same_condition_finds_in_rust() {
    let (mut connection, mut rows) = table(5, 2_000).await;
    rows.sort_by(|a, b| (&a.path, a.id).cmp(&(&b.path, b.id)));
    let mut random = Random(55);
    let mut useful = 0;
    for round in 0..600 {
        let condition = random_condition(&mut random, round % 4);
        let expected: Vec<_> = rows.iter().filter(|row| (condition.holds)(row) == Some(true)).cloned().collect();
        useful += u32::from(!expected.is_empty() && expected.len() < rows.len());
        let found = found(&mut connection, &condition.text).await;
        assert!(found == expected, "{} rows instead of {}: {}", found.len(), expected.len(), condition.text);
    }
    assert!(useful > 400, "only {useful} filters tell rows apart");
}

#[tokio::test]
async fn what_looks_like_sql_is_a_value() {
    let (mut connection, rows) = table(6, 1_000).await;
    for &text in TEXTS {
        let expected = rows.iter().filter(|row| row.note.as_deref() == Some(text)).count();
        assert_eq!(found(&mut connection, &format!("note = {}", quote(text))).await.len(), expected, "{text}");
    }
    let by =
        |order_by: &'static str, page_token: &'static str| PageRequest { order_by, page_token, ..Default::default() };
    assert!(THINGS.query(&by("name; drop table thing", "")).is_err());
    assert!(THINGS.query(&by("", "'; drop table thing; --")).is_err());
    assert_eq!(found(&mut connection, "").await.len(), rows.len());
}

#[tokio::test]
async fn one_shape_is_one_prepared_statement() {
    let (mut connection, _) = table(7, 100).await;
    for text in TEXTS {
        for page_size in [1, 10] {
            let filter = format!("note = {} OR employee_count > {page_size}", quote(text));
            let request = PageRequest { page_size, filter: &filter, ..Default::default() };
            let ranges = [("1".to_owned(), format!("2{text}"))];
            THINGS.query(&request).unwrap().fetch::<Thing>(&mut connection, &ranges).await.unwrap();
        }
    }
    let statements = sqlx::raw_sql("select count(*) from pg_prepared_statements where statement like '%page_id%'");
    assert_eq!(statements.fetch_one(&mut connection).await.unwrap().get::<i64, _>(0), 1);
}
