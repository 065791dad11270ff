//! How targets are listed.

use guanxi_filter::{Field, Kind, Listing, Order};

/// How targets are listed.
pub(super) static LISTING: Listing = Listing {
    name: "target",
    columns: "id, indicator_code, territory_code, territory_path, period, currency_code, value, note, parent_target_id, locked, \
              decompose_time, version_number, version, create_time, update_time, delete_time",
    from: "kpi.target",
    id: "id",
    path: Some("territory_path"),
    live: Some("delete_time is null"),
    fields: &FIELDS,
    orders: &[
        Order { name: "territory", key: Some("territory_path"), descending: false },
        Order { name: "create_time", key: None, descending: true },
    ],
    default_page_size: 50,
    max_page_size: 1_000,
};

/// What a filter over targets can name.
const FIELDS: [Field; 9] = [
    Field { name: "indicator_code", column: "indicator_code", kind: Kind::Text },
    Field { name: "territory_code", column: "territory_code", kind: Kind::Text },
    Field { name: "period", column: "period", kind: Kind::Text },
    Field { name: "currency_code", column: "currency_code", kind: Kind::Text },
    Field { name: "value", column: "value", kind: Kind::Decimal },
    Field { name: "parent_target_id", column: "parent_target_id", kind: Kind::Id },
    Field {
        name: "state",
        column: "(case when delete_time is not null then 'DELETED' when locked then 'LOCKED' else 'OPEN' end)",
        kind: Kind::Enum(&STATES),
    },
    Field { name: "create_time", column: "create_time", kind: Kind::Instant },
    Field { name: "update_time", column: "update_time", kind: Kind::Instant },
];

const STATES: [(&str, &str); 3] =
    [("TARGET_STATE_OPEN", "OPEN"), ("TARGET_STATE_LOCKED", "LOCKED"), ("TARGET_STATE_DELETED", "DELETED")];
