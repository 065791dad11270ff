//! A service of its own for each test.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::account_manager_service_client::AccountManagerServiceClient;
use guanxi_proto::client_registry::v1::account_service_client::AccountServiceClient;
use guanxi_proto::client_registry::v1::assignment_policy_service_client::AssignmentPolicyServiceClient;
use guanxi_proto::client_registry::v1::assignment_service_client::AssignmentServiceClient;
use guanxi_proto::client_registry::v1::hand_over_service_client::HandOverServiceClient;
use guanxi_proto::client_registry::v1::territory_service_client::TerritoryServiceClient;
use guanxi_proto::client_registry::v1::vacancy_service_client::VacancyServiceClient;
use guanxi_proto::client_registry::v1::*;
use guanxi_proto::events::v1::change_service_client::ChangeServiceClient;
use guanxi_proto::events::v1::event_feed_service_client::EventFeedServiceClient;
use guanxi_proto::r#type::v1::LocalizedText;
use guanxi_test_support::{Keys, Running, TestDatabase, with_token};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_types::StatusExt;

/// A running service. It stops when it is dropped.
pub(crate) struct Service {
    pub(crate) database: TestDatabase,
    pub(crate) keys: Keys,
    pub(crate) address: SocketAddr,
    pub(crate) channel: Channel,
    pub(crate) admin: String,
    running: Option<Running>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create(client_registry::SCHEMA, &client_registry::MIGRATOR).await;
        Self::start_on(database, Keys::new())
    }

    pub(crate) fn start_on(database: TestDatabase, keys: Keys) -> Self {
        let (address, running) = serve(&database, &keys);
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        let admin = keys.token("E0001", &[(Role::Administrator, "*")]);
        Self { database, keys, address, channel, admin, running: Some(running) }
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

    pub(crate) fn as_admin<T>(&self, message: T) -> Request<T> {
        with_token(message, &self.admin)
    }

    pub(crate) fn token(&self, role: Role, territory: &str) -> String {
        self.keys.token("E1000", &[(role, territory)])
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

    pub(crate) fn feed(&self) -> EventFeedServiceClient<Channel> {
        EventFeedServiceClient::new(self.channel.clone())
    }

    pub(crate) fn changes(&self) -> ChangeServiceClient<Channel> {
        ChangeServiceClient::new(self.channel.clone())
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

    /// Stops as SIGTERM would: calls under way are still answered.
    pub(crate) fn stop(&mut self) {
        drop(self.running.take());
    }

    /// Stops, and starts again on the same database.
    pub(crate) fn restart(&mut self) {
        self.stop();
        let (address, running) = serve(&self.database, &self.keys);
        self.address = address;
        self.channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        self.running = Some(running);
    }
}

/// Starts one more process' worth of service on a database.
pub(crate) fn serve(database: &TestDatabase, keys: &Keys) -> (SocketAddr, Running) {
    serve_at(database.service_url(), keys, 512)
}

/// The same on whatever database a URL leads to, for at most so many calls at once.
pub(crate) fn serve_at(database_url: String, keys: &Keys, max_calls: u16) -> (SocketAddr, Running) {
    let settings = guanxi_service::Settings {
        grpc: guanxi_grpc::Settings { max_calls, ..keys.settings() },
        database: guanxi_db::Settings { database_url, owner_database_url: None, database_connections: 8 },
        cluster: "test".to_owned(),
    };
    let running =
        Running::start(async move |listener, stop| Ok(client_registry::serve(&settings, Some(listener), stop).await?));
    (running.address, running)
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

/// The reason of a refusal.
pub(crate) fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}")).reason.clone()
}

/// Field and reason of every violation, be it of a field or of a precondition.
pub(crate) fn violations(status: &Status) -> Vec<(String, String)> {
    let details = status.get_error_details();
    if let Some(unmet) = details.precondition_failure() {
        return unmet.violations.iter().map(|unmet| (unmet.subject.clone(), unmet.r#type.clone())).collect();
    }
    let violations = &details.bad_request().unwrap_or_else(|| panic!("no BadRequest: {status:?}")).field_violations;
    violations.iter().map(|violation| (violation.field.clone(), violation.reason.clone())).collect()
}

/// A value of the metadata of a refusal.
pub(crate) fn metadata(status: &Status, name: &str) -> Option<String> {
    status.get_error_details().error_info()?.metadata.get(name).cloned()
}

/// A channel to a service that was started beside [`Service`].
pub(crate) fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

/// The rows of a statement with which a test looks for itself.
pub(crate) async fn rows(connection: &mut PgConnection, sql: impl Into<String>) -> Vec<PgRow> {
    let sql = sql.into();
    let outcome = sqlx::raw_sql(AssertSqlSafe(sql.clone())).fetch_all(connection).await;
    outcome.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// The number that a statement gives.
pub(crate) async fn number(connection: &mut PgConnection, sql: impl Into<String>) -> i64 {
    rows(connection, sql).await[0].get(0)
}

/// Asks again until the answer is yes.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
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
