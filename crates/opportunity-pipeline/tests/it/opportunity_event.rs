//! What events tell of the account: whoever counts opportunities by its tier or industry needs nothing else.

use guanxi_proto::client_registry::v1::Tier;
use guanxi_proto::events::v1::Event;
use guanxi_proto::imports::v1::{ImportMode, ImportOptions};
use guanxi_proto::opportunity_pipeline::v1::*;
use guanxi_test_support::contract::INSIDE;
use prost::Message;
use uuid::Uuid;

use crate::support::{ACCOUNT, ACCOUNT_OUTSIDE, E1000, E1001, PLAIN, Service, lead, money, opportunity};

/// Kind of an event, and tier and industry of the account that it tells.
type Told = (String, Tier, String);

fn told(kind: &str, tier: Tier, industry_code: &str) -> Told {
    (kind.to_owned(), tier, industry_code.to_owned())
}

/// What events of opportunities tell, from the first on.
async fn events(service: &Service) -> Vec<Told> {
    let (newest, mut position) = (service.head().await, 0);
    let mut feed = service.follow(&service.admin, 0, &[]).await.unwrap();
    let mut seen = Vec::new();
    while position < newest {
        let Some(event) = feed.message().await.unwrap().unwrap().event else { continue };
        position = event.position;
        seen.extend(of_opportunity(&event));
    }
    seen
}

fn of_opportunity(event: &Event) -> Option<Told> {
    let kind = event.r#type.rsplit("v1.").next().unwrap().strip_prefix("opportunity.")?;
    let change = OpportunityChange::decode(event.payload.as_ref().unwrap().value.as_slice()).unwrap();
    Some(told(kind, change.account_tier(), &change.account_industry_code))
}

/// Makes an account be of a tier and an industry, as an event of its own would.
async fn classify(service: &Service, id: &str, tier: &str, industry_code: &str) {
    let set = format!("tier = {tier}, industry_code = {industry_code}");
    service.sql(format!("update opportunity_pipeline.account set {set} where id = '{id}' returning id")).await;
}

#[tokio::test]
async fn every_event_tells_tier_and_industry_of_the_account_at_that_moment() {
    let service = Service::start().await;
    let plain = Opportunity {
        pipeline_code: PLAIN.to_owned(),
        amount: Some(money("1000", "CNY")),
        ..opportunity("专线", INSIDE)
    };
    let made = service.opportunity(plain).await.unwrap();
    let of_account = Opportunity { account_id: ACCOUNT.to_owned(), ..made.clone() };
    service.update(of_account, &["account_id"]).await.unwrap();
    classify(&service, ACCOUNT_OUTSIDE, "'C'", "'O81'").await;
    let moved = Opportunity { account_id: ACCOUNT_OUTSIDE.to_owned(), ..made.clone() };
    service.update(moved, &["account_id"]).await.unwrap();
    service.update(Opportunity { title: "改名".to_owned(), ..made.clone() }, &["title"]).await.unwrap();
    classify(&service, ACCOUNT_OUTSIDE, "'B'", "null").await;
    service.advance(&made.id, "").await.unwrap();
    service.advance(&made.id, "").await.unwrap();
    service.suspend(&made.id, "").await.unwrap();
    service.reopen(&made.id).await.unwrap();
    service.lose(&made.id).await.unwrap();
    service.reopen(&made.id).await.unwrap();
    classify(&service, ACCOUNT_OUTSIDE, "'A'", "'J66'").await;
    service.win(&made.id).await.unwrap();
    service.reassign(&made.id, E1001, "", &service.admin).await.unwrap();
    let request = DeleteOpportunityRequest { id: made.id.clone(), ..Default::default() };
    service.opportunities().delete_opportunity(service.as_admin(request)).await.unwrap();
    classify(&service, ACCOUNT_OUTSIDE, "null", "'J66'").await;
    let request = UndeleteOpportunityRequest { id: made.id.clone(), ..Default::default() };
    service.opportunities().undelete_opportunity(service.as_admin(request)).await.unwrap();
    service.update(Opportunity { account_id: String::new(), ..made }, &["account_id"]).await.unwrap();
    let expected = [
        told("created", Tier::Unspecified, ""),
        told("updated", Tier::A, "I65"),
        told("updated", Tier::C, "O81"),
        told("updated", Tier::C, "O81"),
        told("advanced", Tier::B, ""),
        told("advanced", Tier::B, ""),
        told("suspended", Tier::B, ""),
        told("reopened", Tier::B, ""),
        told("lost", Tier::B, ""),
        told("reopened", Tier::B, ""),
        told("won", Tier::A, "J66"),
        told("reassigned", Tier::A, "J66"),
        told("deleted", Tier::A, "J66"),
        told("undeleted", Tier::Unspecified, "J66"),
        told("updated", Tier::Unspecified, ""),
    ];
    assert_eq!(events(&service).await, expected);
}

#[tokio::test]
async fn what_comes_of_a_lead_tells_tier_and_industry() {
    let service = Service::start().await;
    classify(&service, ACCOUNT_OUTSIDE, "'C'", "'O81'").await;
    for account_id in [ACCOUNT, ACCOUNT_OUTSIDE, ""] {
        let new = Lead { account_id: account_id.to_owned(), ..lead("线索", INSIDE) };
        let id = service.lead(new).await.unwrap().id;
        let request = QualifyLeadRequest { id, ..Default::default() };
        service.leads().qualify_lead(service.as_admin(request)).await.unwrap();
    }
    let created = |tier, industry_code| told("created", tier, industry_code);
    let expected = [created(Tier::A, "I65"), created(Tier::C, "O81"), created(Tier::Unspecified, "")];
    assert_eq!(events(&service).await, expected);
}

/// Imports a deal of an account, or without saying whose it is.
async fn import(service: &Service, title: &str, account_id: &str) {
    let stage = ImportedStage { stage_code: "NEED_HYPOTHESIS".to_owned(), enter_date: "2017-01-10".to_owned() };
    let (title, account_id) = (title.to_owned(), account_id.to_owned());
    let deal = Opportunity { title, account_id, owner_id: E1000.to_owned(), ..Default::default() };
    let row = ImportOpportunityRow {
        row_number: 1,
        external_id: Some(ExternalId { system: "maven".to_owned(), value: "A".to_owned() }),
        opportunity: Some(Box::new(deal)),
        stages: vec![stage],
        ..Default::default()
    };
    let import_id = Uuid::now_v7().to_string();
    let options = ImportOptions { import_id, mode: ImportMode::Update.into(), dry_run: false };
    let request = ImportOpportunitiesRequest { options: Some(options), rows: vec![row] };
    let stream = service.as_admin(tokio_stream::iter([request]));
    let mut answers = service.opportunities().import_opportunities(stream).await.unwrap().into_inner();
    let progress = answers.message().await.unwrap().unwrap().progress.unwrap();
    assert_eq!(progress.created_count + progress.updated_count, 1, "{progress:?}");
}

#[tokio::test]
async fn what_is_imported_tells_tier_and_industry() {
    let service = Service::start().await;
    classify(&service, ACCOUNT_OUTSIDE, "'C'", "'O81'").await;
    import(&service, "一", "").await;
    import(&service, "二", ACCOUNT).await;
    import(&service, "三", ACCOUNT_OUTSIDE).await;
    classify(&service, ACCOUNT_OUTSIDE, "'B'", "null").await;
    import(&service, "四", "").await;
    let expected = [
        told("imported", Tier::Unspecified, ""),
        told("updated", Tier::A, "I65"),
        told("updated", Tier::C, "O81"),
        told("updated", Tier::B, ""),
    ];
    assert_eq!(events(&service).await, expected);
}
