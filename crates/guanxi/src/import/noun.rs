//! What can be imported, and how its rows travel.

use guanxi_proto::imports::v1::{ImportOptions, ImportProgress, RowViolation};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use super::map::Values;
use super::source::violation;
use crate::service::Service;
use crate::wording::{Language, pick};

/// A field of a row that a map can fill.
#[derive(Debug)]
pub(crate) struct Field {
    /// What stands before its path where violations name it, `account.` for example; nothing where the path is that of the row.
    pub(crate) root: &'static str,
    /// Its path, as the API has it; the name of its column in an export too.
    pub(crate) path: &'static str,
    pub(crate) shape: Shape,
}

/// How many values a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    One,
    Many,
    /// Values by name.
    Named,
}

/// A noun with an import.
pub(crate) trait Noun: 'static {
    type Row: prost::Message + Default + Clone;
    type Request: Send + 'static;
    type Response: Send;
    const NAME: &'static str;
    /// Who takes the rows.
    const SERVICE: Service;
    const FIELDS: &'static [Field];
    /// The map for files that an export wrote.
    const MAP: &'static str;
    /// What violations call the parent of a row.
    const PARENT_FIELDS: &'static [&'static str];

    /// The row that says nothing but its number.
    fn blank(number: i64) -> Self::Row;
    /// The row that says what a record says.
    fn row(number: i64, values: Values, language: Language) -> Result<Self::Row, Vec<RowViolation>>;
    fn request(options: Option<ImportOptions>, rows: Vec<Self::Row>) -> Self::Request;
    fn progress(response: Self::Response) -> Option<ImportProgress>;
    fn open(
        channel: Channel,
        requests: Request<ReceiverStream<Self::Request>>,
    ) -> impl Future<Output = Result<Streaming<Self::Response>, Status>>;
    /// What the row's resource is recognised by.
    fn keys(row: &Self::Row) -> Vec<String>;
    /// The key of the parent that the row names.
    fn parent(row: &Self::Row) -> Option<String>;
}

/// A number, where there is one.
pub(super) fn number<N: std::str::FromStr>(
    field: &str,
    text: &str,
    language: Language,
    wrong: &mut Vec<RowViolation>,
) -> Option<N> {
    if text.is_empty() {
        return None;
    }
    let number = text.parse().ok();
    if number.is_none() {
        let zh = format!("“{text}”不是整数；带千分位时请在映射中写 thousands = \",\"。");
        let en = format!("\"{text}\" is not a whole number; say thousands = \",\" in the map where it has separators.");
        wrong.push(violation(field, "FORMAT", pick(language, zh, en)));
    }
    number
}

/// The number of an enum's value, where there is one: `MONTHLY` as well as `CHARGE_KIND_MONTHLY`. 0 says nothing.
pub(super) fn choice(
    field: &str,
    text: &str,
    (prefix, known): (&str, &[&str]),
    value: impl Fn(&str) -> Option<i32>,
    language: Language,
    wrong: &mut Vec<RowViolation>,
) -> i32 {
    if text.is_empty() {
        return 0;
    }
    let name = text.to_uppercase();
    let name = name.strip_prefix(prefix).unwrap_or(&name);
    if let Some(value) = value(&format!("{prefix}{name}")).filter(|_| known.contains(&name)) {
        return value;
    }
    let known = known.join(", ");
    let zh = format!("没有“{text}”这个值，可用：{known}；文件用其他写法时请在映射中写 table。");
    let en = format!("There is no value \"{text}\"; known: {known}. Say table = {{ … }} in the map for other words.");
    wrong.push(violation(field, "UNKNOWN_VALUE", pick(language, zh, en)));
    0
}

/// Yes or no, where it says either.
pub(super) fn truth(field: &str, text: &str, language: Language, wrong: &mut Vec<RowViolation>) -> bool {
    match text.to_lowercase().as_str() {
        "true" | "1" | "yes" | "是" => true,
        "" | "false" | "0" | "no" | "否" => false,
        _ => {
            let zh = format!("“{text}”既不是“是”也不是“否”（true/false、1/0、是/否）。");
            let en = format!("\"{text}\" is neither yes nor no (true/false, 1/0, yes/no).");
            wrong.push(violation(field, "FORMAT", pick(language, zh, en)));
            false
        }
    }
}
