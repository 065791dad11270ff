//! Pages give every row once, in order, whatever happens between them.

use guanxi_filter::{Page, PageRequest, Value};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::random::Random;
use crate::thing::{LIVE_THINGS, THINGS, Thing, insert, table};

type Range = (String, String);

const ORDERS: [&str; 6] = ["path", "path desc", "name", "name desc", "id", "id desc"];

fn ranges(bounds: &[(&str, &str)]) -> Vec<Range> {
    bounds.iter().map(|(low, high)| ((*low).to_owned(), (*high).to_owned())).collect()
}

fn everything() -> Vec<Range> {
    ranges(&[("1", "2")])
}

/// What the whole list should be.
fn sorted(rows: &[Thing], ranges: &[Range], order_by: &str) -> Vec<Thing> {
    let visible = |row: &&Thing| ranges.iter().any(|(low, high)| (low..high).contains(&&row.path));
    let mut rows: Vec<_> = rows.iter().filter(visible).cloned().collect();
    rows.sort_by(|a, b| key(order_by, a).cmp(&key(order_by, b)));
    if order_by.ends_with(" desc") {
        rows.reverse();
    }
    rows
}

fn key<'a>(order_by: &str, row: &'a Thing) -> (&'a str, Uuid) {
    match order_by.split(' ').next() {
        Some("path") => (&row.path, row.id),
        Some("name") => (&row.name, row.id),
        _ => ("", row.id),
    }
}

async fn page(connection: &mut PgConnection, request: &PageRequest<'_>, ranges: &[Range]) -> Page<Thing> {
    THINGS.query(request).unwrap().fetch(connection, ranges).await.unwrap()
}

async fn walk(connection: &mut PgConnection, request: &PageRequest<'_>, ranges: &[Range]) -> Vec<Thing> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let next = page(connection, &PageRequest { page_token: &page_token, ..*request }, ranges).await;
        let full = next.rows.len() == usize::try_from(request.page_size).unwrap();
        assert!(full || next.next_page_token.is_empty(), "a short page in the middle");
        all.extend(next.rows);
        page_token = next.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

#[tokio::test]
async fn every_row_comes_once_in_every_order_at_every_page_size() {
    let (mut connection, rows) = table(1, 2_000).await;
    let scopes = [
        everything(),
        ranges(&[("12/", "120")]),
        ranges(&[("11/0/", "11/00"), ("12/1/", "12/10"), ("13/", "130"), ("19/", "190")]),
        ranges(&[("19/", "190")]),
        ranges(&[]),
    ];
    for order_by in ORDERS {
        for scope in &scopes {
            let expected = sorted(&rows, scope, order_by);
            for page_size in [1, 2, 7, 100, 399, i32::try_from(expected.len().max(1)).unwrap(), 5_000] {
                // A page of one for each of 2,000 rows shows no more than for each of 400.
                if page_size < 3 && expected.len() > 500 {
                    continue;
                }
                let request = PageRequest { page_size, order_by, ..Default::default() };
                let found = walk(&mut connection, &request, scope).await;
                assert!(found == expected, "{order_by} by {page_size} in {scope:?}");
            }
            let counted = THINGS.query(&PageRequest::default()).unwrap().count(&mut connection, scope).await;
            assert_eq!(usize::try_from(counted.unwrap()).unwrap(), expected.len());
        }
    }
}

#[tokio::test]
async fn rows_that_come_and_go_between_pages_neither_repeat_nor_hide_others() {
    let (mut connection, rows) = table(2, 600).await;
    let mut random = Random(22);
    for order_by in ORDERS {
        let expected: Vec<_> = sorted(&rows, &everything(), order_by);
        let mut found: Vec<Thing> = Vec::new();
        let mut added: Vec<Thing> = Vec::new();
        let mut page_token = String::new();
        loop {
            let page_size = 1 + i32::try_from(random.below(40)).unwrap();
            let request = PageRequest { page_size, page_token: &page_token, order_by, ..Default::default() };
            let next = page(&mut connection, &request, &everything()).await;
            found.extend(next.rows);
            page_token = next.next_page_token;
            if page_token.is_empty() {
                break;
            }
            let behind = |row: &Thing| {
                sorted(&[row.clone(), found[found.len() - 1].clone()], &everything(), order_by)[0].id == row.id
            };
            let new: Vec<_> = (0..5).map(|_| Thing::random(&mut random)).collect();
            insert(&mut connection, &new).await;
            // Those before the end of the page are too late; the others are still to come.
            added.extend(new.into_iter().filter(|row| !behind(row)));
            // The row that the token stands for may go too.
            let gone = found[found.len() - 1].id;
            remove(&mut connection, &[gone]).await;
        }
        let originals: Vec<_> = found.iter().filter(|row| rows.contains(row)).cloned().collect();
        assert!(originals == expected, "{order_by}");
        assert!(found == sorted(&[rows.clone(), added].concat(), &everything(), order_by), "{order_by}");
        remove(&mut connection, &[]).await;
        insert(&mut connection, &rows).await;
    }
}

/// Deletes rows; without ids, all.
async fn remove(connection: &mut PgConnection, ids: &[Uuid]) {
    let mut delete = sqlx::QueryBuilder::<sqlx::Postgres>::new("delete from thing where cardinality(");
    delete.push_bind(ids).push("::uuid[]) = 0 or id = any(").push_bind(ids).push(")");
    delete.build().execute(connection).await.unwrap();
}

#[tokio::test]
async fn a_token_shows_nothing_outside_the_scope_that_it_is_used_in() {
    let (mut connection, rows) = table(3, 500).await;
    let wide = everything();
    for order_by in ORDERS {
        let request = PageRequest { page_size: 100, order_by, ..Default::default() };
        let token = page(&mut connection, &request, &wide).await.next_page_token;
        let request = PageRequest { page_size: 5_000, page_token: &token, ..request };
        let seen = page(&mut connection, &PageRequest { page_token: "", page_size: 100, ..request }, &wide).await.rows;
        for narrow in [ranges(&[("11/", "110")]), ranges(&[("13/1/", "13/10"), ("15/", "150")]), ranges(&[])] {
            let rest = page(&mut connection, &request, &narrow).await;
            let mut expected = sorted(&rows, &narrow, order_by);
            expected.retain(|row| !seen.contains(row));
            assert!(rest.rows == expected, "{order_by} in {narrow:?}");
            assert_eq!(rest.next_page_token, "");
        }
    }
}

#[tokio::test]
async fn deletion_and_a_parent_hold_for_pages_and_totals() {
    let (mut connection, rows) = table(4, 500).await;
    let parent = Uuid::from_u128(2);
    let live = PageRequest { page_size: 5_000, filter: "listed = true", with_total: true, ..Default::default() };
    for request in [live, PageRequest { show_deleted: true, ..live }] {
        let query = LIVE_THINGS.query(&request).unwrap().only("parent_id", Value::Id(parent));
        let found: Page<Thing> = query.fetch(&mut connection, &everything()).await.unwrap();
        let mut expected = sorted(&rows, &everything(), "path");
        expected.retain(|row| row.listed == Some(true) && row.parent_id == Some(parent));
        expected.retain(|row| request.show_deleted || row.care_date.is_none());
        assert!(found.rows == expected && !found.rows.is_empty());
        assert_eq!(usize::try_from(found.total).unwrap(), expected.len());
    }
}
