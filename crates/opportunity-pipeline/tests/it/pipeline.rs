//! Pipelines: their stages, and what holds while opportunities go through them.

use guanxi_auth::Role;
use guanxi_proto::opportunity_pipeline::v1::*;
use guanxi_test_support::contract::INSIDE;
use guanxi_test_support::rows;
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::support::{PLAIN, Service, named, opportunity, pipeline, refusal, stage, violations, with};

async fn get(service: &Service, code: &str) -> Pipeline {
    let key = Some(get_pipeline_request::Key::Code(code.to_owned()));
    let got = service.pipelines().get_pipeline(service.as_admin(GetPipelineRequest { key })).await.unwrap();
    got.into_inner().pipeline.unwrap()
}

async fn update(service: &Service, pipeline: Pipeline, path: &str) -> Result<Pipeline, Status> {
    let update_mask = Some(FieldMask { paths: vec![path.to_owned()] });
    let pipeline = Some(Pipeline { etag: String::new(), ..pipeline });
    let request = UpdatePipelineRequest { pipeline, update_mask, request_id: String::new() };
    Ok(service.pipelines().update_pipeline(service.as_admin(request)).await?.into_inner().pipeline.unwrap())
}

async fn delete(service: &Service, id: &str) -> Result<Pipeline, Status> {
    let request = DeletePipelineRequest { id: id.to_owned(), ..Default::default() };
    Ok(service.pipelines().delete_pipeline(service.as_admin(request)).await?.into_inner().pipeline.unwrap())
}

async fn open(service: &Service, pipeline_code: &str) -> Result<Opportunity, Status> {
    let pipeline_code = pipeline_code.to_owned();
    service.opportunity(Opportunity { pipeline_code, ..opportunity("商机", INSIDE) }).await
}

async fn delete_opportunity(service: &Service, id: &str) {
    let request = DeleteOpportunityRequest { id: id.to_owned(), ..Default::default() };
    service.opportunities().delete_opportunity(service.as_admin(request)).await.unwrap();
}

#[tokio::test]
async fn a_pipeline_is_kept_as_it_was_sent_beside_the_standard_one() {
    let service = Service::start().await;
    let mut sent = pipeline("SMALL");
    sent.stages[0].exit_criteria = vec![ExitCriterion::ValueKnown.into(), ExitCriterion::AccountKnown.into()];
    let made = service.pipeline(sent.clone()).await.unwrap();
    // An open stage without a category of its own.
    sent.stages[0].forecast_category = ForecastCategory::Pipeline.into();
    assert_eq!((&made.stages, &made.name, made.etag.as_str()), (&sent.stages, &sent.name, "\"1\""));
    assert_eq!(get(&service, "SMALL").await, made);
    let standard = get(&service, "STANDARD").await;
    assert_eq!((standard.stages.len(), standard.stages[9].kind()), (10, StageKind::Lost));
    let request = ListPipelinesRequest { with_total: true, ..Default::default() };
    let page = service.pipelines().list_pipelines(service.as_admin(request)).await.unwrap().into_inner();
    let plain = get(&service, PLAIN).await;
    assert_eq!((page.pipelines, page.total), (vec![plain, made.clone(), standard], 3));
    // It is where opportunities begin.
    assert_eq!(open(&service, "SMALL").await.unwrap().stage_code, "DOING");
    assert_eq!(refusal(&service.pipeline(sent).await.unwrap_err()).1, "RESOURCE_EXISTS");
}

#[tokio::test]
async fn everything_that_is_wrong_with_stages_is_said_at_once() {
    let service = Service::start().await;
    let stages = vec![
        stage("WON", StageKind::Won, 90),
        Stage { forecast_category: 9, exit_criteria: vec![1, 1, 99, 0], ..stage("a b", StageKind::Open, 101) },
        Stage { kind: 0, name: None, ..stage("NONE", StageKind::Open, 0) },
        Stage { exit_criteria: vec![1], forecast_category: 3, ..stage("LOST", StageKind::Lost, 1) },
        stage("LOST", StageKind::Lost, 0),
    ];
    let status = service.pipeline(Pipeline { stages, ..Default::default() }).await.unwrap_err();
    let expected = [
        ("pipeline.code", "REQUIRED"),
        ("pipeline.name.zh", "REQUIRED"),
        ("pipeline.stages[2].kind", "REQUIRED"),
        ("pipeline.stages[1].kind", "STAGE_OUT_OF_ORDER"),
        ("pipeline.stages[4].kind", "DUPLICATE"),
        ("pipeline.stages[0].probability_percent", "OUT_OF_RANGE"),
        ("pipeline.stages[1].code", "FORMAT"),
        ("pipeline.stages[1].forecast_category", "UNKNOWN_VALUE"),
        ("pipeline.stages[1].exit_criteria[1]", "DUPLICATE"),
        ("pipeline.stages[1].exit_criteria[2]", "UNKNOWN_VALUE"),
        ("pipeline.stages[1].exit_criteria[3]", "REQUIRED"),
        ("pipeline.stages[2].name.zh", "REQUIRED"),
        ("pipeline.stages[3].probability_percent", "OUT_OF_RANGE"),
        ("pipeline.stages[3].exit_criteria", "STAGE_KIND_FORBIDS"),
        ("pipeline.stages[3].forecast_category", "STAGE_KIND_FORBIDS"),
        ("pipeline.stages[4].code", "DUPLICATE"),
    ];
    let mut found = violations(&status);
    let mut expected = named(&expected);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let only = |stages| Pipeline { stages, ..pipeline("FEW") };
    let missing = ("pipeline.stages", "STAGE_KIND_MISSING");
    let status = service.pipeline(only(vec![stage("A", StageKind::Open, 1)])).await.unwrap_err();
    assert_eq!(violations(&status), named(&[missing, missing]));
    let status = service.pipeline(only(vec![stage("A", StageKind::Open, 1); 31])).await.unwrap_err();
    assert_eq!(violations(&status), named(&[("pipeline.stages", "TOO_MANY")]));
}

#[tokio::test]
async fn a_stage_that_was_entered_stays_with_its_kind() {
    let service = Service::start().await;
    let made = service.pipeline(pipeline("SMALL")).await.unwrap();
    let mut stages = made.stages.clone();
    stages.insert(1, stage("NEXT", StageKind::Open, 70));
    let wide = update(&service, Pipeline { stages, ..made.clone() }, "stages").await.unwrap();
    // Nobody was ever in it.
    let narrow = update(&service, Pipeline { stages: made.stages.clone(), ..wide.clone() }, "stages").await.unwrap();
    assert_eq!(narrow.stages, made.stages);
    let wide = update(&service, wide, "stages").await.unwrap();
    let inside = open(&service, "SMALL").await.unwrap();
    let mut owner = service.database.admin().await;
    let moved = format!(
        "insert into opportunity_pipeline.stage_period (opportunity_id, number, stage_code, enter_date, enter_time, reason, actor, imported) \
         values ('{0}', 2, 'NEXT', '2026-01-02', '2026-01-02T00:00:00Z', '', 'E1000', false)",
        inside.id
    );
    rows(&mut owner, moved).await;
    delete_opportunity(&service, &inside.id).await;
    let others = [
        (vec![wide.stages[1].clone(), wide.stages[2].clone(), wide.stages[3].clone()], vec!["pipeline.stages"]),
        (made.stages.clone(), vec!["pipeline.stages"]),
        (
            vec![
                stage("OTHER", StageKind::Open, 1),
                stage("NEXT", StageKind::Won, 100),
                stage("GONE", StageKind::Lost, 0),
            ],
            vec!["pipeline.stages", "pipeline.stages[1].kind"],
        ),
    ];
    for (stages, fields) in others {
        let status = update(&service, Pipeline { stages, ..wide.clone() }, "stages").await.unwrap_err();
        assert_eq!(refusal(&status), (Code::FailedPrecondition, "STAGE_IN_USE".to_owned()));
        let expected: Vec<_> = fields.into_iter().map(|field| (field, "STAGE_IN_USE")).collect();
        assert_eq!(violations(&status), named(&expected));
    }
    // What was never entered goes, and what was may be called otherwise.
    let mut stages = wide.stages.clone();
    stages[0].probability_percent = 30;
    stages[2].code = "WON".to_owned();
    assert_eq!(update(&service, Pipeline { stages, ..wide }, "stages").await.unwrap().stages[2].code, "WON");
}

#[tokio::test]
async fn a_pipeline_with_opportunities_stays_and_the_standard_one_always() {
    let service = Service::start().await;
    let made = service.pipeline(pipeline("SMALL")).await.unwrap();
    let inside = open(&service, "SMALL").await.unwrap();
    let in_use = (Code::FailedPrecondition, "PIPELINE_IN_USE".to_owned());
    assert_eq!(refusal(&delete(&service, &made.id).await.unwrap_err()), in_use);
    let standard = get(&service, "STANDARD").await;
    let refused = refusal(&delete(&service, &standard.id).await.unwrap_err());
    assert_eq!(refused, (Code::FailedPrecondition, "PIPELINE_STANDARD".to_owned()));
    delete_opportunity(&service, &inside.id).await;
    assert!(delete(&service, &made.id).await.unwrap().delete_time.is_some());
    assert_eq!(refusal(&open(&service, "SMALL").await.unwrap_err()).1, "RESOURCE_NOT_FOUND");
    assert_eq!(refusal(&update(&service, made.clone(), "name").await.unwrap_err()).1, "STATE_FORBIDS");
    let request = UndeletePipelineRequest { id: made.id.clone(), ..Default::default() };
    service.pipelines().undelete_pipeline(service.as_admin(request)).await.unwrap();
    open(&service, "SMALL").await.unwrap();
    let other = Pipeline { code: "OTHER".to_owned(), ..made };
    let status = update(&service, other, "code").await.unwrap_err();
    assert_eq!(violations(&status), named(&[("pipeline.code", "IMMUTABLE")]));
}

#[tokio::test]
async fn what_is_opened_and_what_is_left_out_at_one_moment_fit() {
    let service = Service::start().await;
    for round in 0..12 {
        let made = service.pipeline(pipeline(&format!("P{round}"))).await.unwrap();
        let mut stages = made.stages.clone();
        stages[0].code = "ELSE".to_owned();
        let change = update(&service, Pipeline { stages, ..made.clone() }, "stages");
        let (opened, changed) = tokio::join!(open(&service, &made.code), change);
        let opened = opened.unwrap();
        assert_eq!(changed.is_ok(), opened.stage_code == "ELSE", "{opened:?} {changed:?}");
        assert!(get(&service, &made.code).await.stages.iter().any(|stage| stage.code == opened.stage_code));

        let made = service.pipeline(pipeline(&format!("D{round}"))).await.unwrap();
        let (opened, deleted) = tokio::join!(open(&service, &made.code), delete(&service, &made.id));
        assert!(opened.is_ok() != deleted.is_ok(), "{opened:?} {deleted:?}");
    }
}

#[tokio::test]
async fn everybody_reads_and_only_the_whole_operator_changes() {
    let service = Service::start().await;
    let create = |code| CreatePipelineRequest { pipeline: Some(pipeline(code)), request_id: String::new() };
    let everywhere = service.token(Role::Director, "CN");
    service.pipelines().create_pipeline(with(create("A"), &everywhere)).await.unwrap();
    let somewhere = service.token(Role::Director, INSIDE.city);
    let status = service.pipelines().create_pipeline(with(create("B"), &somewhere)).await.unwrap_err();
    assert_eq!(refusal(&status), (Code::PermissionDenied, "ROOT_GRANT_MISSING".to_owned()));
    let request = with(ListPipelinesRequest::default(), &service.manager("E1000"));
    let page = service.pipelines().list_pipelines(request).await.unwrap().into_inner();
    assert_eq!(page.pipelines.len(), 3);
}
