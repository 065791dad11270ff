//! Pages of accounts, for lists and exports.

use guanxi_filter::PageRequest;
use guanxi_grpc::{Answers, Call, Violation};
use guanxi_proto::client_registry::v1::{
    ExportAccountsRequest, ExportAccountsResponse, ListAccountsRequest, ListAccountsResponse,
};
use guanxi_proto::errors::v1::ErrorReason;
use prost::Message;
use tonic::Status;

use super::model::Account as Row;
use super::rpc::AccountRpc;
use super::store;
use crate::error::Error;

/// Clients take 4 MiB unless told otherwise; accounts with many attributes make shorter pages.
const MAX_PAGE_BYTES: usize = 3 * 1024 * 1024;
const EXPORT_PAGE: i32 = 500;

impl AccountRpc {
    /// A page of the accounts that the caller may see.
    pub(super) async fn page(&self, call: &Call, request: &ListAccountsRequest) -> Result<ListAccountsResponse, Error> {
        let query = store::LISTING.query(&PageRequest {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &request.filter,
            order_by: &request.order_by,
            show_deleted: request.show_deleted,
            with_total: request.with_total,
            bound: &[&request.territory_code],
        })?;
        let sight = self.sight(call);
        let within = self.registry.within(&sight.scope, &request.territory_code)?;
        if request.order_by.starts_with("create_time") && !within.is_everything() {
            // Its index knows no territories: a small one would be looked for in all accounts.
            return Err(Violation::new("order_by", ErrorReason::OrderUnknown)
                .with("value", &request.order_by)
                .with("expected", "territory")
                .into());
        }
        let mut query = query.seen_from(&sight.scope.ranges());
        let mut connection = self.registry.connection().await?;
        loop {
            let page = query.fetch::<Row>(&mut connection, &within.ranges()).await?;
            let accounts = page.rows.iter().map(|account| sight.account(account)).collect();
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
