//! Names and numbers of persons: whole for those who meet the customer, masked for the others, in no event for anybody.

use std::collections::BTreeSet;

use guanxi_auth::{ROLES, Role, permission};
use guanxi_proto::DESCRIPTOR_POOL;
use guanxi_proto::client_registry::v1::*;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value};
use serde_json::{Value as Json, json};

use crate::fixtures::{FIXTURES, INSIDE, Need, part};
use crate::support::{Service, named};
use crate::wire::{self, Caller};

/// The person of every account; what follows the first character stands in nothing else.
const PERSON: &str = "欧阳机密姓名";
const SECRET: &str = "阳机密姓名";

/// True for a field with the option `guanxi.auth.v1.personal`.
fn is_personal(field: &FieldDescriptor) -> bool {
    let extension = DESCRIPTOR_POOL.get_extension_by_name("guanxi.auth.v1.personal").unwrap();
    field.options().get_extension(&extension).as_bool() == Some(true)
}

/// Full names of the personal fields that a message can have in it.
fn personal_fields(message: &MessageDescriptor, seen: &mut BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if !seen.insert(message.full_name().to_owned()) {
        return found;
    }
    for field in message.fields() {
        if is_personal(&field) {
            found.insert(field.full_name().to_owned());
        }
        if let Kind::Message(inner) = field.kind() {
            found.extend(personal_fields(&inner, seen));
        }
    }
    found
}

/// The values of the personal fields in an answer, by full name of the field.
fn personal_values(answer: &DynamicMessage) -> Vec<(String, String)> {
    let mut values = Vec::new();
    wire::visit(answer, &mut |_, field, value| {
        if is_personal(field) {
            let texts = match value {
                Value::List(texts) => texts.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                one => vec![
                    one.as_str()
                        .unwrap_or_else(|| panic!("{} is no text: mask it here too", field.full_name()))
                        .to_owned(),
                ],
            };
            values.extend(texts.into_iter().map(|text| (field.full_name().to_owned(), text)));
        }
    });
    values
}

struct World {
    service: Service,
    account: String,
}

impl World {
    /// Accounts with a person in every state, one of them changed to another person and back.
    async fn start() -> Self {
        let service = Service::with_tree().await;
        service.territory("330106", "COUNTY", "330100").await.unwrap();
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

    /// The request of a method's fixture, about a fresh resource that has the person.
    async fn request(&self, method: &MethodDescriptor) -> Json {
        let fixture = FIXTURES.iter().find(|fixture| fixture.method == wire::short_name(method)).unwrap();
        let fresh = fixture.needs.fresh(&self.service, INSIDE).await;
        let account = json!({"account": {"id": fresh, "legalRepresentative": PERSON}});
        let manager = json!({"accountManager": {"id": fresh, "name": PERSON}});
        match fixture.needs {
            Need::Assignment | Need::Pair => {
                let account = json!({"account": {"id": part(&fresh, 0), "legalRepresentative": PERSON}});
                self.change("AccountService/UpdateAccount", &account).await;
            }
            Need::Account => self.change("AccountService/UpdateAccount", &account).await,
            Need::AccountManager | Need::DepartedAccountManager => {
                self.change("AccountManagerService/UpdateAccountManager", &manager).await;
            }
            // They cannot be changed while they are deleted.
            Need::DeletedAccount => {
                self.change("AccountService/UndeleteAccount", &json!({ "id": fresh })).await;
                self.change("AccountService/UpdateAccount", &account).await;
                self.change("AccountService/DeleteAccount", &json!({ "id": fresh })).await;
            }
            Need::DeletedAccountManager => {
                self.change("AccountManagerService/UndeleteAccountManager", &json!({ "id": fresh })).await;
                self.change("AccountManagerService/UpdateAccountManager", &manager).await;
                self.change("AccountManagerService/DeleteAccountManager", &json!({ "id": fresh })).await;
            }
            Need::Name | Need::HandOver | Need::Territory => {}
        }
        (fixture.request)(INSIDE, &fresh)
    }

    async fn change(&self, method: &str, request: &Json) {
        let caller = Caller::with(&self.service.admin);
        wire::ask(&self.service, caller, &wire::method(method), request).await.unwrap();
    }

    async fn answers(&self, method: &MethodDescriptor, token: &str) -> Result<Vec<DynamicMessage>, tonic::Status> {
        wire::ask(&self.service, Caller::with(token), method, &self.request(method).await).await
    }
}

#[tokio::test]
async fn persons_are_masked_in_every_answer_to_those_who_may_not_see_them() {
    let world = World::start().await;
    for method in wire::served_methods() {
        let shown = personal_fields(&method.output(), &mut BTreeSet::new());
        for entry in ROLES {
            let context = format!("{} as {}", method.full_name(), entry.name);
            // The same roles see every noun's persons.
            let sees = entry.role.may(permission::ACCOUNT_READ_PERSONAL);
            assert_eq!(sees, entry.role.may(permission::ACCOUNT_MANAGER_READ_PERSONAL));
            let Ok(answers) = world.answers(&method, &world.service.token(entry.role, INSIDE.city)).await else {
                continue;
            };
            let values: Vec<_> = answers.iter().flat_map(personal_values).collect();
            for (field, value) in &values {
                assert!(sees || is_masked(value), "{context}: {field} is {value}");
            }
            let told = answers.iter().flat_map(wire::texts).any(|(_, text)| text.contains(SECRET));
            let creates = method.name().starts_with("Create");
            assert_eq!(told, sees && !shown.is_empty() && !creates, "{context}: {values:?}");
            let in_answer: BTreeSet<String> = values.into_iter().map(|(field, _)| field).collect();
            assert!(creates || in_answer == shown, "{context} shows {in_answer:?} of {shown:?}");
        }
    }
}

/// All but the first character hidden.
fn is_masked(value: &str) -> bool {
    value.chars().count() >= 1 && value.chars().skip(1).all(|character| character == '*') && value.contains('*')
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
