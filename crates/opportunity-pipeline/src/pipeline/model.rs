//! The pipeline and its rules.

use guanxi_resource::{Deletable, Resource, Stamp};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

/// What a stage means for the opportunities in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum StageKind {
    Open,
    Won,
    Lost,
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
    pub(super) fn blank(id: Uuid, now: OffsetDateTime) -> Self {
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
