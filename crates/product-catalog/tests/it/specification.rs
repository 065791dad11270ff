//! Specifications: characteristics that fit together, and what is refused.

use guanxi_proto::product_catalog::v1::*;
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::support::{Service, characteristic, in_chinese, name, reason, texts, violations};

async fn update(
    service: &Service,
    specification: Specification,
    paths: &[&str],
) -> Result<UpdateSpecificationResponse, Status> {
    let update_mask = Some(FieldMask { paths: paths.iter().map(|&path| path.to_owned()).collect() });
    let request =
        UpdateSpecificationRequest { specification: Some(specification), update_mask, request_id: String::new() };
    Ok(service.specifications().update_specification(service.as_admin(request)).await?.into_inner())
}

async fn delete(service: &Service, id: &str) -> Result<Specification, Status> {
    let request = DeleteSpecificationRequest { id: id.to_owned(), ..Default::default() };
    let deleted = service.specifications().delete_specification(service.as_admin(request)).await?;
    Ok(deleted.into_inner().specification.unwrap())
}

async fn listed(service: &Service, request: ListSpecificationsRequest) -> (Vec<String>, String) {
    let page = service.specifications().list_specifications(service.as_admin(request)).await.unwrap().into_inner();
    (page.specifications.into_iter().map(|specification| specification.code).collect(), page.next_page_token)
}

fn depends(on: &str, value: &str) -> CharacteristicDependency {
    CharacteristicDependency { characteristic_code: on.to_owned(), value: value.to_owned() }
}

/// One characteristic of each kind, with everything that goes with it.
fn line() -> Vec<Characteristic> {
    let bandwidth = Characteristic {
        unit: "Mbps".to_owned(),
        minimum: "2".to_owned(),
        maximum: "1000.50".to_owned(),
        default_value: "100".to_owned(),
        required: true,
        ..characteristic("BANDWIDTH", CharacteristicKind::Number)
    };
    let cipher = Characteristic {
        options: vec!["SM4".to_owned(), "AES".to_owned()],
        default_value: "SM4".to_owned(),
        dependencies: vec![depends("ENCRYPTED", "true")],
        ..characteristic("CIPHER", CharacteristicKind::Enum)
    };
    let encrypted = Characteristic {
        default_value: "false".to_owned(),
        ..characteristic("ENCRYPTED", CharacteristicKind::Boolean)
    };
    let note =
        Characteristic { name: Some(name("备注", "Note")), ..characteristic("NOTE", CharacteristicKind::Text) };
    vec![bandwidth, cipher, encrypted, note]
}

#[tokio::test]
async fn a_specification_comes_back_as_it_was_sent() {
    let service = Service::start().await;
    let created = service.specification("LINE", line()).await.unwrap();
    assert_eq!(created.characteristics, line());
    let by_code = GetSpecificationRequest { key: Some(get_specification_request::Key::Code("LINE".to_owned())) };
    let got = service.specifications().get_specification(service.as_admin(by_code)).await.unwrap().into_inner();
    assert_eq!(got.specification.as_ref(), Some(&created));
    assert_eq!(update(&service, created.clone(), &["*"]).await.unwrap().position, 0);
    let less = Specification { characteristics: Vec::new(), ..created };
    let changed = update(&service, less, &["characteristics"]).await.unwrap().specification.unwrap();
    assert_eq!((changed.characteristics.len(), changed.etag.as_str()), (0, "\"2\""));
    assert_eq!(reason(&service.specification("LINE", Vec::new()).await.unwrap_err()), "RESOURCE_EXISTS");
    let other = Specification { code: "OTHER".to_owned(), etag: String::new(), ..changed };
    let refused = update(&service, other, &["code"]).await.unwrap_err();
    assert_eq!(violations(&refused), [("specification.code".to_owned(), "IMMUTABLE".to_owned())]);
}

#[tokio::test]
async fn everything_wrong_with_characteristics_is_named_at_once() {
    let service = Service::start().await;
    let mut sent = line();
    (sent[0].minimum, sent[0].maximum) = ("2000".to_owned(), "1,5".to_owned());
    sent[1].dependencies = vec![depends("COLOUR", "red"), depends("ENCRYPTED", "yes"), depends("", "x")];
    sent[2].unit = "Mbps".to_owned();
    sent[2].default_value = "maybe".to_owned();
    sent[3].options = vec!["a".to_owned()];
    sent[3].default_value = "line\nbreak".to_owned();
    let reversed = Characteristic {
        minimum: "3".to_owned(),
        maximum: "2.99".to_owned(),
        ..characteristic("NUMBER", CharacteristicKind::Number)
    };
    let far = Characteristic { default_value: "4.5".to_owned(), minimum: "5".to_owned(), ..reversed.clone() };
    sent.extend([
        reversed,
        Characteristic { code: "FAR".to_owned(), maximum: String::new(), ..far },
        characteristic("NOTE", CharacteristicKind::Enum),
        characteristic("NOTHING", CharacteristicKind::Unspecified),
        Characteristic { default_value: "DES".to_owned(), ..line()[1].clone() },
    ]);
    let refused = service.specification("LINE", sent).await.unwrap_err();
    let expected = [
        ("[0].maximum", "FORMAT"),
        ("[1].dependencies[2].characteristic_code", "REQUIRED"),
        ("[2].unit", "NOT_APPLICABLE"),
        ("[2].default_value", "UNKNOWN_VALUE"),
        ("[3].default_value", "FORMAT"),
        ("[4].maximum", "OUT_OF_RANGE"),
        ("[5].default_value", "OUT_OF_RANGE"),
        ("[6].code", "DUPLICATE"),
        ("[6].options", "REQUIRED"),
        ("[7].kind", "REQUIRED"),
        ("[8].code", "DUPLICATE"),
        ("[8].default_value", "UNKNOWN_VALUE"),
        ("[1].dependencies[0].characteristic_code", "UNKNOWN_VALUE"),
        ("[1].dependencies[1].value", "UNKNOWN_VALUE"),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(field, reason)| (format!("specification.characteristics{field}"), String::from(*reason)))
        .collect();
    assert_eq!(violations(&refused), expected);
    let many = vec![characteristic("A", CharacteristicKind::Text); 51];
    let refused = service.specification("LINE", many).await.unwrap_err();
    assert_eq!(violations(&refused), [("specification.characteristics".to_owned(), "TOO_MANY".to_owned())]);
}

#[tokio::test]
async fn a_circle_is_refused_in_both_languages() {
    let service = Service::start().await;
    let text = |code: &str, on: &str| Characteristic {
        dependencies: vec![depends(on, "x")],
        ..characteristic(code, CharacteristicKind::Text)
    };
    let sent = Specification {
        code: "LINE".to_owned(),
        name: Some(name("专线", "")),
        characteristics: vec![
            text("A", "B"),
            text("B", "A"),
            Characteristic { unit: "m".to_owned(), ..text("C", "A") },
        ],
        ..Default::default()
    };
    let request = CreateSpecificationRequest { specification: Some(sent), request_id: String::new() };
    let refused = service.specifications().create_specification(service.as_admin(request.clone())).await.unwrap_err();
    let at = |place: &str| format!("specification.characteristics{place}");
    let english = [
        (at("[2].unit"), "Must be empty with CHARACTERISTIC_KIND_TEXT.".to_owned()),
        (at("[0].dependencies"), "\"A\" leads back to itself.".to_owned()),
        (at("[1].dependencies"), "\"B\" leads back to itself.".to_owned()),
    ];
    assert_eq!((refused.code(), texts(&refused).as_slice()), (Code::InvalidArgument, english.as_slice()));
    let request = in_chinese(service.as_admin(request));
    let refused = service.specifications().create_specification(request).await.unwrap_err();
    let chinese = [
        (at("[2].unit"), "在 CHARACTERISTIC_KIND_TEXT 时不能填写。".to_owned()),
        (at("[0].dependencies"), "“A”形成循环。".to_owned()),
        (at("[1].dependencies"), "“B”形成循环。".to_owned()),
    ];
    assert_eq!(texts(&refused), chinese);
}

#[tokio::test]
async fn a_deleted_specification_is_hidden_and_comes_back() {
    let service = Service::start().await;
    let created = service.specification("LINE", line()).await.unwrap();
    delete(&service, &created.id).await.unwrap();
    assert_eq!(listed(&service, ListSpecificationsRequest::default()).await.0, Vec::<String>::new());
    assert_eq!(reason(&delete(&service, &created.id).await.unwrap_err()), "STATE_FORBIDS");
    let changed = Specification { etag: String::new(), ..created.clone() };
    assert_eq!(reason(&update(&service, changed, &["name"]).await.unwrap_err()), "STATE_FORBIDS");
    let request = UndeleteSpecificationRequest { id: created.id.clone(), ..Default::default() };
    let back = service.specifications().undelete_specification(service.as_admin(request)).await.unwrap().into_inner();
    assert_eq!(back.specification.unwrap().characteristics, created.characteristics);
    let unknown =
        DeleteSpecificationRequest { id: "0192f0c1-2345-7abc-8def-0123456789ab".to_owned(), ..Default::default() };
    let refused = service.specifications().delete_specification(service.as_admin(unknown)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));
}

#[tokio::test]
async fn a_page_of_the_largest_specifications_is_one_that_clients_take() {
    let service = Service::start().await;
    let options: Vec<String> = (0..100).map(|number| format!("{number:03}{}", "长".repeat(47))).collect();
    let largest = |index| Characteristic {
        options: options.clone(),
        ..characteristic(&format!("C{index}"), CharacteristicKind::Enum)
    };
    for number in 0..6 {
        service.specification(&format!("S{number}"), (0..50).map(largest).collect()).await.unwrap();
    }
    let mut request = ListSpecificationsRequest { page_size: 1_000, ..Default::default() };
    let mut codes = Vec::new();
    loop {
        let (page, page_token) = listed(&service, request.clone()).await;
        assert!(!page.is_empty());
        codes.extend(page);
        if page_token.is_empty() {
            break;
        }
        request.page_token = page_token;
    }
    assert_eq!(codes, ["S0", "S1", "S2", "S3", "S4", "S5"]);
}
