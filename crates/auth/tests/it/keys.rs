//! Key files: what they may hold, how they change, how keys are kept.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use guanxi_auth::{AUDIENCE, KeyError, SigningKey, TokenError, Verifier, write_key_set};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use time::Duration;

use crate::fixture::{Fixture, NOW, claims, folder, request};

/// The key of RFC 8037, appendix A, as PKCS#8.
const RFC_8037_PEM: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";

#[test]
fn a_new_key_is_trusted_and_an_old_one_dropped_without_a_restart() {
    let fixture = Fixture::new("rotation");
    let old = fixture.token();
    let before = fixture.verifier.verify(&old, NOW).unwrap();

    let next = SigningKey::generate().unwrap();
    let new = next.sign(&request("10023"), NOW).unwrap();
    write_key_set(&fixture.key_file, &[fixture.person.public_key(None), next.public_key(None)]).unwrap();
    assert_eq!(fixture.verifier.verify(&new, NOW), Err(TokenError::Untrusted), "looked at within the same second");
    fixture.verifier.verify(&new, NOW + Duration::seconds(1)).unwrap();
    let after = fixture.verifier.verify(&old, NOW + Duration::seconds(1)).unwrap();
    assert!(!Arc::ptr_eq(&before, &after), "verified again with the new set");

    write_key_set(&fixture.key_file, &[next.public_key(None)]).unwrap();
    assert_eq!(fixture.verifier.verify(&old, NOW + Duration::seconds(2)), Err(TokenError::Untrusted));
    fixture.verifier.verify(&new, NOW + Duration::seconds(2)).unwrap();
}

#[test]
fn the_old_keys_stay_while_the_file_cannot_be_used() {
    let fixture = Fixture::new("broken");
    let token = fixture.token();
    let good = fs::read(&fixture.key_file).unwrap();
    fixture.verifier.verify(&token, NOW).unwrap();
    fs::write(&fixture.key_file, &good[..good.len() / 2]).unwrap();
    fixture.verifier.verify(&token, NOW + Duration::seconds(1)).unwrap();
    fs::remove_file(&fixture.key_file).unwrap();
    fixture.verifier.verify(&token, NOW + Duration::seconds(2)).unwrap();
    assert_eq!(fixture.verifier.remembered(), 1, "nothing was forgotten");

    let next = SigningKey::generate().unwrap();
    write_key_set(&fixture.key_file, &[next.public_key(None)]).unwrap();
    assert_eq!(fixture.verifier.verify(&token, NOW + Duration::seconds(3)), Err(TokenError::Untrusted));
}

fn verifier_of(folder: &Path, keys: &Value) -> Result<Verifier, KeyError> {
    let file = folder.join("keys.json");
    fs::write(&file, json!({ "keys": keys }).to_string()).unwrap();
    Verifier::from_file(file, AUDIENCE, Vec::new())
}

#[test]
fn a_key_file_that_leaves_doubt_is_refused() {
    let folder = folder("doubt");
    let key = |subject| serde_json::to_value(SigningKey::generate().unwrap().public_key(subject)).unwrap();
    let problem = |keys: Value| verifier_of(&folder, &keys).unwrap_err().to_string();

    let mut unclear = key(Some("service:kpi"));
    unclear["guanxi_subject"] = Value::Null;
    assert!(problem(json!([unclear])).contains("is no JWK set"), "null must not lift the restriction");
    unclear["guanxi_subject"] = json!(["service:kpi"]);
    assert!(problem(json!([unclear])).contains("is no JWK set"));

    let (mut one, mut other) = (key(None), key(Some("service:kpi")));
    one["kid"] = json!("k");
    other["kid"] = json!("k");
    assert!(problem(json!([one, other])).contains("has two keys with the id `k`"));

    assert!(problem(json!([])).contains("has no Ed25519, P-256 or RSA key"));
    assert!(problem(json!([{"kty": "oct", "kid": "k", "k": "c2VjcmV0"}])).contains("has no Ed25519"));
    let missing = Verifier::from_file(folder.join("missing.json"), AUDIENCE, Vec::new());
    assert!(matches!(missing, Err(KeyError::File { .. })));
}

#[test]
fn keys_that_cannot_verify_are_passed_over() {
    let folder = folder("passed-over");
    let person = SigningKey::generate().unwrap();
    let key = || serde_json::to_value(SigningKey::generate().unwrap().public_key(None)).unwrap();
    let mut encryption = key();
    encryption["use"] = json!("enc");
    let mut short = key();
    short["x"] = json!("AAAA");
    let mut other_algorithm = key();
    other_algorithm["alg"] = json!("ES512");
    let verifier = verifier_of(
        &folder,
        &json!([
            {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
            {"kty": "EC", "crv": "P-384", "kid": "curve", "x": "AAAA", "y": "AAAA"},
            {"kty": "future", "kid": "future"},
            encryption,
            short,
            other_algorithm,
            person.public_key(None),
        ]),
    )
    .unwrap();
    verifier.verify(&person.sign(&request("10023"), NOW).unwrap(), NOW).unwrap();
    let header = Header { kid: Some("secret".to_owned()), ..Header::new(Algorithm::HS256) };
    let token = encode(&header, &claims(), &EncodingKey::from_secret(b"secret")).unwrap();
    assert_eq!(verifier.verify(&token, NOW), Err(TokenError::Untrusted), "a shared secret is never trusted");
}

#[test]
fn an_identity_system_may_sign_with_rsa_or_p256() {
    let folder = folder("other-algorithms");
    let rsa: Pkcs8V1Der<'_> = KeyPair::generate(KeySize::Rsa2048).unwrap().as_der().unwrap();
    let rsa = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(rsa.as_ref()));
    let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let keys = [
        (Algorithm::RS256, EncodingKey::from_rsa_pem(rsa.as_bytes()).unwrap()),
        (Algorithm::ES256, EncodingKey::from_ec_der(ec.as_ref())),
    ];
    let set: Vec<Value> = keys
        .iter()
        .map(|(algorithm, key)| {
            let mut jwk = serde_json::to_value(Jwk::from_encoding_key(key, *algorithm).unwrap()).unwrap();
            jwk["kid"] = json!(format!("{algorithm:?}"));
            jwk
        })
        .collect();
    let verifier = verifier_of(&folder, &json!(set)).unwrap();
    for (algorithm, key) in &keys {
        let header = Header { kid: Some(format!("{algorithm:?}")), ..Header::new(*algorithm) };
        let token = encode(&header, &claims(), key).unwrap();
        assert_eq!(verifier.verify(&token, NOW).unwrap().subject, "10023", "{algorithm:?}");
    }
    // The key is RSA, but its algorithm is RS256 and no other.
    let header = Header { kid: Some("RS256".to_owned()), ..Header::new(Algorithm::RS512) };
    let token = encode(&header, &claims(), &keys[0].1).unwrap();
    assert_eq!(verifier.verify(&token, NOW), Err(TokenError::Untrusted));
}

#[test]
fn a_key_is_kept_for_its_owner_alone_and_never_overwritten() {
    let path = folder("kept").join("signing.pem");
    let key = SigningKey::generate().unwrap();
    key.save(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(SigningKey::load(&path).unwrap().public_key(None), key.public_key(None));

    let other = SigningKey::generate().unwrap();
    match other.save(&path) {
        Err(KeyError::File { source, .. }) => assert_eq!(source.kind(), std::io::ErrorKind::AlreadyExists),
        outcome => panic!("{outcome:?}"),
    }
    assert_eq!(SigningKey::load(&path).unwrap().public_key(None), key.public_key(None));
    let secret = fs::read_to_string(&path).unwrap();
    assert!(!format!("{key:?}").contains(secret.lines().nth(1).unwrap()));
    assert!(!format!("{key:?}").contains("[48, 46, 2, 1"));
}

#[test]
fn a_key_file_of_another_kind_is_refused() {
    let path = folder("kind").join("signing.pem");
    fs::write(&path, "no key").unwrap();
    assert!(matches!(SigningKey::load(&path), Err(KeyError::Content { .. })));
    assert!(matches!(SigningKey::load(&path.with_extension("missing")), Err(KeyError::File { .. })));
}

#[test]
fn the_public_key_is_that_of_the_standard() {
    let path = folder("standard").join("signing.pem");
    fs::write(&path, RFC_8037_PEM).unwrap();
    let public = SigningKey::load(&path).unwrap().public_key(Some("service:kpi"));
    let expected = json!({
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        "alg": "EdDSA",
        "use": "sig",
        "guanxi_subject": "service:kpi",
    });
    assert_eq!(serde_json::to_value(&public).unwrap(), expected);
}
