//! Measurements of billing and usage: values that come in by imports, a later one in place of the earlier one.

mod batch;
mod known;
mod model;
mod row;
mod rpc;
mod store;

use guanxi_db::Transaction;
use guanxi_events::NewEvent;
use guanxi_grpc::{Call, Violations};
use guanxi_proto::imports::v1::{ImportOptions, ImportProgress};
use guanxi_proto::kpi::v1::{ImportMeasurementRow, ImportMeasurementsRequest, ImportMeasurementsResponse};
use guanxi_resource::{Error, Import, Outcome, Rows};

use crate::fact::store::take_turn;
use batch::Batch;
use known::Known;
use model::Measurement;
use row::Row;

pub(crate) use rpc::MeasurementRpc;

impl Rows for MeasurementRpc {
    type Request = ImportMeasurementsRequest;
    type Response = ImportMeasurementsResponse;
    type Row = ImportMeasurementRow;
    const NOUN: &'static str = "measurement";

    fn take(request: ImportMeasurementsRequest) -> (Option<ImportOptions>, Vec<ImportMeasurementRow>) {
        (request.options, request.rows)
    }

    fn number(row: &ImportMeasurementRow) -> i64 {
        row.row_number
    }

    fn answer(progress: ImportProgress) -> ImportMeasurementsResponse {
        ImportMeasurementsResponse { progress: Some(progress) }
    }

    /// Has the turn before it reads anything: what it reads is what the one before left.
    async fn apply(
        &self,
        transaction: &mut Transaction,
        call: &Call,
        import: &Import,
        rows: &[ImportMeasurementRow],
    ) -> Result<(Vec<Outcome>, Vec<NewEvent>), Error> {
        if rows.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let rows: Vec<Row> = rows.iter().cloned().map(row::read).collect();
        take_turn(transaction).await?;
        let known = Known::load(transaction, &self.resources.scope(call), &rows).await?;
        let numbered = |row: Row| (row.number, known.measurement(row));
        let read: Vec<(i64, Result<Measurement, Violations>)> = rows.into_iter().map(numbered).collect();
        let keys = read.iter().filter_map(|(_, row)| row.as_ref().ok()).map(|row| &row.key);
        let mut batch = Batch::new(import.mode, store::of(transaction, keys).await?);
        let judge = |(number, row): (i64, Result<Measurement, Violations>)| {
            let outcome = row.and_then(|row| batch.judge(number, row).map_err(Violations::from));
            outcome.unwrap_or_else(|wrong| Outcome::Rejected(wrong.into_inner()))
        };
        let outcomes = read.into_iter().map(judge).collect();
        Ok((outcomes, batch.save(transaction, call, import, &known.paths).await?))
    }
}
