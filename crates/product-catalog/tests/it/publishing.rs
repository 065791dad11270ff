//! What is published and retired, and that a published version never changes.

use guanxi_proto::events::v1::ListChangesRequest;
use guanxi_proto::product_catalog::v1::retire_offering_request::Key;
use guanxi_proto::product_catalog::v1::*;
use prost_types::FieldMask;
use sqlx::Row;
use tonic::Code;

use crate::support::{Service, characteristic, in_chinese, needing, offering, reason, text, violations};

async fn with_office() -> Service {
    let service = Service::start().await;
    service.category("OFFICE", "").await.unwrap();
    service
}

async fn published(service: &Service, draft: Offering) -> Offering {
    let draft = service.offering(draft).await.unwrap();
    service.publish(&draft.id).await.unwrap()
}

fn code(code: &str) -> Key {
    Key::Code(code.to_owned())
}

#[tokio::test]
async fn a_published_version_keeps_what_could_be_configured_then() {
    let service = with_office().await;
    let size = characteristic("SIZE", CharacteristicKind::Number);
    let mailbox = service.specification("MAILBOX", vec![size.clone()]).await.unwrap();
    let draft = Offering { specification_code: "MAILBOX".to_owned(), ..offering("MAIL") };
    let draft = service.offering(draft).await.unwrap();
    assert_eq!(draft.characteristics, []);
    let first = service.publish(&draft.id).await.unwrap();
    assert_eq!((first.state(), first.characteristics.clone()), (OfferingState::Published, vec![size]));
    assert!(first.publish_time.is_some());
    let request = UpdateSpecificationRequest {
        specification: Some(Specification { characteristics: Vec::new(), ..mailbox }),
        update_mask: Some(FieldMask { paths: vec!["characteristics".to_owned()] }),
        request_id: String::new(),
    };
    service.specifications().update_specification(service.as_admin(request)).await.unwrap();
    let get = GetOfferingRequest { key: Some(get_offering_request::Key::Id(draft.id)), version_number: 0 };
    let got = service.offerings().get_offering(service.as_admin(get)).await.unwrap().into_inner();
    assert_eq!(got.offering, Some(first));
    let second = service.revise("MAIL").await.unwrap();
    assert_eq!(second.characteristics, []);
    assert_eq!(service.publish(&second.id).await.unwrap().characteristics, []);
}

#[tokio::test]
async fn everything_missing_is_named_in_both_languages() {
    let service = with_office().await;
    let draft = Offering {
        excluded_offering_codes: vec!["OLD".to_owned()],
        eligibility: Some(Eligibility { held_offering_codes: vec!["BASE".to_owned()], ..Default::default() }),
        valid_to_date: "2025-01-01".to_owned(),
        ..needing("MAIL", &["DRAFT", "NONE"])
    };
    let draft = service.offering(draft).await.unwrap();
    service.offering(offering("DRAFT")).await.unwrap();
    let request = PublishOfferingRequest { id: draft.id, ..Default::default() };
    let refused = service.offerings().publish_offering(service.as_admin(request.clone())).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "NOT_PUBLISHABLE"));
    let missing =
        "prerequisite_offering_codes, excluded_offering_codes, eligibility.held_offering_codes, valid_to_date";
    let expected = [
        ("offering.prerequisite_offering_codes[1]", "RESOURCE_NOT_FOUND"),
        ("offering.excluded_offering_codes[0]", "RESOURCE_NOT_FOUND"),
        ("offering.eligibility.held_offering_codes[0]", "RESOURCE_NOT_FOUND"),
        ("offering.valid_to_date", "OUT_OF_RANGE"),
    ];
    assert_eq!(violations(&refused), expected.map(|(field, reason)| (field.to_owned(), reason.to_owned())));
    assert_eq!(text(&refused), format!("Cannot be published yet: {missing}."));
    let refused = service.offerings().publish_offering(in_chinese(service.as_admin(request))).await.unwrap_err();
    assert_eq!(text(&refused), format!("尚不能发布：{missing}。"));
}

#[tokio::test]
async fn published_offerings_do_not_need_themselves() {
    let service = with_office().await;
    service.offering(offering("C")).await.unwrap();
    let a = service.offering(needing("A", &["B"])).await.unwrap();
    let b = service.offering(needing("B", &["C"])).await.unwrap();
    service.publish(&a.id).await.unwrap();
    service.publish(&b.id).await.unwrap();
    let get = GetOfferingRequest { key: Some(get_offering_request::Key::Code("C".to_owned())), version_number: 1 };
    let c = service.offerings().get_offering(service.as_admin(get)).await.unwrap().into_inner().offering.unwrap();
    let c = Offering { prerequisite_offering_codes: vec!["A".to_owned()], ..c };
    let c = service.update_offering(c, &["prerequisite_offering_codes"]).await.unwrap().offering.unwrap();
    let request = PublishOfferingRequest { id: c.id.clone(), ..Default::default() };
    let refused = service.offerings().publish_offering(service.as_admin(request.clone())).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "CIRCULAR"));
    assert_eq!(text(&refused), "\"C\" leads back to itself.");
    let refused = service.offerings().publish_offering(in_chinese(service.as_admin(request))).await.unwrap_err();
    assert_eq!(text(&refused), "“C”形成循环。");
}

#[tokio::test]
async fn two_that_need_each_other_are_not_published_at_one_moment() {
    let service = with_office().await;
    for round in 0..8 {
        let (one, other) = (format!("A{round}"), format!("B{round}"));
        let a = service.offering(needing(&one, &[&other])).await.unwrap();
        let b = service.offering(needing(&other, &[&one])).await.unwrap();
        let (a, b) = tokio::join!(service.publish(&a.id), service.publish(&b.id));
        let refused = [a.err(), b.err()];
        let refused: Vec<String> = refused.iter().flatten().map(reason).collect();
        assert_eq!(refused, ["CIRCULAR"]);
    }
}

#[tokio::test]
async fn what_is_needed_stays_on_sale() {
    let service = with_office().await;
    let base = published(&service, offering("BASE")).await;
    let extra = service.offering(offering("EXTRA")).await.unwrap();
    let mail = published(&service, needing("MAIL", &["BASE", "EXTRA"])).await;
    let refused = service.retire(code("BASE"), "").await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "STILL_NEEDED"));
    assert_eq!(text(&refused), "MAIL still needs it.");
    let request = RetireOfferingRequest { key: Some(Key::Id(base.id.clone())), ..Default::default() };
    let refused = service.offerings().retire_offering(in_chinese(service.as_admin(request))).await.unwrap_err();
    assert_eq!(text(&refused), "MAIL 仍需要它。");
    assert_eq!(reason(&service.delete_offering(&extra.id).await.unwrap_err()), "STILL_NEEDED");
    let second = service.revise("BASE").await.unwrap();
    assert_eq!(reason(&service.retire(Key::Id(base.id.clone()), "").await.unwrap_err()), "STILL_NEEDED");
    service.publish(&second.id).await.unwrap();
    // The second version is still there for whoever needs one.
    let gone = service.retire(Key::Id(base.id), "").await.unwrap();
    assert_eq!((gone.len(), gone[0].state()), (1, OfferingState::Retired));
    service.retire(Key::Id(mail.id), "BASE").await.unwrap();
    assert_eq!(service.retire(code("BASE"), "").await.unwrap().len(), 2);
    service.delete_offering(&extra.id).await.unwrap();
}

#[tokio::test]
async fn a_retirement_is_one_change_of_every_version_and_repeats() {
    let service = with_office().await;
    let first = published(&service, offering("MAIL")).await;
    let second = service.revise("MAIL").await.unwrap();
    service.publish(&second.id).await.unwrap();
    published(&service, offering("NEW")).await;
    service.offering(offering("DRAFT")).await.unwrap();
    for (successor, expected) in [("MAIL", "CIRCULAR"), ("NONE", "RESOURCE_NOT_FOUND"), ("DRAFT", "RESOURCE_NOT_FOUND")]
    {
        let refused = service.retire(code("MAIL"), successor).await.unwrap_err();
        assert_eq!(violations(&refused), [("successor_code".to_owned(), expected.to_owned())]);
    }
    let request = RetireOfferingRequest {
        key: Some(code("MAIL")),
        successor_code: "NEW".to_owned(),
        request_id: "0192f0c1-2345-7abc-8def-0123456789ab".to_owned(),
        ..Default::default()
    };
    let with_etag = RetireOfferingRequest { etag: "\"2\"".to_owned(), ..request.clone() };
    let refused = service.offerings().retire_offering(service.as_admin(with_etag)).await.unwrap_err();
    assert_eq!(violations(&refused), [("etag".to_owned(), "NOT_APPLICABLE".to_owned())]);
    let stale =
        RetireOfferingRequest { key: Some(Key::Id(first.id.clone())), etag: "\"7\"".to_owned(), ..Default::default() };
    assert_eq!(
        reason(&service.offerings().retire_offering(service.as_admin(stale)).await.unwrap_err()),
        "ETAG_MISMATCH"
    );
    let retired = service.offerings().retire_offering(service.as_admin(request.clone())).await.unwrap().into_inner();
    let shown: Vec<_> =
        retired.offerings.iter().map(|one| (one.version_number, one.state(), one.successor_code.as_str())).collect();
    assert_eq!(shown, [(1, OfferingState::Retired, "NEW"), (2, OfferingState::Retired, "NEW")]);
    let again = service.offerings().retire_offering(service.as_admin(request)).await.unwrap().into_inner();
    assert_eq!((again.offerings, again.position), (retired.offerings, 0));
    assert_eq!(reason(&service.retire(code("MAIL"), "").await.unwrap_err()), "STATE_FORBIDS");
    let subject = format!("offering/{}", first.id);
    let request = service.as_admin(ListChangesRequest { subject, ..Default::default() });
    let changes = service.changes().list_changes(request).await.unwrap().into_inner().changes;
    assert_eq!(changes.len(), 3);
}

/// What must not change of a published version, by id.
async fn stored(service: &Service) -> Vec<(String, String)> {
    let mut admin = service.database.admin().await;
    let rows = sqlx::raw_sql(
        "select id::text, (to_jsonb(offering) - array['state', 'retire_time', 'successor_code', 'version', 'update_time'])::text \
         from product_catalog.offering where state <> 'DRAFT' order by id",
    );
    let rows = rows.fetch_all(&mut admin).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn no_verb_changes_what_was_published() {
    let service = with_office().await;
    service.specification("MAILBOX", vec![characteristic("SIZE", CharacteristicKind::Number)]).await.unwrap();
    let draft = Offering { specification_code: "MAILBOX".to_owned(), trial_days: 7, ..offering("MAIL") };
    let first = published(&service, draft).await;
    published(&service, offering("NEW")).await;
    let before = stored(&service).await;
    assert_eq!(before.len(), 2);
    let mut numbers: u64 = 7;
    let mut newest = first.clone();
    for step in 0..60 {
        // Two numbers in a row decide what is done, and to what; the same in every run.
        numbers = numbers.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (verb, id) =
            ((numbers >> 33) % 8, if (numbers >> 40).is_multiple_of(2) { &first.id } else { &newest.id }.clone());
        let other = Offering { id: id.clone(), trial_days: step, ..offering("MAIL") };
        let changed = match verb {
            0 => service.update_offering(other, &["trial_days", "name", "specification_code"]).await.is_ok(),
            1 => service.publish(&id).await.is_ok(),
            2 => service.delete_offering(&id).await.is_ok(),
            3 => service.undelete_offering(&id).await.is_ok(),
            4 if step > 30 => service.retire(Key::Id(id.clone()), "NEW").await.is_ok(),
            5 if step > 50 => service.retire(code("MAIL"), "").await.is_ok(),
            _ => match service.revise("MAIL").await {
                Ok(draft) => {
                    newest = draft;
                    true
                }
                Err(refused) => {
                    assert_eq!(reason(&refused), "STATE_FORBIDS");
                    false
                }
            },
        };
        assert!(!(changed && id == first.id && verb < 4), "verb {verb} changed a published version");
        let now = stored(&service).await;
        assert!(before.iter().all(|version| now.contains(version)), "verb {verb} at step {step}");
    }
    assert!(stored(&service).await.len() > 3, "drafts were published meanwhile");
}
