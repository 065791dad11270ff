//! The way of an opportunity through the stages of its pipeline: the open ones, those of delivery, and the one of what is lost.

use guanxi_grpc::{Refusal, Violation};
use guanxi_proto::opportunity_pipeline::v1::ErrorReason;
use guanxi_resource::Error;
use tonic::Code;

use crate::error::reason;
use crate::pipeline::{Stage, StageKind};

/// Methods that lead to a stage.
const ADVANCE: &str = "AdvanceOpportunity";
const WIN: &str = "WinOpportunity";
const LOSE: &str = "LoseOpportunity";
const REOPEN: &str = "ReopenOpportunity";

/// Where an advance leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// Nowhere: it is there.
    Stay,
    /// On to the next stage of the same kind.
    Forward(&'a Stage),
    /// Back to an earlier stage of the same kind.
    Back(&'a Stage),
}

/// Where an opportunity stands in its pipeline.
#[derive(Clone, Copy)]
pub(super) struct Course<'a> {
    stages: &'a [Stage],
    at: usize,
    /// The stage that it is in.
    pub(super) present: &'a Stage,
}

impl<'a> Course<'a> {
    /// `present` is a stage of the pipeline: none that an opportunity is in is ever left out.
    pub(super) fn of(stages: &'a [Stage], present: &str) -> Result<Self, Error> {
        let found = stages.iter().enumerate().find(|(_, stage)| stage.code == present);
        let (at, present) = found.ok_or_else(Refusal::internal)?;
        Ok(Self { stages, at, present })
    }

    /// Where an advance to a stage leads, or to the next one where none is named.
    pub(super) fn advance(self, stage_code: Option<&str>) -> Result<Step<'a>, Error> {
        let next = self.next()?;
        let to = match stage_code {
            None if next.kind == StageKind::Lost => {
                let last = Refusal::new(Code::FailedPrecondition, reason(ErrorReason::StageLast));
                return Err(last.with("value", &self.present.code).into());
            }
            None => self.at + 1,
            Some(code) => self.position(code)?,
        };
        let target = &self.stages[to];
        match target.kind {
            StageKind::Lost => Err(skipped(target, target, LOSE)),
            StageKind::Open if self.present.kind == StageKind::Won => Err(skipped(target, target, REOPEN)),
            _ if to > self.at + 1 || target.kind != self.present.kind => {
                Err(skipped(target, next, self.leads_on(next)))
            }
            _ if to > self.at => Ok(Step::Forward(target)),
            _ if to < self.at => Ok(Step::Back(target)),
            _ => Ok(Step::Stay),
        }
    }

    /// The stage that a win leads to: from the last open one only.
    pub(super) fn win(self) -> Result<&'a Stage, Error> {
        let won = self.first_won()?;
        let next = self.next()?;
        if next.code == won.code { Ok(won) } else { Err(skipped(won, next, self.leads_on(next))) }
    }

    /// The stage of what is lost.
    pub(super) fn lost(self) -> Result<&'a Stage, Error> {
        Ok(self.stages.iter().find(|stage| stage.kind == StageKind::Lost).ok_or_else(Refusal::internal)?)
    }

    /// The open stage that a closed opportunity goes back to: the latest one that it was in, else the first. `past` are the stages that it was
    /// in, the latest first. What is won goes back from the first stage of delivery only.
    pub(super) fn reopen(self, past: &[String]) -> Result<&'a Stage, Error> {
        let won = self.first_won()?;
        if self.present.kind == StageKind::Won && self.present.code != won.code {
            return Err(skipped(&self.stages[0], won, ADVANCE));
        }
        let open =
            |code: &String| self.stages.iter().find(|stage| stage.kind == StageKind::Open && stage.code == *code);
        Ok(past.iter().find_map(open).unwrap_or(&self.stages[0]))
    }

    /// The stage after the present one; after the last one, of what is lost, there is none.
    fn next(self) -> Result<&'a Stage, Error> {
        Ok(self.stages.get(self.at + 1).ok_or_else(Refusal::internal)?)
    }

    fn first_won(self) -> Result<&'a Stage, Error> {
        Ok(self.stages.iter().find(|stage| stage.kind == StageKind::Won).ok_or_else(Refusal::internal)?)
    }

    /// The method that leads from here to the next stage.
    fn leads_on(self, next: &Stage) -> &'static str {
        if next.kind == self.present.kind { ADVANCE } else { WIN }
    }

    fn position(self, code: &str) -> Result<usize, Error> {
        self.stages.iter().position(|stage| stage.code == code).ok_or_else(|| {
            let known: Vec<&str> = self.stages.iter().map(|stage| stage.code.as_str()).collect();
            let unknown = Violation::new("stage_code", reason(ErrorReason::StageUnknown)).with("value", code);
            unknown.with("expected", known.join(", ")).into()
        })
    }
}

/// The way to a stage is by another one, or by another method.
fn skipped(target: &Stage, next: &Stage, method: &str) -> Error {
    let refusal = Refusal::new(Code::FailedPrecondition, reason(ErrorReason::StageSkipped));
    refusal.with("value", &target.code).with("next", &next.code).with("method", method).into()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Three open stages, two of delivery, and the one of what is lost; none asks for anything.
    pub(in super::super) fn stages() -> Vec<Stage> {
        let stage = |code: &str, kind| Stage {
            code: code.to_owned(),
            name_zh: code.to_owned(),
            name_en: None,
            kind,
            probability_percent: 50,
            exit_criteria: Vec::new(),
            forecast_category: None,
        };
        vec![
            stage("A", StageKind::Open),
            stage("B", StageKind::Open),
            stage("C", StageKind::Open),
            stage("W", StageKind::Won),
            stage("X", StageKind::Won),
            stage("L", StageKind::Lost),
        ]
    }

    /// What a refusal says.
    fn told(error: Error) -> String {
        tonic::Status::from(error).message().to_owned()
    }

    #[test]
    fn it_goes_one_stage_on_or_any_number_back() {
        let stages = stages();
        for (present, named, step) in [
            ("A", None, Step::Forward(&stages[1])),
            ("A", Some("B"), Step::Forward(&stages[1])),
            ("B", Some("B"), Step::Stay),
            ("C", Some("A"), Step::Back(&stages[0])),
            ("W", None, Step::Forward(&stages[4])),
            ("X", Some("W"), Step::Back(&stages[3])),
        ] {
            let course = Course::of(&stages, present).unwrap();
            assert_eq!(course.advance(named).unwrap(), step, "{present} {named:?}");
        }
    }

    #[test]
    fn whoever_skips_a_stage_is_told_the_next_one_and_the_method() {
        let stages = stages();
        for (present, named, words) in [
            ("A", Some("C"), r#""C" is AdvanceOpportunity to "B""#),
            ("A", Some("X"), r#""X" is AdvanceOpportunity to "B""#),
            ("C", None, r#""W" is WinOpportunity to "W""#),
            ("C", Some("X"), r#""X" is WinOpportunity to "W""#),
            ("A", Some("L"), r#""L" is LoseOpportunity to "L""#),
            ("X", Some("B"), r#""B" is ReopenOpportunity to "B""#),
            ("X", None, r#"STAGE_LAST: "X" is the last stage"#),
            ("A", Some("?"), "FIELDS_INVALID"),
        ] {
            let refused = Course::of(&stages, present).unwrap().advance(named).unwrap_err();
            let told = told(refused);
            assert!(told.contains(words), "{present} {named:?}: {told}");
        }
    }

    #[test]
    fn a_win_leads_from_the_last_open_stage_to_delivery() {
        let stages = stages();
        assert_eq!(Course::of(&stages, "C").unwrap().win().unwrap().code, "W");
        let refused = told(Course::of(&stages, "A").unwrap().win().unwrap_err());
        assert!(refused.contains(r#""W" is AdvanceOpportunity to "B""#), "{refused}");
        assert_eq!(Course::of(&stages, "A").unwrap().lost().unwrap().code, "L");
    }

    #[test]
    fn what_was_closed_goes_back_to_the_open_stage_that_it_was_in() {
        let stages = stages();
        let past = |codes: &[&str]| codes.iter().map(|&code| code.to_owned()).collect::<Vec<_>>();
        for (present, past, back) in [
            ("L", past(&["L", "B", "A"]), "B"),
            ("W", past(&["W", "X", "W", "C", "A"]), "C"),
            ("L", past(&["L"]), "A"),
            ("L", past(&[]), "A"),
        ] {
            assert_eq!(Course::of(&stages, present).unwrap().reopen(&past).unwrap().code, back, "{present} {past:?}");
        }
        let refused = told(Course::of(&stages, "X").unwrap().reopen(&past(&["X", "W", "C"])).unwrap_err());
        assert!(refused.contains(r#""A" is AdvanceOpportunity to "W""#), "{refused}");
    }
}
