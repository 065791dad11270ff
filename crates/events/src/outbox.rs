//! Writing: the events of a transaction, as its last step.

use std::sync::Arc;

use guanxi_db::{Database, Error, Transaction};
use guanxi_grpc::Call;
use prost::Name;
use prost_types::Any;
use tokio::sync::Notify;
use uuid::Uuid;

/// A change that is about to be committed.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// What happened, without the package, for example `account.created`.
    pub kind: &'static str,
    /// Noun of the resource, for example `account`.
    pub noun: &'static str,
    /// Id of the resource.
    pub id: Uuid,
    /// Version of the resource after the change.
    pub version: i64,
    /// Territory of the resource after the change; before it, where it was removed.
    pub territory: Option<Place>,
    /// Territory before the change, where it was another one.
    pub previous_territory: Option<Place>,
    /// Fields of the payload that name something in another territory, as `before.field` or `after.field`, with the code of that
    /// territory. A reader who may not see that territory does not see the field.
    pub mentions: Vec<(&'static str, String)>,
    /// The payload: a `<Noun>Change` without personal values.
    pub payload: Any,
}

/// A territory at the moment of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its code.
    pub code: String,
    /// Its path then; readers use the path of today while the territory exists.
    pub path: String,
}

impl NewEvent {
    /// Packs a change message.
    #[must_use]
    pub fn pack<M: Name>(change: &M) -> Any {
        Any { type_url: format!("type.googleapis.com/{}", M::full_name()), value: change.encode_to_vec() }
    }
}

/// Writes the events of one service.
#[derive(Clone)]
pub struct Outbox {
    database: Database,
    insert: &'static str,
    committed: Arc<Notify>,
}

impl Outbox {
    /// The outbox of a schema. It starts the task that tells readers of all processes of new events.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        let schema = database.schema();
        let insert = format!(
            "with head as (update {schema}.event_head set position = position + $1 where id = 1 returning position) \
             insert into {schema}.event (position, id, kind, subject, version, time, actor, method, traceparent, territory_code, \
             territory_path, previous_territory_code, previous_territory_path, mentions, payload_type, payload) \
             select head.position - $1 + new.number, new.id, new.kind, new.subject, new.version, $2, $3, $4, $5, new.territory_code, \
             new.territory_path, new.previous_territory_code, new.previous_territory_path, \
             coalesce(string_to_array(nullif(new.mentions, ''), ' '), '{{}}'), new.payload_type, new.payload \
             from head, unnest($6::uuid[], $7::text[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::text[], \
             $14::text[], $15::text[], $16::bytea[]) with ordinality as new (id, kind, subject, version, territory_code, territory_path, \
             previous_territory_code, previous_territory_path, mentions, payload_type, payload, number) \
             returning position"
        );
        let outbox = Self { database: database.clone(), insert: insert.leak(), committed: Arc::default() };
        tokio::spawn(notify(outbox.clone()));
        outbox
    }

    /// Writes the events and commits. Returns the position of the last one, 0 without events. Nothing slow may stand between this
    /// and the answer: whoever holds the head holds up every writer of the schema.
    pub async fn commit(&self, mut transaction: Transaction, call: &Call, events: Vec<NewEvent>) -> Result<i64, Error> {
        let position = if events.is_empty() { 0 } else { self.insert(&mut transaction, call, events).await? };
        transaction.commit().await?;
        if position > 0 {
            self.committed.notify_one();
        }
        Ok(position)
    }

    #[expect(clippy::disallowed_methods, reason = "the statement carries the name of the service's schema")]
    async fn insert(&self, transaction: &mut Transaction, call: &Call, events: Vec<NewEvent>) -> Result<i64, Error> {
        let package = self.database.schema();
        let column = |pick: fn(&NewEvent) -> Option<String>| events.iter().map(pick).collect::<Vec<_>>();
        let positions: Vec<i64> = sqlx::query_scalar(self.insert)
            .bind(i64::try_from(events.len()).unwrap_or(i64::MAX))
            .bind(call.now)
            .bind(call.subject())
            .bind(call.method)
            .bind(&call.traceparent)
            .bind(events.iter().map(|_| guanxi_db::new_id(call.now)).collect::<Vec<_>>())
            .bind(events.iter().map(|event| format!("guanxi.{package}.v1.{}", event.kind)).collect::<Vec<_>>())
            .bind(events.iter().map(|event| format!("{}/{}", event.noun, event.id)).collect::<Vec<_>>())
            .bind(events.iter().map(|event| event.version).collect::<Vec<_>>())
            .bind(column(|event| event.territory.as_ref().map(|place| place.code.clone())))
            .bind(column(|event| event.territory.as_ref().map(|place| place.path.clone())))
            .bind(column(|event| event.previous_territory.as_ref().map(|place| place.code.clone())))
            .bind(column(|event| event.previous_territory.as_ref().map(|place| place.path.clone())))
            .bind(column(|event| Some(mentions(&event.mentions))))
            .bind(events.iter().map(|event| event.payload.type_url.clone()).collect::<Vec<_>>())
            .bind(events.iter().map(|event| event.payload.value.clone()).collect::<Vec<_>>())
            .fetch_all(&mut ***transaction)
            .await?;
        Ok(positions.into_iter().max().unwrap_or_default())
    }
}

/// Fields and codes have neither blanks nor `=`.
fn mentions(mentions: &[(&'static str, String)]) -> String {
    mentions.iter().map(|(field, code)| format!("{field}={code}")).collect::<Vec<_>>().join(" ")
}

/// Sends one NOTIFY for however many commits happened meanwhile: inside the transactions it would serialise them.
async fn notify(outbox: Outbox) {
    let statement: &'static str = format!("notify {}", channel(outbox.database.schema())).leak();
    loop {
        outbox.committed.notified().await;
        if let Err(error) = outbox.database.control(statement).await {
            // Readers look for themselves every second.
            tracing::debug!(%error, "a notification was not sent");
        }
    }
}

/// Name of the notification channel of a schema.
pub(crate) fn channel(schema: &str) -> String {
    format!("{schema}_event")
}
