//! Hand-overs: many accounts at once, all or nothing.

use std::time::{Duration, Instant};

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::transfer_accounts_request::Accounts;
use guanxi_proto::client_registry::v1::*;
use guanxi_test_support::with_token;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::support::{Service, employee, metadata, named, number, reason, rows, violations};

fn named_transfers(pairs: &[(String, String)]) -> Accounts {
    let transfer = |(account_id, account_manager_id): &(String, String)| AccountTransfer {
        account_id: account_id.clone(),
        account_manager_id: account_manager_id.clone(),
    };
    Accounts::Transfers(AccountTransfers { transfers: pairs.iter().map(transfer).collect() })
}

fn portfolio(from: &str, to: &str) -> Accounts {
    let (from_account_manager_id, to_account_manager_id) = (from.to_owned(), to.to_owned());
    Accounts::Portfolio(PortfolioTransfer { from_account_manager_id, to_account_manager_id })
}

pub(crate) fn transfer(accounts: Accounts) -> TransferAccountsRequest {
    TransferAccountsRequest { accounts: Some(accounts), reason: "离职".to_owned(), ..Default::default() }
}

impl Service {
    pub(crate) async fn transfer(&self, request: TransferAccountsRequest) -> Result<TransferAccountsResponse, Status> {
        Ok(self.hand_overs().transfer_accounts(self.as_admin(request)).await?.into_inner())
    }

    /// Accounts with somebody.
    async fn portfolio_of(&self, manager: &str, count: usize, territory: &str) -> Vec<String> {
        let mut accounts = Vec::new();
        for index in 0..count {
            let account = self.account(named(&format!("{territory}第{index}家"), territory)).await.unwrap().id;
            self.assign(&account, manager).await.unwrap();
            accounts.push(account);
        }
        accounts
    }

    async fn tighten(&self, field_max_accounts: i32) {
        let policy = Some(AssignmentPolicy { field_max_accounts, ..Default::default() });
        let request = UpdateAssignmentPolicyRequest { assignment_policy: policy, ..Default::default() };
        self.policies().update_assignment_policy(self.as_admin(request)).await.unwrap();
    }
}

#[tokio::test]
async fn a_portfolio_goes_to_another_in_one_hand_over() {
    let service = Service::with_tree().await;
    let people = service.people(2, "440000").await;
    let mut accounts = service.portfolio_of(&people[0], 3, "440305").await;
    accounts.extend(service.portfolio_of(&people[0], 2, "440300").await);
    let before = service.newest().await;
    let request = TransferAccountsRequest {
        note: "重点关注续约".to_owned(),
        ..transfer(portfolio(&people[0], &people[1]))
    };
    let answer = service.transfer(request).await.unwrap();
    let hand_over = answer.hand_over.unwrap();
    let expected = HandOver {
        id: hand_over.id.clone(),
        from_account_manager_ids: vec![people[0].clone()],
        to_account_manager_ids: vec![people[1].clone()],
        account_count: 5,
        reason: "离职".to_owned(),
        note: "重点关注续约".to_owned(),
        actor: "E0001".to_owned(),
        territory_code: "440300".to_owned(),
        create_time: hand_over.create_time,
    };
    assert_eq!(hand_over, expected);
    let events = service.events_after(before).await;
    assert_eq!((events.len(), events.last().unwrap().position), (5 + 5 + 1, answer.position));
    let opened = service.listed(&format!("hand_over_id = {}", hand_over.id)).await;
    let closed = service.listed(&format!("closing_hand_over_id = {}", hand_over.id)).await;
    assert!(opened.iter().all(|one| one.account_manager_id == people[1] && one.end_date.is_empty()));
    assert!(closed.iter().all(|one| one.account_manager_id == people[0] && one.close_reason == "离职"));
    assert_eq!((opened.len(), closed.len()), (5, 5));

    // It is seen by whoever sees all of it.
    let get = async |territory: &str| {
        let token = service.token(Role::Supervisor, territory);
        let request = with_token(GetHandOverRequest { id: hand_over.id.clone() }, &token);
        service.hand_overs().get_hand_over(request).await.map(|answer| answer.into_inner().hand_over.unwrap())
    };
    assert_eq!(get("440300").await.unwrap(), hand_over);
    assert_eq!(get("440305").await.unwrap_err().code(), Code::NotFound);
    let empty = service.transfer(transfer(portfolio(&people[0], &people[1]))).await.unwrap_err();
    assert_eq!(reason(&empty), "PORTFOLIO_EMPTY");

    service.transfer(transfer(portfolio(&people[1], &people[0]))).await.unwrap();
    let list = async |filter: String| {
        let request = ListHandOversRequest { filter, with_total: true, ..Default::default() };
        service.hand_overs().list_hand_overs(service.as_admin(request)).await.unwrap().into_inner()
    };
    assert_eq!(list(String::new()).await.total, 2);
    let found = list(format!("from_account_manager_ids:\"{}\" AND account_count = 5", people[0])).await;
    assert_eq!(found.hand_overs, [hand_over]);
}

#[tokio::test]
async fn it_is_all_or_nothing_and_everything_broken_is_told_beforehand() {
    let service = Service::with_tree().await;
    let people = service.people(3, "440300").await;
    let first = service.portfolio_of(&people[0], 2, "440305").await;
    let second = service.portfolio_of(&people[1], 2, "440305").await;
    service.tighten(2).await;
    // Both are full, and yet they can change places: loads are those after the transfer.
    let swap: Vec<_> = [(&first, &people[1]), (&second, &people[0])]
        .into_iter()
        .flat_map(|(accounts, manager)| accounts.iter().map(|account| (account.clone(), manager.clone())))
        .collect();
    let check = async |accounts: Accounts| {
        let request = TransferAccountsRequest { validate_only: true, ..transfer(accounts) };
        let answer = service.transfer(request).await.unwrap();
        assert_eq!((answer.hand_over, answer.position), (None, 0));
        answer.violations.into_iter().map(|one| (one.index, one.reason)).collect::<Vec<_>>()
    };
    let before = service.newest().await;
    assert_eq!(check(named_transfers(&swap)).await, []);
    let wrong: Vec<_> = [first.clone(), second.clone(), vec![uuid::Uuid::now_v7().to_string()]]
        .concat()
        .into_iter()
        .map(|account| (account, people[2].clone()))
        .collect();
    let full = |index| (index, "LOAD_FULL".to_owned());
    let missing = (4, "RESOURCE_NOT_FOUND".to_owned());
    assert_eq!(check(named_transfers(&wrong)).await, [full(2), full(3), missing]);
    let refused = service.transfer(transfer(named_transfers(&wrong))).await.unwrap_err();
    assert_eq!(reason(&refused), "RESOURCE_NOT_FOUND");
    let refused = service.transfer(transfer(named_transfers(&wrong[..4]))).await.unwrap_err();
    let expected = [2, 3].map(|index| (format!("transfers.transfers[{index}]"), "LOAD_FULL".to_owned()));
    assert_eq!((reason(&refused).as_str(), violations(&refused)), ("LOAD_FULL", expected.to_vec()));
    assert_eq!(metadata(&refused, "count").as_deref(), Some("2"));
    assert_eq!(service.newest().await, before, "nothing was changed");
    service.transfer(transfer(named_transfers(&swap))).await.unwrap();
}

#[tokio::test]
async fn transfers_at_once_leave_one_primary_and_no_load_above_the_cap() {
    let service = Service::with_tree().await;
    let people = service.people(4, "440300").await;
    service.tighten(12).await;
    let accounts = service.portfolio_of(&people[0], 10, "440305").await;
    let mut calls = JoinSet::new();
    for index in 0..30 {
        let to = &people[index % people.len()];
        let pairs: Vec<_> = accounts.iter().map(|account| (account.clone(), to.clone())).collect();
        let (mut client, request) = (service.hand_overs(), service.as_admin(transfer(named_transfers(&pairs))));
        calls.spawn(async move { client.transfer_accounts(request).await.map(|_| ()) });
    }
    let outcomes = calls.join_all().await;
    assert!(
        outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|status| reason(status) == "PRIMARY_EXISTS")
    );
    assert!(outcomes.iter().any(Result::is_ok));
    let open = service.listed("role = PRIMARY AND state = OPEN").await;
    assert_eq!(open.len(), 10);
    let mut admin = service.database.admin().await;
    let done = number(&mut admin, "select count(*) from client_registry.hand_over").await;
    assert_eq!(usize::try_from(done).unwrap(), outcomes.iter().filter(|outcome| outcome.is_ok()).count());
    let crowded = "select count(*) from (select from client_registry.assignment where end_date is null \
        group by account_manager_id having count(*) > 12) crowded";
    assert_eq!(number(&mut admin, crowded).await, 0);
}

#[tokio::test]
async fn a_thousand_accounts_go_over_in_seconds() {
    const BOUND: Duration = Duration::from_secs(5);
    let service = Service::with_tree().await;
    let mut people = Vec::new();
    for index in 0..2 {
        let phone = AccountManagerChannel::Phone.into();
        let manager = AccountManager { channel: phone, ..employee(&format!("P{index}"), "440000") };
        people.push(service.manager(manager).await.unwrap().id);
    }
    let mut admin = service.database.admin().await;
    rows(&mut admin, crate::vacancy::many_accounts(1_000, "440305", "CN/440000/440300/440305/")).await;
    let assigned = format!(
        "insert into client_registry.assignment (id, account_id, account_manager_id, role, start_date, territory_path, version, \
         create_time, update_time) select gen_random_uuid(), id, '{}', 'PRIMARY', '2026-01-01', territory_path, 1, create_time, \
         update_time from client_registry.account",
        people[0]
    );
    rows(&mut admin, assigned).await;
    let started = Instant::now();
    let answer = service.transfer(transfer(portfolio(&people[0], &people[1]))).await.unwrap();
    let took = started.elapsed();
    println!("1,000 accounts handed over in {took:?}");
    assert_eq!(answer.hand_over.unwrap().account_count, 1_000);
    assert!(took < BOUND, "{took:?}");
    // One more is too many for the one who has them now.
    let one = service.account(named("第一千零一家", "440305")).await.unwrap().id;
    assert_eq!(reason(&service.assign(&one, &people[1]).await.unwrap_err()), "LOAD_FULL");
}

#[tokio::test]
async fn a_hand_over_outlives_the_territory_that_it_lay_in() {
    let service = Service::with_tree().await;
    service.territory("G1", "GRID", "440305").await.unwrap();
    let people = service.people(1, "440300").await;
    let account = service.account(named("样例", "G1")).await.unwrap().id;
    let id = service.hand_over(&account, &people[0], "").await.unwrap().hand_over_id;
    let get = async || {
        let request = service.as_admin(GetHandOverRequest { id: id.clone() });
        service.hand_overs().get_hand_over(request).await.unwrap().into_inner().hand_over.unwrap().territory_code
    };
    assert_eq!(get().await, "G1");
    let request =
        MoveTerritoryRequest { code: "440300".to_owned(), parent_code: "330000".to_owned(), ..Default::default() };
    service.territories().move_territory(service.as_admin(request)).await.unwrap();
    let moved = Account { id: account.clone(), territory_code: "440305".to_owned(), ..Default::default() };
    let request = UpdateAccountRequest { account: Some(moved), ..Default::default() };
    service.accounts().update_account(service.as_admin(request)).await.unwrap();
    let request = DeleteTerritoryRequest { code: "G1".to_owned(), ..Default::default() };
    service.territories().delete_territory(service.as_admin(request)).await.unwrap();
    assert_eq!(get().await, "440305");
}
