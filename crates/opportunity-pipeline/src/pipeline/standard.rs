//! The pipeline that is always there.

use guanxi_grpc::Call;
use guanxi_resource::{Error, Noun, Resources};
use sqlx::types::Json;

use super::model::{ExitCriterion, ForecastCategory, Pipeline, Stage, StageKind};
use super::store;

/// Code of the pipeline that opportunities go through where nobody says otherwise.
pub(crate) const STANDARD: &str = "STANDARD";

/// Creates the standard pipeline where there is none yet, in the name of the service.
pub(crate) async fn ensure(resources: &Resources) -> Result<(), Error> {
    let method = "guanxi.opportunity_pipeline.v1.PipelineService/CreatePipeline";
    let call = Call::own("opportunity-pipeline", method);
    let mut transaction = resources.begin().await?;
    if store::find(&mut transaction, None, Some(STANDARD)).await?.is_some() {
        return Ok(());
    }
    let blank = Pipeline::blank(guanxi_db::new_id(call.now), call.now);
    let name_en = Some("Standard".to_owned());
    let pipeline = Pipeline {
        code: STANDARD.to_owned(),
        name_zh: "标准商机".to_owned(),
        name_en,
        stages: Json(stages()),
        ..blank
    };
    match Pipeline::save(&mut transaction, &pipeline).await {
        // Another replica was faster.
        Err(Error::Exists { .. }) => return Ok(()),
        saved => saved?,
    }
    resources.commit(transaction, &call, vec![Pipeline::event("pipeline.created", None, &pipeline)]).await?;
    Ok(())
}

/// The nine stages from a hypothesis to acceptance, and the one of what is lost.
fn stages() -> Vec<Stage> {
    use ExitCriterion as Criterion;
    use ForecastCategory::{BestCase, Commit, Pipeline};
    let stage = |code: &str, names: (&str, &str), kind, probability_percent, category, criteria: &[Criterion]| Stage {
        code: code.to_owned(),
        name_zh: names.0.to_owned(),
        name_en: Some(names.1.to_owned()),
        kind,
        probability_percent,
        exit_criteria: criteria.to_vec(),
        forecast_category: category,
    };
    let open = |code, names, percent, category, criteria: &[Criterion]| {
        stage(code, names, StageKind::Open, percent, Some(category), criteria)
    };
    let done = |code, names, kind, percent| stage(code, names, kind, percent, None, &[]);
    vec![
        open("NEED_HYPOTHESIS", ("需求假设", "Need hypothesised"), 10, Pipeline, &[Criterion::NeedHypothesised]),
        open(
            "NEED_VERIFIED",
            ("需求验证", "Need verified"),
            20,
            Pipeline,
            &[Criterion::AccountKnown, Criterion::NeedVerified],
        ),
        open("NEED_EVALUATED", ("需求评估", "Need evaluated"), 35, Pipeline, &[Criterion::NeedsEvaluated]),
        open("SOLUTION", ("方案制定", "Solution"), 50, BestCase, &[Criterion::LinesPresent, Criterion::ValueKnown]),
        open("QUOTED", ("报价", "Quoted"), 65, BestCase, &[Criterion::QuoteApproved]),
        open("APPROVED", ("审批通过", "Approved"), 80, Commit, &[Criterion::QuoteAccepted]),
        done("CONTRACTED", ("签约", "Contracted"), StageKind::Won, 100),
        done("DELIVERING", ("交付", "Delivering"), StageKind::Won, 100),
        done("ACCEPTED", ("验收", "Accepted"), StageKind::Won, 100),
        done("LOST", ("丢单", "Lost"), StageKind::Lost, 0),
    ]
}
