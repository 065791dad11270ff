//! Bytes that are no request, requests that are too large, methods that there are not.

use prost::bytes::BufMut;
use serde_json::json;
use tonic::{Code, Status};

use crate::refused::{World, check_refusal};
use crate::support::reason;
use crate::wire::{self, Caller};

/// The reasons that these tests provoke, for the check that no published reason is left out.
pub(crate) const REASONS: [(Code, &str); 3] = [TOO_LARGE, MALFORMED, UNKNOWN];
const TOO_LARGE: (Code, &str) = (Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
const MALFORMED: (Code, &str) = (Code::InvalidArgument, "MESSAGE_MALFORMED");
const UNKNOWN: (Code, &str) = (Code::Unimplemented, "METHOD_UNKNOWN");

const CREATE: &str = "/guanxi.client_registry.v1.AccountService/CreateAccount";
const IMPORT: &str = "/guanxi.client_registry.v1.AccountService/ImportAccounts";

/// Sends bytes in both languages; nothing may change, and the service goes on.
async fn refused(world: &World, path: &str, messages: &[Vec<u8>], expected: (Code, &str)) -> Status {
    let service = world.service();
    let before = service.contents().await;
    let mut last = None;
    for (header, tag) in [(None, "zh-CN"), (Some("en"), "en")] {
        let caller = Caller { language: header, ..Caller::with(&service.admin) };
        let status = wire::call_raw(&service.channel, caller, path, messages.to_vec()).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), expected, "{path}: {status:?}");
        check_refusal(path, &status, tag);
        last = Some(status);
    }
    assert_eq!(service.contents().await, before, "{path} changed something");
    let who_am_i = wire::method("IdentityService/WhoAmI");
    wire::call(&service.channel, Caller::with(&service.admin), &who_am_i, &[json!({})]).await.unwrap();
    last.unwrap()
}

/// A field of a length-delimited type.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    bytes.put_slice(content);
    bytes
}

/// A `CreateAccountRequest` whose `legal_name` is these bytes.
fn create(legal_name: &[u8]) -> Vec<u8> {
    field(1, &[field(2, legal_name), field(9, b"440305")].concat())
}

#[tokio::test]
async fn a_message_over_four_mebibytes_is_too_large() {
    let world = World::start().await;
    let limit = 4 * 1024 * 1024;
    let status = refused(&world, CREATE, &[create(&vec![b'a'; limit])], TOO_LARGE).await;
    assert!(status.message().contains(&limit.to_string()), "{status:?}");
    refused(&world, IMPORT, &[vec![b'a'; limit + 1]], TOO_LARGE).await;
    // One byte less is a message like every other, and its name is too long.
    let caller = Caller::with(&world.service().admin);
    let message = create(&vec![b'a'; limit - 40]);
    let status = wire::call_raw(&world.service().channel, caller, CREATE, vec![message]).await.unwrap_err();
    assert_eq!(reason(&status), "FIELDS_INVALID");
}

#[tokio::test]
async fn bytes_that_are_no_message_are_malformed() {
    let world = World::start().await;
    let right = create("样例".as_bytes());
    for (name, message) in [
        ("noise", vec![0xff; 64]),
        ("a message that is cut off", right[..right.len() - 3].to_vec()),
        ("a field with a length beyond the end", vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        ("a field of another wire type", vec![0x08, 0x01]),
        ("a lone surrogate", create(b"\xed\xa0\x80")),
        ("a zero character in two bytes", create(b"\xc0\x80")),
        ("bytes that are no UTF-8", create(b"\xff\xfe")),
        ("GBK", create(b"\xc9\xee\xdb\xda")),
    ] {
        let status = refused(&world, CREATE, std::slice::from_ref(&message), MALFORMED).await;
        assert!(!status.message().contains("Account"), "{name}: {status:?}");
    }
    refused(&world, IMPORT, &[vec![0xff; 64]], MALFORMED).await;
    refused(&world, CREATE, &[], MALFORMED).await;
}

#[tokio::test]
async fn there_is_no_such_method() {
    let world = World::start().await;
    for path in [
        "/guanxi.client_registry.v1.AccountService/NoSuchMethod",
        "/guanxi.client_registry.v1.AccountService/createAccount",
        "/guanxi.client_registry.v1.NoSuchService/GetAccount",
        "/guanxi.client_registry.v2.AccountService/GetAccount",
        "/AccountService/GetAccount",
        "/",
    ] {
        let status = refused(&world, path, &[vec![]], UNKNOWN).await;
        assert!(status.message().contains(path), "{status:?}");
        let without_token =
            wire::call_raw(&world.service().channel, Caller::default(), path, vec![vec![]]).await.unwrap_err();
        assert_eq!(reason(&without_token), "METHOD_UNKNOWN");
    }
}
