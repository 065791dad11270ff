//! Two sides of a table, each in the order of its keys, read together: however long they are, one row of each is in memory.

use std::cmp::Ordering;

use futures_util::stream::{Stream, TryStreamExt};
use serde::Serialize;

use super::table::Row;

/// How often it is told how far the comparison is.
const NOTE: u64 = 10_000;

/// What came of comparing a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Name of the table.
    pub table: &'static str,
    /// Rows that there are.
    pub live: u64,
    /// Rows that there are when everything is made anew.
    pub rebuilt: u64,
    /// Rows that differ, or are only on one side.
    pub differing: u64,
    /// The first of these.
    pub first: Vec<Difference>,
}

/// A row that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it is found by.
    pub key: Vec<String>,
    /// As it is; `None` where it is not there.
    pub live: Option<String>,
    /// As it is when everything is made anew.
    pub rebuilt: Option<String>,
}

/// Reads both sides to their ends. `most` is how many differing rows are told.
pub(super) async fn compare<E>(
    table: &'static str,
    mut live: impl Stream<Item = Result<Row, E>> + Unpin,
    mut rebuilt: impl Stream<Item = Result<Row, E>> + Unpin,
    most: usize,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<Compared, E> {
    let mut compared = Compared { table, live: 0, rebuilt: 0, differing: 0, first: Vec::new() };
    let (mut here, mut there) = (live.try_next().await?, rebuilt.try_next().await?);
    loop {
        let order = match (&here, &there) {
            (None, None) => return Ok(compared),
            (Some(here), Some(there)) => here.key.cmp(&there.key),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
        };
        let (mut one, mut other) = (None, None);
        if order.is_le() {
            one = std::mem::replace(&mut here, live.try_next().await?);
            compared.live += 1;
        }
        if order.is_ge() {
            other = std::mem::replace(&mut there, rebuilt.try_next().await?);
            compared.rebuilt += 1;
        }
        if (compared.live + compared.rebuilt) % NOTE < 2 {
            progress(compared.live);
        }
        compared.note(one, other, most);
    }
}

impl Compared {
    /// Notes one row of both sides.
    fn note(&mut self, live: Option<Row>, rebuilt: Option<Row>, most: usize) {
        if live == rebuilt {
            return;
        }
        self.differing += 1;
        if self.first.len() < most {
            let key = live.as_ref().or(rebuilt.as_ref()).map(|row| row.key.clone()).unwrap_or_default();
            let value = |row: Option<Row>| row.map(|row| row.value);
            self.first.push(Difference { key, live: value(live), rebuilt: value(rebuilt) });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    fn side(rows: &[(&str, &str)]) -> impl Stream<Item = Result<Row, Infallible>> + Unpin {
        let row = |(key, value): &(&str, &str)| Ok(Row { key: vec![(*key).to_owned()], value: (*value).to_owned() });
        stream::iter(rows.iter().map(row).collect::<Vec<_>>())
    }

    async fn compared(live: &[(&str, &str)], rebuilt: &[(&str, &str)], most: usize) -> Compared {
        compare("fact", side(live), side(rebuilt), most, &|_| ()).await.unwrap()
    }

    fn difference(key: &str, live: Option<&str>, rebuilt: Option<&str>) -> Difference {
        Difference { key: vec![key.to_owned()], live: live.map(str::to_owned), rebuilt: rebuilt.map(str::to_owned) }
    }

    #[tokio::test]
    async fn what_is_the_same_differs_in_nothing() {
        let rows = [("a", "1"), ("b", "2")];
        let found = compared(&rows, &rows, 20).await;
        assert_eq!((found.live, found.rebuilt, found.differing, found.first.len()), (2, 2, 0, 0));
        assert_eq!(compared(&[], &[], 20).await.differing, 0);
    }

    #[tokio::test]
    async fn what_is_missing_and_what_is_too_much_and_what_is_other_is_told_with_both_sides() {
        let found =
            compared(&[("a", "1"), ("c", "3"), ("d", "4")], &[("b", "2"), ("c", "3"), ("d", "5"), ("e", "6")], 20);
        let found = found.await;
        assert_eq!((found.live, found.rebuilt, found.differing), (3, 4, 4));
        let expected = [
            difference("a", Some("1"), None),
            difference("b", None, Some("2")),
            difference("d", Some("4"), Some("5")),
            difference("e", None, Some("6")),
        ];
        assert_eq!(found.first, expected);
    }

    #[tokio::test]
    async fn all_are_counted_and_the_first_are_told() {
        let found = compared(&[("a", "1"), ("b", "2"), ("c", "3")], &[], 2).await;
        assert_eq!((found.differing, found.first.len()), (3, 2));
        assert_eq!(found.first.last(), Some(&difference("b", Some("2"), None)));
    }
}
