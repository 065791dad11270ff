//! SQL of subjects, and what becomes of facts and sums when they change.

use std::collections::{BTreeMap, HashMap};

use guanxi_db::PgConnection;
use serde::Serialize;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Known, Ledger, Subject};
use crate::fact::{self, Deltas, Fact};

/// Subjects that change together, with what they brought about before.
#[derive(Default)]
pub(crate) struct Subjects {
    now: BTreeMap<Uuid, Subject>,
    flows: HashMap<Uuid, Vec<Fact>>,
}

impl Subjects {
    /// Loads the subjects of some ids. The caller has the turn.
    pub(crate) async fn load(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Self, sqlx::Error> {
        let rows = sqlx::query!(
            "select id, known as \"known: Json<Known>\", position from kpi.subject where id = any($1)",
            ids,
        );
        let rows = rows.fetch_all(&mut *connection).await?.into_iter();
        let subject = |id, known, position| Subject { id, known, ledger: Ledger::default(), position };
        let now: BTreeMap<Uuid, Subject> =
            rows.map(|row| (row.id, subject(row.id, row.known.0, row.position))).collect();
        let flows = now.iter().map(|(id, subject)| (*id, subject.flows())).collect();
        Ok(Self { now, flows })
    }

    /// The opportunities of a pipeline.
    pub(crate) async fn of_pipeline(connection: &mut PgConnection, code: &str) -> Result<Self, sqlx::Error> {
        let ids = sqlx::query_scalar!("select id from kpi.subject where pipeline_code = $1", code);
        let ids = ids.fetch_all(&mut *connection).await?;
        Self::load(connection, &ids).await
    }

    /// True where something was told of an id.
    pub(crate) fn knows(&self, id: Uuid) -> bool {
        self.now.contains_key(&id)
    }

    /// The subject of an id for an event at a position; `make` makes one that nothing was told of yet. `None` where the event was taken in before, or
    /// is about something that there is not.
    pub(crate) fn at(&mut self, id: Uuid, position: i64, make: Option<Known>) -> Option<&mut Subject> {
        if let (false, Some(known)) = (self.now.contains_key(&id), make) {
            self.now.insert(id, Subject { id, known, ledger: Ledger::default(), position: 0 });
        }
        let subject = self.now.get_mut(&id).filter(|subject| subject.position < position)?;
        subject.position = position;
        Some(subject)
    }

    /// All of them.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Subject> {
        self.now.values_mut()
    }

    /// Saves them, with the facts that count more or less often and the sums of these.
    pub(crate) async fn save(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.now.is_empty() {
            return Ok(());
        }
        save(connection, self.now.values()).await?;
        let none = Vec::new();
        let changed = |subject: &Subject| changes(self.flows.get(&subject.id).unwrap_or(&none), subject);
        let changed: Vec<(&Subject, Vec<(Fact, i32)>)> = self
            .now
            .values()
            .map(|subject| (subject, changed(subject)))
            .filter(|(_, facts)| !facts.is_empty())
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let mut deltas = Deltas::default();
        for (fact, times) in changed.iter().flat_map(|(_, facts)| facts) {
            deltas.add(fact, *times);
        }
        let rows: Vec<_> =
            changed.iter().map(|(subject, facts)| (subject.id, subject.noun(), facts.as_slice())).collect();
        fact::store::add(connection, &rows).await?;
        deltas.write(connection).await
    }
}

/// Which facts of a subject count more or less often, by what it brought about before.
fn changes(before: &[Fact], subject: &Subject) -> Vec<(Fact, i32)> {
    let mut times: HashMap<Fact, i32> = HashMap::new();
    for fact in before {
        *times.entry(fact.clone()).or_default() -= 1;
    }
    for fact in subject.flows() {
        *times.entry(fact).or_default() += 1;
    }
    for (fact, more) in subject.ledger.entries() {
        *times.entry(fact.clone()).or_default() += more;
    }
    times.into_iter().filter(|(_, times)| *times != 0).collect()
}

/// A subject as a row.
#[derive(Serialize)]
struct Row<'a> {
    id: Uuid,
    pipeline_code: Option<&'a str>,
    known: &'a Known,
    position: i64,
}

async fn save<'a>(
    connection: &mut PgConnection,
    subjects: impl Iterator<Item = &'a Subject>,
) -> Result<(), sqlx::Error> {
    let row = |subject: &'a Subject| Row {
        id: subject.id,
        pipeline_code: match &subject.known {
            Known::Opportunity(opportunity) => opportunity.stage().split('/').next(),
            _ => None,
        },
        known: &subject.known,
        position: subject.position,
    };
    sqlx::query_scalar!(
        "insert into kpi.subject (id, pipeline_code, known, position) \
         select id, pipeline_code, known, position \
         from jsonb_to_recordset($1) as new (id uuid, pipeline_code text, known jsonb, position bigint) \
         on conflict (id) do update set pipeline_code = excluded.pipeline_code, known = excluded.known, position = excluded.position \
         returning 1 as \"one!\"",
        Json(subjects.map(row).collect::<Vec<_>>()) as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}
