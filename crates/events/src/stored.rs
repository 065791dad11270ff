//! An event as it is stored, and what of it a scope may see.

use std::borrow::Cow;

use guanxi_auth::{Scope, TerritoryPaths};
use guanxi_grpc::timestamp;
use guanxi_proto::DESCRIPTOR_POOL;
use guanxi_proto::events::v1::Event;
use prost::Message;
use prost_reflect::{DynamicMessage, Value};
use prost_types::Any;
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

/// Columns of [`StoredEvent`], for statements rendered with the name of a schema.
pub(crate) const COLUMNS: &str = "position, id, kind, subject, version, time, actor, method, traceparent, territory_code, territory_path, \
     previous_territory_code, previous_territory_path, mentions, payload_type, payload";

/// A row of the event table.
#[derive(Clone, Debug, FromRow)]
pub struct StoredEvent {
    /// Position in the feed.
    pub position: i64,
    /// Id of the event.
    pub id: Uuid,
    /// Full type, for example `guanxi.client_registry.v1.account.created`.
    pub kind: String,
    /// `<noun>/<id>`.
    pub subject: String,
    /// Version of the resource after the change.
    pub version: i64,
    /// When the change was accepted.
    pub time: OffsetDateTime,
    /// Who made it.
    pub actor: String,
    /// By which method.
    pub method: String,
    /// In which trace.
    pub traceparent: Option<String>,
    /// Territory after the change.
    pub territory_code: Option<String>,
    /// Its path then.
    pub territory_path: Option<String>,
    /// Territory before the change, where it was another one.
    pub previous_territory_code: Option<String>,
    /// Its path then.
    pub previous_territory_path: Option<String>,
    /// Fields that name something in another territory, `before.field=code` or `after.field=code`.
    pub mentions: Vec<String>,
    /// Type URL of the payload.
    pub payload_type: String,
    /// The encoded payload.
    pub payload: Vec<u8>,
}

/// What a scope sees of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// All of it.
    Whole,
    /// Only that the resource left.
    Left,
    /// Nothing.
    Nothing,
}

impl StoredEvent {
    pub(crate) fn sight(&self, scope: &Scope, paths: &TerritoryPaths) -> Sight {
        let sees = |code: &Option<String>, path: &Option<String>| {
            let today = code.as_deref().and_then(|code| paths.path_of(code));
            today.as_deref().or(path.as_deref()).is_some_and(|path| scope.contains(path))
        };
        if scope.is_everything() || self.territory_code.is_none() || sees(&self.territory_code, &self.territory_path) {
            Sight::Whole
        } else if sees(&self.previous_territory_code, &self.previous_territory_path) {
            Sight::Left
        } else {
            Sight::Nothing
        }
    }

    /// The payload without the fields that name something outside the scope.
    pub(crate) fn payload(&self, scope: &Scope, paths: &TerritoryPaths) -> Vec<u8> {
        let hidden: Vec<(&str, &str)> = self
            .mentions
            .iter()
            .filter_map(|mention| mention.split_once('='))
            .filter(|(_, code)| !paths.path_of(code).is_some_and(|path| scope.contains(&path)))
            .filter_map(|(field, _)| field.split_once('.'))
            .collect();
        if hidden.is_empty() || scope.is_everything() {
            return self.payload.clone();
        }
        let Some(mut change) = self.decode() else { return Vec::new() };
        for (side, field) in hidden {
            if let Some(Value::Message(mut resource)) = change.get_field_by_name(side).map(Cow::into_owned) {
                resource.clear_field_by_name(field);
                change.set_field_by_name(side, Value::Message(resource));
            }
        }
        change.encode_to_vec()
    }

    /// The payload as a message of its type.
    pub(crate) fn decode(&self) -> Option<DynamicMessage> {
        let name = self.payload_type.rsplit('/').next()?;
        let descriptor = DESCRIPTOR_POOL.get_message_by_name(name)?;
        DynamicMessage::decode(descriptor, self.payload.as_slice()).ok()
    }

    /// The event on the wire, for a scope that sees it whole or sees it leave.
    pub(crate) fn envelope(&self, scope: &Scope, paths: &TerritoryPaths, source: &str, left: bool) -> Event {
        let payload = Any {
            type_url: self.payload_type.clone(),
            value: if left { Vec::new() } else { self.payload(scope, paths) },
        };
        Event {
            position: self.position,
            id: self.id.to_string(),
            source: source.to_owned(),
            r#type: self.kind.clone(),
            subject: self.subject.clone(),
            version: self.version,
            time: Some(timestamp(self.time)),
            actor: self.actor.clone(),
            method: self.method.clone(),
            traceparent: self.traceparent.clone().unwrap_or_default(),
            territory_code: if left { String::new() } else { self.territory_code.clone().unwrap_or_default() },
            left_scope: left,
            payload: (!left).then_some(payload),
        }
    }
}
