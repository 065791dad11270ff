//! Names and numbers of persons: whole for those who meet the customer, masked for the others, in no event for anybody.

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::*;
use guanxi_test_support::contract::INSIDE;
use guanxi_test_support::contract::personal::{PERSON, SECRET, is_masked, personal_values};
use serde_json::json;

use crate::fixtures::{Need, part};
use crate::support::{Service, named};
use crate::wire::{self, Caller};

struct World {
    service: Service,
    account: String,
}

impl World {
    /// Accounts with a person in every state, one of them changed to another person and back.
    async fn start() -> Self {
        let service = Service::with_tree().await;
        let account = Account { legal_representative: PERSON.to_owned(), ..named("样例公司", INSIDE.city) };
        let account = service.account(account).await.unwrap().id;
        for person in ["诸葛另一机密", PERSON] {
            let changed =
                Account { id: account.clone(), legal_representative: person.to_owned(), ..Default::default() };
            let request = UpdateAccountRequest { account: Some(changed), ..Default::default() };
            service.accounts().update_account(service.as_admin(request)).await.unwrap();
        }
        Self { service, account }
    }
}

/// Fills in the person at what a fixture needs.
pub(crate) async fn with_person(service: &Service, need: Need, fresh: &str, person: &str) {
    let account = json!({"account": {"id": fresh, "legalRepresentative": person}});
    let manager = json!({"accountManager": {"id": fresh, "name": person}});
    let id = json!({ "id": fresh });
    match need {
        Need::Account => change(service, "AccountService/UpdateAccount", &account).await,
        Need::Assignment | Need::Pair => {
            let account = json!({"account": {"id": part(fresh, 0), "legalRepresentative": person}});
            change(service, "AccountService/UpdateAccount", &account).await;
        }
        Need::AccountManager | Need::DepartedAccountManager => {
            change(service, "AccountManagerService/UpdateAccountManager", &manager).await;
        }
        // They cannot be changed while they are deleted.
        Need::DeletedAccount => {
            change(service, "AccountService/UndeleteAccount", &id).await;
            change(service, "AccountService/UpdateAccount", &account).await;
            change(service, "AccountService/DeleteAccount", &id).await;
        }
        Need::DeletedAccountManager => {
            change(service, "AccountManagerService/UndeleteAccountManager", &id).await;
            change(service, "AccountManagerService/UpdateAccountManager", &manager).await;
            change(service, "AccountManagerService/DeleteAccountManager", &id).await;
        }
        Need::Name | Need::HandOver | Need::Territory => {}
    }
}

async fn change(service: &Service, method: &str, request: &serde_json::Value) {
    let caller = Caller::with(&service.admin);
    wire::ask(service, caller, &wire::method(method), request).await.unwrap();
}

#[tokio::test]
async fn persons_are_in_no_event_for_anybody() {
    let world = World::start().await;
    let subject = json!({"subject": format!("account/{}", world.account)});
    for role in [Role::Administrator, Role::Auditor, Role::Director, Role::Service] {
        let token = world.service.token(role, "*");
        for (method, request) in
            [("EventFeedService/Follow", json!({})), ("ChangeService/ListChanges", subject.clone())]
        {
            let Ok(answers) = wire::ask(&world.service, Caller::with(&token), &wire::method(method), &request).await
            else {
                continue;
            };
            for answer in &answers {
                assert_eq!(personal_values(answer), [], "{method} as {role}");
                let told =
                    wire::texts(answer).into_iter().find(|(_, text)| text.contains(SECRET) || text.contains("机密"));
                assert_eq!(told, None, "{method} as {role}");
            }
            // That the person changed is told, not to whom.
            let changes = answers.iter().filter(|answer| answer.to_string().contains("legal_representative")).count();
            assert!(changes > 0 || method.starts_with("Change"), "{method} as {role}");
        }
    }
    // Nor is it in the tables that events are read from.
    let mut connection = world.service.database.admin().await;
    let rows = crate::support::number(
        &mut connection,
        "select count(*) from client_registry.event where encode(payload, 'escape') like '%' || encode(convert_to('机密', 'UTF8'), 'escape') || '%'",
    );
    assert_eq!(rows.await, 0);
}

#[tokio::test]
async fn a_person_is_shown_only_where_the_caller_has_the_permission() {
    let world = World::start().await;
    let county = Account { legal_representative: PERSON.to_owned(), ..named("县里样例公司", INSIDE.county) };
    let county = world.service.account(county).await.unwrap().id;
    let token =
        world.service.keys.token("E3000", &[(Role::AccountManager, INSIDE.county), (Role::Analyst, INSIDE.city)]);
    let request = json!({"ids": [world.account, county]});
    let method = wire::method("AccountService/BatchGetAccounts");
    let answer = wire::call(&world.service.channel, Caller::with(&token), &method, &[request]).await.unwrap();
    let persons: Vec<String> = personal_values(&answer[0]).into_iter().map(|(_, value)| value).collect();
    assert_eq!(persons, ["欧*****", PERSON]);
}

#[tokio::test]
async fn a_masked_person_is_never_the_whole_person() {
    let world = World::start().await;
    for person in ["王", "王二", "O", "John Smith", "😀"] {
        let account = Account { legal_representative: person.to_owned(), ..named("单名样例公司", INSIDE.city) };
        let id = world.service.account(account).await.unwrap().id;
        let token = world.service.token(Role::Analyst, INSIDE.city);
        let method = wire::method("AccountService/GetAccount");
        let answer =
            wire::call(&world.service.channel, Caller::with(&token), &method, &[json!({ "id": id })]).await.unwrap();
        let (_, value) = personal_values(&answer[0]).pop().unwrap();
        assert!(is_masked(&value) && !value.contains(person), "{person} is shown as {value}");
        // What was read masked is refused when it is written back.
        let admin = Caller::with(&world.service.admin);
        let update = json!({"account": {"id": id, "legalRepresentative": value}});
        assert!(
            wire::call(&world.service.channel, admin, &wire::method("AccountService/UpdateAccount"), &[update])
                .await
                .is_err()
        );
    }
}
