//! A request that is sent again takes effect once, also after a restart or a failure.

use guanxi_proto::client_registry::v1::*;
use guanxi_test_support::with_token;
use tonic::Status;

use crate::support::{Service, eventually, named, number, reason, rows};

fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

async fn create(
    service: &Service,
    token: &str,
    account: Account,
    request_id: &str,
) -> Result<CreateAccountResponse, Status> {
    let request = CreateAccountRequest { account: Some(account), request_id: request_id.to_owned() };
    Ok(service.accounts().create_account(with_token(request, token)).await?.into_inner())
}

#[tokio::test]
async fn a_request_that_failed_may_be_sent_again_corrected() {
    let service = Service::with_tree().await;
    let request_id = new_id();
    let refused = create(&service, &service.admin, named("样例", "999999"), &request_id).await.unwrap_err();
    assert_eq!(reason(&refused), "RESOURCE_NOT_FOUND");
    let created = create(&service, &service.admin, named("样例", "440305"), &request_id).await.unwrap();
    assert!(created.position > 0);
}

#[tokio::test]
async fn who_waits_for_a_request_that_is_given_up_carries_it_out() {
    let service = Service::with_tree().await;
    let parent = service.account(named("集团", "440305")).await.unwrap();
    let (mut holder, mut watcher) = (service.database.admin().await, service.database.admin().await);
    rows(&mut holder, "begin").await;
    rows(&mut holder, "select from client_registry.tree for update").await;
    let request = CreateAccountRequest {
        account: Some(Account { parent_account_id: parent.id, ..named("子公司", "440305") }),
        request_id: new_id(),
    };
    let call = || {
        let (mut client, request) = (service.accounts(), service.as_admin(request.clone()));
        tokio::spawn(async move { client.create_account(request).await })
    };
    let mut waiting = async |expected| {
        eventually("the calls wait", async || {
            let waiting =
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
            number(&mut watcher, waiting).await == expected
        })
        .await;
    };
    // The first has claimed the id and waits for the hierarchy; the second waits for what becomes of the first.
    let first = call();
    waiting(1).await;
    let second = call();
    waiting(2).await;
    first.abort();
    waiting(1).await;
    rows(&mut holder, "rollback").await;
    let created = second.await.unwrap().unwrap().into_inner();
    assert!(created.position > 0);
    assert_eq!(
        number(&mut watcher, "select count(*) from client_registry.account where legal_name = '子公司'").await,
        1
    );
}
