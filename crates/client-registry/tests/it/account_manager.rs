//! Account managers: the methods as a portal uses them.

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::*;
use guanxi_proto::events::v1::{Change, FollowRequest, ListChangesRequest};
use guanxi_test_support::with_token;
use prost::Message;
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::support::{Service, employee, metadata, number, reason, violations};

type Answer = Result<(AccountManager, i64), Status>;

/// The calls that the tests repeat, as a caller with a token.
struct Portal<'a> {
    service: &'a Service,
    token: String,
}

impl<'a> Portal<'a> {
    fn admin(service: &'a Service) -> Self {
        Self { service, token: service.admin.clone() }
    }

    async fn create(&self, manager: AccountManager, request_id: &str) -> Answer {
        let request = CreateAccountManagerRequest { account_manager: Some(manager), request_id: request_id.to_owned() };
        let answer =
            self.service.managers().create_account_manager(with_token(request, &self.token)).await?.into_inner();
        Ok((answer.account_manager.unwrap(), answer.position))
    }

    async fn get(&self, key: get_account_manager_request::Key) -> Result<AccountManager, Status> {
        let request = with_token(GetAccountManagerRequest { key: Some(key) }, &self.token);
        Ok(self.service.managers().get_account_manager(request).await?.into_inner().account_manager.unwrap())
    }

    async fn update(&self, manager: AccountManager, paths: &[&str]) -> Answer {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let update_mask = (!paths.is_empty()).then_some(FieldMask { paths });
        let request = UpdateAccountManagerRequest { account_manager: Some(manager), update_mask, ..Default::default() };
        let answer =
            self.service.managers().update_account_manager(with_token(request, &self.token)).await?.into_inner();
        Ok((answer.account_manager.unwrap(), answer.position))
    }

    async fn delete(&self, id: &str, etag: &str) -> Answer {
        let request = DeleteAccountManagerRequest { id: id.to_owned(), etag: etag.to_owned(), ..Default::default() };
        let answer =
            self.service.managers().delete_account_manager(with_token(request, &self.token)).await?.into_inner();
        Ok((answer.account_manager.unwrap(), answer.position))
    }

    async fn undelete(&self, id: &str, request_id: &str) -> Answer {
        let request = UndeleteAccountManagerRequest {
            id: id.to_owned(),
            request_id: request_id.to_owned(),
            ..Default::default()
        };
        let answer =
            self.service.managers().undelete_account_manager(with_token(request, &self.token)).await?.into_inner();
        Ok((answer.account_manager.unwrap(), answer.position))
    }

    async fn list(&self, request: ListAccountManagersRequest) -> ListAccountManagersResponse {
        self.service.managers().list_account_managers(with_token(request, &self.token)).await.unwrap().into_inner()
    }

    async fn changes(&self, id: &str) -> Vec<Change> {
        let request = ListChangesRequest { subject: format!("account_manager/{id}"), ..Default::default() };
        self.service.changes().list_changes(with_token(request, &self.token)).await.unwrap().into_inner().changes
    }
}

fn by_id(id: &str) -> get_account_manager_request::Key {
    get_account_manager_request::Key::Id(id.to_owned())
}

fn numbers(answer: &ListAccountManagersResponse) -> Vec<&str> {
    answer.account_managers.iter().map(|manager| manager.employee_number.as_str()).collect()
}

#[tokio::test]
async fn a_manager_is_found_by_id_and_by_number_as_it_was_sent() {
    let service = Service::with_tree().await;
    let portal = Portal::admin(&service);
    let sent = AccountManager {
        channel: AccountManagerChannel::Industry.into(),
        industry_codes: vec!["I65".to_owned(), "63".to_owned()],
        skills: vec!["上云".to_owned()],
        employment_type: EmploymentType::Outsourced.into(),
        ..employee("E10023", "440305")
    };
    let request_id = uuid::Uuid::now_v7().to_string();
    let (created, position) = portal.create(sent.clone(), &request_id).await.unwrap();
    let expected = AccountManager {
        id: created.id.clone(),
        grade: 1,
        state: AccountManagerState::InService.into(),
        create_time: created.create_time,
        update_time: created.update_time,
        etag: "\"1\"".to_owned(),
        ..sent.clone()
    };
    assert_eq!(created, expected);
    for key in [by_id(&created.id), get_account_manager_request::Key::EmployeeNumber("E10023".to_owned())] {
        assert_eq!(portal.get(key).await.unwrap(), created);
    }
    assert!(position > 0);
    assert_eq!(portal.create(sent.clone(), &request_id).await.unwrap(), (created, 0));

    let taken = portal.create(sent, "").await.unwrap_err();
    assert_eq!((taken.code(), reason(&taken).as_str()), (Code::AlreadyExists, "RESOURCE_EXISTS"));
    assert_eq!(metadata(&taken, "field").as_deref(), Some("employee_number"));
}

#[tokio::test]
async fn everything_wrong_is_named_at_once() {
    let service = Service::with_tree().await;
    let portal = Portal::admin(&service);
    let wrong = AccountManager {
        employee_number: "service:kpi".to_owned(),
        name: "张**".to_owned(),
        phone: "13800138000".to_owned(),
        territory_code: "深圳".to_owned(),
        channel: 9,
        grade: 6,
        industry_codes: vec!["U".to_owned()],
        skills: vec!["a".to_owned(), "a".to_owned()],
        ..Default::default()
    };
    let expected = [
        ("employee_number", "FORMAT"),
        ("name", "FORMAT"),
        ("phone", "FORMAT"),
        ("territory_code", "FORMAT"),
        ("channel", "UNKNOWN_VALUE"),
        ("grade", "OUT_OF_RANGE"),
        ("industry_codes[0]", "FORMAT"),
        ("skills[1]", "DUPLICATE"),
    ];
    let named = |fields: &[(&str, &str)]| -> Vec<(String, String)> {
        fields.iter().map(|(field, reason)| (format!("account_manager.{field}"), (*reason).to_owned())).collect()
    };
    assert_eq!(violations(&portal.create(wrong, "").await.unwrap_err()), named(&expected));
    let empty = ["employee_number", "name", "territory_code", "channel"].map(|field| (field, "REQUIRED"));
    assert_eq!(violations(&portal.create(AccountManager::default(), "").await.unwrap_err()), named(&empty));

    // Industries are for industry managers, at their creation and later.
    let industry = |channel: AccountManagerChannel, codes: &[&str]| AccountManager {
        channel: channel.into(),
        industry_codes: codes.iter().map(|code| (*code).to_owned()).collect(),
        ..employee("E1", "440305")
    };
    let without = portal.create(industry(AccountManagerChannel::Industry, &[]), "").await.unwrap_err();
    assert_eq!(violations(&without), named(&[("industry_codes", "REQUIRED")]));
    let with = portal.create(industry(AccountManagerChannel::Field, &["I"]), "").await.unwrap_err();
    assert_eq!(violations(&with), named(&[("industry_codes", "TOO_MANY")]));
    let (created, _) = portal.create(industry(AccountManagerChannel::Industry, &["I"]), "").await.unwrap();
    let moved = AccountManager { employee_number: "E2".to_owned(), ..industry(AccountManagerChannel::Phone, &[]) };
    let refused = portal.update(AccountManager { id: created.id, ..moved }, &[]).await.unwrap_err();
    let both = [("employee_number", "IMMUTABLE"), ("industry_codes", "TOO_MANY")];
    assert_eq!(violations(&refused), named(&both));
}

#[tokio::test]
async fn an_update_changes_what_its_mask_names_and_events_say_so_without_persons() {
    let service = Service::with_tree().await;
    let portal = Portal::admin(&service);
    let created = service.manager(employee("E1", "440305")).await.unwrap();
    let sent = AccountManager { id: created.id.clone(), name: "李四".to_owned(), grade: 4, ..Default::default() };
    let (masked, _) = portal.update(sent.clone(), &["phone", "grade"]).await.unwrap();
    assert_eq!((masked.phone.as_str(), masked.grade, &masked.name), ("", 4, &created.name));
    let (populated, _) = portal.update(sent.clone(), &[]).await.unwrap();
    assert_eq!((populated.name.as_str(), populated.etag.as_str()), ("李四", "\"3\""));
    let (same, position) =
        portal.update(AccountManager { etag: populated.etag.clone(), ..sent.clone() }, &[]).await.unwrap();
    assert_eq!((same, position), (populated, 0));
    let stale = portal.update(AccountManager { etag: created.etag, ..sent }, &[]).await.unwrap_err();
    assert_eq!((stale.code(), reason(&stale).as_str()), (Code::Aborted, "ETAG_MISMATCH"));

    let fields = |change: &Change| change.fields.iter().map(|field| field.field.clone()).collect::<Vec<_>>();
    let log = portal.changes(&created.id).await;
    // That the name changed shows in the payload, to whom it changed nowhere.
    assert_eq!(log.iter().map(fields).collect::<Vec<_>>()[..2], [vec![], vec!["grade".to_owned()]]);
    assert_eq!(log[0].r#type, "guanxi.client_registry.v1.account_manager.updated");
    let follow = FollowRequest { after_position: log[1].position, ..Default::default() };
    let mut feed = service.feed().follow(service.as_admin(follow)).await.unwrap().into_inner();
    let event = feed.message().await.unwrap().unwrap().event.unwrap();
    let change = AccountManagerChange::decode(event.payload.unwrap().value.as_slice()).unwrap();
    assert_eq!(change.changed_personal_fields, ["name"]);
    assert!(change.before.unwrap().name.is_empty() && change.after.unwrap().name.is_empty());
}

#[tokio::test]
async fn what_lies_outside_is_neither_seen_nor_filled() {
    let service = Service::with_tree().await;
    let director = Portal { service: &service, token: service.token(Role::Director, "440000") };
    let not_found = |refused: Status| {
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));
    };
    not_found(director.create(employee("E1", "330100"), "").await.unwrap_err());
    let (inside, _) = director.create(employee("E1", "440300"), "").await.unwrap();
    let outside = service.manager(employee("E2", "330100")).await.unwrap();
    not_found(director.get(by_id(&outside.id)).await.unwrap_err());
    not_found(director.get(get_account_manager_request::Key::EmployeeNumber("E2".to_owned())).await.unwrap_err());
    not_found(director.delete(&outside.id, "").await.unwrap_err());
    let moved = |id: &str, code: &str| AccountManager {
        id: id.to_owned(),
        territory_code: code.to_owned(),
        ..Default::default()
    };
    not_found(director.update(moved(&inside.id, "330100"), &[]).await.unwrap_err());

    // Who comes in is seen from then on, without where it came from.
    Portal::admin(&service).update(moved(&outside.id, "440305"), &[]).await.unwrap();
    let change = director.changes(&outside.id).await.remove(0);
    assert_eq!((change.fields[0].field.as_str(), change.fields[0].before.as_str()), ("territory_code", ""));
    let everything = Portal::admin(&service).changes(&outside.id).await.remove(0);
    assert_eq!(everything.fields[0].before, "\"330100\"");
    let masked = Portal { service: &service, token: service.token(Role::Analyst, "440000") };
    let seen = masked.get(by_id(&inside.id)).await.unwrap();
    assert_eq!((seen.name.as_str(), seen.phone.as_str()), ("员***", "+*************"));
}

#[tokio::test]
async fn a_deleted_manager_is_hidden_until_it_comes_back() {
    let service = Service::with_tree().await;
    let portal = Portal::admin(&service);
    let created = service.manager(employee("E1", "440305")).await.unwrap();
    let (deleted, _) = portal.delete(&created.id, &created.etag).await.unwrap();
    assert_eq!(deleted.state(), AccountManagerState::Deleted);
    assert_eq!(portal.get(by_id(&created.id)).await.unwrap(), deleted);
    for refused in [
        portal.delete(&created.id, "").await.unwrap_err(),
        portal
            .update(AccountManager { id: created.id.clone(), grade: 2, ..Default::default() }, &[])
            .await
            .unwrap_err(),
    ] {
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "STATE_FORBIDS"));
    }
    // The number stays taken.
    assert_eq!(portal.create(employee("E1", "440305"), "").await.unwrap_err().code(), Code::AlreadyExists);
    let list = |show_deleted| ListAccountManagersRequest { show_deleted, with_total: true, ..Default::default() };
    assert_eq!((portal.list(list(false)).await.total, portal.list(list(true)).await.total), (0, 1));

    let request_id = uuid::Uuid::now_v7().to_string();
    let (back, position) = portal.undelete(&created.id, &request_id).await.unwrap();
    assert_eq!((back.state(), back.delete_time), (AccountManagerState::InService, None));
    assert!(position > 0);
    assert_eq!(portal.undelete(&created.id, &request_id).await.unwrap(), (back, 0));
    assert_eq!(reason(&portal.undelete(&created.id, "").await.unwrap_err()), "STATE_FORBIDS");
    let kinds: Vec<_> = portal.changes(&created.id).await.into_iter().map(|change| change.r#type).collect();
    let expected =
        ["undeleted", "deleted", "created"].map(|verb| format!("guanxi.client_registry.v1.account_manager.{verb}"));
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn a_list_is_filtered_and_paged() {
    let service = Service::with_tree().await;
    let portal = Portal::admin(&service);
    for (index, territory) in (0..).zip(["440305", "330100", "440300", "440305"]) {
        let skills = if index % 2 == 0 { vec!["上云".to_owned()] } else { Vec::new() };
        let manager = AccountManager { grade: 1 + index, skills, ..employee(&format!("E{index}"), territory) };
        service.manager(manager).await.unwrap();
    }
    assert_eq!(numbers(&portal.list(ListAccountManagersRequest::default()).await), ["E1", "E2", "E0", "E3"]);
    let filtered = ListAccountManagersRequest {
        filter: "skills:\"上云\" AND grade >= 3 AND channel = FIELD".to_owned(),
        territory_code: "440000".to_owned(),
        ..Default::default()
    };
    assert_eq!(numbers(&portal.list(filtered).await), ["E2"]);
    let mut page = ListAccountManagersRequest { page_size: 3, with_total: true, ..Default::default() };
    let first = portal.list(page.clone()).await;
    assert_eq!((numbers(&first), first.total), (vec!["E1", "E2", "E0"], 4));
    page.page_token.clone_from(&first.next_page_token);
    let second = portal.list(page.clone()).await;
    assert_eq!((numbers(&second), second.next_page_token.as_str()), (vec!["E3"], ""));
    // Nobody is found by a name that the caller may not see.
    for request in [
        ListAccountManagersRequest { show_deleted: true, ..page },
        ListAccountManagersRequest { filter: "name = \"员工E1\"".to_owned(), ..Default::default() },
    ] {
        let refused = service.managers().list_account_managers(service.as_admin(request)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn managers_follow_their_territory_and_keep_it_from_being_deleted() {
    let service = Service::with_tree().await;
    let created = service.manager(employee("E1", "440305")).await.unwrap();
    Portal::admin(&service).delete(&created.id, "").await.unwrap();
    let request =
        MoveTerritoryRequest { code: "440300".to_owned(), parent_code: "330000".to_owned(), ..Default::default() };
    service.territories().move_territory(service.as_admin(request)).await.unwrap();
    let portal = |territory| Portal { service: &service, token: service.token(Role::Supervisor, territory) };
    assert!(portal("330000").get(by_id(&created.id)).await.is_ok());
    assert_eq!(portal("440000").get(by_id(&created.id)).await.unwrap_err().code(), Code::NotFound);
    let request = DeleteTerritoryRequest { code: "440305".to_owned(), ..Default::default() };
    let refused = service.territories().delete_territory(service.as_admin(request)).await.unwrap_err();
    assert_eq!(reason(&refused), "TERRITORY_HAS_ACCOUNT_MANAGERS");
}

#[tokio::test]
async fn managers_that_are_placed_while_territories_move_lie_where_their_territory_lies() {
    let service = Service::with_tree().await;
    let portal = Portal::admin(&service);
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
    let places = async {
        for index in 0..20 {
            let (manager, _) = portal.create(employee(&format!("E{index}"), "330100"), "").await.unwrap();
            let moved = AccountManager { id: manager.id, territory_code: "440305".to_owned(), ..Default::default() };
            portal.update(moved, &[]).await.unwrap();
        }
    };
    tokio::join!(travels, places);
    let elsewhere = "select count(*) from client_registry.account_manager manager join client_registry.territory \
        on territory.code = manager.territory_code where manager.territory_path <> territory.path";
    assert_eq!(number(&mut service.database.admin().await, elsewhere).await, 0);
}
