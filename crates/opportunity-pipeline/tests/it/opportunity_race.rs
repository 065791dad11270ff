//! Many at once: one outcome for an opportunity, and nobody waits in a circle.

use guanxi_proto::opportunity_pipeline::v1::*;
use guanxi_test_support::contract::INSIDE;
use guanxi_test_support::rows;
use tokio::task::JoinSet;
use tonic::Status;

use crate::support::{Service, refusal};

#[tokio::test]
async fn many_advances_at_once_are_one_step() {
    let service = Service::start().await;
    for (stage_code, etag, others) in [("SECOND", false, "OK"), ("", true, "ETAG_MISMATCH")] {
        let plain = service.plain().await;
        let request = AdvanceOpportunityRequest {
            id: plain.id.clone(),
            stage_code: stage_code.to_owned(),
            etag: if etag { plain.etag.clone() } else { String::new() },
            ..Default::default()
        };
        let mut calls = JoinSet::new();
        for _ in 0..20 {
            let (mut client, request) = (service.opportunities(), service.as_admin(request.clone()));
            calls.spawn(
                async move { client.advance_opportunity(request).await.map(|answer| answer.into_inner().position) },
            );
        }
        let outcomes = calls.join_all().await;
        let moved = outcomes.iter().filter(|outcome| outcome.as_ref().is_ok_and(|position| *position > 0)).count();
        let rest = |outcome: &Result<i64, Status>| match outcome {
            Ok(position) => (*position == 0).then(|| "OK".to_owned()),
            Err(status) => Some(refusal(status).1),
        };
        let rest: Vec<String> = outcomes.iter().filter_map(rest).collect();
        assert_eq!((moved, rest), (1, vec![others.to_owned(); 19]));
        assert_eq!(service.periods(&plain.id).await.last().unwrap().stage_code, "SECOND");
    }
}

#[tokio::test]
async fn a_win_and_a_loss_at_once_have_one_outcome() {
    let service = Service::start().await;
    for _ in 0..10 {
        let ripe = service.ripe("商机", INSIDE).await;
        let (won, lost) = tokio::join!(service.win(&ripe.id), service.lose(&ripe.id));
        let refused = [won, lost].into_iter().filter_map(Result::err).collect::<Vec<_>>();
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert_eq!(refusal(&refused[0]).1, "STATE_FORBIDS");
        assert_eq!(service.periods(&ripe.id).await.len(), 4);
    }
}

/// Whoever changes a pipeline waits for those that move in it, and those for whoever changes it; nobody waits in a circle.
#[tokio::test]
async fn a_move_waits_for_a_change_of_its_pipeline() {
    let service = Service::start().await;
    let plain = service.plain().await;
    let mut changing = service.database.admin().await;
    rows(&mut changing, "begin".to_owned()).await;
    let lock = "select stages from opportunity_pipeline.pipeline where code = 'PLAIN' for no key update";
    rows(&mut changing, lock.to_owned()).await;
    let request = AdvanceOpportunityRequest { id: plain.id.clone(), ..Default::default() };
    let (mut client, request) = (service.opportunities(), service.as_admin(request));
    let moving = tokio::spawn(async move { client.advance_opportunity(request).await.map(|_| ()) });
    let waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    while rows(&mut service.database.admin().await, waiting).await.is_empty() {
        assert!(!moving.is_finished(), "it did not wait");
    }
    // What it looks at while others wait for it is not locked.
    let count = "select from opportunity_pipeline.opportunity where pipeline_code = 'PLAIN'";
    assert_eq!(rows(&mut changing, count.to_owned()).await.len(), 1);
    let renamed = "update opportunity_pipeline.pipeline set stages = replace(stages::text, 'SECOND', 'MIDDLE')::jsonb \
        where code = 'PLAIN'";
    rows(&mut changing, renamed.to_owned()).await;
    rows(&mut changing, "commit".to_owned()).await;
    moving.await.unwrap().unwrap();
    assert_eq!(service.periods(&plain.id).await.last().unwrap().stage_code, "MIDDLE");
}
