//! Search by name over a socket; the accuracy over real names is measured in `crates/guanxi/tests`.

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::*;
use guanxi_test_support::with_token;

use crate::support::{Service, named, violations};

async fn find(service: &Service, query: &str, token: &str) -> Vec<String> {
    let request = SearchAccountsRequest { query: query.to_owned(), ..Default::default() };
    let answer = service.accounts().search_accounts(with_token(request, token)).await.unwrap().into_inner();
    assert!(answer.results.iter().all(|found| found.score > 0.0 && found.score <= 1.0));
    answer.results.into_iter().map(|found| found.account.unwrap().legal_name).collect()
}

#[tokio::test]
async fn an_account_is_found_however_it_is_typed() {
    let service = Service::with_tree().await;
    let name = "岭南星河通讯股份有限公司";
    let account = Account {
        short_name: "星河通讯".to_owned(),
        aliases: vec!["Lingnan Galaxy Communications Co., Ltd.".to_owned()],
        address: "深圳市样例路 1 号".to_owned(),
        ..named(name, "440305")
    };
    service.account(account).await.unwrap();
    service.account(named("杭州云栖制药有限公司", "330100")).await.unwrap();
    for query in [
        name,
        "星河",
        "岭南星河通讯",
        "岭南星何通讯",
        "岭南 通讯",
        "深圳 星河",
        "Lingnan Galaxy",
        "lingnan galaxi communications",
        "Ｌｉｎｇｎａｎ Ｇａｌａｘｙ",
    ] {
        assert_eq!(find(&service, query, &service.admin).await, [name], "{query}");
    }
    for query in ["不存在的公司", "深圳市幻想贸易有限公司", "Nowhere Trading"] {
        assert!(find(&service, query, &service.admin).await.is_empty(), "{query}");
    }
    let elsewhere = service.token(Role::Supervisor, "330000");
    assert!(find(&service, name, &elsewhere).await.is_empty());
}

#[tokio::test]
async fn a_new_name_is_found_and_the_old_one_is_not() {
    let service = Service::with_tree().await;
    let created = service.account(named("旧日贸易有限公司", "440305")).await.unwrap();
    let renamed = Account { id: created.id, legal_name: "明日贸易有限公司".to_owned(), ..Default::default() };
    let request = UpdateAccountRequest { account: Some(renamed), ..Default::default() };
    service.accounts().update_account(service.as_admin(request)).await.unwrap();
    assert_eq!(find(&service, "明日贸易", &service.admin).await, ["明日贸易有限公司"]);
    assert!(find(&service, "旧日", &service.admin).await.is_empty());
}

#[tokio::test]
async fn a_text_without_a_gram_is_refused() {
    let service = Service::with_tree().await;
    for (query, expected) in [("中", "QUERY_TOO_SHORT"), ("", "REQUIRED"), ("长".repeat(201).as_str(), "TOO_LONG")] {
        let request = SearchAccountsRequest { query: query.to_owned(), ..Default::default() };
        let refused = service.accounts().search_accounts(service.as_admin(request)).await.unwrap_err();
        assert_eq!(violations(&refused), [("query".to_owned(), expected.to_owned())]);
    }
}
