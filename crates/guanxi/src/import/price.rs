//! Rows of prices: a price book.

use guanxi_proto::imports::v1::{ImportOptions, ImportProgress, RowViolation};
use guanxi_proto::product_catalog::v1::price_service_client::PriceServiceClient;
use guanxi_proto::product_catalog::v1::{
    ChargeKind, ImportPriceRow, ImportPricesRequest, ImportPricesResponse, Price, PriceModel,
};
use guanxi_proto::r#type::v1::LocalizedText;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use super::map::Values;
use super::noun::{Field, Noun, Shape, choice};
use super::source::violation;
use crate::service::Service;
use crate::wording::{Language, pick};

/// Prices.
pub(crate) struct Prices;

const KINDS: (&str, &[&str]) = ("CHARGE_KIND_", &["ONE_TIME", "MONTHLY", "YEARLY", "USAGE"]);
const MODELS: (&str, &[&str]) = ("PRICE_MODEL_", &["FLAT", "PER_UNIT", "PER_MEMBER"]);
/// Models that live on tiers, for which a row of a table has no place.
const TIERED: [&str; 3] = ["TIERED", "VOLUME", "STAIRSTEP"];

/// A field by its path in the row, as product-catalog names it where it is wrong.
const fn field(path: &'static str) -> Field {
    Field { root: "", path, shape: Shape::One }
}

impl Noun for Prices {
    type Row = ImportPriceRow;
    type Request = ImportPricesRequest;
    type Response = ImportPricesResponse;
    const NAME: &'static str = "price";
    const SERVICE: Service = Service::ProductCatalog;
    const FIELDS: &'static [Field] = &[
        field("price.offering_code"),
        field("price.charge_kind"),
        field("price.model"),
        field("price.currency_code"),
        field("price.amount"),
        field("price.unit"),
        field("price.floor_amount"),
        field("price.cost_amount"),
        field("price.valid_from_date"),
        field("price.valid_to_date"),
        field("offering_name.zh"),
        field("offering_name.en"),
        field("category_code"),
    ];
    const MAP: &'static str = include_str!("../../maps/price.toml");
    const PARENT_FIELDS: &'static [&'static str] = &[];

    fn blank(number: i64) -> ImportPriceRow {
        ImportPriceRow { row_number: number, ..Default::default() }
    }

    fn row(number: i64, mut values: Values, language: Language) -> Result<ImportPriceRow, Vec<RowViolation>> {
        let mut wrong = Vec::new();
        let price = Price {
            offering_code: values.one("price.offering_code"),
            charge_kind: charge_kind(&values.one("price.charge_kind"), language, &mut wrong),
            model: model(&values.one("price.model"), language, &mut wrong),
            currency_code: values.one("price.currency_code"),
            amount: values.one("price.amount"),
            unit: values.one("price.unit"),
            floor_amount: values.one("price.floor_amount"),
            cost_amount: values.one("price.cost_amount"),
            valid_from_date: values.one("price.valid_from_date"),
            valid_to_date: values.one("price.valid_to_date"),
            ..Default::default()
        };
        let name = LocalizedText { zh: values.one("offering_name.zh"), en: values.one("offering_name.en") };
        let category_code = values.one("category_code");
        let price = Some(Box::new(price));
        let row = ImportPriceRow { row_number: number, price, offering_name: Some(name), category_code };
        if wrong.is_empty() { Ok(row) } else { Err(wrong) }
    }

    fn request(options: Option<ImportOptions>, rows: Vec<ImportPriceRow>) -> ImportPricesRequest {
        ImportPricesRequest { options, rows }
    }

    fn progress(response: ImportPricesResponse) -> Option<ImportProgress> {
        response.progress
    }

    async fn open(
        channel: Channel,
        requests: Request<ReceiverStream<ImportPricesRequest>>,
    ) -> Result<Streaming<ImportPricesResponse>, Status> {
        Ok(PriceServiceClient::new(channel).import_prices(requests).await?.into_inner())
    }

    /// Nothing: no row waits for another.
    fn keys(_row: &ImportPriceRow) -> Vec<String> {
        Vec::new()
    }

    fn parent(_row: &ImportPriceRow) -> Option<String> {
        None
    }
}

fn charge_kind(text: &str, language: Language, wrong: &mut Vec<RowViolation>) -> i32 {
    let value = |name: &str| ChargeKind::from_str_name(name).map(Into::into);
    choice("price.charge_kind", text, KINDS, value, language, wrong)
}

fn model(text: &str, language: Language, wrong: &mut Vec<RowViolation>) -> i32 {
    let name = text.to_uppercase();
    if TIERED.contains(&name.strip_prefix(MODELS.0).unwrap_or(&name)) {
        let zh = format!("“{text}”按档计价，CSV 不能导入各档；请用 PriceService.CreatePrice。");
        let en = format!("\"{text}\" needs tiers, which cannot be imported by CSV: use PriceService.CreatePrice.");
        wrong.push(violation("price.model", "NOT_APPLICABLE", pick(language, zh, en)));
        return 0;
    }
    let value = |name: &str| PriceModel::from_str_name(name).map(Into::into);
    choice("price.model", text, MODELS, value, language, wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        read: fn(&str, Language, &mut Vec<RowViolation>) -> i32,
        text: &str,
        language: Language,
    ) -> Result<i32, (String, String)> {
        let mut wrong = Vec::new();
        let value = read(text, language, &mut wrong);
        wrong.pop().map_or(Ok(value), |wrong| Err((wrong.reason, wrong.message)))
    }

    #[test]
    fn a_value_is_known_by_its_short_and_its_full_name() {
        for name in ["MONTHLY", "CHARGE_KIND_MONTHLY", "monthly"] {
            assert_eq!(read(charge_kind, name, Language::Chinese), Ok(ChargeKind::Monthly.into()), "{name}");
        }
        assert_eq!(read(charge_kind, "", Language::Chinese), Ok(0));
        assert_eq!(read(model, "PRICE_MODEL_PER_UNIT", Language::Chinese), Ok(PriceModel::PerUnit.into()));
    }

    #[test]
    fn other_values_are_refused_with_those_that_there_are() {
        let refused = |language, expected: &str| {
            let (reason, message) = read(charge_kind, "UNSPECIFIED", language).unwrap_err();
            assert!(reason == "UNKNOWN_VALUE" && message.contains(expected), "{reason}: {message}");
        };
        refused(Language::Chinese, "可用：ONE_TIME, MONTHLY, YEARLY, USAGE");
        refused(Language::English, "known: ONE_TIME, MONTHLY, YEARLY, USAGE");
        for name in TIERED {
            let (reason, message) = read(model, name, Language::English).unwrap_err();
            assert!(reason == "NOT_APPLICABLE" && message.contains("CreatePrice"), "{reason}: {message}");
        }
    }
}
