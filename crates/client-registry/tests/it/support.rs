//! A service of its own for each test.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use guanxi_proto::client_registry::v1::account_manager_service_client::AccountManagerServiceClient;
use guanxi_proto::client_registry::v1::account_service_client::AccountServiceClient;
use guanxi_proto::client_registry::v1::assignment_policy_service_client::AssignmentPolicyServiceClient;
use guanxi_proto::client_registry::v1::assignment_service_client::AssignmentServiceClient;
use guanxi_proto::client_registry::v1::hand_over_service_client::HandOverServiceClient;
use guanxi_proto::client_registry::v1::territory_service_client::TerritoryServiceClient;
use guanxi_proto::client_registry::v1::vacancy_service_client::VacancyServiceClient;
use guanxi_proto::client_registry::v1::*;
use guanxi_proto::r#type::v1::LocalizedText;
use guanxi_test_support::{Keys, Running, Served, TestDatabase};
pub(crate) use guanxi_test_support::{channel, eventually, metadata, number, reason, rows, violations};
use tonic::Status;
use tonic::transport::Channel;

/// A running service. It stops when it is dropped.
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
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create(client_registry::SCHEMA, &client_registry::MIGRATOR).await;
        Self::start_on(database, Keys::new())
    }

    pub(crate) fn start_on(database: TestDatabase, keys: Keys) -> Self {
        Self(Served::new(database, keys, start))
    }

    /// A service with a small tree: CN over 440000 (with city 440300 and county 440305) and 330000 (with city 330100).
    pub(crate) async fn with_tree() -> Self {
        let service = Self::start().await;
        for (code, level, parent) in [
            ("CN", "HEADQUARTERS", ""),
            ("440000", "PROVINCE", "CN"),
            ("440300", "CITY", "440000"),
            ("440305", "COUNTY", "440300"),
            ("330000", "PROVINCE", "CN"),
            ("330100", "CITY", "330000"),
        ] {
            service.territory(code, level, parent).await.unwrap();
        }
        service
    }

    pub(crate) fn territories(&self) -> TerritoryServiceClient<Channel> {
        TerritoryServiceClient::new(self.channel.clone())
    }

    pub(crate) fn accounts(&self) -> AccountServiceClient<Channel> {
        AccountServiceClient::new(self.channel.clone())
    }

    pub(crate) fn managers(&self) -> AccountManagerServiceClient<Channel> {
        AccountManagerServiceClient::new(self.channel.clone())
    }

    pub(crate) fn assignments(&self) -> AssignmentServiceClient<Channel> {
        AssignmentServiceClient::new(self.channel.clone())
    }

    pub(crate) fn hand_overs(&self) -> HandOverServiceClient<Channel> {
        HandOverServiceClient::new(self.channel.clone())
    }

    pub(crate) fn vacancies(&self) -> VacancyServiceClient<Channel> {
        VacancyServiceClient::new(self.channel.clone())
    }

    pub(crate) fn policies(&self) -> AssignmentPolicyServiceClient<Channel> {
        AssignmentPolicyServiceClient::new(self.channel.clone())
    }

    pub(crate) async fn territory(&self, code: &str, level: &str, parent: &str) -> Result<Territory, Status> {
        let territory = Territory {
            code: code.to_owned(),
            name: Some(LocalizedText { zh: format!("区域{code}"), en: String::new() }),
            level: level.to_owned(),
            parent_code: parent.to_owned(),
            ..Default::default()
        };
        let request = CreateTerritoryRequest { territory: Some(territory), request_id: String::new() };
        Ok(self.territories().create_territory(self.as_admin(request)).await?.into_inner().territory.unwrap())
    }

    pub(crate) async fn account(&self, account: Account) -> Result<Account, Status> {
        let request = CreateAccountRequest { account: Some(account), request_id: String::new() };
        Ok(self.accounts().create_account(self.as_admin(request)).await?.into_inner().account.unwrap())
    }

    pub(crate) async fn manager(&self, manager: AccountManager) -> Result<AccountManager, Status> {
        let request = CreateAccountManagerRequest { account_manager: Some(manager), request_id: String::new() };
        let created = self.managers().create_account_manager(self.as_admin(request)).await?.into_inner();
        Ok(created.account_manager.unwrap())
    }

    /// Makes a manager PRIMARY of an account, from today on.
    pub(crate) async fn assign(&self, account_id: &str, account_manager_id: &str) -> Result<Assignment, Status> {
        let request = OpenAssignmentRequest {
            account_id: account_id.to_owned(),
            account_manager_id: account_manager_id.to_owned(),
            role: AssignmentRole::Primary.into(),
            ..Default::default()
        };
        Ok(self.assignments().open_assignment(self.as_admin(request)).await?.into_inner().assignment.unwrap())
    }

    /// Ends an assignment today.
    pub(crate) async fn close(&self, id: &str) -> Result<Assignment, Status> {
        let request = CloseAssignmentRequest { id: id.to_owned(), reason: "调整".to_owned(), ..Default::default() };
        Ok(self.assignments().close_assignment(self.as_admin(request)).await?.into_inner().assignment.unwrap())
    }

    /// Gives an account a manager of its own, in its territory, and makes it ACTIVE.
    pub(crate) async fn activate(&self, account: &Account) -> (Assignment, i64) {
        let number = format!("A{}", &account.id.replace('-', "")[8..]);
        let manager =
            self.manager(AccountManager { grade: 5, ..employee(&number, &account.territory_code) }).await.unwrap();
        let assignment = self.assign(&account.id, &manager.id).await.unwrap();
        let request = ActivateAccountRequest { id: account.id.clone(), ..Default::default() };
        let answer = self.accounts().activate_account(self.as_admin(request)).await.unwrap().into_inner();
        (assignment, answer.position)
    }
}

/// Starts one more process' worth of service on a database.
pub(crate) fn serve(database: &TestDatabase, keys: &Keys) -> (SocketAddr, Running) {
    serve_at(database.service_url(), keys, 512)
}

/// The same on whatever database a URL leads to, for at most so many calls at once.
pub(crate) fn serve_at(database_url: String, keys: &Keys, max_calls: u16) -> (SocketAddr, Running) {
    let running = start(database_url, keys, max_calls);
    (running.address, running)
}

fn start(database_url: String, keys: &Keys, max_calls: u16) -> Running {
    let settings = guanxi_service::Settings {
        grpc: guanxi_grpc::Settings { max_calls, ..keys.settings() },
        database: guanxi_db::Settings { database_url, owner_database_url: None, database_connections: 8 },
        cluster: "test".to_owned(),
    };
    Running::start(async move |listener, stop| Ok(client_registry::serve(&settings, Some(listener), stop).await?))
}

/// An account that is only named and placed.
pub(crate) fn named(name: &str, territory: &str) -> Account {
    Account { legal_name: name.to_owned(), territory_code: territory.to_owned(), ..Default::default() }
}

/// A field manager with everything that one must have.
pub(crate) fn employee(number: &str, territory: &str) -> AccountManager {
    AccountManager {
        employee_number: number.to_owned(),
        name: format!("员工{number}"),
        phone: "+8613800138000".to_owned(),
        territory_code: territory.to_owned(),
        channel: AccountManagerChannel::Field.into(),
        ..Default::default()
    }
}

/// Numbers that are the same in every run (`SplitMix64`).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below another.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let end_wide = u64::try_from(end).unwrap();
        usize::try_from((mixed ^ (mixed >> 31)) % end_wide).unwrap()
    }
}
