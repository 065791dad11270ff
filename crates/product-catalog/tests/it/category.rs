//! Categories: the tree, its verbs, and what is refused.

use guanxi_auth::Role;
use guanxi_proto::events::v1::ListChangesRequest;
use guanxi_proto::product_catalog::v1::*;
use guanxi_test_support::with_token;
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::support::{Service, category, in_chinese, name, reason, text, violations};

fn by_code(code: &str) -> GetCategoryRequest {
    GetCategoryRequest { key: Some(get_category_request::Key::Code(code.to_owned())) }
}

async fn update(service: &Service, category: Category, paths: &[&str]) -> Result<UpdateCategoryResponse, Status> {
    let update_mask = Some(FieldMask { paths: paths.iter().map(|&path| path.to_owned()).collect() });
    let request = UpdateCategoryRequest { category: Some(category), update_mask, request_id: String::new() };
    Ok(service.categories().update_category(service.as_admin(request)).await?.into_inner())
}

async fn delete(service: &Service, id: &str) -> Result<Category, Status> {
    let request = DeleteCategoryRequest { id: id.to_owned(), ..Default::default() };
    let deleted = service.categories().delete_category(service.as_admin(request)).await?;
    Ok(deleted.into_inner().category.unwrap())
}

async fn undelete(service: &Service, id: &str) -> Result<Category, Status> {
    let request = UndeleteCategoryRequest { id: id.to_owned(), ..Default::default() };
    let undeleted = service.categories().undelete_category(service.as_admin(request)).await?;
    Ok(undeleted.into_inner().category.unwrap())
}

async fn listed(service: &Service, request: ListCategoriesRequest) -> (Vec<String>, String, i64) {
    let page = service.categories().list_categories(service.as_admin(request)).await.unwrap().into_inner();
    (page.categories.into_iter().map(|category| category.code).collect(), page.next_page_token, page.total)
}

#[tokio::test]
async fn the_tree_is_listed_by_path_and_by_subtree() {
    let service = Service::start().await;
    for (code, parent) in [("OFFICE", ""), ("MAIL", "OFFICE"), ("B-MAIL", "MAIL"), ("OFFICE-2", ""), ("ZZ", "OFFICE")] {
        service.category(code, parent).await.unwrap();
    }
    let all = ListCategoriesRequest { with_total: true, ..Default::default() };
    let every = ["OFFICE-2", "OFFICE", "MAIL", "B-MAIL", "ZZ"].map(str::to_owned);
    assert_eq!(listed(&service, all.clone()).await, (every.to_vec(), String::new(), 5));
    let below = ListCategoriesRequest { under_code: "OFFICE".to_owned(), page_size: 2, ..all.clone() };
    let (first, page_token, total) = listed(&service, below.clone()).await;
    assert_eq!((first, total), (vec!["OFFICE".to_owned(), "MAIL".to_owned()], 4));
    let (rest, none, _) = listed(&service, ListCategoriesRequest { page_token, ..below }).await;
    assert_eq!((rest, none), (vec!["B-MAIL".to_owned(), "ZZ".to_owned()], String::new()));
    let filter = ListCategoriesRequest {
        filter: "parent_code = OFFICE AND NOT functional_class:*".to_owned(),
        order_by: "code".to_owned(),
        ..Default::default()
    };
    assert_eq!(listed(&service, filter).await.0, ["MAIL", "ZZ"]);
    let unknown = ListCategoriesRequest { under_code: "NONE".to_owned(), ..Default::default() };
    let refused = service.categories().list_categories(service.as_admin(unknown)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));
}

#[tokio::test]
async fn a_category_is_found_changed_and_recorded() {
    let service = Service::start().await;
    let top = service.category("OFFICE", "").await.unwrap();
    let mail = service.category("MAIL", "OFFICE").await.unwrap();
    assert_eq!((mail.path.as_str(), mail.functional_class, mail.etag.as_str()), ("OFFICE/MAIL/", 0, "\"1\""));
    let renamed = Category { name: Some(name("企业邮箱", "Mail")), ..mail.clone() };
    let changed = update(&service, renamed, &["name"]).await.unwrap();
    assert!(changed.position > 0);
    let got = service.categories().get_category(service.as_admin(by_code("MAIL"))).await.unwrap().into_inner();
    assert_eq!(got.category, changed.category);
    assert_eq!(changed.category.unwrap().name, Some(name("企业邮箱", "Mail")));
    let subject = format!("category/{}", top.id);
    let request = service.as_admin(ListChangesRequest { subject, ..Default::default() });
    assert_eq!(service.changes().list_changes(request).await.unwrap().into_inner().changes.len(), 1);
    let same = update(&service, top.clone(), &["*"]).await.unwrap();
    assert_eq!((same.position, same.category), (0, Some(top)));
}

#[tokio::test]
async fn wrong_fields_are_named_at_once() {
    let service = Service::start().await;
    let sent = Category { code: "a b".to_owned(), functional_class: 9, ..Default::default() };
    let request = CreateCategoryRequest { category: Some(sent), request_id: String::new() };
    let refused = service.categories().create_category(service.as_admin(request)).await.unwrap_err();
    let expected = [
        ("category.strategic_class", "REQUIRED"),
        ("category.code", "FORMAT"),
        ("category.name.zh", "REQUIRED"),
        ("category.functional_class", "UNKNOWN_VALUE"),
    ];
    assert_eq!(violations(&refused), expected.map(|(field, reason)| (field.to_owned(), reason.to_owned())));

    let top = service.category("OFFICE", "").await.unwrap();
    let other = Category { code: "X".to_owned(), parent_code: "Y".to_owned(), functional_class: 0, ..top };
    let refused = update(&service, other, &["*"]).await.unwrap_err();
    let expected = [
        ("category.code", "IMMUTABLE"),
        ("category.parent_code", "IMMUTABLE"),
        ("category.functional_class", "REQUIRED"),
    ];
    assert_eq!(violations(&refused), expected.map(|(field, reason)| (field.to_owned(), reason.to_owned())));
    assert_eq!(reason(&service.category("OFFICE", "").await.unwrap_err()), "RESOURCE_EXISTS");
    assert_eq!(reason(&service.category("MAIL", "NONE").await.unwrap_err()), "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn the_tree_has_ten_levels() {
    let service = Service::start().await;
    let mut above = String::new();
    for level in 1..=10 {
        above = service.category(&format!("L{level}"), &above).await.unwrap().code;
    }
    let request = CreateCategoryRequest { category: Some(category("L11", &above)), request_id: String::new() };
    let refused = service.categories().create_category(service.as_admin(request.clone())).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "CATEGORY_TREE_TOO_DEEP"));
    assert_eq!(text(&refused), "The tree of categories has at most 10 levels.");
    let refused = service.categories().create_category(in_chinese(service.as_admin(request))).await.unwrap_err();
    assert_eq!(text(&refused), "产品分类最多 10 级。");
}

#[tokio::test]
async fn what_is_below_goes_first_and_comes_back_last() {
    let service = Service::start().await;
    let top = service.category("OFFICE", "").await.unwrap();
    let mail = service.category("MAIL", "OFFICE").await.unwrap();
    let refused = delete(&service, &top.id).await.unwrap_err();
    assert_eq!(reason(&refused), "CATEGORY_NOT_EMPTY");
    assert_eq!(text(&refused), "The category OFFICE is not empty; move what is in it first.");
    let request = DeleteCategoryRequest { id: top.id.clone(), ..Default::default() };
    let refused = service.categories().delete_category(in_chinese(service.as_admin(request))).await.unwrap_err();
    assert_eq!(text(&refused), "分类 OFFICE 之下仍有内容，请先移走。");

    assert!(delete(&service, &mail.id).await.unwrap().delete_time.is_some());
    assert_eq!(reason(&delete(&service, &mail.id).await.unwrap_err()), "STATE_FORBIDS");
    delete(&service, &top.id).await.unwrap();
    assert_eq!(listed(&service, ListCategoriesRequest::default()).await.0, Vec::<String>::new());
    let deleted = ListCategoriesRequest { show_deleted: true, ..Default::default() };
    assert_eq!(listed(&service, deleted).await.0, ["OFFICE", "MAIL"]);
    assert_eq!(reason(&service.category("NEWS", "OFFICE").await.unwrap_err()), "RESOURCE_NOT_FOUND");
    assert_eq!(reason(&undelete(&service, &mail.id).await.unwrap_err()), "RESOURCE_NOT_FOUND");
    assert_eq!(
        reason(&update(&service, Category { etag: String::new(), ..mail.clone() }, &["name"]).await.unwrap_err()),
        "STATE_FORBIDS"
    );
    undelete(&service, &top.id).await.unwrap();
    let back = undelete(&service, &mail.id).await.unwrap();
    assert_eq!((back.delete_time, back.etag.as_str()), (None, "\"3\""));
    assert_eq!(reason(&undelete(&service, &mail.id).await.unwrap_err()), "STATE_FORBIDS");
}

#[tokio::test]
async fn a_repeated_request_answers_with_the_first_outcome() {
    let service = Service::start().await;
    let request_id = "0192f0c1-2345-7abc-8def-0123456789ab".to_owned();
    let create = CreateCategoryRequest { category: Some(category("OFFICE", "")), request_id: request_id.clone() };
    let first = service.categories().create_category(service.as_admin(create.clone())).await.unwrap().into_inner();
    let again = service.categories().create_category(service.as_admin(create)).await.unwrap().into_inner();
    assert_eq!((first.category.clone(), 0), (again.category, again.position));
    let id = first.category.unwrap().id;
    let stale = DeleteCategoryRequest { id: id.clone(), etag: "\"7\"".to_owned(), request_id: String::new() };
    let refused = service.categories().delete_category(service.as_admin(stale)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    let remove = DeleteCategoryRequest { id, etag: String::new(), request_id };
    assert!(
        service.categories().delete_category(service.as_admin(remove.clone())).await.unwrap().into_inner().position > 0
    );
    assert_eq!(service.categories().delete_category(service.as_admin(remove)).await.unwrap().into_inner().position, 0);
}

#[tokio::test]
async fn everybody_reads_and_only_the_whole_operator_changes() {
    let service = Service::start().await;
    service.category("OFFICE", "").await.unwrap();
    let everywhere = service.keys.token("E1000", &[(Role::ProductManager, "CN")]);
    let somewhere = service.keys.token("E1001", &[(Role::ProductManager, "440000")]);
    let create = |code| CreateCategoryRequest { category: Some(category(code, "")), request_id: String::new() };
    service.categories().create_category(with_token(create("A"), &everywhere)).await.unwrap();
    let refused = service.categories().create_category(with_token(create("B"), &somewhere)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "CATALOG_IS_OPERATOR_WIDE"));
    let request = with_token(ListCategoriesRequest::default(), &somewhere);
    let seen = service.categories().list_categories(request).await;
    assert_eq!(seen.unwrap().into_inner().categories.len(), 2);
}

#[tokio::test]
async fn what_is_hung_in_and_what_is_deleted_at_one_moment_fit() {
    let service = Service::start().await;
    for round in 0..10 {
        let top = service.category(&format!("T{round}"), "").await.unwrap();
        let below = format!("B{round}");
        let (hung, deleted) = tokio::join!(service.category(&below, &top.code), delete(&service, &top.id));
        assert!(hung.is_ok() != deleted.is_ok(), "{hung:?} {deleted:?}");
    }
}
