//! Rows of measurements: what billing and usage bring in.

use guanxi_proto::client_registry::v1::Tier;
use guanxi_proto::imports::v1::{ImportOptions, ImportProgress, RowViolation};
use guanxi_proto::kpi::v1::measurement_service_client::MeasurementServiceClient;
use guanxi_proto::kpi::v1::{ImportMeasurementRow, ImportMeasurementsRequest, ImportMeasurementsResponse, Measurement};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use super::map::Values;
use super::noun::{Field, Noun, Shape, choice};
use crate::service::Service;
use crate::wording::Language;

/// Measurements.
pub(crate) struct Measurements;

const TIERS: (&str, &[&str]) = ("TIER_", &["A", "B", "C"]);

/// A field by its path in the row, as kpi names it where it is wrong.
const fn field(path: &'static str) -> Field {
    Field { root: "", path, shape: Shape::One }
}

impl Noun for Measurements {
    type Row = ImportMeasurementRow;
    type Request = ImportMeasurementsRequest;
    type Response = ImportMeasurementsResponse;
    const NAME: &'static str = "measurement";
    const SERVICE: Service = Service::Kpi;
    const FIELDS: &'static [Field] = &[
        field("measurement.measure_code"),
        field("measurement.date"),
        field("measurement.territory_code"),
        field("measurement.manager_id"),
        field("manager_employee_number"),
        field("measurement.account_id"),
        field("measurement.offering_code"),
        field("measurement.tier"),
        field("measurement.industry_code"),
        field("measurement.value"),
        field("measurement.currency_code"),
    ];
    const MAP: &'static str = include_str!("../../maps/measurement.toml");
    const PARENT_FIELDS: &'static [&'static str] = &[];

    fn blank(number: i64) -> ImportMeasurementRow {
        ImportMeasurementRow { row_number: number, ..Default::default() }
    }

    fn row(number: i64, mut values: Values, language: Language) -> Result<ImportMeasurementRow, Vec<RowViolation>> {
        let mut wrong = Vec::new();
        let measurement = Measurement {
            measure_code: values.one("measurement.measure_code"),
            date: values.one("measurement.date"),
            territory_code: values.one("measurement.territory_code"),
            manager_id: values.one("measurement.manager_id"),
            account_id: values.one("measurement.account_id"),
            offering_code: values.one("measurement.offering_code"),
            tier: tier(&values.one("measurement.tier"), language, &mut wrong),
            industry_code: values.one("measurement.industry_code"),
            value: values.one("measurement.value"),
            currency_code: values.one("measurement.currency_code"),
        };
        let manager_employee_number = values.one("manager_employee_number");
        let measurement = Some(Box::new(measurement));
        let row = ImportMeasurementRow { row_number: number, measurement, manager_employee_number };
        if wrong.is_empty() { Ok(row) } else { Err(wrong) }
    }

    fn request(options: Option<ImportOptions>, rows: Vec<ImportMeasurementRow>) -> ImportMeasurementsRequest {
        ImportMeasurementsRequest { options, rows }
    }

    fn progress(response: ImportMeasurementsResponse) -> Option<ImportProgress> {
        response.progress
    }

    async fn open(
        channel: Channel,
        requests: Request<ReceiverStream<ImportMeasurementsRequest>>,
    ) -> Result<Streaming<ImportMeasurementsResponse>, Status> {
        Ok(MeasurementServiceClient::new(channel).import_measurements(requests).await?.into_inner())
    }

    /// Nothing: no row waits for another.
    fn keys(_row: &ImportMeasurementRow) -> Vec<String> {
        Vec::new()
    }

    fn parent(_row: &ImportMeasurementRow) -> Option<String> {
        None
    }
}

fn tier(text: &str, language: Language, wrong: &mut Vec<RowViolation>) -> i32 {
    let value = |name: &str| Tier::from_str_name(name).map(Into::into);
    choice("measurement.tier", text, TIERS, value, language, wrong)
}
