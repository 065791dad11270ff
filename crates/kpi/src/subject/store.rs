//! SQL of subjects, and what becomes of facts and sums when they change.

use std::collections::{BTreeMap, HashMap, HashSet};

use guanxi_db::PgConnection;
use serde::Serialize;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Known, Ledger, Subject};
use crate::fact::{self, Deltas, Fact};
use crate::measure::Measure;

/// Subjects that change together, with the facts that they had before.
#[derive(Default)]
pub(crate) struct Subjects {
    now: BTreeMap<Uuid, Subject>,
    before: HashMap<Uuid, Vec<Fact>>,
}

impl Subjects {
    /// Loads the subjects of some ids. The caller has the turn.
    pub(crate) async fn load(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Self, sqlx::Error> {
        let rows = sqlx::query!(
            "select id, known as \"known: Json<Known>\", position from kpi.subject where id = any($1)",
            ids,
        );
        let rows = rows.fetch_all(&mut *connection).await?;
        let before = fact::store::of(connection, ids).await?;
        let now = rows.into_iter().map(|row| {
            let facts = before.get(&row.id).into_iter().flatten();
            let ledger = Ledger::of(facts.filter(|fact| is_stock(fact)).cloned().collect());
            (row.id, Subject { id: row.id, known: row.known.0, ledger, position: row.position })
        });
        Ok(Self { now: now.collect(), before })
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

    /// Saves them, with the facts that differ and the sums of these.
    pub(crate) async fn save(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.now.is_empty() {
            return Ok(());
        }
        save(connection, self.now.values()).await?;
        let (mut deltas, mut changed, nothing) = (Deltas::default(), Vec::new(), Vec::new());
        let now: Vec<(&Subject, Vec<Fact>)> = self.now.values().map(|subject| (subject, subject.facts())).collect();
        for (subject, facts) in &now {
            let before = self.before.get(&subject.id).unwrap_or(&nothing);
            if before == facts {
                continue;
            }
            let (were, are): (HashSet<&Fact>, HashSet<&Fact>) = (before.iter().collect(), facts.iter().collect());
            were.difference(&are).for_each(|fact| deltas.add(&fact.reversed()));
            are.difference(&were).for_each(|fact| deltas.add(fact));
            changed.push((subject.id, subject.noun(), facts.as_slice()));
        }
        if changed.is_empty() {
            return Ok(());
        }
        fact::store::replace(connection, &changed).await?;
        deltas.write(connection).await
    }
}

fn is_stock(fact: &Fact) -> bool {
    Measure::of(&fact.measure).is_some_and(|measure| measure.stock)
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
