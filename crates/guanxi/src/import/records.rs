//! The records of a table, each with its number and its line; broken ones are found and do not take others with them.

use std::collections::VecDeque;
use std::path::Path;

use super::cells::{Cut, Cutter};
use super::lines::{Encoding, Fault, Line, Lines};

/// A record with more than this has an open quote.
const MAX_LINES: usize = 1_000;

/// A record of a table.
#[derive(Debug)]
pub(super) struct Record {
    /// Its number among the records, from 1; the header and blank lines are not counted.
    pub(super) number: i64,
    /// Number of its first line in the file, from 1.
    pub(super) line: u64,
    pub(super) cells: Result<Vec<String>, Broken>,
}

/// Why a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It has `found` cells where the header has `expected`.
    Width { expected: usize, found: usize },
    /// A quote is not closed.
    Quote,
    /// The file ends inside a character.
    CutOff,
}

/// A table: its header and then its records.
pub(super) struct Records {
    lines: Lines,
    /// Lines that are to be read again.
    pending: VecDeque<Line>,
    delimiter: char,
    number: i64,
    /// The names of the columns, without blanks at their ends.
    pub(super) header: Vec<String>,
}

impl Records {
    /// Opens a table and reads its header.
    pub(super) fn open(path: &Path, encoding: Encoding, delimiter: char) -> Result<Self, Fault> {
        let lines = Lines::open(path, encoding).map_err(Fault::Io)?;
        let mut records = Self { lines, pending: VecDeque::new(), delimiter, number: -1, header: Vec::new() };
        if let Some(Record { cells: Ok(cells), .. }) = records.next()? {
            records.header = cells.iter().map(|cell| cell.trim().to_owned()).collect();
        }
        records.number = 0;
        Ok(records)
    }

    /// The lines, for what is known about them at the end.
    pub(super) fn into_lines(self) -> Lines {
        self.lines
    }

    /// Number of the record that is read next.
    pub(super) fn next_number(&self) -> i64 {
        self.number + 1
    }

    pub(super) fn next(&mut self) -> Result<Option<Record>, Fault> {
        loop {
            let Some(first) = self.line()? else { return Ok(None) };
            let number = first.number;
            let cells = self.cells(first)?;
            if cells.as_ref().is_ok_and(|cells| cells.iter().all(|cell| cell.trim().is_empty())) {
                continue;
            }
            self.number += 1;
            return Ok(Some(Record { number: self.number, line: number, cells }));
        }
    }

    fn line(&mut self) -> Result<Option<Line>, Fault> {
        match self.pending.pop_front() {
            Some(line) => Ok(Some(line)),
            None => self.lines.next(),
        }
    }

    /// The cells of the record that begins with a line. Where it is broken only that line belongs to it: the ones after it are read
    /// as records of their own.
    fn cells(&mut self, first: Line) -> Result<Result<Vec<String>, Broken>, Fault> {
        let mut cutter = Cutter::new(self.delimiter);
        let mut further = Vec::new();
        let mut line = first;
        let outcome = loop {
            let Some(text) = &line.text else {
                break Err(if further.is_empty() { Broken::CutOff } else { Broken::Quote });
            };
            match cutter.line(text, line.end) {
                Cut::Done(cells) => break self.check_width(cells),
                Cut::Misquoted => break Err(Broken::Quote),
                Cut::Open if further.len() == MAX_LINES => break Err(Broken::Quote),
                Cut::Open => {}
            }
            let Some(next) = self.line()? else { break Err(Broken::Quote) };
            further.push(next.clone());
            line = next;
        };
        if outcome.is_err() {
            for line in further.into_iter().rev() {
                self.pending.push_front(line);
            }
        }
        Ok(outcome)
    }

    fn check_width(&self, cells: Vec<String>) -> Result<Vec<String>, Broken> {
        let (expected, found) = (self.header.len(), cells.len());
        // The header is read with this too, and separators alone are a blank line however many they are.
        let blank = cells.iter().all(|cell| cell.trim().is_empty());
        if expected == 0 || expected == found || blank { Ok(cells) } else { Err(Broken::Width { expected, found }) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Vec<Record> {
        let path = std::env::temp_dir().join(format!(
            "guanxi-records-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::write(&path, bytes).unwrap();
        let mut records = Records::open(&path, Encoding::Utf8, ',').unwrap();
        std::fs::remove_file(path).unwrap();
        std::iter::from_fn(|| records.next().unwrap()).collect()
    }

    #[test]
    fn a_broken_record_takes_no_other_with_it() {
        let records = read("a,b\n1,\"x\n2,y\n3,\"z\nz\"\n,\n\n4\n5,\"v\"w\n6,u".as_bytes());
        let told: Vec<_> = records
            .iter()
            .map(|record| (record.number, record.line, record.cells.clone().map(|cells| cells.concat())))
            .collect();
        let width = Broken::Width { expected: 2, found: 1 };
        assert_eq!(
            told,
            [
                (1, 2, Err(Broken::Quote)),
                (2, 3, Ok("2y".to_owned())),
                (3, 4, Ok("3z\nz".to_owned())),
                (4, 8, Err(width)),
                (5, 9, Err(Broken::Quote)),
                (6, 10, Ok("6u".to_owned())),
            ]
        );
    }

    proptest! {
        #[test]
        fn what_a_spreadsheet_writes_is_read_as_it_was(
            rows in prop::collection::vec(prop::collection::vec("[a甲,\"\r\n =]{0,6}", 3), 0..8), crlf: bool, quoted: bool,
        ) {
            let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
            let style = if quoted { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
            let mut writer = csv::WriterBuilder::new().terminator(terminator).quote_style(style).from_writer(Vec::new());
            writer.write_record(["x", "y", "z"]).unwrap();
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let read: Vec<Vec<String>> = read(&writer.into_inner().unwrap()).into_iter().map(|record| record.cells.unwrap()).collect();
            let filled = rows.into_iter().filter(|row| !row.iter().all(|cell| cell.trim().is_empty()));
            prop_assert_eq!(read, filled.collect::<Vec<_>>());
        }
    }
}
