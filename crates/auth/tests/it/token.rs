//! Which tokens are believed.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use guanxi_auth::{AUDIENCE, Principal, ServiceIdentity, SigningKey, TokenError, Verifier};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use time::Duration;

use crate::fixture::{Fixture, NOW, claims, machine, request};

/// The claims with one of them replaced.
fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn problem(outcome: Result<Arc<Principal>, TokenError>) -> String {
    match outcome {
        Err(TokenError::Malformed { problem }) => problem,
        other => panic!("not malformed: {other:?}"),
    }
}

#[test]
fn a_valid_token_gives_its_principal() {
    let fixture = Fixture::new("valid");
    let principal = fixture.verifier.verify(&fixture.token(), NOW).unwrap();
    assert_eq!(principal.subject, "10023");
    assert_eq!(principal.expire_time, NOW + Duration::hours(8));
    assert_eq!(principal.grants, request("10023").grants);
    assert_eq!(principal.service(), None);

    let token = fixture.kpi.sign(&machine("service:kpi"), NOW).unwrap();
    assert_eq!(fixture.verifier.verify(&token, NOW).unwrap().service(), Some("kpi"));
}

#[test]
fn other_forms_of_the_claims_that_the_standard_allows_are_read() {
    let fixture = Fixture::new("forms");
    let mut claims = claims_with("aud", json!(["billing", AUDIENCE]));
    claims["exp"] = json!(f64::from(u32::try_from(NOW.unix_timestamp()).unwrap()) + 0.5);
    claims["nbf"] = json!(NOW.unix_timestamp());
    claims["email"] = json!("not ours to know");
    claims["grants"] = json!([]);
    let principal = fixture.verifier.verify(&fixture.signed(&claims), NOW).unwrap();
    assert_eq!(principal.expire_time, NOW + Duration::milliseconds(500));
    assert!(principal.grants.is_empty());
}

#[test]
fn no_token_is_missing() {
    let fixture = Fixture::new("missing");
    assert_eq!(fixture.verifier.verify("", NOW), Err(TokenError::Missing));
    assert_eq!(fixture.verifier.verify("  ", NOW), Err(TokenError::Missing));
}

#[test]
fn what_is_no_jwt_is_malformed() {
    let fixture = Fixture::new("malformed");
    for text in ["secret", "a.b", "a.b.c.d", "..", "a.b.c", "äöü.b.c", "e30.e30.e30"] {
        problem(fixture.verifier.verify(text, NOW));
    }
    let header = Header { crit: Some(vec!["b64".to_owned()]), ..Header::new(Algorithm::EdDSA) };
    let token = fixture.signed_as(&header, &claims());
    assert!(problem(fixture.verifier.verify(&token, NOW)).contains("crit"));
}

#[test]
fn a_token_ends_at_its_expiry_to_the_second_whether_remembered_or_not() {
    let fixture = Fixture::new("expired");
    let token = fixture.token();
    let end = NOW + Duration::hours(8);
    assert_eq!(fixture.verifier.verify(&token, end), Err(TokenError::Expired), "never seen before");
    fixture.verifier.verify(&token, end - Duration::SECOND).unwrap();
    assert_eq!(fixture.verifier.verify(&token, end), Err(TokenError::Expired), "remembered");
    assert_eq!(fixture.verifier.remembered(), 0);
}

#[test]
fn a_token_from_a_clock_that_is_ahead_is_good_half_a_minute_early() {
    let fixture = Fixture::new("early");
    let verify = |name, seconds| {
        let token = fixture.signed(&claims_with(name, json!(NOW.unix_timestamp() + seconds)));
        fixture.verifier.verify(&token, NOW).map(|_| ())
    };
    for name in ["iat", "nbf"] {
        assert_eq!(verify(name, 30), Ok(()), "{name}");
        assert_eq!(verify(name, 31), Err(TokenError::Expired), "{name}");
    }
}

#[test]
fn a_signature_that_no_trusted_key_made_is_untrusted() {
    let fixture = Fixture::new("foreign");
    let foreign = SigningKey::generate().unwrap();
    let token = foreign.sign(&request("10023"), NOW).unwrap();
    assert_eq!(fixture.verifier.verify(&token, NOW), Err(TokenError::Untrusted), "unknown key");

    let good = fixture.token();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (_, foreign_signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{message}.{foreign_signature}");
    assert_eq!(fixture.verifier.verify(&forged, NOW), Err(TokenError::Untrusted), "another key's signature");

    let header = message.split('.').next().unwrap();
    let payload = URL_SAFE_NO_PAD.encode(claims_with("sub", json!("1")).to_string());
    let altered = format!("{header}.{payload}.{signature}");
    assert_eq!(fixture.verifier.verify(&altered, NOW), Err(TokenError::Untrusted), "altered claims");
    assert_eq!(fixture.verifier.verify(&format!("{message}."), NOW), Err(TokenError::Untrusted), "no signature");
    assert_eq!(fixture.verifier.verify(&format!("{message}.%"), NOW), Err(TokenError::Untrusted), "no base64");

    let nameless = fixture.signed_as(&Header::new(Algorithm::EdDSA), &claims());
    assert_eq!(fixture.verifier.verify(&nameless, NOW), Err(TokenError::Untrusted), "names no key");
}

#[test]
fn the_header_does_not_choose_the_algorithm() {
    let fixture = Fixture::new("algorithm");
    let public = fixture.person.public_key(None);
    let id = public.id().unwrap();
    for alg in ["none", "None", "HS256", "RS256", "ES256", ""] {
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": alg, "kid": id}).to_string());
        let good = fixture.signed(&claims());
        let (_, rest) = good.split_once('.').unwrap();
        let (payload, signature) = rest.split_once('.').unwrap();
        for signature in ["", signature] {
            let token = format!("{header}.{payload}.{signature}");
            assert_eq!(fixture.verifier.verify(&token, NOW), Err(TokenError::Untrusted), "{alg}");
        }
    }

    // The classic: the public key, known to all, used as the secret of a MAC.
    let json = serde_json::to_value(&public).unwrap();
    let secret = URL_SAFE_NO_PAD.decode(json["x"].as_str().unwrap()).unwrap();
    let header = Header { kid: Some(id), ..Header::new(Algorithm::HS256) };
    let token = encode(&header, &claims(), &EncodingKey::from_secret(&secret)).unwrap();
    assert_eq!(fixture.verifier.verify(&token, NOW), Err(TokenError::Untrusted));
}

#[test]
fn a_key_asserts_only_whom_the_key_file_lets_it() {
    let fixture = Fixture::new("subject");
    let verify = |key: &SigningKey, subject: &str| {
        let request = if subject.starts_with("service:") { machine(subject) } else { request(subject) };
        fixture.verifier.verify(&key.sign(&request, NOW).unwrap(), NOW).map(|_| ())
    };
    let forbidden = |subject: &str| Err(TokenError::SubjectForbidden { subject: subject.to_owned() });
    assert_eq!(verify(&fixture.kpi, "service:kpi"), Ok(()));
    assert_eq!(verify(&fixture.kpi, "10023"), forbidden("10023"));
    assert_eq!(verify(&fixture.kpi, "service:product-catalog"), forbidden("service:product-catalog"));
    assert_eq!(verify(&fixture.person, "service:kpi"), forbidden("service:kpi"));
    assert_eq!(verify(&fixture.person, "service:"), forbidden("service:"));
    assert_eq!(fixture.verifier.remembered(), 1);
    // A machine does not make itself an auditor by signing that it is one.
    let token = fixture.kpi.sign(&request("service:kpi"), NOW).unwrap();
    assert_eq!(fixture.verifier.verify(&token, NOW).map(|_| ()), forbidden("service:kpi"));
}

#[test]
fn claims_that_are_needed_here_are_demanded_by_name() {
    let fixture = Fixture::new("claims");
    for name in ["iss", "aud", "sub", "exp", "iat", "grants"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        let problem = problem(fixture.verifier.verify(&fixture.signed(&claims), NOW));
        assert!(problem.contains(&format!("missing field `{name}`")), "{problem}");
    }
    let spoiled = [
        ("aud", json!("billing"), "the audience (aud) is not `guanxi`"),
        ("aud", json!([]), "the audience (aud) is not `guanxi`"),
        ("iss", json!("https://elsewhere.example"), "`https://elsewhere.example` are not accepted"),
        ("sub", json!(""), "the subject (sub) is not a text of 1 to 255 bytes"),
        ("sub", json!("1\n2"), "the subject (sub) is not a text of 1 to 255 bytes"),
        ("exp", json!("tomorrow"), "expected f64"),
        ("exp", json!(1e300), "exp is no time"),
        ("grants", json!([{"role": "boss", "territory": "CN"}]), "there is no role `boss`"),
        ("grants", json!([{"role": "analyst", "territory": "CN/"}]), "`CN/` is no territory code"),
        ("grants", json!([{"role": "analyst", "territory": ""}]), "`` is no territory code"),
    ];
    for (name, value, expected) in spoiled {
        let problem = problem(fixture.verifier.verify(&fixture.signed(&claims_with(name, value)), NOW));
        assert!(problem.contains(expected), "{problem}");
    }
}

#[test]
fn any_issuer_is_accepted_where_none_is_named() {
    let fixture = Fixture::new("issuer");
    let verifier = Verifier::from_file(&fixture.key_file, AUDIENCE, Vec::new()).unwrap();
    verifier.verify(&fixture.signed(&claims_with("iss", json!("anyone"))), NOW).unwrap();
}

#[test]
fn a_token_is_verified_once_and_then_remembered() {
    let fixture = Fixture::new("remembered");
    let token = fixture.token();
    let first = fixture.verifier.verify(&token, NOW).unwrap();
    let second = fixture.verifier.verify(&format!(" {token} "), NOW + Duration::MINUTE).unwrap();
    assert!(Arc::ptr_eq(&first, &second), "the very same principal: nothing was read from the token again");
    assert_eq!(fixture.verifier.remembered(), 1);

    let foreign = SigningKey::generate().unwrap().sign(&request("10023"), NOW).unwrap();
    assert_eq!(fixture.verifier.verify(&foreign, NOW), Err(TokenError::Untrusted));
    assert_eq!(fixture.verifier.remembered(), 1, "refusals are not remembered");
}

#[test]
fn a_service_speaks_for_itself_with_a_token_that_is_renewed_in_time() {
    let fixture = Fixture::new("identity");
    let verifier = Verifier::from_file(&fixture.key_file, AUDIENCE, Vec::new()).unwrap();
    let identity = ServiceIdentity::new("kpi", fixture.kpi.clone());
    let first = identity.token(NOW).unwrap();
    let principal = verifier.verify(&first, NOW).unwrap();
    assert_eq!((principal.service(), &principal.grants), (Some("kpi"), &machine("service:kpi").grants));
    let mut now = NOW;
    for _ in 0..12 {
        now += Duration::minutes(11);
        let principal = verifier.verify(&identity.token(now).unwrap(), now).unwrap();
        assert!(principal.expire_time - now >= ServiceIdentity::AT_LEAST);
    }
    assert_eq!(identity.token(NOW).unwrap(), identity.token(now).unwrap(), "one token serves many calls");
    let other = ServiceIdentity::new("billing", fixture.kpi.clone());
    let refused = verifier.verify(&other.token(NOW).unwrap(), NOW);
    assert_eq!(refused, Err(TokenError::SubjectForbidden { subject: "service:billing".to_owned() }));
}
