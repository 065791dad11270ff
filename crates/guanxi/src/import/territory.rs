//! Rows of territories.

use guanxi_proto::client_registry::v1::territory_service_client::TerritoryServiceClient;
use guanxi_proto::client_registry::v1::{
    ImportTerritoriesRequest, ImportTerritoriesResponse, ImportTerritoryRow, Territory,
};
use guanxi_proto::imports::v1::{ImportOptions, ImportProgress, RowViolation};
use guanxi_proto::r#type::v1::LocalizedText;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use super::map::Values;
use super::noun::{Field, Noun, Shape};
use crate::service::Service;
use crate::wording::Language;

/// Territories.
pub(crate) struct Territories;

const fn field(path: &'static str) -> Field {
    Field { root: "territory.", path, shape: Shape::One }
}

impl Noun for Territories {
    type Row = ImportTerritoryRow;
    type Request = ImportTerritoriesRequest;
    type Response = ImportTerritoriesResponse;
    const NAME: &'static str = "territory";
    const SERVICE: Service = Service::ClientRegistry;
    const FIELDS: &'static [Field] =
        &[field("code"), field("name.zh"), field("name.en"), field("level"), field("parent_code")];
    const MAP: &'static str = include_str!("../../maps/territory.toml");
    const PARENT_FIELDS: &'static [&'static str] = &["territory.parent_code", "territory"];

    fn blank(number: i64) -> ImportTerritoryRow {
        ImportTerritoryRow { row_number: number, ..Default::default() }
    }

    fn row(number: i64, mut values: Values, _language: Language) -> Result<ImportTerritoryRow, Vec<RowViolation>> {
        let name = LocalizedText { zh: values.one("name.zh"), en: values.one("name.en") };
        let territory = Territory {
            code: values.one("code"),
            name: Some(name),
            level: values.one("level"),
            parent_code: values.one("parent_code"),
            ..Default::default()
        };
        Ok(ImportTerritoryRow { row_number: number, territory: Some(Box::new(territory)) })
    }

    fn request(options: Option<ImportOptions>, rows: Vec<ImportTerritoryRow>) -> ImportTerritoriesRequest {
        ImportTerritoriesRequest { options, rows }
    }

    fn progress(response: ImportTerritoriesResponse) -> Option<ImportProgress> {
        response.progress
    }

    async fn open(
        channel: Channel,
        requests: Request<ReceiverStream<ImportTerritoriesRequest>>,
    ) -> Result<Streaming<ImportTerritoriesResponse>, Status> {
        Ok(TerritoryServiceClient::new(channel).import_territories(requests).await?.into_inner())
    }

    fn keys(row: &ImportTerritoryRow) -> Vec<String> {
        row.territory.iter().map(|territory| territory.code.clone()).collect()
    }

    fn parent(row: &ImportTerritoryRow) -> Option<String> {
        row.territory.as_ref().map(|territory| territory.parent_code.clone()).filter(|code| !code.is_empty())
    }
}
