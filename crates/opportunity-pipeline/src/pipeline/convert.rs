//! Between the wire and the model.

use guanxi_events::NewEvent;
use guanxi_grpc::value::localized;
use guanxi_grpc::{etag, timestamp, wire_enum};
use guanxi_proto::opportunity_pipeline::v1::{self as pb, PipelineChange};

use super::model::{ExitCriterion, ForecastCategory, Pipeline, Stage, StageKind};

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
    NewEvent {
        kind,
        noun: "pipeline",
        id: after.id,
        version: after.version,
        territory: None,
        previous_territory: None,
        mentions: Vec::new(),
        payload: NewEvent::pack(&change),
    }
}
