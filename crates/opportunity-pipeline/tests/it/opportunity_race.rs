//! Many at once: one outcome for an opportunity, and nobody waits in a circle.

use guanxi_proto::opportunity_pipeline::v1::*;
use guanxi_test_support::contract::INSIDE;
use guanxi_test_support::rows;
use tokio::task::JoinSet;
use tonic::Status;

use crate::support::{Service, opportunity, refusal};

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

/// Whoever reassigns locks the territory before the opportunity, as whoever takes in a move of the tree does.
#[tokio::test]
async fn opportunities_are_reassigned_while_their_territories_move() {
    let service = Service::start().await;
    let made = service.opportunity(opportunity("商机", INSIDE)).await.unwrap();
    let mut tree = service.database.admin().await;
    let moves = async {
        for (old, new) in [("CN/440000/", "CN/330000/"), ("CN/330000/", "CN/440000/")].into_iter().cycle().take(40) {
            let re_path = |table: &str, path: &str| {
                let (city, start) = (INSIDE.city, old.len() + 1);
                format!(
                    "update opportunity_pipeline.{table} set {path} = '{new}' || substr({path}, {start}) \
                     where {path} like '{old}{city}/%'"
                )
            };
            let (territories, opportunities) = (re_path("territory", "path"), re_path("opportunity", "territory_path"));
            rows(&mut tree, format!("begin; {territories}; {opportunities}; commit")).await;
        }
    };
    let reassignments = async {
        for territory in [INSIDE.city, INSIDE.county].into_iter().cycle().take(40) {
            service.reassign(&made.id, "", territory, &service.admin).await.unwrap();
        }
    };
    tokio::join!(moves, reassignments);
    let astray = "select from opportunity_pipeline.opportunity join opportunity_pipeline.territory on code = territory_code \
        where territory_path <> path";
    assert!(rows(&mut tree, astray).await.is_empty());
}

#[tokio::test]
async fn whatever_happens_at_once_the_stages_tell_one_story() {
    let service = Service::start().await;
    let mut ids = Vec::new();
    for title in ["一", "二", "三"] {
        ids.push(service.ripe(title, INSIDE).await.id);
    }
    let worker = async |first: usize| {
        for step in 0..40 {
            let id = &ids[(first + step) % ids.len()];
            let outcome = match (first * 5 + step * 7) % 11 {
                0..3 => service.advance(id, "").await,
                3..5 => service.win(id).await,
                5 => service.lose(id).await,
                6 => service.suspend(id, "").await,
                7..10 => service.reopen(id).await,
                _ => service.reassign(id, "", [INSIDE.city, INSIDE.county][step % 2], &service.admin).await,
            };
            if let Err(status) = outcome {
                let refused = refusal(&status).1;
                assert!(["STATE_FORBIDS", "STAGE_SKIPPED", "STAGE_LAST"].contains(&refused.as_str()), "{status:?}");
            }
        }
    };
    tokio::join!(worker(0), worker(1), worker(2), worker(3), worker(4), worker(5));
    let mut look = service.database.admin().await;
    for (what, wrong) in [
        (
            "opportunities that are not where their last period says",
            "select from opportunity_pipeline.opportunity where (select array_agg(stage_code) from opportunity_pipeline.stage_period \
             where opportunity_id = opportunity.id and leave_time is null) is distinct from array[stage_code]",
        ),
        (
            "periods that do not follow each other",
            "select from (select stage_code, leave_time, number, row_number() over next as place, lead(enter_time) over next as entered, \
             lead(stage_code) over next as entered_stage from opportunity_pipeline.stage_period \
             window next as (partition by opportunity_id order by number)) period \
             where number <> place or leave_time is distinct from entered or stage_code = entered_stage",
        ),
        (
            "opportunities in a stage of another kind than their state",
            "select from opportunity_pipeline.opportunity where (case when stage_code in ('SIGNED', 'DONE') then state = 'WON' \
             when stage_code = 'GONE' then state = 'LOST' else state in ('OPEN', 'SUSPENDED') end) is not true \
             or (close_date is null) <> (state in ('OPEN', 'SUSPENDED'))",
        ),
        (
            "versions without an event",
            "select from opportunity_pipeline.opportunity where version <> (select count(*) from opportunity_pipeline.event \
             where subject = 'opportunity/' || opportunity.id)",
        ),
    ] {
        assert_eq!(rows(&mut look, wrong).await.len(), 0, "{what}");
    }
}
