//! Between the wire and the figures.

use guanxi_filter::{PageQuery, PageRequest, Value};
use guanxi_grpc::value::{code, localized, wire_money};
use guanxi_grpc::{Violation, Violations, day, number, parse_id};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::opportunity_pipeline::v1::{
    self as pb, GetForecastRequest, GetFunnelRequest, ListStalledOpportunitiesRequest,
};
use guanxi_resource::{Noun, Sight};
use rust_decimal::Decimal;
use time::{Date, Duration};
use uuid::Uuid;

use super::model::{self, BoardCell, ForecastRow, FunnelStage, Months, Stalled};
use super::store::LISTING;
use crate::pipeline::{STANDARD, Stage};

/// Most months of a forecast, and how many there are where nobody says.
const MAX_MONTHS: i32 = 36;
const MONTHS: i32 = 12;
/// Days after which an opportunity is stalled, where nobody says.
const STALLED_DAYS: i32 = 30;

/// Of which opportunities.
pub(super) struct Question {
    pub(super) pipeline_code: String,
    pub(super) territory_code: String,
    pub(super) owner_id: Option<Uuid>,
}

/// Reads of which opportunities a figure is wanted.
pub(super) fn question(
    violations: &mut Violations,
    pipeline_code: &str,
    territory_code: &str,
    owner_id: &str,
) -> Option<Question> {
    let pipeline_code = match pipeline_code {
        "" => Some(STANDARD.to_owned()),
        sent => violations.keep(code("pipeline_code", sent)),
    };
    let owner_id = match owner_id {
        "" => Some(None),
        sent => violations.keep(parse_id("owner_id", sent)).map(Some),
    };
    Some(Question { pipeline_code: pipeline_code?, territory_code: territory_code.to_owned(), owner_id: owner_id? })
}

/// Reads the question of a board.
pub(super) fn board_question(request: &pb::GetBoardRequest) -> Result<Question, Violations> {
    let mut violations = Violations::default();
    let question = question(&mut violations, &request.pipeline_code, &request.territory_code, &request.owner_id);
    question.ok_or(violations)
}

/// Reads the question of a funnel, and the days between which a stage was entered.
pub(super) fn funnel_question(
    request: &GetFunnelRequest,
) -> Result<(Question, Option<Date>, Option<Date>), Violations> {
    let mut violations = Violations::default();
    let question = question(&mut violations, &request.pipeline_code, &request.territory_code, &request.owner_id);
    let from = violations.keep(day::read("from_date", &request.from_date));
    let to = violations.keep(day::read("to_date", &request.to_date));
    if let (Some(Some(from)), Some(Some(to))) = (from, to) {
        violations.keep(number("to_date", to, from, Date::MAX));
    }
    match (question, from, to) {
        (Some(question), Some(from), Some(to)) if violations.is_empty() => Ok((question, from, to)),
        _ => Err(violations),
    }
}

/// Reads the question of a forecast, and its months.
pub(super) fn forecast_question(request: &GetForecastRequest, today: Date) -> Result<(Question, Months), Violations> {
    let mut violations = Violations::default();
    let question = question(&mut violations, &request.pipeline_code, &request.territory_code, &request.owner_id);
    let from = violations.keep(month("from_month", &request.from_month));
    let from = from.map(|from| from.unwrap_or_else(|| model::months_later(today, 0)));
    let to = violations.keep(month("to_month", &request.to_month));
    if let (Some(from), Some(Some(to))) = (from, to) {
        let last = model::months_later(from, MAX_MONTHS - 1);
        if to < from || to > last {
            let outside = Violation::new("to_month", Shared::OutOfRange).with("value", &request.to_month);
            violations.push(outside.with("min", wire_month(from)).with("max", wire_month(last)));
        }
    }
    match (question, from, to) {
        (Some(question), Some(from), Some(to)) if violations.is_empty() => {
            let to = to.unwrap_or_else(|| model::months_later(from, MONTHS - 1));
            Ok((question, Months { from, to: to.replace_day(to.month().length(to.year())).unwrap_or(to) }))
        }
        _ => Err(violations),
    }
}

/// The first day of a month like `2026-03`, or nothing.
fn month(field: &str, value: &str) -> Result<Option<Date>, Violation> {
    if value.is_empty() {
        return Ok(None);
    }
    day::parse(field, &format!("{value}-01"))
        .map(Some)
        .map_err(|_| Violation::new(field, Shared::Format).with("value", value).with("expected", "a month, 2026-03"))
}

fn wire_month(day: Date) -> String {
    format!("{:04}-{:02}", day.year(), u8::from(day.month()))
}

/// Reads the question of what is stalled: of which opportunities, as of which day, and the page of them.
pub(super) fn stalled_question(
    request: &ListStalledOpportunitiesRequest,
    today: Date,
) -> Result<(Question, Date, PageQuery), Violations> {
    let mut violations = Violations::default();
    let question = question(&mut violations, &request.pipeline_code, &request.territory_code, &request.owner_id);
    let as_of = violations.keep(day::read("as_of_date", &request.as_of_date)).map(|day| day.unwrap_or(today));
    let as_of = as_of.and_then(|as_of| violations.keep(number("as_of_date", as_of, day::FIRST, Date::MAX)));
    let days = if request.min_days == 0 { STALLED_DAYS } else { request.min_days };
    let days = violations.keep(number("min_days", days, 1, 10_000));
    if !request.stage_code.is_empty() {
        violations.keep(code("stage_code", &request.stage_code));
    }
    let query = stalled_query(request, as_of.unwrap_or(today), days.unwrap_or(STALLED_DAYS));
    let query = query.map_err(|wrong| violations.extend(wrong)).ok();
    match (question, as_of, query) {
        (Some(question), Some(as_of), Some(query)) if violations.is_empty() => {
            let query = query.only("opportunity.pipeline_code", Value::Text(question.pipeline_code.clone()));
            let query = match question.owner_id {
                Some(owner_id) => query.only("opportunity.owner_id", Value::Id(owner_id)),
                None => query,
            };
            Ok((question, as_of, query))
        }
        _ => Err(violations),
    }
}

/// In a stage on a day, for more days than so many. A stage that was left on a day that is not known is not judged.
fn stalled_query(request: &ListStalledOpportunitiesRequest, as_of: Date, days: i32) -> Result<PageQuery, Violations> {
    let before = as_of - Duration::days(days.into());
    let filter = format!("enter_date < {before} AND (leave_date > {as_of} OR (NOT leave_date:* AND NOT leave_time:*))");
    let query = LISTING.query(&PageRequest {
        page_size: request.page_size,
        page_token: &request.page_token,
        filter: &filter,
        with_total: request.with_total,
        bound: &[&request.pipeline_code, &request.territory_code, &request.owner_id, &request.stage_code],
        ..PageRequest::default()
    })?;
    Ok(match request.stage_code.as_str() {
        "" => query,
        code => query.only("stage_period.stage_code", Value::Text(code.to_owned())),
    })
}

/// The board on the wire: cells come by stage, then by currency.
pub(super) fn board(cells: Vec<BoardCell>) -> Vec<pb::BoardStage> {
    let mut stages: Vec<pb::BoardStage> = Vec::new();
    for cell in cells {
        if stages.last().is_none_or(|last| last.stage_code != cell.stage.code) {
            let Head { stage_code, name, kind } = head(&cell.stage);
            stages.push(pb::BoardStage { stage_code, name, kind, ..Default::default() });
        }
        let Some(stage) = stages.last_mut() else { continue };
        stage.opportunity_count += cell.opportunity_count;
        stage.suspended_count += cell.suspended_count;
        stage.without_value_count += cell.opportunity_count - cell.valued_count;
        if let (Some(currency_code), Some(value)) = (&cell.currency_code, cell.value) {
            let weighted = model::weighted(cell.weighted_percent.unwrap_or_default(), currency_code);
            stage.sums.push(pb::BoardSum {
                opportunity_count: cell.valued_count,
                value: Some(wire_money(value, currency_code)),
                weighted_value: Some(wire_money(weighted, currency_code)),
            });
        }
    }
    stages
}

/// What the board and the funnel say of a stage.
struct Head {
    stage_code: String,
    name: Option<guanxi_proto::r#type::v1::LocalizedText>,
    kind: i32,
}

fn head(stage: &Stage) -> Head {
    Head {
        stage_code: stage.code.clone(),
        name: Some(localized(&stage.name_zh, stage.name_en.as_deref())),
        kind: pb::StageKind::from(stage.kind).into(),
    }
}

/// A stage of the funnel on the wire.
pub(super) fn funnel_stage(stage: &FunnelStage) -> pb::FunnelStage {
    let Head { stage_code, name, kind } = head(&stage.stage);
    pb::FunnelStage {
        stage_code,
        name,
        kind,
        entered_count: stage.entered_count,
        advanced_count: stage.advanced_count,
        lost_count: stage.lost_count,
        returned_count: stage.returned_count,
        remaining_count: stage.remaining_count,
        conversion_percent: model::percent(stage.advanced_count, stage.entered_count),
        finished_count: stage.finished_count,
        mean_days: stage.mean_days.map(model::rounded),
        median_days: stage.median_days.map(model::rounded),
    }
}

/// The forecast on the wire.
pub(super) fn forecast(rows: &[ForecastRow]) -> Result<pb::GetForecastResponse, Violation> {
    if rows.len() > model::MAX_FORECAST_ROWS {
        let many = Violation::new("to_month", Shared::TooMany).with("max", model::MAX_FORECAST_ROWS);
        return Err(many.with("count", rows.len()));
    }
    let wire = |rows: &[ForecastRow]| rows.iter().map(forecast_row).collect();
    let (months, totals) = (model::by_month(rows), model::by_currency(rows));
    Ok(pb::GetForecastResponse { rows: wire(rows), months: wire(&months), totals: wire(&totals) })
}

fn forecast_row(row: &ForecastRow) -> pb::ForecastRow {
    let currency_code = row.currency_code.as_deref();
    let money = |amount: Decimal| currency_code.map(|currency_code| wire_money(amount, currency_code));
    let weighted = currency_code.map(|code| wire_money(model::weighted(row.weighted_percent, code), code));
    pb::ForecastRow {
        month: row.month.clone().unwrap_or_default(),
        territory_code: row.territory_code.clone().unwrap_or_default(),
        opportunity_count: row.opportunity_count,
        won: money(row.won),
        commit: money(row.commit),
        best_case: money(row.best_case),
        pipeline: money(row.pipeline),
        weighted_value: weighted,
    }
}

/// A stalled opportunity on the wire, as a caller sees it, on a day.
pub(super) fn stalled(stalled: &Stalled, sight: &Sight, as_of: Date) -> pb::StalledOpportunity {
    let days = (as_of - stalled.period_enter_date).whole_days();
    pb::StalledOpportunity {
        opportunity: Some(stalled.opportunity.message(sight)),
        stage_code: stalled.period_stage_code.clone(),
        stage_enter_date: day::wire(Some(stalled.period_enter_date)),
        days: i32::try_from(days).unwrap_or(i32::MAX),
    }
}
