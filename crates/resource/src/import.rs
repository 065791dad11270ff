//! Imports: a stream of messages, each one transaction and one answer.
//!
//! An import is named by its caller and an id. The numbers of the rows that landed are kept with the rows' own changes, so a message
//! that is sent again finds its rows settled, and a broken-off import goes on where it was.

use std::collections::HashSet;

use guanxi_db::Transaction;
use guanxi_events::NewEvent;
use guanxi_grpc::{Answers, Call, Refusal, Violation, Violations, language, number, parse_id};
use guanxi_proto::errors::v1::ErrorReason;
use guanxi_proto::imports::v1::{ImportMode, ImportOptions, ImportProgress, RejectedRow, RowViolation};
use sqlx::Row as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use uuid::Uuid;

use crate::{Error, Resources};

const MAX_ROWS: usize = 1_000;
/// Answers that wait for a slow caller; then its next message waits too.
const WAITING: usize = 4;
const MAX_ROW_NUMBER: i64 = 1_000_000_000_000_000;
/// A collision with a simultaneous change is met by judging the message again: then its outcome is seen.
const ATTEMPTS: usize = 5;

/// What an import makes of an existing resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What the row says wins.
    Update,
    /// An existing resource rejects its row.
    InsertOnly,
    /// A resource that differs rejects its row, and nothing is written.
    ReportDifferences,
}

/// Checked options.
#[derive(Clone, Debug)]
pub struct Import {
    /// The caller's name of the import.
    pub id: Uuid,
    /// What an existing resource becomes.
    pub mode: Mode,
    /// Rows are judged, and nothing is kept.
    pub dry_run: bool,
}

/// What became of a row.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It made a new resource.
    Created,
    /// It changed a resource.
    Updated,
    /// The resource was as the row says.
    Unchanged,
    /// It did not land, for these reasons.
    Rejected(Vec<Violation>),
}

/// The rows of one noun: how they travel and how they are judged.
pub trait Rows: Clone + Send + Sync + 'static {
    /// A message of the stream.
    type Request: Send + 'static;
    /// The answer to a message.
    type Response: Send + 'static;
    /// A row of a message.
    type Row: Clone + Send + Sync + 'static;
    /// Name of the noun in the table of imports.
    const NOUN: &'static str;

    /// Takes a message apart.
    fn take(request: Self::Request) -> (Option<ImportOptions>, Vec<Self::Row>);
    /// The number of a row in its source.
    fn number(row: &Self::Row) -> i64;
    /// What becomes the answer to a message.
    fn answer(progress: ImportProgress) -> Self::Response;

    /// The noun as it judges the rows of a message, with what is asked for before their transaction begins.
    fn prepare(&self, _call: &Call, _rows: &[Self::Row]) -> impl Future<Output = Result<Self, Error>> + Send {
        std::future::ready(Ok(self.clone()))
    }

    /// Judges and applies rows in one transaction: an outcome for each, in order, and the events of those that landed.
    fn apply(
        &self,
        transaction: &mut Transaction,
        call: &Call,
        import: &Import,
        rows: &[Self::Row],
    ) -> impl Future<Output = Result<(Vec<Outcome>, Vec<NewEvent>), Error>> + Send;
}

impl TryFrom<ImportOptions> for Import {
    type Error = Violations;

    fn try_from(options: ImportOptions) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        let id = violations.keep(parse_id("options.import_id", &options.import_id));
        let mode = match ImportMode::try_from(options.mode) {
            Ok(ImportMode::Unspecified | ImportMode::Update) => Mode::Update,
            Ok(ImportMode::InsertOnly) => Mode::InsertOnly,
            Ok(ImportMode::ReportDifferences) => Mode::ReportDifferences,
            Err(_) => {
                violations.push(
                    Violation::new("options.mode", ErrorReason::UnknownValue).with("value", options.mode).with(
                        "expected",
                        "IMPORT_MODE_UPDATE, IMPORT_MODE_INSERT_ONLY, IMPORT_MODE_REPORT_DIFFERENCES",
                    ),
                );
                Mode::Update
            }
        };
        match id {
            Some(id) if violations.is_empty() => Ok(Self { id, mode, dry_run: options.dry_run }),
            _ => Err(violations),
        }
    }
}

/// Answers a stream of messages until it ends, fails or the process stops.
pub fn import<R: Rows>(
    resources: Resources,
    noun: R,
    call: &Call,
    stream: Streaming<R::Request>,
) -> ReceiverStream<Result<R::Response, Status>> {
    let (import, stopping) = (call.clone(), resources.stopping.clone());
    guanxi_grpc::stream(call, stopping, WAITING, move |answers| async move {
        answer_all(&resources, &noun, &import, stream, &answers).await;
    })
}

async fn answer_all<R: Rows>(
    resources: &Resources,
    noun: &R,
    call: &Call,
    mut stream: Streaming<R::Request>,
    answers: &Answers<R::Response>,
) {
    let mut import = None;
    loop {
        let answer = match stream.message().await {
            Ok(None) => return,
            Ok(Some(message)) => {
                // A stream may last for hours; a message is of its own time.
                let call = Call { now: guanxi_grpc::now(), ..call.clone() };
                answer_one(resources, noun, &call, &mut import, message).await.map_err(Status::from)
            }
            Err(status) => Err(guanxi_grpc::rescue(status, call.method)),
        };
        let failed = answer.is_err();
        if answers.send(answer).await.is_err() || failed {
            return;
        }
    }
}

async fn answer_one<R: Rows>(
    resources: &Resources,
    noun: &R,
    call: &Call,
    import: &mut Option<Import>,
    message: R::Request,
) -> Result<R::Response, Error> {
    let (options, rows) = R::take(message);
    let import = match (options, import) {
        (Some(options), import @ None) => &*import.insert(Import::try_from(options)?),
        (None, Some(import)) => &*import,
        (None, None) => return Err(Violation::new("options", ErrorReason::Required).into()),
        (Some(_), Some(_)) => {
            return Err(Violation::new("options", ErrorReason::Duplicate).with("value", "options").into());
        }
    };
    if rows.len() > MAX_ROWS {
        return Err(Violation::new("rows", ErrorReason::TooMany)
            .with("max", MAX_ROWS)
            .with("count", rows.len())
            .into());
    }
    let noun = noun.prepare(call, &rows).await?;
    let mut attempt = 1;
    loop {
        match import.settle(resources, &noun, call, &rows).await {
            Err(Error::Database(guanxi_db::Error::Conflict(_) | guanxi_db::Error::Constraint { .. }))
                if attempt < ATTEMPTS =>
            {
                attempt += 1;
            }
            outcome => return outcome.map(R::answer),
        }
    }
}

impl Import {
    async fn settle<R: Rows>(
        &self,
        resources: &Resources,
        noun: &R,
        call: &Call,
        rows: &[R::Row],
    ) -> Result<ImportProgress, Error> {
        let mut transaction = resources.begin().await?;
        let numbers: Vec<i64> = rows.iter().map(R::number).collect();
        let settled = self.settled(resources, &mut transaction, call, R::NOUN, &numbers).await?;
        let mut progress =
            ImportProgress { last_row_number: numbers.iter().copied().max().unwrap_or_default(), ..Default::default() };
        let mut fresh = Vec::new();
        let mut previous = 0;
        for (row, row_number) in rows.iter().zip(&numbers) {
            if let Err(wrong) = check_number(*row_number, previous) {
                progress.rejected_rows.push(rejected(*row_number, &[wrong]));
                continue;
            }
            if settled.contains(row_number) {
                progress.repeated_count += 1;
            } else {
                fresh.push(row.clone());
            }
            previous = *row_number;
        }
        let (outcomes, events) = noun.apply(&mut transaction, call, self, &fresh).await?;
        let mut landed = Vec::new();
        for (row, outcome) in fresh.iter().zip(outcomes) {
            match outcome {
                Outcome::Created => progress.created_count += 1,
                Outcome::Updated => progress.updated_count += 1,
                Outcome::Unchanged => progress.unchanged_count += 1,
                Outcome::Rejected(violations) => {
                    progress.rejected_rows.push(rejected(R::number(row), &violations));
                    continue;
                }
            }
            landed.push(R::number(row));
        }
        progress.rejected_rows.sort_by_key(|row| row.row_number);
        if !self.dry_run {
            self.record(resources, &mut transaction, call, &landed).await?;
            resources.commit(transaction, call, events).await?;
        }
        Ok(progress)
    }

    /// Which of the rows an earlier message settled. Locks the import, so that simultaneous messages of it follow each other.
    #[expect(clippy::disallowed_methods, reason = "the statements carry the name of the service's schema")]
    async fn settled(
        &self,
        resources: &Resources,
        transaction: &mut Transaction,
        call: &Call,
        noun: &str,
        rows: &[i64],
    ) -> Result<HashSet<i64>, Error> {
        if self.dry_run {
            return Ok(HashSet::new());
        }
        let mode = format!("{:?}", self.mode);
        let import = sqlx::query(resources.imports.begin)
            .bind(call.subject())
            .bind(self.id)
            .bind(noun)
            .bind(&mode)
            .bind(call.now)
            .fetch_one(&mut ***transaction)
            .await?;
        if import.try_get::<String, _>("noun")? != noun || import.try_get::<String, _>("mode")? != mode {
            return Err(Refusal::new(Code::FailedPrecondition, ErrorReason::ImportChanged)
                .with("value", self.id)
                .into());
        }
        let settled: Vec<(i64, i64)> = sqlx::query_as(resources.imports.settled)
            .bind(call.subject())
            .bind(self.id)
            .bind(rows)
            .fetch_all(&mut ***transaction)
            .await?;
        Ok(settled.into_iter().flat_map(|(first, last)| first..=last).collect())
    }

    #[expect(clippy::disallowed_methods, reason = "the statement carries the name of the service's schema")]
    async fn record(
        &self,
        resources: &Resources,
        transaction: &mut Transaction,
        call: &Call,
        landed: &[i64],
    ) -> Result<(), Error> {
        sqlx::query(resources.imports.record)
            .bind(call.subject())
            .bind(self.id)
            .bind(landed)
            .bind(call.now)
            .execute(&mut ***transaction)
            .await?;
        Ok(())
    }
}

/// Statements over the table `import` of a schema.
#[derive(Clone, Copy)]
pub(crate) struct ImportStatements {
    begin: &'static str,
    settled: &'static str,
    record: &'static str,
}

impl ImportStatements {
    pub(crate) fn of(schema: &str) -> Self {
        let begin = format!(
            "insert into {schema}.import as known (principal, import_id, noun, mode, settled, create_time, update_time) \
             values ($1, $2, $3, $4, '{{}}', $5, $5) \
             on conflict (principal, import_id) do update set update_time = excluded.update_time \
             returning known.noun, known.mode"
        );
        let settled = format!(
            "select lower(range), upper(range) - 1 from {schema}.import, unnest(settled \
             * (select coalesce(range_agg(int8range(number, number + 1)), '{{}}') from unnest($3::bigint[]) as asked (number))) as range \
             where principal = $1 and import_id = $2"
        );
        let record = format!(
            "update {schema}.import set settled = settled \
             + (select coalesce(range_agg(int8range(number, number + 1)), '{{}}') from unnest($3::bigint[]) as landed (number)), \
             update_time = $4 where principal = $1 and import_id = $2"
        );
        Self { begin: begin.leak(), settled: settled.leak(), record: record.leak() }
    }
}

/// The number of a row, after the one before it in the message.
fn check_number(row_number: i64, previous: i64) -> Result<(), Violation> {
    number("row_number", row_number, 1, MAX_ROW_NUMBER)?;
    if row_number > previous {
        return Ok(());
    }
    Err(Violation::new("row_number", ErrorReason::RowNumberNotAscending).with("value", row_number))
}

fn rejected(row_number: i64, violations: &[Violation]) -> RejectedRow {
    let violations = violations.iter().map(|violation| RowViolation {
        field: violation.field.clone(),
        reason: violation.reason.name().to_owned(),
        message: violation.text(language()),
    });
    RejectedRow { row_number, violations: violations.collect() }
}
