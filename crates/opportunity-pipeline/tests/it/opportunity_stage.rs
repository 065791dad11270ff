//! Opportunities on their way: stages, exit criteria, wins and losses, rests, other owners and territories.

use guanxi_auth::Role;
use guanxi_proto::events::v1::ListChangesRequest;
use guanxi_proto::opportunity_pipeline::v1::*;
use guanxi_test_support::contract::{INSIDE, OUTSIDE};
use guanxi_test_support::{metadata, rows};
use serde_json::{Value as Json, json};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::fixtures::made;
use crate::support::{
    ACCOUNT, DEPARTED, E1000, E1001, PLAIN, Service, line, money, named, offer, opportunity, pipeline_row, refusal,
    violations, with,
};

/// Every criterion and the reason that says what to do, in the order of the enum.
const CRITERIA: [(&str, &str); 14] = [
    ("EXIT_CRITERION_ACCOUNT_KNOWN", "FIELD_MISSING"),
    ("EXIT_CRITERION_VALUE_KNOWN", "FIELD_MISSING"),
    ("EXIT_CRITERION_EXPECTED_CLOSE_KNOWN", "FIELD_MISSING"),
    ("EXIT_CRITERION_NEED_HYPOTHESISED", "NEED_MISSING"),
    ("EXIT_CRITERION_NEED_VERIFIED", "NEED_UNVERIFIED"),
    ("EXIT_CRITERION_NEEDS_EVALUATED", "NEEDS_UNEVALUATED"),
    ("EXIT_CRITERION_LINES_PRESENT", "FIELD_MISSING"),
    ("EXIT_CRITERION_COMPETITORS_KNOWN", "FIELD_MISSING"),
    ("EXIT_CRITERION_TEAM_COMPLETE", "TEAM_INCOMPLETE"),
    ("EXIT_CRITERION_SUCCESS_FACTORS_MET", "SUCCESS_FACTORS_UNMET"),
    ("EXIT_CRITERION_PURCHASE_PLANNED", "PURCHASE_UNPLANNED"),
    ("EXIT_CRITERION_QUOTE_SUBMITTED", "QUOTE_UNSUBMITTED"),
    ("EXIT_CRITERION_QUOTE_APPROVED", "QUOTE_UNAPPROVED"),
    ("EXIT_CRITERION_QUOTE_ACCEPTED", "QUOTE_UNACCEPTED"),
];

impl Service {
    /// An opportunity in the first stage of the plain pipeline.
    pub(crate) async fn plain(&self) -> Opportunity {
        let plain = Opportunity { pipeline_code: PLAIN.to_owned(), ..opportunity("商机", INSIDE) };
        self.opportunity(plain).await.unwrap()
    }

    pub(crate) async fn win(&self, id: &str) -> Result<Opportunity, Status> {
        let request = WinOpportunityRequest {
            id: id.to_owned(),
            close_reason: CloseReason::Product.into(),
            reason: "方案好".to_owned(),
            ..Default::default()
        };
        Ok(self.opportunities().win_opportunity(self.as_admin(request)).await?.into_inner().opportunity.unwrap())
    }

    pub(crate) async fn lose(&self, id: &str) -> Result<Opportunity, Status> {
        let request = LoseOpportunityRequest {
            id: id.to_owned(),
            close_reason: CloseReason::Price.into(),
            reason: "太贵".to_owned(),
            ..Default::default()
        };
        Ok(self.opportunities().lose_opportunity(self.as_admin(request)).await?.into_inner().opportunity.unwrap())
    }

    pub(crate) async fn suspend(&self, id: &str, suspend_until_date: &str) -> Result<Opportunity, Status> {
        let request = SuspendOpportunityRequest {
            id: id.to_owned(),
            reason: "等预算".to_owned(),
            suspend_until_date: suspend_until_date.to_owned(),
            ..Default::default()
        };
        Ok(self.opportunities().suspend_opportunity(self.as_admin(request)).await?.into_inner().opportunity.unwrap())
    }

    pub(crate) async fn reopen(&self, id: &str) -> Result<Opportunity, Status> {
        let (id, reason) = (id.to_owned(), "回来了".to_owned());
        let request = ReopenOpportunityRequest { id, reason, ..Default::default() };
        Ok(self.opportunities().reopen_opportunity(self.as_admin(request)).await?.into_inner().opportunity.unwrap())
    }

    pub(crate) async fn reassign(
        &self,
        id: &str,
        owner: &str,
        territory: &str,
        token: &str,
    ) -> Result<Opportunity, Status> {
        let request = ReassignOpportunityRequest {
            id: id.to_owned(),
            owner_id: owner.to_owned(),
            territory_code: territory.to_owned(),
            reason: "调岗".to_owned(),
            ..Default::default()
        };
        Ok(self.opportunities().reassign_opportunity(with(request, token)).await?.into_inner().opportunity.unwrap())
    }

    /// The stages that an opportunity was in.
    pub(crate) async fn periods(&self, id: &str) -> Vec<StagePeriod> {
        let request = self.as_admin(ListStagePeriodsRequest { opportunity_id: id.to_owned() });
        self.opportunities().list_stage_periods(request).await.unwrap().into_inner().stage_periods
    }

    /// Kinds and reasons of the changes of a resource, the newest first, as a caller sees them.
    pub(crate) async fn history(&self, subject: &str, token: &str) -> Result<Vec<(String, String)>, Status> {
        let request = ListChangesRequest { subject: subject.to_owned(), ..Default::default() };
        let changes = self.changes().list_changes(with(request, token)).await?.into_inner().changes;
        let kind = |kind: &str| kind.rsplit('.').next().unwrap_or_default().to_owned();
        Ok(changes.into_iter().map(|change| (kind(&change.r#type), change.reason)).collect())
    }

    pub(crate) async fn sql(&self, statement: String) {
        rows(&mut self.database.admin().await, statement).await;
    }
}

/// What a refusal says beside its reason.
fn unmet(status: &Status) -> Vec<(String, String)> {
    let unmet = status.get_details_precondition_failure().map(|details| details.violations).unwrap_or_default();
    unmet.into_iter().map(|unmet| (unmet.subject, unmet.r#type)).collect()
}

/// Reason, next stage and method of a refusal.
fn way(status: &Status) -> (String, String, String) {
    let value = |name| metadata(status, name).unwrap_or_default();
    (refusal(status).1, value("next"), value("method"))
}

#[tokio::test]
async fn an_opportunity_goes_all_the_way_and_its_stages_are_kept() {
    let service = Service::start().await;
    let ripe = service.ripe("商机", INSIDE).await;
    assert_eq!((ripe.stage_code.as_str(), ripe.state()), ("THIRD", OpportunityState::Open));
    let won = service.win(&ripe.id).await.unwrap();
    assert_eq!((won.stage_code.as_str(), won.state()), ("SIGNED", OpportunityState::Won));
    assert_eq!((won.close_reason(), won.reason.as_str()), (CloseReason::Product, "方案好"));
    assert_eq!((won.amount, won.close_date), (Some(money("1000", "CNY")), won.open_date.clone()));
    service.advance(&ripe.id, "DONE").await.unwrap();
    assert_eq!(refusal(&service.advance(&ripe.id, "").await.unwrap_err()).1, "STAGE_LAST");
    let periods = service.periods(&ripe.id).await;
    let stages: Vec<&str> = periods.iter().map(|period| period.stage_code.as_str()).collect();
    assert_eq!(stages, ["FIRST", "SECOND", "THIRD", "SIGNED", "DONE"]);
    for (number, period) in (1..).zip(&periods) {
        let there = number == 5;
        assert_eq!((period.number, period.days, period.imported), (number, Some(0), false));
        assert_eq!((period.leave_date.is_empty(), period.leave_time.is_none()), (there, there));
        assert_eq!((period.enter_date.as_str(), period.actor.as_str()), (won.open_date.as_str(), "E0001"));
    }
    assert_eq!(periods[3].reason, "方案好");
    let history = service.history(&format!("opportunity/{}", ripe.id), &service.admin).await.unwrap();
    assert_eq!(
        history,
        named(&[("advanced", ""), ("won", "方案好"), ("advanced", ""), ("advanced", ""), ("created", ""),])
    );
}

#[tokio::test]
async fn no_stage_is_skipped_and_none_is_gone_back_to_without_a_reason() {
    let service = Service::start().await;
    let ripe = service.ripe("商机", INSIDE).await;
    let plain = service.plain().await;
    let skipped = |next: &str, method: &str| ("STAGE_SKIPPED".to_owned(), next.to_owned(), method.to_owned());
    for (id, stage_code, next, method) in [
        (&plain.id, "THIRD", "SECOND", "AdvanceOpportunity"),
        (&plain.id, "SIGNED", "SECOND", "AdvanceOpportunity"),
        (&plain.id, "GONE", "GONE", "LoseOpportunity"),
        (&ripe.id, "", "SIGNED", "WinOpportunity"),
        (&ripe.id, "DONE", "SIGNED", "WinOpportunity"),
    ] {
        let status = service.advance(id, stage_code).await.unwrap_err();
        assert_eq!((status.code(), way(&status)), (Code::FailedPrecondition, skipped(next, method)), "{stage_code}");
    }
    assert_eq!(way(&service.win(&plain.id).await.unwrap_err()), skipped("SECOND", "AdvanceOpportunity"));
    let status = service.advance(&plain.id, "NOWHERE").await.unwrap_err();
    assert_eq!(violations(&status), named(&[("stage_code", "STAGE_UNKNOWN")]));
    let status = service.advance(&ripe.id, "FIRST").await.unwrap_err();
    assert_eq!(violations(&status), named(&[("reason", "REQUIRED")]));
    // It is there already.
    assert_eq!(service.advance(&ripe.id, "THIRD").await.unwrap().etag, ripe.etag);
    let (id, stage_code, reason) = (ripe.id.clone(), "FIRST".to_owned(), "需求变了".to_owned());
    let request = AdvanceOpportunityRequest { id, stage_code, reason, ..Default::default() };
    let back = service.opportunities().advance_opportunity(service.as_admin(request)).await.unwrap().into_inner();
    let back = back.opportunity.unwrap();
    assert_eq!((back.stage_code.as_str(), back.reason.as_str()), ("FIRST", "需求变了"));
    assert_eq!(service.periods(&ripe.id).await.last().unwrap().reason, "需求变了");
}

#[tokio::test]
async fn every_exit_criterion_that_is_not_met_is_named() {
    let service = Service::start().await;
    let names = CRITERIA.map(|(criterion, _)| criterion.trim_start_matches("EXIT_CRITERION_"));
    let row = pipeline_row("STRICT", &names);
    let into = "opportunity_pipeline.pipeline (id, code, name_zh, stages, version, create_time, update_time)";
    service.sql(format!("insert into {into} values ({row})")).await;
    let strict = Opportunity { pipeline_code: "STRICT".to_owned(), ..opportunity("商机", INSIDE) };
    let strict = service.opportunity(strict).await.unwrap();
    let status = service.advance(&strict.id, "").await.unwrap_err();
    assert_eq!(refusal(&status), (Code::FailedPrecondition, "EXIT_CRITERIA_UNMET".to_owned()));
    assert_eq!(metadata(&status, "count").as_deref(), Some("14"));
    assert_eq!(unmet(&status), named(&CRITERIA));
    let member = |account_manager_id: &str, role: TeamRole| OpportunityTeamMember {
        account_manager_id: account_manager_id.to_owned(),
        role: role.into(),
        ..Default::default()
    };
    let filled = Opportunity {
        account_id: ACCOUNT.to_owned(),
        expected_close_date: "2027-01-31".to_owned(),
        lines: vec![line("MAIL", 2)],
        competitors: vec![OpportunityCompetitor { name: "甲".to_owned(), ..Default::default() }],
        team: vec![
            member(E1000, TeamRole::AccountManager),
            member(E1000, TeamRole::ProductManager),
            member(E1001, TeamRole::SupportManager),
        ],
        key_success_factors: vec![KeySuccessFactor { text: "价格".to_owned(), met: true, ..Default::default() }],
        intent: CustomerIntent::Planning.into(),
        ..strict.clone()
    };
    service.update(filled, &[]).await.unwrap();
    let step = async |method: &str, request: Json| made(&service, method, request).await;
    let need = async || {
        let need = json!({"need": {"opportunityId": strict.id, "text": "需求"}});
        step("NeedService/CreateNeed", need).await
    };
    let evaluate = async |id: &str| {
        step("NeedService/VerifyNeed", json!({"id": id, "verification": "是", "evidence": "访谈"})).await;
        step("NeedService/EvaluateNeed", json!({"id": id, "evaluation": "合适", "fit": 80})).await;
    };
    // A refuted need and a deleted one count for nothing.
    let (refuted, deleted, needed) = (need().await, need().await, need().await);
    step("NeedService/RefuteNeed", json!({"id": refuted, "reason": "不是"})).await;
    evaluate(&deleted).await;
    for id in [&deleted, &needed] {
        step("NeedService/DeleteNeed", json!({"id": id})).await;
    }
    let status = service.advance(&strict.id, "").await.unwrap_err();
    assert_eq!(unmet(&status), named(&[&CRITERIA[3..6], &CRITERIA[11..]].concat()));
    step("NeedService/UndeleteNeed", json!({"id": needed})).await;
    evaluate(&needed).await;
    assert_eq!(unmet(&service.advance(&strict.id, "").await.unwrap_err()), named(&CRITERIA[11..]));
    // By somebody without authority, so that it waits.
    let quote = Quote { opportunity_id: strict.id.clone(), lines: vec![offer("MAIL", 1)], ..Default::default() };
    let quote = service.quote(&service.supporter(), quote).await.unwrap().id;
    service.submit(&service.supporter(), &quote).await.unwrap();
    assert_eq!(unmet(&service.advance(&strict.id, "").await.unwrap_err()), named(&CRITERIA[12..]));
    service.approve(&service.admin, &quote).await.unwrap();
    assert_eq!(unmet(&service.advance(&strict.id, "").await.unwrap_err()), named(&CRITERIA[13..]));
    step("QuoteService/AcceptQuote", json!({"id": quote})).await;
    assert_eq!(service.advance(&strict.id, "").await.unwrap().stage_code, "SECOND");
}

#[tokio::test]
async fn a_win_names_everything_that_is_missing_or_wrong() {
    let service = Service::start().await;
    let plain = service.plain().await;
    for stage_code in ["SECOND", "THIRD"] {
        service.advance(&plain.id, stage_code).await.unwrap();
    }
    let status = service.win(&plain.id).await.unwrap_err();
    assert_eq!(refusal(&status), (Code::FailedPrecondition, "WIN_INCOMPLETE".to_owned()));
    let missing = [("opportunity.account_id", "FIELD_MISSING"), ("opportunity.amount", "FIELD_MISSING")];
    assert_eq!(unmet(&status), named(&missing));
    let request = WinOpportunityRequest {
        id: plain.id.clone(),
        amount: Some(money("-1", "CNY")),
        close_date: "2026-02-30".to_owned(),
        ..Default::default()
    };
    let status = service.opportunities().win_opportunity(service.as_admin(request)).await.unwrap_err();
    let wrong = [
        ("amount.amount", "OUT_OF_RANGE"),
        ("close_date", "FORMAT"),
        ("close_reason", "REQUIRED"),
        ("reason", "REQUIRED"),
    ];
    assert_eq!(violations(&status), named(&wrong));
    let ripe = service.ripe("商机", INSIDE).await;
    let won = |amount: &str, currency_code: &str, close_date: &str| WinOpportunityRequest {
        id: ripe.id.clone(),
        amount: Some(money(amount, currency_code)),
        close_date: close_date.to_owned(),
        close_reason: CloseReason::Service.into(),
        reason: "服务好".to_owned(),
        ..Default::default()
    };
    for wrong_day in ["2000-01-01", "2999-01-01"] {
        let request = service.as_admin(won("900", "USD", wrong_day));
        let status = service.opportunities().win_opportunity(request).await.unwrap_err();
        let wrong = [("close_date", "OUT_OF_RANGE"), ("amount.currency_code", "CURRENCIES_MIXED")];
        assert_eq!(violations(&status), named(&wrong));
    }
    let won = service.opportunities().win_opportunity(service.as_admin(won("900", "CNY", ""))).await.unwrap();
    assert_eq!(won.into_inner().opportunity.unwrap().value, Some(money("900", "CNY")));
}

#[tokio::test]
async fn a_loss_has_a_reason_and_can_be_taken_back() {
    let service = Service::start().await;
    let ripe = service.ripe("商机", INSIDE).await;
    let losing = |close_reason: CloseReason| LoseOpportunityRequest {
        id: ripe.id.clone(),
        close_reason: close_reason.into(),
        ..Default::default()
    };
    for (close_reason, violation) in [(CloseReason::Unspecified, "REQUIRED"), (CloseReason::Unknown, "UNKNOWN_VALUE")] {
        let request = service.as_admin(losing(close_reason));
        let status = service.opportunities().lose_opportunity(request).await.unwrap_err();
        assert_eq!(violations(&status), named(&[("close_reason", violation), ("reason", "REQUIRED")]));
    }
    service.suspend(&ripe.id, "").await.unwrap();
    let lost = service.lose(&ripe.id).await.unwrap();
    assert_eq!((lost.state(), lost.stage_code.as_str()), (OpportunityState::Lost, "GONE"));
    assert_eq!((lost.close_reason(), lost.reason.as_str()), (CloseReason::Price, "太贵"));
    assert_eq!(lost.close_date, lost.open_date);
    for refused in [service.advance(&ripe.id, "").await, service.win(&ripe.id).await, service.lose(&ripe.id).await] {
        assert_eq!(refusal(&refused.unwrap_err()), (Code::FailedPrecondition, "STATE_FORBIDS".to_owned()));
    }
    let open = service.reopen(&ripe.id).await.unwrap();
    assert_eq!((open.state(), open.stage_code.as_str()), (OpportunityState::Open, "THIRD"));
    assert_eq!((open.close_date.as_str(), open.close_reason()), ("", CloseReason::Unspecified));
    let stages: Vec<String> = service.periods(&ripe.id).await.into_iter().map(|period| period.stage_code).collect();
    assert_eq!(stages, ["FIRST", "SECOND", "THIRD", "GONE", "THIRD"]);
    let history = service.history(&format!("opportunity/{}", ripe.id), &service.admin).await.unwrap();
    assert_eq!(history[..3], named(&[("reopened", "回来了"), ("lost", "太贵"), ("suspended", "等预算")]));
}

#[tokio::test]
async fn a_win_can_be_taken_back_until_delivery_goes_on() {
    let service = Service::start().await;
    let ripe = service.ripe("商机", INSIDE).await;
    assert_eq!(refusal(&service.reopen(&ripe.id).await.unwrap_err()).1, "STATE_FORBIDS");
    service.win(&ripe.id).await.unwrap();
    service.advance(&ripe.id, "").await.unwrap();
    let status = service.reopen(&ripe.id).await.unwrap_err();
    let way_back = ("STAGE_SKIPPED".to_owned(), "SIGNED".to_owned(), "AdvanceOpportunity".to_owned());
    assert_eq!(way(&status), way_back);
    let back = AdvanceOpportunityRequest {
        id: ripe.id.clone(),
        stage_code: "SIGNED".to_owned(),
        reason: "返工".to_owned(),
        ..Default::default()
    };
    service.opportunities().advance_opportunity(service.as_admin(back)).await.unwrap();
    let status = service.advance(&ripe.id, "THIRD").await.unwrap_err();
    assert_eq!(way(&status), ("STAGE_SKIPPED".to_owned(), "THIRD".to_owned(), "ReopenOpportunity".to_owned()));
    let open = service.reopen(&ripe.id).await.unwrap();
    assert_eq!((open.state(), open.stage_code.as_str()), (OpportunityState::Open, "THIRD"));
}

#[tokio::test]
async fn an_opportunity_rests_in_its_stage() {
    let service = Service::start().await;
    let plain = service.plain().await;
    for past in [plain.open_date.as_str(), "2000-01-01"] {
        let status = service.suspend(&plain.id, past).await.unwrap_err();
        assert_eq!(violations(&status), named(&[("suspend_until_date", "OUT_OF_RANGE")]));
    }
    let resting = service.suspend(&plain.id, "2999-12-31").await.unwrap();
    assert_eq!((resting.state(), resting.stage_code.as_str()), (OpportunityState::Suspended, "FIRST"));
    assert_eq!(resting.suspend_until_date, "2999-12-31");
    assert_eq!(refusal(&service.advance(&plain.id, "").await.unwrap_err()).1, "STATE_FORBIDS");
    let open = service.reopen(&plain.id).await.unwrap();
    assert_eq!((open.state(), open.suspend_until_date.as_str()), (OpportunityState::Open, ""));
    assert_eq!(service.periods(&plain.id).await.len(), 1);
    let request = service.as_admin(ReopenOpportunityRequest { id: plain.id.clone(), ..Default::default() });
    let status = service.opportunities().reopen_opportunity(request).await.unwrap_err();
    assert_eq!(violations(&status), named(&[("reason", "REQUIRED")]));
}

#[tokio::test]
async fn an_opportunity_goes_to_another_owner_and_another_territory() {
    let service = Service::start().await;
    let made = service.opportunity(opportunity("商机", INSIDE)).await.unwrap();
    let supervisor = service.token(Role::Supervisor, INSIDE.city);
    let (first, second) = (service.manager("E1000"), service.manager("E1001"));
    assert_eq!(refusal(&service.reassign(&made.id, E1001, "", &first).await.unwrap_err()).1, "PERMISSION_MISSING");
    for (owner, territory, wrong) in
        [("", "", ("owner_id", "REQUIRED")), (DEPARTED, "", ("owner_id", "MANAGER_UNKNOWN"))]
    {
        let status = service.reassign(&made.id, owner, territory, &supervisor).await.unwrap_err();
        assert_eq!(violations(&status), named(&[wrong]));
    }
    for territory in [OUTSIDE.county, "440000", "NOWHERE"] {
        let status = service.reassign(&made.id, "", territory, &supervisor).await.unwrap_err();
        assert_eq!(refusal(&status), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()), "{territory}");
    }
    let same = service.reassign(&made.id, E1000, INSIDE.county, &supervisor).await.unwrap();
    assert_eq!((same.etag, same.reason), (made.etag.clone(), String::new()));
    let given = service.reassign(&made.id, E1001, "", &supervisor).await.unwrap();
    assert_eq!((given.owner_employee_number.as_str(), given.territory_code.as_str()), ("E1001", INSIDE.county));
    let get = async |token: &str| {
        let request = GetOpportunityRequest { id: made.id.clone() };
        service.opportunities().get_opportunity(with(request, token)).await.map(|_| ())
    };
    assert_eq!(get(&first).await.unwrap_err().code(), Code::NotFound);
    get(&second).await.unwrap();
    let moved = service.reassign(&made.id, "", INSIDE.city, &supervisor).await.unwrap();
    assert_eq!((moved.owner_employee_number.as_str(), moved.territory_code.as_str()), ("E1001", INSIDE.city));
    let history = service.history(&format!("opportunity/{}", made.id), &service.admin).await.unwrap();
    assert_eq!(history, named(&[("reassigned", "调岗"), ("reassigned", "调岗"), ("created", "")]));
    let mut owner = service.database.admin().await;
    let told = "select territory_code || ' ' || coalesce(previous_territory_code, '-') from opportunity_pipeline.event \
        where kind like '%reassigned' order by position";
    let told = rows(&mut owner, told.to_owned()).await;
    let told: Vec<String> = told.iter().map(|row| sqlx::Row::get(row, 0)).collect();
    assert_eq!(told, [format!("{} -", INSIDE.county), format!("{} {}", INSIDE.city, INSIDE.county)]);
}
