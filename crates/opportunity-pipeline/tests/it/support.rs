//! A service of its own for each test, with what the other services would have told it.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use guanxi_auth::Role;
use guanxi_proto::opportunity_pipeline::v1::opportunity_service_client::OpportunityServiceClient;
use guanxi_proto::opportunity_pipeline::v1::quote_service_client::QuoteServiceClient;
use guanxi_proto::opportunity_pipeline::v1::*;
use guanxi_proto::product_catalog::v1::PriceQuoteLine;
use guanxi_proto::r#type::v1::Money;
use guanxi_test_support::contract::{INSIDE, OUTSIDE, Place};
use guanxi_test_support::{Keys, Running, Served, Start, TestDatabase, rows};
pub(crate) use guanxi_test_support::{reason, violations, with_token as with};
use prost_types::FieldMask;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::catalog;

/// Ids of the account managers E1000 and E1001 of the inner county, and E2000 of the outer one.
pub(crate) const E1000: &str = "01990000-0000-7000-8000-000000001000";
pub(crate) const E1001: &str = "01990000-0000-7000-8000-000000001001";
pub(crate) const E2000: &str = "01990000-0000-7000-8000-000000002000";
/// Id of one who has left.
pub(crate) const DEPARTED: &str = "01990000-0000-7000-8000-000000004000";
/// Ids of accounts: one inside, one outside, and one that is deleted.
pub(crate) const ACCOUNT: &str = "01990000-0000-7000-8000-00000000a000";
pub(crate) const ACCOUNT_OUTSIDE: &str = "01990000-0000-7000-8000-00000000b000";
pub(crate) const ACCOUNT_DELETED: &str = "01990000-0000-7000-8000-00000000c000";

/// A running service with a small tree of territories and copies. It stops when it is dropped.
pub(crate) struct Service(Served);

impl Deref for Service {
    type Target = Served;

    fn deref(&self) -> &Served {
        &self.0
    }
}

impl DerefMut for Service {
    fn deref_mut(&mut self) -> &mut Served {
        &mut self.0
    }
}

impl Service {
    /// A service that knows territories, managers, accounts and the offerings MAIL (10 CNY a month and unit), CLOUD (1,000 CNY once)
    /// and ABROAD (50 USD once and unit), as if it had followed the other services.
    pub(crate) async fn start() -> Self {
        Self::start_by(serve).await
    }

    /// The same, where product-catalog is somewhere else.
    pub(crate) async fn start_by(start: Start) -> Self {
        let database = TestDatabase::create(opportunity_pipeline::SCHEMA, &opportunity_pipeline::MIGRATOR).await;
        let mut owner = database.admin().await;
        let mut insert = async |into: &str, row: String| {
            rows(&mut owner, format!("insert into opportunity_pipeline.{into} values ({row})")).await;
        };
        for (code, above, level) in [
            ("CN", "", "HEADQUARTERS"),
            ("440000", "CN/", "PROVINCE"),
            (INSIDE.city, "CN/440000/", "CITY"),
            (INSIDE.county, "CN/440000/440300/", "COUNTY"),
            ("330000", "CN/", "PROVINCE"),
            (OUTSIDE.city, "CN/330000/", "CITY"),
            (OUTSIDE.county, "CN/330000/330100/", "COUNTY"),
        ] {
            insert("territory (code, path, level)", format!("'{code}', '{above}{code}/', '{level}'")).await;
        }
        for (id, number, territory, in_service) in [
            (E1000, "E1000", INSIDE.county, true),
            (E1001, "E1001", INSIDE.county, true),
            (E2000, "E2000", OUTSIDE.county, true),
            (DEPARTED, "E4000", INSIDE.county, false),
        ] {
            let row = format!("'{id}', '{number}', '{territory}', {in_service}, 1");
            insert("account_manager (id, employee_number, territory_code, in_service, version)", row).await;
        }
        for (id, name, territory, deleted) in [
            (ACCOUNT, "深圳样例公司", INSIDE.county, false),
            (ACCOUNT_OUTSIDE, "外地公司", OUTSIDE.county, false),
            (ACCOUNT_DELETED, "已删公司", INSIDE.county, true),
        ] {
            let row = format!("'{id}', '{name}', '{territory}', 'A', 'I65', {deleted}, 1");
            insert("account (id, legal_name, territory_code, tier, industry_code, deleted, version)", row).await;
        }
        for (code, kind, currency, amount, per_unit) in [
            ("MAIL", "MONTHLY", "CNY", "10", true),
            ("CLOUD", "ONE_TIME", "CNY", "1000", false),
            ("ABROAD", "ONE_TIME", "USD", "50", true),
        ] {
            let row = format!("gen_random_uuid(), '{code}', 1, '产品{code}', true, 1");
            insert("offering (id, code, version_number, name_zh, on_sale, version)", row).await;
            let row = format!(
                "gen_random_uuid(), '{code}', '{kind}', '{currency}', {amount}, {per_unit}, '2020-01-01', false, 1"
            );
            let into = "price (id, offering_code, charge_kind, currency_code, amount, per_unit, valid_from_date, deleted, version)";
            insert(into, row).await;
        }
        Self(Served::new(database, Keys::new(), start))
    }

    pub(crate) fn opportunities(&self) -> OpportunityServiceClient<Channel> {
        OpportunityServiceClient::new(self.channel.clone())
    }

    /// A token of an account manager in the inner city.
    pub(crate) fn manager(&self, employee_number: &str) -> String {
        self.keys.token(employee_number, &[(Role::AccountManager, INSIDE.city)])
    }

    pub(crate) async fn opportunity(&self, opportunity: Opportunity) -> Result<Opportunity, Status> {
        let request = CreateOpportunityRequest { opportunity: Some(opportunity), request_id: String::new() };
        Ok(self.opportunities().create_opportunity(self.as_admin(request)).await?.into_inner().opportunity.unwrap())
    }

    pub(crate) fn quotes(&self) -> QuoteServiceClient<Channel> {
        QuoteServiceClient::new(self.channel.clone())
    }

    /// A draft for an opportunity, by somebody.
    pub(crate) async fn quote(&self, token: &str, quote: Quote) -> Result<Quote, Status> {
        let request = CreateQuoteRequest { quote: Some(quote), request_id: String::new() };
        Ok(self.quotes().create_quote(with(request, token)).await?.into_inner().quote.unwrap())
    }

    /// A draft of lines for a new opportunity with an account in a place, by somebody.
    pub(crate) async fn draft(&self, token: &str, place: Place, lines: Vec<PriceQuoteLine>) -> Quote {
        let opportunity_id = self.opportunity(deal("报价", place)).await.unwrap().id;
        self.quote(token, Quote { opportunity_id, lines, ..Default::default() }).await.unwrap()
    }

    pub(crate) async fn submit(&self, token: &str, id: &str) -> Result<Quote, Status> {
        let request = SubmitQuoteRequest { id: id.to_owned(), ..Default::default() };
        Ok(self.quotes().submit_quote(with(request, token)).await?.into_inner().quote.unwrap())
    }

    pub(crate) async fn approve(&self, token: &str, id: &str) -> Result<Quote, Status> {
        let request = ApproveQuoteRequest { id: id.to_owned(), ..Default::default() };
        Ok(self.quotes().approve_quote(with(request, token)).await?.into_inner().quote.unwrap())
    }

    pub(crate) async fn accept(&self, token: &str, id: &str) -> Result<Quote, Status> {
        let request = AcceptQuoteRequest { id: id.to_owned(), ..Default::default() };
        Ok(self.quotes().accept_quote(with(request, token)).await?.into_inner().quote.unwrap())
    }

    pub(crate) async fn quote_of(&self, id: &str) -> Quote {
        let request = GetQuoteRequest { id: id.to_owned() };
        self.quotes().get_quote(self.as_admin(request)).await.unwrap().into_inner().quote.unwrap()
    }

    /// A token of E1001, who supports opportunities and decides on nothing.
    pub(crate) fn supporter(&self) -> String {
        self.keys.token("E1001", &[(Role::SupportManager, "CN")])
    }

    pub(crate) async fn update(&self, opportunity: Opportunity, paths: &[&str]) -> Result<Opportunity, Status> {
        let update_mask = Some(FieldMask { paths: paths.iter().map(|&path| path.to_owned()).collect() });
        let opportunity = Some(Opportunity { etag: String::new(), ..opportunity });
        let request = UpdateOpportunityRequest { opportunity, update_mask, request_id: String::new() };
        Ok(self.opportunities().update_opportunity(self.as_admin(request)).await?.into_inner().opportunity.unwrap())
    }
}

/// Starts a process' worth of service on the database of a URL.
pub(crate) fn serve(database_url: String, keys: &Keys, max_calls: u16) -> Running {
    serve_beside(catalog::address(), database_url, keys, max_calls)
}

/// The same, where product-catalog is at an address.
pub(crate) fn serve_beside(catalog: SocketAddr, database_url: String, keys: &Keys, max_calls: u16) -> Running {
    let service = guanxi_service::Settings {
        grpc: guanxi_grpc::Settings { max_calls, ..keys.settings() },
        database: guanxi_db::Settings { database_url, owner_database_url: None, database_connections: 8 },
        cluster: "test".to_owned(),
    };
    let key = keys.folder().join("opportunity-pipeline.pem");
    // A process that starts again has the key that it had.
    let service_key = Some(if key.exists() { key } else { keys.of_service("opportunity-pipeline") });
    let peers = guanxi_service::peers::Settings { service_key, ..Default::default() };
    let settings =
        opportunity_pipeline::Settings { service, peers, product_catalog: Some(format!("http://{catalog}")) };
    Running::start(async move |listener, stop| Ok(opportunity_pipeline::serve(&settings, Some(listener), stop).await?))
}

/// An opportunity of E1000, or of E2000 outside, with nothing else.
pub(crate) fn opportunity(title: &str, place: Place) -> Opportunity {
    Opportunity { title: title.to_owned(), owner_id: owner_at(place).to_owned(), ..Default::default() }
}

/// The same with an account, and E1001 to support it.
pub(crate) fn deal(title: &str, place: Place) -> Opportunity {
    let account = if place == INSIDE { ACCOUNT } else { ACCOUNT_OUTSIDE };
    let supporter = OpportunityTeamMember { account_manager_id: E1001.to_owned(), role: 3, ..Default::default() };
    Opportunity { account_id: account.to_owned(), team: vec![supporter], ..opportunity(title, place) }
}

/// A line of a quote.
pub(crate) fn offer(offering_code: &str, quantity: i64) -> PriceQuoteLine {
    PriceQuoteLine { offering_code: offering_code.to_owned(), quantity, ..Default::default() }
}

/// Who owns things in a place.
pub(crate) fn owner_at(place: Place) -> &'static str {
    if place == INSIDE { E1000 } else { E2000 }
}

/// So much money.
pub(crate) fn money(amount: &str, currency_code: &str) -> Money {
    Money { amount: amount.to_owned(), currency_code: currency_code.to_owned() }
}

/// A line of so many of an offering.
pub(crate) fn line(offering_code: &str, quantity: i64) -> OpportunityLine {
    OpportunityLine { offering_code: offering_code.to_owned(), quantity, ..Default::default() }
}

/// Code and reason of a refusal.
pub(crate) fn refusal(status: &Status) -> (Code, String) {
    (status.code(), reason(status))
}

/// Fields and reasons as violations are compared.
pub(crate) fn named(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(field, reason)| ((*field).to_owned(), (*reason).to_owned())).collect()
}
