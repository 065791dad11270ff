//! `guanxi import`: territories, accounts, prices, opportunities and measurements from a CSV file. docs/IMPORT.md tells the whole story.

mod account;
mod cells;
mod file;
mod lines;
mod map;
mod measurement;
mod noun;
mod number;
mod opportunity;
mod price;
mod records;
mod report;
mod send;
mod source;
mod tally;
mod template;
mod territory;

use std::collections::BTreeSet;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use guanxi_proto::imports::v1::{ImportMode, RowViolation};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub(crate) use account::{Accounts, pair};
pub(crate) use lines::Encoding;
pub(crate) use measurement::Measurements;
pub(crate) use noun::Noun;
pub(crate) use opportunity::Opportunities;
pub(crate) use send::{Courier, Item, request};
pub(crate) use tally::Tally;
pub(crate) use territory::Territories;

use crate::cluster::Target;
use crate::service::Service;
use crate::terminal::{remark, say};
use crate::wording::{self, Failure, Language, pick};
use file::Survey;
use map::{BoundMap, Map};
use price::Prices;
use records::{Broken, Record, Records};
use report::Report;
use source::violation;

/// Bring territories, accounts, prices or opportunities in from a CSV file.
///
/// Good rows land, every other row is told with its number, its line and all reasons: exit code 0 if all rows landed, 2 if some
/// were rejected, 1 if the import did not come to its end. The same file sent again is the same import: what has landed changes
/// nothing, what is missing is made up for, so a broken-off import is gone on with by the same command.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// What the rows are
    noun: NounName,
    /// CSV file with a header
    file: PathBuf,
    /// Map that says which field comes from which column; see docs/IMPORT.md [default: the columns of `guanxi export`, for the others those named as the fields]
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// Encoding of the file [default: that of the map, else utf-8]
    #[arg(long)]
    encoding: Option<Encoding>,
    /// Judge every row, write nothing
    #[arg(long)]
    dry_run: bool,
    /// What to do with a row whose territory, account, price, opportunity or measurement is there already
    #[arg(long, default_value = "update")]
    mode: Mode,
    /// Name of the import [default: made of the file, the map and the mode, so that the same file is the same import]
    #[arg(long, value_name = "UUID")]
    import_id: Option<Uuid>,
    /// Rows of a message, which land together
    #[arg(long, value_name = "ROWS", default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=1000))]
    batch: u16,
    /// Write every rejected row with its reasons to this CSV file
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
    /// Print the outcome as one JSON object
    #[arg(long)]
    json: bool,
    /// Seconds to try again when the service does not answer
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
    /// Language of the messages: zh or en
    #[arg(long, env = "LANG", hide_env = true, default_value = "zh", value_parser = wording::language)]
    language: Language,
    #[command(flatten)]
    target: Target,
}

const EXAMPLES: &str = "\
Examples:
  guanxi import territory divisions.csv --map divisions.toml
  guanxi import account groups.csv --map boss.toml --encoding gb18030 --rejected rejected.csv
  guanxi import price book.csv --map book.toml --dry-run
  guanxi import opportunity deals.csv --map crm.toml --rejected rejected.csv
  guanxi import measurement bills.csv --map billing.toml --rejected rejected.csv
  guanxi import account accounts.csv --dry-run          (a file that `guanxi export account` wrote)";

/// What can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum NounName {
    Territory,
    Account,
    Price,
    Opportunity,
    Measurement,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    /// Change what the row says otherwise
    Update,
    /// Reject the row
    InsertOnly,
    /// Reject rows that differ and name the fields; write nothing at all
    ReportDifferences,
}

impl Mode {
    const fn name(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::InsertOnly => "insert-only",
            Self::ReportDifferences => "report-differences",
        }
    }

    const fn wire(self) -> ImportMode {
        match self {
            Self::Update => ImportMode::Update,
            Self::InsertOnly => ImportMode::InsertOnly,
            Self::ReportDifferences => ImportMode::ReportDifferences,
        }
    }
}

/// The import came to its end, and everything is told: some rows did not land.
#[derive(Debug, thiserror::Error)]
#[error("some rows were rejected")]
pub(crate) struct SomeRejected;

pub(crate) async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    match arguments.noun {
        NounName::Territory => import::<Territories>(&arguments).await,
        NounName::Account => import::<Accounts>(&arguments).await,
        NounName::Price => import::<Prices>(&arguments).await,
        NounName::Opportunity => import::<Opportunities>(&arguments).await,
        NounName::Measurement => import::<Measurements>(&arguments).await,
    }
}

async fn import<N: Noun>(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let (started, language) = (Instant::now(), arguments.language);
    let map = read_map::<N>(arguments)?;
    let encoding = arguments.encoding.or(map.encoding).unwrap_or_default();
    let survey = file::survey(&arguments.file, encoding, map.delimiter, language)?;
    let bound = map.bind(&arguments.file, &survey.header, language)?;
    hints(&bound, &survey, language);
    if let Some(path) = &arguments.rejected {
        // What cannot be written is better known before than after.
        std::fs::File::create(path).map_err(|error| Failure::file(language, path, &error))?;
    }
    let import_id = arguments.import_id.unwrap_or_else(|| import_id::<N>(&survey, &map, encoding, arguments.mode));
    let courier = Courier {
        channel: arguments.target.connect(N::SERVICE).await?,
        token: &|| token(&arguments.target, N::SERVICE, language),
        import_id,
        mode: arguments.mode.wire(),
        dry_run: arguments.dry_run,
        batch: usize::from(arguments.batch),
        patience: Duration::from_secs(arguments.patience),
        language,
        bar: progress_bar(survey.rows),
    };
    let rows = Rows { path: &arguments.file, encoding, delimiter: map.delimiter, map: &bound, language };
    let tally = send_all::<N>(&courier, &rows).await;
    courier.bar.finish_and_clear();
    let tally = tally?;
    let report = Report {
        noun: N::NAME,
        file: &arguments.file,
        import_id,
        mode: arguments.mode.name(),
        dry_run: arguments.dry_run,
        rows: survey.rows,
        seconds: started.elapsed().as_secs_f64(),
        tally: &tally,
        language,
    };
    if arguments.json {
        say(&report.json());
    } else {
        report.show();
    }
    if let Some(path) = &arguments.rejected {
        report.write_rejected(path)?;
    }
    if tally.rejected.is_empty() { Ok(()) } else { Err(SomeRejected.into()) }
}

/// A token that lasts for as long as an import may take.
pub(crate) fn token(target: &Target, service: Service, language: Language) -> Result<String, Failure> {
    let token = target.token(service, time::Duration::hours(12));
    token.map_err(|error| Failure::new(language, error.to_string(), error.to_string()))
}

fn read_map<N: Noun>(arguments: &Arguments) -> Result<Map, Failure> {
    let language = arguments.language;
    let Some(path) = &arguments.map else {
        let path = format!("maps/{}.toml", N::NAME);
        return Map::read(Path::new(&path), N::MAP, N::NAME, N::FIELDS, language);
    };
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file(language, path, &error))?;
    Map::read(path, &text, N::NAME, N::FIELDS, language)
}

/// The same file with the same map and mode is the same import (a UUID of version 8, RFC 9562).
fn import_id<N: Noun>(survey: &Survey, map: &Map, encoding: Encoding, mode: Mode) -> Uuid {
    let parts = [b"guanxi import 1", survey.digest.as_slice(), map.digest.as_slice(), encoding.name().as_bytes()];
    let parts = parts.into_iter().chain([N::NAME.as_bytes(), mode.name().as_bytes()]);
    let digest = parts.fold(Sha256::new(), |digest, part| digest.chain_update([0]).chain_update(part)).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

fn hints(map: &BoundMap<'_>, survey: &Survey, language: Language) {
    if !map.unused.is_empty() {
        let columns = map.unused.join(", ");
        remark(&pick(
            language,
            format!("映射未用到的列：{columns}"),
            format!("columns that the map does not use: {columns}"),
        ));
    }
    if !survey.ended && survey.rows > 0 {
        let zh = "提示：文件末尾没有换行，最后一行可能不完整。";
        remark(&pick(language, zh, "note: the file does not end with a line feed, its last row may be cut off."));
    }
}

/// Sends all rows, and those whose parents were not there yet again for as long as that helps.
async fn send_all<N: Noun>(courier: &Courier<'_>, rows: &Rows<'_>) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    let count = |tally: &mut Tally, items: Vec<Item<N::Row>>, progress| {
        courier.bar.inc(items.len() as u64);
        courier.bar.set_message("");
        tally.add::<N>(items, progress, courier.dry_run);
    };
    courier.pass::<N>(&mut rows.read::<N>(None)?, &mut |items, progress| count(&mut tally, items, progress)).await?;
    if courier.dry_run {
        tally.adopt_orphans();
        return Ok(tally);
    }
    loop {
        let (orphans, landed) = (tally.take_orphans(), tally.landed());
        if orphans.is_empty() {
            return Ok(tally);
        }
        courier.bar.set_length(courier.bar.length().unwrap_or_default() + orphans.len() as u64);
        courier
            .pass::<N>(&mut rows.read::<N>(Some(orphans))?, &mut |items, progress| count(&mut tally, items, progress))
            .await?;
        if tally.landed() == landed {
            return Ok(tally);
        }
    }
}

/// The rows of a file, read as often as it takes.
struct Rows<'a> {
    path: &'a Path,
    encoding: Encoding,
    delimiter: char,
    map: &'a BoundMap<'a>,
    language: Language,
}

impl Rows<'_> {
    /// Reads all rows, or some of them.
    fn read<N: Noun>(
        &self,
        wanted: Option<BTreeSet<i64>>,
    ) -> Result<impl Iterator<Item = Result<Item<N::Row>, Failure>>, Failure> {
        let refuse = |fault, row| file::refuse(self.language, self.path, self.encoding, fault, row);
        let mut records = Records::open(self.path, self.encoding, self.delimiter).map_err(|fault| refuse(fault, 0))?;
        let records = std::iter::from_fn(move || {
            let number = records.next_number();
            records.next().map_err(|fault| refuse(fault, number)).transpose()
        });
        let is_wanted = move |record: &Record| wanted.as_ref().is_none_or(|wanted| wanted.contains(&record.number));
        Ok(records
            .filter(move |record| record.as_ref().map_or(true, &is_wanted))
            .map(|record| Ok(self.item::<N>(record?))))
    }

    fn item<N: Noun>(&self, record: Record) -> Item<N::Row> {
        let number = record.number;
        let cells = record.cells.map_err(|broken| vec![self.broken(broken)]);
        let row =
            cells.and_then(|cells| self.map.values(&cells)).and_then(|values| N::row(number, values, self.language));
        match row {
            Ok(row) => Item { number, line: record.line, row, broken: Vec::new() },
            Err(broken) => Item { number, line: record.line, row: N::blank(number), broken },
        }
    }

    fn broken(&self, broken: Broken) -> RowViolation {
        let (zh, en) = match broken {
            Broken::Width { expected, found } => (
                format!("该行有 {found} 列，表头有 {expected} 列。"),
                format!("The row has {found} cells, the header has {expected}."),
            ),
            Broken::Quote => ("引号没有正确闭合。".to_owned(), "A quote is not closed as it should be.".to_owned()),
            Broken::CutOff => ("文件在一个字符中间结束。".to_owned(), "The file ends inside a character.".to_owned()),
        };
        violation("", "ROW_BROKEN", pick(self.language, zh, en))
    }
}

fn progress_bar(rows: i64) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(rows).unwrap_or_default());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} {eta} {msg}") {
        bar.set_style(style);
    }
    bar
}
