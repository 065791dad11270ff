//! Quotes of opportunity-pipeline, priced by product-catalog as it is: in the same tree, for the user who quotes.

use std::net::SocketAddr;

use guanxi_auth::Role;
use guanxi_proto::opportunity_pipeline::v1::opportunity_service_client::OpportunityServiceClient;
use guanxi_proto::opportunity_pipeline::v1::quote_service_client::QuoteServiceClient;
use guanxi_proto::opportunity_pipeline::v1::*;
use guanxi_proto::product_catalog::v1::category_service_client::CategoryServiceClient;
use guanxi_proto::product_catalog::v1::offering_service_client::OfferingServiceClient;
use guanxi_proto::product_catalog::v1::price_service_client::PriceServiceClient;
use guanxi_proto::product_catalog::v1::pricing_service_client::PricingServiceClient;
use guanxi_proto::product_catalog::v1::*;
use guanxi_proto::r#type::v1::LocalizedText;
use guanxi_test_support::{Keys, Running, TestDatabase, channel, metadata, reason, rows, with_token};
use tonic::{Code, Request, Status};

const OWNER: &str = "01990000-0000-7000-8000-000000001000";
const ACCOUNT: &str = "01990000-0000-7000-8000-00000000a000";

/// Both services with an offering on sale and an opportunity to sell it to.
struct Market {
    keys: Keys,
    admin: String,
    catalog_database: TestDatabase,
    catalog: Option<Running>,
    address: SocketAddr,
    pipeline: Running,
    offering_id: String,
    opportunity_id: String,
}

impl Market {
    async fn open() -> Self {
        let keys = Keys::new();
        let admin = keys.token("E0001", &[(Role::Administrator, "*")]);
        let catalog_database = TestDatabase::create(product_catalog::SCHEMA, &product_catalog::MIGRATOR).await;
        let pipeline_database =
            TestDatabase::create(opportunity_pipeline::SCHEMA, &opportunity_pipeline::MIGRATOR).await;
        plant(&catalog_database).await;
        plant(&pipeline_database).await;
        people(&pipeline_database).await;
        let catalog = serve_catalog(SocketAddr::from(([127, 0, 0, 1], 0)), &catalog_database, &keys);
        let address = catalog.address;
        let pipeline = serve_pipeline(address, &pipeline_database, &keys);
        let (offering_id, opportunity_id) = (String::new(), String::new());
        let catalog = Some(catalog);
        let mut market =
            Self { keys, admin, catalog_database, catalog, address, pipeline, offering_id, opportunity_id };
        market.offering_id = market.sell().await;
        market.opportunity_id = market.find_a_buyer().await;
        market
    }

    fn ask<T>(&self, message: T) -> Request<T> {
        with_token(message, &self.admin)
    }

    fn quotes(&self) -> QuoteServiceClient<tonic::transport::Channel> {
        QuoteServiceClient::new(channel(self.pipeline.address))
    }

    /// Puts MAIL on sale for 100 a month at a cost of 60; gives the id.
    async fn sell(&self) -> String {
        let catalog = channel(self.address);
        let name = |zh: &str| Some(LocalizedText { zh: zh.to_owned(), en: String::new() });
        let category = Category {
            code: "OFFICE".to_owned(),
            name: name("办公"),
            functional_class: FunctionalClass::OfficeManagement.into(),
            strategic_class: StrategicClass::Foundation.into(),
            ..Default::default()
        };
        let request = CreateCategoryRequest { category: Some(category), ..Default::default() };
        CategoryServiceClient::new(catalog.clone()).create_category(self.ask(request)).await.unwrap();
        let category_codes = vec!["OFFICE".to_owned()];
        let offering = Offering { code: "MAIL".to_owned(), name: name("邮箱"), category_codes, ..Default::default() };
        let mut offerings = OfferingServiceClient::new(catalog.clone());
        let request = CreateOfferingRequest { offering: Some(offering), ..Default::default() };
        let id = offerings.create_offering(self.ask(request)).await.unwrap().into_inner().offering.unwrap().id;
        let request = PublishOfferingRequest { id: id.clone(), ..Default::default() };
        offerings.publish_offering(self.ask(request)).await.unwrap();
        let price = Price {
            offering_code: "MAIL".to_owned(),
            charge_kind: ChargeKind::Monthly.into(),
            model: PriceModel::Flat.into(),
            currency_code: "CNY".to_owned(),
            amount: "100".to_owned(),
            cost_amount: "60".to_owned(),
            valid_from_date: "2020-01-01".to_owned(),
            ..Default::default()
        };
        let request = CreatePriceRequest { price: Some(price), ..Default::default() };
        let created = PriceServiceClient::new(catalog).create_price(self.ask(request)).await.unwrap().into_inner();
        self.reach(created.position).await;
        id
    }

    /// Waits until prices come from a version of the catalog.
    async fn reach(&self, catalog_version: i64) {
        let lines = vec![line("")];
        let request = PriceQuoteRequest { lines, catalog_version, ..Default::default() };
        PricingServiceClient::new(channel(self.address)).price_quote(self.ask(request)).await.unwrap();
    }

    async fn find_a_buyer(&self) -> String {
        let opportunity = Opportunity {
            title: "邮箱".to_owned(),
            account_id: ACCOUNT.to_owned(),
            owner_id: OWNER.to_owned(),
            ..Default::default()
        };
        let request = CreateOpportunityRequest { opportunity: Some(opportunity), ..Default::default() };
        let mut opportunities = OpportunityServiceClient::new(channel(self.pipeline.address));
        opportunities.create_opportunity(self.ask(request)).await.unwrap().into_inner().opportunity.unwrap().id
    }

    async fn quote(&self, token: &str, discount: &str) -> Result<Quote, Status> {
        let quote = Quote {
            opportunity_id: self.opportunity_id.clone(),
            lines: vec![line(discount)],
            discount_reason: "新客户".to_owned(),
            ..Default::default()
        };
        let request = CreateQuoteRequest { quote: Some(quote), ..Default::default() };
        Ok(self.quotes().create_quote(with_token(request, token)).await?.into_inner().quote.unwrap())
    }

    async fn approve(&self, token: &str, id: &str) -> Result<Quote, Status> {
        let request = ApproveQuoteRequest { id: id.to_owned(), ..Default::default() };
        Ok(self.quotes().approve_quote(with_token(request, token)).await?.into_inner().quote.unwrap())
    }
}

fn line(discount: &str) -> PriceQuoteLine {
    PriceQuoteLine {
        offering_code: "MAIL".to_owned(),
        quantity: 1,
        term_months: 12,
        manual_discount_percent: discount.to_owned(),
        ..Default::default()
    }
}

/// The same territories for both.
async fn plant(database: &TestDatabase) {
    let schema = database.schema();
    for (code, path, level) in
        [("CN", "CN/", "HEADQUARTERS"), ("440300", "CN/440300/", "CITY"), ("440305", "CN/440300/440305/", "COUNTY")]
    {
        let row = format!("insert into {schema}.territory (code, path, level) values ('{code}', '{path}', '{level}')");
        rows(&mut database.admin().await, row).await;
    }
}

async fn people(database: &TestDatabase) {
    let manager =
        "insert into opportunity_pipeline.account_manager (id, employee_number, territory_code, in_service, version)";
    let account = "insert into opportunity_pipeline.account (id, legal_name, territory_code, deleted, version)";
    let mut admin = database.admin().await;
    rows(&mut admin, format!("{manager} values ('{OWNER}', 'E1000', '440305', true, 1)")).await;
    rows(&mut admin, format!("{account} values ('{ACCOUNT}', '深圳样例公司', '440305', false, 1)")).await;
}

fn settings(database: &TestDatabase, keys: &Keys) -> guanxi_service::Settings {
    guanxi_service::Settings { grpc: keys.settings(), database: database.settings(), cluster: "test".to_owned() }
}

fn serve_catalog(address: SocketAddr, database: &TestDatabase, keys: &Keys) -> Running {
    let service = settings(database, keys);
    let settings = product_catalog::Settings { service, peers: guanxi_service::peers::Settings::default() };
    Running::start_at(address, async move |listener, stop| {
        Ok(product_catalog::serve(&settings, Some(listener), stop).await?)
    })
}

fn serve_pipeline(catalog: SocketAddr, database: &TestDatabase, keys: &Keys) -> Running {
    let service_key = Some(keys.of_service("opportunity-pipeline"));
    let peers = guanxi_service::peers::Settings { service_key, ..Default::default() };
    let product_catalog = Some(format!("http://{catalog}"));
    let settings = opportunity_pipeline::Settings { service: settings(database, keys), peers, product_catalog };
    Running::start(async move |listener, stop| Ok(opportunity_pipeline::serve(&settings, Some(listener), stop).await?))
}

fn refusal(status: &Status) -> (Code, String) {
    (status.code(), reason(status))
}

#[tokio::test]
async fn a_quote_goes_from_the_price_of_the_catalog_over_approval_to_acceptance() {
    let market = Market::open().await;
    let owner = market.keys.token("E1000", &[(Role::AccountManager, "440305")]);
    let draft = market.quote(&owner, "12.5").await.unwrap();
    let amount = |money: &Option<guanxi_proto::r#type::v1::Money>| money.as_ref().unwrap().amount.clone();
    assert_eq!(
        (amount(&draft.contract_list_amount), amount(&draft.contract_net_amount)),
        ("1200".into(), "1050".into())
    );
    // (87.50 − 60) / 87.50; 12.5 % is for a city to grant.
    assert_eq!((draft.margin_percent.as_str(), draft.required_level()), ("31.43", AuthorityLevel::City));
    let request = SubmitQuoteRequest { id: draft.id.clone(), ..Default::default() };
    let waiting = market.quotes().submit_quote(with_token(request, &owner)).await.unwrap().into_inner().quote.unwrap();
    assert_eq!(waiting.state(), QuoteState::Waiting);
    let city = market.keys.token("E3000", &[(Role::Supervisor, "440300")]);
    let approved = market.approve(&city, &draft.id).await.unwrap();
    assert_eq!((approved.state(), approved.catalog_version), (QuoteState::Approved, waiting.catalog_version));
    let request = AcceptQuoteRequest { id: draft.id, ..Default::default() };
    let accepted = market.quotes().accept_quote(with_token(request, &owner)).await.unwrap().into_inner().quote.unwrap();
    assert_eq!((accepted.state(), accepted.quoted_lines), (QuoteState::Accepted, draft.quoted_lines));
}

#[tokio::test]
async fn what_is_not_sold_any_more_is_not_approved() {
    let market = Market::open().await;
    let draft = market.quote(&market.admin, "12.5").await.unwrap();
    let request = SubmitQuoteRequest { id: draft.id.clone(), ..Default::default() };
    market.quotes().submit_quote(market.ask(request)).await.unwrap();
    let key = Some(retire_offering_request::Key::Id(market.offering_id.clone()));
    let request = RetireOfferingRequest { key, ..Default::default() };
    let mut offerings = OfferingServiceClient::new(channel(market.address));
    let retired = offerings.retire_offering(market.ask(request)).await.unwrap().into_inner();
    market.reach(retired.position).await;
    let approver = market.keys.token("E3000", &[(Role::Approver, "CN")]);
    let refused = market.approve(&approver, &draft.id).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::FailedPrecondition, "LINE_REFUSED".to_owned()));
    assert_eq!(metadata(&refused, "refusal").as_deref(), Some("OFFERING_RETIRED"));
}

#[tokio::test]
async fn quotes_go_on_when_the_catalog_is_back() {
    let mut market = Market::open().await;
    market.catalog.take().unwrap().end();
    let refused = market.quote(&market.admin, "").await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::Unavailable, "UNAVAILABLE".to_owned()));
    assert_eq!(metadata(&refused, "service").as_deref(), Some("product-catalog"));
    market.catalog = Some(serve_catalog(market.address, &market.catalog_database, &market.keys));
    market.reach(0).await;
    // The number shows that nothing was made before.
    assert_eq!(market.quote(&market.admin, "").await.unwrap().version_number, 1);
}
