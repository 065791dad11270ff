//! A listing with a field of every kind and orders of every shape, for the tests.

use crate::{Field, Kind, Listing, Order};

const TIERS: &[(&str, &str)] = &[("TIER_A", "a"), ("TIER_B", "b"), ("TIER_B_PLUS", "b+")];

pub(crate) static ACCOUNTS: Listing = Listing {
    name: "account",
    columns: "account.id, account.name",
    from: "client_registry.account",
    id: "account.id",
    path: Some("account.path"),
    live: Some("account.delete_time is null"),
    fields: &[
        Field { name: "name", column: "account.name", kind: Kind::Text },
        Field { name: "tier", column: "account.tier", kind: Kind::Enum(TIERS) },
        Field { name: "employee_count", column: "account.employee_count", kind: Kind::Integer },
        Field { name: "revenue", column: "account.revenue", kind: Kind::Decimal },
        Field { name: "listed", column: "account.listed", kind: Kind::Boolean },
        Field { name: "create_time", column: "account.create_time", kind: Kind::Instant },
        Field { name: "care_date", column: "account.care_date", kind: Kind::Day },
        Field { name: "parent.id", column: "account.parent_id", kind: Kind::Id },
        Field { name: "owner.id", column: "account.owner_id", kind: Kind::Shown(&Kind::Id, "owner.path") },
        Field { name: "tags", column: "account.tags", kind: Kind::TextList },
    ],
    orders: &[
        Order { name: "path", key: Some("account.path"), descending: false },
        Order { name: "path", key: Some("account.path"), descending: true },
        Order { name: "name", key: Some("account.name"), descending: false },
        Order { name: "create_time", key: None, descending: true },
    ],
    default_page_size: 50,
    max_page_size: 1000,
};
