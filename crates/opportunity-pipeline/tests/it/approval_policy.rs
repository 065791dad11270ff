//! The policy by which quotes need approval.

use guanxi_proto::opportunity_pipeline::v1::approval_policy_service_client::ApprovalPolicyServiceClient;
use guanxi_proto::opportunity_pipeline::v1::*;
use guanxi_proto::product_catalog::v1::AuthorityLevel;
use guanxi_test_support::contract::INSIDE;
use tonic::Status;

use crate::support::{Service, money, named, offer, violations};

async fn update(service: &Service, policy: ApprovalPolicy) -> Result<ApprovalPolicy, Status> {
    let request = UpdateApprovalPolicyRequest { approval_policy: Some(policy), ..Default::default() };
    let mut client = ApprovalPolicyServiceClient::new(service.channel.clone());
    Ok(client.update_approval_policy(service.as_admin(request)).await?.into_inner().approval_policy.unwrap())
}

fn threshold(amount: &str, currency_code: &str, level: AuthorityLevel) -> ApprovalThreshold {
    ApprovalThreshold { above_amount: Some(money(amount, currency_code)), level: level.into() }
}

#[tokio::test]
async fn the_shipped_policy_is_there_once_however_many_replicas_start() {
    let service = Service::start().await;
    let others = [service.another(8), service.another(8)];
    let mut client = ApprovalPolicyServiceClient::new(service.channel.clone());
    let request = service.as_admin(GetApprovalPolicyRequest {});
    let policy = client.get_approval_policy(request).await.unwrap().into_inner().approval_policy.unwrap();
    let shipped = [
        threshold("500000", "CNY", AuthorityLevel::City),
        threshold("2000000", "CNY", AuthorityLevel::Province),
        threshold("10000000", "CNY", AuthorityLevel::Headquarters),
    ];
    assert_eq!((policy.thresholds.as_slice(), policy.etag.as_str()), (shipped.as_slice(), "\"1\""));
    assert_eq!((policy.flagship_level(), policy.loss_level()), (AuthorityLevel::Province, AuthorityLevel::Province));
    others.into_iter().for_each(guanxi_test_support::Running::end);
    let mut stream = service.follow(&service.admin, 0, &[]).await.unwrap();
    let mut kinds = Vec::new();
    while kinds.len() < 2 {
        kinds.extend(stream.message().await.unwrap().unwrap().event.map(|event| event.r#type));
    }
    assert_eq!(service.head().await, 2, "{kinds:?}");
}

#[tokio::test]
async fn a_changed_policy_holds_for_what_is_quoted_from_then_on() {
    let service = Service::start().await;
    let before = service.draft(&service.admin, INSIDE, vec![offer("CLOUD", 1)]).await;
    let policy =
        ApprovalPolicy { thresholds: vec![threshold("999", "CNY", AuthorityLevel::County)], ..Default::default() };
    assert_eq!(update(&service, policy).await.unwrap().flagship_level(), AuthorityLevel::Province);
    assert_eq!(before.required_level(), AuthorityLevel::Manager);
    let waiting = service.submit(&service.admin, &before.id).await.unwrap();
    assert_eq!((waiting.state(), waiting.required_level()), (QuoteState::Waiting, AuthorityLevel::County));
}

#[tokio::test]
async fn a_policy_that_makes_no_sense_is_refused() {
    let service = Service::start().await;
    let thresholds = vec![
        threshold("2000", "CNY", AuthorityLevel::City),
        threshold("2000", "CNY", AuthorityLevel::Province),
        threshold("1", "USD", AuthorityLevel::County),
    ];
    let status = update(&service, ApprovalPolicy { thresholds, ..Default::default() }).await.unwrap_err();
    let expected = [("approval_policy.thresholds[1].above_amount", "THRESHOLD_NOT_RISING")];
    assert_eq!(violations(&status), named(&expected));
    let thresholds = vec![
        threshold("2000", "CNY", AuthorityLevel::Manager),
        threshold("-1", "CNY", AuthorityLevel::Province),
        ApprovalThreshold::default(),
        threshold("1", "USD", AuthorityLevel::County),
        threshold("2", "USD", AuthorityLevel::County),
    ];
    let status = update(&service, ApprovalPolicy { thresholds, ..Default::default() }).await.unwrap_err();
    let expected = [
        ("approval_policy.thresholds[0].level", "UNKNOWN_VALUE"),
        ("approval_policy.thresholds[1].above_amount.amount", "OUT_OF_RANGE"),
        ("approval_policy.thresholds[2].above_amount", "REQUIRED"),
        ("approval_policy.thresholds[4]", "DUPLICATE"),
    ];
    assert_eq!(violations(&status), named(&expected));
}
