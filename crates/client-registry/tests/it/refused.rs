//! What is checked of every refusal, and the world that the wrong requests are made in.

use guanxi_auth::Role;
use guanxi_proto::DESCRIPTOR_POOL;
use guanxi_proto::client_registry::v1::*;
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, PgConnection};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::{Service, employee, named, reason, violations};
use crate::wire::{self, Caller};

/// Words that only the inside of the service knows.
const INTERNAL: [&str; 15] = [
    "sqlx",
    "select ",
    "insert into",
    "panicked",
    "unwrap",
    "client_registry.account",
    "client_registry.territory",
    "client_registry.event",
    "relation \"",
    "constraint",
    "_pkey",
    "_fkey",
    "postgres",
    "prost",
    "hyper",
];

/// An id that nobody has.
pub(crate) const NOBODY: &str = "0192f0c1-2345-7abc-8def-0123456789ab";

/// A request that is refused, and how.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    pub(crate) code: Code,
    pub(crate) reason: &'static str,
    /// Field and reason of each violation, in order.
    pub(crate) fields: Vec<(String, &'static str)>,
    requests: Vec<Json>,
    director: bool,
}

/// An account that is right but for the given fields.
pub(crate) fn account(mut fields: Json) -> Json {
    let object = fields.as_object_mut().unwrap();
    object.entry("legalName").or_insert_with(|| json!("样例科技有限公司"));
    object.entry("territoryCode").or_insert_with(|| json!("440305"));
    json!({ "account": fields })
}

/// A request with wrong fields.
pub(crate) fn fields(name: &'static str, method: &'static str, request: Json, wrong: &[(&str, &'static str)]) -> Case {
    let case = refusal(name, method, request, Code::InvalidArgument, "FIELDS_INVALID");
    Case { fields: wrong.iter().map(|(field, reason)| ((*field).to_owned(), *reason)).collect(), ..case }
}

/// A request that does not pass these gates, each about something.
pub(crate) fn unmet(name: &'static str, method: &'static str, request: Json, gates: &[(&str, &'static str)]) -> Case {
    let case = fields(name, method, request, gates);
    Case { code: Code::FailedPrecondition, reason: gates[0].1, ..case }
}

/// A request that is refused as a whole.
pub(crate) fn refusal(
    name: &'static str,
    method: &'static str,
    request: Json,
    code: Code,
    reason: &'static str,
) -> Case {
    Case { name, method, code, reason, fields: Vec::new(), requests: vec![request], director: false }
}

impl Case {
    /// Made by the director of 440300 instead of the administrator.
    pub(crate) fn by_director(self) -> Self {
        Self { director: true, ..self }
    }

    /// A further message of the stream.
    pub(crate) fn then(mut self, request: Json) -> Self {
        self.requests.push(request);
        self
    }
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

/// Makes the request of every case in both languages.
pub(crate) async fn check(world: &World, cases: Vec<Case>) {
    let service = world.service();
    let director = service.token(Role::Director, "440300");
    let mut connection = service.database.admin().await;
    let before = contents(&mut connection).await;
    for case in cases {
        let context = format!("{}: {}", case.method, case.name);
        let token = if case.director { &director } else { &service.admin };
        for (header, tag) in [(None, "zh-CN"), (Some("en-GB, fr;q=0.5"), "en")] {
            let caller = Caller { language: header, ..Caller::with(token) };
            let outcome = wire::call(&service.channel, caller, &wire::method(case.method), &case.requests).await;
            let status = outcome.map(|answers| panic!("{context} was answered: {answers:?}")).unwrap_err();
            assert_eq!((status.code(), reason(&status).as_str()), (case.code, case.reason), "{context}: {status:?}");
            let expected: Vec<_> =
                case.fields.iter().map(|(field, reason)| (field.clone(), (*reason).to_owned())).collect();
            let wrong = if expected.is_empty() { Vec::new() } else { violations(&status) };
            assert_eq!(wrong, expected, "{context}");
            check_refusal(&context, &status, tag);
        }
        assert_eq!(contents(&mut connection).await, before, "{context} changed something");
    }
}

/// What holds for every refusal: a published reason, texts in the caller's language that say everything, and nothing from inside.
pub(crate) fn check_refusal(context: &str, status: &Status, tag: &str) {
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert!(is_published(&info.domain, &info.reason), "{context}: {}/{} is not published", info.domain, info.reason);
    let said = details.localized_message().unwrap_or_else(|| panic!("{context}: no text in the caller's language"));
    let mut localized = vec![(said.locale.clone(), said.message.clone())];
    let mut texts = vec![status.message().to_owned()];
    for violation in details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default() {
        assert!(!violation.field.is_empty(), "{context}: a violation of no field");
        let published = ["guanxi.errors.v1", "guanxi.client_registry.v1"]
            .iter()
            .any(|domain| is_published(domain, &violation.reason));
        assert!(published, "{context}: {} is not published", violation.reason);
        let said = violation.localized_message.unwrap();
        localized.push((said.locale, said.message));
        texts.push(violation.description);
    }
    for unmet in details.precondition_failure().map(|failure| failure.violations.clone()).unwrap_or_default() {
        assert!(is_published("guanxi.client_registry.v1", &unmet.r#type), "{context}: {}", unmet.r#type);
        assert!(!unmet.subject.is_empty(), "{context}: what is unmet has no subject");
        localized.push((tag.to_owned(), unmet.description));
    }
    for (locale, text) in &localized {
        assert_eq!(locale, tag, "{context}: {text}");
        check_text(context, text, tag);
    }
    texts.extend(info.metadata.iter().filter(|(name, _)| *name != "method").map(|(_, value)| value.clone()));
    for text in &texts {
        check_inside(context, text);
    }
}

/// What holds for a text that people read: it is in their language, says everything, and tells nothing from inside.
pub(crate) fn check_text(context: &str, text: &str, tag: &str) {
    let chinese = text.chars().any(|character| matches!(character, '。' | '，' | '：'));
    assert_eq!(chinese, tag == "zh-CN", "{context}: not in {tag}: {text}");
    check_inside(context, text);
}

fn check_inside(context: &str, text: &str) {
    assert!(!has_hole(text), "{context}: a text with a hole: {text}");
    let lower = text.to_lowercase();
    for word in INTERNAL {
        assert!(!lower.contains(word), "{context} tells {word}: {text}");
    }
}

/// True where `{name}` was not replaced.
fn has_hole(text: &str) -> bool {
    let holes = text.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    holes
        .into_iter()
        .any(|(name, _)| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

/// True for a value of the `ErrorReason` of a package, but for the one that is never sent.
pub(crate) fn is_published(package: &str, reason: &str) -> bool {
    let published = DESCRIPTOR_POOL.get_enum_by_name(&format!("{package}.ErrorReason"));
    let value = published.and_then(|published| published.get_value_by_name(&format!("ERROR_REASON_{reason}")));
    value.is_some_and(|value| value.number() != 0)
}

/// What is in the tables: their names, the numbers of rows, digests of everything.
#[expect(clippy::disallowed_methods, reason = "the names of the tables are read from the database")]
pub(crate) async fn contents(connection: &mut PgConnection) -> Vec<(String, i64, String)> {
    let tables: Vec<String> =
        sqlx::query_scalar("select tablename::text from pg_tables where schemaname = 'client_registry' order by 1")
            .fetch_all(&mut *connection)
            .await
            .unwrap();
    let mut contents = Vec::new();
    for table in tables {
        let statement = format!(
            "select count(*), coalesce(md5(string_agg(t::text, ' ' order by t::text)), '') from client_registry.{table} t"
        );
        let (rows, digest) = sqlx::query_as(AssertSqlSafe(statement)).fetch_one(&mut *connection).await.unwrap();
        contents.push((table, rows, digest));
    }
    contents
}
