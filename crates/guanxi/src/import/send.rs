//! Sends rows and takes the answers, over as many connections as it takes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use guanxi_proto::imports::v1::{ImportMode, ImportOptions, ImportProgress, RowViolation};
use indicatif::ProgressBar;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use super::noun::Noun;
use crate::wording::{Failure, Language, pick};

/// Messages on the way at once: the service judges one while the next ones travel.
const WINDOW: usize = 4;
/// A message ends here whatever its rows; services take 4 MiB.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// An answer that takes longer does not come.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(2);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A row on its way.
#[derive(Clone, Debug)]
pub(crate) struct Item<R> {
    pub(crate) number: i64,
    pub(crate) line: u64,
    /// Blank where `broken` says why. It is sent all the same: the service rejects it, so every row has its answer.
    pub(crate) row: R,
    pub(crate) broken: Vec<RowViolation>,
}

/// How an import is made.
pub(crate) struct Courier<'a> {
    pub(crate) channel: Channel,
    /// Gives the token for a new connection.
    pub(crate) token: &'a dyn Fn() -> Result<String, Failure>,
    pub(crate) import_id: Uuid,
    pub(crate) mode: ImportMode,
    pub(crate) dry_run: bool,
    /// Most rows of a message.
    pub(crate) batch: usize,
    /// How long to try again without an answer.
    pub(crate) patience: Duration,
    pub(crate) language: Language,
    pub(crate) bar: ProgressBar,
}

/// A connection.
struct Exchange<N: Noun> {
    sender: mpsc::Sender<N::Request>,
    answers: Streaming<N::Response>,
    /// Messages sent and not answered.
    open: usize,
    first: bool,
    /// An answer has come.
    works: bool,
}

impl Courier<'_> {
    /// Sends items in messages and hands over each message with its answer. What a broken connection left unanswered is sent again.
    pub(crate) async fn pass<N: Noun>(
        &self,
        items: &mut dyn Iterator<Item = Result<Item<N::Row>, Failure>>,
        answered: &mut dyn FnMut(Vec<Item<N::Row>>, ImportProgress),
    ) -> Result<(), Failure> {
        let mut items = items.peekable();
        let mut unanswered: VecDeque<Vec<Item<N::Row>>> = VecDeque::new();
        let mut exchange: Option<Exchange<N>> = None;
        let (mut pause, mut failing_since) = (FIRST_PAUSE, None);
        loop {
            while unanswered.len() < WINDOW && items.peek().is_some() {
                unanswered.push_back(self.message(&mut items)?);
            }
            if unanswered.is_empty() {
                return Ok(());
            }
            match self.answer(&mut exchange, &unanswered).await? {
                Ok(progress) => {
                    answered(unanswered.pop_front().unwrap_or_default(), progress);
                    (pause, failing_since) = (FIRST_PAUSE, None);
                }
                Err(status) => {
                    // A stream ends with its token; the next one has a new token.
                    let expired = status.code() == Code::Unauthenticated
                        && exchange.take().is_some_and(|exchange| exchange.works);
                    exchange = None;
                    let since = *failing_since.get_or_insert_with(Instant::now);
                    if !(expired || is_passing(&status)) || since.elapsed() > self.patience {
                        return Err(self.broken_off(&status));
                    }
                    self.bar.set_message(pick(self.language, "连接中断，正在重试", "disconnected, trying again"));
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// The next rows, as many as one message takes.
    fn message<R: prost::Message>(
        &self,
        items: &mut std::iter::Peekable<impl Iterator<Item = Result<Item<R>, Failure>>>,
    ) -> Result<Vec<Item<R>>, Failure> {
        let (mut rows, mut bytes) = (Vec::with_capacity(self.batch), 0);
        while rows.len() < self.batch {
            // A row costs its length and a few bytes around it.
            let next = |item: &Result<Item<R>, Failure>| item.as_ref().map_or(0, |item| item.row.encoded_len() + 8);
            let Some(length) = items.peek().map(next) else { break };
            if bytes + length > MAX_BYTES && !rows.is_empty() {
                break;
            }
            bytes += length;
            rows.extend(items.next().transpose()?);
        }
        Ok(rows)
    }

    /// The answer to the oldest message, after all were sent that were not yet.
    async fn answer<N: Noun>(
        &self,
        exchange: &mut Option<Exchange<N>>,
        unanswered: &VecDeque<Vec<Item<N::Row>>>,
    ) -> Result<Result<ImportProgress, Status>, Failure> {
        if exchange.is_none() {
            match self.open().await? {
                Ok(opened) => *exchange = Some(opened),
                Err(status) => return Ok(Err(status)),
            }
        }
        let gone = || Status::unavailable("the stream ended");
        let Some(exchange) = exchange else { return Ok(Err(gone())) };
        for message in unanswered.iter().skip(exchange.open) {
            let options = std::mem::take(&mut exchange.first).then(|| self.options());
            let rows = message.iter().map(|item| item.row.clone()).collect();
            // The channel has room for a window, so this waits for nobody. Where nobody listens the answer says why.
            let _ = exchange.sender.send(N::request(options, rows)).await;
            exchange.open += 1;
        }
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, exchange.answers.message()).await;
        let answer = answer.unwrap_or_else(|_elapsed| Err(Status::unavailable("no answer in time")));
        exchange.open -= 1;
        exchange.works |= answer.is_ok();
        Ok(answer.and_then(|answer| answer.and_then(N::progress).ok_or_else(gone)))
    }

    async fn open<N: Noun>(&self) -> Result<Result<Exchange<N>, Status>, Failure> {
        let (sender, receiver) = mpsc::channel(WINDOW);
        let request = request(ReceiverStream::new(receiver), &(self.token)()?, self.language)?;
        let answers = N::open(self.channel.clone(), request).await;
        Ok(answers.map(|answers| Exchange { sender, answers, open: 0, first: true, works: false }))
    }

    fn options(&self) -> ImportOptions {
        ImportOptions { import_id: self.import_id.to_string(), mode: self.mode.into(), dry_run: self.dry_run }
    }

    fn broken_off(&self, status: &Status) -> Failure {
        let (reason, id) = (Failure::status(status), self.import_id);
        let zh = format!(
            "导入已中断：{reason}\n已应答的行已经落库。排除原因后重新执行同一命令，即从中断处继续，不会重复写入（导入编号 {id}）。"
        );
        let en = format!(
            "the import broke off: {reason}\nRows that were answered have landed. Remove the cause and give the same command again: it goes on where it was and writes nothing twice (import id {id})."
        );
        Failure::new(self.language, zh, en)
    }
}

/// Whether the same message may succeed a little later: the service says so, or the words are not its own but the transport's.
fn is_passing(status: &Status) -> bool {
    let told = status.get_error_details().retry_info().is_some();
    told || status.code() == Code::Unavailable || std::error::Error::source(status).is_some()
}

/// A request in the operator's language.
pub(crate) fn request<T>(message: T, token: &str, language: Language) -> Result<Request<T>, Failure> {
    let wrong = |_| Failure::new(language, "令牌中有不允许的字符。", "the token has characters that no token has");
    let mut request = Request::new(message);
    let bearer = MetadataValue::try_from(format!("Bearer {token}")).map_err(wrong)?;
    request.metadata_mut().insert("authorization", bearer);
    request.metadata_mut().insert("accept-language", MetadataValue::from_static(language.tag()));
    Ok(request)
}
