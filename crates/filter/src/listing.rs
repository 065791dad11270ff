//! What a resource declares to be listed, and how a request is checked against it.

use guanxi_grpc::{Violation, Violations};
use guanxi_proto::Paged;
use guanxi_proto::errors::v1::ErrorReason;

use crate::filter;
use crate::page::PageQuery;
use crate::sql::Sql;
use crate::token::{self, Cursor, Digest};

/// The type of a field, which decides its operators and values.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `text`.
    Text,
    /// `text` that holds the value of an enum: pairs of the name on the wire, for example `TIER_A`, and the value in
    /// the table.
    Enum(&'static [(&'static str, &'static str)]),
    /// Any integer type.
    Integer,
    /// `numeric`.
    Decimal,
    /// `boolean`.
    Boolean,
    /// `timestamptz`.
    Instant,
    /// `date`.
    Day,
    /// `uuid`.
    Id,
    /// `text[]`.
    TextList,
    /// A value of another kind that shows only where the territory path in this column lies in the caller's scope; elsewhere the
    /// field is not set. The scope comes by [`PageQuery::seen_from`]; without it the field is set nowhere.
    Shown(&'static Kind, &'static str),
}

/// A field that a filter can name.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name in filters, for example `tier`.
    pub name: &'static str,
    /// The SQL expression, for example `account.tier`; in parentheses where it is more than a name or a call. Null
    /// means not set.
    pub column: &'static str,
    /// Its type.
    pub kind: Kind,
}

/// An order that an index serves.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Its name in `order_by`; a descending order is asked for with ` desc` behind it.
    pub name: &'static str,
    /// The text column before the id, never null; `None` where the id alone is the order.
    pub key: Option<&'static str>,
    /// From the largest to the smallest, id included.
    pub descending: bool,
}

impl Order {
    /// The order as it is asked for.
    fn spelling(&self) -> String {
        format!("{}{}", self.name, if self.descending { " desc" } else { "" })
    }
}

/// How the rows of one resource are listed: everything that may stand in a statement.
#[derive(Clone, Copy, Debug)]
pub struct Listing {
    /// Name of the method or resource; it sets page tokens apart.
    pub name: &'static str,
    /// What a row consists of, for example `account.id, account.tier`. `page_key` and `page_id` are taken.
    pub columns: &'static str,
    /// Where rows come from, for example `client_registry.account`; joins must keep one row per id.
    pub from: &'static str,
    /// The id column, of type `uuid`.
    pub id: &'static str,
    /// The column with the territory path, `text collate "C"`, never null; `None` for a resource that belongs to no
    /// territory and is shown to everybody who may call the method.
    pub path: Option<&'static str>,
    /// Condition of the rows that are not deleted, for example `account.delete_time is null`; `None` where deleted rows
    /// are gone.
    pub live: Option<&'static str>,
    /// What a filter can name.
    pub fields: &'static [Field],
    /// The orders; the first is the default.
    pub orders: &'static [Order],
    /// Rows of a page if the request does not say.
    pub default_page_size: i32,
    /// Most rows of a page.
    pub max_page_size: i32,
}

/// The part of a List request that every method has.
#[derive(Clone, Copy, Debug, Default)]
pub struct PageRequest<'a> {
    /// Rows wanted; 0 leaves it to the listing.
    pub page_size: i32,
    /// `next_page_token` of the page before; empty for the first page.
    pub page_token: &'a str,
    /// AIP-160 filter; empty for every row.
    pub filter: &'a str,
    /// Name of an order; empty for the default.
    pub order_by: &'a str,
    /// True to have deleted rows too, where [`Listing::live`] tells them apart.
    pub show_deleted: bool,
    /// True to have the rows of all pages counted.
    pub with_total: bool,
    /// What else in the request decides about the rows, always in the same order, for example the territory asked for.
    /// A page token is good only while it stays the same.
    pub bound: &'a [&'a str],
}

impl<'a> PageRequest<'a> {
    /// What a request of the wire says. `bound` is what else in it decides about the rows.
    pub fn of(request: &'a impl Paged, bound: &'a [&'a str]) -> Self {
        Self {
            page_size: request.page_size(),
            page_token: request.page_token(),
            filter: request.filter(),
            order_by: request.order_by(),
            show_deleted: request.show_deleted(),
            with_total: request.with_total(),
            bound,
        }
    }
}

impl Listing {
    /// Checks a request; everything that is wrong with it comes back at once.
    pub fn query(&'static self, request: &PageRequest<'_>) -> Result<PageQuery, Violations> {
        let deleted = if request.show_deleted { "deleted" } else { "" };
        let own = [self.name, request.filter, request.order_by, deleted];
        let digest = token::digest(own.into_iter().chain(request.bound.iter().copied()));
        let mut violations = Violations::default();
        let page_size = violations.keep(self.page_size(request.page_size));
        let cursor = violations.keep(cursor(request.page_token, digest));
        let filter = filter::compile(request.filter, self.fields, &mut violations);
        let order = violations.keep(self.order(request.order_by));
        match (page_size, cursor, filter, order) {
            (Some(page_size), Some(cursor), Some(filter), Some(order)) => {
                let live = self.live.filter(|_| !request.show_deleted);
                let conditions = [filter].into_iter().chain(live.map(|live| Sql::new("(").text(live).text(")")));
                let (conditions, with_total) = (conditions.collect(), request.with_total);
                Ok(PageQuery { listing: self, order, conditions, page_size, with_total, digest, cursor })
            }
            _ => Err(violations),
        }
    }

    fn page_size(&self, wanted: i32) -> Result<usize, Violation> {
        let size = if wanted == 0 { self.default_page_size } else { wanted.min(self.max_page_size) };
        usize::try_from(size).map_err(|_| {
            Violation::new("page_size", ErrorReason::OutOfRange)
                .with("value", wanted)
                .with("min", 0)
                .with("max", self.max_page_size)
        })
    }

    fn order(&'static self, wanted: &str) -> Result<&'static Order, Violation> {
        // AIP-132: blanks are insignificant.
        let wanted = wanted.split_whitespace().collect::<Vec<_>>().join(" ");
        let found = self.orders.iter().find(|order| wanted.is_empty() || wanted == order.spelling());
        found.ok_or_else(|| {
            let orders: Vec<_> = self.orders.iter().map(Order::spelling).collect();
            Violation::new("order_by", ErrorReason::OrderUnknown)
                .with("value", wanted)
                .with("expected", orders.join(", "))
        })
    }
}

fn cursor(token: &str, digest: Digest) -> Result<Option<Cursor>, Violation> {
    if token.is_empty() {
        return Ok(None);
    }
    let cursor = Cursor::decode(token, digest);
    cursor.map(Some).ok_or_else(|| Violation::new("page_token", ErrorReason::PageTokenInvalid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::ACCOUNTS;
    use proptest::prelude::*;

    /// Field, reason and values of each violation.
    fn refused(request: &PageRequest<'_>) -> Vec<(String, &'static str, Vec<String>)> {
        let violations = ACCOUNTS.query(request).unwrap_err().into_inner().into_iter();
        violations
            .map(|violation| {
                let values = violation.values.into_iter().map(|(_, value)| value).collect();
                (violation.field, violation.reason.name(), values)
            })
            .collect()
    }

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn every_wrong_part_is_named_at_once() {
        let request =
            PageRequest { page_size: -1, page_token: "?", filter: "a b", order_by: "tier desc", ..Default::default() };
        let found = refused(&request);
        let fields: Vec<_> = found.iter().map(|(field, reason, _)| (field.as_str(), *reason)).collect();
        assert_eq!(
            fields,
            [
                ("page_size", "OUT_OF_RANGE"),
                ("page_token", "PAGE_TOKEN_INVALID"),
                ("filter", "FILTER_SYNTAX"),
                ("filter", "FILTER_SYNTAX"),
                ("order_by", "ORDER_UNKNOWN"),
            ]
        );
        assert_eq!(found[0].2, strings(&["-1", "0", "1000"]));
        assert_eq!(found[4].2, strings(&["tier desc", "path, path desc, name, create_time desc"]));
    }

    #[test]
    fn orders_are_asked_for_as_they_are_declared() {
        for (order_by, key, descending) in [
            ("", Some("account.path"), false),
            ("path", Some("account.path"), false),
            (" path  desc ", Some("account.path"), true),
            ("create_time desc", None, true),
        ] {
            let order = ACCOUNTS.order(order_by).unwrap();
            assert_eq!((order.key, order.descending), (key, descending), "{order_by}");
        }
        for order_by in ["create_time", "name desc", "path asc", "path, name", "PATH", "desc", "path;"] {
            let request = PageRequest { order_by, ..Default::default() };
            assert_eq!(refused(&request)[0].1, "ORDER_UNKNOWN", "{order_by}");
        }
    }

    #[test]
    fn a_page_has_the_size_asked_for_up_to_the_most() {
        for (wanted, size) in [(0, 50), (1, 1), (1000, 1000), (1001, 1000), (i32::MAX, 1000)] {
            assert_eq!(ACCOUNTS.page_size(wanted), Ok(size));
        }
        assert!(ACCOUNTS.page_size(i32::MIN).is_err());
    }

    #[test]
    fn a_page_token_is_good_for_its_own_query_at_any_page_size() {
        let own = PageRequest { filter: "tier = A", order_by: "path", bound: &["33", "true"], ..Default::default() };
        let digest = token::digest(["account", "tier = A", "path", "", "33", "true"]);
        let page_token = &Cursor { key: "33/01".to_owned(), id: uuid::Uuid::nil() }.encode(digest);
        let own = PageRequest { page_token, ..own };
        assert!(ACCOUNTS.query(&own).is_ok());
        assert!(ACCOUNTS.query(&PageRequest { page_size: 7, with_total: true, ..own }).is_ok());
        for other in [
            PageRequest { filter: "tier = B", ..own },
            PageRequest { order_by: "name", ..own },
            PageRequest { order_by: "", ..own },
            PageRequest { show_deleted: true, ..own },
            PageRequest { bound: &["33"], ..own },
            PageRequest { bound: &["3", "3true"], ..own },
        ] {
            assert_eq!(refused(&other), [("page_token".to_owned(), "PAGE_TOKEN_INVALID", vec![])]);
        }
    }

    /// Strings of what filters are made of, which get deeper into the parser than arbitrary ones.
    fn filter_like() -> impl Strategy<Value = String> {
        let parts = [
            "name",
            "tier",
            "tags",
            "create_time",
            "parent",
            ".",
            "id",
            "A",
            "TIER_A",
            "*",
            "\"",
            "'",
            "\\",
            "(",
            ")",
            "=",
            "!=",
            "<",
            ">=",
            ":",
            ",",
            "-",
            " ",
            " AND ",
            " OR ",
            " NOT ",
            "1",
            "-1.5",
            "true",
            "2025-01-31",
            "华为",
            "%",
            "\0",
            "\u{3000}",
        ];
        proptest::collection::vec(proptest::sample::select(parts.to_vec()), 0..40).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

        #[test]
        fn no_request_makes_it_panic(
            filter in prop_oneof![any::<String>(), filter_like()],
            order_by in prop_oneof![any::<String>(), "(path|name|create_time)?[ ,]{0,3}(desc|asc)?"],
            page_token in prop_oneof![any::<String>(), "[A-Za-z0-9_-]{0,60}"],
            page_size in any::<i32>(),
        ) {
            let request =
                PageRequest { page_size, page_token: &page_token, filter: &filter, order_by: &order_by, ..Default::default() };
            if let Ok(query) = ACCOUNTS.query(&request) {
                prop_assert!(page_token.is_empty() && page_size >= 0);
                prop_assert!(ACCOUNTS.query(&PageRequest { page_token: "AQ", ..request }).is_err(), "{query:?}");
            }
        }

        #[test]
        fn a_token_of_any_bytes_is_taken_or_refused(key in any::<Vec<u8>>(), version in 0u8..4, length in 0usize..60) {
            use base64::Engine;
            let digest = token::digest(["account", "", "", ""]);
            let mut bytes = [&[version], digest.as_slice(), &[7; 16], &key].concat();
            bytes.truncate(length);
            let page_token = &base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&bytes);
            let taken = ACCOUNTS.query(&PageRequest { page_token, ..Default::default() }).is_ok();
            let whole = length == 0 || length >= 25 && version == 2;
            prop_assert!(whole || !taken);
        }
    }
}
