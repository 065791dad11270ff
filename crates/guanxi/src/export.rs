//! `guanxi export`: territories and accounts as CSV that `guanxi import` brings back.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::PathBuf;

use encoding_rs::GB18030;
use guanxi_proto::client_registry::v1::account_service_client::AccountServiceClient;
use guanxi_proto::client_registry::v1::territory_service_client::TerritoryServiceClient;
use guanxi_proto::client_registry::v1::{
    Account, BatchGetAccountsRequest, ExportAccountsRequest, ListTerritoriesRequest, Territory,
};
use prost_types::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tonic::transport::Channel;

use crate::cluster::Target;
use crate::import::{Accounts, Encoding, Noun, Territories, pair, request, token};
use crate::service::Service;
use crate::terminal::remark;
use crate::wording::{self, Failure, Language, pick};

/// Ids that BatchGetAccounts takes.
const MAX_IDS: usize = 200;
/// Territories of a page.
const PAGE: i32 = 1_000;

/// Write territories or accounts as CSV, in a form that `guanxi import` without a map brings back unchanged.
///
/// A cell holds lists with an element on each line; ids in other systems and attributes as name=value. Deleted accounts are left out.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// What to write
    noun: NounName,
    /// File to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Encoding of the file
    #[arg(long, default_value = "utf-8")]
    encoding: Encoding,
    /// Format of the file
    #[arg(long, default_value = "csv")]
    format: Format,
    /// Only what is in this territory or below it
    #[arg(long, value_name = "CODE")]
    territory: Option<String>,
    /// Only what fits, AIP-160, for example 'tier = TIER_A'
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Add what means something in this cluster alone: ids, tier, state, times. Use it to edit and bring back; leave it out for another cluster
    #[arg(long)]
    full: bool,
    /// Begin with the mark by which Excel knows UTF-8
    #[arg(long)]
    bom: bool,
    /// Put ' before cells that a spreadsheet would compute (= + - @). Such a file is for looking at: it does not come back unchanged
    #[arg(long)]
    spreadsheet_safe: bool,
    /// Language of the messages: zh or en
    #[arg(long, env = "LANG", hide_env = true, default_value = "zh", value_parser = wording::language)]
    language: Language,
    #[command(flatten)]
    target: Target,
}

const EXAMPLES: &str = "\
Examples:
  guanxi export account --territory 440300 --out shenzhen.csv
  guanxi export account --filter 'tier = TIER_A' --full --bom --out a.csv
  guanxi export territory --encoding gb18030 > territories.csv";

/// What can be exported.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum NounName {
    Territory,
    Account,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    Csv,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let Format::Csv = arguments.format;
    let language = arguments.language;
    if arguments.bom && arguments.encoding == Encoding::Gb18030 {
        return Err(Failure::new(language, "--bom 只用于 UTF-8。", "--bom goes with UTF-8 only").into());
    }
    let channel = arguments.target.connect(Service::ClientRegistry).await?;
    let source =
        Source { channel, token: token(&arguments.target, Service::ClientRegistry, language)?, arguments: &arguments };
    let mut sheet = Sheet::create(&arguments)?;
    let written = match arguments.noun {
        NounName::Territory => source.territories(&mut sheet).await,
        NounName::Account => source.accounts(&mut sheet).await,
    };
    match written.and_then(|()| sheet.finish()) {
        // Whoever reads our output, `head` for example, has enough.
        Err(_) if sheet.reader_gone => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// Where the rows come from.
struct Source<'a> {
    channel: Channel,
    token: String,
    arguments: &'a Arguments,
}

impl Source<'_> {
    fn request<T>(&self, message: T) -> Result<tonic::Request<T>, Failure> {
        request(message, &self.token, self.arguments.language)
    }

    async fn territories(&self, sheet: &mut Sheet<'_>) -> Result<(), Failure> {
        let mut header: Vec<&str> = Territories::FIELDS.iter().map(|field| field.path).collect();
        if self.arguments.full {
            header.extend(["id", "path", "create_time", "update_time"]);
        }
        sheet.row(header.iter().map(|title| (*title).to_owned()))?;
        let mut client = TerritoryServiceClient::new(self.channel.clone());
        let mut page_token = String::new();
        loop {
            let message = ListTerritoriesRequest {
                under_code: self.arguments.territory.clone().unwrap_or_default(),
                filter: self.arguments.filter.clone().unwrap_or_default(),
                page_size: PAGE,
                page_token,
                ..Default::default()
            };
            let page = client.list_territories(self.request(message)?).await?.into_inner();
            for territory in &page.territories {
                sheet.row(header.iter().map(|title| territory_cell(territory, title)))?;
            }
            sheet.flush()?;
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(());
            }
        }
    }

    async fn accounts(&self, sheet: &mut Sheet<'_>) -> Result<(), Failure> {
        let full = self.arguments.full;
        let own = ["id", "parent_account_id"];
        let fields = Accounts::FIELDS.iter().map(|field| field.path);
        let mut header: Vec<&'static str> =
            fields.filter(|field| if full { *field != "parent_external_id" } else { !own.contains(field) }).collect();
        if full {
            header.extend(["tier", "state", "create_time", "update_time", "activate_time"]);
        }
        sheet.row(header.iter().map(|title| (*title).to_owned()))?;
        let message = ExportAccountsRequest {
            territory_code: self.arguments.territory.clone().unwrap_or_default(),
            filter: self.arguments.filter.clone().unwrap_or_default(),
            show_deleted: false,
        };
        let mut client = AccountServiceClient::new(self.channel.clone());
        let mut stream = client.export_accounts(self.request(message)?).await?.into_inner();
        let mut family = Family { header, names: HashMap::new(), waiting: BTreeMap::new(), nameless: 0, orphans: 0 };
        while let Some(batch) = stream.message().await? {
            for account in batch.accounts {
                family.write(account, sheet)?;
            }
            sheet.flush()?;
        }
        self.name_parents(&mut family).await?;
        family.write_rest(sheet)?;
        if !full {
            self.warn(family.nameless, family.orphans);
        }
        Ok(())
    }

    /// Looks up the parents that are no part of the export.
    async fn name_parents(&self, family: &mut Family) -> Result<(), Failure> {
        let outside: Vec<String> = family.waiting.keys().cloned().collect();
        for ids in outside.chunks(MAX_IDS) {
            let message = BatchGetAccountsRequest { ids: ids.to_vec() };
            let mut client = AccountServiceClient::new(self.channel.clone());
            let found = client.batch_get_accounts(self.request(message)?).await?.into_inner();
            family.names.extend(found.accounts.iter().map(|account| (account.id.clone(), name(account))));
        }
        Ok(())
    }

    fn warn(&self, nameless: u64, orphans: u64) {
        let language = self.arguments.language;
        if nameless > 0 {
            let zh = format!("提示：{nameless} 个账户既无信用代码也无外部编号，导入时无法识别；需要时请加 --full。");
            let en = format!(
                "note: {nameless} accounts have neither a credit code nor an external id, so an import cannot recognise them; --full adds their ids."
            );
            remark(&pick(language, zh, en));
        }
        if orphans > 0 {
            let zh = format!("提示：{orphans} 个账户的上级没有外部编号，文件中不含其上级；需要时请加 --full。");
            let en = format!(
                "note: the parents of {orphans} accounts have no external id, so the file does not name them; --full adds their ids."
            );
            remark(&pick(language, zh, en));
        }
    }
}

/// Writes accounts parents first, which is how an import takes them: subsidiaries wait for their parent.
struct Family {
    header: Vec<&'static str>,
    /// How other clusters know what was written.
    names: HashMap<String, Option<String>>,
    /// Accounts by the parent that they wait for.
    waiting: BTreeMap<String, Vec<Account>>,
    /// Accounts without anything that another cluster could know them by,
    nameless: u64,
    /// and accounts whose parent is one of those.
    orphans: u64,
}

impl Family {
    /// Writes an account, and those that waited for it; or lets it wait.
    fn write(&mut self, account: Account, sheet: &mut Sheet<'_>) -> Result<(), Failure> {
        let parent = account.parent_account_id.clone();
        if !parent.is_empty() && !self.names.contains_key(&parent) {
            self.waiting.entry(parent).or_default().push(account);
            return Ok(());
        }
        let mut ready = VecDeque::from([account]);
        while let Some(account) = ready.pop_front() {
            self.names.insert(account.id.clone(), name(&account));
            ready.extend(self.waiting.remove(&account.id).unwrap_or_default());
            self.write_now(&account, sheet)?;
        }
        Ok(())
    }

    /// Writes the accounts whose parents are no part of the export, and what waited for them.
    fn write_rest(&mut self, sheet: &mut Sheet<'_>) -> Result<(), Failure> {
        let below: BTreeSet<String> = self.waiting.values().flatten().map(|account| account.id.clone()).collect();
        let outside: Vec<String> = self.waiting.keys().filter(|parent| !below.contains(*parent)).cloned().collect();
        for account in outside.iter().filter_map(|parent| self.waiting.remove(parent)).flatten().collect::<Vec<_>>() {
            self.names.entry(account.parent_account_id.clone()).or_default();
            self.write(account, sheet)?;
        }
        Ok(())
    }

    fn write_now(&mut self, account: &Account, sheet: &mut Sheet<'_>) -> Result<(), Failure> {
        let parent = self.names.get(&account.parent_account_id).cloned().flatten();
        self.nameless += u64::from(account.credit_code.is_empty() && account.external_ids.is_empty());
        self.orphans += u64::from(!account.parent_account_id.is_empty() && parent.is_none());
        sheet.row(self.header.iter().map(|title| account_cell(account, title, parent.as_deref())))
    }
}

/// How another cluster knows an account, where it is a parent.
fn name(account: &Account) -> Option<String> {
    account.external_ids.first().map(pair)
}

fn territory_cell(territory: &Territory, title: &str) -> String {
    let name = territory.name.clone().unwrap_or_default();
    match title {
        "code" => territory.code.clone(),
        "name.zh" => name.zh,
        "name.en" => name.en,
        "level" => territory.level.clone(),
        "parent_code" => territory.parent_code.clone(),
        "id" => territory.id.clone(),
        "path" => territory.path.clone(),
        "create_time" => instant(territory.create_time),
        "update_time" => instant(territory.update_time),
        _ => String::new(),
    }
}

fn account_cell(account: &Account, title: &str, parent: Option<&str>) -> String {
    let lines = |values: &[String]| values.join("\n");
    match title {
        "id" => account.id.clone(),
        "legal_name" => account.legal_name.clone(),
        "short_name" => account.short_name.clone(),
        "aliases" => lines(&account.aliases),
        "credit_code" => account.credit_code.clone(),
        "external_ids" => lines(&account.external_ids.iter().map(pair).collect::<Vec<_>>()),
        "industry_code" => account.industry_code.clone(),
        "parent_account_id" => account.parent_account_id.clone(),
        "parent_external_id" => parent.unwrap_or_default().to_owned(),
        "territory_code" => account.territory_code.clone(),
        "address" => account.address.clone(),
        "employee_count" => account.employee_count.map(|count| count.to_string()).unwrap_or_default(),
        "registered_capital.amount" => {
            account.registered_capital.as_ref().map(|money| money.amount.clone()).unwrap_or_default()
        }
        "registered_capital.currency_code" => {
            account.registered_capital.as_ref().map(|money| money.currency_code.clone()).unwrap_or_default()
        }
        "tax_rank" => account.tax_rank.map(|rank| rank.to_string()).unwrap_or_default(),
        "public_sector" => account.public_sector.to_string(),
        "legal_representative" => account.legal_representative.clone(),
        "source" => account.source.clone(),
        "tags" => lines(&account.tags),
        "attributes" => {
            lines(&account.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>())
        }
        "tier" => account.tier().as_str_name().to_owned(),
        "state" => account.state().as_str_name().to_owned(),
        "create_time" => instant(account.create_time),
        "update_time" => instant(account.update_time),
        "activate_time" => instant(account.activate_time),
        _ => String::new(),
    }
}

fn instant(timestamp: Option<Timestamp>) -> String {
    let nanoseconds = |stamp: Timestamp| i128::from(stamp.seconds) * 1_000_000_000 + i128::from(stamp.nanos);
    let instant = timestamp.and_then(|stamp| OffsetDateTime::from_unix_timestamp_nanos(nanoseconds(stamp)).ok());
    instant.and_then(|instant| instant.format(&Rfc3339).ok()).unwrap_or_default()
}

/// The file that is written. It gets its name when it is complete.
struct Sheet<'a> {
    arguments: &'a Arguments,
    out: Box<dyn Write>,
    part: Option<PathBuf>,
    rows: csv::Writer<Vec<u8>>,
    reader_gone: bool,
}

impl<'a> Sheet<'a> {
    fn create(arguments: &'a Arguments) -> Result<Self, Failure> {
        let part = arguments.out.as_ref().map(|out| {
            let mut name = out.clone().into_os_string();
            name.push(".part");
            PathBuf::from(name)
        });
        let mut out: Box<dyn Write> = match &part {
            Some(path) => {
                let file = File::create(path).map_err(|error| Failure::file(arguments.language, path, &error))?;
                Box::new(BufWriter::new(file))
            }
            None => Box::new(std::io::stdout()),
        };
        if arguments.bom {
            out.write_all("\u{FEFF}".as_bytes()).map_err(|error| unwritten(arguments, &error))?;
        }
        Ok(Self { arguments, out, part, rows: csv::Writer::from_writer(Vec::new()), reader_gone: false })
    }

    fn row(&mut self, cells: impl Iterator<Item = String>) -> Result<(), Failure> {
        let computed =
            |cell: &String| self.arguments.spreadsheet_safe && cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
        let cells = cells.map(|cell| if computed(&cell) { format!("'{cell}") } else { cell });
        let written = self.rows.write_record(cells.collect::<Vec<_>>());
        written.map_err(|error| unwritten(self.arguments, &std::io::Error::other(error)))
    }

    /// Writes what was collected, in the encoding that is wanted.
    fn flush(&mut self) -> Result<(), Failure> {
        let rows = std::mem::replace(&mut self.rows, csv::Writer::from_writer(Vec::new()));
        let bytes =
            rows.into_inner().map_err(|error| unwritten(self.arguments, &std::io::Error::other(error.to_string())))?;
        let bytes = match self.arguments.encoding {
            Encoding::Utf8 => bytes,
            Encoding::Gb18030 => {
                let text = String::from_utf8_lossy(&bytes);
                let (encoded, _, unmappable) = GB18030.encode(&text);
                if unmappable {
                    let language = self.arguments.language;
                    return Err(Failure::new(
                        language,
                        "数据中有 GB18030 无法表示的字符，请用 UTF-8 导出。",
                        "the data has a character that GB18030 has not; export in UTF-8.",
                    ));
                }
                encoded.into_owned()
            }
        };
        let written =
            self.out.write_all(&bytes).and_then(|()| if self.part.is_none() { self.out.flush() } else { Ok(()) });
        self.reader_gone = written.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe);
        written.map_err(|error| unwritten(self.arguments, &error))
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.flush()?;
        self.out.flush().map_err(|error| unwritten(self.arguments, &error))?;
        let Some((part, out)) = self.part.as_ref().zip(self.arguments.out.as_ref()) else { return Ok(()) };
        std::fs::rename(part, out).map_err(|error| unwritten(self.arguments, &error))
    }
}

fn unwritten(arguments: &Arguments, error: &std::io::Error) -> Failure {
    let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from("-"));
    Failure::file(arguments.language, &out, error)
}
