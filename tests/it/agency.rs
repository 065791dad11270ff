//! A market with managers who open, win and lose deals, and the figures that kpi makes of it.

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::account_manager_service_client::AccountManagerServiceClient;
use guanxi_proto::client_registry::v1::account_service_client::AccountServiceClient;
use guanxi_proto::client_registry::v1::assignment_service_client::AssignmentServiceClient;
use guanxi_proto::client_registry::v1::{
    Account, AccountManager, AccountManagerChannel, ActivateAccountRequest, AssignmentRole,
    CreateAccountManagerRequest, CreateAccountRequest, OpenAssignmentRequest, SetAccountTierRequest, Tier,
};
use guanxi_proto::kpi::v1::indicator_service_client::IndicatorServiceClient;
use guanxi_proto::kpi::v1::{FigureDimension, FigureQuestion, QueryIndicatorRequest, QueryIndicatorResponse};
use guanxi_proto::opportunity_pipeline::v1::opportunity_service_client::OpportunityServiceClient;
use guanxi_proto::opportunity_pipeline::v1::pipeline_service_client::PipelineServiceClient;
use guanxi_proto::opportunity_pipeline::v1::quote_service_client::QuoteServiceClient;
use guanxi_proto::opportunity_pipeline::v1::{
    AdvanceOpportunityRequest, CloseReason, CreateOpportunityRequest, CreatePipelineRequest, CreateQuoteRequest,
    DeleteOpportunityRequest, LoseOpportunityRequest, Opportunity, OpportunityLine, Pipeline, Quote,
    ReassignOpportunityRequest, Stage, StageKind, SubmitQuoteRequest, UndeleteOpportunityRequest,
    WinOpportunityRequest,
};
use guanxi_proto::product_catalog::v1::PriceQuoteLine;
use guanxi_proto::r#type::v1::{LocalizedText, Money};
use guanxi_test_support::with_token;
use sqlx::Row;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::cluster::{Cluster, Service};
use crate::market::Market;

/// A pipeline of two open stages without exit criteria, with chances of 20 and 50 percent.
const SHORT: &str = "SHORT";

/// Nouns whose events kpi takes in.
const TOLD: &str = "territory|account|account_manager|assignment|offering|opportunity|pipeline|quote";

/// A cluster with the tree and the offering `LINE`, for 100.00 CNY a month, of a [`Market`], and a short pipeline.
pub(crate) struct Agency {
    pub(crate) cluster: Cluster,
    admin: String,
    pub(crate) opportunities: OpportunityServiceClient<Channel>,
}

/// A question about an indicator, broken down.
pub(crate) fn question(indicator_code: &str, by: FigureDimension) -> FigureQuestion {
    FigureQuestion { indicator_code: indicator_code.to_owned(), by: by.into(), ..Default::default() }
}

/// Keys and values of the rows of an answer.
pub(crate) fn rows(answer: &QueryIndicatorResponse) -> Vec<(&str, &str)> {
    answer.figures.iter().map(|figure| (figure.key.as_str(), figure.value.as_str())).collect()
}

impl Agency {
    /// The services that bring something serve.
    pub(crate) async fn open(cluster: Cluster) -> Self {
        Self::with_market(cluster).await.0
    }

    /// With the market, which goes on trading.
    pub(crate) async fn with_market(cluster: Cluster) -> (Self, Market) {
        let mut market = Market::open(&cluster).await;
        market.offer("LINE", "100").await;
        let opportunities = OpportunityServiceClient::new(cluster.pipeline.channel());
        let agency = Self { admin: cluster.token(Role::Administrator, "*"), opportunities, cluster };
        let stage = |code: &str, kind: StageKind, probability_percent| Stage {
            code: code.to_owned(),
            name: Some(LocalizedText { zh: code.to_owned(), en: String::new() }),
            kind: kind.into(),
            probability_percent,
            ..Default::default()
        };
        let pipeline = Pipeline {
            code: SHORT.to_owned(),
            name: Some(LocalizedText { zh: "短流程".to_owned(), en: String::new() }),
            stages: vec![
                stage("TALK", StageKind::Open, 20),
                stage("OFFER", StageKind::Open, 50),
                stage("SIGNED", StageKind::Won, 100),
                stage("LOST", StageKind::Lost, 0),
            ],
            ..Default::default()
        };
        let request = CreatePipelineRequest { pipeline: Some(pipeline), request_id: String::new() };
        let mut pipelines = PipelineServiceClient::new(agency.cluster.pipeline.channel());
        pipelines.create_pipeline(agency.ask(request)).await.unwrap();
        (agency, market)
    }

    pub(crate) fn ask<T>(&self, message: T) -> Request<T> {
        with_token(message, &self.admin)
    }

    /// Employs a manager; gives the id.
    pub(crate) async fn employ(&self, employee_number: &str, territory_code: &str) -> String {
        let manager = AccountManager {
            employee_number: employee_number.to_owned(),
            name: "王芳".to_owned(),
            territory_code: territory_code.to_owned(),
            channel: AccountManagerChannel::Field.into(),
            grade: 5,
            ..Default::default()
        };
        let request = CreateAccountManagerRequest { account_manager: Some(manager), request_id: String::new() };
        let mut managers = AccountManagerServiceClient::new(self.cluster.registry.channel());
        let created = managers.create_account_manager(self.ask(request)).await.unwrap().into_inner();
        created.account_manager.unwrap().id
    }

    /// Adds an account, of a tier or of none, with a manager or without; gives the id.
    pub(crate) async fn account(&self, territory_code: &str, tier: Tier, manager_id: &str) -> String {
        let mut accounts = AccountServiceClient::new(self.cluster.registry.channel());
        let (legal_name, territory_code) = ("广东星河通讯有限公司".to_owned(), territory_code.to_owned());
        let account = Some(Account { legal_name, territory_code, ..Default::default() });
        let request = CreateAccountRequest { account, request_id: String::new() };
        let id = accounts.create_account(self.ask(request)).await.unwrap().into_inner().account.unwrap().id;
        if tier != Tier::Unspecified {
            let (id, reason) = (id.clone(), "定级".to_owned());
            let request = SetAccountTierRequest { id, tier: tier.into(), reason, ..Default::default() };
            accounts.set_account_tier(self.ask(request)).await.unwrap();
        }
        if !manager_id.is_empty() {
            let (account_id, account_manager_id) = (id.clone(), manager_id.to_owned());
            let role = AssignmentRole::Primary.into();
            let request = OpenAssignmentRequest { account_id, account_manager_id, role, ..Default::default() };
            let mut assignments = AssignmentServiceClient::new(self.cluster.registry.channel());
            assignments.open_assignment(self.ask(request)).await.unwrap();
            let request = ActivateAccountRequest { id: id.clone(), ..Default::default() };
            accounts.activate_account(self.ask(request)).await.unwrap();
        }
        id
    }

    /// Opens a deal worth an amount in CNY; without one, worth a line of 2,400 CNY; gives the id.
    pub(crate) async fn deal(&self, account_id: &str, owner_id: &str, amount: &str) -> String {
        let line = OpportunityLine { offering_code: "LINE".to_owned(), quantity: 2, ..Default::default() };
        self.deal_with(Opportunity {
            account_id: account_id.to_owned(),
            owner_id: owner_id.to_owned(),
            amount: (!amount.is_empty()).then(|| cny(amount)),
            lines: if amount.is_empty() { vec![line] } else { Vec::new() },
            ..Default::default()
        })
        .await
    }

    /// Opens a deal with a title in the short pipeline; gives the id.
    pub(crate) async fn deal_with(&self, opportunity: Opportunity) -> String {
        let (title, pipeline_code) = ("专线".to_owned(), SHORT.to_owned());
        let opportunity = Some(Opportunity { title, pipeline_code, ..opportunity });
        let request = CreateOpportunityRequest { opportunity, request_id: String::new() };
        let answer = self.opportunities.clone().create_opportunity(self.ask(request)).await.unwrap().into_inner();
        answer.opportunity.unwrap().id
    }

    /// Wins a deal for an amount in CNY; without one, for what it is worth.
    pub(crate) async fn win(&self, id: &str, amount: &str) -> Result<(), Status> {
        let request = AdvanceOpportunityRequest { id: id.to_owned(), ..Default::default() };
        // It may be in the last open stage already.
        let _ = self.opportunities.clone().advance_opportunity(self.ask(request)).await;
        let request = WinOpportunityRequest {
            id: id.to_owned(),
            amount: (!amount.is_empty()).then(|| cny(amount)),
            close_reason: CloseReason::Price.into(),
            reason: "方案合适".to_owned(),
            ..Default::default()
        };
        self.opportunities.clone().win_opportunity(self.ask(request)).await.map(drop)
    }

    pub(crate) async fn lose(&self, id: &str) -> Result<(), Status> {
        let (id, reason) = (id.to_owned(), "价格高".to_owned());
        let request =
            LoseOpportunityRequest { id, close_reason: CloseReason::Price.into(), reason, ..Default::default() };
        self.opportunities.clone().lose_opportunity(self.ask(request)).await.map(drop)
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<(), Status> {
        let request = DeleteOpportunityRequest { id: id.to_owned(), ..Default::default() };
        self.opportunities.clone().delete_opportunity(self.ask(request)).await.map(drop)
    }

    pub(crate) async fn undelete(&self, id: &str) -> Result<(), Status> {
        let request = UndeleteOpportunityRequest { id: id.to_owned(), ..Default::default() };
        self.opportunities.clone().undelete_opportunity(self.ask(request)).await.map(drop)
    }

    pub(crate) async fn reassign(&self, id: &str, owner_id: &str, territory_code: &str) -> Result<(), Status> {
        let (id, owner_id, territory_code) = (id.to_owned(), owner_id.to_owned(), territory_code.to_owned());
        let reason = "调动".to_owned();
        let request = ReassignOpportunityRequest { id, owner_id, territory_code, reason, ..Default::default() };
        self.opportunities.clone().reassign_opportunity(self.ask(request)).await.map(drop)
    }

    /// Has an account manager quote a deal with so much discount that it waits for approval.
    pub(crate) async fn quote(&self, id: &str, employee_number: &str) {
        let agent = self.cluster.token_of(employee_number, Role::AccountManager, "CN");
        let line = PriceQuoteLine {
            offering_code: "LINE".to_owned(),
            quantity: 2,
            term_months: 12,
            manual_discount_percent: "30".to_owned(),
            ..Default::default()
        };
        let (opportunity_id, discount_reason) = (id.to_owned(), "竞争对手报价低".to_owned());
        let quote = Quote { opportunity_id, lines: vec![line], discount_reason, ..Default::default() };
        let request = CreateQuoteRequest { quote: Some(quote), request_id: String::new() };
        let mut quotes = QuoteServiceClient::new(self.cluster.pipeline.channel());
        let id = quotes.create_quote(with_token(request, &agent)).await.unwrap().into_inner().quote.unwrap().id;
        let request = SubmitQuoteRequest { id, ..Default::default() };
        quotes.submit_quote(with_token(request, &agent)).await.unwrap();
    }

    /// Waits until a process of kpi has taken in what counts.
    pub(crate) async fn settle(&self, kpi: &Service) {
        for source in [&self.cluster.registry, &self.cluster.catalog, &self.cluster.pipeline] {
            settle_with(kpi, source).await;
        }
    }

    /// What a caller is answered, once kpi knows everything.
    pub(crate) async fn figures(
        &self,
        token: &str,
        question: FigureQuestion,
    ) -> Result<QueryIndicatorResponse, Status> {
        self.settle(&self.cluster.kpi).await;
        self.query(&self.cluster.kpi, token, question).await
    }

    /// What a caller is answered by a process at this moment.
    pub(crate) async fn query(
        &self,
        kpi: &Service,
        token: &str,
        question: FigureQuestion,
    ) -> Result<QueryIndicatorResponse, Status> {
        let request = QueryIndicatorRequest { question: Some(question), ..Default::default() };
        let mut indicators = IndicatorServiceClient::new(kpi.channel());
        Ok(indicators.query_indicator(with_token(request, token)).await?.into_inner())
    }

    /// Keys and values of what an administrator is answered, by key.
    pub(crate) async fn parts(&self, indicator_code: &str, by: FigureDimension) -> Vec<(String, String)> {
        let answer = self.figures(&self.admin, question(indicator_code, by)).await.unwrap();
        rows(&answer).into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }
}

/// People and deals of which every figure is known.
pub(crate) struct Known {
    pub(crate) agency: Agency,
    /// E7 of 4403, E8 of 4401, E9 of 3301: their ids.
    pub(crate) managers: [String; 3],
    /// Won for 1,800 of 2,400 in 4403, lost in 4403, two open ones in 4401, won for 700 in 3301.
    pub(crate) deals: [String; 5],
}

impl Known {
    pub(crate) async fn open() -> Self {
        let agency = Agency::open(Cluster::start().await).await;
        let managers =
            [agency.employ("E7", "4403").await, agency.employ("E8", "4401").await, agency.employ("E9", "3301").await];
        let [seven, eight, nine] = &managers;
        let large = agency.account("4403", Tier::A, seven).await;
        let small = agency.account("4403", Tier::B, "").await;
        let other = agency.account("4401", Tier::A, eight).await;
        let far = agency.account("3301", Tier::Unspecified, "").await;
        let line = OpportunityLine { offering_code: "LINE".to_owned(), quantity: 2, ..Default::default() };
        let by_hand = Opportunity {
            account_id: other.clone(),
            owner_id: eight.clone(),
            lines: vec![line],
            probability_percent: Some(50),
            ..Default::default()
        };
        let deals = [
            agency.deal(&large, seven, "").await,
            agency.deal(&small, seven, "500").await,
            agency.deal(&other, eight, "3000").await,
            agency.deal_with(by_hand).await,
            agency.deal(&far, nine, "700").await,
        ];
        agency.win(&deals[0], "1800").await.unwrap();
        agency.lose(&deals[1]).await.unwrap();
        agency.quote(&deals[3], "E8").await;
        agency.win(&deals[4], "").await.unwrap();
        Self { agency, managers, deals }
    }
}

/// Waits until a process of kpi has taken in what counts of one service: what is not for it is noted later.
pub(crate) async fn settle_with(kpi: &Service, source: &Service) {
    let schema = source.database.schema();
    let told = format!("select coalesce(max(position), 0) from {schema}.event where kind ~ '\\.v1\\.({TOLD})\\.'");
    kpi.await_followed(source, source.rows(&told).await[0].get(0)).await;
}

fn cny(amount: &str) -> Money {
    Money { currency_code: "CNY".to_owned(), amount: amount.to_owned() }
}
