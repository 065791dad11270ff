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
            let Some(text) = &line.text else { break Err(if further.is_empty() { Broken::CutOff } else { Broken::Quote }) };
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
