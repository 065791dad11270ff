//! Leads: from a hint to an opportunity or to a reason, and what they repeat.

use guanxi_auth::Role;
use guanxi_proto::opportunity_pipeline::v1::*;
use guanxi_test_support::contract::{INSIDE, OUTSIDE};
use prost_types::FieldMask;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::support::{
    ACCOUNT, ACCOUNT_OUTSIDE, DEPARTED, E1001, E2000, Service, lead, money, named, refusal, violations, with,
};

async fn update(service: &Service, lead: Lead, paths: &[&str]) -> Result<Lead, Status> {
    let update_mask = Some(FieldMask { paths: paths.iter().map(|&path| path.to_owned()).collect() });
    let request = UpdateLeadRequest { lead: Some(lead), update_mask, request_id: String::new() };
    Ok(service.leads().update_lead(service.as_admin(request)).await?.into_inner().lead.unwrap())
}

async fn qualify(service: &Service, id: &str) -> Result<QualifyLeadResponse, Status> {
    let request = QualifyLeadRequest { id: id.to_owned(), ..Default::default() };
    Ok(service.leads().qualify_lead(service.as_admin(request)).await?.into_inner())
}

async fn disqualify(service: &Service, id: &str, why: DisqualifyReason, reason: &str) -> Result<Lead, Status> {
    let (id, disqualify_reason, reason) = (id.to_owned(), why.into(), reason.to_owned());
    let request = DisqualifyLeadRequest { id, disqualify_reason, reason, ..Default::default() };
    Ok(service.leads().disqualify_lead(service.as_admin(request)).await?.into_inner().lead.unwrap())
}

async fn work(service: &Service, id: &str) -> Result<Lead, Status> {
    let request = WorkLeadRequest { id: id.to_owned(), ..Default::default() };
    Ok(service.leads().work_lead(service.as_admin(request)).await?.into_inner().lead.unwrap())
}

/// Links a lead, and gives what it is linked to.
async fn link(service: &Service, id: &str, target: &str) -> Result<String, Status> {
    let (id, duplicate_of_lead_id) = (id.to_owned(), target.to_owned());
    let request = LinkDuplicateLeadRequest { id, duplicate_of_lead_id, ..Default::default() };
    let answer = service.leads().link_duplicate_lead(service.as_admin(request)).await?.into_inner();
    Ok(answer.lead.unwrap().duplicate_of_lead_id)
}

async fn reassign(service: &Service, token: &str, id: &str, owner: &str, territory: &str) -> Result<Lead, Status> {
    let (id, owner_id, territory_code) = (id.to_owned(), owner.to_owned(), territory.to_owned());
    let request =
        ReassignLeadRequest { id, owner_id, territory_code, reason: "调整".to_owned(), ..Default::default() };
    Ok(service.leads().reassign_lead(with(request, token)).await?.into_inner().lead.unwrap())
}

fn forbidden() -> (Code, String) {
    (Code::FailedPrecondition, "STATE_FORBIDS".to_owned())
}

#[tokio::test]
async fn a_lead_becomes_an_opportunity_with_what_it_says() {
    let service = Service::start().await;
    let new = Lead {
        account_id: ACCOUNT.to_owned(),
        description: "扩容".to_owned(),
        score: Some(70),
        ..lead("专线", INSIDE)
    };
    let new = service.lead(new).await.unwrap();
    assert_eq!((new.state(), new.account_name.as_str()), (LeadState::New, "深圳样例公司"));
    assert_eq!((new.owner_employee_number.as_str(), new.territory_code.as_str()), ("E1000", INSIDE.county));
    assert_eq!(work(&service, &new.id).await.unwrap().state(), LeadState::Working);
    assert_eq!(refusal(&work(&service, &new.id).await.unwrap_err()), forbidden());
    let request = QualifyLeadRequest {
        id: new.id.clone(),
        kind: OpportunityKind::Expand.into(),
        amount: Some(money("5000", "CNY")),
        expected_close_date: "2027-01-31".to_owned(),
        request_id: Uuid::from_u128(7).to_string(),
        ..Default::default()
    };
    let answer = service.leads().qualify_lead(service.as_admin(request.clone())).await.unwrap().into_inner();
    let (lead, opportunity) = (answer.lead.unwrap(), answer.opportunity.unwrap());
    assert_eq!((lead.state(), &lead.opportunity_id), (LeadState::Qualified, &opportunity.id));
    assert_eq!((&opportunity.lead_id, opportunity.kind()), (&lead.id, OpportunityKind::Expand));
    let said = (opportunity.title.as_str(), opportunity.account_name.as_str(), opportunity.description.as_str());
    assert_eq!(said, ("专线", "深圳样例公司", "扩容"));
    assert_eq!(
        (opportunity.owner_employee_number.as_str(), opportunity.stage_code.as_str()),
        ("E1000", "NEED_HYPOTHESIS")
    );
    assert_eq!(
        (opportunity.value.as_ref(), opportunity.expected_close_date.as_str()),
        (Some(&money("5000", "CNY")), "2027-01-31")
    );
    let read = GetOpportunityRequest { id: opportunity.id.clone() };
    let read = service.opportunities().get_opportunity(service.as_admin(read)).await.unwrap().into_inner();
    assert_eq!(read.opportunity.as_ref(), Some(&opportunity));
    let again = service.leads().qualify_lead(service.as_admin(request)).await.unwrap().into_inner();
    assert_eq!((again.lead, again.opportunity, again.position), (Some(lead.clone()), Some(opportunity), 0));
    for outcome in [qualify(&service, &lead.id).await.map(|_| ()), update(&service, lead, &["title"]).await.map(|_| ())]
    {
        assert_eq!(refusal(&outcome.unwrap_err()), forbidden());
    }
}

#[tokio::test]
async fn a_lead_that_is_qualified_twice_at_once_makes_one_opportunity() {
    let service = Service::start().await;
    let id = service.lead(lead("专线", INSIDE)).await.unwrap().id;
    let (first, second) = tokio::join!(qualify(&service, &id), qualify(&service, &id));
    let refused: Vec<Status> = [first, second].into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.iter().map(refusal).collect::<Vec<_>>(), [forbidden()]);
    let request = ListOpportunitiesRequest { with_total: true, ..Default::default() };
    let page = service.opportunities().list_opportunities(service.as_admin(request)).await.unwrap().into_inner();
    assert_eq!((page.total, page.opportunities[0].lead_id.as_str()), (1, id.as_str()));
    let unknown = service.lead(lead("宽带", INSIDE)).await.unwrap().id;
    let request = QualifyLeadRequest { id: unknown, pipeline_code: "NONE".to_owned(), ..Default::default() };
    let refused = service.leads().qualify_lead(service.as_admin(request)).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn a_lead_that_is_no_chance_says_why_and_is_taken_up_again() {
    let service = Service::start().await;
    let id = service.lead(lead("专线", INSIDE)).await.unwrap().id;
    let unsaid = disqualify(&service, &id, DisqualifyReason::Other, "").await.unwrap_err();
    assert_eq!(violations(&unsaid), named(&[("reason", "REQUIRED")]));
    let unsaid = disqualify(&service, &id, DisqualifyReason::Unspecified, "").await.unwrap_err();
    assert_eq!(violations(&unsaid), named(&[("disqualify_reason", "REQUIRED")]));
    let done = disqualify(&service, &id, DisqualifyReason::NoBudget, "明年再说").await.unwrap();
    assert_eq!((done.state(), done.disqualify_reason()), (LeadState::Disqualified, DisqualifyReason::NoBudget));
    assert_eq!(refusal(&qualify(&service, &id).await.unwrap_err()), forbidden());
    let request = ReopenLeadRequest { id, reason: "有预算了".to_owned(), ..Default::default() };
    let reopened =
        service.leads().reopen_lead(service.as_admin(request.clone())).await.unwrap().into_inner().lead.unwrap();
    assert_eq!((reopened.state(), reopened.reason.as_str()), (LeadState::Working, "有预算了"));
    assert_eq!(reopened.disqualify_reason(), DisqualifyReason::Unspecified);
    let refused = service.leads().reopen_lead(service.as_admin(request)).await.unwrap_err();
    assert_eq!(refusal(&refused), forbidden());
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_lead_is_said_at_once() {
    let service = Service::start().await;
    let wrong = Lead { score: Some(101), contact_phone: "138".to_owned(), ..Default::default() };
    let expected = [
        ("lead.title", "REQUIRED"),
        ("lead.source", "REQUIRED"),
        ("lead.contact_phone", "FORMAT"),
        ("lead.score", "OUT_OF_RANGE"),
        ("lead.company_name", "REQUIRED"),
    ];
    assert_eq!(violations(&service.lead(wrong).await.unwrap_err()), named(&expected));
    for (owner, reason) in [(DEPARTED, "MANAGER_UNKNOWN"), ("", "OWNER_MISSING")] {
        let wrong = Lead { owner_id: owner.to_owned(), ..lead("专线", INSIDE) };
        assert_eq!(violations(&service.lead(wrong).await.unwrap_err()), named(&[("lead.owner_id", reason)]));
    }
    let present = service.lead(lead("专线", INSIDE)).await.unwrap();
    let moved = Lead { owner_id: E1001.to_owned(), ..present.clone() };
    let moved = update(&service, moved, &["owner_id"]).await.unwrap_err();
    assert_eq!(violations(&moved), named(&[("lead.owner_id", "IMMUTABLE")]));
    let nobody = Lead { company_name: String::new(), ..present };
    let nobody = update(&service, nobody, &["company_name"]).await.unwrap_err();
    assert_eq!(violations(&nobody), named(&[("lead.company_name", "REQUIRED")]));
    let elsewhere = Lead { account_id: ACCOUNT_OUTSIDE.to_owned(), ..lead("专线", INSIDE) };
    let request = CreateLeadRequest { lead: Some(elsewhere), request_id: String::new() };
    let refused = service.leads().create_lead(with(request, &service.manager("E1000"))).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn a_lead_that_repeats_another_one_is_linked_to_the_oldest() {
    let service = Service::start().await;
    let repeats = async |lead: Lead| service.lead(lead).await.unwrap().duplicate_of_lead_id;
    let of = |title: &str, company: &str| Lead { company_name: company.to_owned(), ..lead(title, INSIDE) };
    let phone = |lead: Lead| Lead { contact_phone: "+8613800138000".to_owned(), ..lead };
    let first = service.lead(phone(of("专线", "ABC科技"))).await.unwrap();
    assert_eq!(first.duplicate_of_lead_id, "");
    assert_eq!(repeats(of("其他", "Ａｂｃ　科 技")).await, first.id);
    assert_eq!(repeats(phone(of("其他", "别的公司"))).await, first.id);
    assert_eq!(repeats(of("专线", "又一公司")).await, "");
    let account = |title: &str| Lead { account_id: ACCOUNT.to_owned(), ..lead(title, INSIDE) };
    let known = service.lead(account("Cloud 迁移")).await.unwrap();
    assert_eq!(known.duplicate_of_lead_id, "");
    assert_eq!(repeats(account("ｃｌｏｕｄ迁移")).await, known.id);
    assert_eq!(repeats(account("别的")).await, "");
    // What is no chance, and what the caller does not see, is repeated by nothing.
    disqualify(&service, &known.id, DisqualifyReason::NoNeed, "").await.unwrap();
    let next = repeats(account("Cloud迁移")).await;
    assert!(!next.is_empty() && next != known.id);
    let foreign = service.lead(Lead { company_name: "外地".to_owned(), ..lead("一", OUTSIDE) }).await.unwrap();
    let create = async |lead: Lead, token: &str| {
        let request = CreateLeadRequest { lead: Some(lead), request_id: String::new() };
        service.leads().create_lead(with(request, token)).await.unwrap().into_inner().lead.unwrap().duplicate_of_lead_id
    };
    assert_eq!(create(of("二", "外地"), &service.token(Role::Supervisor, INSIDE.city)).await, "");
    assert_ne!(create(of("三", "外地"), &service.token(Role::Supervisor, INSIDE.city)).await, foreign.id);
    let own = Lead { owner_id: E1001.to_owned(), ..phone(of("四", "第四公司")) };
    assert_eq!(create(own, &service.manager("E1001")).await, "");
}

#[tokio::test]
async fn links_go_to_the_end_of_the_chain_and_never_in_a_circle() {
    let service = Service::start().await;
    let mut ids = Vec::new();
    for title in ["一", "二", "三"] {
        ids.push(service.lead(lead(title, INSIDE)).await.unwrap().id);
    }
    let [one, two, three] = [&ids[0], &ids[1], &ids[2]];
    assert_eq!(&link(&service, two, one).await.unwrap(), one);
    assert_eq!(&link(&service, three, two).await.unwrap(), one);
    for (lead, target) in [(one, one), (one, three)] {
        let circle = link(&service, lead, target).await.unwrap_err();
        assert_eq!(violations(&circle), named(&[("duplicate_of_lead_id", "LEAD_DUPLICATE_CIRCULAR")]));
    }
    assert_eq!(link(&service, three, "").await.unwrap(), "");
    assert_eq!(&link(&service, one, three).await.unwrap(), three);
    let foreign = service.lead(lead("外", OUTSIDE)).await.unwrap().id;
    let token = service.token(Role::Supervisor, INSIDE.city);
    let request =
        LinkDuplicateLeadRequest { id: two.clone(), duplicate_of_lead_id: foreign.clone(), ..Default::default() };
    let refused = service.leads().link_duplicate_lead(with(request, &token)).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    // The chain ends outside: who does not see its end is linked to what he named.
    assert_eq!(link(&service, three, &foreign).await.unwrap(), foreign);
    let four = service.lead(lead("四", INSIDE)).await.unwrap().id;
    let request = LinkDuplicateLeadRequest { id: four, duplicate_of_lead_id: three.clone(), ..Default::default() };
    let linked = service.leads().link_duplicate_lead(with(request, &token)).await.unwrap().into_inner().lead.unwrap();
    assert_eq!(&linked.duplicate_of_lead_id, three);
    // Two that are linked to each other at once.
    let [left, right] =
        [service.lead(lead("左", INSIDE)).await.unwrap().id, service.lead(lead("右", INSIDE)).await.unwrap().id];
    let (first, second) = tokio::join!(link(&service, &left, &right), link(&service, &right, &left));
    assert_eq!([first, second].into_iter().filter(Result::is_err).count(), 1);
}

#[tokio::test]
async fn a_lead_is_given_to_another_owner_and_another_territory() {
    let service = Service::start().await;
    let id = service.lead(lead("专线", INSIDE)).await.unwrap().id;
    let given = reassign(&service, &service.admin, &id, E1001, "").await.unwrap();
    assert_eq!((given.owner_employee_number.as_str(), given.reason.as_str()), ("E1001", "调整"));
    let mine = async |number: &str| {
        let request = GetLeadRequest { id: id.clone() };
        service.leads().get_lead(with(request, &service.manager(number))).await.is_ok()
    };
    assert_eq!((mine("E1000").await, mine("E1001").await), (false, true));
    let empty = reassign(&service, &service.admin, &id, "", "").await.unwrap_err();
    assert_eq!(violations(&empty), named(&[("owner_id", "REQUIRED")]));
    let unknown = reassign(&service, &service.admin, &id, DEPARTED, "").await.unwrap_err();
    assert_eq!(violations(&unknown), named(&[("owner_id", "MANAGER_UNKNOWN")]));
    let supervisor = service.token(Role::Supervisor, INSIDE.city);
    let away = reassign(&service, &supervisor, &id, "", OUTSIDE.county).await.unwrap_err();
    assert_eq!(refusal(&away), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()));
    let moved = reassign(&service, &service.admin, &id, E2000, OUTSIDE.county).await.unwrap();
    assert_eq!((moved.owner_employee_number.as_str(), moved.territory_code.as_str()), ("E2000", OUTSIDE.county));
    assert!(!mine("E1001").await);
}

#[tokio::test]
async fn who_looks_after_accounts_sees_his_own_leads() {
    let service = Service::start().await;
    for lead in [
        Lead { score: Some(90), ..lead("一", INSIDE) },
        Lead { owner_id: E1001.to_owned(), ..lead("二", INSIDE) },
        lead("三", OUTSIDE),
    ] {
        service.lead(lead).await.unwrap();
    }
    let titles = async |token: &str, filter: &str| {
        let request = ListLeadsRequest { filter: filter.to_owned(), with_total: true, ..Default::default() };
        let page = service.leads().list_leads(with(request, token)).await.unwrap().into_inner();
        assert_eq!(page.total, i64::try_from(page.leads.len()).unwrap());
        page.leads.into_iter().map(|lead| lead.title).collect::<Vec<_>>()
    };
    assert_eq!(titles(&service.manager("E1000"), "").await, ["一"]);
    assert_eq!(titles(&service.manager("E1001"), "").await, ["二"]);
    let supervisor = service.token(Role::Supervisor, INSIDE.city);
    assert_eq!(titles(&supervisor, "state = LEAD_STATE_NEW").await, ["一", "二"]);
    assert_eq!(titles(&supervisor, "score >= 90 AND source = LEAD_SOURCE_PORTAL").await, ["一"]);
    let request = ListLeadsRequest { filter: "contact_phone = \"+8613800138000\"".to_owned(), ..Default::default() };
    let refused = service.leads().list_leads(with(request, &supervisor)).await.unwrap_err();
    assert_eq!(violations(&refused), named(&[("filter", "FILTER_FIELD_UNKNOWN")]));
}
