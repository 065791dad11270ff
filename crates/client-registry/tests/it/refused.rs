//! The world that the wrong requests are made in.

use guanxi_proto::client_registry::v1::*;
pub(crate) use guanxi_test_support::contract::refused::{
    Case, NOBODY, check, check_refusal, check_text, fields, is_published, refusal, unmet,
};
use serde_json::{Value as Json, json};

use crate::support::{Service, employee, named};
use crate::wire::{self, Caller};

/// An account that is right but for the given fields.
pub(crate) fn account(mut fields: Json) -> Json {
    let object = fields.as_object_mut().unwrap();
    object.entry("legalName").or_insert_with(|| json!("样例科技有限公司"));
    object.entry("territoryCode").or_insert_with(|| json!("440305"));
    json!({ "account": fields })
}

/// A service in which something has happened that requests can be wrong about.
#[derive(Default)]
pub(crate) struct World {
    service: Option<Service>,
    /// A prospect in 440305 with [`World::CREDIT_CODE`] and the external id boss 1.
    pub(crate) known: String,
    /// An active account in 440305 of tier A, since today.
    pub(crate) active: String,
    /// An account in 440305 with a subsidiary.
    pub(crate) parent: String,
    /// A deleted account in 440305.
    pub(crate) deleted: String,
    /// A deleted account under it.
    pub(crate) deleted_child: String,
    /// An account in 330100.
    pub(crate) outside: String,
    /// Ten accounts in 440305, each under the one before.
    pub(crate) chain: Vec<String>,
    /// PRIMARY of the active account: FIELD, grade 5, in 440305.
    pub(crate) manager: String,
    /// That assignment.
    pub(crate) assignment: String,
    /// A FIELD manager of grade 1 in 440305, who is PRIMARY of nobody.
    pub(crate) junior: String,
    /// An INDUSTRY manager of 63 in 330100 with as many accounts as the policy allows: one.
    pub(crate) full: String,
    /// A manager in 440305 who departed.
    pub(crate) departed: String,
    /// A manager in 330100.
    pub(crate) manager_outside: String,
    /// A prospect in 440305 of tier C, which had a PRIMARY from 2026-01-01 to 2026-03-01.
    pub(crate) small: String,
    /// That assignment.
    pub(crate) closed: String,
    /// Of a request that was answered.
    pub(crate) request_id: String,
    /// Of a request for a territory that was answered.
    pub(crate) territory_request_id: String,
    /// Of an import that was begun.
    pub(crate) import_id: String,
    /// Of the second page of a list of accounts with a filter.
    pub(crate) page_token: String,
}

impl World {
    pub(crate) const CREDIT_CODE: &str = "91110000600037341L";

    pub(crate) async fn start() -> Self {
        let service = Service::with_tree().await;
        let account = async |name: &str, parent: &str| {
            let account = Account { parent_account_id: parent.to_owned(), ..named(name, "440305") };
            service.account(account).await.unwrap().id
        };
        let known = Account {
            credit_code: Self::CREDIT_CODE.to_owned(),
            external_ids: vec![ExternalId { system: "boss".to_owned(), value: "1".to_owned() }],
            ..named("已知样例公司", "440305")
        };
        let mut world = Self {
            known: service.account(known).await.unwrap().id,
            active: account("在网样例公司", "").await,
            parent: account("上级样例公司", "").await,
            deleted: account("已删样例公司", "").await,
            outside: service.account(named("外地样例公司", "330100")).await.unwrap().id,
            chain: vec![account("第一层", "").await],
            request_id: uuid::Uuid::now_v7().to_string(),
            territory_request_id: uuid::Uuid::now_v7().to_string(),
            import_id: uuid::Uuid::now_v7().to_string(),
            ..Self::default()
        };
        account("下级样例公司", &world.parent).await;
        world.deleted_child = account("已删下级公司", &world.deleted).await;
        for level in 2..=10 {
            world.chain.push(account(&format!("第{level}层"), world.chain.last().unwrap()).await);
        }
        world.staff(&service).await;
        world.service = Some(service);
        world.happen().await;
        world
    }

    /// Managers, and who looks after what.
    async fn staff(&mut self, service: &Service) {
        let manager = async |number: &str, territory: &str, grade: i32| {
            service.manager(AccountManager { grade, ..employee(number, territory) }).await.unwrap().id
        };
        self.manager = manager("E1", "440305", 5).await;
        self.junior = manager("E2", "440305", 1).await;
        self.departed = manager("E3", "440305", 3).await;
        self.manager_outside = manager("E4", "330100", 3).await;
        let industry = AccountManager {
            channel: AccountManagerChannel::Industry.into(),
            industry_codes: vec!["63".to_owned()],
            ..employee("E5", "330100")
        };
        self.full = service.manager(industry).await.unwrap().id;
        self.assignment = service.assign(&self.active, &self.manager).await.unwrap().id;
        service.assign(&self.outside, &self.full).await.unwrap();
        self.small = service.account(named("小型样例公司", "440305")).await.unwrap().id;
        let request = OpenAssignmentRequest {
            account_id: self.small.clone(),
            account_manager_id: self.manager.clone(),
            role: AssignmentRole::Primary.into(),
            start_date: "2026-01-01".to_owned(),
            ..Default::default()
        };
        let opened = service.assignments().open_assignment(service.as_admin(request)).await.unwrap().into_inner();
        self.closed = opened.assignment.unwrap().id;
    }

    /// A world without a service, for reading what cases expect.
    pub(crate) fn of_words() -> Self {
        Self { chain: vec![String::new(); 10], ..Self::default() }
    }

    /// What happens to the accounts before the wrong requests.
    async fn happen(&mut self) {
        let answer =
            self.ask("AccountService/ListAccounts", json!({"pageSize": 2, "filter": "public_sector = false"})).await;
        answer["nextPageToken"].as_str().unwrap().clone_into(&mut self.page_token);
        let territory = json!({"code": "440307", "name": {"zh": "龙岗区"}, "level": "COUNTY", "parentCode": "440300"});
        let manager = json!({
            "employeeNumber": "E2001", "name": "王小明", "phone": "+8613800138000", "territoryCode": "440307",
            "channel": "ACCOUNT_MANAGER_CHANNEL_FIELD",
        });
        for (method, request) in [
            ("AccountService/DeleteAccount", json!({"id": self.deleted_child})),
            ("AccountService/DeleteAccount", json!({"id": self.deleted})),
            ("AccountService/ActivateAccount", json!({"id": self.active})),
            (
                "AssignmentService/CloseAssignment",
                json!({"id": self.closed, "reason": "调岗", "endDate": "2026-03-01"}),
            ),
            ("AccountService/SetAccountTier", json!({"id": self.small, "tier": "TIER_C", "reason": "小型"})),
            ("AccountManagerService/DepartAccountManager", json!({"id": self.departed, "reason": "离职"})),
            ("AssignmentPolicyService/UpdateAssignmentPolicy", json!({"assignmentPolicy": {"industryMaxAccounts": 1}})),
            ("AccountService/SetAccountTier", json!({"id": self.active, "tier": "TIER_A", "reason": "重点"})),
            (
                "AccountService/CreateAccount",
                json!({"account": {"legalName": "曾用编号公司", "territoryCode": "440305"}, "requestId": self.request_id}),
            ),
            ("AccountService/ImportAccounts", json!({"options": {"importId": self.import_id}})),
            (
                "TerritoryService/CreateTerritory",
                json!({"territory": territory, "requestId": self.territory_request_id}),
            ),
            ("AccountManagerService/CreateAccountManager", json!({"accountManager": manager})),
        ] {
            self.ask(method, request).await;
        }
    }

    async fn ask(&self, method: &str, request: Json) -> Json {
        let service = self.service();
        let answers = wire::call(&service.channel, Caller::with(&service.admin), &wire::method(method), &[request])
            .await
            .unwrap();
        serde_json::to_value(&answers[0]).unwrap()
    }

    pub(crate) fn service(&self) -> &Service {
        self.service.as_ref().unwrap()
    }
}
