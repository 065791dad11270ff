//! Bundles: the methods as a portal uses them.

use guanxi_auth::Role;
use guanxi_proto::product_catalog::v1::bundle_service_client::BundleServiceClient;
use guanxi_proto::product_catalog::v1::*;
use guanxi_test_support::with_token;
use prost_types::FieldMask;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::support::{Service, in_chinese, name, named, refusal, text, violations};

type Answer = Result<(Bundle, i64), Status>;

fn client(service: &Service) -> BundleServiceClient<Channel> {
    BundleServiceClient::new(service.channel.clone())
}

async fn create(service: &Service, bundle: Bundle, request_id: &str) -> Answer {
    let request = CreateBundleRequest { bundle: Some(bundle), request_id: request_id.to_owned() };
    let answer = client(service).create_bundle(service.as_admin(request)).await?.into_inner();
    Ok((answer.bundle.unwrap(), answer.position))
}

async fn update(service: &Service, bundle: Bundle, paths: &[&str]) -> Answer {
    let update_mask = Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() });
    let request = UpdateBundleRequest { bundle: Some(bundle), update_mask, ..Default::default() };
    let answer = client(service).update_bundle(service.as_admin(request)).await?.into_inner();
    Ok((answer.bundle.unwrap(), answer.position))
}

async fn publish(service: &Service, id: &str) -> Result<Bundle, Status> {
    let request = PublishBundleRequest { id: id.to_owned(), ..Default::default() };
    Ok(client(service).publish_bundle(service.as_admin(request)).await?.into_inner().bundle.unwrap())
}

async fn retire(service: &Service, id: &str) -> Result<Bundle, Status> {
    let request = RetireBundleRequest { id: id.to_owned(), ..Default::default() };
    Ok(client(service).retire_bundle(service.as_admin(request)).await?.into_inner().bundle.unwrap())
}

async fn delete(service: &Service, id: &str) -> Result<Bundle, Status> {
    let request = DeleteBundleRequest { id: id.to_owned(), ..Default::default() };
    Ok(client(service).delete_bundle(service.as_admin(request)).await?.into_inner().bundle.unwrap())
}

async fn undelete(service: &Service, id: &str) -> Result<Bundle, Status> {
    let request = UndeleteBundleRequest { id: id.to_owned(), ..Default::default() };
    Ok(client(service).undelete_bundle(service.as_admin(request)).await?.into_inner().bundle.unwrap())
}

async fn get(service: &Service, key: get_bundle_request::Key) -> Result<Bundle, Status> {
    let request = service.as_admin(GetBundleRequest { key: Some(key) });
    Ok(client(service).get_bundle(request).await?.into_inner().bundle.unwrap())
}

fn component(offering_code: &str, min_quantity: i64, max_quantity: i64) -> BundleComponent {
    BundleComponent { offering_code: offering_code.to_owned(), min_quantity, max_quantity }
}

fn bundle(code: &str, offerings: &[&str]) -> Bundle {
    Bundle {
        code: code.to_owned(),
        name: Some(name("融合套餐", "Converged")),
        kind: BundleKind::MobileFixed.into(),
        components: offerings.iter().map(|code| component(code, 1, 0)).collect(),
        discount_percent: "12.5".to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_bundle_goes_from_draft_to_retired() {
    let service = Service::start().await;
    service.sold("VNET").await;
    service.sold("MAIL").await;
    let request_id = uuid::Uuid::now_v7().to_string();
    let sent = Bundle {
        components: vec![component("VNET", 5, 500), component("MAIL", 0, 0)],
        valid_from_date: "2026-01-01".to_owned(),
        ..bundle("FUSION", &[])
    };
    let (draft, position) = create(&service, sent.clone(), &request_id).await.unwrap();
    let expected = Bundle {
        id: draft.id.clone(),
        state: BundleState::Draft.into(),
        create_time: draft.create_time,
        update_time: draft.update_time,
        etag: "\"1\"".to_owned(),
        ..sent.clone()
    };
    assert_eq!(draft, expected);
    assert!(position > 0);
    assert_eq!(create(&service, sent.clone(), &request_id).await.unwrap(), (draft.clone(), 0));
    for key in [get_bundle_request::Key::Id(draft.id.clone()), get_bundle_request::Key::Code("FUSION".to_owned())] {
        assert_eq!(get(&service, key).await.unwrap(), draft);
    }
    let taken = create(&service, sent, "").await.unwrap_err();
    assert_eq!(refusal(&taken), (Code::AlreadyExists, "RESOURCE_EXISTS".to_owned()));

    let cheaper = Bundle { discount_percent: "20".to_owned(), name: None, ..draft.clone() };
    let (changed, _) = update(&service, cheaper.clone(), &["discount_percent", "name.en"]).await.unwrap();
    assert_eq!((changed.discount_percent.as_str(), changed.name), ("20", Some(name("融合套餐", ""))));
    assert_eq!(refusal(&update(&service, cheaper, &["discount_percent"]).await.unwrap_err()).1, "ETAG_MISMATCH");
    let renamed = Bundle { code: "OTHER".to_owned(), etag: String::new(), ..draft.clone() };
    let immutable = violations(&update(&service, renamed, &["code"]).await.unwrap_err());
    assert_eq!(immutable, named("bundle", &[("code", "IMMUTABLE")]));

    assert_eq!(publish(&service, &draft.id).await.unwrap().state(), BundleState::Published);
    let forbids = (Code::FailedPrecondition, "STATE_FORBIDS".to_owned());
    let changed = Bundle { etag: String::new(), ..draft.clone() };
    assert_eq!(refusal(&update(&service, changed, &["discount_percent"]).await.unwrap_err()), forbids);
    assert_eq!(refusal(&publish(&service, &draft.id).await.unwrap_err()), forbids);
    assert_eq!(refusal(&delete(&service, &draft.id).await.unwrap_err()), forbids);
    assert_eq!(retire(&service, &draft.id).await.unwrap().state(), BundleState::Retired);
    assert_eq!(refusal(&retire(&service, &draft.id).await.unwrap_err()), forbids);
    let kinds: Vec<_> = service.history("bundle", &draft.id).await.into_iter().map(|change| change.r#type).collect();
    let kind = |verb| format!("guanxi.product_catalog.v1.bundle.{verb}");
    assert_eq!(kinds, ["retired", "published", "updated", "created"].map(kind));
}

#[tokio::test]
async fn everything_wrong_with_a_bundle_is_named_at_once() {
    let service = Service::start().await;
    service.sold("VNET").await;
    let refused = async |bundle: Bundle| violations(&create(&service, bundle, "").await.unwrap_err());
    let required = ["code", "name.zh", "kind", "discount_percent"].map(|field| (field, "REQUIRED"));
    assert_eq!(refused(Bundle::default()).await, named("bundle", &required));
    let mixed = Bundle {
        code: "套餐".to_owned(),
        kind: 9,
        components: vec![
            component("VNET", 1, 0),
            component("VNET", 1, 0),
            component("MAIL", -1, 0),
            component("FAX", 5, 4),
            component("", 1, 0),
        ],
        discount_percent: "100.01".to_owned(),
        valid_from_date: "2026-02-30".to_owned(),
        ..bundle("", &[])
    };
    let expected = [
        ("code", "FORMAT"),
        ("kind", "UNKNOWN_VALUE"),
        ("components[1]", "DUPLICATE"),
        ("components[2].min_quantity", "OUT_OF_RANGE"),
        ("components[3].max_quantity", "OUT_OF_RANGE"),
        ("components[4].offering_code", "REQUIRED"),
        ("discount_percent", "OUT_OF_RANGE"),
        ("valid_from_date", "FORMAT"),
    ];
    assert_eq!(refused(mixed).await, named("bundle", &expected));
    let together = Bundle {
        valid_from_date: "2026-03-01".to_owned(),
        valid_to_date: "2026-03-01".to_owned(),
        ..bundle("FUSION", &["VNET", "NONE"])
    };
    let expected = [("components[1].offering_code", "RESOURCE_NOT_FOUND"), ("valid_to_date", "DATES_REVERSED")];
    assert_eq!(refused(together).await, named("bundle", &expected));
    let token = service.keys.token("E2", &[(Role::ProductManager, "440000")]);
    let request = CreateBundleRequest { bundle: Some(bundle("FUSION", &[])), ..Default::default() };
    let refused = client(&service).create_bundle(with_token(request, &token)).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::PermissionDenied, "CATALOG_IS_OPERATOR_WIDE".to_owned()));
}

#[tokio::test]
async fn what_is_published_is_made_of_what_is_sold() {
    let service = Service::start().await;
    service.sold("VNET").await;
    service.drafted("MAIL").await;
    let sent = Bundle { valid_to_date: "2026-01-01".to_owned(), ..bundle("FUSION", &["VNET", "MAIL"]) };
    let (draft, _) = create(&service, sent, "").await.unwrap();
    let english = publish(&service, &draft.id).await.unwrap_err();
    assert_eq!(refusal(&english), (Code::FailedPrecondition, "NOT_PUBLISHABLE".to_owned()));
    assert_eq!(text(&english), "Cannot be published yet: components, valid_to_date.");
    let wrong = [("components[1].offering_code", "OFFERING_UNKNOWN"), ("valid_to_date", "OUT_OF_RANGE")];
    assert_eq!(violations(&english), named("bundle", &wrong));
    let request = PublishBundleRequest { id: draft.id.clone(), ..Default::default() };
    let chinese = client(&service).publish_bundle(in_chinese(service.as_admin(request))).await.unwrap_err();
    assert_eq!(text(&chinese), "尚不能发布：components, valid_to_date。");
    let alone = Bundle { components: vec![component("VNET", 1, 0)], valid_to_date: String::new(), ..draft.clone() };
    let (alone, _) = update(&service, alone, &["components", "valid_to_date"]).await.unwrap();
    let refused = publish(&service, &draft.id).await.unwrap_err();
    assert_eq!(text(&refused), "Cannot be published yet: components.");

    service.sold("FAX").await;
    let both = Bundle { components: vec![component("VNET", 1, 0), component("FAX", 1, 1)], ..alone };
    update(&service, both, &["components"]).await.unwrap();
    publish(&service, &draft.id).await.unwrap();
    // A part stays on sale while a published bundle needs it.
    let code = |code: &str| retire_offering_request::Key::Code(code.to_owned());
    let needed = service.retire(code("FAX"), "").await.unwrap_err();
    assert_eq!(refusal(&needed), (Code::FailedPrecondition, "STILL_NEEDED".to_owned()));
    assert_eq!(text(&needed), "FUSION still needs it.");
    retire(&service, &draft.id).await.unwrap();
    service.retire(code("FAX"), "").await.unwrap();
    let (late, _) = create(&service, bundle("LATE", &["VNET", "FAX"]), "").await.unwrap();
    assert_eq!(refusal(&publish(&service, &late.id).await.unwrap_err()).1, "NOT_PUBLISHABLE");
}

#[tokio::test]
async fn a_deleted_draft_is_hidden_until_it_comes_back() {
    let service = Service::start().await;
    service.sold("VNET").await;
    service.sold("MAIL").await;
    let (draft, _) = create(&service, bundle("FUSION", &["VNET"]), "").await.unwrap();
    let (other, _) = create(&service, bundle("DUO", &["VNET", "MAIL"]), "").await.unwrap();
    publish(&service, &other.id).await.unwrap();
    let listed = async |filter: &str, show_deleted: bool| {
        let request = ListBundlesRequest { filter: filter.to_owned(), show_deleted, ..Default::default() };
        let page = client(&service).list_bundles(service.as_admin(request)).await.unwrap().into_inner();
        page.bundles.into_iter().map(|bundle| bundle.code).collect::<Vec<_>>()
    };
    assert_eq!(listed("", false).await, ["DUO", "FUSION"]);
    assert_eq!(listed("state = PUBLISHED AND offering_codes:MAIL AND kind = MOBILE_FIXED", false).await, ["DUO"]);
    delete(&service, &draft.id).await.unwrap();
    assert_eq!(
        (listed("", false).await, listed("", true).await),
        (vec!["DUO".to_owned()], vec!["DUO".to_owned(), "FUSION".to_owned()])
    );
    let forbids = (Code::FailedPrecondition, "STATE_FORBIDS".to_owned());
    assert_eq!(refusal(&delete(&service, &draft.id).await.unwrap_err()), forbids);
    assert_eq!(refusal(&publish(&service, &draft.id).await.unwrap_err()), forbids);
    let back = undelete(&service, &draft.id).await.unwrap();
    assert_eq!((back.state(), back.delete_time), (BundleState::Draft, None));
    assert_eq!(refusal(&undelete(&service, &draft.id).await.unwrap_err()), forbids);
    let none = get(&service, get_bundle_request::Key::Code("NONE".to_owned())).await.unwrap_err();
    assert_eq!(refusal(&none), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn a_part_is_not_retired_at_the_moment_in_which_its_bundle_is_published() {
    let service = Service::start().await;
    service.sold("VNET").await;
    for round in 0..6 {
        let part = format!("PART{round}");
        service.sold(&part).await;
        let (draft, _) = create(&service, bundle(&format!("DUO{round}"), &["VNET", &part]), "").await.unwrap();
        let retired = service.retire(retire_offering_request::Key::Code(part), "");
        let (published, retired) = tokio::join!(publish(&service, &draft.id), retired);
        let refused = [published.err(), retired.err()].into_iter().flatten().map(|status| refusal(&status).1);
        let refused: Vec<String> = refused.collect();
        assert!(refused == ["NOT_PUBLISHABLE"] || refused == ["STILL_NEEDED"], "{refused:?}");
    }
}
