//! Calls by descriptor: no stub of ours stands between the test and the wire, so a new method is called as soon as it is in a proto.

use guanxi_proto::DESCRIPTOR_POOL;
use prost::Message;
use prost::bytes::{Buf, BufMut};
use prost_reflect::{DynamicMessage, MethodDescriptor, ReflectMessage, Value};
use serde_json::Value as Json;
use tokio_stream::Stream;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::Served;

/// Packages of which every service serves its own part.
const EVERYWHERE: [&str; 2] = ["guanxi.events.v1", "guanxi.auth.v1"];

/// Every method that the service of a package serves.
#[must_use]
pub fn served_methods(package: &str) -> Vec<MethodDescriptor> {
    let is_served = |name: &str| name == package || EVERYWHERE.contains(&name);
    methods().filter(|method| is_served(method.parent_service().package_name())).collect()
}

fn methods() -> impl Iterator<Item = MethodDescriptor> {
    DESCRIPTOR_POOL.services().flat_map(|service| service.methods().collect::<Vec<_>>())
}

/// The method of a name such as `AccountService/GetAccount`.
#[must_use]
pub fn method(name: &str) -> MethodDescriptor {
    methods().find(|method| short_name(method) == name).unwrap_or_else(|| panic!("there is no method {name}"))
}

/// `AccountService/GetAccount`.
#[must_use]
pub fn short_name(method: &MethodDescriptor) -> String {
    format!("{}/{}", method.parent_service().name(), method.name())
}

/// `/guanxi.client_registry.v1.AccountService/GetAccount`.
#[must_use]
pub fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// The bytes of a request that is written as protobuf JSON.
#[must_use]
pub fn encode(method: &MethodDescriptor, request: &Json) -> Vec<u8> {
    let message = DynamicMessage::deserialize(method.input(), request);
    message.unwrap_or_else(|error| panic!("{}: {error}: {request}", method.full_name())).encode_to_vec()
}

/// How a call is made.
#[derive(Clone, Copy, Default)]
pub struct Caller<'a> {
    /// The token, if any.
    pub token: Option<&'a str>,
    /// The languages that the caller wants.
    pub language: Option<&'a str>,
    /// How long the caller waits.
    pub timeout: Option<std::time::Duration>,
}

impl<'a> Caller<'a> {
    /// With a token.
    #[must_use]
    pub fn with(token: &'a str) -> Self {
        Self { token: Some(token), ..Self::default() }
    }
}

/// Calls a method with protobuf JSON and reads every answer, of a stream without an end those up to where `is_last` says so.
pub async fn call_until(
    channel: &Channel,
    caller: Caller<'_>,
    method: &MethodDescriptor,
    requests: &[Json],
    is_last: impl Fn(&DynamicMessage) -> bool,
) -> Result<Vec<DynamicMessage>, Status> {
    let requests: Vec<_> = requests.iter().map(|request| encode(method, request)).collect();
    let mut stream = send(channel, caller, &path(method), tokio_stream::iter(requests)).await?;
    let mut answers = Vec::new();
    while let Some(bytes) = stream.message().await? {
        answers.push(DynamicMessage::decode(method.output(), bytes.as_slice()).unwrap());
        if answers.last().is_some_and(&is_last) {
            break;
        }
    }
    Ok(answers)
}

/// The same with one request; of a stream without an end it reads what there was before the call, which who watches has in the first answer.
pub async fn ask(
    served: &Served,
    caller: Caller<'_>,
    method: &MethodDescriptor,
    request: &Json,
) -> Result<Vec<DynamicMessage>, Status> {
    let head = served.head().await;
    let caught_up = |answer: &DynamicMessage| {
        let checked = answer.get_field_by_name("checked_position");
        checked.map_or(method.name().starts_with("Watch"), |position| position.as_i64() >= Some(head))
    };
    call_until(&served.channel, caller, method, std::slice::from_ref(request), caught_up).await
}

/// Calls a method whose answers come to an end.
pub async fn call(
    channel: &Channel,
    caller: Caller<'_>,
    method: &MethodDescriptor,
    requests: &[Json],
) -> Result<Vec<DynamicMessage>, Status> {
    call_until(channel, caller, method, requests, |_| false).await
}

/// Sends bytes to a path and reads every answer.
pub async fn call_raw(
    channel: &Channel,
    caller: Caller<'_>,
    path: &str,
    requests: Vec<Vec<u8>>,
) -> Result<Vec<Vec<u8>>, Status> {
    let mut stream = send(channel, caller, path, tokio_stream::iter(requests)).await?;
    let mut answers = Vec::new();
    while let Some(bytes) = stream.message().await? {
        answers.push(bytes);
    }
    Ok(answers)
}

/// All four kinds of methods look alike on the wire: a stream of messages each way.
pub async fn send(
    channel: &Channel,
    caller: Caller<'_>,
    path: &str,
    requests: impl Stream<Item = Vec<u8>> + Send + 'static,
) -> Result<tonic::Streaming<Vec<u8>>, Status> {
    let mut grpc = Grpc::new(channel.clone()).max_decoding_message_size(usize::MAX);
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let mut request = Request::new(requests);
    let metadata = request.metadata_mut();
    if let Some(token) = caller.token {
        metadata.insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    if let Some(language) = caller.language {
        metadata.insert("accept-language", language.parse().unwrap());
    }
    if let Some(timeout) = caller.timeout {
        request.set_timeout(timeout);
    }
    let path = path.parse::<PathAndQuery>().unwrap();
    Ok(grpc.streaming(request, path, Bytes).await?.into_inner())
}

/// Passes messages on as the bytes that they are.
#[derive(Clone, Copy)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; buffer.remaining()];
        buffer.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }
}

/// Visits every field that is set, in messages of any depth, in `Any` payloads too: the message that has it, its descriptor, its value.
pub fn visit(message: &DynamicMessage, seen: &mut dyn FnMut(&DynamicMessage, &prost_reflect::FieldDescriptor, &Value)) {
    if let Some(packed) = unpacked(message) {
        return visit(&packed, seen);
    }
    for (field, value) in message.fields() {
        seen(message, &field, value);
        visit_value(value, seen);
    }
}

fn visit_value(value: &Value, seen: &mut dyn FnMut(&DynamicMessage, &prost_reflect::FieldDescriptor, &Value)) {
    match value {
        Value::Message(inner) => visit(inner, seen),
        Value::List(values) => values.iter().for_each(|value| visit_value(value, seen)),
        Value::Map(values) => values.values().for_each(|value| visit_value(value, seen)),
        _ => {}
    }
}

/// The message in an `Any`.
fn unpacked(message: &DynamicMessage) -> Option<DynamicMessage> {
    if message.descriptor().full_name() != "google.protobuf.Any" {
        return None;
    }
    let part = |name: &str| message.get_field_by_name(name).unwrap().into_owned();
    let (kind, bytes) = (part("type_url"), part("value"));
    let name = kind.as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let descriptor =
        DESCRIPTOR_POOL.get_message_by_name(&name).unwrap_or_else(|| panic!("a payload of the type {name}"));
    Some(DynamicMessage::decode(descriptor, bytes.as_bytes().unwrap().as_ref()).unwrap())
}

/// Every text in a message: values of fields, keys and values of maps.
#[must_use]
pub fn texts(message: &DynamicMessage) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    visit(message, &mut |_, field, value| collect_texts(field.full_name(), value, &mut texts));
    texts
}

fn collect_texts(field: &str, value: &Value, texts: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => texts.push((field.to_owned(), text.clone())),
        Value::Bytes(bytes) => texts.push((field.to_owned(), String::from_utf8_lossy(bytes).into_owned())),
        Value::List(values) => values.iter().for_each(|value| collect_texts(field, value, texts)),
        Value::Map(values) => {
            for (key, value) in values {
                texts.extend(key.as_str().map(|key| (field.to_owned(), key.to_owned())));
                collect_texts(field, value, texts);
            }
        }
        _ => {}
    }
}
