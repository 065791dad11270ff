//! Rows of opportunities with their past.

use guanxi_proto::imports::v1::{ImportOptions, ImportProgress, RowViolation};
use guanxi_proto::opportunity_pipeline::v1::opportunity_service_client::OpportunityServiceClient;
use guanxi_proto::opportunity_pipeline::v1::{
    CloseReason, ExternalId, ImportOpportunitiesRequest, ImportOpportunitiesResponse, ImportOpportunityRow,
    ImportedStage, Opportunity, OpportunityKind, OpportunityLine,
};
use guanxi_proto::r#type::v1::Money;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use super::map::Values;
use super::noun::{Field, Noun, Shape, choice, number};
use crate::service::Service;
use crate::wording::Language;

/// Opportunities.
pub(crate) struct Opportunities;

/// The currency of an amount that comes without one.
const CURRENCY: &str = "CNY";
const KINDS: (&str, &[&str]) = ("OPPORTUNITY_KIND_", &["NEW", "EXPAND", "RENEW", "WIN_BACK", "ATTACK"]);
const REASONS: (&str, &[&str]) = (
    "CLOSE_REASON_",
    &[
        "PRICE",
        "PRODUCT",
        "SERVICE",
        "RELATIONSHIP",
        "COMPETITOR",
        "BUDGET",
        "TIMING",
        "NO_DECISION",
        "OTHER",
        "UNKNOWN",
    ],
);

/// A field by its path in the row, as opportunity-pipeline names it where it is wrong.
const fn field(path: &'static str, shape: Shape) -> Field {
    Field { root: "", path, shape }
}

impl Noun for Opportunities {
    type Row = ImportOpportunityRow;
    type Request = ImportOpportunitiesRequest;
    type Response = ImportOpportunitiesResponse;
    const NAME: &'static str = "opportunity";
    const SERVICE: Service = Service::OpportunityPipeline;
    const FIELDS: &'static [Field] = &[
        field("external_id", Shape::Named),
        field("opportunity.title", Shape::One),
        field("opportunity.account_id", Shape::One),
        field("account_external_id", Shape::Named),
        field("opportunity.owner_id", Shape::One),
        field("owner_employee_number", Shape::One),
        field("opportunity.territory_code", Shape::One),
        field("opportunity.pipeline_code", Shape::One),
        field("opportunity.kind", Shape::One),
        field("opportunity.lines.offering_code", Shape::One),
        field("opportunity.lines.quantity", Shape::One),
        field("opportunity.lines.term_months", Shape::One),
        field("opportunity.amount.amount", Shape::One),
        field("opportunity.amount.currency_code", Shape::One),
        field("opportunity.expected_close_date", Shape::One),
        field("opportunity.description", Shape::One),
        field("opportunity.tags", Shape::Many),
        field("stages", Shape::Many),
        field("stage_code", Shape::One),
        field("stage_enter_date", Shape::One),
        field("open_date", Shape::One),
        field("close_reason", Shape::One),
        field("reason", Shape::One),
    ];
    const MAP: &'static str = include_str!("../../maps/opportunity.toml");
    const PARENT_FIELDS: &'static [&'static str] = &[];

    fn blank(number: i64) -> ImportOpportunityRow {
        ImportOpportunityRow { row_number: number, ..Default::default() }
    }

    fn row(number: i64, mut values: Values, language: Language) -> Result<ImportOpportunityRow, Vec<RowViolation>> {
        let mut wrong = Vec::new();
        let close_reason = |name: &str| CloseReason::from_str_name(name).map(Into::into);
        let row = ImportOpportunityRow {
            row_number: number,
            external_id: external_id(&mut values, "external_id"),
            account_external_id: external_id(&mut values, "account_external_id"),
            owner_employee_number: values.one("owner_employee_number"),
            stages: stages(&mut values),
            open_date: values.one("open_date"),
            close_reason: choice(
                "close_reason",
                &values.one("close_reason"),
                REASONS,
                close_reason,
                language,
                &mut wrong,
            ),
            reason: values.one("reason"),
            opportunity: Some(Box::new(opportunity(&mut values, language, &mut wrong))),
        };
        if wrong.is_empty() { Ok(row) } else { Err(wrong) }
    }

    fn request(options: Option<ImportOptions>, rows: Vec<ImportOpportunityRow>) -> ImportOpportunitiesRequest {
        ImportOpportunitiesRequest { options, rows }
    }

    fn progress(response: ImportOpportunitiesResponse) -> Option<ImportProgress> {
        response.progress
    }

    async fn open(
        channel: Channel,
        requests: Request<ReceiverStream<ImportOpportunitiesRequest>>,
    ) -> Result<Streaming<ImportOpportunitiesResponse>, Status> {
        Ok(OpportunityServiceClient::new(channel).import_opportunities(requests).await?.into_inner())
    }

    /// Nothing: no row waits for another.
    fn keys(_row: &ImportOpportunityRow) -> Vec<String> {
        Vec::new()
    }

    fn parent(_row: &ImportOpportunityRow) -> Option<String> {
        None
    }
}

fn external_id(values: &mut Values, field: &str) -> Option<ExternalId> {
    values.named(field).into_iter().next().map(|(system, value)| ExternalId { system, value })
}

fn opportunity(values: &mut Values, language: Language, wrong: &mut Vec<RowViolation>) -> Opportunity {
    let kind = |name: &str| OpportunityKind::from_str_name(name).map(Into::into);
    let offering_code = values.one("opportunity.lines.offering_code");
    let mut count = |field: &str| number::<i64>(field, &values.one(field), language, wrong).unwrap_or_default();
    let line = OpportunityLine {
        quantity: count("opportunity.lines.quantity"),
        // What does not fit is as much out of range.
        term_months: i32::try_from(count("opportunity.lines.term_months")).unwrap_or(i32::MAX),
        offering_code,
        ..Default::default()
    };
    let amount = values.one("opportunity.amount.amount");
    let currency_code = Some(values.one("opportunity.amount.currency_code")).filter(|code| !code.is_empty());
    let money =
        || Money { currency_code: currency_code.unwrap_or_else(|| CURRENCY.to_owned()), amount: amount.clone() };
    Opportunity {
        title: values.one("opportunity.title"),
        account_id: values.one("opportunity.account_id"),
        owner_id: values.one("opportunity.owner_id"),
        territory_code: values.one("opportunity.territory_code"),
        pipeline_code: values.one("opportunity.pipeline_code"),
        kind: choice("opportunity.kind", &values.one("opportunity.kind"), KINDS, kind, language, wrong),
        lines: if line.offering_code.is_empty() { Vec::new() } else { vec![line] },
        amount: (!amount.is_empty()).then(money),
        expected_close_date: values.one("opportunity.expected_close_date"),
        description: values.one("opportunity.description"),
        tags: values.many("opportunity.tags"),
        ..Default::default()
    }
}

/// The stages that a record went through, `CODE=day` or `CODE=`, and behind them the one where it is, unless that is the last of them.
fn stages(values: &mut Values) -> Vec<ImportedStage> {
    let stage = |text: String| match text.split_once('=') {
        Some((code, date)) => ImportedStage { stage_code: code.to_owned(), enter_date: date.to_owned() },
        None => ImportedStage { stage_code: text, enter_date: String::new() },
    };
    let mut stages: Vec<ImportedStage> = values.many("stages").into_iter().map(stage).collect();
    let (stage_code, enter_date) = (values.one("stage_code"), values.one("stage_enter_date"));
    if !stage_code.is_empty() && stages.last().is_none_or(|last| last.stage_code != stage_code) {
        stages.push(ImportedStage { stage_code, enter_date });
    }
    stages
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::map::Map;
    use super::*;

    /// The row that a map makes of a record.
    fn row(cells: [&str; 4]) -> ImportOpportunityRow {
        let map = "noun = \"opportunity\"\n[fields]\nexternal_id.crm = \"id\"\n\
            stages = [{ value = \"NEW=\" }, \"TALKS={talked}\"]\nstage_code = \"stage\"\nstage_enter_date = \"closed\"";
        let (path, language) = (Path::new("map.toml"), Language::English);
        let map = Map::read(path, map, Opportunities::NAME, Opportunities::FIELDS, language).unwrap();
        let header = ["id", "stage", "talked", "closed"].map(str::to_owned);
        let bound = map.bind(path, &header, language).unwrap();
        Opportunities::row(1, bound.values(&cells.map(str::to_owned)).unwrap(), language).unwrap()
    }

    #[test]
    fn a_record_tells_where_it_is_and_where_it_was() {
        for (cells, expected) in [
            (["7", "NEW", "", ""], vec![("NEW", "")]),
            (["7", "TALKS", "2017-01-02", ""], vec![("NEW", ""), ("TALKS", "2017-01-02")]),
            (
                ["7", "WON", "2017-01-02", "2017-02-03"],
                vec![("NEW", ""), ("TALKS", "2017-01-02"), ("WON", "2017-02-03")],
            ),
        ] {
            let row = row(cells);
            let stages = row.stages.iter().map(|stage| (stage.stage_code.as_str(), stage.enter_date.as_str()));
            assert_eq!(stages.collect::<Vec<_>>(), expected);
            assert_eq!(row.external_id, Some(ExternalId { system: "crm".to_owned(), value: "7".to_owned() }));
        }
    }
}
