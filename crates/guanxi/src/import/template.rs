//! Text made of cells: the name of a column, or a pattern like `{省}{市}`.

/// A text with columns in it.
#[derive(Clone, Debug)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// Index of the column; nothing where the table does not have it.
    Column(Option<usize>),
}

/// What a template asks for and a table does not have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Missing {
    Column(String),
    /// The header has the name more than once.
    Ambiguous(String),
}

/// How the cells of a template are read.
#[derive(Clone, Debug)]
pub(super) struct Reading<'a> {
    pub(super) trim: bool,
    /// Cells that say nothing.
    pub(super) ignore: &'a [String],
}

impl Template {
    /// Finds the columns of `text` in a header. A column that is missing is noted and reads as empty.
    pub(super) fn bind(text: &str, header: &[String], missing: &mut Vec<Missing>) -> Self {
        let mut column = |name: &str| {
            let mut places = header.iter().enumerate().filter(|(_, title)| *title == name).map(|(index, _)| index);
            let place = places.next();
            if place.is_none() {
                missing.push(Missing::Column(name.to_owned()));
            } else if places.next().is_some() {
                missing.push(Missing::Ambiguous(name.to_owned()));
            }
            Part::Column(place)
        };
        if !text.contains('{') {
            return Self(vec![column(text)]);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, (name, after))) =
            rest.split_once('{').and_then(|(literal, rest)| Some((literal, rest.split_once('}')?)))
        {
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            parts.push(column(name.trim()));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Self(parts)
    }

    /// The columns that it reads.
    pub(super) fn columns(&self) -> impl Iterator<Item = usize> {
        self.0.iter().filter_map(|part| if let Part::Column(index) = part { *index } else { None })
    }

    /// The text for one record; empty where all of its cells are.
    pub(super) fn fill(&self, cells: &[String], reading: &Reading<'_>) -> String {
        let mut text = String::new();
        let mut filled = false;
        for part in &self.0 {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Column(index) => {
                    let cell = index.and_then(|index| cells.get(index)).map_or("", String::as_str);
                    let cell = if reading.trim { trim(cell) } else { cell };
                    if !cell.is_empty() && !reading.ignore.iter().any(|ignored| ignored == cell) {
                        text.push_str(cell);
                        filled = true;
                    }
                }
            }
        }
        if filled { text } else { String::new() }
    }
}

/// Cuts blanks off, the ideographic and the invisible ones too.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|character: char| character.is_whitespace() || matches!(character, '\u{200B}' | '\u{FEFF}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(template: &str, cells: &[&str]) -> String {
        let header = ["省", "市"].map(str::to_owned);
        let mut missing = Vec::new();
        let template = Template::bind(template, &header, &mut missing);
        assert_eq!(missing, []);
        let cells: Vec<String> = cells.iter().map(|cell| (*cell).to_owned()).collect();
        template.fill(&cells, &Reading { trim: true, ignore: &["-".to_owned()] })
    }

    #[test]
    fn a_template_is_filled_from_cells() {
        assert_eq!(fill("市", &["广东", "\u{3000}深圳 "]), "深圳");
        assert_eq!(fill("{省}省{市}市", &["广东", "深圳"]), "广东省深圳市");
        assert_eq!(fill("{省}{市}", &["广东", "-"]), "广东");
        assert_eq!(fill("{省}省{市}市", &["", "-"]), "");
    }

    #[test]
    fn what_is_missing_is_noted() {
        let header = ["省", "市", "市"].map(str::to_owned);
        let mut missing = Vec::new();
        let template = Template::bind("{省}{市}{县}", &header, &mut missing);
        assert_eq!(missing, [Missing::Ambiguous("市".to_owned()), Missing::Column("县".to_owned())]);
        assert_eq!(template.columns().collect::<Vec<_>>(), [0, 1]);
    }
}
