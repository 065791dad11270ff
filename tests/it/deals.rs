//! Deals go on while the services are down that opportunity-pipeline needs, and go where their territory goes.

use std::time::{Duration, Instant};

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::account_manager_service_client::AccountManagerServiceClient;
use guanxi_proto::client_registry::v1::account_service_client::AccountServiceClient;
use guanxi_proto::client_registry::v1::{
    Account, AccountManager, AccountManagerChannel, CreateAccountManagerRequest, CreateAccountRequest,
};
use guanxi_proto::opportunity_pipeline::v1::opportunity_service_client::OpportunityServiceClient;
use guanxi_proto::opportunity_pipeline::v1::{
    CreateOpportunityRequest, GetOpportunityRequest, ListOpportunitiesRequest, Opportunity, OpportunityLine,
    UpdateOpportunityRequest,
};
use guanxi_test_support::{metadata, reason, violations, with_token};
use prost_types::FieldMask;
use sqlx::{Connection, Executor};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::cluster::{Cluster, eventually};
use crate::market::Market;

/// What keeps events of client-registry from being taken in until it is rolled back.
const HOLD: &str =
    "begin; select position from opportunity_pipeline.followed where source = 'client-registry' for update";

/// A cluster with a manager, `E7`, of the province 44, and an offering, `LINE`, for 100.00 CNY a month.
struct Office {
    cluster: Cluster,
    opportunities: OpportunityServiceClient<Channel>,
    agent: String,
}

impl Office {
    async fn open() -> Self {
        let cluster = Cluster::start().await;
        Market::open(&cluster).await.offer("LINE", "100").await;
        let manager = AccountManager {
            employee_number: "E7".to_owned(),
            name: "王芳".to_owned(),
            territory_code: "4403".to_owned(),
            channel: AccountManagerChannel::Field.into(),
            ..Default::default()
        };
        let request = CreateAccountManagerRequest { account_manager: Some(manager), request_id: String::new() };
        let request = with_token(request, &cluster.token(Role::Administrator, "*"));
        AccountManagerServiceClient::new(cluster.registry.channel()).create_account_manager(request).await.unwrap();
        let opportunities = OpportunityServiceClient::new(cluster.pipeline.channel());
        let agent = cluster.token_of("E7", Role::AccountManager, "44");
        Self { cluster, opportunities, agent }
    }

    /// Creates an account in client-registry; gives its id.
    async fn account(&self, territory_code: &str) -> String {
        let (legal_name, territory_code) = ("广东星河通讯有限公司".to_owned(), territory_code.to_owned());
        let account = Some(Account { legal_name, territory_code, ..Default::default() });
        let request = CreateAccountRequest { account, request_id: String::new() };
        let request = with_token(request, &self.cluster.token(Role::Administrator, "*"));
        let created = AccountServiceClient::new(self.cluster.registry.channel()).create_account(request).await.unwrap();
        created.into_inner().account.unwrap().id
    }

    /// Has the agent open an opportunity for an account with a line of an offering.
    async fn deal(&self, account_id: &str, offering_code: &str) -> Result<Opportunity, Status> {
        let (offering_code, account_id) = (offering_code.to_owned(), account_id.to_owned());
        let line = OpportunityLine { offering_code, quantity: 2, ..Default::default() };
        let (title, lines) = ("专线".to_owned(), vec![line]);
        let opportunity = Some(Opportunity { title, account_id, lines, ..Default::default() });
        let request = CreateOpportunityRequest { opportunity, request_id: String::new() };
        let answer = self.opportunities.clone().create_opportunity(with_token(request, &self.agent)).await;
        Ok(answer?.into_inner().opportunity.unwrap())
    }

    async fn rename(&self, id: &str, title: &str) -> Result<Opportunity, Status> {
        let (id, title) = (id.to_owned(), title.to_owned());
        let request = UpdateOpportunityRequest {
            opportunity: Some(Opportunity { id, title, ..Default::default() }),
            update_mask: Some(FieldMask { paths: vec!["title".to_owned()] }),
            request_id: String::new(),
        };
        let answer = self.opportunities.clone().update_opportunity(with_token(request, &self.agent)).await;
        Ok(answer?.into_inner().opportunity.unwrap())
    }

    async fn count(&self) -> usize {
        let request = with_token(ListOpportunitiesRequest::default(), &self.agent);
        let answer = self.opportunities.clone().list_opportunities(request).await.unwrap();
        answer.into_inner().opportunities.len()
    }

    /// Whether a supervisor of a territory sees an opportunity.
    async fn sees(&self, territory: &str, id: &str) -> bool {
        let token = self.cluster.token_of("E9", Role::Supervisor, territory);
        let request = with_token(GetOpportunityRequest { id: id.to_owned() }, &token);
        match self.opportunities.clone().get_opportunity(request).await {
            Ok(_) => true,
            Err(status) if status.code() == Code::NotFound => false,
            Err(status) => panic!("{status:?}"),
        }
    }
}

fn list_amount(opportunity: &Opportunity) -> &str {
    opportunity.list_amount.as_ref().map_or("", |money| &money.amount)
}

#[tokio::test]
async fn deals_go_on_without_client_registry() {
    let mut office = Office::open().await;
    let account = office.account("4403").await;
    let deal = office.deal(&account, "LINE").await.unwrap();
    assert_eq!((deal.account_name.as_str(), list_amount(&deal)), ("广东星河通讯有限公司", "2400"));
    let elsewhere = office.account("3301").await;
    let head = office.cluster.registry.head().await;
    office.cluster.pipeline.await_followed(&office.cluster.registry, head).await;
    office.cluster.registry.kill();

    office.deal(&account, "LINE").await.unwrap();
    assert_eq!(office.rename(&deal.id, "专线续约").await.unwrap().title, "专线续约");
    assert_eq!(office.count().await, 2);
    let hidden = office.deal(&elsewhere, "LINE").await.unwrap_err();
    assert_eq!((hidden.code(), &*reason(&hidden)), (Code::NotFound, "RESOURCE_NOT_FOUND"));
    let unknown = office.deal("01990000-0000-7000-8000-000000000001", "LINE").await.unwrap_err();
    assert_eq!((unknown.code(), &*reason(&unknown)), (Code::Unavailable, "UNAVAILABLE"));
    assert_eq!(metadata(&unknown, "service").as_deref(), Some("client-registry"));
}

#[tokio::test]
async fn an_account_that_has_not_arrived_is_asked_for() {
    let mut office = Office::open().await;
    // Everything else is known; from here on nothing is taken in.
    office.deal(&office.account("4403").await, "LINE").await.unwrap();
    let mut hold = office.cluster.pipeline.database.admin().await;
    hold.execute(HOLD).await.unwrap();
    let new = office.account("4403").await;
    assert_eq!(office.deal(&new, "LINE").await.unwrap().account_id, new);
    let elsewhere = office.account("3301").await;
    let hidden = office.deal(&elsewhere, "LINE").await.unwrap_err();
    assert_eq!((hidden.code(), &*reason(&hidden)), (Code::NotFound, "RESOURCE_NOT_FOUND"));

    let late = office.account("4401").await;
    office.cluster.registry.kill();
    let away = office.deal(&late, "LINE").await.unwrap_err();
    assert_eq!((away.code(), metadata(&away, "service").as_deref()), (Code::Unavailable, Some("client-registry")));
    assert_eq!(office.deal(&new, "LINE").await.unwrap().account_id, new, "it was noted when it was asked for");
    office.cluster.registry.start().await;
    eventually("it is asked for again", async || office.deal(&late, "LINE").await.is_ok()).await;
    let known = "select id from opportunity_pipeline.account";
    assert_eq!(office.cluster.pipeline.rows(known).await.len(), 3, "nobody is noted who was not shown");

    hold.execute("rollback").await.unwrap();
    hold.close().await.unwrap();
    let everybody = async || office.cluster.pipeline.rows(known).await.len() == 4;
    eventually("the feed brings the rest", everybody).await;
}

#[tokio::test]
async fn deals_go_on_without_product_catalog() {
    let mut office = Office::open().await;
    let account = office.account("4403").await;
    office.deal(&account, "LINE").await.unwrap();
    office.cluster.catalog.kill();
    assert_eq!(list_amount(&office.deal(&account, "LINE").await.unwrap()), "2400");
    let unknown = office.deal(&account, "NOTHING").await.unwrap_err();
    let field = "opportunity.lines[0].offering_code".to_owned();
    assert_eq!(violations(&unknown), [(field, "OFFERING_UNKNOWN".to_owned())]);
    // Nor does one that hangs hold anybody up for long.
    office.cluster.catalog.start().await;
    office.cluster.catalog.signal("-STOP");
    let asked = Instant::now();
    assert_eq!(office.deal(&account, "NOTHING").await.unwrap_err().code(), Code::InvalidArgument);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_territory_takes_its_opportunities_along() {
    let office = Office::open().await;
    let deal = office.deal(&office.account("4403").await, "LINE").await.unwrap();
    assert!(office.sees("44", &deal.id).await && !office.sees("33", &deal.id).await);
    let mut fastest = Duration::MAX;
    for (from, to) in [("44", "33"), ("33", "11"), ("11", "44")] {
        office.cluster.planner().relocate("4403", to).await.unwrap();
        let moved = Instant::now();
        eventually("it is seen where it is now", async || office.sees(to, &deal.id).await).await;
        eventually("it is not seen where it was", async || !office.sees(from, &deal.id).await).await;
        fastest = fastest.min(moved.elapsed());
    }
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");
}
