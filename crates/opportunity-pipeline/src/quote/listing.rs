//! How quotes are listed.

use guanxi_filter::{Field, Kind, Listing, Order, PageQuery};

use crate::approval_policy::Level;

/// How quotes are listed. Where they lie and who sees them stands in their opportunities.
pub(super) static LISTING: Listing = Listing {
    name: "quote",
    columns: "quote.id, quote.opportunity_id, quote.version_number, quote.state, quote.currency_code, quote.asked, quote.priced, \
         quote.contract_list_amount, quote.contract_net_amount, quote.contract_cost_amount, quote.concessions, quote.margin_percent, \
         quote.required_level, quote.discount_reason, quote.catalog_version, quote.price_date, quote.valid_until_date, quote.solution, \
         quote.terms, quote.author, quote.submitter, quote.submit_time, quote.decider, quote.decide_time, quote.decision_level, \
         quote.reason, quote.accept_date, quote.acceptance_reference, quote.version, quote.create_time, quote.update_time, \
         opportunity.state as deal_state, opportunity.delete_time is not null as deal_deleted, opportunity.flagship, \
         opportunity.account_id, account.legal_name as account_name, opportunity.territory_code, opportunity.territory_path, \
         opportunity.seen_by",
    from: "opportunity_pipeline.quote join opportunity_pipeline.opportunity on opportunity.id = quote.opportunity_id \
         left join opportunity_pipeline.account on account.id = opportunity.account_id",
    id: "quote.id",
    path: Some("opportunity.territory_path"),
    live: Some("opportunity.delete_time is null"),
    fields: &FIELDS,
    orders: &[
        Order { name: "territory", key: Some("opportunity.territory_path"), descending: false },
        Order { name: "create_time", key: None, descending: true },
    ],
    default_page_size: 50,
    max_page_size: 200,
};

/// Those that wait for a decision: the same, but tokens of one list are none of the other.
pub(super) static WAITING: Listing = Listing { name: "quote_waiting", ..LISTING };

const FIELDS: [Field; 17] = [
    Field { name: "opportunity_id", column: "quote.opportunity_id", kind: Kind::Id },
    Field { name: "version_number", column: "quote.version_number", kind: Kind::Integer },
    Field { name: "state", column: "quote.state", kind: Kind::Enum(&STATES) },
    Field { name: "territory_code", column: "opportunity.territory_code", kind: Kind::Text },
    Field { name: "account_id", column: "opportunity.account_id", kind: Kind::Id },
    Field { name: "currency_code", column: "quote.currency_code", kind: Kind::Text },
    Field { name: "contract_net_amount", column: "quote.contract_net_amount", kind: Kind::Decimal },
    Field { name: "margin_percent", column: "quote.margin_percent", kind: Kind::Decimal },
    Field { name: "required_level", column: "quote.required_level", kind: Kind::Enum(&LEVELS) },
    Field { name: "valid_until_date", column: "quote.valid_until_date", kind: Kind::Day },
    Field { name: "author", column: "quote.author", kind: Kind::Text },
    Field { name: "submitter", column: "quote.submitter", kind: Kind::Text },
    Field { name: "decider", column: "quote.decider", kind: Kind::Text },
    Field { name: "submit_time", column: "quote.submit_time", kind: Kind::Instant },
    Field { name: "decide_time", column: "quote.decide_time", kind: Kind::Instant },
    Field { name: "create_time", column: "quote.create_time", kind: Kind::Instant },
    Field { name: "update_time", column: "quote.update_time", kind: Kind::Instant },
];

const STATES: [(&str, &str); 8] = [
    ("QUOTE_STATE_DRAFT", "DRAFT"),
    ("QUOTE_STATE_WAITING", "WAITING"),
    ("QUOTE_STATE_APPROVED", "APPROVED"),
    ("QUOTE_STATE_ACCEPTED", "ACCEPTED"),
    ("QUOTE_STATE_REJECTED", "REJECTED"),
    ("QUOTE_STATE_WITHDRAWN", "WITHDRAWN"),
    ("QUOTE_STATE_EXPIRED", "EXPIRED"),
    ("QUOTE_STATE_DECLINED", "DECLINED"),
];

const LEVELS: [(&str, &str); 5] = [
    ("AUTHORITY_LEVEL_MANAGER", "MANAGER"),
    ("AUTHORITY_LEVEL_COUNTY", "COUNTY"),
    ("AUTHORITY_LEVEL_CITY", "CITY"),
    ("AUTHORITY_LEVEL_PROVINCE", "PROVINCE"),
    ("AUTHORITY_LEVEL_HEADQUARTERS", "HEADQUARTERS"),
];

/// Leaves out what needs a level, outside the territories that somebody has it in.
pub(super) fn above(query: PageQuery, level: Level, ranges: &[(String, String)]) -> PageQuery {
    let condition = match level {
        Level::Manager => "quote.required_level <> 'MANAGER'",
        Level::County => "quote.required_level <> 'COUNTY'",
        Level::City => "quote.required_level <> 'CITY'",
        Level::Province => "quote.required_level <> 'PROVINCE'",
        Level::Headquarters => "quote.required_level <> 'HEADQUARTERS'",
    };
    query.or_where(ranges, condition)
}
