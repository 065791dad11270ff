//! Rows of accounts.

use guanxi_proto::client_registry::v1::account_service_client::AccountServiceClient;
use guanxi_proto::client_registry::v1::{
    Account, ExternalId, ImportAccountRow, ImportAccountsRequest, ImportAccountsResponse,
};
use guanxi_proto::imports::v1::{ImportOptions, ImportProgress, RowViolation};
use guanxi_proto::r#type::v1::Money;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use super::map::Values;
use super::noun::{Field, Noun, Shape, number, truth};
use crate::service::Service;
use crate::wording::Language;

/// The currency of an amount that comes without one.
const CURRENCY: &str = "CNY";

/// Accounts.
pub(crate) struct Accounts;

const fn field(path: &'static str, shape: Shape) -> Field {
    Field { root: "account.", path, shape }
}

impl Noun for Accounts {
    type Row = ImportAccountRow;
    type Request = ImportAccountsRequest;
    type Response = ImportAccountsResponse;
    const NAME: &'static str = "account";
    const SERVICE: Service = Service::ClientRegistry;
    const FIELDS: &'static [Field] = &[
        field("id", Shape::One),
        field("legal_name", Shape::One),
        field("short_name", Shape::One),
        field("aliases", Shape::Many),
        field("credit_code", Shape::One),
        field("external_ids", Shape::Named),
        field("industry_code", Shape::One),
        field("parent_account_id", Shape::One),
        field("parent_external_id", Shape::Named),
        field("territory_code", Shape::One),
        field("address", Shape::One),
        field("employee_count", Shape::One),
        field("registered_capital.amount", Shape::One),
        field("registered_capital.currency_code", Shape::One),
        field("tax_rank", Shape::One),
        field("public_sector", Shape::One),
        field("legal_representative", Shape::One),
        field("source", Shape::One),
        field("tags", Shape::Many),
        field("attributes", Shape::Named),
    ];
    const MAP: &'static str = include_str!("../../maps/account.toml");
    const PARENT_FIELDS: &'static [&'static str] = &["parent_external_id", "account.parent_account_id"];

    fn blank(number: i64) -> ImportAccountRow {
        ImportAccountRow { row_number: number, ..Default::default() }
    }

    fn row(number_: i64, mut values: Values, language: Language) -> Result<ImportAccountRow, Vec<RowViolation>> {
        let mut wrong = Vec::new();
        let mut first_pair = |field: &str| values.named(field).into_iter().next();
        let parent = first_pair("parent_external_id").map(|(system, value)| ExternalId { system, value });
        let amount = values.one("registered_capital.amount");
        let currency_code = Some(values.one("registered_capital.currency_code")).filter(|code| !code.is_empty());
        let account = Account {
            id: values.one("id"),
            legal_name: values.one("legal_name"),
            short_name: values.one("short_name"),
            aliases: distinct(values.many("aliases")),
            credit_code: values.one("credit_code"),
            external_ids: external_ids(&mut values),
            industry_code: values.one("industry_code"),
            parent_account_id: values.one("parent_account_id"),
            territory_code: values.one("territory_code"),
            address: values.one("address"),
            employee_count: number("account.employee_count", &values.one("employee_count"), language, &mut wrong),
            registered_capital: (!amount.is_empty())
                .then(|| Money { currency_code: currency_code.unwrap_or_else(|| CURRENCY.to_owned()), amount }),
            tax_rank: number("account.tax_rank", &values.one("tax_rank"), language, &mut wrong),
            public_sector: truth("account.public_sector", &values.one("public_sector"), language, &mut wrong),
            legal_representative: values.one("legal_representative"),
            source: values.one("source"),
            tags: distinct(values.many("tags")),
            attributes: values.named("attributes").into_iter().collect(),
            ..Default::default()
        };
        let row =
            ImportAccountRow { row_number: number_, account: Some(Box::new(account)), parent_external_id: parent };
        if wrong.is_empty() { Ok(row) } else { Err(wrong) }
    }

    fn request(options: Option<ImportOptions>, rows: Vec<ImportAccountRow>) -> ImportAccountsRequest {
        ImportAccountsRequest { options, rows }
    }

    fn progress(response: ImportAccountsResponse) -> Option<ImportProgress> {
        response.progress
    }

    async fn open(
        channel: Channel,
        requests: Request<ReceiverStream<ImportAccountsRequest>>,
    ) -> Result<Streaming<ImportAccountsResponse>, Status> {
        Ok(AccountServiceClient::new(channel).import_accounts(requests).await?.into_inner())
    }

    fn keys(row: &ImportAccountRow) -> Vec<String> {
        let Some(account) = &row.account else { return Vec::new() };
        let id = Some(account.id.clone()).filter(|id| !id.is_empty());
        id.into_iter().chain(account.external_ids.iter().map(pair)).collect()
    }

    fn parent(row: &ImportAccountRow) -> Option<String> {
        let id = row.account.as_ref().map(|account| account.parent_account_id.clone()).filter(|id| !id.is_empty());
        row.parent_external_id.as_ref().map(pair).or(id)
    }
}

/// An id in another system as lists of them write it.
pub(crate) fn pair(id: &ExternalId) -> String {
    format!("{}={}", id.system, id.value)
}

fn external_ids(values: &mut Values) -> Vec<ExternalId> {
    values.named("external_ids").into_iter().map(|(system, value)| ExternalId { system, value }).collect()
}

/// What two columns say alike is one value.
fn distinct(values: Vec<String>) -> Vec<String> {
    values.into_iter().fold(Vec::new(), |mut distinct, value| {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
        distinct
    })
}
