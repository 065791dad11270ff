//! Territories.

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::*;
use guanxi_test_support::with_token;
use tonic::Code;

use crate::support::{Service, named, reason, violations};

#[tokio::test]
async fn a_tree_is_listed_parents_first_and_only_what_is_visible() {
    let service = Service::with_tree().await;
    let list = |token: String, under: &str, size: i32, page_token: String| {
        let request = ListTerritoriesRequest {
            under_code: under.to_owned(),
            page_size: size,
            page_token,
            with_total: true,
            ..Default::default()
        };
        let mut client = service.territories();
        async move { client.list_territories(with_token(request, &token)).await.map(tonic::Response::into_inner) }
    };
    let codes = |answer: &ListTerritoriesResponse| {
        answer.territories.iter().map(|found| found.code.clone()).collect::<Vec<_>>()
    };
    let all = list(service.admin.clone(), "", 0, String::new()).await.unwrap();
    assert_eq!(codes(&all), ["CN", "330000", "330100", "440000", "440300", "440305"]);
    assert_eq!(all.total, 6);

    let first = list(service.admin.clone(), "440000", 2, String::new()).await.unwrap();
    assert_eq!((codes(&first), first.total), (vec!["440000".to_owned(), "440300".to_owned()], 3));
    let second = list(service.admin.clone(), "440000", 2, first.next_page_token.clone()).await.unwrap();
    assert_eq!((codes(&second), second.next_page_token.as_str()), (vec!["440305".to_owned()], ""));
    let wrong = list(service.admin.clone(), "330000", 2, first.next_page_token).await.unwrap_err();
    assert_eq!(violations(&wrong), [("page_token".to_owned(), "PAGE_TOKEN_INVALID".to_owned())]);

    let city = service.token(Role::Supervisor, "440300");
    let visible = list(city.clone(), "", 0, String::new()).await.unwrap();
    assert_eq!(codes(&visible), ["440300", "440305"]);
    assert_eq!((visible.territories[0].path.as_str(), visible.territories[0].parent_code.as_str()), ("440300/", ""));
    assert_eq!(visible.territories[1].parent_code, "440300");
    let outside = list(city, "330000", 0, String::new()).await.unwrap_err();
    assert_eq!((outside.code(), reason(&outside).as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));
}

#[tokio::test]
async fn a_move_takes_everything_along() {
    let service = Service::with_tree().await;
    let account = service.account(named("深圳市样例科技有限公司", "440305")).await.unwrap();
    let request =
        MoveTerritoryRequest { code: "440300".to_owned(), parent_code: "330000".to_owned(), ..Default::default() };
    let moved = service.territories().move_territory(service.as_admin(request)).await.unwrap().into_inner();
    assert_eq!((moved.account_count, moved.territory.unwrap().path.as_str()), (1, "CN/330000/440300/"));

    let zhejiang = service.token(Role::Supervisor, "330000");
    let get = GetAccountRequest { key: Some(get_account_request::Key::Id(account.id.clone())) };
    assert!(service.accounts().get_account(with_token(get.clone(), &zhejiang)).await.is_ok());
    let guangdong = service.token(Role::Supervisor, "440000");
    assert_eq!(service.accounts().get_account(with_token(get, &guangdong)).await.unwrap_err().code(), Code::NotFound);

    let cycle =
        MoveTerritoryRequest { code: "330000".to_owned(), parent_code: "440305".to_owned(), ..Default::default() };
    let refused = service.territories().move_territory(service.as_admin(cycle)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "TERRITORY_CYCLE"));
}

#[tokio::test]
async fn what_is_not_empty_is_not_deleted() {
    let service = Service::with_tree().await;
    service.account(named("样例", "440305")).await.unwrap();
    for (code, expected) in
        [("440300", "TERRITORY_HAS_CHILDREN"), ("440305", "TERRITORY_HAS_ACCOUNTS"), ("999999", "RESOURCE_NOT_FOUND")]
    {
        let request = DeleteTerritoryRequest { code: code.to_owned(), ..Default::default() };
        let refused = service.territories().delete_territory(service.as_admin(request)).await.unwrap_err();
        assert_eq!(reason(&refused), expected, "{code}");
    }
    let request = DeleteTerritoryRequest {
        code: "330100".to_owned(),
        request_id: uuid::Uuid::now_v7().to_string(),
        ..Default::default()
    };
    let first = service.territories().delete_territory(service.as_admin(request.clone())).await.unwrap().into_inner();
    assert!(first.position > 0);
    let repeat = service.territories().delete_territory(service.as_admin(request)).await.unwrap().into_inner();
    assert_eq!(repeat.position, 0);
}
