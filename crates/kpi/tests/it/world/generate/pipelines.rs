//! The pipelines that opportunities go through, and what becomes of their chances.

use guanxi_proto::opportunity_pipeline::v1::{Pipeline, PipelineChange, Stage, StageKind};
use guanxi_proto::r#type::v1::LocalizedText;

use super::feed::{Feed, Kept, early_uuid};
use super::random::Random;

const STANDARD: [(&str, StageKind, i32); 10] = [
    ("NEED_HYPOTHESIS", StageKind::Open, 10),
    ("NEED_VERIFIED", StageKind::Open, 20),
    ("NEED_EVALUATED", StageKind::Open, 35),
    ("SOLUTION", StageKind::Open, 50),
    ("QUOTED", StageKind::Open, 65),
    ("APPROVED", StageKind::Open, 80),
    ("CONTRACTED", StageKind::Won, 100),
    ("DELIVERING", StageKind::Won, 100),
    ("ACCEPTED", StageKind::Won, 100),
    ("LOST", StageKind::Lost, 0),
];

const PARTNER: [(&str, StageKind, i32); 5] = [
    ("NEW", StageKind::Open, 15),
    ("SOLUTION", StageKind::Open, 45),
    ("SIGNED", StageKind::Won, 100),
    ("DONE", StageKind::Won, 100),
    ("LOST", StageKind::Lost, 0),
];

/// The pipelines as they are now.
pub(super) struct Pipelines(Vec<Kept<Pipeline>>);

impl Pipelines {
    /// Tells of both.
    pub(super) fn new(feed: &mut Feed) -> Self {
        let pipelines = [("STANDARD", STANDARD.as_slice()), ("PARTNER", &PARTNER)].map(|(code, stages)| {
            let stage = |(code, kind, probability_percent): &(&str, StageKind, i32)| Stage {
                code: (*code).to_owned(),
                name: Some(LocalizedText { zh: (*code).to_owned(), en: String::new() }),
                kind: (*kind).into(),
                probability_percent: *probability_percent,
                ..Stage::default()
            };
            let new = feed.create(Pipeline {
                id: early_uuid(4, stages.len()).to_string(),
                code: code.to_owned(),
                name: Some(LocalizedText { zh: code.to_owned(), en: String::new() }),
                stages: stages.iter().map(stage).collect(),
                ..Pipeline::default()
            });
            let change = PipelineChange { before: None, after: Some(new.now.clone()) };
            feed.tell("pipeline.created", "PipelineService/CreatePipeline", new.key(), "", &change);
            new
        });
        Self(pipelines.into())
    }

    /// Another name for one, or other chances for the one of partners.
    pub(super) fn update(&mut self, feed: &mut Feed, random: &mut Random) {
        let rename = random.chance(30);
        let pipeline = &mut self.0[usize::from(!rename)];
        let before = feed.change(pipeline, |pipeline| {
            if rename {
                pipeline.name = Some(LocalizedText { zh: "标准商机流程".to_owned(), en: String::new() });
                return;
            }
            for stage in pipeline.stages.iter_mut().filter(|stage| stage.kind() == StageKind::Open) {
                stage.probability_percent = i32::try_from(random.between(0, 20)).unwrap() * 5;
            }
        });
        let change = PipelineChange { before: Some(before), after: Some(pipeline.now.clone()) };
        feed.tell("pipeline.updated", "PipelineService/UpdatePipeline", pipeline.key(), "", &change);
    }

    /// The code of one.
    pub(super) fn pick(random: &mut Random) -> String {
        (*random.pick(&["STANDARD", "STANDARD", "PARTNER"])).to_owned()
    }

    /// The codes of the stages of a kind, in their order.
    pub(super) fn stages(&self, code: &str, kind: StageKind) -> Vec<String> {
        let pipeline = self.0.iter().find(|pipeline| pipeline.now.code == code).unwrap();
        let stages = pipeline.now.stages.iter().filter(|stage| stage.kind() == kind);
        stages.map(|stage| stage.code.clone()).collect()
    }
}
