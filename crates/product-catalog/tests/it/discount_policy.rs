//! Discount policies: the methods as a portal uses them.

use guanxi_auth::Role;
use guanxi_proto::product_catalog::v1::discount_policy_service_client::DiscountPolicyServiceClient;
use guanxi_proto::product_catalog::v1::*;
use guanxi_test_support::{Keys, TestDatabase, channel, with_token};
use prost_types::FieldMask;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::support::{Service, in_chinese, named, refusal, serve, text, violations};

type Answer = Result<(DiscountPolicy, i64), Status>;

fn client(service: &Service) -> DiscountPolicyServiceClient<Channel> {
    DiscountPolicyServiceClient::new(service.channel.clone())
}

fn by_category(code: &str) -> GetDiscountPolicyRequest {
    GetDiscountPolicyRequest { key: Some(get_discount_policy_request::Key::CategoryCode(code.to_owned())) }
}

async fn get(service: &Service, request: GetDiscountPolicyRequest) -> Result<DiscountPolicy, Status> {
    let answer = client(service).get_discount_policy(service.as_admin(request)).await?;
    Ok(answer.into_inner().discount_policy.unwrap())
}

async fn create(service: &Service, policy: DiscountPolicy, request_id: &str) -> Answer {
    let request = CreateDiscountPolicyRequest { discount_policy: Some(policy), request_id: request_id.to_owned() };
    let answer = client(service).create_discount_policy(service.as_admin(request)).await?.into_inner();
    Ok((answer.discount_policy.unwrap(), answer.position))
}

async fn update(service: &Service, policy: DiscountPolicy, paths: &[&str]) -> Answer {
    let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
    let update_mask = (!paths.is_empty()).then_some(FieldMask { paths });
    let request = UpdateDiscountPolicyRequest { discount_policy: Some(policy), update_mask, ..Default::default() };
    let answer = client(service).update_discount_policy(service.as_admin(request)).await?.into_inner();
    Ok((answer.discount_policy.unwrap(), answer.position))
}

fn deletion(id: &str) -> DeleteDiscountPolicyRequest {
    DeleteDiscountPolicyRequest { id: id.to_owned(), ..Default::default() }
}

fn authorities(percents: [&str; 5], margins: [&str; 5]) -> Vec<DiscountAuthority> {
    let levels = (1..=5).zip(percents).zip(margins);
    levels
        .map(|((level, percent), margin)| DiscountAuthority {
            level,
            max_discount_percent: percent.to_owned(),
            min_margin_percent: margin.to_owned(),
        })
        .collect()
}

const PERCENTS: [&str; 5] = ["5", "10", "15", "25", "40"];

fn policy(category_code: &str) -> DiscountPolicy {
    DiscountPolicy {
        category_code: category_code.to_owned(),
        authorities: authorities(["3", "6", "9.5", "9.5", "30"], ["20", "15", "10", "-5", ""]),
        reason: "薄利产品".to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn the_default_policy_is_there_once_and_stays() {
    let service = Service::start().await;
    let default = get(&service, by_category("")).await.unwrap();
    assert_eq!(default.authorities, authorities(PERCENTS, [""; 5]));
    let history = service.history("discount_policy", &default.id).await;
    assert_eq!((history.len(), history[0].actor.as_str()), (1, "service:product-catalog"));
    assert_eq!(history[0].r#type, "guanxi.product_catalog.v1.discount_policy.created");

    // Another replica finds it.
    let replica = service.another(8);
    let mut other = DiscountPolicyServiceClient::new(channel(replica.address));
    let found = other.get_discount_policy(service.as_admin(by_category(""))).await.unwrap().into_inner();
    assert_eq!(found.discount_policy.unwrap(), default);

    let request = in_chinese(service.as_admin(deletion(&default.id)));
    let chinese = client(&service).delete_discount_policy(request).await.unwrap_err();
    let english = client(&service).delete_discount_policy(service.as_admin(deletion(&default.id))).await.unwrap_err();
    assert_eq!(refusal(&chinese), (Code::FailedPrecondition, "DEFAULT_POLICY_STAYS".to_owned()));
    assert_eq!(text(&chinese), "默认优惠权限不能删除，只能修改。");
    assert_eq!(text(&english), "The default discount policy cannot be deleted; change it instead.");
    let second = create(&service, policy(""), "").await.unwrap_err();
    assert_eq!(refusal(&second), (Code::AlreadyExists, "RESOURCE_EXISTS".to_owned()));

    let raised = DiscountPolicy {
        id: default.id.clone(),
        authorities: authorities(["5", "10", "15", "25", "45.50"], [""; 5]),
        ..Default::default()
    };
    let (changed, position) = update(&service, raised, &[]).await.unwrap();
    assert_eq!((changed.authorities[4].max_discount_percent.as_str(), changed.etag.as_str()), ("45.5", "\"2\""));
    assert!(position > 0);
}

#[tokio::test]
async fn everything_wrong_with_a_policy_is_named_at_once() {
    let service = Service::start().await;
    let refused = async |authorities: Vec<DiscountAuthority>| {
        let sent = DiscountPolicy { authorities, ..policy("MARKETING") };
        violations(&create(&service, sent, "").await.unwrap_err())
    };
    let wrong = |fields: &[(&str, &str)]| named("discount_policy", fields);
    assert_eq!(refused(Vec::new()).await, wrong(&[("authorities", "REQUIRED")]));
    assert_eq!(refused(policy("").authorities[1..].to_vec()).await, wrong(&[("authorities", "FORMAT")]));
    let twice = [policy("").authorities, policy("").authorities[..1].to_vec()].concat();
    assert_eq!(refused(twice).await, wrong(&[("authorities", "TOO_MANY")]));

    let mut mixed = policy("").authorities;
    mixed[0].level = 9;
    mixed[1].max_discount_percent = "100.5".to_owned();
    mixed[2].max_discount_percent = String::new();
    mixed[3].min_margin_percent = "-1000.01".to_owned();
    mixed[4].level = 3;
    let expected = [
        ("authorities[0].level", "UNKNOWN_VALUE"),
        ("authorities[1].max_discount_percent", "OUT_OF_RANGE"),
        ("authorities[2].max_discount_percent", "REQUIRED"),
        ("authorities[3].min_margin_percent", "OUT_OF_RANGE"),
    ];
    assert_eq!(refused(mixed).await, wrong(&expected));

    // The place is that in the request, whatever the order.
    let mut falling = authorities(["5", "4.99", "15", "25", "40"], ["10", "10", "10", "10.01", ""]);
    falling.reverse();
    let not_rising = [
        ("authorities[3].max_discount_percent", "AUTHORITY_NOT_RISING"),
        ("authorities[1].min_margin_percent", "AUTHORITY_NOT_RISING"),
    ];
    assert_eq!(refused(falling).await, wrong(&not_rising));
    let code = create(&service, DiscountPolicy { reason: "x".repeat(501), ..policy("营销") }, "").await.unwrap_err();
    assert_eq!(violations(&code), wrong(&[("category_code", "FORMAT"), ("reason", "TOO_LONG")]));
    let nothing = get(&service, GetDiscountPolicyRequest::default()).await.unwrap_err();
    assert_eq!(violations(&nothing), [("key".to_owned(), "REQUIRED".to_owned())]);
}

#[tokio::test]
async fn who_has_a_part_of_the_tree_reads_policies_and_changes_none() {
    let service = Service::start().await;
    let default = get(&service, by_category("")).await.unwrap();
    let token = service.keys.token("E2", &[(Role::Director, "440000")]);
    let read = client(&service).get_discount_policy(with_token(by_category(""), &token)).await.unwrap();
    assert_eq!(read.into_inner().discount_policy.unwrap(), default);
    let refused = client(&service).delete_discount_policy(with_token(deletion(&default.id), &token)).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::PermissionDenied, "CATALOG_IS_OPERATOR_WIDE".to_owned()));
}

#[tokio::test]
async fn a_category_has_one_policy_that_comes_and_goes_and_keeps_it() {
    let service = Service::start().await;
    let none = create(&service, policy("MARKETING"), "").await.unwrap_err();
    assert_eq!(refusal(&none), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()));
    let category = service.category("MARKETING", "").await.unwrap();
    let request_id = uuid::Uuid::now_v7().to_string();
    let (created, position) = create(&service, policy("MARKETING"), &request_id).await.unwrap();
    assert!(position > 0);
    assert_eq!(created.authorities, policy("").authorities);
    assert_eq!(create(&service, policy("MARKETING"), &request_id).await.unwrap(), (created.clone(), 0));
    assert_eq!(get(&service, by_category("MARKETING")).await.unwrap(), created);
    let second = create(&service, policy("MARKETING"), "").await.unwrap_err();
    assert_eq!(refusal(&second), (Code::AlreadyExists, "RESOURCE_EXISTS".to_owned()));

    let renamed = DiscountPolicy { category_code: "OTHER".to_owned(), ..created.clone() };
    let immutable = violations(&update(&service, renamed, &[]).await.unwrap_err());
    assert_eq!(immutable, named("discount_policy", &[("category_code", "IMMUTABLE")]));
    let bare = DiscountPolicy { id: created.id.clone(), etag: created.etag.clone(), ..Default::default() };
    let (changed, _) = update(&service, bare.clone(), &["reason"]).await.unwrap();
    assert_eq!((changed.reason.as_str(), &changed.authorities), ("", &created.authorities));
    let stale = update(&service, bare, &["reason"]).await.unwrap_err();
    assert_eq!(refusal(&stale), (Code::Aborted, "ETAG_MISMATCH".to_owned()));

    let kept = DeleteCategoryRequest { id: category.id.clone(), ..Default::default() };
    let refused = service.categories().delete_category(service.as_admin(kept.clone())).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::FailedPrecondition, "CATEGORY_NOT_EMPTY".to_owned()));
    let deletion = deletion(&created.id);
    client(&service).delete_discount_policy(service.as_admin(deletion.clone())).await.unwrap();
    let twice = client(&service).delete_discount_policy(service.as_admin(deletion)).await.unwrap_err();
    assert_eq!(refusal(&twice), (Code::FailedPrecondition, "STATE_FORBIDS".to_owned()));
    let list = |show_deleted| ListDiscountPoliciesRequest { show_deleted, with_total: true, ..Default::default() };
    for (show_deleted, total) in [(false, 1), (true, 2)] {
        let request = service.as_admin(list(show_deleted));
        let page = client(&service).list_discount_policies(request).await.unwrap().into_inner();
        assert_eq!((page.total, page.discount_policies[0].category_code.as_str()), (total, ""));
    }

    // Its category must be there for it to come back.
    let back = UndeleteDiscountPolicyRequest { id: created.id.clone(), ..Default::default() };
    service.categories().delete_category(service.as_admin(kept)).await.unwrap();
    let refused = client(&service).undelete_discount_policy(service.as_admin(back.clone())).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()));
    let undelete = UndeleteCategoryRequest { id: category.id, ..Default::default() };
    service.categories().undelete_category(service.as_admin(undelete)).await.unwrap();
    let undeleted = client(&service).undelete_discount_policy(service.as_admin(back.clone())).await.unwrap();
    assert_eq!(undeleted.into_inner().discount_policy.unwrap().authorities, created.authorities);
    let twice = client(&service).undelete_discount_policy(service.as_admin(back)).await.unwrap_err();
    assert_eq!(refusal(&twice), (Code::FailedPrecondition, "STATE_FORBIDS".to_owned()));
    assert_eq!(service.history("discount_policy", &created.id).await.len(), 4);
}

#[tokio::test]
async fn replicas_that_start_at_the_same_moment_make_one_default_policy() {
    let database = TestDatabase::create(product_catalog::SCHEMA, &product_catalog::MIGRATOR).await;
    let keys = Keys::new();
    let replicas: Vec<_> = (0..3).map(|_| serve(database.service_url(), &keys, 512)).collect();
    let token = keys.token("E1", &[(Role::Administrator, "*")]);
    let mut found = Vec::new();
    for replica in &replicas {
        let mut client = DiscountPolicyServiceClient::new(channel(replica.address));
        let answer = client.get_discount_policy(with_token(by_category(""), &token)).await.unwrap();
        found.push(answer.into_inner().discount_policy.unwrap());
    }
    assert!(found.iter().all(|policy| *policy == found[0]), "{found:?}");
}
