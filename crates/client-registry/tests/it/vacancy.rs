//! Customers without a manager, and who could look after them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::suggest_assignments_request::Accounts as Wanting;
use guanxi_proto::client_registry::v1::transfer_accounts_request::Accounts;
use guanxi_proto::client_registry::v1::*;
use guanxi_test_support::with_token;

use crate::assignment::days_ago;
use crate::hand_over::transfer;
use crate::support::{Random, Service, employee, named, rows};

/// A statement that makes customers without a manager.
pub(crate) fn many_accounts(count: usize, code: &str, path: &str) -> String {
    format!(
        "with made as (insert into client_registry.account (id, legal_name, aliases, external_ids, tree_path, territory_code, \
         territory_path, public_sector, state, tags, attributes, grams, version, create_time, update_time) \
         select id, '客户' || number, '{{}}', '{{}}', id || '/', '{code}', '{path}', false, 'ACTIVE', '{{}}', '{{}}', '{{}}', 1, \
         '2026-01-01', '2026-01-01' from (select gen_random_uuid() as id, number from generate_series(1, {count}) number) new \
         returning id, territory_path) \
         insert into client_registry.vacancy (account_id, since_date, territory_path) select id, '2026-01-01', territory_path from made"
    )
}

impl Service {
    async fn vacant(&self, token: &str, request: ListVacantAccountsRequest) -> Vec<VacantAccount> {
        let answer = self.vacancies().list_vacant_accounts(with_token(request, token)).await.unwrap();
        answer.into_inner().vacant_accounts
    }

    async fn suggest(&self, token: &str, accounts: Wanting, max_accounts: i32) -> SuggestAssignmentsResponse {
        let request = SuggestAssignmentsRequest { accounts: Some(accounts), max_accounts };
        self.vacancies().suggest_assignments(with_token(request, token)).await.unwrap().into_inner()
    }

    /// A customer whose manager is gone since so many days.
    async fn vacant_for(&self, name: &str, territory: &str, days: i64) -> Account {
        let account = self.account(named(name, territory)).await.unwrap();
        let manager =
            self.manager(employee(&format!("E-{name}-{days}").replace(|c: char| !c.is_ascii(), "x"), territory));
        let manager = manager.await.unwrap().id;
        let request = OpenAssignmentRequest {
            account_id: account.id.clone(),
            account_manager_id: manager,
            role: AssignmentRole::Primary.into(),
            start_date: days_ago(days + 1),
            ..Default::default()
        };
        let opened = self.assignments().open_assignment(self.as_admin(request)).await.unwrap().into_inner();
        let request = ActivateAccountRequest { id: account.id.clone(), ..Default::default() };
        self.accounts().activate_account(self.as_admin(request)).await.unwrap();
        let id = opened.assignment.unwrap().id;
        let request =
            CloseAssignmentRequest { id, reason: "调岗".to_owned(), end_date: days_ago(days), ..Default::default() };
        self.assignments().close_assignment(self.as_admin(request)).await.unwrap();
        account
    }
}

#[tokio::test]
async fn vacant_customers_are_listed_with_their_deadline() {
    let service = Service::with_tree().await;
    let late = service.vacant_for("甲", "440305", 8).await;
    let in_time = service.vacant_for("乙", "440300", 7).await;
    let elsewhere = service.vacant_for("丙", "330100", 0).await;
    // Neither a prospect nor who has somebody is vacant.
    service.account(named("丁", "440305")).await.unwrap();
    service.activate(&service.account(named("戊", "440305")).await.unwrap()).await;
    let everything = service.vacant(&service.admin, ListVacantAccountsRequest::default()).await;
    let seen: Vec<_> = everything.iter().map(|one| one.account_id.clone()).collect();
    assert_eq!(seen, [elsewhere.id.clone(), in_time.id.clone(), late.id.clone()]);
    let expected = VacantAccount {
        account_id: late.id.clone(),
        legal_name: "甲".to_owned(),
        tier: Tier::Unspecified.into(),
        territory_code: "440305".to_owned(),
        since_date: days_ago(8),
        deadline_date: days_ago(1),
        overdue: true,
    };
    assert_eq!(everything[2], expected);
    assert_eq!((everything[1].overdue, everything[1].deadline_date.clone()), (false, days_ago(0)));

    let supervisor = service.token(Role::Supervisor, "440000");
    let request = ListVacantAccountsRequest { page_size: 1, with_total: true, ..Default::default() };
    let page = service.vacancies().list_vacant_accounts(with_token(request, &supervisor)).await.unwrap().into_inner();
    assert_eq!((page.total, page.vacant_accounts[0].account_id.as_str()), (2, in_time.id.as_str()));
    let request = ListVacantAccountsRequest { page_size: 1, page_token: page.next_page_token, ..Default::default() };
    assert_eq!(service.vacant(&supervisor, request).await[0].account_id, late.id);
    let filter = format!("since_date < {}", days_ago(7));
    let request = ListVacantAccountsRequest { filter, territory_code: "440000".to_owned(), ..Default::default() };
    assert_eq!(service.vacant(&supervisor, request).await.len(), 1);

    // Whoever is deleted is looked for by nobody, and looked for again when back.
    let delete = DeleteAccountRequest { id: late.id.clone(), ..Default::default() };
    service.accounts().delete_account(service.as_admin(delete)).await.unwrap();
    assert_eq!(service.vacant(&supervisor, ListVacantAccountsRequest::default()).await.len(), 1);
    let undelete = UndeleteAccountRequest { id: late.id.clone(), ..Default::default() };
    service.accounts().undelete_account(service.as_admin(undelete)).await.unwrap();
    assert_eq!(service.vacant(&supervisor, ListVacantAccountsRequest::default()).await.len(), 2);
    let manager = service.manager(employee("E9", "440305")).await.unwrap();
    service.assign(&late.id, &manager.id).await.unwrap();
    assert_eq!(service.vacant(&supervisor, ListVacantAccountsRequest::default()).await.len(), 1);
}

/// Accounts of every tier in three territories, and managers of every channel and grade.
async fn staffed(service: &Service, random: &mut Random) -> Vec<Account> {
    let territories = ["440305", "440300", "440000"];
    let channels = [AccountManagerChannel::Field, AccountManagerChannel::Phone, AccountManagerChannel::Industry];
    for index in 0..12 {
        let channel = channels[random.below(3)];
        let industry = channel == AccountManagerChannel::Industry;
        let manager = AccountManager {
            channel: channel.into(),
            grade: i32::try_from(random.below(5)).unwrap() + 1,
            industry_codes: if industry { vec!["I63".to_owned()] } else { Vec::new() },
            ..employee(&format!("M{index}"), territories[random.below(3)])
        };
        service.manager(manager).await.unwrap();
    }
    let mut accounts = Vec::new();
    for index in 0..40 {
        let account = Account {
            industry_code: ["I6311", "J66"][random.below(2)].to_owned(),
            ..named(&format!("客户{index}"), territories[random.below(2)])
        };
        let account = service.account(account).await.unwrap();
        let tier = [Tier::Unspecified, Tier::A, Tier::B, Tier::C][random.below(4)];
        let request = SetAccountTierRequest {
            id: account.id.clone(),
            tier: tier.into(),
            reason: "测试".to_owned(),
            ..Default::default()
        };
        service.accounts().set_account_tier(service.as_admin(request)).await.unwrap();
        accounts.push(account);
    }
    let mut admin = service.database.admin().await;
    let vacate = "update client_registry.account set state = 'ACTIVE'; \
        insert into client_registry.vacancy (account_id, since_date, territory_path) \
        select id, '2026-01-01', territory_path from client_registry.account";
    rows(&mut admin, vacate).await;
    accounts
}

#[tokio::test]
async fn suggestions_are_carried_out_as_they_are() {
    let service = Service::with_tree().await;
    let policy = AssignmentPolicy {
        field_max_accounts: 4,
        industry_max_accounts: 3,
        phone_max_accounts: 5,
        ..Default::default()
    };
    let request = UpdateAssignmentPolicyRequest { assignment_policy: Some(policy), ..Default::default() };
    service.policies().update_assignment_policy(service.as_admin(request)).await.unwrap();
    let accounts = staffed(&service, &mut Random(7)).await;
    let territory = || Wanting::TerritoryCode("440300".to_owned());
    let answer = service.suggest(&service.admin, territory(), 0).await;
    assert_eq!(answer, service.suggest(&service.admin, territory(), 0).await, "the same state, the same answer");
    let told: BTreeSet<&str> = answer
        .suggestions
        .iter()
        .map(|one| one.account_id.as_str())
        .chain(answer.unplaced.iter().map(|one| one.account_id.as_str()))
        .collect();
    assert_eq!(told, accounts.iter().map(|account| account.id.as_str()).collect());
    assert!(!answer.suggestions.is_empty() && !answer.unplaced.is_empty() && !answer.truncated);
    for reason in answer.suggestions.iter().flat_map(|one| &one.reasons) {
        let text = reason.text.as_ref().unwrap();
        assert!(text.zh.chars().any(|one| one > '一') && text.en.is_ascii() && !text.en.is_empty(), "{text:?}");
        assert_ne!(reason.code(), SuggestionReasonCode::Unspecified);
    }
    for obstacle in answer.unplaced.iter().flat_map(|one| &one.obstacles) {
        assert!(crate::refused::is_published("guanxi.client_registry.v1", &obstacle.reason), "{obstacle:?}");
        assert!(obstacle.manager_count >= 0 && !obstacle.text.as_ref().unwrap().zh.is_empty());
    }

    let transfers = answer.suggestions.iter().map(|one| AccountTransfer {
        account_id: one.account_id.clone(),
        account_manager_id: one.account_manager_id.clone(),
    });
    let transfers = AccountTransfers { transfers: transfers.collect() };
    let done = service.transfer(transfer(Accounts::Transfers(transfers))).await.unwrap().hand_over.unwrap();
    assert_eq!(usize::try_from(done.account_count).unwrap(), answer.suggestions.len());
    let left = service.suggest(&service.admin, territory(), 0).await;
    assert_eq!(
        (left.suggestions.len(), left.unplaced.len()),
        (0, answer.unplaced.len()),
        "as many as possible were placed"
    );
    let one = service.suggest(&service.admin, territory(), 1).await;
    assert_eq!((one.unplaced.len(), one.truncated), (1, answer.unplaced.len() > 1));
}

#[tokio::test]
async fn the_accounts_of_who_leaves_are_spread_over_those_whom_the_caller_sees() {
    let service = Service::with_tree().await;
    let people = service.people(3, "440300").await;
    let hidden = service.manager(employee("E9", "440000")).await.unwrap().id;
    for index in 0..6 {
        let account = service.account(named(&format!("第{index}家"), "440305")).await.unwrap().id;
        service.assign(&account, &people[0]).await.unwrap();
    }
    let wanting = || Wanting::AccountManagerId(people[0].clone());
    let director = service.token(Role::Director, "440300");
    let answer = service.suggest(&director, wanting(), 0).await;
    let count = |answer: &SuggestAssignmentsResponse, manager: &str| {
        answer.suggestions.iter().filter(|one| one.account_manager_id == manager).count()
    };
    assert_eq!([&people[0], &people[1], &people[2], &hidden].map(|one| count(&answer, one)), [0, 3, 3, 0]);
    let codes: Vec<_> = answer.suggestions[0].reasons.iter().map(SuggestionReason::code).collect();
    assert_eq!(codes, [SuggestionReasonCode::Territory, SuggestionReasonCode::Grade, SuggestionReasonCode::Load]);
    let whole = service.suggest(&service.admin, wanting(), 0).await;
    assert_eq!([&people[1], &people[2], &hidden].map(|one| count(&whole, one)), [2, 2, 2]);
}

#[tokio::test]
async fn a_page_of_few_vacancies_among_many_is_found_at_once() {
    const BOUND: Duration = Duration::from_millis(200);
    let service = Service::with_tree().await;
    let mut admin = service.database.admin().await;
    rows(&mut admin, many_accounts(100_000, "330100", "CN/330000/330100/")).await;
    rows(&mut admin, many_accounts(1_200, "440305", "CN/440000/440300/440305/")).await;
    rows(&mut admin, "analyze client_registry.account, client_registry.vacancy").await;
    for index in 0..3 {
        let phone = AccountManagerChannel::Phone.into();
        service.manager(AccountManager { channel: phone, ..employee(&format!("P{index}"), "440300") }).await.unwrap();
    }
    let supervisor = service.token(Role::Supervisor, "440300");
    let list = async || {
        let started = Instant::now();
        assert_eq!(service.vacant(&supervisor, ListVacantAccountsRequest::default()).await.len(), 50);
        started.elapsed()
    };
    let mut times = [list().await, list().await, list().await, list().await, list().await];
    times.sort();
    println!("a page of vacancies among 100,000: {:?}", times[2]);
    assert!(times[2] < BOUND, "{times:?}");
    let started = Instant::now();
    let answer = service.suggest(&supervisor, Wanting::TerritoryCode("440300".to_owned()), 0).await;
    println!("1,000 suggestions in {:?}", started.elapsed());
    assert_eq!((answer.suggestions.len(), answer.truncated), (1_000, true));
}
