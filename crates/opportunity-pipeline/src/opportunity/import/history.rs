//! The past of an opportunity as another system tells it.

use guanxi_grpc::value::code;
use guanxi_grpc::{Call, Violation, Violations, day, number};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::opportunity_pipeline::v1::{ErrorReason, ImportedStage};
use serde::Serialize;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::error::reason;
use crate::opportunity::model::State;
use crate::pipeline::{Pipeline, StageKind};

time::serde::format_description!(iso_day, Date, "[year]-[month]-[day]");

const MAX_STAGES: usize = 100;

/// The entry into a stage; the day may be unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) stage_code: String,
    pub(super) enter_date: Option<Date>,
}

/// Where a history leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) state: State,
    /// Of one that is closed.
    pub(super) close_date: Option<Date>,
}

/// A time in a stage as it is stored; its fields are the columns.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Period {
    opportunity_id: Uuid,
    number: i32,
    stage_code: String,
    #[serde(with = "iso_day::option")]
    enter_date: Option<Date>,
    #[serde(with = "iso_day::option")]
    leave_date: Option<Date>,
    #[serde(with = "time::serde::rfc3339")]
    enter_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    leave_time: Option<OffsetDateTime>,
    reason: String,
    actor: String,
    imported: bool,
}

/// The day of something that has been: from the first recorded day until today.
pub(super) fn past_day(field: &str, value: &str, today: Date) -> Result<Option<Date>, Violation> {
    day::read(field, value)?.map(|read| number(field, read, day::FIRST, today)).transpose()
}

/// Reads the entries of a history, whose days follow `open_date` and each other.
pub(super) fn read(
    violations: &mut Violations,
    sent: &[ImportedStage],
    open_date: Option<Date>,
    today: Date,
) -> Vec<Entry> {
    if sent.len() > MAX_STAGES {
        let many = Violation::new("stages", Shared::TooMany).with("max", MAX_STAGES).with("count", sent.len());
        violations.push(many);
        return Vec::new();
    }
    let mut entries = Vec::with_capacity(sent.len());
    let mut previous = open_date;
    for (index, stage) in sent.iter().enumerate() {
        let field = format!("stages[{index}].enter_date");
        let stage_code = violations.keep(code(&format!("stages[{index}].stage_code"), &stage.stage_code));
        let enter_date = violations.keep(past_day(&field, &stage.enter_date, today)).flatten();
        if let Some((date, before)) = enter_date.zip(previous).filter(|(date, before)| date < before) {
            let earlier = Violation::new(field, reason(ErrorReason::ImportDayEarlier));
            violations.push(earlier.with("value", date).with("previous", before));
        }
        previous = enter_date.or(previous);
        entries.extend(stage_code.map(|stage_code| Entry { stage_code, enter_date }));
    }
    entries
}

/// Where a history leads in a pipeline that has all of its stages: one that ends in a closed stage is closed since it came to that kind.
pub(super) fn end(entries: &[Entry], pipeline: &Pipeline) -> Result<End, Violations> {
    let mut violations = Violations::default();
    let mut kinds = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        if let Some(stage) = pipeline.stage(&entry.stage_code) {
            kinds.push(stage.kind);
            continue;
        }
        let expected = pipeline.stages.iter().map(|stage| stage.code.as_str()).collect::<Vec<_>>().join(", ");
        let unknown = Violation::new(format!("stages[{index}].stage_code"), reason(ErrorReason::StageUnknown));
        let unknown = unknown.with("pipeline", &pipeline.code).with("value", &entry.stage_code);
        violations.push(unknown.with("expected", expected));
    }
    let Some(last) = kinds.last().filter(|_| violations.is_empty()) else {
        if entries.is_empty() {
            violations.push(Violation::required("stages"));
        }
        return Err(violations);
    };
    let state = match last {
        StageKind::Open => return Ok(End { state: State::Open, close_date: None }),
        StageKind::Won => State::Won,
        StageKind::Lost => State::Lost,
    };
    let closing = kinds.iter().rposition(|kind| kind != last).map_or(0, |before| before + 1);
    let close_date = entries.get(closing).and_then(|entry| entry.enter_date);
    match close_date {
        Some(_) => Ok(End { state, close_date }),
        None => Err(Violation::required(format!("stages[{closing}].enter_date")).into()),
    }
}

/// The stored times of a history; the last one lasts.
pub(super) fn periods(entries: &[Entry], opportunity_id: Uuid, closing_reason: &str, call: &Call) -> Vec<Period> {
    let mut next = entries.iter().skip(1);
    let period = |(number, entry): (i32, &Entry)| {
        let left = next.next();
        Period {
            opportunity_id,
            number,
            stage_code: entry.stage_code.clone(),
            enter_date: entry.enter_date,
            leave_date: left.and_then(|left| left.enter_date),
            enter_time: call.now,
            leave_time: left.map(|_| call.now),
            reason: if left.is_none() { closing_reason.to_owned() } else { String::new() },
            actor: call.subject().to_owned(),
            imported: true,
        }
    };
    (1..).zip(entries).map(period).collect()
}

#[cfg(test)]
mod tests {
    use sqlx::types::Json;
    use time::macros::date;

    use super::*;
    use crate::pipeline::Stage;

    fn entries(stages: &[(&str, Option<Date>)]) -> Vec<Entry> {
        let entry = |&(code, enter_date): &(&str, _)| Entry { stage_code: code.to_owned(), enter_date };
        stages.iter().map(entry).collect()
    }

    /// Where entries lead in a pipeline of NEW, WON, DONE and LOST; or the wrong fields.
    fn led(stages: &[(&str, Option<Date>)]) -> Result<End, Vec<String>> {
        let stage = |(code, kind): (&str, StageKind)| Stage {
            code: code.to_owned(),
            name_zh: code.to_owned(),
            name_en: None,
            kind,
            probability_percent: 0,
            exit_criteria: Vec::new(),
            forecast_category: None,
        };
        let kinds =
            [("NEW", StageKind::Open), ("WON", StageKind::Won), ("DONE", StageKind::Won), ("LOST", StageKind::Lost)];
        let blank = Pipeline::blank(Uuid::nil(), OffsetDateTime::UNIX_EPOCH);
        let pipeline = Pipeline { stages: Json(kinds.map(stage).to_vec()), ..blank };
        end(&entries(stages), &pipeline)
            .map_err(|wrong| wrong.into_inner().into_iter().map(|wrong| wrong.field).collect())
    }

    #[test]
    fn a_deal_is_closed_since_it_came_to_the_kind_of_its_last_stage() {
        let [first, second] = [date!(2017 - 01 - 10), date!(2017 - 02 - 01)].map(Some);
        let closed = |state, close_date| Ok(End { state, close_date });
        assert_eq!(led(&[("NEW", None)]), closed(State::Open, None));
        assert_eq!(led(&[("NEW", None), ("WON", first), ("DONE", second)]), closed(State::Won, first));
        assert_eq!(led(&[("LOST", first), ("NEW", None), ("LOST", second)]), closed(State::Lost, second));
        assert_eq!(led(&[("LOST", first), ("NEW", second)]), closed(State::Open, None));
    }

    #[test]
    fn a_history_needs_stages_that_there_are_and_the_day_of_closing() {
        let wrong = |fields: &[&str]| Err(fields.iter().map(|&field| field.to_owned()).collect());
        assert_eq!(led(&[]), wrong(&["stages"]));
        assert_eq!(
            led(&[("SOLD", None), ("NEW", None), ("", None)]),
            wrong(&["stages[0].stage_code", "stages[2].stage_code"])
        );
        assert_eq!(led(&[("NEW", None), ("WON", None)]), wrong(&["stages[1].enter_date"]));
    }

    #[test]
    fn days_that_nobody_noted_are_passed_over_where_days_are_compared() {
        let stage =
            |enter_date: &str| ImportedStage { stage_code: "NEW".to_owned(), enter_date: enter_date.to_owned() };
        let today = date!(2017 - 03 - 01);
        let wrong = |days: &[&str]| {
            let mut violations = Violations::default();
            read(&mut violations, &days.iter().map(|day| stage(day)).collect::<Vec<_>>(), None, today);
            violations.into_inner().into_iter().map(|wrong| wrong.reason.name()).collect::<Vec<_>>()
        };
        assert_eq!(wrong(&["2017-01-10", "", "2017-01-10", "2017-03-01"]), [""; 0]);
        assert_eq!(wrong(&["2017-01-10", "", "2017-01-09"]), ["IMPORT_DAY_EARLIER"]);
        assert_eq!(wrong(&["2017-03-02"]), ["OUT_OF_RANGE"]);
    }
}
