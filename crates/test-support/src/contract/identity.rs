//! Who a token is taken for, and what is said to whoever is not known.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use guanxi_auth::{Grant, MethodRules, ROLES, Role, SigningKey, TokenRequest, write_key_set};
use guanxi_proto::DESCRIPTOR_POOL;
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::refused::check_refusal;
use super::wire::{self, Caller};
use super::{INSIDE, Subject};
use crate::{Keys, Served, eventually, metadata, reason};

/// The reasons that these tests provoke, for the check that no published reason is left out.
pub const REASONS: [(Code, &str); 6] = [
    (Code::Unauthenticated, MISSING),
    (Code::Unauthenticated, MALFORMED),
    (Code::Unauthenticated, EXPIRED),
    (Code::Unauthenticated, UNTRUSTED),
    (Code::Unauthenticated, FORBIDDEN),
    (Code::PermissionDenied, PERMISSION),
];
const MISSING: &str = "TOKEN_MISSING";
const MALFORMED: &str = "TOKEN_MALFORMED";
const EXPIRED: &str = "TOKEN_EXPIRED";
const UNTRUSTED: &str = "TOKEN_UNTRUSTED";
const FORBIDDEN: &str = "SUBJECT_FORBIDDEN";
const PERMISSION: &str = "PERMISSION_MISSING";

/// `{"alg":"none","typ":"JWT"}`
const ALG_NONE: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";

async fn who_am_i(service: &Served, caller: Caller<'_>) -> Result<Json, Status> {
    let answers = wire::call(&service.channel, caller, &wire::method("IdentityService/WhoAmI"), &[json!({})]).await?;
    Ok(serde_json::to_value(&answers[0]).unwrap())
}

/// Whoever cannot prove who it is is refused, and told why.
pub async fn who_cannot_prove_who_it_is_is_refused_with_the_reason<S: Subject>() {
    let service = S::start().await;
    let grants = [(Role::Administrator, "*")];
    let good = service.keys.token("E0001", &grants);
    let (head, rest) = good.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let other_claims = service.keys.token("E0002", &grants).split('.').nth(1).unwrap().to_owned();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    for (name, token, expected) in [
        ("an empty token", String::new(), MISSING),
        ("blanks", "   ".to_owned(), MISSING),
        ("an expired token", service.keys.expired_token("E0001", &grants), EXPIRED),
        ("a token of a foreign key", Keys::new().token("E0001", &grants), UNTRUSTED),
        ("a service's key that asserts a person", service.keys.service_token("E0001", &grants), FORBIDDEN),
        (
            "a service's key that asserts another service",
            service.keys.service_token("service:product-catalog", &grants),
            FORBIDDEN,
        ),
        ("a service that makes itself an administrator", service.keys.service_token("service:kpi", &grants), FORBIDDEN),
        ("the people's key that asserts a service", service.keys.token("service:kpi", &grants), FORBIDDEN),
        ("a word", "secret".to_owned(), MALFORMED),
        ("three words", "a.b.c".to_owned(), MALFORMED),
        ("no signature", format!("{head}.{claims}"), MALFORMED),
        ("an empty signature", format!("{head}.{claims}."), UNTRUSTED),
        ("no algorithm", format!("{ALG_NONE}.{claims}."), UNTRUSTED),
        ("no algorithm, with the signature", format!("{ALG_NONE}.{claims}.{signature}"), UNTRUSTED),
        ("another signature", format!("{head}.{claims}.{flipped}{}", &signature[1..]), UNTRUSTED),
        ("other claims", format!("{head}.{other_claims}.{signature}"), UNTRUSTED),
        ("four parts", format!("{good}.x"), MALFORMED),
        ("a long token", "a".repeat(5_000), MALFORMED),
    ] {
        for (language, tag) in [(None, "zh-CN"), (Some("en"), "en")] {
            let refused = who_am_i(&service, Caller { language, ..Caller::with(&token) }).await.unwrap_err();
            assert_eq!(
                (refused.code(), reason(&refused).as_str()),
                (Code::Unauthenticated, expected),
                "{name}: {refused:?}"
            );
            check_refusal(name, &refused, tag);
            assert!(token.len() < 10 || !format!("{refused:?}").contains(&token), "{name}: the token is repeated");
        }
    }
    let refused = who_am_i(&service, Caller::default()).await.unwrap_err();
    assert_eq!(reason(&refused), MISSING);
    assert!(who_am_i(&service, Caller::with(&good)).await.is_ok());
}

/// RFC 6750: a token comes as `Bearer`.
pub async fn other_schemes_are_no_token<S: Subject>() {
    let service = S::start().await;
    let good = &service.admin;
    let call = async |value: String| {
        let mut request = tonic::Request::new(guanxi_proto::auth::v1::WhoAmIRequest {});
        request.metadata_mut().insert("authorization", value.parse().unwrap());
        guanxi_proto::auth::v1::identity_service_client::IdentityServiceClient::new(service.channel.clone())
            .who_am_i(request)
            .await
    };
    for scheme in ["Bearer", "bearer", "BEARER"] {
        assert!(call(format!("{scheme} {good}")).await.is_ok(), "{scheme}: RFC 9110 compares schemes without case");
    }
    for value in [good.clone(), format!("Basic {good}"), format!("Bearer{good}"), "Bearer".to_owned()] {
        assert_eq!(reason(&call(value).await.unwrap_err()), MISSING);
    }
}

/// `WhoAmI` says what was made of the token.
pub async fn a_caller_sees_what_is_made_of_its_token<S: Subject>() {
    let service = S::start().await;
    let token = service
        .keys
        .token("E4711", &[(Role::AccountManager, "440305"), (Role::Auditor, "440000"), (Role::Auditor, "nowhere")]);
    let answer = who_am_i(&service, Caller::with(&token)).await.unwrap();
    assert_eq!(answer["subject"], "E4711");
    let grant = |role: &str, code: &str| json!({"role": role, "territoryCode": code});
    assert_eq!(
        answer["grants"],
        json!([grant("account_manager", "440305"), grant("auditor", "440000"), grant("auditor", "nowhere")])
    );
    let both: BTreeSet<&str> =
        [Role::AccountManager, Role::Auditor].iter().flat_map(|role| role.permissions()).copied().collect();
    assert_eq!(answer["permissions"], json!(both));
    let expires =
        OffsetDateTime::parse(answer["expireTime"].as_str().unwrap(), &time::format_description::well_known::Rfc3339)
            .unwrap();
    let left = expires - OffsetDateTime::now_utc();
    assert!(left > time::Duration::minutes(59) && left <= time::Duration::minutes(60), "{left}");

    let machine = service.keys.service_token("service:kpi", &[(Role::Service, "*")]);
    let answer = who_am_i(&service, Caller::with(&machine)).await.unwrap();
    assert_eq!((&answer["subject"], &answer["grants"]), (&json!("service:kpi"), &json!([grant("service", "*")])));
    let nobody = service.keys.token("E4712", &[]);
    let answer = who_am_i(&service, Caller::with(&nobody)).await.unwrap();
    assert_eq!(answer["permissions"], Json::Null);
}

/// `ListRoles` publishes the table.
pub async fn the_table_of_roles_is_the_one_that_is_applied<S: Subject>() {
    let service = S::start().await;
    let nobody = service.keys.token("E4712", &[]);
    let answers =
        wire::call(&service.channel, Caller::with(&nobody), &wire::method("IdentityService/ListRoles"), &[json!({})])
            .await
            .unwrap();
    let expected: Vec<Json> = ROLES
        .iter()
        .map(|entry| json!({"name": entry.name, "displayName": {"zh": entry.zh, "en": entry.en}, "permissions": entry.permissions}))
        .collect();
    assert_eq!(serde_json::to_value(&answers[0]).unwrap()["roles"], json!(expected));
}

/// Keys are taken away and added without a restart.
pub async fn keys_change_while_the_service_runs<S: Subject>() {
    /// Longer than promised, for a machine that is busy with other tests.
    const BOUND: Duration = Duration::from_secs(4);
    let service = S::start().await;
    let old = service.admin.clone();
    let key = SigningKey::generate().unwrap();
    let new = token_of(&key);
    assert_eq!(reason(&who_am_i(&service, Caller::with(&new)).await.unwrap_err()), UNTRUSTED);
    assert!(who_am_i(&service, Caller::with(&old)).await.is_ok());

    let changed = Instant::now();
    write_key_set(&service.keys.jwks(), &[key.public_key(None)]).unwrap();
    while who_am_i(&service, Caller::with(&new)).await.is_err() {
        assert!(changed.elapsed() < BOUND, "the new key is not trusted");
    }
    // Remembered tokens of the old key went with it.
    assert_eq!(reason(&who_am_i(&service, Caller::with(&old)).await.unwrap_err()), UNTRUSTED);

    // A file that cannot be used leaves the keys as they are, and the next good one counts.
    std::fs::write(service.keys.jwks(), "{").unwrap();
    let broken = Instant::now();
    while broken.elapsed() < Duration::from_millis(1_500) {
        assert!(who_am_i(&service, Caller::with(&new)).await.is_ok());
    }
    let third = SigningKey::generate().unwrap();
    write_key_set(&service.keys.jwks(), &[key.public_key(None), third.public_key(None)]).unwrap();
    let changed = Instant::now();
    while who_am_i(&service, Caller::with(&token_of(&third))).await.is_err() {
        assert!(changed.elapsed() < BOUND, "the third key is not trusted");
    }
    assert!(who_am_i(&service, Caller::with(&new)).await.is_ok(), "both keys are trusted while both are in the file");
}

fn token_of(key: &SigningKey) -> String {
    let grants = vec![Grant { role: Role::Administrator, territory_code: "*".to_owned() }];
    let request =
        TokenRequest { subject: "E0001".to_owned(), grants, issuer: "test".to_owned(), ttl: time::Duration::HOUR };
    key.sign(&request, OffsetDateTime::now_utc()).unwrap()
}

/// A token whose key is gone is worth nothing, on streams that are open too.
pub async fn a_stream_ends_when_the_key_of_its_token_is_taken_away<S: Subject>() {
    let service = S::start().await;
    let machine = service.keys.service_token("service:kpi", &[(Role::Service, "*")]);
    let mut kept = service.follow(&machine, 0, &[]).await.unwrap();
    let mut feed = service.follow(&service.admin, 0, &[]).await.unwrap();
    let mut imports = Vec::new();
    for method in wire::served_methods(S::PACKAGE).iter().filter(|method| method.is_client_streaming()) {
        let caller = Caller { language: Some("en"), ..Caller::with(&service.admin) };
        let silent = tokio_stream::pending();
        imports.push(wire::send(&service.channel, caller, &wire::path(method), silent).await.unwrap());
    }

    service.keys.trust_people(false);
    let taken = Instant::now();
    let mut streams = vec![loop {
        if let Err(status) = feed.message().await.map(Option::unwrap) {
            break status;
        }
    }];
    for import in &mut imports {
        streams.push(import.message().await.unwrap_err());
    }
    for status in streams {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, UNTRUSTED));
        check_refusal("a stream whose key was taken away", &status, "en");
    }
    assert!(taken.elapsed() < Duration::from_secs(6), "it took {:?}", taken.elapsed());

    service.keys.trust_people(true);
    let (creates, admin) = (wire::method(S::CREATES), Caller::with(&service.admin));
    let request = service.request(S::fixture_of(&creates), INSIDE).await;
    eventually("the key is back", async || {
        wire::call(&service.channel, admin, &creates, std::slice::from_ref(&request)).await.is_ok()
    })
    .await;
    let head = service.head().await;
    while kept.message().await.unwrap().unwrap().checked_position < head {}
}

/// Refusals are in Chinese unless English is asked for.
pub async fn refusals_read_in_the_language_that_was_asked_for<S: Subject>() {
    let service = S::start().await;
    let create = wire::method(S::CREATES);
    let rule = MethodRules::from_descriptors(&DESCRIPTOR_POOL).unwrap().get(&wire::path(&create)).unwrap();
    let permission = rule.permission.unwrap();
    let without = ROLES.iter().find(|entry| !entry.role.may(permission)).unwrap().role;
    let token = service.token(without, "*");
    for (language, tag) in [
        (None, "zh-CN"),
        (Some("zh-CN,zh;q=0.9,en;q=0.8"), "zh-CN"),
        (Some("en"), "en"),
        (Some("en-US,en;q=0.9,zh;q=0.5"), "en"),
        (Some("fr, de;q=0.9"), "zh-CN"),
        (Some("nonsense;;q=x"), "zh-CN"),
    ] {
        let caller = Caller { language, ..Caller::with(&token) };
        let refused = wire::call(&service.channel, caller, &create, &[json!({})]).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, PERMISSION));
        check_refusal("no permission", &refused, tag);
        let details = refused.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(
            (info.domain.as_str(), metadata(&refused, "permission").as_deref()),
            ("guanxi.errors.v1", Some(permission))
        );
        assert!(details.localized_message().unwrap().message.contains(permission));
        // The status message is for developers: English, and it begins with the reason.
        assert!(refused.message().starts_with("PERMISSION_MISSING: None of your roles"), "{}", refused.message());
        assert!(refused.message().is_ascii(), "{}", refused.message());
    }
}
