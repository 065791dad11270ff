//! The assignment policy: numbers that an operator reads and changes.

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::*;
use guanxi_proto::events::v1::ListChangesRequest;
use guanxi_test_support::with_token;
use prost_types::FieldMask;

use crate::support::{Service, employee, named, reason};

async fn policy(service: &Service, token: &str) -> AssignmentPolicy {
    let request = with_token(GetAssignmentPolicyRequest {}, token);
    service.policies().get_assignment_policy(request).await.unwrap().into_inner().assignment_policy.unwrap()
}

async fn change(service: &Service, policy: AssignmentPolicy, paths: &[&str]) -> (AssignmentPolicy, i64) {
    let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
    let update_mask = (!paths.is_empty()).then_some(FieldMask { paths });
    let request = UpdateAssignmentPolicyRequest { assignment_policy: Some(policy), update_mask, ..Default::default() };
    let answer = service.policies().update_assignment_policy(service.as_admin(request)).await.unwrap().into_inner();
    (answer.assignment_policy.unwrap(), answer.position)
}

#[tokio::test]
async fn the_policy_is_read_everywhere_and_its_history_is_kept() {
    let service = Service::with_tree().await;
    let shipped = policy(&service, &service.token(Role::AccountManager, "440305")).await;
    let expected = AssignmentPolicy {
        id: shipped.id.clone(),
        tier_a_min_grade: 4,
        tier_b_min_grade: 2,
        tier_c_min_grade: 1,
        untiered_min_grade: 1,
        field_max_accounts: 250,
        industry_max_accounts: 250,
        phone_max_accounts: 1_000,
        tier_c_channel: AccountManagerChannel::Phone.into(),
        vacancy_days: 7,
        update_time: None,
        etag: "\"0\"".to_owned(),
    };
    assert_eq!(shipped, expected);
    let wanted = AssignmentPolicy { vacancy_days: 3, etag: shipped.etag.clone(), ..Default::default() };
    let (changed, position) = change(&service, wanted, &[]).await;
    assert!(position > 0 && changed.update_time.is_some());
    assert_eq!(
        AssignmentPolicy { update_time: None, ..changed.clone() },
        AssignmentPolicy { vacancy_days: 3, etag: "\"1\"".to_owned(), ..shipped.clone() }
    );
    // An emptied channel lets tier C go anywhere; the same again changes nothing.
    let (any, _) = change(&service, AssignmentPolicy::default(), &["tier_c_channel"]).await;
    assert_eq!(any.tier_c_channel(), AccountManagerChannel::Unspecified);
    assert_eq!(change(&service, AssignmentPolicy::default(), &["tier_c_channel"]).await, (any.clone(), 0));
    assert_eq!(policy(&service, &service.token(Role::Analyst, "330100")).await, any);

    let request = ListChangesRequest { subject: format!("assignment_policy/{}", shipped.id), ..Default::default() };
    let token = service.token(Role::Auditor, "440305");
    let log = service.changes().list_changes(with_token(request, &token)).await.unwrap().into_inner().changes;
    let seen: Vec<_> = log.iter().map(|change| (change.version, change.fields[0].field.as_str())).collect();
    assert_eq!(seen, [(2, "tier_c_channel"), (1, "vacancy_days")]);
    assert_eq!((log[1].fields[0].before.as_str(), log[1].fields[0].after.as_str()), ("7", "3"));
}

#[tokio::test]
async fn changed_numbers_hold_from_then_on() {
    let service = Service::with_tree().await;
    let manager = service.manager(employee("E1", "440305")).await.unwrap();
    let account = async |name: &str| service.account(named(name, "440305")).await.unwrap().id;
    let (first, second, third) = (account("第一家").await, account("第二家").await, account("第三家").await);
    service.assign(&first, &manager.id).await.unwrap();
    let tight = AssignmentPolicy { field_max_accounts: 1, ..Default::default() };
    change(&service, tight, &[]).await;
    assert_eq!(reason(&service.assign(&second, &manager.id).await.unwrap_err()), "LOAD_FULL");
    change(&service, AssignmentPolicy { field_max_accounts: 2, ..Default::default() }, &[]).await;
    service.assign(&second, &manager.id).await.unwrap();
    let strict = AssignmentPolicy { field_max_accounts: 9, untiered_min_grade: 2, ..Default::default() };
    change(&service, strict, &[]).await;
    assert_eq!(reason(&service.assign(&third, &manager.id).await.unwrap_err()), "GRADE_TOO_LOW");
}
