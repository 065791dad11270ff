//! Between the wire and the model.

use guanxi_events::NewEvent;
use guanxi_grpc::value::{Key, code, localized};
use guanxi_grpc::{Fields, Violation, Violations, etag, list, parse_id, text, timestamp, wire_enum};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::opportunity_pipeline::v1::{self as pb, PipelineChange, UpdatePipelineRequest, get_pipeline_request};
use guanxi_resource::{Deletable, Error, Update};
use sqlx::types::Json;

use super::model::{ExitCriterion, ForecastCategory, Pipeline, Stage, StageKind, wrong_kinds};

/// Most stages of a pipeline.
const MAX_STAGES: usize = 30;
/// There are fewer exit criteria than this, and each stands there once.
const MAX_CRITERIA: usize = 30;

wire_enum!(StageKind, pb::StageKind, Open, Won, Lost);
wire_enum!(ForecastCategory, pb::ForecastCategory, Pipeline, BestCase, Commit, Omitted);
wire_enum!(
    ExitCriterion,
    pb::ExitCriterion,
    AccountKnown,
    ValueKnown,
    ExpectedCloseKnown,
    NeedHypothesised,
    NeedVerified,
    NeedsEvaluated,
    LinesPresent,
    CompetitorsKnown,
    TeamComplete,
    SuccessFactorsMet,
    PurchasePlanned,
    QuoteSubmitted,
    QuoteApproved,
    QuoteAccepted
);

/// The pipeline on the wire.
pub(super) fn wire(pipeline: &Pipeline) -> pb::Pipeline {
    pb::Pipeline {
        id: pipeline.id.to_string(),
        code: pipeline.code.clone(),
        name: Some(localized(&pipeline.name_zh, pipeline.name_en.as_deref())),
        stages: pipeline.stages.iter().map(stage).collect(),
        create_time: Some(timestamp(pipeline.create_time)),
        update_time: Some(timestamp(pipeline.update_time)),
        delete_time: pipeline.delete_time.map(timestamp),
        etag: etag(pipeline.version),
    }
}

fn stage(stage: &Stage) -> pb::Stage {
    let criterion = |&criterion: &ExitCriterion| pb::ExitCriterion::from(criterion).into();
    let category = stage.forecast_category.map_or(pb::ForecastCategory::Unspecified, Into::into);
    pb::Stage {
        code: stage.code.clone(),
        name: Some(localized(&stage.name_zh, stage.name_en.as_deref())),
        kind: pb::StageKind::from(stage.kind).into(),
        probability_percent: stage.probability_percent,
        exit_criteria: stage.exit_criteria.iter().map(criterion).collect(),
        forecast_category: category.into(),
    }
}

/// The event of a change.
pub(super) fn event(kind: &'static str, before: Option<&Pipeline>, after: &Pipeline) -> NewEvent {
    let change = PipelineChange { before: before.map(wire), after: Some(wire(after)) };
    guanxi_resource::event_of_all(kind, after.id, after.version, &change)
}

/// Reads the key of a Get.
pub(super) fn key(key: Option<get_pipeline_request::Key>) -> Result<Key, Violation> {
    match key {
        None => Err(Violation::required("key")),
        Some(get_pipeline_request::Key::Id(id)) => Ok(Key::Id(parse_id("id", &id)?)),
        Some(get_pipeline_request::Key::Code(sent)) => Ok(Key::Code(code("code", &sent)?)),
    }
}

/// A checked creation: what becomes of a blank pipeline.
pub(super) fn creation(sent: Option<pb::Pipeline>) -> Result<impl FnOnce(Pipeline) -> Pipeline, Violations> {
    let sent = sent.ok_or_else(|| Violation::required("pipeline"))?;
    let mut fields = Fields::of_creation("pipeline");
    let patch = patch(&mut fields, sent);
    fields.finish(Some(patch))
}

/// A checked update.
pub(super) fn update(
    request: UpdatePipelineRequest,
) -> Result<Update<impl FnOnce(&Pipeline) -> Result<Pipeline, Error>>, Violations> {
    let sent = request.pipeline.ok_or_else(|| Violation::required("pipeline"))?;
    let mut fields = Fields::of_update("pipeline", request.update_mask);
    let (id, etag) = (fields.keep(parse_id("pipeline.id", &sent.id)), sent.etag.clone());
    let patch = patch(&mut fields, sent);
    let patch = move |before: &Pipeline| {
        before.check_live()?;
        let after = patch(before.clone());
        if after.code != before.code {
            return Err(Violation::new("pipeline.code", Shared::Immutable).with("value", &before.code).into());
        }
        Ok(after)
    };
    fields.finish(id.map(|id| Update { id, etag, patch }))
}

/// Reads the fields: what becomes of a pipeline by them.
fn patch(fields: &mut Fields, sent: pb::Pipeline) -> impl FnOnce(Pipeline) -> Pipeline + use<> {
    let name = sent.name.unwrap_or_default();
    let code = fields.required("code", &sent.code, code);
    let name_zh = fields.required("name.zh", &name.zh, |field, value| text(field, value, 1, 100));
    let name_en = fields.optional_text("name.en", &name.en, 100);
    let stages = sent.stages;
    let stages =
        fields.read_all("stages", !stages.is_empty(), |field, violations| read_stages(field, stages, violations));
    move |before: Pipeline| Pipeline {
        code: code.unwrap_or(before.code),
        name_zh: name_zh.unwrap_or(before.name_zh),
        name_en: name_en.unwrap_or(before.name_en),
        stages: stages.map_or(before.stages, Json),
        ..before
    }
}

/// Reads all stages, with everything that is wrong with each of them and with their order.
fn read_stages(field: &str, sent: Vec<pb::Stage>, violations: &mut Violations) -> Option<Vec<Stage>> {
    if sent.len() > MAX_STAGES {
        let many = Violation::new(field, Shared::TooMany).with("max", MAX_STAGES).with("count", sent.len());
        violations.push(many);
        return None;
    }
    let place = |index: usize| format!("{field}[{index}]");
    let kinds: Vec<Option<StageKind>> =
        sent.iter().enumerate().map(|(index, stage)| violations.keep(read_kind(&place(index), stage.kind))).collect();
    for wrong in wrong_kinds(field, &kinds) {
        violations.push(wrong);
    }
    let mut stages: Vec<Stage> = Vec::new();
    for (index, (stage, kind)) in sent.into_iter().zip(kinds).enumerate() {
        let Some(stage) = read_stage(&place(index), stage, kind, violations) else { continue };
        if stages.iter().any(|other| other.code == stage.code) {
            let twice = Violation::new(format!("{}.code", place(index)), Shared::Duplicate);
            violations.push(twice.with("value", &stage.code));
        }
        stages.push(stage);
    }
    Some(stages)
}

fn read_kind(field: &str, kind: i32) -> Result<StageKind, Violation> {
    let field = format!("{field}.kind");
    StageKind::read(&field, kind)?.ok_or_else(|| Violation::required(field))
}

fn read_stage(field: &str, sent: pb::Stage, kind: Option<StageKind>, violations: &mut Violations) -> Option<Stage> {
    let within = |name: &str| format!("{field}.{name}");
    let name = sent.name.unwrap_or_default();
    let code = violations.keep(code(&within("code"), &sent.code));
    let name_zh = violations.keep(text(&within("name.zh"), &name.zh, 1, 100));
    let name_en = violations.keep(text(&within("name.en"), &name.en, 0, 100));
    let category = violations.keep(ForecastCategory::read(&within("forecast_category"), sent.forecast_category));
    let criteria = &within("exit_criteria");
    let exit_criteria = list(violations, criteria, sent.exit_criteria, MAX_CRITERIA, read_criterion, |&(name, _)| name);
    let kind = kind?;
    let stage = Stage {
        code: code?,
        name_zh: name_zh?,
        name_en: name_en.filter(|name| !name.is_empty()),
        kind,
        probability_percent: sent.probability_percent,
        exit_criteria: exit_criteria.into_iter().map(|(_, criterion)| criterion).collect(),
        forecast_category: category?.or((kind == StageKind::Open).then_some(ForecastCategory::Pipeline)),
    };
    for wrong in stage.wrong_parts(field) {
        violations.push(wrong);
    }
    Some(stage)
}

/// An exit criterion with its name on the wire.
fn read_criterion(field: &str, sent: i32) -> Result<(&'static str, ExitCriterion), Violation> {
    let criterion = ExitCriterion::read(field, sent)?.ok_or_else(|| Violation::required(field))?;
    Ok((pb::ExitCriterion::from(criterion).as_str_name(), criterion))
}
