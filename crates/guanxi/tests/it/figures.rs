//! What `guanxi query` says of the Maven CRM data.

use std::fs;
use std::str::FromStr as _;
use std::time::{Duration, Instant};

use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Executor as _};

use crate::support::Place;

/// kpi follows 8,800 deals, in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);
const INDICATORS: [&str; 16] = [
    "accounts",
    "accounts-per-manager",
    "average-deal",
    "cycle-days-closed",
    "cycle-days-won",
    "discount-depth",
    "new-accounts",
    "opportunities-lost",
    "opportunities-opened",
    "opportunities-won",
    "pipeline-count",
    "pipeline-value",
    "quotes-waiting",
    "weighted-pipeline",
    "win-rate",
    "won-value",
];
const DIMENSIONS: [&str; 8] = ["territory", "manager", "account", "offering", "stage", "tier", "month", "year"];

/// The lines of `guanxi query … --json`.
fn query(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let said = place.run_with(&[&["query"], arguments, &["--json"]].concat(), &[("LANG", "en_US.UTF-8")]);
    assert!(said.success, "{arguments:?}: {said:?}");
    said.out.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The value of the row with a name.
fn value(place: &Place, arguments: &[&str], name: &str) -> String {
    let rows = query(place, arguments);
    let row = rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name} is not in {rows:?}"));
    row["value"].as_str().unwrap().to_owned()
}

/// Waits until kpi counts so many opportunities.
pub(crate) async fn await_opened(place: &Place, count: u32) {
    let (deadline, mut look) = (Instant::now() + PATIENCE, tokio::time::interval(Duration::from_millis(200)));
    let expected = count.to_string();
    while query(place, &["opportunities-opened"])[0]["value"] != *expected {
        assert!(Instant::now() < deadline, "kpi does not count {count} opportunities");
        look.tick().await;
    }
}

/// The figures of the data set.
pub(crate) fn say_what_the_data_says(place: &Place) {
    for (indicator, expected) in [
        ("opportunities-won", "4238"),
        ("opportunities-lost", "2473"),
        ("win-rate", "0.631501"),
        ("won-value", "10005534"),
        ("cycle-days-won", "51.782"),
        ("cycle-days-closed", "47.9854"),
        ("pipeline-value", "4966215"),
    ] {
        assert_eq!(value(place, &[indicator], ""), expected, "{indicator}");
    }
    let regions = ["won-value", "--by", "territory"];
    for (name, expected) in [("Central region", "3346293"), ("East region", "3090594"), ("West region", "3568647")] {
        assert_eq!(value(place, &regions, name), expected, "{name}");
    }
    let teams = ["won-value", "--by", "territory", "--territory", "MAVEN_CENTRAL"];
    assert_eq!(value(place, &teams, "Team of Melvin Marxen"), "2251930");
    assert_eq!(value(place, &["won-value", "--by", "manager"], "Darcel Schlecht"), "1153214");
    let months = query(place, &["opportunities-won", "--by", "month"]);
    let sum: u32 = months.iter().map(|row| row["value"].as_str().unwrap().parse::<u32>().unwrap()).sum();
    assert_eq!(sum, 4_238);
}

/// Every indicator by every dimension, and as of a day of the past.
pub(crate) fn all(place: &Place) -> Vec<(String, Vec<Value>)> {
    let mut answers = Vec::new();
    for indicator in INDICATORS {
        let mut ask = |arguments: &[&str]| {
            let arguments = [&[indicator], arguments].concat();
            answers.push((arguments.join(" "), query(place, &arguments)));
        };
        for by in DIMENSIONS {
            ask(&["--by", by]);
        }
        ask(&["--from", "2017-02-10", "--to", "2017-08-31"]);
    }
    answers
}

/// Takes everything away from kpi, as if it had never run. It has to be started anew.
pub(crate) async fn forget(place: &Place) {
    let running: Value = serde_json::from_slice(&fs::read(place.data().join("running.json")).unwrap()).unwrap();
    let url = guanxi_db::role_url(running["database_url"].as_str().unwrap(), "kpi_owner", None).unwrap();
    let mut connection = PgConnectOptions::from_str(&url).unwrap().connect().await.unwrap();
    connection.execute("drop schema kpi cascade").await.unwrap();
}

/// Columns of a text on a terminal: Chinese takes two.
fn width(text: &str) -> usize {
    text.chars().map(|character| if character >= '\u{2e80}' { 2 } else { 1 }).sum()
}

/// A table for people lines up, and what cannot be answered says what to do.
pub(crate) fn line_up_and_refuse(place: &Place) {
    let said = place.run_with(&["query", "won-value", "--by", "territory"], &[("LANG", "zh_CN.UTF-8")]);
    let (title, rows) = said.out.split_once("\n\n").unwrap();
    assert_eq!(title, "赢单金额 Value won = won_value");
    let widths: Vec<usize> = rows.lines().map(width).collect();
    assert!(widths.len() == 5 && widths.iter().all(|one| *one == widths[0]), "{rows}");
    for text in ["Central 大区", "3,346,293", "合计", "10,005,534", "33.44%"] {
        assert!(rows.contains(text), "{text}: {rows}");
    }
    let listed = place.run_with(&["query", "--list", "--json"], &[]);
    assert!(listed.out.lines().any(|line| line.contains("\"win-rate\"")), "{listed:?}");
    for (arguments, word) in [
        (["query", "won-valeu"].as_slice(), "won-value"),
        (&["query", "won-value", "--from", "2017-02-30"], "2017-02-30"),
        (&["query", "won-value", "--from", "2017-03-01", "--to", "2017-02-01"], "turn it round"),
        (&["query", "won-value", "--territory", "NOWHERE"], "NOWHERE"),
        (&["query", "won-value", "--by", "month", "--level", "CITY"], "territory_level"),
        (&["query", "won-value", "--by", "colour"], "quarter"),
    ] {
        let said = place.run_with(arguments, &[("LANG", "en_US.UTF-8")]);
        assert!(!said.success && said.out.is_empty() && said.err.contains(word), "{arguments:?}: {said:?}");
    }
}
