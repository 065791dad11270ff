//! `guanxi call`: any method with one answer, for what is too little for an import.

use std::error::Error;
use std::path::PathBuf;

use guanxi_proto::DESCRIPTOR_POOL;
use prost::Message as _;
use prost::bytes::{Buf as _, BufMut as _};
use prost_reflect::{DynamicMessage, MethodDescriptor, SerializeOptions};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Status};

use crate::cluster::{self, Target};
use crate::service::{SERVICES, Service};
use crate::terminal::{remark, say};
use crate::wording::{Failure, Language};

/// Call a method once for each line of a file.
///
/// Each line is a request as protobuf JSON, each answer is printed as one line. The first refusal ends it. A request with a `requestId` may
/// be sent again: it answers with the first outcome for 7 days.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Service and method, for example AccountManagerService/CreateAccountManager
    #[arg(value_name = "METHOD")]
    method: String,
    /// File with a request on each line
    file: PathBuf,
    /// Pass over what is there already (ALREADY_EXISTS), and go on
    #[arg(long)]
    skip_existing: bool,
    #[command(flatten)]
    target: Target,
}

const EXAMPLES: &str = "\
Examples:
  guanxi call AccountManagerService/CreateAccountManager managers.jsonl --skip-existing
  guanxi call PipelineService/CreatePipeline pipelines.jsonl

A line of managers.jsonl:
  {\"accountManager\": {\"employeeNumber\": \"E1\", \"name\": \"张三\", \"territoryCode\": \"440300\", \"channel\": \"ACCOUNT_MANAGER_CHANNEL_FIELD\"}}";

/// What is wrong with the command or its file.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("there is no method `{0}` with one request and one answer; one looks like AccountService/GetAccount")]
    Method(String),
    #[error("{file}, line {line}: {problem}")]
    Line { file: String, line: usize, problem: String },
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let (service, method) = find(&arguments.method).ok_or_else(|| CallError::Method(arguments.method.clone()))?;
    let text = std::fs::read_to_string(&arguments.file)
        .map_err(|error| Failure::file(Language::English, &arguments.file, &error))?;
    let wrong = |line: usize, problem: String| CallError::Line {
        file: arguments.file.display().to_string(),
        line: line + 1,
        problem,
    };
    let mut requests = Vec::new();
    for (line, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let mut json = serde_json::Deserializer::from_str(text);
        let message = DynamicMessage::deserialize(method.input(), &mut json);
        let message = message.and_then(|message| json.end().map(|()| message));
        requests.push((line, message.map_err(|error| wrong(line, error.to_string()))?));
    }
    let token = arguments.target.token(service, time::Duration::hours(1))?;
    let mut grpc = Grpc::new(arguments.target.connect(service).await?);
    for (line, message) in requests {
        grpc.ready().await?;
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let request = cluster::request(message.encode_to_vec(), &token)?;
        match grpc.unary(request, PathAndQuery::try_from(path)?, Bytes).await {
            Ok(answer) => say(&json(&DynamicMessage::decode(method.output(), answer.into_inner().as_slice())?)?),
            Err(status) if arguments.skip_existing && status.code() == Code::AlreadyExists => {
                remark(&format!("line {}: it is there already", line + 1));
            }
            Err(status) => return Err(wrong(line, Failure::from(status).to_string()).into()),
        }
    }
    Ok(())
}

/// The method of a name such as `AccountService/GetAccount`, and who serves it.
fn find(name: &str) -> Option<(Service, MethodDescriptor)> {
    let package = |service: Service| format!("guanxi.{}.v1", service.schema());
    let methods = SERVICES.into_iter().flat_map(|service| {
        let own = DESCRIPTOR_POOL.services().filter(move |each| each.package_name() == package(service));
        own.flat_map(|each| each.methods().collect::<Vec<_>>()).map(move |method| (service, method))
    });
    let plain = |method: &MethodDescriptor| !method.is_client_streaming() && !method.is_server_streaming();
    let named = |method: &MethodDescriptor| format!("{}/{}", method.parent_service().name(), method.name()) == name;
    methods.into_iter().find(|(_, method)| plain(method) && named(method))
}

fn json(message: &DynamicMessage) -> Result<String, serde_json::Error> {
    let mut text = Vec::new();
    message.serialize_with_options(&mut serde_json::Serializer::new(&mut text), &SerializeOptions::new())?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Messages that are bytes already.
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
