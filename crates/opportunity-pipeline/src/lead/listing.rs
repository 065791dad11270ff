//! How leads are listed. Nothing about persons is a field: a filter would tell it.

use guanxi_filter::{Field, Kind, Listing, Order};

/// How leads are listed.
pub(super) static LISTING: Listing = Listing {
    name: "lead",
    columns: "lead.id, lead.title, lead.title_key, lead.source, lead.source_reference, lead.account_id, \
         account.legal_name as account_name, account.tier as account_tier, account.industry_code as account_industry_code, \
         lead.company_name, lead.company_key, lead.contact_name, lead.contact_phone, \
         lead.description, lead.score, lead.owner_id, lead.owner_employee_number, lead.territory_code, lead.territory_path, lead.seen_by, \
         lead.state, lead.disqualify_reason, lead.reason, lead.duplicate_of_lead_id, lead.opportunity_id, lead.tags, lead.version, \
         lead.create_time, lead.update_time, lead.delete_time",
    from: "opportunity_pipeline.lead left join opportunity_pipeline.account on account.id = lead.account_id",
    id: "lead.id",
    path: Some("lead.territory_path"),
    live: Some("lead.delete_time is null"),
    fields: &FIELDS,
    orders: &[
        Order { name: "territory", key: Some("lead.territory_path"), descending: false },
        Order { name: "create_time", key: None, descending: true },
    ],
    default_page_size: 50,
    max_page_size: 1_000,
};

/// What a filter over leads can name.
const FIELDS: [Field; 17] = [
    Field { name: "title", column: "lead.title", kind: Kind::Text },
    Field { name: "source", column: "lead.source", kind: Kind::Enum(&SOURCES) },
    Field { name: "source_reference", column: "lead.source_reference", kind: Kind::Text },
    Field { name: "account_id", column: "lead.account_id", kind: Kind::Id },
    Field { name: "account_name", column: "account.legal_name", kind: Kind::Text },
    Field { name: "company_name", column: "lead.company_name", kind: Kind::Text },
    Field { name: "score", column: "lead.score", kind: Kind::Integer },
    Field { name: "owner_id", column: "lead.owner_id", kind: Kind::Id },
    Field { name: "owner_employee_number", column: "lead.owner_employee_number", kind: Kind::Text },
    Field { name: "territory_code", column: "lead.territory_code", kind: Kind::Text },
    Field {
        name: "state",
        column: "(case when lead.delete_time is null then lead.state else 'DELETED' end)",
        kind: Kind::Enum(&STATES),
    },
    Field { name: "disqualify_reason", column: "lead.disqualify_reason", kind: Kind::Enum(&REASONS) },
    Field { name: "duplicate_of_lead_id", column: "lead.duplicate_of_lead_id", kind: Kind::Id },
    Field { name: "opportunity_id", column: "lead.opportunity_id", kind: Kind::Id },
    Field { name: "tags", column: "lead.tags", kind: Kind::TextList },
    Field { name: "create_time", column: "lead.create_time", kind: Kind::Instant },
    Field { name: "update_time", column: "lead.update_time", kind: Kind::Instant },
];

const SOURCES: [(&str, &str); 7] = [
    ("LEAD_SOURCE_CAMPAIGN", "CAMPAIGN"),
    ("LEAD_SOURCE_MANAGER", "MANAGER"),
    ("LEAD_SOURCE_PHONE", "PHONE"),
    ("LEAD_SOURCE_PORTAL", "PORTAL"),
    ("LEAD_SOURCE_RECOMMENDATION", "RECOMMENDATION"),
    ("LEAD_SOURCE_WARNING", "WARNING"),
    ("LEAD_SOURCE_INTERACTION", "INTERACTION"),
];

const STATES: [(&str, &str); 5] = [
    ("LEAD_STATE_NEW", "NEW"),
    ("LEAD_STATE_WORKING", "WORKING"),
    ("LEAD_STATE_QUALIFIED", "QUALIFIED"),
    ("LEAD_STATE_DISQUALIFIED", "DISQUALIFIED"),
    ("LEAD_STATE_DELETED", "DELETED"),
];

const REASONS: [(&str, &str); 6] = [
    ("DISQUALIFY_REASON_NO_NEED", "NO_NEED"),
    ("DISQUALIFY_REASON_NO_BUDGET", "NO_BUDGET"),
    ("DISQUALIFY_REASON_DUPLICATE", "DUPLICATE"),
    ("DISQUALIFY_REASON_UNREACHABLE", "UNREACHABLE"),
    ("DISQUALIFY_REASON_COMPETITOR", "COMPETITOR"),
    ("DISQUALIFY_REASON_OTHER", "OTHER"),
];
