//! Answers that show many things: none shows anything that lies outside the caller's territories, whatever moved in or out before.

use std::collections::BTreeSet;

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::*;
use guanxi_proto::r#type::v1::LocalizedText;
use guanxi_test_support::contract::shown::{self, Text};
use prost_reflect::DynamicMessage;
use serde_json::{Value as Json, json};

use crate::support::{Service, employee, named, reason};
use crate::wire::{self, Caller};

/// Codes that a caller of 440300 does not see: above, beside, and what moved there.
const CODES_OUTSIDE: [&str; 6] = ["CN", "440000", "330000", "330100", "330106", "440306"];
/// Every name that something has outside, and has not inside, begins with this.
const OUTSIDE_NAME: &str = "外地";
const CREDIT_CODE: &str = "91110000600037341L";

/// Accounts and territories inside and outside 440300, related and moved across its border in every way.
struct World {
    service: Service,
    /// Ids of accounts that are inside.
    inside: Vec<String>,
    /// Ids of account managers that are inside.
    managers: Vec<String>,
    /// Ids of what is outside.
    outside: Vec<String>,
    /// Ids of assignments that are inside.
    assignments: Vec<String>,
    /// Ids of hand-overs that are inside.
    hand_overs: Vec<String>,
    /// Id of the assignment of the account that left.
    left_assignment: String,
    /// Id of an account that was inside: events of that time show it, nothing else does.
    left: String,
    /// Id of a territory that was inside: the last that shows of it is that it left.
    left_territory: String,
}

impl World {
    async fn start() -> Self {
        let service = Service::with_tree().await;
        for (code, parent) in [("330106", "330100"), ("330107", "330100"), ("440306", "440300")] {
            service.territory(code, "COUNTY", parent).await.unwrap();
        }
        let mut territories = Vec::new();
        for code in CODES_OUTSIDE {
            territories.push(rename_territory(&service, code).await);
        }
        let account = async |name: &str, territory_code: &str, parent: &str| {
            let account = Account { parent_account_id: parent.to_owned(), ..named(name, territory_code) };
            service.account(account).await.unwrap().id
        };
        let top = service
            .account(Account { credit_code: CREDIT_CODE.to_owned(), ..named("外地集团", "330100") })
            .await
            .unwrap()
            .id;
        let head = account("样例总部", "440300", &top).await;
        let branch = account("样例支公司", "440305", &head).await;
        let branch_outside = account("外地支公司", "330106", &head).await;
        let above = account("外地省公司", "440000", &branch).await;
        let left = account("样例迁出公司", "440305", &head).await;
        let child_of_left = account("样例留守公司", "440305", &left).await;
        let came = account("样例迁入公司", "330106", &top).await;
        // Their counties cross the border, and they go along or get away before.
        let went_along = account("样例随迁公司", "440306", &head).await;
        let came_along = account("样例随入公司", "330107", &head).await;
        let escaped = account("样例先走公司", "440306", &went_along).await;
        let deleted = account("样例已删公司", "440305", &top).await;

        let first_manager = service.manager(employee("E9000", "440305")).await.unwrap().id;
        let left_assignment = service.assign(&left, &first_manager).await.unwrap().id;
        update(&service, &escaped, "样例先走公司", "440305").await;
        move_territory(&service, "330107", "440300").await;
        move_territory(&service, "440306", "330100").await;
        update(&service, &left, "外地迁出公司", "330106").await;
        update(&service, &left, "外地改名公司", "330106").await;
        update(&service, &went_along, "外地随迁公司", "440306").await;
        // What it was called outside is nobody's business inside.
        update(&service, &came, "外地曾用名", "330106").await;
        update(&service, &came, "样例迁入公司", "330106").await;
        update(&service, &came, "样例迁入公司", "440305").await;
        for id in [&deleted, &above] {
            let request = DeleteAccountRequest { id: id.clone(), ..Default::default() };
            service.accounts().delete_account(service.as_admin(request)).await.unwrap();
        }
        let Staff { managers, assignments, hand_overs, outside } =
            Staff::of(&service, [&branch, &came, &child_of_left], [&branch_outside, &top]).await;
        let left_territory = territories.pop().unwrap();
        Self {
            service,
            inside: vec![head, branch, child_of_left, came, came_along, escaped, deleted],
            managers,
            outside: [vec![top, branch_outside, above, went_along], outside, territories].concat(),
            assignments,
            hand_overs,
            left_assignment,
            left,
            left_territory,
        }
    }

    /// What reads may be asked for about who looks after what.
    fn requests_about_assignments(&self) -> Vec<(&'static str, Vec<Json>)> {
        let gets = |ids: &[String]| ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>();
        let pages = || vec![json!({"withTotal": true}), json!({"territoryCode": "440300", "pageSize": 1})];
        vec![
            ("AssignmentService/GetAssignment", gets(&self.assignments)),
            ("AssignmentService/ListAssignments", [pages(), vec![json!({"filter": "state = OPEN"})]].concat()),
            ("AssignmentService/FindResponsible", self.inside.iter().map(|id| json!({ "accountId": id })).collect()),
            ("AssignmentPolicyService/GetAssignmentPolicy", vec![json!({})]),
            ("HandOverService/GetHandOver", gets(&self.hand_overs)),
            ("HandOverService/ListHandOvers", pages()),
            ("VacancyService/ListVacantAccounts", pages()),
            (
                "VacancyService/SuggestAssignments",
                vec![json!({"territoryCode": "440300"}), json!({"accountManagerId": self.managers[0]})],
            ),
        ]
    }

    /// The histories that may be asked for.
    fn histories(&self) -> Vec<Json> {
        let nouns = [
            ("account", &self.inside),
            ("account_manager", &self.managers),
            ("assignment", &self.assignments),
            ("hand_over", &self.hand_overs),
        ];
        nouns.into_iter().flat_map(|(noun, ids)| ids.iter().map(move |id| change(noun, id))).collect()
    }

    /// Everything that a read may be asked for.
    fn requests(&self) -> Vec<(&'static str, Vec<Json>)> {
        let each = |request: fn(&String) -> Json| self.inside.iter().map(request).collect::<Vec<_>>();
        let managers = |request: fn(&String) -> Json| self.managers.iter().map(request).collect::<Vec<_>>();
        let ids: Vec<&String> = self.inside.iter().chain(&self.outside).chain([&self.left]).collect();
        let searches = ["公司", "外地公司", "样例", "外地", "支公司", "集团", "曾用名"]
            .map(|query| json!({"query": query, "pageSize": 50, "showDeleted": true}));
        let others = vec![
            ("AccountService/GetAccount", each(|id| json!({ "id": id }))),
            ("AccountService/BatchGetAccounts", vec![json!({ "ids": ids })]),
            (
                "AccountService/ListAccounts",
                vec![
                    json!({"showDeleted": true, "withTotal": true}),
                    json!({"showDeleted": true, "pageSize": 2}),
                    json!({"orderBy": "territory", "showDeleted": true, "pageSize": 1}),
                    json!({"territoryCode": "440305"}),
                    json!({"filter": "legal_name = 外地*", "showDeleted": true}),
                ],
            ),
            ("AccountService/SearchAccounts", searches.to_vec()),
            ("AccountService/ListAccountTierPeriods", each(|id| json!({ "accountId": id }))),
            ("AccountService/GetAccountTree", self.inside.iter().take(6).map(|id| json!({ "id": id })).collect()),
            ("AccountService/ExportAccounts", vec![json!({"showDeleted": true}), json!({"territoryCode": "440300"})]),
            ("AccountManagerService/GetAccountManager", managers(|id| json!({ "id": id }))),
            (
                "AccountManagerService/ListAccountManagers",
                vec![
                    json!({"showDeleted": true, "withTotal": true}),
                    json!({"territoryCode": "440300", "pageSize": 1}),
                ],
            ),
            (
                "TerritoryService/GetTerritory",
                ["440300", "440305", "330107"].map(|code| json!({ "code": code })).to_vec(),
            ),
            (
                "TerritoryService/ListTerritories",
                vec![json!({"withTotal": true}), json!({"underCode": "440300", "pageSize": 1})],
            ),
            ("TerritoryService/ListTerritoryLevels", vec![json!({})]),
            ("EventFeedService/Follow", vec![json!({}), json!({"types": ["guanxi.client_registry.v1.territory.*"]})]),
            ("EventFeedService/GetFeedHead", vec![json!({})]),
            ("ChangeService/ListChanges", self.histories()),
            ("IdentityService/WhoAmI", vec![json!({})]),
            ("IdentityService/ListRoles", vec![json!({})]),
            ("AccountService/ImportAccounts", vec![self.import()]),
            (
                "TerritoryService/ImportTerritories",
                vec![json!({"options": {"importId": uuid::Uuid::now_v7(), "dryRun": true}})],
            ),
        ];
        [others, self.requests_about_assignments()].concat()
    }

    /// Rows that touch what is outside in every way.
    fn import(&self) -> Json {
        let accounts = [
            json!({"creditCode": CREDIT_CODE, "shortName": "新"}),
            json!({"id": self.inside[0], "creditCode": CREDIT_CODE}),
            json!({"id": self.inside[0], "shortName": "新"}),
        ];
        let rows: Vec<Json> = accounts
            .iter()
            .zip(1..)
            .map(|(account, number)| json!({"rowNumber": number, "account": account}))
            .collect();
        json!({"options": {"importId": uuid::Uuid::now_v7(), "mode": "IMPORT_MODE_REPORT_DIFFERENCES"}, "rows": rows})
    }

    async fn pages(&self, token: &str, name: &str, request: &Json) -> Vec<DynamicMessage> {
        shown::pages(&self.service, token, name, request).await
    }

    /// What a text tells of something outside.
    fn tells(&self, text: &Text<'_>) -> Option<String> {
        if text.field == "subject" && text.text == format!("territory/{}", self.left_territory) {
            return None;
        }
        let left = || [&self.left, &self.left_assignment].into_iter().find(|id| text.text.contains(*id)).cloned();
        self.told(text.text).or_else(|| if text.past { None } else { left() })
    }

    /// What of the world outside a text tells.
    fn told(&self, text: &str) -> Option<String> {
        let mut ids = self.outside.iter().chain([&self.left_territory]).map(String::as_str).chain([OUTSIDE_NAME]);
        let codes: BTreeSet<&str> =
            text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_').collect();
        let id = ids.find(|id| text.contains(id));
        id.or_else(|| CODES_OUTSIDE.into_iter().find(|code| codes.contains(code))).map(str::to_owned)
    }
}

fn change(noun: &str, id: &str) -> Json {
    json!({"subject": format!("{noun}/{id}"), "pageSize": 1})
}

/// Managers, and what they look after.
struct Staff {
    managers: Vec<String>,
    assignments: Vec<String>,
    hand_overs: Vec<String>,
    /// Ids of managers and assignments outside.
    outside: Vec<String>,
}

impl Staff {
    async fn of(service: &Service, inside: [&String; 3], outside: [&String; 2]) -> Self {
        let ([branch, came, child_of_left], [branch_outside, top]) = (inside, outside);
        let mut managers = Vec::new();
        for (number, territory_code) in [("E9001", "440305"), ("E9002", "330106"), ("E9003", "330106"), ("E9009", "CN")]
        {
            managers.push(service.manager(employee(number, territory_code)).await.unwrap().id);
        }
        let (everywhere, manager_outside) = (managers.pop().unwrap(), managers.pop().unwrap());
        let came_manager =
            AccountManager { id: managers[1].clone(), territory_code: "440305".to_owned(), ..Default::default() };
        let request = UpdateAccountManagerRequest { account_manager: Some(came_manager), ..Default::default() };
        service.managers().update_account_manager(service.as_admin(request)).await.unwrap();
        let assigned = async |account: &str, manager: &str| service.assign(account, manager).await.unwrap().id;
        let closed = assigned(branch, &managers[1]).await;
        service.close(&closed).await.unwrap();
        let assignments = vec![closed, assigned(came, &managers[1]).await, assigned(branch, &managers[0]).await];
        let assignment_outside = assigned(branch_outside, &manager_outside).await;
        assigned(top, &everywhere).await;
        let hand_overs = vec![service.hand_over(came, &managers[0], "").await.unwrap().hand_over_id];
        // One across the border: inside it is an id that leads nowhere.
        transfer(service, &[(child_of_left, &everywhere), (branch_outside, &everywhere)]).await;
        for account in [came, branch_outside] {
            let request = ActivateAccountRequest { id: account.clone(), ..Default::default() };
            service.accounts().activate_account(service.as_admin(request)).await.unwrap();
            for assignment in service.listed(&format!("account_id = {account} AND state = OPEN")).await {
                service.close(&assignment.id).await.unwrap();
            }
        }
        Self { managers, assignments, hand_overs, outside: vec![manager_outside, assignment_outside] }
    }
}

/// Gives accounts to managers in one hand-over.
async fn transfer(service: &Service, pairs: &[(&str, &str)]) {
    let transfers = pairs.iter().map(|(account, manager)| AccountTransfer {
        account_id: (*account).to_owned(),
        account_manager_id: (*manager).to_owned(),
    });
    let transfers = AccountTransfers { transfers: transfers.collect() };
    let request = TransferAccountsRequest {
        reason: "调整".to_owned(),
        accounts: Some(transfer_accounts_request::Accounts::Transfers(transfers)),
        ..Default::default()
    };
    service.hand_overs().transfer_accounts(service.as_admin(request)).await.unwrap();
}

async fn rename_territory(service: &Service, code: &str) -> String {
    let name = Some(LocalizedText { zh: format!("{OUTSIDE_NAME}{code}"), en: String::new() });
    let territory = Some(Territory { code: code.to_owned(), name, ..Default::default() });
    let request = UpdateTerritoryRequest { territory, ..Default::default() };
    service.territories().update_territory(service.as_admin(request)).await.unwrap().into_inner().territory.unwrap().id
}

async fn move_territory(service: &Service, code: &str, parent_code: &str) {
    let request =
        MoveTerritoryRequest { code: code.to_owned(), parent_code: parent_code.to_owned(), ..Default::default() };
    service.territories().move_territory(service.as_admin(request)).await.unwrap();
}

async fn update(service: &Service, id: &str, name: &str, territory_code: &str) {
    let account = Account { id: id.to_owned(), ..named(name, territory_code) };
    let request = UpdateAccountRequest { account: Some(account), ..Default::default() };
    service.accounts().update_account(service.as_admin(request)).await.unwrap();
}

#[tokio::test]
async fn no_answer_shows_anything_that_lies_outside() {
    let world = World::start().await;
    let tells = |text: &Text<'_>| world.tells(text);
    shown::look_through::<Service>(&world.service, "440300", &world.requests(), tells).await;
}

#[tokio::test]
async fn whoever_sees_everything_is_shown_what_the_others_are_not() {
    let world = World::start().await;
    let unscoped = [
        "ListTerritoryLevels",
        "GetFeedHead",
        "WhoAmI",
        "ListRoles",
        "ListAccountTierPeriods",
        "GetAccountManager",
        "GetAssignment",
        "FindResponsible",
        "GetHandOver",
        "SuggestAssignments",
        "GetAssignmentPolicy",
        "ImportTerritories",
    ];
    // The same looking through finds something in every other answer, so it would have found it there.
    for (name, requests) in
        world.requests().iter().filter(|(name, _)| !unscoped.iter().any(|method| name.ends_with(method)))
    {
        let mut told = false;
        for request in requests {
            for page in world.pages(&world.service.admin, name, request).await {
                told |= !shown::told(name, &page, |text| world.told(text.text)).is_empty();
            }
        }
        assert!(told, "{name} tells nothing to an administrator");
    }
}

#[tokio::test]
async fn lists_show_all_that_lies_inside_and_count_only_that() {
    let world = World::start().await;
    let token = world.service.token(Role::Analyst, "440300");
    let expected: BTreeSet<String> = world.inside.iter().cloned().collect();
    for (method, request) in [
        ("AccountService/ListAccounts", json!({"showDeleted": true, "withTotal": true})),
        ("AccountService/ListAccounts", json!({"showDeleted": true, "withTotal": true, "pageSize": 3})),
        (
            "AccountService/ListAccounts",
            json!({"showDeleted": true, "withTotal": true, "filter": "public_sector = false"}),
        ),
        ("AccountService/ExportAccounts", json!({"showDeleted": true})),
    ] {
        let pages = world.pages(&token, method, &request).await;
        let pages: Vec<Json> = pages.iter().map(|page| serde_json::to_value(page).unwrap()).collect();
        let accounts = pages.iter().flat_map(|page| page["accounts"].as_array().unwrap());
        let ids: Vec<String> = accounts.map(|account| account["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ids.len(), expected.len(), "{method} {request}");
        assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), expected, "{method} {request}");
        if method.ends_with("ListAccounts") {
            assert_eq!(pages[0]["total"], json!(expected.len().to_string()), "{request}");
        }
    }
    let territories = world.pages(&token, "TerritoryService/ListTerritories", &json!({"withTotal": true})).await;
    let territories = serde_json::to_value(&territories[0]).unwrap();
    let paths: Vec<&Json> =
        territories["territories"].as_array().unwrap().iter().map(|territory| &territory["path"]).collect();
    assert_eq!(paths, ["440300/", "440300/330107/", "440300/440305/"]);
    assert_eq!(territories["total"], json!("3"));
}

#[tokio::test]
async fn the_history_of_what_lies_outside_is_not_found_however_it_is_asked_for() {
    let world = World::start().await;
    let token = world.service.token(Role::Auditor, "440300");
    let method = wire::method("ChangeService/ListChanges");
    let accounts = world.outside.iter().map(|id| format!("account/{id}"));
    let territories = world.outside.iter().chain([&world.left_territory]).map(|id| format!("territory/{id}"));
    for subject in accounts.chain(territories) {
        for size in [0, 1, 2] {
            let request = json!({"subject": subject, "pageSize": size});
            let answer = wire::call(&world.service.channel, Caller::with(&token), &method, &[request]).await;
            let refused = answer
                .map(|pages| panic!("{subject} by {size}: {}", serde_json::to_string(&pages[0]).unwrap()))
                .unwrap_err();
            assert_eq!(reason(&refused), "RESOURCE_NOT_FOUND", "{subject}");
        }
    }
}

#[tokio::test]
async fn what_is_hidden_cannot_be_asked_for_by_filter() {
    let world = World::start().await;
    let token = world.service.token(Role::Analyst, "440300");
    let (head, branch, child_of_left, top) = (&world.inside[0], &world.inside[1], &world.inside[2], &world.outside[0]);
    let found = async |method: &str, request: Json| {
        let pages = world.pages(&token, method, &request).await;
        let page = serde_json::to_value(&pages[0]).unwrap();
        let (list, key) = if method.starts_with("Acc") { ("accounts", "id") } else { ("territories", "code") };
        let entries = page[list].as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| entry[key].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let accounts = async |filter: String| found("AccountService/ListAccounts", json!({ "filter": filter })).await;
    // The head's parent is outside; so is that of the account whose parent left.
    assert!(accounts(format!("parent_account_id = {top}")).await.is_empty());
    assert!(accounts(format!("parent_account_id = {}", world.left)).await.is_empty());
    for filter in [
        "parent_account_id:*".to_owned(),
        format!("NOT parent_account_id = {top}"),
        format!("parent_account_id != {top}"),
    ] {
        let seen = accounts(filter.clone()).await;
        assert!(seen.contains(branch) && !seen.contains(head) && !seen.contains(child_of_left), "{filter}: {seen:?}");
    }
    assert!(accounts("NOT parent_account_id:*".to_owned()).await.contains(head));
    // What is seen is found, in a part of the territory too that the parent does not lie in.
    let narrow = json!({"filter": format!("parent_account_id = {head}"), "territoryCode": "440305"});
    assert_eq!(found("AccountService/ListAccounts", narrow).await, [branch.clone()].into());

    let territories = async |filter: &str| found("TerritoryService/ListTerritories", json!({ "filter": filter })).await;
    let below: BTreeSet<String> = ["330107", "440305"].map(str::to_owned).into();
    assert!(territories("parent_code = 440000").await.is_empty());
    for filter in ["parent_code = 44*", "parent_code:*", "parent_code >= 4", "NOT parent_code = 440000"] {
        assert_eq!(territories(filter).await, below, "{filter}");
    }
}

#[tokio::test]
async fn an_update_of_every_field_leaves_what_its_caller_does_not_see() {
    let world = World::start().await;
    let token = world.service.token(Role::AccountManager, "440300");
    let (head, branch, top) = (&world.inside[0], &world.inside[1], &world.outside[0]);
    let method = |name: &str| wire::method(&format!("AccountService/{name}"));
    let get = async |token: &str, id: &String| {
        let answer =
            wire::ask(&world.service, Caller::with(token), &method("GetAccount"), &json!({ "id": id })).await.unwrap();
        serde_json::to_value(&answer[0]).unwrap()["account"].clone()
    };
    // Read, changed and written back whole, as a form does.
    for (id, parent) in [(head, top), (branch, head)] {
        let mut account = get(&token, id).await;
        account["shortName"] = json!("新");
        let request = json!({"account": account, "updateMask": "*"});
        wire::ask(&world.service, Caller::with(&token), &method("UpdateAccount"), &request).await.unwrap();
        let whole = get(&world.service.admin, id).await;
        assert_eq!((&whole["parentAccountId"], &whole["shortName"]), (&json!(parent), &json!("新")));
    }
    // A parent that the caller sees is taken away.
    let request = json!({"account": {"id": branch}, "updateMask": "parentAccountId"});
    wire::ask(&world.service, Caller::with(&token), &method("UpdateAccount"), &request).await.unwrap();
    assert_eq!(get(&world.service.admin, branch).await["parentAccountId"], Json::Null);
}
