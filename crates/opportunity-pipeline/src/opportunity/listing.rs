//! How opportunities are listed.

use guanxi_filter::{Field, Kind, Listing, Order};

/// The columns of an opportunity's row, wherever rows are selected.
pub(crate) const COLUMNS: &str = "opportunity.id, opportunity.title, opportunity.account_id, account.legal_name as account_name, \
     account.tier as account_tier, account.industry_code as account_industry_code, opportunity.kind, opportunity.pipeline_code, opportunity.stage_code, opportunity.stage_enter_date, opportunity.state, \
     opportunity.owner_id, opportunity.owner_employee_number, opportunity.territory_code, opportunity.territory_path, \
     opportunity.seen_by, opportunity.amount, opportunity.list_amount, opportunity.currency_code, opportunity.probability_percent, \
     opportunity.forecast_category, opportunity.expected_close_date, opportunity.open_date, opportunity.close_date, \
     opportunity.intent, opportunity.lines, opportunity.offering_codes, opportunity.competitors, opportunity.team, \
     opportunity.key_success_factors, opportunity.flagship, opportunity.description, opportunity.tags, opportunity.close_reason, \
     opportunity.reason, opportunity.suspend_until_date, opportunity.lead_id, opportunity.imported_from, opportunity.version, \
     opportunity.create_time, opportunity.update_time, opportunity.delete_time";

/// How opportunities are listed.
pub(crate) static LISTING: Listing = Listing {
    name: "opportunity",
    columns: COLUMNS,
    from: "opportunity_pipeline.opportunity left join opportunity_pipeline.account on account.id = opportunity.account_id",
    id: "opportunity.id",
    path: Some("opportunity.territory_path"),
    live: Some("opportunity.delete_time is null"),
    fields: &FIELDS,
    orders: &[
        Order { name: "territory", key: Some("opportunity.territory_path"), descending: false },
        Order { name: "create_time", key: None, descending: true },
    ],
    default_page_size: 50,
    max_page_size: 1_000,
};

/// What a filter over opportunities can name.
pub(crate) const FIELDS: [Field; 23] = [
    Field { name: "title", column: "opportunity.title", kind: Kind::Text },
    Field { name: "account_id", column: "opportunity.account_id", kind: Kind::Id },
    Field { name: "account_name", column: "account.legal_name", kind: Kind::Text },
    Field { name: "kind", column: "opportunity.kind", kind: Kind::Enum(&KINDS) },
    Field { name: "pipeline_code", column: "opportunity.pipeline_code", kind: Kind::Text },
    Field { name: "stage_code", column: "opportunity.stage_code", kind: Kind::Text },
    Field {
        name: "state",
        column: "(case when opportunity.delete_time is null then opportunity.state else 'DELETED' end)",
        kind: Kind::Enum(&STATES),
    },
    Field { name: "owner_id", column: "opportunity.owner_id", kind: Kind::Id },
    Field { name: "owner_employee_number", column: "opportunity.owner_employee_number", kind: Kind::Text },
    Field { name: "territory_code", column: "opportunity.territory_code", kind: Kind::Text },
    Field { name: "value", column: "coalesce(opportunity.amount, opportunity.list_amount)", kind: Kind::Decimal },
    Field { name: "currency_code", column: "opportunity.currency_code", kind: Kind::Text },
    Field { name: "intent", column: "opportunity.intent", kind: Kind::Enum(&INTENTS) },
    Field { name: "flagship", column: "opportunity.flagship", kind: Kind::Boolean },
    Field { name: "tags", column: "opportunity.tags", kind: Kind::TextList },
    Field { name: "offering_codes", column: "opportunity.offering_codes", kind: Kind::TextList },
    Field { name: "imported_from", column: "opportunity.imported_from", kind: Kind::Text },
    Field { name: "open_date", column: "opportunity.open_date", kind: Kind::Day },
    Field { name: "expected_close_date", column: "opportunity.expected_close_date", kind: Kind::Day },
    Field { name: "close_date", column: "opportunity.close_date", kind: Kind::Day },
    Field { name: "stage_enter_date", column: "opportunity.stage_enter_date", kind: Kind::Day },
    Field { name: "create_time", column: "opportunity.create_time", kind: Kind::Instant },
    Field { name: "update_time", column: "opportunity.update_time", kind: Kind::Instant },
];

const KINDS: [(&str, &str); 5] = [
    ("OPPORTUNITY_KIND_NEW", "NEW"),
    ("OPPORTUNITY_KIND_EXPAND", "EXPAND"),
    ("OPPORTUNITY_KIND_RENEW", "RENEW"),
    ("OPPORTUNITY_KIND_WIN_BACK", "WIN_BACK"),
    ("OPPORTUNITY_KIND_ATTACK", "ATTACK"),
];

const STATES: [(&str, &str); 5] = [
    ("OPPORTUNITY_STATE_OPEN", "OPEN"),
    ("OPPORTUNITY_STATE_WON", "WON"),
    ("OPPORTUNITY_STATE_LOST", "LOST"),
    ("OPPORTUNITY_STATE_SUSPENDED", "SUSPENDED"),
    ("OPPORTUNITY_STATE_DELETED", "DELETED"),
];

const INTENTS: [(&str, &str); 5] = [
    ("CUSTOMER_INTENT_UNAWARE", "UNAWARE"),
    ("CUSTOMER_INTENT_AWARE", "AWARE"),
    ("CUSTOMER_INTENT_INTERESTED", "INTERESTED"),
    ("CUSTOMER_INTENT_PLANNING", "PLANNING"),
    ("CUSTOMER_INTENT_PURCHASING", "PURCHASING"),
];
