//! `ChangeService`: the audit log of one resource, as differences.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use guanxi_auth::{Scope, TerritoryPaths};
use guanxi_db::Database;
use guanxi_grpc::{Call, Refusal, Violation, Violations, number, timestamp};
use guanxi_proto::errors::v1::ErrorReason;
use guanxi_proto::events::v1::change_service_server::ChangeService;
use guanxi_proto::events::v1::{Change, FieldChange, ListChangesRequest, ListChangesResponse};
use prost_reflect::{DynamicMessage, FieldDescriptor, ReflectMessage};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::StoredEvent;
use crate::stored::{COLUMNS, Sight};

const DEFAULT_PAGE_SIZE: i32 = 50;
const MAX_PAGE_SIZE: i32 = 200;
/// Fields that say how far a resource has changed, not what has.
const BOOKKEEPING: [&str; 2] = ["etag", "update_time"];

/// Decides who sees the history of a resource at all, where that is more than who sees the territories in which it happened: in a service
/// that shows some resources only to those who work on them.
#[tonic::async_trait]
pub trait Guard: Send + Sync + 'static {
    /// True if the caller may see the history of a resource; each change is still shown by where it happened. `noun` is for example
    /// `opportunity`.
    async fn sees(&self, call: &Call, noun: &str, id: Uuid) -> Result<bool, Refusal>;
}

/// Serves the change log of one service.
#[derive(Clone)]
pub struct Changes {
    database: Database,
    paths: TerritoryPaths,
    page: &'static str,
    guard: Option<Arc<dyn Guard>>,
}

impl Changes {
    /// The change log of a schema. Without a guard everybody sees the history of what happened in the own territories.
    #[must_use]
    pub fn new(database: &Database, paths: TerritoryPaths, guard: Option<Arc<dyn Guard>>) -> Self {
        let page = format!(
            "select {COLUMNS} from {}.event where subject = $1 and version < $2 order by version desc limit $3",
            database.schema()
        );
        Self { database: database.clone(), paths, page: page.leak(), guard }
    }

    /// Refuses the history of what does not exist for the caller.
    async fn check(&self, call: &Call, query: &Query) -> Result<(), Refusal> {
        let seen = match &self.guard {
            Some(guard) => guard.sees(call, &query.noun, query.id).await?,
            None => true,
        };
        if seen { Ok(()) } else { Err(query.not_found()) }
    }

    #[expect(clippy::disallowed_methods, reason = "the statement carries the name of the service's schema")]
    async fn read(&self, query: &Query, before_version: i64) -> Result<Vec<StoredEvent>, guanxi_db::Error> {
        let mut connection = self.database.connection().await?;
        let events = sqlx::query_as(self.page)
            .bind(&query.subject)
            .bind(before_version)
            .bind(query.page_size + 1)
            .fetch_all(&mut *connection)
            .await?;
        connection.release();
        Ok(events)
    }
}

/// A checked request.
struct Query {
    subject: String,
    noun: String,
    id: Uuid,
    before_version: i64,
    page_size: i64,
}

impl TryFrom<ListChangesRequest> for Query {
    type Error = Violations;

    fn try_from(request: ListChangesRequest) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        let parts = subject_parts(&request.subject).ok_or_else(|| {
            Violation::new("subject", ErrorReason::Format)
                .with("value", &request.subject)
                .with("expected", "<noun>/<UUID>")
        });
        let parts = violations.keep(parts);
        let page_size = violations.keep(number("page_size", request.page_size, 0, i32::MAX)).unwrap_or_default();
        let page_size = if page_size == 0 { DEFAULT_PAGE_SIZE } else { page_size.min(MAX_PAGE_SIZE) };
        let before_version = page_token_version(&request.page_token, &request.subject)
            .ok_or_else(|| Violation::new("page_token", ErrorReason::PageTokenInvalid));
        let before_version = violations.keep(before_version).unwrap_or_default();
        match parts.filter(|_| violations.is_empty()) {
            Some((noun, id)) => {
                let (noun, page_size) = (noun.to_owned(), i64::from(page_size));
                Ok(Self { subject: request.subject, noun, id, before_version, page_size })
            }
            None => Err(violations),
        }
    }
}

impl Query {
    fn not_found(&self) -> Refusal {
        Refusal::not_found(&self.noun, self.id)
    }
}

/// Noun and id of `<noun>/<UUID>`.
fn subject_parts(subject: &str) -> Option<(&str, Uuid)> {
    let (noun, id) = subject.split_once('/')?;
    let is_noun = !noun.is_empty() && noun.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let id = Uuid::try_parse(id).ok().filter(|_| id.len() == 36)?;
    is_noun.then_some((noun, id))
}

fn page_token(subject: &str, version: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{version} {subject}"))
}

/// The version that a page ends before: the largest for no token, none for a token of another subject.
fn page_token_version(token: &str, subject: &str) -> Option<i64> {
    if token.is_empty() {
        return Some(i64::MAX);
    }
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (version, of) = text.split_once(' ')?;
    (of == subject).then(|| version.parse().ok()).flatten()
}

#[tonic::async_trait]
impl ChangeService for Changes {
    async fn list_changes(
        &self,
        request: Request<ListChangesRequest>,
    ) -> Result<Response<ListChangesResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let query = Query::try_from(request).map_err(Refusal::from)?;
        self.check(&call, &query).await?;
        let scope = call.scope(&self.paths);
        let page_size = usize::try_from(query.page_size).unwrap_or_default();
        let mut before_version = query.before_version;
        let (changes, next_page_token) = loop {
            let mut events = self.read(&query, before_version).await.map_err(Refusal::from)?;
            let more = events.len() > page_size;
            events.truncate(page_size);
            before_version = events.last().map_or(0, |last| last.version);
            let visible = events.iter().filter(|event| event.sight(&scope, &self.paths) == Sight::Whole);
            let changes: Vec<Change> = visible.map(|event| change(event, &scope, &self.paths)).collect();
            // That there is a page of which nothing is visible must not be told.
            if !more {
                break (changes, String::new());
            }
            if !changes.is_empty() {
                break (changes, page_token(&query.subject, before_version));
            }
        };
        if changes.is_empty() && query.before_version == i64::MAX {
            return Err(query.not_found().into());
        }
        Ok(Response::new(ListChangesResponse { changes, next_page_token }))
    }
}

fn change(event: &StoredEvent, scope: &Scope, paths: &TerritoryPaths) -> Change {
    let visible = StoredEvent { payload: event.payload(scope, paths), ..event.clone() };
    let payload = visible.decode();
    let reason = payload
        .as_ref()
        .and_then(|payload| payload.get_field_by_name("reason").and_then(|reason| reason.as_str().map(str::to_owned)));
    Change {
        position: event.position,
        event_id: event.id.to_string(),
        r#type: event.kind.clone(),
        time: Some(timestamp(event.time)),
        actor: event.actor.clone(),
        method: event.method.clone(),
        version: event.version,
        reason: reason.unwrap_or_default(),
        fields: payload.as_ref().map(differences).unwrap_or_default(),
    }
}

/// The fields in which `before` and `after` of a change message differ.
fn differences(change: &DynamicMessage) -> Vec<FieldChange> {
    let side = |name: &str| {
        let set = change.has_field_by_name(name);
        change.get_field_by_name(name).filter(|_| set).and_then(|value| value.as_message().cloned())
    };
    let (before, after) = (side("before"), side("after"));
    let Some(descriptor) = before.as_ref().or(after.as_ref()).map(ReflectMessage::descriptor) else {
        return Vec::new();
    };
    let fields = descriptor.fields().filter(|field| !BOOKKEEPING.contains(&field.name()));
    fields
        .filter_map(|field| {
            let (old, new) = (json(before.as_ref(), &field), json(after.as_ref(), &field));
            (old != new).then(|| FieldChange { field: field.name().to_owned(), before: old, after: new })
        })
        .collect()
}

/// A field as protobuf JSON; empty where it is unset.
fn json(message: Option<&DynamicMessage>, field: &FieldDescriptor) -> String {
    let Some(message) = message.filter(|message| message.has_field(field)) else { return String::new() };
    let mut alone = DynamicMessage::new(message.descriptor());
    alone.set_field(field, message.get_field(field).into_owned());
    match serde_json::to_value(&alone) {
        Ok(serde_json::Value::Object(object)) => {
            object.into_iter().next().map(|(_, value)| value.to_string()).unwrap_or_default()
        }
        _ => String::new(),
    }
}
