//! The file that is imported: looked through as a whole before anything of it is sent.

use std::path::Path;

use super::lines::{Encoding, Fault, Kind};
use super::records::Records;
use super::template::Missing;
use crate::wording::{Failure, Language};

/// What is known of a file before it is sent.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) header: Vec<String>,
    /// Records, broken ones included.
    pub(super) rows: i64,
    pub(super) digest: [u8; 32],
    /// Whether the last line has an end. Without one the file may have been cut off.
    pub(super) ended: bool,
}

/// Reads a file to its end. Refuses one that is not text of the encoding from the first byte to the last.
pub(super) fn survey(path: &Path, encoding: Encoding, delimiter: char, language: Language) -> Result<Survey, Failure> {
    let mut records =
        Records::open(path, encoding, delimiter).map_err(|fault| refuse(language, path, encoding, fault, 0))?;
    let mut rows = 0;
    loop {
        let number = records.next_number();
        match records.next().map_err(|fault| refuse(language, path, encoding, fault, number))? {
            Some(record) => rows = record.number,
            None => break,
        }
    }
    let header = std::mem::take(&mut records.header);
    let lines = records.into_lines();
    if encoding == Encoding::Gb18030 && lines.is_chinese_utf8() {
        let path = path.display();
        let zh = format!(
            "文件 {path} 是 UTF-8，不是 GB18030；请加 --encoding utf-8，或改正映射中的 encoding。未发送任何数据。"
        );
        let en = format!(
            "{path} is UTF-8, not GB18030: say --encoding utf-8, or correct the map's encoding. Nothing was sent."
        );
        return Err(Failure::new(language, zh, en));
    }
    if header.is_empty() {
        let path = path.display();
        return Err(Failure::new(
            language,
            format!("文件 {path} 是空的，没有表头。"),
            format!("{path} is empty: it has no header."),
        ));
    }
    let ended = lines.ended();
    Ok(Survey { header, rows, ended, digest: lines.digest() })
}

/// Why a file is refused; `row` is the record that the fault is in, 0 for the header.
pub(super) fn refuse(language: Language, path: &Path, encoding: Encoding, fault: Fault, row: i64) -> Failure {
    let file = path.display();
    match fault {
        Fault::Io(error) => Failure::file(language, path, &error),
        Fault::Malformed { line, byte, other } => {
            let name = encoding.name();
            let (zh, en) = match other {
                Some(other) => {
                    let (other, flag) = (other.name(), other.name().to_lowercase());
                    (
                        format!("该行可按 {other} 读取：请加 --encoding {flag}，或在映射中写 encoding = \"{flag}\"。"),
                        format!(
                            "The line reads as {other}: say --encoding {flag}, or encoding = \"{flag}\" in the map."
                        ),
                    )
                }
                None => (
                    "请用 UTF-8 或 GB18030 重新保存文件。".to_owned(),
                    "Save the file in UTF-8 or GB18030 again.".to_owned(),
                ),
            };
            let zh_row = if row == 0 { "表头".to_owned() } else { format!("第 {row} 行数据") };
            let en_row = if row == 0 { "the header".to_owned() } else { format!("row {row}") };
            let zh = format!(
                "文件 {file} 的{zh_row}（文件第 {line} 行，第 {byte} 字节起）不是有效的 {name} 文字。{zh}未发送任何数据。"
            );
            let en =
                format!("{file} is not {name}: {en_row} (line {line}, from byte {byte} on). {en} Nothing was sent.");
            Failure::new(language, zh, en)
        }
        Fault::TooLong { line } => {
            let zh = format!("文件 {file} 第 {line} 行超过 1 MiB，不像是 CSV。未发送任何数据。");
            Failure::new(
                language,
                zh,
                format!("line {line} of {file} is longer than 1 MiB: that is no CSV. Nothing was sent."),
            )
        }
        Fault::Other(kind) => {
            let (zh, en) = match kind {
                Kind::Workbook => ("Excel 工作簿", "an Excel workbook"),
                Kind::Utf16 => ("UTF-16 文本", "UTF-16 text"),
                Kind::Binary => ("二进制文件", "a binary file"),
            };
            let zh =
                format!("文件 {file} 是{zh}，不是 CSV；请在表格程序中另存为“CSV UTF-8（逗号分隔）”。未发送任何数据。");
            let en = format!(
                "{file} is {en}, not CSV: save it as \"CSV UTF-8 (comma delimited)\" in the spreadsheet. Nothing was sent."
            );
            Failure::new(language, zh, en)
        }
    }
}

/// Columns that a map names and a file does not have.
pub(super) fn missing_columns(language: Language, path: &Path, missing: &[Missing], header: &[String]) -> Failure {
    let mut missing = missing.to_vec();
    missing.sort();
    missing.dedup();
    let names = |wanted: fn(&Missing) -> Option<&str>| missing.iter().filter_map(wanted).collect::<Vec<_>>().join(", ");
    let absent = names(|missing| if let Missing::Column(name) = missing { Some(name) } else { None });
    let twice = names(|missing| if let Missing::Ambiguous(name) = missing { Some(name) } else { None });
    let (file, known) = (path.display(), header.join(", "));
    let phrase = |names: &str, zh: &str, en: &str| {
        if names.is_empty() { Default::default() } else { (format!("{zh} {names}；"), format!("{en} {names}; ")) }
    };
    let (absent_zh, absent_en) = phrase(&absent, "没有列", "it has no column");
    let (twice_zh, twice_en) = phrase(&twice, "列名重复", "it has more than one column");
    let zh = format!("文件 {file} 与映射不符：{absent_zh}{twice_zh}文件的列：{known}。未发送任何数据。");
    let en = format!("{file} does not fit the map: {absent_en}{twice_en}its columns are {known}. Nothing was sent.");
    Failure::new(language, zh, en)
}
