//! Assignments: who is responsible for what, now and before.

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::*;
use guanxi_proto::events::v1::{Event, FollowRequest, GetFeedHeadRequest};
use guanxi_test_support::with_token;
use prost::Message;
use serde_json::json;
use time::{Duration, OffsetDateTime, UtcOffset};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::support::{Service, employee, named, number, reason, rows};
use crate::wire::{self, Caller};

/// A day so many days before today, in Shanghai.
pub(crate) fn days_ago(days: i64) -> String {
    let shanghai = UtcOffset::from_hms(8, 0, 0).unwrap();
    (OffsetDateTime::now_utc().to_offset(shanghai) - Duration::days(days)).date().to_string()
}

pub(crate) fn opening(account: &str, manager: &str, role: AssignmentRole) -> OpenAssignmentRequest {
    OpenAssignmentRequest {
        account_id: account.to_owned(),
        account_manager_id: manager.to_owned(),
        role: role.into(),
        ..Default::default()
    }
}

/// The calls that the tests repeat.
impl Service {
    async fn open(&self, request: OpenAssignmentRequest) -> Result<Assignment, Status> {
        Ok(self.assignments().open_assignment(self.as_admin(request)).await?.into_inner().assignment.unwrap())
    }

    async fn close_on(&self, id: &str, end_date: &str) -> Assignment {
        let (id, reason) = (id.to_owned(), "调岗".to_owned());
        let request = CloseAssignmentRequest { id, reason, end_date: end_date.to_owned(), ..Default::default() };
        let answer = self.assignments().close_assignment(self.as_admin(request)).await.unwrap();
        answer.into_inner().assignment.unwrap()
    }

    pub(crate) async fn hand_over(&self, account: &str, manager: &str, etag: &str) -> Result<Assignment, Status> {
        let request = HandOverAccountRequest {
            account_id: account.to_owned(),
            account_manager_id: manager.to_owned(),
            reason: "接手".to_owned(),
            etag: etag.to_owned(),
            ..Default::default()
        };
        Ok(self.assignments().hand_over_account(self.as_admin(request)).await?.into_inner().assignment.unwrap())
    }

    pub(crate) async fn listed(&self, filter: &str) -> Vec<Assignment> {
        let request = ListAssignmentsRequest { filter: filter.to_owned(), ..Default::default() };
        self.assignments().list_assignments(self.as_admin(request)).await.unwrap().into_inner().assignments
    }

    /// Ids of the managers who were responsible on a day.
    async fn responsible(&self, account: &str, on_date: &str) -> Vec<String> {
        let request = FindResponsibleRequest { account_id: account.to_owned(), on_date: on_date.to_owned() };
        let found = self.assignments().find_responsible(self.as_admin(request)).await.unwrap().into_inner();
        found.assignments.into_iter().map(|assignment| assignment.account_manager_id).collect()
    }

    pub(crate) async fn newest(&self) -> i64 {
        let head = self.feed().get_feed_head(self.as_admin(GetFeedHeadRequest {})).await.unwrap();
        head.into_inner().newest_position
    }

    /// The events after a position.
    pub(crate) async fn events_after(&self, position: i64) -> Vec<Event> {
        let head = self.newest().await;
        let follow = FollowRequest { after_position: position, ..Default::default() };
        let mut feed = self.feed().follow(self.as_admin(follow)).await.unwrap().into_inner();
        let mut events = Vec::new();
        while events.last().map_or(position, |event: &Event| event.position) < head {
            events.extend(feed.message().await.unwrap().unwrap().event);
        }
        events
    }

    pub(crate) async fn people(&self, count: usize, territory: &str) -> Vec<String> {
        let mut ids = Vec::new();
        for index in 0..count {
            ids.push(self.manager(employee(&format!("E{index}"), territory)).await.unwrap().id);
        }
        ids
    }
}

#[tokio::test]
async fn who_was_responsible_on_a_day_has_an_answer() {
    let service = Service::with_tree().await;
    let account = service.account(named("样例", "440305")).await.unwrap().id;
    let people = service.people(3, "440300").await;
    let first = OpenAssignmentRequest {
        start_date: days_ago(100),
        reason: "新户".to_owned(),
        ..opening(&account, &people[0], AssignmentRole::Primary)
    };
    let first = service.open(first).await.unwrap();
    let expected = Assignment {
        id: first.id.clone(),
        account_id: account.clone(),
        account_manager_id: people[0].clone(),
        role: AssignmentRole::Primary.into(),
        start_date: days_ago(100),
        state: AssignmentState::Open.into(),
        open_reason: "新户".to_owned(),
        territory_code: "440305".to_owned(),
        create_time: first.create_time,
        update_time: first.update_time,
        etag: "\"1\"".to_owned(),
        ..Default::default()
    };
    assert_eq!(first, expected);
    let closed = service.close_on(&first.id, &days_ago(50)).await;
    assert_eq!((closed.state(), closed.etag.as_str()), (AssignmentState::Closed, "\"2\""));
    let later =
        OpenAssignmentRequest { start_date: days_ago(40), ..opening(&account, &people[1], AssignmentRole::Primary) };
    let overlapping = OpenAssignmentRequest { start_date: days_ago(51), ..later.clone() };
    assert_eq!(reason(&service.open(overlapping).await.unwrap_err()), "ASSIGNMENT_OVERLAPS");
    let later = service.open(later).await.unwrap();
    let backup = opening(&account, &people[2], AssignmentRole::Backup);
    service.open(OpenAssignmentRequest { start_date: days_ago(120), ..backup }).await.unwrap();

    for (days, expected) in [
        (130, &[][..]),
        (110, &[2]),
        (100, &[0, 2]),
        (51, &[0, 2]),
        // The end is the first day on which nobody is responsible.
        (50, &[2]),
        (41, &[2]),
        (40, &[1, 2]),
        (0, &[1, 2]),
    ] {
        let expected: Vec<_> = expected.iter().map(|index: &usize| people[*index].clone()).collect();
        assert_eq!(service.responsible(&account, &days_ago(days)).await, expected, "{days} days ago");
    }
    assert_eq!(service.responsible(&account, "").await.len(), 2);
    let request = GetAssignmentRequest { id: later.id.clone() };
    let got = service.assignments().get_assignment(service.as_admin(request)).await.unwrap().into_inner();
    assert_eq!(got.assignment.unwrap(), later);
}

#[tokio::test]
async fn an_account_has_a_team() {
    let service = Service::with_tree().await;
    let account = service.account(named("样例", "440305")).await.unwrap().id;
    let people = service.people(2, "440300").await;
    let roles = [
        AssignmentRole::Primary,
        AssignmentRole::Backup,
        AssignmentRole::ProductManager,
        AssignmentRole::SupportManager,
    ];
    for role in roles {
        service.open(opening(&account, &people[0], role)).await.unwrap();
    }
    // Another one helps as well; the same one not twice.
    service.open(opening(&account, &people[1], AssignmentRole::Backup)).await.unwrap();
    let twice = service.open(opening(&account, &people[1], AssignmentRole::Backup)).await.unwrap_err();
    assert_eq!((twice.code(), reason(&twice).as_str()), (Code::AlreadyExists, "RESOURCE_EXISTS"));
    assert_eq!(service.listed(&format!("account_id = {account} AND role = BACKUP")).await.len(), 2);
    assert_eq!(service.listed(&format!("account_manager_id = {} AND state = OPEN", people[0])).await.len(), 4);
    // Whoever only helps may be of anywhere, and of any grade.
    let elsewhere = service.manager(employee("E9", "330100")).await.unwrap().id;
    service.open(opening(&account, &elsewhere, AssignmentRole::SupportManager)).await.unwrap();
}

#[tokio::test]
async fn a_hand_over_closes_one_and_opens_another_and_is_remembered() {
    let service = Service::with_tree().await;
    let account = service.account(named("样例", "440305")).await.unwrap();
    let people = service.people(2, "440300").await;
    let first = service.assign(&account.id, &people[0]).await.unwrap();
    let request = SetAccountTierRequest {
        id: account.id.clone(),
        tier: Tier::C.into(),
        reason: "小型".to_owned(),
        ..Default::default()
    };
    service.accounts().set_account_tier(service.as_admin(request)).await.unwrap();
    let wrong = service.hand_over(&account.id, &people[1], "\"1\"").await.unwrap_err();
    assert_eq!(reason(&wrong), "CHANNEL_WRONG_FOR_TIER");
    assert_eq!(reason(&service.hand_over(&account.id, &people[1], "\"2\"").await.unwrap_err()), "ETAG_MISMATCH");

    let before = service.newest().await;
    let request = HandOverAccountRequest {
        account_id: account.id.clone(),
        account_manager_id: people[1].clone(),
        reason: "离职".to_owned(),
        exception_reason: "上门服务".to_owned(),
        etag: first.etag.clone(),
        ..Default::default()
    };
    let answer = service.assignments().hand_over_account(service.as_admin(request)).await.unwrap().into_inner();
    let next = answer.assignment.unwrap();
    assert_eq!((next.start_date.clone(), next.exception_reason.as_str()), (days_ago(0), "上门服务"));
    let closed = service.listed(&format!("closing_hand_over_id = {}", next.hand_over_id)).await.remove(0);
    assert_eq!((closed.id, closed.end_date, closed.close_reason), (first.id.clone(), days_ago(0), "离职".to_owned()));

    let events = service.events_after(before).await;
    let kinds: Vec<_> = events.iter().map(|event| event.r#type.rsplit("v1.").next().unwrap()).collect();
    assert_eq!(kinds, ["assignment.closed", "assignment.opened", "hand_over.created"]);
    assert_eq!(events.last().unwrap().position, answer.position);
    // Whoever counts by manager, territory or tier needs nothing else.
    for (event, manager) in events.iter().zip(&people) {
        let change = AssignmentChange::decode(event.payload.as_ref().unwrap().value.as_slice()).unwrap();
        let after = change.after.as_ref().unwrap();
        assert_eq!((&after.account_id, &after.account_manager_id), (&account.id, manager));
        assert_eq!((event.territory_code.as_str(), change.account_tier()), ("440305", Tier::C));
        assert_eq!(change.reason, "离职");
    }
    // A vacant account is handed over to somebody as well.
    service.close(&next.id).await.unwrap();
    let back = service.listed(&format!("account_id = {} AND state = OPEN", account.id)).await;
    assert_eq!(back, []);
    let phone = AccountManager { channel: AccountManagerChannel::Phone.into(), ..employee("E9", "440305") };
    let phone = service.manager(phone).await.unwrap().id;
    assert_eq!(service.hand_over(&account.id, &phone, "").await.unwrap().account_manager_id, phone);
}

#[tokio::test]
async fn of_a_hundred_hand_overs_at_once_one_primary_remains() {
    let service = Service::with_tree().await;
    let account = service.account(named("样例", "440305")).await.unwrap().id;
    let people = service.people(10, "440300").await;
    service.assign(&account, &people[0]).await.unwrap();
    let mut calls = JoinSet::new();
    for index in 0..100 {
        let request = HandOverAccountRequest {
            account_id: account.clone(),
            account_manager_id: people[index % people.len()].clone(),
            reason: "抢单".to_owned(),
            ..Default::default()
        };
        let (mut client, request) = (service.assignments(), service.as_admin(request));
        calls.spawn(async move { client.hand_over_account(request).await.map(|_| ()) });
    }
    let outcomes = calls.join_all().await;
    let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    // Only who has it already does not get it.
    assert!(
        outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|status| reason(status) == "PRIMARY_EXISTS")
    );
    assert_eq!(service.listed(&format!("account_id = {account} AND role = PRIMARY AND state = OPEN")).await.len(), 1);
    let mut admin = service.database.admin().await;
    let all = number(&mut admin, "select count(*) from client_registry.assignment").await;
    assert_eq!(usize::try_from(all).unwrap(), done + 1);
    // Each was closed for the next one, by the hand-over that opened that.
    let chained = "select count(*) from client_registry.assignment closed join client_registry.assignment opened \
        on opened.hand_over_id = closed.closing_hand_over_id and opened.start_date = closed.end_date";
    assert_eq!(usize::try_from(number(&mut admin, chained).await).unwrap(), done);
}

#[tokio::test]
async fn a_load_is_never_exceeded_however_many_assign_at_once() {
    let service = Service::with_tree().await;
    let policy = Some(AssignmentPolicy { field_max_accounts: 7, ..Default::default() });
    let request = UpdateAssignmentPolicyRequest { assignment_policy: policy, ..Default::default() };
    service.policies().update_assignment_policy(service.as_admin(request)).await.unwrap();
    let people = service.people(2, "440300").await;
    let mut calls = JoinSet::new();
    for index in 0..40 {
        let account = service.account(named(&format!("第{index}家"), "440305")).await.unwrap().id;
        let request = opening(&account, &people[index % 2], AssignmentRole::Primary);
        let (mut client, request) = (service.assignments(), service.as_admin(request));
        calls.spawn(async move { client.open_assignment(request).await.map(|_| ()) });
    }
    let refused: Vec<_> = calls.join_all().await.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 40 - 14);
    assert!(refused.iter().all(|status| reason(status) == "LOAD_FULL"), "{refused:?}");
    for manager in &people {
        let open = service.listed(&format!("account_manager_id = {manager} AND state = OPEN")).await;
        assert_eq!(open.len(), 7);
    }
}

#[tokio::test]
async fn who_departs_leaves_accounts_vacant_and_gets_none_until_reinstated() {
    let service = Service::with_tree().await;
    let mut accounts = Vec::new();
    for index in 0..3 {
        accounts.push(service.account(named(&format!("第{index}家"), "440305")).await.unwrap().id);
    }
    let outside =
        service.account(Account { industry_code: "I63".to_owned(), ..named("外地", "330100") }).await.unwrap().id;
    let manager = AccountManager {
        channel: AccountManagerChannel::Industry.into(),
        industry_codes: vec!["I".to_owned()],
        ..employee("E1", "440300")
    };
    let manager = service.manager(manager).await.unwrap().id;
    for account in accounts[..2].iter().chain([&outside]) {
        service.assign(account, &manager).await.unwrap();
    }
    service.open(opening(&accounts[2], &manager, AssignmentRole::Backup)).await.unwrap();
    let request = ActivateAccountRequest { id: accounts[0].clone(), ..Default::default() };
    service.accounts().activate_account(service.as_admin(request)).await.unwrap();
    let refused = service
        .managers()
        .delete_account_manager(
            service.as_admin(DeleteAccountManagerRequest { id: manager.clone(), ..Default::default() }),
        )
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "MANAGER_HAS_ASSIGNMENTS");

    let before = service.newest().await;
    let director = service.token(Role::Director, "440000");
    let request = DepartAccountManagerRequest {
        id: manager.clone(),
        reason: "离职".to_owned(),
        depart_date: days_ago(2),
        ..Default::default()
    };
    let answer = service.managers().depart_account_manager(with_token(request, &director)).await.unwrap().into_inner();
    let departed = answer.account_manager.unwrap();
    assert_eq!((departed.state(), departed.depart_date), (AccountManagerState::Departed, days_ago(2)));
    // One is out of the director's sight, and closed all the same.
    assert_eq!(answer.closed_count, 3);
    let events = service.events_after(before).await;
    let kinds: Vec<_> = events.iter().map(|event| event.r#type.rsplit("v1.").next().unwrap()).collect();
    assert_eq!(kinds, [["assignment.closed"; 4].as_slice(), &["account_manager.departed"]].concat());
    assert_eq!(service.listed("state = OPEN").await, []);
    let mut admin = service.database.admin().await;
    let vacant = rows(&mut admin, "select account_id::text from client_registry.vacancy").await;
    let vacant: Vec<String> = vacant.iter().map(|row| sqlx::Row::get(row, 0)).collect();
    assert_eq!(vacant, accounts[..1], "only a customer has to have somebody");
    assert_eq!(reason(&service.assign(&accounts[0], &manager).await.unwrap_err()), "MANAGER_NOT_IN_SERVICE");

    let request =
        ReinstateAccountManagerRequest { id: manager.clone(), reason: "返岗".to_owned(), ..Default::default() };
    let answer = service.managers().reinstate_account_manager(service.as_admin(request)).await.unwrap().into_inner();
    assert_eq!(answer.account_manager.unwrap().state(), AccountManagerState::InService);
    service.assign(&accounts[0], &manager).await.unwrap();
    assert_eq!(number(&mut admin, "select count(*) from client_registry.vacancy").await, 0);
}

#[tokio::test]
async fn departures_and_openings_at_once_leave_nothing_open_with_who_left() {
    let service = Service::with_tree().await;
    let people = service.people(4, "440300").await;
    let mut calls = JoinSet::new();
    for index in 0..40 {
        let account = service.account(named(&format!("第{index}家"), "440305")).await.unwrap().id;
        let request = opening(&account, &people[index % 4], AssignmentRole::Primary);
        let (mut client, request) = (service.assignments(), service.as_admin(request));
        calls.spawn(async move { client.open_assignment(request).await.map(|_| ()) });
        if index >= 20 && index % 5 == 0 {
            let id = people[index / 5 - 4].clone();
            let request = DepartAccountManagerRequest { id, reason: "离职".to_owned(), ..Default::default() };
            let (mut client, request) = (service.managers(), service.as_admin(request));
            calls.spawn(async move { client.depart_account_manager(request).await.map(|_| ()) });
        }
    }
    let refused: Vec<_> = calls.join_all().await.into_iter().filter_map(Result::err).collect();
    assert!(refused.iter().all(|status| reason(status) == "MANAGER_NOT_IN_SERVICE"), "{refused:?}");
    assert_eq!(service.listed("state = OPEN").await, []);
}

#[tokio::test]
async fn an_assignment_goes_where_its_account_goes() {
    let service = Service::with_tree().await;
    let (moved, stays) = (named("迁移", "440305"), named("不动", "440305"));
    let (moved, stays) = (service.account(moved).await.unwrap(), service.account(stays).await.unwrap());
    let (assignment, _) = service.activate(&moved).await;
    let (other, _) = service.activate(&stays).await;
    service.close(&other.id).await.unwrap();
    let imported = service.account(named("导入", "440305")).await.unwrap();
    let (with_import, _) = service.activate(&imported).await;
    let request = UpdateAccountRequest {
        account: Some(Account { id: moved.id.clone(), territory_code: "330100".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    service.accounts().update_account(service.as_admin(request)).await.unwrap();
    let row = json!({"rowNumber": 1, "account": {"id": imported.id, "territoryCode": "330100"}});
    let import = json!({"options": {"importId": uuid::Uuid::now_v7()}, "rows": [row]});
    wire::ask(&service, Caller::with(&service.admin), &wire::method("AccountService/ImportAccounts"), &import)
        .await
        .unwrap();
    let request =
        MoveTerritoryRequest { code: "440300".to_owned(), parent_code: "330000".to_owned(), ..Default::default() };
    service.territories().move_territory(service.as_admin(request)).await.unwrap();
    let get = async |territory: &str, id: &str| {
        let token = service.token(Role::Supervisor, territory);
        let request = with_token(GetAssignmentRequest { id: id.to_owned() }, &token);
        service.assignments().get_assignment(request).await.map(|answer| answer.into_inner().assignment.unwrap())
    };
    assert_eq!(get("330100", &assignment.id).await.unwrap().territory_code, "330100");
    assert_eq!(get("330100", &with_import.id).await.unwrap().territory_code, "330100");
    assert_eq!(get("330000", &other.id).await.unwrap().territory_code, "440305");
    for id in [&assignment.id, &other.id] {
        assert_eq!(get("440000", id).await.unwrap_err().code(), Code::NotFound);
    }
    assert_in_place(&service).await;
}

/// Fails where a copy of a path is not that of the account.
async fn assert_in_place(service: &Service) {
    let mut admin = service.database.admin().await;
    for table in ["assignment", "vacancy"] {
        let elsewhere = format!(
            "select count(*) from client_registry.{table} copy join client_registry.account on account.id = copy.account_id \
             where copy.territory_path <> account.territory_path"
        );
        assert_eq!(number(&mut admin, elsewhere).await, 0, "{table}");
    }
    let vacant = "select count(*) from client_registry.account left join client_registry.vacancy on account_id = id \
        where state = 'ACTIVE' and (account_id is null) <> exists (select from client_registry.assignment \
        where assignment.account_id = account.id and role = 'PRIMARY' and end_date is null)";
    assert_eq!(number(&mut admin, vacant).await, 0, "an account is vacant exactly while it has no PRIMARY");
}

#[tokio::test]
async fn what_opens_and_closes_while_everything_moves_lies_where_its_account_lies() {
    let service = Service::with_tree().await;
    let manager = service.manager(employee("E1", "CN")).await.unwrap().id;
    let mut accounts = Vec::new();
    for index in 0..8 {
        let account = service.account(named(&format!("第{index}家"), "440305")).await.unwrap();
        service.activate(&account).await;
        accounts.push(account.id);
    }
    let travels = async {
        for parent in ["330000", "440000", "330000", "440000", "330000"] {
            let request = MoveTerritoryRequest {
                code: "440300".to_owned(),
                parent_code: parent.to_owned(),
                ..Default::default()
            };
            service.territories().move_territory(service.as_admin(request)).await.unwrap();
        }
    };
    let moves = async {
        for index in 0..40 {
            let territory_code = ["330100", "440305"][index / 8 % 2].to_owned();
            let account = Account { id: accounts[index % 8].clone(), territory_code, ..Default::default() };
            let request = UpdateAccountRequest { account: Some(account), ..Default::default() };
            service.accounts().update_account(service.as_admin(request)).await.unwrap();
        }
    };
    let changes = async {
        for index in 0..40 {
            let account = &accounts[index * 3 % 8];
            for open in service.listed(&format!("account_id = {account} AND state = OPEN")).await {
                service.close(&open.id).await.unwrap();
            }
            if index % 3 > 0 {
                service.assign(account, &manager).await.unwrap();
            }
        }
    };
    tokio::join!(travels, moves, changes);
    assert_in_place(&service).await;
}

#[tokio::test]
async fn whoever_sees_an_account_sees_who_answers_for_it_wherever_that_one_belongs() {
    let service = Service::with_tree().await;
    let account = service.account(named("样例", "440305")).await.unwrap().id;
    let manager = service.manager(employee("E1", "440000")).await.unwrap().id;
    service.assign(&account, &manager).await.unwrap();
    let token = service.token(Role::AccountManager, "440305");
    let request = FindResponsibleRequest { account_id: account.clone(), ..Default::default() };
    let found = service.assignments().find_responsible(with_token(request, &token)).await.unwrap().into_inner();
    assert_eq!(found.assignments[0].account_manager_id, manager);
    let key = Some(get_account_manager_request::Key::Id(manager.clone()));
    let request = with_token(GetAccountManagerRequest { key }, &token);
    assert_eq!(service.managers().get_account_manager(request).await.unwrap_err().code(), Code::NotFound);
    // A supervisor gives accounts to those whom he sees.
    let supervisor = service.token(Role::Supervisor, "440305");
    let other = service.account(named("另一家", "440305")).await.unwrap().id;
    let request = with_token(opening(&other, &manager, AssignmentRole::Primary), &supervisor);
    assert_eq!(reason(&service.assignments().open_assignment(request).await.unwrap_err()), "RESOURCE_NOT_FOUND");
}
