//! The pipeline and its rules.

use guanxi_grpc::{Refusal, Violation};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::opportunity_pipeline::v1::ErrorReason;
use guanxi_resource::{Deletable, Error, Resource, Stamp};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use time::OffsetDateTime;
use tonic::Code;
use uuid::Uuid;

use super::standard::STANDARD;
use crate::error::reason;

/// What a stage means for the opportunities in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum StageKind {
    Open,
    Won,
    Lost,
}

impl StageKind {
    /// All of them, in the order of their stages.
    const ALL: [Self; 3] = [Self::Open, Self::Won, Self::Lost];

    /// Lowest and highest chance that an opportunity in such a stage is won, in percent.
    pub(super) fn probabilities(self) -> (i32, i32) {
        match self {
            Self::Open => (0, 100),
            Self::Won => (100, 100),
            Self::Lost => (0, 0),
        }
    }

    /// Its name on the wire.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open => "STAGE_KIND_OPEN",
            Self::Won => "STAGE_KIND_WON",
            Self::Lost => "STAGE_KIND_LOST",
        }
    }
}

/// What is wrong with the kinds of the stages of a pipeline, `field[0].kind` being the first one: those of OPEN come first, then those of
/// WON, at the end the one of LOST, none is missing. `None` stands for a kind that could not be read, and may be any.
pub(super) fn wrong_kinds(field: &str, kinds: &[Option<StageKind>]) -> Vec<Violation> {
    let mut wrong = Vec::new();
    let mut highest: Option<StageKind> = None;
    for (index, kind) in kinds.iter().enumerate().filter_map(|(index, kind)| Some((index, (*kind)?))) {
        let place = format!("{field}[{index}].kind");
        match highest {
            Some(before) if before > kind => {
                let misplaced = Violation::new(place, reason(ErrorReason::StageOutOfOrder));
                wrong.push(misplaced.with("value", kind.name()).with("expected", before.name()));
            }
            Some(StageKind::Lost) => {
                wrong.push(Violation::new(place, Shared::Duplicate).with("value", kind.name()));
            }
            _ => highest = Some(kind),
        }
    }
    if kinds.iter().all(Option::is_some) {
        let missing = StageKind::ALL.into_iter().filter(|kind| !kinds.contains(&Some(*kind)));
        let missing = missing
            .map(|kind| Violation::new(field, reason(ErrorReason::StageKindMissing)).with("expected", kind.name()));
        wrong.extend(missing);
    }
    wrong
}

/// Something that can be asked of an opportunity before it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ExitCriterion {
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
    QuoteAccepted,
}

/// How sure an open opportunity is, in a forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ForecastCategory {
    Pipeline,
    BestCase,
    Commit,
    Omitted,
}

/// A place in a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stage {
    pub(crate) code: String,
    pub(crate) name_zh: String,
    pub(crate) name_en: Option<String>,
    pub(crate) kind: StageKind,
    pub(crate) probability_percent: i32,
    pub(crate) exit_criteria: Vec<ExitCriterion>,
    /// Of an open stage only.
    pub(crate) forecast_category: Option<ForecastCategory>,
}

impl Stage {
    /// What a stage at `field` has that its kind does not allow.
    pub(super) fn wrong_parts(&self, field: &str) -> Vec<Violation> {
        let (min, max) = self.kind.probabilities();
        let probability =
            guanxi_grpc::number(&format!("{field}.probability_percent"), self.probability_percent, min, max);
        let forbidden = |name: &str| {
            let forbidden = Violation::new(format!("{field}.{name}"), reason(ErrorReason::StageKindForbids));
            forbidden.with("kind", self.kind.name())
        };
        let mut wrong: Vec<Violation> = probability.err().into_iter().collect();
        if self.kind == StageKind::Lost && !self.exit_criteria.is_empty() {
            wrong.push(forbidden("exit_criteria"));
        }
        if self.kind != StageKind::Open && self.forecast_category.is_some() {
            wrong.push(forbidden("forecast_category"));
        }
        wrong
    }
}

/// A pipeline as it is stored; its fields are the columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct Pipeline {
    pub(crate) id: Uuid,
    pub(crate) code: String,
    pub(crate) name_zh: String,
    pub(crate) name_en: Option<String>,
    pub(crate) stages: Json<Vec<Stage>>,
    pub(crate) version: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) create_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) update_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) delete_time: Option<OffsetDateTime>,
}

impl Pipeline {
    /// A pipeline that nothing is known of yet.
    pub(crate) fn blank(id: Uuid, now: OffsetDateTime) -> Self {
        Self {
            id,
            code: String::new(),
            name_zh: String::new(),
            name_en: None,
            stages: Json(Vec::new()),
            version: 1,
            create_time: now,
            update_time: now,
            delete_time: None,
        }
    }

    /// The stage that opportunities begin in.
    pub(crate) fn first(&self) -> Option<&Stage> {
        self.stages.first()
    }

    /// The stage of a code.
    pub(crate) fn stage(&self, code: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.code == code)
    }

    /// What the stages of the next version leave out or make another kind of: the places and codes.
    pub(super) fn moved(&self, after: &Self) -> Vec<(String, String)> {
        let moved = self.stages.iter().filter_map(|stage| {
            match after.stages.iter().position(|other| other.code == stage.code) {
                None => Some(("pipeline.stages".to_owned(), stage.code.clone())),
                Some(index) if after.stages[index].kind == stage.kind => None,
                Some(index) => Some((format!("pipeline.stages[{index}].kind"), stage.code.clone())),
            }
        });
        moved.collect()
    }

    /// Deleted, unless it is the standard one or has opportunities that are not deleted.
    pub(super) fn given_up(&self, in_use: bool, now: OffsetDateTime) -> Result<Self, Error> {
        let refusal = |own| Refusal::new(Code::FailedPrecondition, reason(own)).with("code", &self.code);
        let deleted = self.deleted(now)?;
        match (self.code == STANDARD, in_use) {
            (true, _) => Err(refusal(ErrorReason::PipelineStandard).into()),
            (_, true) => Err(refusal(ErrorReason::PipelineInUse).into()),
            _ => Ok(deleted),
        }
    }
}

/// The refusal of a change that leaves out stages, or changes the kind of stages, that opportunities are or were in: `moved` of which these
/// codes are `used`.
pub(super) fn check_unused(moved: Vec<(String, String)>, used: &[String]) -> Result<(), Refusal> {
    let wrong = moved.into_iter().filter(|(_, code)| used.contains(code));
    let wrong = wrong.map(|(field, code)| Violation::new(field, reason(ErrorReason::StageInUse)).with("value", code));
    match wrong.collect::<Vec<_>>() {
        wrong if wrong.is_empty() => Ok(()),
        wrong => Err(Refusal::unmet(wrong)),
    }
}

impl Resource for Pipeline {
    fn stamp(&mut self) -> Stamp<'_> {
        Stamp { id: self.id, version: &mut self.version, update_time: &mut self.update_time }
    }
}

impl Deletable for Pipeline {
    const LIVE: &'static str = "LIVE";

    fn delete_time(&self) -> Option<OffsetDateTime> {
        self.delete_time
    }

    fn set_delete_time(&mut self, time: Option<OffsetDateTime>) {
        self.delete_time = time;
    }
}

#[cfg(test)]
mod tests {
    use super::StageKind::{Lost, Open, Won};
    use super::*;

    fn stage(code: &str, kind: StageKind) -> Stage {
        Stage {
            code: code.to_owned(),
            name_zh: code.to_owned(),
            name_en: None,
            kind,
            probability_percent: kind.probabilities().1,
            exit_criteria: Vec::new(),
            forecast_category: None,
        }
    }

    fn pipeline(stages: &[(&str, StageKind)]) -> Pipeline {
        let stages = stages.iter().map(|(code, kind)| stage(code, *kind)).collect();
        Pipeline { stages: Json(stages), ..Pipeline::blank(Uuid::nil(), OffsetDateTime::UNIX_EPOCH) }
    }

    fn named(wrong: Vec<Violation>) -> Vec<(String, &'static str)> {
        wrong.into_iter().map(|wrong| (wrong.field, wrong.reason.name())).collect()
    }

    #[test]
    fn kinds_come_open_won_and_once_lost() {
        let wrong = |kinds: &[Option<StageKind>]| named(wrong_kinds("stages", kinds));
        let at = |place: &str, reason| (place.to_owned(), reason);
        assert_eq!(wrong(&[Some(Open), Some(Open), Some(Won), Some(Won), Some(Lost)]), []);
        assert_eq!(wrong(&[Some(Open), None, Some(Lost)]), []);
        assert_eq!(
            wrong(&[Some(Won), Some(Open), Some(Lost), Some(Lost), Some(Won)]),
            [
                at("stages[1].kind", "STAGE_OUT_OF_ORDER"),
                at("stages[3].kind", "DUPLICATE"),
                at("stages[4].kind", "STAGE_OUT_OF_ORDER")
            ]
        );
        let missing = at("stages", "STAGE_KIND_MISSING");
        assert_eq!(wrong(&[Some(Open)]), [missing.clone(), missing]);
    }

    #[test]
    fn a_stage_has_what_its_kind_allows() {
        for kind in StageKind::ALL {
            assert_eq!(stage("A", kind).wrong_parts("stage"), []);
        }
        let full = |kind| Stage {
            probability_percent: 50,
            exit_criteria: vec![ExitCriterion::AccountKnown],
            forecast_category: Some(ForecastCategory::Commit),
            ..stage("A", kind)
        };
        let at = |name: &str, reason| (format!("stage.{name}"), reason);
        assert_eq!(full(Open).wrong_parts("stage"), []);
        let probability = at("probability_percent", "OUT_OF_RANGE");
        let category = at("forecast_category", "STAGE_KIND_FORBIDS");
        assert_eq!(named(full(Won).wrong_parts("stage")), [probability.clone(), category.clone()]);
        let criteria = at("exit_criteria", "STAGE_KIND_FORBIDS");
        assert_eq!(named(full(Lost).wrong_parts("stage")), [probability, criteria, category]);
    }

    #[test]
    fn a_used_stage_stays_with_its_kind() {
        let before = pipeline(&[("A", Open), ("B", Open), ("W", Won), ("L", Lost)]);
        let after = pipeline(&[("B", Won), ("A2", Open), ("W", Won), ("L", Lost)]);
        let moved = before.moved(&after);
        let codes = |moved: &[(String, String)]| moved.iter().map(|(_, code)| code.clone()).collect::<Vec<_>>();
        assert_eq!(codes(&moved), ["A", "B"]);
        assert_eq!(moved[1].0, "pipeline.stages[0].kind");
        assert!(check_unused(moved.clone(), &["W".to_owned()]).is_ok());
        assert_eq!(check_unused(moved, &["B".to_owned()]).unwrap_err().reason().name(), "STAGE_IN_USE");
        assert_eq!(before.moved(&before), []);
    }

    #[test]
    fn the_standard_one_and_one_with_opportunities_stay() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let own = pipeline(&[]);
        let standard = Pipeline { code: STANDARD.to_owned(), ..own.clone() };
        assert_eq!(own.given_up(false, now).unwrap().delete_time, Some(now));
        assert_eq!(own.given_up(true, now).unwrap_err().refused_for(), Some("PIPELINE_IN_USE"));
        assert_eq!(standard.given_up(false, now).unwrap_err().refused_for(), Some("PIPELINE_STANDARD"));
    }
}
