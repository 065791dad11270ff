//! Opportunities: what they hold, what they are worth, who sees them.

use guanxi_auth::Role;
use guanxi_proto::opportunity_pipeline::v1::*;
use guanxi_test_support::contract::{INSIDE, OUTSIDE};
use tonic::Code;

use crate::support::{
    ACCOUNT, ACCOUNT_DELETED, ACCOUNT_OUTSIDE, DEPARTED, E1001, E2000, Service, line, money, named, opportunity,
    refusal, violations, with,
};

#[tokio::test]
async fn an_opportunity_begins_in_the_first_stage_with_todays_list_amounts() {
    let service = Service::start().await;
    let lines = vec![line("MAIL", 5), OpportunityLine { term_months: 24, ..line("CLOUD", 3) }];
    let made = Opportunity { account_id: ACCOUNT.to_owned(), lines, ..opportunity("邮箱上云", INSIDE) };
    let made = service.opportunity(made).await.unwrap();
    assert_eq!((made.pipeline_code.as_str(), made.stage_code.as_str()), ("STANDARD", "NEED_HYPOTHESIS"));
    assert_eq!((made.state(), made.kind()), (OpportunityState::Open, OpportunityKind::New));
    assert_eq!((made.owner_employee_number.as_str(), made.territory_code.as_str()), ("E1000", INSIDE.county));
    assert_eq!(made.account_name, "深圳样例公司");
    // 5 units at 10 a month for a year, and 1,000 once.
    assert_eq!(made.value, Some(money("1600", "CNY")));
    let changed = Opportunity { amount: Some(money("1200.5", "CNY")), ..made.clone() };
    let changed = service.update(changed, &["amount"]).await.unwrap();
    assert_eq!((changed.value, changed.list_amount), (Some(money("1200.5", "CNY")), Some(money("1600", "CNY"))));
}

#[tokio::test]
async fn everything_that_is_wrong_with_an_opportunity_is_said_at_once() {
    let service = Service::start().await;
    let lines = vec![line("NONE", 1), line("MAIL", 1), line("ABROAD", 1)];
    let team = vec![OpportunityTeamMember { account_manager_id: ACCOUNT.to_owned(), role: 1, ..Default::default() }];
    let status = service.opportunity(Opportunity { lines, team, ..opportunity("混合", INSIDE) }).await.unwrap_err();
    let expected = [
        ("opportunity.lines[0].offering_code", "OFFERING_UNKNOWN"),
        ("opportunity.lines[2].offering_code", "CURRENCIES_MIXED"),
        ("opportunity.team[0].account_manager_id", "MANAGER_UNKNOWN"),
    ];
    assert_eq!(violations(&status), named(&expected));
    let wrong = Opportunity {
        probability_percent: Some(101),
        expected_close_date: "tomorrow".to_owned(),
        competitors: vec![OpportunityCompetitor::default()],
        ..Default::default()
    };
    let status = service.opportunity(wrong).await.unwrap_err();
    let expected = [
        ("opportunity.title", "REQUIRED"),
        ("opportunity.probability_percent", "OUT_OF_RANGE"),
        ("opportunity.expected_close_date", "FORMAT"),
        ("opportunity.competitors[0].name", "REQUIRED"),
    ];
    assert_eq!(violations(&status), named(&expected));
}

#[tokio::test]
async fn an_owner_an_account_and_a_place_must_be_there_for_the_caller() {
    let service = Service::start().await;
    let departed = Opportunity { owner_id: DEPARTED.to_owned(), ..opportunity("无人", INSIDE) };
    let nobody = Opportunity { owner_id: String::new(), ..opportunity("无人", INSIDE) };
    for (wrong, reason) in [(departed, "MANAGER_UNKNOWN"), (nobody, "OWNER_MISSING")] {
        let status = service.opportunity(wrong).await.unwrap_err();
        assert_eq!(violations(&status), named(&[("opportunity.owner_id", reason)]));
    }
    let token = service.manager("E1000");
    for account in [ACCOUNT_OUTSIDE, ACCOUNT_DELETED, E1001] {
        let opportunity = Opportunity { account_id: account.to_owned(), ..opportunity("别处", INSIDE) };
        let request = CreateOpportunityRequest { opportunity: Some(opportunity), request_id: String::new() };
        let status = service.opportunities().create_opportunity(with(request, &token)).await.unwrap_err();
        assert_eq!(refusal(&status), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()), "{account}");
    }
    // Where somebody elsewhere belongs is not told.
    let opportunity = Some(Opportunity { owner_id: E2000.to_owned(), ..opportunity("别人", INSIDE) });
    let request = CreateOpportunityRequest { opportunity, request_id: String::new() };
    let status = service.opportunities().create_opportunity(with(request, &token)).await.unwrap_err();
    assert_eq!(refusal(&status), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()));
    assert!(status.message().contains(E2000) && !status.message().contains(OUTSIDE.county), "{status:?}");
}

#[tokio::test]
async fn who_looks_after_accounts_sees_his_own_opportunities_and_those_of_his_teams() {
    let service = Service::start().await;
    let own = service.opportunity(opportunity("一", INSIDE)).await.unwrap();
    let other = Opportunity { owner_id: E1001.to_owned(), ..opportunity("二", INSIDE) };
    let other = service.opportunity(other).await.unwrap();
    let outside = service.opportunity(opportunity("三", OUTSIDE)).await.unwrap();
    let titles = async |token: &str| {
        let request = ListOpportunitiesRequest { with_total: true, ..Default::default() };
        let page = service.opportunities().list_opportunities(with(request, token)).await.unwrap().into_inner();
        let titles: Vec<String> = page.opportunities.into_iter().map(|each| each.title).collect();
        assert_eq!(page.total, i64::try_from(titles.len()).unwrap());
        titles
    };
    let (first, second) = (service.manager("E1000"), service.manager("E1001"));
    let supervisor = service.token(Role::Supervisor, INSIDE.city);
    assert_eq!(titles(&first).await, ["一"]);
    assert_eq!(titles(&second).await, ["二"]);
    assert_eq!(titles(&supervisor).await, ["一", "二"]);
    let get = async |id: &str, token: &str| {
        let request = GetOpportunityRequest { id: id.to_owned() };
        service.opportunities().get_opportunity(with(request, token)).await.map(tonic::Response::into_inner)
    };
    for (id, token) in [(&other.id, &first), (&outside.id, &supervisor)] {
        assert_eq!(get(id, token).await.unwrap_err().code(), Code::NotFound);
    }
    let team = vec![OpportunityTeamMember { account_manager_id: E1001.to_owned(), role: 3, ..Default::default() }];
    service.update(Opportunity { team, ..own.clone() }, &["team"]).await.unwrap();
    assert_eq!(titles(&second).await, ["一", "二"]);
    assert_eq!(get(&own.id, &second).await.unwrap().opportunity.unwrap().team[0].employee_number, "E1001");
}
