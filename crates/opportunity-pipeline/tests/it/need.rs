//! Needs: step by step from a hypothesis to an evaluation, for those who see the opportunity.

use guanxi_auth::Role;
use guanxi_proto::opportunity_pipeline::v1::need_service_client::NeedServiceClient;
use guanxi_proto::opportunity_pipeline::v1::*;
use guanxi_test_support::contract::{INSIDE, OUTSIDE};
use prost_types::FieldMask;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::support::{E1001, Service, money, named, opportunity, reason, refusal, violations, with};

fn needs(service: &Service) -> NeedServiceClient<Channel> {
    NeedServiceClient::new(service.channel.clone())
}

async fn create(service: &Service, need: Need) -> Result<Need, Status> {
    let request = CreateNeedRequest { need: Some(need), request_id: String::new() };
    Ok(needs(service).create_need(service.as_admin(request)).await?.into_inner().need.unwrap())
}

async fn update(service: &Service, need: Need, paths: &[&str]) -> Result<Need, Status> {
    let update_mask = Some(FieldMask { paths: paths.iter().map(|&path| path.to_owned()).collect() });
    let request = UpdateNeedRequest { need: Some(need), update_mask, request_id: String::new() };
    Ok(needs(service).update_need(service.as_admin(request)).await?.into_inner().need.unwrap())
}

async fn verify(service: &Service, id: &str, evidence: &str) -> Result<Need, Status> {
    let (id, evidence) = (id.to_owned(), evidence.to_owned());
    let request =
        VerifyNeedRequest { id, verification: "与信息科核实".to_owned(), evidence, ..Default::default() };
    let token = service.manager("E1000");
    Ok(needs(service).verify_need(with(request, &token)).await?.into_inner().need.unwrap())
}

async fn evaluate(service: &Service, id: &str, fit: Option<i32>) -> Result<Need, Status> {
    let request = EvaluateNeedRequest { id: id.to_owned(), fit, ..Default::default() };
    let token = service.manager("E1000");
    Ok(needs(service).evaluate_need(with(request, &token)).await?.into_inner().need.unwrap())
}

async fn refute(service: &Service, id: &str) -> Result<Need, Status> {
    let request = RefuteNeedRequest { id: id.to_owned(), reason: "已有方案".to_owned(), ..Default::default() };
    Ok(needs(service).refute_need(service.as_admin(request)).await?.into_inner().need.unwrap())
}

/// A hypothesis of a new opportunity.
async fn hypothesis(service: &Service) -> Need {
    let opportunity_id = service.opportunity(opportunity("邮箱", INSIDE)).await.unwrap().id;
    create(service, Need { opportunity_id, text: "异地容灾".to_owned(), ..Default::default() }).await.unwrap()
}

#[tokio::test]
async fn a_need_is_supposed_verified_and_evaluated() {
    let service = Service::start().await;
    let need = hypothesis(&service).await;
    assert_eq!(need.state(), NeedState::Hypothesis);
    let said = Need {
        value: Some(money("1200.50", "CNY")),
        offering_codes: vec!["MAIL".to_owned()],
        value_chain_link: ValueChainLink::Operation.into(),
        ..need.clone()
    };
    let said = update(&service, said, &["value", "offering_codes", "value_chain_link"]).await.unwrap();
    assert_eq!((said.value, said.offering_codes), (Some(money("1200.5", "CNY")), vec!["MAIL".to_owned()]));
    assert_eq!(refusal(&evaluate(&service, &need.id, Some(80)).await.unwrap_err()), forbidden());
    let unfounded = verify(&service, &need.id, "").await.unwrap_err();
    assert_eq!(violations(&unfounded), named(&[("evidence", "REQUIRED")]));
    let verified = verify(&service, &need.id, "访谈纪要").await.unwrap();
    assert_eq!((verified.state(), verified.verified_by.as_str()), (NeedState::Verified, "E1000"));
    assert_eq!((verified.evidence.as_str(), verified.verify_time.is_some()), ("访谈纪要", true));
    let evaluated = evaluate(&service, &need.id, None).await.unwrap();
    assert_eq!(
        (evaluated.state(), evaluated.fit, evaluated.evaluated_by.as_str()),
        (NeedState::Evaluated, None, "E1000")
    );
    for outcome in [verify(&service, &need.id, "再").await, refute(&service, &need.id).await] {
        assert_eq!(refusal(&outcome.unwrap_err()), forbidden());
    }
    assert_eq!(refusal(&update(&service, evaluated, &["text"]).await.unwrap_err()), forbidden());
}

fn forbidden() -> (Code, String) {
    (Code::FailedPrecondition, "STATE_FORBIDS".to_owned())
}

#[tokio::test]
async fn a_refuted_need_says_why_and_an_evaluation_says_something() {
    let service = Service::start().await;
    let need = hypothesis(&service).await;
    verify(&service, &need.id, "访谈纪要").await.unwrap();
    let empty = evaluate(&service, &need.id, None).await.unwrap_err();
    assert_eq!(violations(&empty), named(&[("fit", "REQUIRED")]));
    let refuted = refute(&service, &need.id).await.unwrap();
    assert_eq!((refuted.state(), refuted.refute_reason.as_str()), (NeedState::Refuted, "已有方案"));
    assert_eq!(refusal(&evaluate(&service, &need.id, Some(1)).await.unwrap_err()), forbidden());
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_need_is_said_at_once() {
    let service = Service::start().await;
    let wrong = Need { evidence: "长".repeat(2_001), value: Some(money("-1", "CNY")), ..Default::default() };
    let expected = [
        ("need.opportunity_id", "REQUIRED"),
        ("need.text", "REQUIRED"),
        ("need.evidence", "TOO_LONG"),
        ("need.value.amount", "OUT_OF_RANGE"),
    ];
    assert_eq!(violations(&create(&service, wrong).await.unwrap_err()), named(&expected));
    let need = hypothesis(&service).await;
    let other = Need { offering_codes: vec!["MAIL".to_owned(), "NONE".to_owned()], ..need.clone() };
    let unknown = update(&service, other, &["offering_codes"]).await.unwrap_err();
    assert_eq!(violations(&unknown), named(&[("need.offering_codes[1]", "OFFERING_UNKNOWN")]));
    let moved = Need { opportunity_id: E1001.to_owned(), ..need.clone() };
    let moved = update(&service, moved, &["opportunity_id"]).await.unwrap_err();
    assert_eq!(violations(&moved), named(&[("need.opportunity_id", "IMMUTABLE")]));
    let request = EvaluateNeedRequest { id: "x".to_owned(), fit: Some(101), ..Default::default() };
    let wrong = needs(&service).evaluate_need(service.as_admin(request)).await.unwrap_err();
    assert_eq!(violations(&wrong), named(&[("id", "FORMAT"), ("fit", "OUT_OF_RANGE")]));
}

#[tokio::test]
async fn needs_rest_with_their_opportunity() {
    let service = Service::start().await;
    let need = hypothesis(&service).await;
    let id = need.opportunity_id.clone();
    let request = DeleteOpportunityRequest { id: id.clone(), ..Default::default() };
    service.opportunities().delete_opportunity(service.as_admin(request)).await.unwrap();
    assert_eq!(refusal(&verify(&service, &need.id, "访谈").await.unwrap_err()), forbidden());
    let request = DeleteNeedRequest { id: need.id.clone(), ..Default::default() };
    let refused = needs(&service).delete_need(service.as_admin(request)).await.unwrap_err();
    assert_eq!(reason(&refused), "STATE_FORBIDS");
    let new = Need { opportunity_id: id.clone(), text: "新".to_owned(), ..Default::default() };
    assert_eq!(refusal(&create(&service, new).await.unwrap_err()), forbidden());
    let listed = async |show_deleted| {
        let request = ListNeedsRequest { opportunity_id: id.clone(), show_deleted, ..Default::default() };
        needs(&service).list_needs(service.as_admin(request)).await.unwrap().into_inner().needs.len()
    };
    assert_eq!((listed(false).await, listed(true).await), (0, 1));
}

#[tokio::test]
async fn who_sees_the_opportunity_sees_its_needs() {
    let service = Service::start().await;
    let mut made = Vec::new();
    for opportunity in [
        opportunity("一", INSIDE),
        Opportunity { owner_id: E1001.to_owned(), ..opportunity("二", INSIDE) },
        opportunity("三", OUTSIDE),
    ] {
        let text = opportunity.title.clone();
        let opportunity_id = service.opportunity(opportunity).await.unwrap().id;
        made.push(create(&service, Need { opportunity_id, text, ..Default::default() }).await.unwrap());
    }
    let texts = async |token: &str, filter: &str| {
        let request = ListNeedsRequest { filter: filter.to_owned(), with_total: true, ..Default::default() };
        let page = needs(&service).list_needs(with(request, token)).await.unwrap().into_inner();
        assert_eq!(page.total, i64::try_from(page.needs.len()).unwrap());
        page.needs.into_iter().map(|need| need.text).collect::<Vec<_>>()
    };
    let (manager, supervisor) = (service.manager("E1000"), service.token(Role::Supervisor, INSIDE.city));
    assert_eq!(texts(&manager, "").await, ["一"]);
    assert_eq!(texts(&supervisor, "state = NEED_STATE_HYPOTHESIS").await, ["一", "二"]);
    assert!(texts(&supervisor, "state = NEED_STATE_VERIFIED OR fit > 0").await.is_empty());
    for (need, token) in [(&made[1], &manager), (&made[2], &supervisor)] {
        let request = GetNeedRequest { id: need.id.clone() };
        assert_eq!(needs(&service).get_need(with(request, token)).await.unwrap_err().code(), Code::NotFound);
        let request = ListNeedsRequest { opportunity_id: need.opportunity_id.clone(), ..Default::default() };
        assert_eq!(needs(&service).list_needs(with(request, token)).await.unwrap_err().code(), Code::NotFound);
    }
}
