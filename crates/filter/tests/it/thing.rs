//! A table with a column of every kind, and its rows in Rust.

use guanxi_filter::{Field, Kind, Listing, Order};
use sqlx::types::Decimal;
use sqlx::{Connection, FromRow, PgConnection, Postgres, QueryBuilder};
use time::macros::{date, datetime};
use time::{Date, Duration, OffsetDateTime};
use uuid::Uuid;

use crate::database;
use crate::random::Random;

const TABLE: &str = r#"
create table thing (
    id uuid primary key,
    path text collate "C" not null,
    name text not null,
    note text,
    tier text,
    employee_count integer,
    revenue numeric(19, 4),
    listed boolean,
    create_time timestamptz,
    care_date date,
    parent_id uuid,
    tags text[]
);
create index thing_path on thing (path, id);
create index thing_name on thing (name, id);
"#;

pub(crate) const TIERS: &[(&str, &str)] = &[("TIER_A", "a"), ("TIER_B", "b"), ("TIER_C", "c")];

pub(crate) static THINGS: Listing = THING;

/// Where a thing with a care date counts as deleted.
pub(crate) static LIVE_THINGS: Listing = Listing { live: Some("care_date is null or false"), ..THING };

const THING: Listing = Listing {
    name: "thing",
    columns: "id, path, name, note, tier, employee_count, revenue, listed, create_time, care_date, parent_id, tags",
    from: "public.thing",
    id: "id",
    path: Some("path"),
    live: None,
    fields: &[
        Field { name: "note", column: "note", kind: Kind::Text },
        Field { name: "tier", column: "tier", kind: Kind::Enum(TIERS) },
        Field { name: "employee_count", column: "employee_count", kind: Kind::Integer },
        Field { name: "revenue", column: "revenue", kind: Kind::Decimal },
        Field { name: "listed", column: "listed", kind: Kind::Boolean },
        Field { name: "create_time", column: "create_time", kind: Kind::Instant },
        Field { name: "care_date", column: "care_date", kind: Kind::Day },
        Field { name: "parent.id", column: "parent_id", kind: Kind::Id },
        Field { name: "tags", column: "tags", kind: Kind::TextList },
    ],
    orders: &[
        Order { name: "path", key: Some("path"), descending: false },
        Order { name: "path", key: Some("path"), descending: true },
        Order { name: "name", key: Some("name"), descending: false },
        Order { name: "name", key: Some("name"), descending: true },
        Order { name: "id", key: None, descending: false },
        Order { name: "id", key: None, descending: true },
    ],
    default_page_size: 50,
    max_page_size: 5_000,
};

#[derive(Clone, Debug, FromRow, PartialEq)]
pub(crate) struct Thing {
    pub(crate) id: Uuid,
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) note: Option<String>,
    pub(crate) tier: Option<String>,
    pub(crate) employee_count: Option<i32>,
    pub(crate) revenue: Option<Decimal>,
    pub(crate) listed: Option<bool>,
    pub(crate) create_time: Option<OffsetDateTime>,
    pub(crate) care_date: Option<Date>,
    pub(crate) parent_id: Option<Uuid>,
    pub(crate) tags: Option<Vec<String>>,
}

/// Texts with everything in them that means something to SQL, to patterns or to filters.
pub(crate) const TEXTS: &[&str] = &[
    "",
    "华为",
    "华为技术",
    "中国移动",
    "A",
    "a",
    "ab",
    "b",
    "100%",
    "100_",
    "1000",
    "O'Brien",
    "a\"b",
    r"a\b",
    r"a\%",
    "AND",
    "$1",
    "-a",
    "'; drop table thing; --",
    "null",
    "x y",
];

pub(crate) const TAGS: &[&str] = &["5G", "专网", "*", "%", "{}", "a,b", "\"q\""];

pub(crate) fn decimal(random: &mut Random) -> Decimal {
    Decimal::new(i64::from(random.below(9)) - 4, 1)
}

pub(crate) fn instant(random: &mut Random) -> OffsetDateTime {
    datetime!(2025-01-01 00:00:00 UTC) + Duration::minutes(i64::from(random.below(9)) * 30)
}

pub(crate) fn day(random: &mut Random) -> Date {
    date!(2024 - 02 - 27) + Duration::days(i64::from(random.below(5)))
}

pub(crate) fn id(random: &mut Random) -> Uuid {
    Uuid::from_u64_pair(random.next(), random.next())
}

/// A few ids, so that some are equal.
pub(crate) fn parent(random: &mut Random) -> Uuid {
    Uuid::from_u128(u128::from(random.below(4)))
}

impl Thing {
    /// A row somewhere below provinces 11 to 15; paths and names are shared by many.
    pub(crate) fn random(random: &mut Random) -> Self {
        let (province, city, county) = (11 + random.below(5), random.below(3), random.below(4));
        let tags: Vec<_> = (0..random.below(3)).map(|_| (*random.pick(TAGS)).to_owned()).collect();
        let note = (*random.pick(TEXTS)).to_owned();
        Self {
            id: id(random),
            path: [format!("{province}/"), format!("{province}/{city}/"), format!("{province}/{city}/{county}/")]
                [random.below(3) as usize]
                .clone(),
            name: format!("{}{}", random.pick(TEXTS), random.below(3)),
            note: random.perhaps(note),
            tier: random.pick(&[None, Some("a"), Some("b"), Some("c")]).map(str::to_owned),
            employee_count: (i32::try_from(random.below(7)).ok()).filter(|count| *count < 6).map(|count| count - 2),
            revenue: Some(decimal(random)).filter(|revenue| !revenue.is_zero()),
            listed: *random.pick(&[None, Some(false), Some(true)]),
            create_time: Some(instant(random)).filter(|time| time.hour() > 0),
            care_date: Some(day(random)).filter(|day| day.day() > 27),
            parent_id: Some(parent(random)).filter(|id| !id.is_nil()),
            tags: random.perhaps(tags),
        }
    }
}

/// A new database with rows, which come back too.
pub(crate) async fn table(seed: u64, count: u32) -> (PgConnection, Vec<Thing>) {
    let mut connection = PgConnection::connect(&database::create().await).await.unwrap();
    sqlx::raw_sql(TABLE).execute(&mut connection).await.unwrap();
    let mut random = Random(seed);
    let rows: Vec<_> = (0..count).map(|_| Thing::random(&mut random)).collect();
    insert(&mut connection, &rows).await;
    (connection, rows)
}

pub(crate) async fn insert(connection: &mut PgConnection, rows: &[Thing]) {
    for rows in rows.chunks(1_000) {
        let mut insert = QueryBuilder::<Postgres>::new("insert into thing ");
        insert.push_values(rows.iter().cloned(), |mut values, row| {
            values.push_bind(row.id).push_bind(row.path).push_bind(row.name).push_bind(row.note).push_bind(row.tier);
            values.push_bind(row.employee_count).push_bind(row.revenue).push_bind(row.listed);
            values.push_bind(row.create_time).push_bind(row.care_date).push_bind(row.parent_id).push_bind(row.tags);
        });
        insert.build().persistent(false).execute(&mut *connection).await.unwrap();
    }
}
