//! Keyset pages.
//!
//! A page begins behind the last row of the page before, by `(key, id)`, so it costs the same wherever it is, and rows
//! that come and go elsewhere neither repeat nor hide one.

use std::cmp;

use sqlx::postgres::PgRow;
use sqlx::{Error, FromRow, PgConnection, Row};
use uuid::Uuid;

use crate::listing::{Listing, Order};
use crate::sql::{Sql, Value};
use crate::token::{self, Cursor, Digest};

/// Clients take messages of 4 MiB, and rows are larger than what becomes of them on the wire: names of nested fields are spelled out.
const MAX_PAGE_BYTES: usize = 3 << 20;

/// Half-open range of territory paths by bytes, `[low, high)`.
pub(crate) type Range = (String, String);

/// A page of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<R> {
    /// The rows in their order.
    pub rows: Vec<R>,
    /// Gets the next page; empty after the last one.
    pub next_page_token: String,
    /// Number of rows of all pages, where it was asked for.
    pub total: i64,
}

/// A checked List request.
#[derive(Clone, Debug)]
pub struct PageQuery {
    pub(crate) listing: &'static Listing,
    pub(crate) order: &'static Order,
    pub(crate) conditions: Vec<Sql>,
    pub(crate) page_size: usize,
    pub(crate) with_total: bool,
    pub(crate) digest: Digest,
    pub(crate) cursor: Option<Cursor>,
}

impl PageQuery {
    /// Only rows whose column has a value, for example those of one parent. The value belongs in
    /// [`PageRequest::bound`](crate::PageRequest::bound) too.
    #[must_use]
    pub fn only(mut self, column: &'static str, value: Value) -> Self {
        self.conditions.push(Sql::new(column).text(" = ").value(value));
        self
    }

    /// Only rows whose column has another value, or none. Only the caller's own values may stand here beside [`only`](Self::only).
    #[must_use]
    pub fn except(mut self, column: &'static str, value: Value) -> Self {
        self.conditions.push(Sql::new(column).text(" is distinct from ").value(value));
        self
    }

    /// Where the path of a row lies outside `ranges`, only rows that a condition holds for, for example `quote.required_level <> 'CITY'`.
    #[must_use]
    pub fn or_where(self, ranges: &[Range], condition: &'static str) -> Self {
        self.outside(ranges, Sql::new(condition))
    }

    /// Where the path of a row lies outside `ranges`, only rows whose list, a `text[]` column, has the value: what somebody works on.
    #[must_use]
    pub fn or_listed(self, ranges: &[Range], column: &'static str, value: String) -> Self {
        self.outside(ranges, Sql::default().value(Value::Text(value)).text(" = any(").text(column).text(")"))
    }

    fn outside(mut self, ranges: &[Range], condition: Sql) -> Self {
        if let Some(path) = self.listing.path {
            self.conditions.push(Sql::new("(").then(Sql::within(path, ranges)).text(" or ").then(condition).text(")"));
        }
        self
    }

    /// Lets the filter see fields of [`Kind::Shown`](crate::Kind::Shown) where they lie in the caller's scope, given as ranges of the
    /// territory path. It may be wider than what the page is read from.
    #[must_use]
    pub fn seen_from(mut self, ranges: &[Range]) -> Self {
        self.conditions = self.conditions.into_iter().map(|condition| condition.seen_from(ranges)).collect();
        self
    }

    /// At most so many rows, where the ones of a full page are too large together.
    #[must_use]
    pub fn at_most(mut self, rows: usize) -> Self {
        self.page_size = self.page_size.min(rows.max(1));
        self
    }

    /// Reads the page, which ends early where clients would not take it, within the caller's scope: `ranges` of the territory path, disjoint and in ascending order; with
    /// none there is nothing to see. (A listing without path has no scope, and `ranges` mean nothing to it.)
    pub async fn fetch<R>(&self, connection: &mut PgConnection, ranges: &[Range]) -> Result<Page<R>, Error>
    where
        R: for<'r> FromRow<'r, PgRow>,
    {
        let mut rows = Vec::new();
        for stretch in self.stretches(ranges) {
            // One row more than wanted tells whether there is a next page.
            let limit = self.page_size + 1 - rows.len();
            rows.extend(self.page_statement(stretch, limit).rows(connection).await?);
            if rows.len() > self.page_size {
                break;
            }
        }
        let fitting = fitting(rows.iter().map(bytes)).min(self.page_size);
        let more = rows.len() > fitting;
        rows.truncate(fitting);
        let next_page_token = match rows.last().filter(|_| more) {
            Some(last) => self.cursor_at(last, ranges)?.encode(self.digest),
            None => String::new(),
        };
        let rows = rows.iter().map(R::from_row).collect::<Result<_, _>>()?;
        let total = if self.with_total { self.count(connection, ranges).await? } else { 0 };
        Ok(Page { rows, next_page_token, total })
    }

    /// Counts the rows of all pages; parameters as in [`fetch`](Self::fetch).
    pub async fn count(&self, connection: &mut PgConnection, ranges: &[Range]) -> Result<i64, Error> {
        if self.listing.path.is_some() && ranges.is_empty() {
            return Ok(0);
        }
        self.count_statement(ranges).number(connection).await
    }

    fn cursor_at(&self, row: &PgRow, ranges: &[Range]) -> Result<Cursor, Error> {
        let key = if self.order.key.is_some() { row.try_get("page_key")? } else { String::new() };
        let key = if self.by_path() { token::shown(&key, ranges) } else { key };
        Ok(Cursor { key, id: row.try_get("page_id")? })
    }

    /// Where the page before ended. A list that lost its place begins anew: that repeats rows, but hides none.
    fn start(&self, ranges: &[Range]) -> Option<Cursor> {
        let cursor = self.cursor.clone()?;
        let key = if self.by_path() { token::meant(&cursor.key, ranges)? } else { cursor.key };
        Some(Cursor { key, ..cursor })
    }

    /// True if the order is that of the territories.
    fn by_path(&self) -> bool {
        self.listing.path.is_some() && self.listing.path == self.order.key
    }

    /// Conditions whose rows, one after another, are the rest of the list.
    fn stretches(&self, ranges: &[Range]) -> Vec<Sql> {
        let cursor = self.start(ranges);
        match self.listing.path {
            Some(_) if ranges.is_empty() => Vec::new(),
            Some(path) if self.by_path() && self.order.descending => {
                ranges.iter().rev().filter_map(|range| self.descend(path, range, cursor.as_ref())).collect()
            }
            Some(path) if self.by_path() => {
                ranges.iter().filter_map(|range| self.ascend(path, range, cursor.as_ref())).collect()
            }
            _ => {
                let behind = cursor.iter().map(|cursor| self.behind(&cursor.key, cursor.id));
                vec![Sql::join([self.within(ranges)].into_iter().chain(behind), " and ")]
            }
        }
    }

    /// What is left of a range in the order of paths. The cursor is the only lower bound, from the first page on:
    /// beside a `path >= low` Postgres begins its scan at the row comparison, and reads all up to the range.
    fn ascend(&self, path: &'static str, (low, high): &Range, cursor: Option<&Cursor>) -> Option<Sql> {
        let start = (low.as_str(), Uuid::nil());
        let start = cursor.iter().fold(start, |start, cursor| cmp::max(start, (&cursor.key, cursor.id)));
        let above = Sql::new(path).text(" < ").value(Value::Text(high.clone())).text(" and ");
        (start.0 < high.as_str()).then(|| above.then(self.behind(start.0, start.1)))
    }

    /// The same from the end: nothing of the range comes after `(high, nil)`.
    fn descend(&self, path: &'static str, (low, high): &Range, cursor: Option<&Cursor>) -> Option<Sql> {
        let start = (high.as_str(), Uuid::nil());
        let start = cursor.iter().fold(start, |start, cursor| cmp::min(start, (&cursor.key, cursor.id)));
        let below = Sql::new(path).text(" >= ").value(Value::Text(low.clone())).text(" and ");
        (start.0 >= low.as_str()).then(|| below.then(self.behind(start.0, start.1)))
    }

    /// The rows behind a place in the order.
    fn behind(&self, key: &str, id: Uuid) -> Sql {
        let symbol = if self.order.descending { " < " } else { " > " };
        match self.order.key {
            Some(column) => Sql::new("(")
                .text(column)
                .text(", ")
                .text(self.listing.id)
                .text(")")
                .text(symbol)
                .text("(")
                .value(Value::Text(key.to_owned()))
                .text(", ")
                .value(Value::Id(id))
                .text(")"),
            None => Sql::new(self.listing.id).text(symbol).value(Value::Id(id)),
        }
    }

    /// The rows in the caller's scope.
    fn within(&self, ranges: &[Range]) -> Sql {
        let Some(path) = self.listing.path else { return Sql::default() };
        Sql::new("(").then(Sql::within(path, ranges)).text(")")
    }

    /// ` from .. where ..`
    fn source(&self, first: Sql) -> Sql {
        let all = [first].into_iter().chain(self.conditions.iter().cloned());
        let all = Sql::join(all, " and ");
        let from = Sql::new(" from ").text(self.listing.from);
        if all.is_empty() { from } else { from.text(" where ").then(all) }
    }

    fn page_statement(&self, stretch: Sql, limit: usize) -> Sql {
        let Listing { columns, id, .. } = *self.listing;
        let direction = if self.order.descending { " desc" } else { "" };
        let mut select = Sql::new("select ").text(columns).text(", ").text(id).text(" as page_id");
        let mut order = Sql::new(" order by ");
        if let Some(key) = self.order.key {
            select = select.text(", ").text(key).text(" as page_key");
            order = order.text("page_key").text(direction).text(", ");
        }
        let order = order.text("page_id").text(direction);
        let limit = Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX));
        select.then(self.source(stretch)).then(order).text(" limit ").value(limit)
    }

    fn count_statement(&self, ranges: &[Range]) -> Sql {
        Sql::new("select count(*)").then(self.source(self.within(ranges)))
    }
}

/// Bytes of a row's values as they came.
fn bytes(row: &PgRow) -> usize {
    let value = |index| row.try_get_raw(index).ok().and_then(|value| value.as_bytes().ok().map(<[u8]>::len));
    (0..row.len()).filter_map(value).sum()
}

/// How many rows of these sizes make a page that clients take; one at least.
fn fitting(sizes: impl Iterator<Item = usize>) -> usize {
    let sums = sizes.scan(0, |sum: &mut usize, size| {
        *sum += size;
        Some(*sum)
    });
    sums.take_while(|sum| *sum <= MAX_PAGE_BYTES).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::ACCOUNTS;
    use crate::{PageRequest, token};

    const SELECT: &str = "select account.id, account.name, account.id as page_id";

    fn ranges(bounds: &[(&str, &str)]) -> Vec<Range> {
        bounds.iter().map(|(low, high)| ((*low).to_owned(), (*high).to_owned())).collect()
    }

    fn query(order_by: &str, cursor: Option<(&str, u128)>) -> PageQuery {
        let cursor = cursor.map(|(key, id)| Cursor { key: key.to_owned(), id: Uuid::from_u128(id) });
        let page_token =
            cursor.map_or_else(String::new, |cursor| cursor.encode(token::digest(["account", "", order_by, ""])));
        let request = PageRequest { page_size: 10, page_token: &page_token, order_by, ..Default::default() };
        ACCOUNTS.query(&request).unwrap()
    }

    /// The statements of a page, without the selected columns.
    fn statements(query: &PageQuery, bounds: &[(&str, &str)]) -> Vec<(String, Vec<Value>)> {
        let stretches = query.stretches(&ranges(bounds)).into_iter();
        stretches.map(|stretch| query.page_statement(stretch, 11).render()).collect()
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn id(id: u128) -> Value {
        Value::Id(Uuid::from_u128(id))
    }

    #[test]
    fn a_page_ends_before_it_is_too_large_but_has_a_row() {
        assert_eq!(fitting([MAX_PAGE_BYTES / 2; 3].into_iter()), 2);
        assert_eq!(fitting([MAX_PAGE_BYTES + 1, 1].into_iter()), 1);
        assert_eq!(fitting([10; 50].into_iter()), 50);
    }

    #[test]
    fn in_the_order_of_paths_the_cursor_is_the_only_bound_at_the_start_of_a_range() {
        let expected = format!(
            "{SELECT}, account.path as page_key from client_registry.account where account.path < $1 and \
             (account.path, account.id) > ($2, $3) and (account.delete_time is null) \
             order by page_key, page_id limit $4"
        );
        let first = statements(&query("path", None), &[("33/", "330")]);
        assert_eq!(first, [(expected.clone(), vec![text("330"), text("33/"), id(0), Value::Integer(11)])]);
        let later = statements(&query("path", Some(("33/01", 7))), &[("33/", "330")]);
        assert_eq!(later, [(expected, vec![text("330"), text("33/01"), id(7), Value::Integer(11)])]);
    }

    #[test]
    fn ranges_behind_the_cursor_are_over_and_those_before_it_begin_anew() {
        let bounds = [("11/", "110"), ("33/", "330"), ("44/", "440")];
        let starts = |order_by: &str, cursor| -> Vec<Vec<Value>> {
            statements(&query(order_by, cursor), &bounds).into_iter().map(|(_, values)| values[..3].to_vec()).collect()
        };
        assert_eq!(
            starts("path", Some(("33/01", 7))),
            [[text("330"), text("33/01"), id(7)], [text("440"), text("44/"), id(0)]]
        );
        assert_eq!(
            starts("path desc", Some(("33/01", 7))),
            [[text("33/"), text("33/01"), id(7)], [text("11/"), text("110"), id(0)]]
        );
        // A cursor outside the scope, left from a wider one or made up, shows nothing outside it.
        assert_eq!(starts("path", Some(("2", 7)))[0], [text("330"), text("33/"), id(0)]);
        assert_eq!(starts("path desc", Some(("2", 7))), [[text("11/"), text("110"), id(0)]]);
        assert_eq!(starts("path", Some(("9", 7))), Vec::<Vec<Value>>::new());
    }

    #[test]
    fn a_list_that_lost_its_place_begins_anew() {
        let bounds = [("CN/33/", "CN/330"), ("CN/44/", "CN/440")];
        let starts = |order_by: &str, key| -> Vec<Value> {
            let stretches = statements(&query(order_by, Some((key, 7))), &bounds).into_iter();
            stretches.map(|(_, values)| values[1].clone()).collect()
        };
        assert_eq!(starts("path", "/44/01/"), [text("CN/44/01/")]);
        assert_eq!(starts("path desc", "/33/01/"), [text("CN/33/01/")]);
        assert_eq!(starts("path", "/55/01/"), [text("CN/33/"), text("CN/44/")]);
        assert_eq!(starts("path desc", "/55/01/"), [text("CN/440"), text("CN/330")]);
        // A name is no path, whatever it looks like.
        let names = statements(&query("name", Some(("/44/01/", 7))), &bounds);
        assert_eq!(names[0].1[4], text("/44/01/"));
    }

    #[test]
    fn what_somebody_must_not_see_is_left_out_by_value_and_by_place() {
        let query = query("name", None).except("owner", text("E1")).or_where(&ranges(&[("3/", "30")]), "level > 1");
        let expected = "owner is distinct from $3 and (account.path >= $4 and account.path < $5 or level > 1)";
        assert!(statements(&query, &[("", "z")])[0].0.contains(expected));
    }

    #[test]
    fn other_orders_take_all_ranges_in_one_statement() {
        let expected = format!(
            "{SELECT}, account.name as page_key from client_registry.account \
             where (account.path >= $1 and account.path < $2 or account.path >= $3 and account.path < $4) \
             and (account.name, account.id) > ($5, $6) and (account.delete_time is null) \
             order by page_key, page_id limit $7"
        );
        let scope = [text("11/"), text("110"), text("33/"), text("330")];
        let page = statements(&query("name", Some(("a", 7))), &[("11/", "110"), ("33/", "330")]);
        assert_eq!(page, [(expected, [&scope[..], &[text("a"), id(7), Value::Integer(11)]].concat())]);

        let expected = format!(
            "{SELECT} from client_registry.account \
             where (account.path >= $1 and account.path < $2) and account.id < $3 \
             and (account.delete_time is null) order by page_id desc limit $4"
        );
        let page = statements(&query("create_time desc", Some(("", 7))), &[("11/", "110")]);
        assert_eq!(page, [(expected, vec![text("11/"), text("110"), id(7), Value::Integer(11)])]);
    }

    #[test]
    fn without_a_range_there_is_no_statement() {
        for order_by in ["path", "path desc", "name", "create_time desc"] {
            assert!(query(order_by, None).stretches(&[]).is_empty());
        }
    }

    #[test]
    fn outside_some_ranges_only_listed_rows_are_read() {
        let query =
            query("create_time desc", None).or_listed(&ranges(&[("11/", "110")]), "account.seen_by", "E1".to_owned());
        let expected = format!(
            "{SELECT} from client_registry.account where (account.path >= $1 and account.path < $2) and \
             (account.delete_time is null) and (account.path >= $3 and account.path < $4 or $5 = any(account.seen_by)) \
             order by page_id desc limit $6"
        );
        let values = vec![text("1/"), text("10"), text("11/"), text("110"), text("E1"), Value::Integer(11)];
        assert_eq!(statements(&query, &[("1/", "10")]), [(expected, values)]);
    }

    #[test]
    fn a_count_has_the_scope_the_filter_and_the_parent_but_no_cursor() {
        let request = PageRequest { filter: "tier = A OR NOT name:*", show_deleted: true, ..Default::default() };
        let query = ACCOUNTS.query(&request).unwrap().only("account.parent_id", id(3));
        let (statement, values) = query.count_statement(&ranges(&[("33/", "330")])).render();
        assert_eq!(
            statement,
            "select count(*) from client_registry.account where (account.path >= $1 and account.path < $2) and \
             (account.tier = $3 or not (account.name is not null)) and account.parent_id = $4"
        );
        assert_eq!(values, [text("33/"), text("330"), text("a"), id(3)]);
    }
}
