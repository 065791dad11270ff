//! A request that is sent again takes effect once, also after a restart or a failure.

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::*;
use guanxi_test_support::with_token;
use serde_json::{Value as Json, json};
use tonic::Status;

use crate::support::{Service, eventually, named, number, reason, rows};
use crate::wire::{self, Caller};

fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

async fn create(
    service: &Service,
    token: &str,
    account: Account,
    request_id: &str,
) -> Result<CreateAccountResponse, Status> {
    let request = CreateAccountRequest { account: Some(account), request_id: request_id.to_owned() };
    Ok(service.accounts().create_account(with_token(request, token)).await?.into_inner())
}

type Answers = Vec<(String, String, i64)>;

/// Sends a request that is written as JSON; `resource` is where the answer has what it was about, whose id is returned.
async fn send(
    service: &Service,
    answers: &mut Answers,
    (method, resource): (&str, &str),
    mut request: Json,
    request_id: &str,
) -> String {
    request["requestId"] = json!(request_id);
    let answer = wire::call(&service.channel, Caller::with(&service.admin), &wire::method(method), &[request]).await;
    let answer = serde_json::to_value(&answer.unwrap_or_else(|status| panic!("{method}: {status:?}"))[0]).unwrap();
    let text = |field: &str| answer[resource][field].as_str().unwrap_or_default().to_owned();
    let position = answer["position"].as_str().unwrap_or("0").parse().unwrap();
    answers.push((text("id"), text("etag"), position));
    text("id")
}

/// Gives an account a manager; returns the ids of the manager and of the assignment.
async fn assign(service: &Service, answers: &mut Answers, account: &str, request_id: &str) -> (String, String) {
    let create = ("AccountManagerService/CreateAccountManager", "accountManager");
    let channel = "ACCOUNT_MANAGER_CHANNEL_FIELD";
    let employee =
        json!({"employeeNumber": "E1", "name": "张三", "territoryCode": "440305", "channel": channel, "grade": 5});
    let manager = send(service, answers, create, json!({"accountManager": employee}), request_id).await;
    let open = ("AssignmentService/OpenAssignment", "assignment");
    let request = json!({"accountId": account, "accountManagerId": manager, "role": "ASSIGNMENT_ROLE_PRIMARY"});
    let assignment = send(service, answers, open, request, request_id).await;
    (manager, assignment)
}

/// Does everything else with them, so that the account has nobody in the end.
async fn unassign(
    service: &Service,
    answers: &mut Answers,
    account: &str,
    request_id: &str,
    (manager, assignment): (&str, &str),
) {
    let pair = json!({"accountId": account, "accountManagerId": manager});
    let hand_over = json!({"accountId": account, "accountManagerId": manager, "reason": "接手"});
    let transfer = json!({"transfers": {"transfers": [pair]}, "reason": "调整"});
    let named = |id: &str| json!({"id": id, "reason": "调整"});
    send(service, answers, ("AssignmentService/CloseAssignment", "assignment"), named(assignment), request_id).await;
    let next = send(service, answers, ("AssignmentService/HandOverAccount", "assignment"), hand_over, request_id).await;
    // The answer to a repeat is the first one, which is closed by then.
    let closed = service.close(&next).await;
    assert!(closed.is_ok() || answers.last().unwrap().2 == 0);
    send(service, answers, ("HandOverService/TransferAccounts", "handOver"), transfer, request_id).await;
    let who = ("AccountManagerService/DepartAccountManager", "accountManager");
    send(service, answers, who, named(manager), request_id).await;
    let who = ("AccountManagerService/ReinstateAccountManager", "accountManager");
    send(service, answers, who, named(manager), request_id).await;
    let policy = ("AssignmentPolicyService/UpdateAssignmentPolicy", "assignmentPolicy");
    send(service, answers, policy, json!({"assignmentPolicy": {"vacancyDays": 9}}), request_id).await;
}

/// Sends one request of every method that changes something and takes a request id, and gives what came back: the resource's id and
/// version, and the position.
async fn send_all(service: &Service, account: &Account, request_id: &str) -> Answers {
    let (mut accounts, mut territories) = (service.accounts(), service.territories());
    let (id, request_id) = (account.id.clone(), request_id.to_owned());
    let mut answers = Vec::new();
    macro_rules! send {
        ($client:ident.$method:ident($request:expr), $resource:ident) => {{
            let answer = $client.$method(service.as_admin($request)).await.unwrap().into_inner();
            let resource = answer.$resource.unwrap();
            answers.push((resource.id, resource.etag, answer.position));
        }};
    }
    let changed = Account { id: id.clone(), address: "新地址".to_owned(), ..Default::default() };
    let named_account =
        CreateAccountRequest { account: Some(named("再一家", "440305")), request_id: request_id.clone() };
    send!(accounts.create_account(named_account), account);
    let request = UpdateAccountRequest { account: Some(changed), request_id: request_id.clone(), ..Default::default() };
    send!(accounts.update_account(request), account);
    let (manager, assignment) = assign(service, &mut answers, &id, &request_id).await;
    let request = ActivateAccountRequest { id: id.clone(), request_id: request_id.clone(), ..Default::default() };
    send!(accounts.activate_account(request), account);
    let request = SetAccountTierRequest {
        id: id.clone(),
        tier: Tier::A.into(),
        reason: "重点".to_owned(),
        request_id: request_id.clone(),
        ..Default::default()
    };
    send!(accounts.set_account_tier(request), account);
    unassign(service, &mut answers, &id, &request_id, (&manager, &assignment)).await;
    let request = DeleteAccountRequest { id: id.clone(), request_id: request_id.clone(), ..Default::default() };
    send!(accounts.delete_account(request), account);
    let request = UndeleteAccountRequest { id, request_id: request_id.clone(), ..Default::default() };
    send!(accounts.undelete_account(request), account);
    let grid = Territory {
        code: "G1".to_owned(),
        level: "GRID".to_owned(),
        name: Some(guanxi_proto::r#type::v1::LocalizedText { zh: "网格".to_owned(), en: String::new() }),
        parent_code: "440305".to_owned(),
        ..Default::default()
    };
    let request = CreateTerritoryRequest { territory: Some(grid.clone()), request_id: request_id.clone() };
    send!(territories.create_territory(request), territory);
    let name = Some(guanxi_proto::r#type::v1::LocalizedText { zh: "一号网格".to_owned(), en: String::new() });
    let renamed = Territory { code: "G1".to_owned(), name, ..Default::default() };
    let request =
        UpdateTerritoryRequest { territory: Some(renamed), request_id: request_id.clone(), ..Default::default() };
    send!(territories.update_territory(request), territory);
    let request = MoveTerritoryRequest {
        code: "G1".to_owned(),
        parent_code: "330100".to_owned(),
        request_id: request_id.clone(),
        ..Default::default()
    };
    send!(territories.move_territory(request), territory);
    let request = DeleteTerritoryRequest { code: "440300".to_owned(), request_id, ..Default::default() };
    let refused = territories.delete_territory(service.as_admin(request)).await.unwrap_err();
    assert_eq!(reason(&refused), "TERRITORY_HAS_CHILDREN", "a refusal is not kept, it is found again");
    answers
}

#[tokio::test]
async fn every_method_remembers_its_requests_across_a_restart() {
    let mut service = Service::with_tree().await;
    let account = service.account(named("样例", "440305")).await.unwrap();
    // The same id for all: it counts for one method.
    let request_id = new_id();
    let first = send_all(&service, &account, &request_id).await;
    assert!(first.iter().all(|(.., position)| *position > 0), "{first:?}");
    let mut admin = service.database.admin().await;
    let events = number(&mut admin, "select count(*) from client_registry.event").await;
    for restart in [false, true] {
        if restart {
            service.restart();
        }
        let again = send_all(&service, &account, &request_id).await;
        for (number, ((id, ..), (first_id, ..))) in again.iter().zip(&first).enumerate() {
            assert_eq!(id, first_id, "method {number}");
        }
        assert!(again.iter().all(|(.., position)| *position == 0), "{again:?}");
    }
    assert_eq!(number(&mut admin, "select count(*) from client_registry.event").await, events);
}

#[tokio::test]
async fn a_request_id_belongs_to_its_principal() {
    let service = Service::with_tree().await;
    let request_id = new_id();
    let director = service.keys.token("E0002", &[(Role::Director, "*")]);
    let mine = create(&service, &service.admin, named("样例", "440305"), &request_id).await.unwrap();
    let yours = create(&service, &director, named("样例", "440305"), &request_id).await.unwrap();
    assert_ne!(mine.account.unwrap().id, yours.account.as_ref().unwrap().id);
    assert!(yours.position > 0);
    let again = create(&service, &director, named("样例", "440305"), &request_id).await.unwrap();
    assert_eq!((again.account, again.position), (yours.account, 0));
    let other = create(&service, &director, named("别的", "440305"), &request_id).await.unwrap_err();
    assert_eq!(reason(&other), "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn a_request_that_failed_may_be_sent_again_corrected() {
    let service = Service::with_tree().await;
    let request_id = new_id();
    let refused = create(&service, &service.admin, named("样例", "999999"), &request_id).await.unwrap_err();
    assert_eq!(reason(&refused), "RESOURCE_NOT_FOUND");
    let created = create(&service, &service.admin, named("样例", "440305"), &request_id).await.unwrap();
    assert!(created.position > 0);
}

#[tokio::test]
async fn who_waits_for_a_request_that_is_given_up_carries_it_out() {
    let service = Service::with_tree().await;
    let parent = service.account(named("集团", "440305")).await.unwrap();
    let (mut holder, mut watcher) = (service.database.admin().await, service.database.admin().await);
    rows(&mut holder, "begin").await;
    rows(&mut holder, "select from client_registry.tree for update").await;
    let request = CreateAccountRequest {
        account: Some(Account { parent_account_id: parent.id, ..named("子公司", "440305") }),
        request_id: new_id(),
    };
    let call = || {
        let (mut client, request) = (service.accounts(), service.as_admin(request.clone()));
        tokio::spawn(async move { client.create_account(request).await })
    };
    let mut waiting = async |expected| {
        eventually("the calls wait", async || {
            let waiting =
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
            number(&mut watcher, waiting).await == expected
        })
        .await;
    };
    // The first has claimed the id and waits for the hierarchy; the second waits for what becomes of the first.
    let first = call();
    waiting(1).await;
    let second = call();
    waiting(2).await;
    first.abort();
    waiting(1).await;
    rows(&mut holder, "rollback").await;
    let created = second.await.unwrap().unwrap().into_inner();
    assert!(created.position > 0);
    assert_eq!(
        number(&mut watcher, "select count(*) from client_registry.account where legal_name = '子公司'").await,
        1
    );
}
