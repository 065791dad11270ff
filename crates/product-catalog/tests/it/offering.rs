//! Drafts of offerings: creating, reading, listing, changing, deleting, revising.

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::Tier;
use guanxi_proto::product_catalog::v1::*;
use guanxi_test_support::with_token;
use tonic::{Code, Status};

use crate::support::{Service, characteristic, in_chinese, name, offering, reason, texts, violations};

async fn with_office() -> Service {
    let service = Service::start().await;
    service.category("OFFICE", "").await.unwrap();
    service
}

async fn get(service: &Service, code: &str, version_number: i32) -> Result<Offering, Status> {
    let key = Some(get_offering_request::Key::Code(code.to_owned()));
    let request = GetOfferingRequest { key, version_number };
    Ok(service.offerings().get_offering(service.as_admin(request)).await?.into_inner().offering.unwrap())
}

async fn listed(service: &Service, filter: &str) -> Vec<(String, i32)> {
    let request = ListOfferingsRequest { filter: filter.to_owned(), ..Default::default() };
    let page = service.offerings().list_offerings(service.as_admin(request)).await.unwrap().into_inner();
    page.offerings.into_iter().map(|offering| (offering.code, offering.version_number)).collect()
}

fn pairs(found: &[(&str, &str)]) -> Vec<(String, String)> {
    found.iter().map(|(field, reason)| (format!("offering.{field}"), String::from(*reason))).collect()
}

/// An offering with every field that may be sent.
fn everything() -> Offering {
    let codes = |codes: &[&str]| codes.iter().map(|&code| code.to_owned()).collect();
    let eligibility = Eligibility {
        tiers: vec![Tier::A.into(), Tier::B.into()],
        value_classes: vec![ValueClass::Strategic.into()],
        industry_codes: codes(&["I", "631"]),
        min_member_count: 10,
        max_member_count: 500,
        held_offering_codes: codes(&["BASE"]),
        lacking_offering_codes: codes(&["OLD"]),
        account_ids: codes(&["0192f0c1-2345-7abc-8def-0123456789ab"]),
    };
    Offering {
        description: Some(name("企业邮箱\n含移动端", "Mail for companies")),
        specification_code: "MAILBOX".to_owned(),
        supply: OfferingSupply::Partner.into(),
        partner_name: "伙伴".to_owned(),
        group_payment: true,
        trial_days: 30,
        valid_from_date: "2025-01-01".to_owned(),
        valid_to_date: "2099-12-31".to_owned(),
        available_territory_codes: codes(&["440000", "330000"]),
        eligibility: Some(eligibility),
        prerequisite_offering_codes: codes(&["BASE"]),
        excluded_offering_codes: codes(&["OLD"]),
        ..offering("MAIL")
    }
}

#[tokio::test]
async fn a_draft_comes_back_as_it_was_sent() {
    let service = with_office().await;
    let size = characteristic("SIZE", CharacteristicKind::Number);
    service.specification("MAILBOX", vec![size]).await.unwrap();
    let created = service.offering(everything()).await.unwrap();
    let expected = Offering {
        id: created.id.clone(),
        version_number: 1,
        state: OfferingState::Draft.into(),
        create_time: created.create_time,
        update_time: created.update_time,
        etag: "\"1\"".to_owned(),
        ..everything()
    };
    assert_eq!(created, expected);
    assert_eq!(get(&service, "MAIL", 0).await.unwrap(), created);
    let same = service.update_offering(created.clone(), &["*"]).await.unwrap();
    assert_eq!((same.position, same.offering.as_ref()), (0, Some(&created)));
    let emptied = Offering { id: created.id.clone(), category_codes: created.category_codes, ..offering("MAIL") };
    let emptied = service.update_offering(emptied, &["*"]).await.unwrap().offering.unwrap();
    assert_eq!((emptied.supply(), emptied.eligibility, emptied.description), (OfferingSupply::Own, None, None));
    assert_eq!(reason(&service.offering(offering("MAIL")).await.unwrap_err()), "RESOURCE_EXISTS");
}

#[tokio::test]
async fn wrong_fields_are_named_at_once() {
    let service = with_office().await;
    let wrong = Offering {
        code: "a b".to_owned(),
        name: None,
        category_codes: Vec::new(),
        supply: 9,
        trial_days: 366,
        valid_from_date: "2025-02-30".to_owned(),
        available_territory_codes: vec!["440000".to_owned(); 2],
        eligibility: Some(Eligibility { min_member_count: -1, ..Default::default() }),
        ..everything()
    };
    let expected = pairs(&[
        ("code", "FORMAT"),
        ("name.zh", "REQUIRED"),
        ("category_codes", "REQUIRED"),
        ("supply", "UNKNOWN_VALUE"),
        ("valid_from_date", "FORMAT"),
        ("trial_days", "OUT_OF_RANGE"),
        ("available_territory_codes[1]", "DUPLICATE"),
        ("eligibility.min_member_count", "OUT_OF_RANGE"),
    ]);
    assert_eq!(violations(&service.offering(wrong).await.unwrap_err()), expected);
    let unfitting = Offering {
        category_codes: vec!["OFFICE".to_owned(), "NONE".to_owned()],
        supply: OfferingSupply::Own.into(),
        valid_to_date: "2025-01-01".to_owned(),
        available_territory_codes: vec!["CN".to_owned(), "999999".to_owned()],
        prerequisite_offering_codes: vec!["MAIL".to_owned(), "OLD".to_owned()],
        ..everything()
    };
    let expected = pairs(&[
        ("partner_name", "NOT_APPLICABLE"),
        ("valid_to_date", "DATES_REVERSED"),
        ("prerequisite_offering_codes[0]", "CIRCULAR"),
        ("excluded_offering_codes[0]", "DUPLICATE"),
        ("category_codes[1]", "RESOURCE_NOT_FOUND"),
        ("specification_code", "RESOURCE_NOT_FOUND"),
        ("available_territory_codes[1]", "RESOURCE_NOT_FOUND"),
    ]);
    assert_eq!(violations(&service.offering(unfitting).await.unwrap_err()), expected);
    let partner = Offering { supply: OfferingSupply::Partner.into(), ..offering("MAIL") };
    assert_eq!(violations(&service.offering(partner).await.unwrap_err()), pairs(&[("partner_name", "REQUIRED")]));
    let reversed = Offering {
        valid_from_date: "2025-06-01".to_owned(),
        valid_to_date: "2025-06-01".to_owned(),
        ..offering("MAIL")
    };
    let request = CreateOfferingRequest { offering: Some(reversed), request_id: String::new() };
    let refused = service.offerings().create_offering(service.as_admin(request.clone())).await.unwrap_err();
    assert_eq!(texts(&refused)[0].1, "The end 2025-06-01 must be after the beginning 2025-06-01.");
    let refused = service.offerings().create_offering(in_chinese(service.as_admin(request))).await.unwrap_err();
    assert_eq!(texts(&refused)[0].1, "截止日期 2025-06-01 应晚于起始日期 2025-06-01。");
}

#[tokio::test]
async fn versions_are_read_by_number_and_listed_by_code_then_version() {
    let service = with_office().await;
    for code in ["MAIL", "CALL"] {
        let created = service.offering(offering(code)).await.unwrap();
        service.publish(&created.id).await.unwrap();
    }
    let second = service.revise("MAIL").await.unwrap();
    assert_eq!((second.version_number, second.state()), (2, OfferingState::Draft));
    assert_eq!(get(&service, "MAIL", 0).await.unwrap().version_number, 1);
    assert_eq!(get(&service, "MAIL", 2).await.unwrap(), second);
    assert_eq!(get(&service, "MAIL", 3).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(reason(&get(&service, "NONE", 0).await.unwrap_err()), "RESOURCE_NOT_FOUND");
    let codes = |found: &[(&str, i32)]| found.iter().map(|(code, number)| (String::from(*code), *number)).collect();
    let expected: Vec<(String, i32)> = codes(&[("CALL", 1), ("MAIL", 1), ("MAIL", 2)]);
    assert_eq!(listed(&service, "").await, expected);
    assert_eq!(listed(&service, "state = DRAFT AND category_codes:OFFICE AND supply = OWN").await, expected[2..]);
    assert_eq!(listed(&service, "code = MAIL AND version_number >= 1 AND group_payment = false").await, expected[1..]);
    assert_eq!(listed(&service, "partner_name:*").await, []);
    let refused = service.revise("MAIL").await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "STATE_FORBIDS"));
    assert_eq!(reason(&service.revise("NONE").await.unwrap_err()), "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn a_deleted_draft_comes_back_unless_another_took_its_place() {
    let service = with_office().await;
    let first = service.offering(offering("MAIL")).await.unwrap();
    service.publish(&first.id).await.unwrap();
    assert_eq!(reason(&service.delete_offering(&first.id).await.unwrap_err()), "STATE_FORBIDS");
    let second = service.revise("MAIL").await.unwrap();
    assert!(service.delete_offering(&second.id).await.unwrap().delete_time.is_some());
    assert_eq!(reason(&service.delete_offering(&second.id).await.unwrap_err()), "STATE_FORBIDS");
    assert_eq!(reason(&service.publish(&second.id).await.unwrap_err()), "STATE_FORBIDS");
    assert_eq!(reason(&service.update_offering(second.clone(), &["name"]).await.unwrap_err()), "STATE_FORBIDS");
    assert_eq!(listed(&service, "").await.len(), 1);
    assert_eq!(service.undelete_offering(&second.id).await.unwrap().state(), OfferingState::Draft);
    assert_eq!(reason(&service.undelete_offering(&second.id).await.unwrap_err()), "STATE_FORBIDS");
    service.delete_offering(&second.id).await.unwrap();
    let third = service.revise("MAIL").await.unwrap();
    assert_eq!(third.version_number, 3);
    let refused = service.undelete_offering(&second.id).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "RESOURCE_EXISTS"));
}

#[tokio::test]
async fn what_a_live_offering_names_is_not_deleted() {
    let service = with_office().await;
    let mail = service.category("MAILS", "OFFICE").await.unwrap();
    let mailbox = service.specification("MAILBOX", Vec::new()).await.unwrap();
    let draft = Offering {
        category_codes: vec![mail.code.clone()],
        specification_code: mailbox.code.clone(),
        ..offering("MAIL")
    };
    let draft = service.offering(draft).await.unwrap();
    let category = DeleteCategoryRequest { id: mail.id.clone(), ..Default::default() };
    let specification = DeleteSpecificationRequest { id: mailbox.id.clone(), ..Default::default() };
    let refused = service.categories().delete_category(service.as_admin(category.clone())).await.unwrap_err();
    assert_eq!(reason(&refused), "CATEGORY_NOT_EMPTY");
    let request = service.as_admin(specification.clone());
    assert_eq!(reason(&service.specifications().delete_specification(request).await.unwrap_err()), "STILL_NEEDED");
    service.publish(&draft.id).await.unwrap();
    let request = service.as_admin(specification.clone());
    assert_eq!(reason(&service.specifications().delete_specification(request).await.unwrap_err()), "STILL_NEEDED");
    service.retire(retire_offering_request::Key::Id(draft.id), "").await.unwrap();
    service.categories().delete_category(service.as_admin(category)).await.unwrap();
    service.specifications().delete_specification(service.as_admin(specification)).await.unwrap();
    // A revision names them again, but cannot be published so.
    let second = service.revise("MAIL").await.unwrap();
    assert_eq!(reason(&service.publish(&second.id).await.unwrap_err()), "NOT_PUBLISHABLE");
}

#[tokio::test]
async fn only_the_whole_operator_changes_offerings() {
    let service = with_office().await;
    let draft = service.offering(offering("MAIL")).await.unwrap();
    let somewhere = service.keys.token("E1001", &[(Role::ProductManager, "440000")]);
    let create = CreateOfferingRequest { offering: Some(offering("CALL")), request_id: String::new() };
    let publish = PublishOfferingRequest { id: draft.id, ..Default::default() };
    for refused in [
        service.offerings().create_offering(with_token(create, &somewhere)).await.unwrap_err(),
        service.offerings().publish_offering(with_token(publish, &somewhere)).await.unwrap_err(),
    ] {
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "CATALOG_IS_OPERATOR_WIDE"));
    }
    let seen = service.offerings().list_offerings(with_token(ListOfferingsRequest::default(), &somewhere)).await;
    assert_eq!(seen.unwrap().into_inner().offerings.len(), 1);
}
