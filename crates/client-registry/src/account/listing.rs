//! Pages of accounts, for lists and exports.

use guanxi_filter::{Field, Kind, Listing, Order, PageRequest};
use guanxi_grpc::{Answers, Call, Violation};
use guanxi_proto::client_registry::v1::{
    ExportAccountsRequest, ExportAccountsResponse, ListAccountsRequest, ListAccountsResponse,
};
use guanxi_proto::errors::v1::ErrorReason;
use guanxi_resource::Error;
use prost::Message;
use tonic::Status;

use super::convert;
use super::model::Account as Row;
use super::rpc::AccountRpc;

/// Clients take 4 MiB unless told otherwise; accounts with many attributes make shorter pages.
const MAX_PAGE_BYTES: usize = 3 * 1024 * 1024;
const EXPORT_PAGE: i32 = 500;

impl AccountRpc {
    /// A page of the accounts that the caller may see.
    pub(super) async fn page(&self, call: &Call, request: &ListAccountsRequest) -> Result<ListAccountsResponse, Error> {
        let query = LISTING.query(&PageRequest::of(request, &[&request.territory_code]))?;
        let sight = self.sight(call);
        let within = self.resources.within(&sight.scope, &request.territory_code)?;
        if request.order_by.starts_with("create_time") && !within.is_everything() {
            // Its index knows no territories: a small one would be looked for in all accounts.
            return Err(Violation::new("order_by", ErrorReason::OrderUnknown)
                .with("value", &request.order_by)
                .with("expected", "territory")
                .into());
        }
        let mut query = query.seen_from(&sight.scope.ranges());
        let mut connection = self.resources.connection().await?;
        loop {
            let page = query.fetch::<Row>(&mut connection, &within.ranges()).await?;
            let accounts = page.rows.iter().map(|account| convert::seen(&sight, account)).collect();
            let answer = ListAccountsResponse { accounts, next_page_token: page.next_page_token, total: page.total };
            if answer.encoded_len() <= MAX_PAGE_BYTES || answer.accounts.len() < 2 {
                connection.release();
                return Ok(answer);
            }
            query = query.at_most(answer.accounts.len() / 2);
        }
    }

    /// Sends page after page.
    pub(super) async fn export(
        &self,
        call: &Call,
        request: ExportAccountsRequest,
        answers: Answers<ExportAccountsResponse>,
    ) {
        let mut next = ListAccountsRequest {
            territory_code: request.territory_code,
            filter: request.filter,
            show_deleted: request.show_deleted,
            page_size: EXPORT_PAGE,
            ..Default::default()
        };
        loop {
            let page = self.page(call, &next).await;
            next.page_token = page.as_ref().map(|page| page.next_page_token.clone()).unwrap_or_default();
            let answer = page.map(|page| ExportAccountsResponse { accounts: page.accounts }).map_err(Status::from);
            if answers.send(answer).await.is_err() || next.page_token.is_empty() {
                return;
            }
        }
    }
}

/// How accounts are listed.
static LISTING: Listing = Listing {
    name: "account",
    columns: "account.id, account.legal_name, account.short_name, account.aliases, account.credit_code, account.external_ids, \
         account.industry_code, account.parent_id, account.tree_path, account.territory_code, account.territory_path, \
         account.address, account.employee_count, account.registered_capital, account.registered_capital_currency, \
         account.tax_rank, account.public_sector, account.legal_representative, account.tier, account.state, account.source, \
         account.tags, account.attributes, account.version, account.create_time, account.update_time, account.delete_time, \
         account.activate_time, parent.territory_code as parent_territory_code, parent.territory_path as parent_territory_path",
    from: "client_registry.account left join client_registry.account parent on parent.id = account.parent_id",
    id: "account.id",
    path: Some("account.territory_path"),
    live: Some("account.delete_time is null"),
    fields: &[
        Field { name: "legal_name", column: "account.legal_name", kind: Kind::Text },
        Field { name: "short_name", column: "account.short_name", kind: Kind::Text },
        Field { name: "credit_code", column: "account.credit_code", kind: Kind::Text },
        Field { name: "industry_code", column: "account.industry_code", kind: Kind::Text },
        Field { name: "territory_code", column: "account.territory_code", kind: Kind::Text },
        Field {
            name: "parent_account_id",
            column: "account.parent_id",
            kind: Kind::Shown(&Kind::Id, "parent.territory_path"),
        },
        Field {
            name: "tier",
            column: "account.tier",
            kind: Kind::Enum(&[("TIER_A", "A"), ("TIER_B", "B"), ("TIER_C", "C")]),
        },
        Field { name: "state", column: "account.state", kind: Kind::Enum(&STATES) },
        Field { name: "source", column: "account.source", kind: Kind::Text },
        Field { name: "public_sector", column: "account.public_sector", kind: Kind::Boolean },
        Field { name: "employee_count", column: "account.employee_count", kind: Kind::Integer },
        Field { name: "tax_rank", column: "account.tax_rank", kind: Kind::Integer },
        Field { name: "tags", column: "account.tags", kind: Kind::TextList },
        Field { name: "create_time", column: "account.create_time", kind: Kind::Instant },
        Field { name: "update_time", column: "account.update_time", kind: Kind::Instant },
    ],
    orders: &[
        Order { name: "territory", key: Some("account.territory_path"), descending: false },
        // Ids ascend with the time they were made.
        Order { name: "create_time", key: None, descending: false },
        Order { name: "create_time", key: None, descending: true },
    ],
    default_page_size: 50,
    max_page_size: 1_000,
};

const STATES: [(&str, &str); 5] = [
    ("ACCOUNT_STATE_PROSPECT", "PROSPECT"),
    ("ACCOUNT_STATE_ACTIVE", "ACTIVE"),
    ("ACCOUNT_STATE_AT_RISK", "AT_RISK"),
    ("ACCOUNT_STATE_CHURNED", "CHURNED"),
    ("ACCOUNT_STATE_MERGED", "MERGED"),
];
