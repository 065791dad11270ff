//! `guanxi verify`: the proof that figures are right.

mod rebuild;
mod recount;
mod scratch;

use std::error::Error;

use clap::ValueEnum;
use comfy_table::{Table, presets};
use kpi::rebuild::Compared;
use serde::Serialize;

use self::recount::Recounted;
use crate::cluster::Target;
use crate::terminal::say;

/// Rows that differ are told up to so many of each table.
const MOST: usize = 20;
/// A row of JSON ends here for people; `--json` has all of it.
const WIDEST: usize = 300;

/// Prove that kpi's figures follow from what the other services say.
///
/// In two ways. `rebuild` makes everything that kpi derives anew, from position 0 of each feed, in another order, in a database of its own that is dropped
/// afterwards, and compares it row by row with what stands in the live one. `recount` lists accounts, managers, assignments, opportunities and
/// quotes, counts them by code of its own as docs/decisions/0017 says, and compares the sums with what QueryIndicator answers. The cluster may go on
/// working meanwhile. Exit code 0 if everything is the same, 1 if anything differs or cannot be proven.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Prove one of the two only
    #[arg(long, value_enum)]
    only: Option<Proof>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Administrator's URL of a Postgres of your own, as `guanxi up` got it: `rebuild` makes a database there for as long as it takes
    #[arg(long, env = "GUANXI_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    #[command(flatten)]
    target: Target,
}

const EXAMPLES: &str = "\
Examples:
  guanxi verify
  guanxi verify --only recount
  guanxi verify --json | jq '.rebuild[] | select(.differing > 0)'

What differs is told with both sides: what kpi has, and what it should have. A table that differs is made anew by kpi itself
once its tables are emptied and its positions set to 0; docs/OPERATIONS.md has the statements.";

/// One of the proofs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Proof {
    /// Make everything anew from the feeds
    Rebuild,
    /// Count what the other services list
    Recount,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    /// True if nothing differs.
    agrees: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rebuild: Option<Vec<Compared>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recount: Option<Vec<Recounted>>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let wanted = |proof| arguments.only.is_none_or(|only| only == proof);
    let (mut rebuild, mut recount) = (None, None);
    if wanted(Proof::Rebuild) {
        // Compose files pass an unset variable on as an empty one.
        let url = arguments.database_url.as_deref().filter(|url| !url.is_empty());
        rebuild = Some(rebuild::prove(&arguments.target, url).await?);
    }
    if wanted(Proof::Recount) {
        recount = Some(recount::prove(&arguments.target).await?);
    }
    let tables = rebuild.iter().flatten().filter(|table| table.differing > 0).map(|table| table.table.to_owned());
    let figures = recount.iter().flatten().filter(|figure| !figure.agrees()).map(Recounted::title);
    let wrong: Vec<String> = tables.chain(figures).collect();
    let report = Report { agrees: wrong.is_empty(), rebuild, recount };
    say(&if arguments.json { serde_json::to_string(&report)? } else { lines(&report) });
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("what kpi has differs from what it should have in {}; each difference stands above", wrong.join(", "))
        .into())
}

/// The report for people: a line for each table and indicator, and below it what differs.
fn lines(report: &Report) -> String {
    let mut parts = Vec::new();
    if let Some(tables) = &report.rebuild {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["", "TABLE", "ROWS", "MADE ANEW", "DIFFER"]);
        for one in tables {
            let numbers = [one.live, one.rebuilt, one.differing].map(|number| number.to_string());
            table.add_row([mark(one.differing == 0), one.table].into_iter().map(str::to_owned).chain(numbers));
        }
        let differences = tables.iter().flat_map(table_differences);
        parts.push(format!("{}{}", table.trim_fmt(), differences.collect::<String>()));
    }
    if let Some(figures) = &report.recount {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["", "INDICATOR", "FIGURES", "DIFFER", "BY"]);
        for all in figures.chunk_by(|one, next| one.indicator == next.indicator) {
            let sum = |of: fn(&Recounted) -> u64| all.iter().map(of).sum::<u64>();
            let (counted, differing) = (sum(|one| one.figures), sum(|one| one.differing));
            let by: Vec<&str> = all.iter().map(|one| one.by).collect();
            let indicator = all.first().map_or("", |one| one.indicator).to_owned();
            let numbers = [counted, differing].map(|number| number.to_string());
            let texts = [mark(differing == 0).to_owned(), indicator];
            table.add_row(texts.into_iter().chain(numbers).chain([by.join(" ")]));
        }
        let differences = figures.iter().flat_map(figure_differences);
        parts.push(format!("{}{}", table.trim_fmt(), differences.collect::<String>()));
    }
    parts.join("\n\n")
}

fn mark(good: bool) -> &'static str {
    if good { "✓" } else { "✗" }
}

fn table_differences(table: &Compared) -> Vec<String> {
    let line = |difference: &kpi::rebuild::Difference| {
        let (live, rebuilt) = (side(difference.live.as_deref()), side(difference.rebuilt.as_deref()));
        format!("\n {} {}\n   has         {live}\n   should have {rebuilt}", table.table, difference.key.join(" · "))
    };
    table.first.iter().map(line).chain(more(table.differing, table.first.len())).collect()
}

fn figure_differences(figure: &Recounted) -> Vec<String> {
    let line = |difference: &recount::Difference| {
        let (answered, counted) = (side(difference.answered.as_deref()), side(difference.counted.as_deref()));
        format!("\n {} {}\n   answers {answered}\n   counted {counted}", figure.title(), difference.key.join(" "))
    };
    figure.first.iter().map(line).chain(more(figure.differing, figure.first.len())).collect()
}

/// One side for people.
fn side(value: Option<&str>) -> String {
    let Some(value) = value else { return "nothing".to_owned() };
    match value.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", value.get(..end).unwrap_or(value)),
        None => value.to_owned(),
    }
}

fn more(all: u64, told: usize) -> Option<String> {
    let rest = all.saturating_sub(told as u64);
    (rest > 0).then(|| format!("\n … and {rest} more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_stands_below_the_table_with_both_sides() {
        let difference = kpi::rebuild::Difference {
            key: vec!["accounts".to_owned(), "CN".to_owned()],
            live: Some("3".to_owned()),
            rebuilt: None,
        };
        let tables = vec![
            Compared { table: "fact", live: 1, rebuilt: 1, differing: 0, first: vec![] },
            Compared { table: "rollup_month", live: 1, rebuilt: 0, differing: 5, first: vec![difference] },
        ];
        let text = lines(&Report { agrees: false, rebuild: Some(tables), recount: None });
        assert!(text.contains("✓  fact") && text.contains("✗  rollup_month"), "{text}");
        let below = "rollup_month accounts · CN\n   has         3\n   should have nothing\n … and 4 more";
        assert!(text.ends_with(below), "{text}");
    }

    #[test]
    fn a_long_row_is_cut_between_characters() {
        assert_eq!(side(Some(&"国".repeat(WIDEST + 5))), format!("{}…", "国".repeat(WIDEST)));
    }
}
