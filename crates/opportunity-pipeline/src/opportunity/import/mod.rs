//! Importing opportunities with their past: rows keyed by their id in another system.

mod batch;
mod history;
mod row;
mod store;

use std::sync::Arc;

use guanxi_db::Transaction;
use guanxi_events::NewEvent;
use guanxi_grpc::{Call, Violations, day};
use guanxi_proto::imports::v1::{ImportOptions, ImportProgress};
use guanxi_proto::opportunity_pipeline::v1::{
    ImportOpportunitiesRequest, ImportOpportunitiesResponse, ImportOpportunityRow,
};
use guanxi_resource::{Error, Import, Outcome, Resources, Rows};

use super::patch::Patch;
use crate::copies::{Copies, Known};
use batch::Batch;
use row::Row;

/// Takes rows of opportunities in.
#[derive(Clone)]
pub(super) struct OpportunityRows {
    resources: Resources,
    copies: Copies,
    /// What is known of what the rows of the message name.
    known: Arc<Known>,
}

impl OpportunityRows {
    pub(super) fn new(resources: Resources, copies: Copies) -> Self {
        Self { resources, copies, known: Arc::default() }
    }
}

impl Rows for OpportunityRows {
    type Request = ImportOpportunitiesRequest;
    type Response = ImportOpportunitiesResponse;
    type Row = ImportOpportunityRow;
    const NOUN: &'static str = "opportunity";

    fn take(request: ImportOpportunitiesRequest) -> (Option<ImportOptions>, Vec<ImportOpportunityRow>) {
        (request.options, request.rows)
    }

    fn number(row: &ImportOpportunityRow) -> i64 {
        row.row_number
    }

    fn answer(progress: ImportProgress) -> ImportOpportunitiesResponse {
        ImportOpportunitiesResponse { progress: Some(progress) }
    }

    /// Looks up what rows name before their transaction: that may wait for a feed.
    async fn prepare(&self, _: &Call, rows: &[ImportOpportunityRow]) -> Result<Self, Error> {
        let known = self.copies.known(&row::names(rows)).await?;
        Ok(Self { known: Arc::new(known), ..self.clone() })
    }

    async fn apply(
        &self,
        transaction: &mut Transaction,
        call: &Call,
        import: &Import,
        rows: &[ImportOpportunityRow],
    ) -> Result<(Vec<Outcome>, Vec<NewEvent>), Error> {
        let today = day::of(call.now);
        let parsed: Vec<Result<(Row, Patch), Violations>> =
            rows.iter().cloned().map(|sent| row::read(sent, today)).collect();
        let good = parsed.iter().flatten().map(|(row, _)| row);
        let mut batch = Batch::load(&self.resources, &self.known, transaction, call, import.mode, good).await?;
        let judge = |parsed: Result<(Row, Patch), Violations>| {
            let outcome = parsed.and_then(|(row, patch)| batch.judge(&row, patch));
            outcome.unwrap_or_else(|wrong| Outcome::Rejected(wrong.into_inner()))
        };
        let outcomes = parsed.into_iter().map(judge).collect();
        Ok((outcomes, batch.save(transaction).await?))
    }
}
