//! What an import tells at its end: a table for people, an object for machines, a file of everything that was rejected.

use std::path::Path;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::json;

use super::tally::Tally;
use crate::terminal::{remark, say};
use crate::wording::{Failure, Language, pick};

/// Rejected rows that are shown; the file has them all.
const SHOWN: usize = 50;
/// Columns of a terminal that cells are fitted into.
const MIN_WIDTH: u16 = 80;

/// An import that came to its end.
pub(super) struct Report<'a> {
    pub(super) noun: &'static str,
    pub(super) file: &'a Path,
    pub(super) import_id: uuid::Uuid,
    pub(super) mode: &'static str,
    pub(super) dry_run: bool,
    pub(super) rows: i64,
    pub(super) seconds: f64,
    pub(super) tally: &'a Tally,
    pub(super) language: Language,
}

impl Report<'_> {
    /// One object.
    pub(super) fn json(&self) -> String {
        let tally = self.tally;
        let rejected: Vec<_> = tally
            .rejected
            .iter()
            .map(|(row, rejected)| {
                let violations = rejected.violations.iter();
                let violations: Vec<_> = violations
                    .map(|violation| json!({"field": violation.field, "reason": violation.reason, "message": violation.message}))
                    .collect();
                json!({"row": row, "line": rejected.line, "violations": violations})
            })
            .collect();
        json!({
            "noun": self.noun,
            "file": self.file.display().to_string(),
            "import_id": self.import_id.to_string(),
            "mode": self.mode,
            "dry_run": self.dry_run,
            "rows": self.rows,
            "created": tally.created,
            "updated": tally.updated,
            "unchanged": tally.unchanged,
            "repeated": tally.repeated,
            "after_parent": tally.after_parent,
            "rejected": tally.rejected.len(),
            "seconds": self.seconds,
            "rejected_rows": rejected,
        })
        .to_string()
    }

    /// The counts on standard output, the first rejected rows on standard error.
    pub(super) fn show(&self) {
        let text = |zh: &str, en: &str| pick(self.language, zh, en);
        let tally = self.tally;
        let mut counts = vec![
            (text("新增", "created"), tally.created),
            (text("更新", "updated"), tally.updated),
            (text("无变化", "unchanged"), tally.unchanged),
            (text("此前已导入", "repeated"), tally.repeated),
            (text("拒绝", "rejected"), tally.rejected.len() as u64),
        ];
        if tally.after_parent > 0 {
            counts.insert(4, (text("随上级新增", "after their parent"), tally.after_parent));
        }
        let mut table = table();
        table.set_header(counts.iter().map(|(title, _)| title).chain([&text("合计", "rows")]));
        table.add_row(counts.iter().map(|(_, count)| count.to_string()).chain([self.rows.to_string()]));
        table.column_iter_mut().for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        if self.dry_run {
            say(&text("试运行，未写入任何数据：", "Dry run, nothing was written:"));
        }
        say(&table.trim_fmt());
        let (id, seconds) = (self.import_id, self.seconds);
        say(&text(&format!("导入编号 {id}，用时 {seconds:.1} 秒。"), &format!("Import {id}, {seconds:.1} seconds.")));
        if !tally.rejected.is_empty() {
            self.show_rejected();
        }
    }

    fn show_rejected(&self) {
        let text = |zh: &str, en: &str| pick(self.language, zh, en);
        let mut table = table();
        // A terminal that is narrower, or does not say how wide it is, breaks lines better than cells of a character each.
        if table.width().is_some_and(|width| width >= MIN_WIDTH) {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        table.set_header([
            text("行号", "row"),
            text("文件行", "line"),
            text("字段", "field"),
            text("原因", "reason"),
            text("说明", "message"),
        ]);
        for (row, rejected) in self.tally.rejected.iter().take(SHOWN) {
            for violation in &rejected.violations {
                table.add_row([
                    &row.to_string(),
                    &rejected.line.to_string(),
                    &violation.field,
                    &violation.reason,
                    &violation.message,
                ]);
            }
        }
        remark(&table.trim_fmt());
        let more = self.tally.rejected.len().saturating_sub(SHOWN);
        if more > 0 {
            let zh = format!("另有 {more} 行被拒绝；加 --rejected 文件.csv 可得到全部。");
            remark(&text(&zh, &format!("{more} more rows were rejected; --rejected FILE.csv has them all.")));
        }
    }

    /// Writes every reason of every rejected row.
    pub(super) fn write_rejected(&self, path: &Path) -> Result<(), Failure> {
        let write = || -> Result<(), csv::Error> {
            let mut writer = csv::Writer::from_path(path)?;
            writer.write_record(["row", "line", "field", "reason", "message"])?;
            for (row, rejected) in &self.tally.rejected {
                for violation in &rejected.violations {
                    let (row, line) = (row.to_string(), rejected.line.to_string());
                    writer.write_record([&row, &line, &violation.field, &violation.reason, &violation.message])?;
                }
            }
            Ok(writer.flush()?)
        };
        write().map_err(|error| Failure::file(self.language, path, &std::io::Error::other(error)))
    }
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}
