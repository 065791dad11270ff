//! Between the wire and the model.

use guanxi_filter::{page_place, page_token};
use guanxi_grpc::value::localized;
use guanxi_grpc::{Violation, Violations, day, known, text};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::kpi::v1::{
    self as pb, ErrorReason, FigureDimension, FigureQuestion, QueryIndicatorRequest, QueryIndicatorResponse,
};
use prost::Message as _;
use rust_decimal::Decimal;

use super::answer::{Answer, Row, quotient};
use super::question::{By, Question};
use crate::error::reason;
use crate::indicator::{code, wire};

/// Rows of a page if the request does not say, and most rows.
const PAGE: (i32, i32) = (1_000, 10_000);

impl From<FigureDimension> for By {
    fn from(dimension: FigureDimension) -> Self {
        match dimension {
            FigureDimension::Unspecified => Self::Whole,
            FigureDimension::Territory => Self::Territory,
            FigureDimension::Manager => Self::Manager,
            FigureDimension::Account => Self::Account,
            FigureDimension::Offering => Self::Offering,
            FigureDimension::Stage => Self::Stage,
            FigureDimension::Tier => Self::Tier,
            FigureDimension::Industry => Self::Industry,
            FigureDimension::Month => Self::Month,
            FigureDimension::Quarter => Self::Quarter,
            FigureDimension::Year => Self::Year,
        }
    }
}

/// Reads a question, with everything that is wrong in it.
pub(crate) fn question(sent: Option<&FigureQuestion>) -> Result<Question, Violations> {
    let sent = sent.ok_or_else(|| Violation::required("question"))?;
    let mut wrong = Violations::default();
    let indicator_code = wrong.keep(code("question.indicator_code", &sent.indicator_code));
    let by = wrong.keep(dimension("question.by", sent.by));
    let territory_code = wrong.keep(text("question.territory_code", &sent.territory_code, 0, 50));
    let territory_level = wrong.keep(text("question.territory_level", &sent.territory_level, 0, 50));
    if by.is_some_and(|by| by != By::Territory) && !sent.territory_level.is_empty() {
        wrong.push(unfit("question.territory_level", sent.by, "only territories have a level"));
    }
    let from = wrong.keep(day::read("question.from_date", &sent.from_date)).flatten();
    let to = wrong.keep(day::read("question.to_date", &sent.to_date)).flatten();
    for (field, value) in [("question.from_date", from), ("question.to_date", to)] {
        if let Some(value) = value.filter(|value| *value < day::FIRST) {
            wrong.push(
                Violation::new(field, Shared::OutOfRange)
                    .with("value", value)
                    .with("min", day::FIRST)
                    .with("max", "9999-12-31"),
            );
        }
    }
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        let reversed = Violation::new("question.to_date", reason(ErrorReason::RangeReversed));
        wrong.push(reversed.with("value", to).with("from", from));
    }
    let currency_code = wrong.keep(currency("question.currency_code", &sent.currency_code));
    let only = wrong.keep(only(sent));
    match (indicator_code, by, territory_code, territory_level, currency_code, only) {
        (
            Some(indicator_code),
            Some(by),
            Some(territory_code),
            Some(territory_level),
            Some(currency_code),
            Some(only),
        ) if wrong.is_empty() => {
            Ok(Question { indicator_code, by, territory_code, territory_level, from, to, currency_code, only })
        }
        _ => Err(wrong),
    }
}

fn dimension(field: &str, value: i32) -> Result<By, Violation> {
    known(field, value, FigureDimension::as_str_name).map(By::from)
}

/// A currency in a field; empty for none.
pub(crate) fn currency(field: &str, value: &str) -> Result<String, Violation> {
    if value.is_empty() || guanxi_grpc::value::minor_unit(value).is_some() {
        return Ok(value.to_owned());
    }
    let unknown = Violation::new(field, Shared::UnknownValue).with("value", value);
    Err(unknown.with("expected", guanxi_grpc::value::currencies()))
}

fn only(sent: &FigureQuestion) -> Result<Vec<(By, String)>, Violation> {
    let field = "question.where";
    match dimension(field, sent.r#where)? {
        By::Whole if sent.where_key.is_empty() => Ok(Vec::new()),
        By::Whole => Err(Violation::required(field)),
        By::Territory => Err(unfit(field, sent.r#where, "territory_code says which territory")),
        by if by.is_time() => Err(unfit(field, sent.r#where, "from_date and to_date say which days")),
        by => Ok(vec![(by, text("question.where_key", &sent.where_key, 0, 100)?)]),
    }
}

fn unfit(field: &str, value: i32, problem: &str) -> Violation {
    let name = FigureDimension::try_from(value).unwrap_or_default().as_str_name();
    Violation::new(field, reason(ErrorReason::DimensionUnfit)).with("value", name).with("problem", problem)
}

/// A page of an answer, as it was asked for.
pub(crate) struct Paging {
    size: usize,
    by_rank: bool,
    query: Vec<String>,
    after: usize,
}

impl Paging {
    fn read(request: &QueryIndicatorRequest) -> Result<Self, Violations> {
        let mut wrong = Violations::default();
        let size = wrong.keep(page_size(request.page_size, PAGE));
        let by_rank = wrong.keep(match request.order_by.as_str() {
            "" | "key" => Ok(false),
            "rank" => Ok(true),
            other => {
                Err(Violation::new("order_by", Shared::OrderUnknown).with("value", other).with("expected", "key, rank"))
            }
        });
        let question = request.question.as_ref().map(FigureQuestion::encode_to_vec).unwrap_or_default();
        let query = vec!["figures".to_owned(), request.order_by.clone(), format!("{question:?}")];
        let texts: Vec<&str> = query.iter().map(String::as_str).collect();
        let place = wrong.keep(page_place(&texts, &request.page_token));
        let after = place.and_then(|place| if place.is_empty() { Some(0) } else { place.parse().ok() });
        match (size, by_rank, after) {
            (Some(size), Some(by_rank), Some(after)) if wrong.is_empty() => Ok(Self { size, by_rank, query, after }),
            _ if wrong.is_empty() => Err(Violation::new("page_token", Shared::PageTokenInvalid).into()),
            _ => Err(wrong),
        }
    }

    /// The page of an answer.
    pub(crate) fn page(self, mut answer: Answer) -> QueryIndicatorResponse {
        if self.by_rank {
            answer.rows.sort_by_key(|row| (row.rank == 0, row.rank));
        }
        let end = self.after.saturating_add(self.size);
        let texts: Vec<&str> = self.query.iter().map(String::as_str).collect();
        let next = if answer.rows.len() > end { page_token(&texts, &end.to_string()) } else { String::new() };
        QueryIndicatorResponse {
            figures: answer.rows.iter().skip(self.after).take(self.size).map(figure).collect(),
            next_page_token: next,
            totals: answer.totals.iter().map(figure).collect(),
            indicator: Some(wire(&answer.indicator)),
        }
    }
}

/// Reads a request for figures: the question, and which page of the answer, with everything that is wrong in both.
pub(crate) fn query(request: &QueryIndicatorRequest) -> Result<(Question, Paging), Violations> {
    match (question(request.question.as_ref()), Paging::read(request)) {
        (Ok(question), Ok(paging)) => Ok((question, paging)),
        (Err(mut wrong), Err(more)) => {
            wrong.extend(more);
            Err(wrong)
        }
        (Err(wrong), _) | (_, Err(wrong)) => Err(wrong),
    }
}

/// The size of a page: what is asked for, the usual one for 0, at most the largest.
pub(super) fn page_size(wanted: i32, (usual, most): (i32, i32)) -> Result<usize, Violation> {
    let size = if wanted == 0 { usual } else { wanted.min(most) };
    usize::try_from(size).map_err(|_| {
        Violation::new("page_size", Shared::OutOfRange).with("value", wanted).with("min", 0).with("max", most)
    })
}

/// A figure on the wire.
pub(super) fn figure(row: &Row) -> pb::Figure {
    let growth =
        |before: Option<Decimal>| row.value.zip(before).and_then(|(value, before)| quotient(value - before, before));
    pb::Figure {
        key: row.key.clone(),
        name: row.name.as_ref().map(|(zh, en)| localized(zh, en.as_deref())),
        currency_code: row.currency_code.clone(),
        value: decimal(row.value),
        share: decimal(row.share),
        rank: row.rank,
        previous_value: decimal(row.previous),
        previous_growth: decimal(growth(row.previous)),
        year_before_value: decimal(row.year_before),
        year_before_growth: decimal(growth(row.year_before)),
    }
}

/// A decimal on the wire; empty for none.
pub(super) fn decimal(value: Option<Decimal>) -> String {
    value.map(|value| value.normalize().to_string()).unwrap_or_default()
}
