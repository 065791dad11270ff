//! Cuts lines into cells as RFC 4180 has it, and notices where a quote was not closed.

/// Takes the lines of one record.
pub(super) struct Cutter {
    delimiter: char,
    cells: Vec<String>,
    cell: String,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing of the cell was seen.
    Begin,
    /// In a cell without quotes; a quote inside it stands for itself, as many programs write.
    Plain,
    /// Between quotes.
    Quoted,
    /// After a quote that may be the closing one.
    Closed,
}

/// What a line did to the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// The record is complete.
    Done(Vec<String>),
    /// A quote is open: the record goes on in the next line.
    Open,
    /// Text follows a closing quote. Nobody writes that: an earlier quote was never closed.
    Misquoted,
}

impl Cutter {
    pub(super) fn new(delimiter: char) -> Self {
        Self { delimiter, cells: Vec::new(), cell: String::new(), state: State::Begin }
    }

    /// Takes a line without its `end`.
    pub(super) fn line(&mut self, line: &str, end: &str) -> Cut {
        for character in line.chars() {
            self.state = match (self.state, character) {
                (State::Begin, '"') => State::Quoted,
                (State::Quoted, '"') => State::Closed,
                (State::Closed, '"') => self.push('"', State::Quoted),
                (State::Quoted, character) => self.push(character, State::Quoted),
                (_, character) if character == self.delimiter => self.finish(),
                (State::Closed, _) => return Cut::Misquoted,
                (_, character) => self.push(character, State::Plain),
            };
        }
        if self.state == State::Quoted {
            self.cell.push_str(end);
            return Cut::Open;
        }
        self.state = self.finish();
        Cut::Done(std::mem::take(&mut self.cells))
    }

    fn push(&mut self, character: char, state: State) -> State {
        self.cell.push(character);
        state
    }

    fn finish(&mut self) -> State {
        self.cells.push(std::mem::take(&mut self.cell));
        State::Begin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(lines: &[&str]) -> Cut {
        let mut cutter = Cutter::new(',');
        let mut last = Cut::Open;
        for line in lines {
            last = cutter.line(line, "\n");
        }
        last
    }

    fn done(cells: &[&str]) -> Cut {
        Cut::Done(cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn cells_are_cut_as_spreadsheets_write_them() {
        assert_eq!(cut(&["a,,\"b,\"\"c\"\"\",d\"e"]), done(&["a", "", "b,\"c\"", "d\"e"]));
        assert_eq!(cut(&["\"甲", "乙\",丙"]), done(&["甲\n乙", "丙"]));
        assert_eq!(cut(&["\"\","]), done(&["", ""]));
    }

    #[test]
    fn a_quote_that_was_not_closed_is_noticed() {
        assert_eq!(cut(&["1,\"甲,x"]), Cut::Open);
        assert_eq!(cut(&["1,\"甲,x", "2,\"乙\",y"]), Cut::Misquoted);
    }
}
