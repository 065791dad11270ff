//! Figures and indicators as tables.

use comfy_table::{CellAlignment, Table, presets};
use guanxi_proto::kpi::v1::{Figure, Indicator, IndicatorUnit};
use serde::Serialize;

use super::{Answer, name_of};
use crate::wording::{Language, pick};

/// A column: its heads in Chinese and English, and what stands in it.
type Column = (&'static str, &'static str, fn(&Figure, Unit, Language) -> String);
/// True for figures that are shares.
type Unit = bool;

/// The columns behind key and name. One in which no row has anything is left out.
const COLUMNS: [Column; 8] = [
    ("键", "KEY", |figure, _, _| figure.key.clone()),
    ("名称", "NAME", |figure, _, language| name_of(figure, language)),
    ("币种", "CURRENCY", |figure, _, _| figure.currency_code.clone()),
    ("数值", "VALUE", |figure, share, _| if share { percent(&figure.value) } else { grouped(&figure.value) }),
    ("占比", "SHARE", |figure, _, _| percent(&figure.share)),
    ("排名", "RANK", |figure, _, _| if figure.rank == 0 { String::new() } else { figure.rank.to_string() }),
    ("环比", "ON PERIOD", |figure, _, _| percent(&figure.previous_growth)),
    ("同比", "ON YEAR", |figure, _, _| percent(&figure.year_before_growth)),
];
/// The columns of keys and names, and that of values: those before it are texts.
const KEY: usize = 0;
const NAME: usize = 1;
const VALUE: usize = 3;

/// The figures of an answer, with the whole at the foot.
pub(super) fn of_figures(answer: &Answer, broken_down: bool, language: Language) -> String {
    let share = answer.indicator.unit() == IndicatorUnit::Ratio;
    let row = |figure: &Figure| COLUMNS.map(|(_, _, text)| text(figure, share, language));
    let mut rows: Vec<_> = answer.figures.iter().map(row).collect();
    let foot = if rows.iter().any(|row| !row[NAME].is_empty()) { NAME } else { KEY };
    if broken_down {
        rows.extend(answer.totals.iter().map(|total| {
            let mut row = row(total);
            row[foot] = pick(language, "合计", "Total");
            row
        }));
    }
    let shown: Vec<usize> = (0..COLUMNS.len())
        .filter(|column| *column == VALUE || rows.iter().any(|row| !row[*column].is_empty()))
        .collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(shown.iter().map(|&column| pick(language, COLUMNS[column].0, COLUMNS[column].1)));
    for row in &rows {
        table.add_row(shown.iter().map(|&column| if row[column].is_empty() { "-" } else { row[column].as_str() }));
    }
    for (place, column) in shown.iter().enumerate() {
        if let Some(column) = table.column_mut(place).filter(|_| *column >= VALUE) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{}\n\n{}", title(&answer.indicator), table.trim_fmt())
}

/// `赢单率 Win rate = opportunities_won / …`.
fn title(indicator: &Indicator) -> String {
    let name = indicator.name.clone().unwrap_or_default();
    format!("{} {} = {}", name.zh, name.en, indicator.formula)
}

/// `10005534.5` as `10,005,534.5`.
fn grouped(value: &str) -> String {
    let (sign, number) = value.strip_prefix('-').map_or(("", value), |number| ("-", number));
    let (whole, places) = number.split_once('.').map_or((number, None), |(whole, places)| (whole, Some(places)));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match places {
        Some(places) => format!("{sign}{grouped}.{places}"),
        None => format!("{sign}{grouped}"),
    }
}

/// `0.6315` as `63.15%`; nothing for nothing.
fn percent(share: &str) -> String {
    share.parse().map_or_else(
        |_| String::new(),
        |share: rust_decimal::Decimal| {
            format!("{}%", (share * rust_decimal::Decimal::ONE_HUNDRED).round_dp(2).normalize())
        },
    )
}

/// All indicators, with what they are made of.
pub(super) fn of_indicators(indicators: &[Indicator], language: Language) -> String {
    let mut table = Table::new();
    let heads = [("编码", "CODE"), ("名称", "NAME"), ("英文名", "ENGLISH"), ("单位", "UNIT"), ("公式", "FORMULA")];
    table.load_style(presets::NOTHING).set_header(heads.map(|(zh, en)| pick(language, zh, en)));
    for indicator in indicators {
        let name = indicator.name.clone().unwrap_or_default();
        table.add_row([indicator.code.clone(), name.zh, name.en, unit(indicator, language), indicator.formula.clone()]);
    }
    table.trim_fmt()
}

/// What an indicator is counted in, for people.
fn unit(indicator: &Indicator, language: Language) -> String {
    match indicator.unit() {
        IndicatorUnit::Unspecified => String::new(),
        IndicatorUnit::Count => pick(language, "个", "count"),
        IndicatorUnit::Money => pick(language, "金额", "money"),
        IndicatorUnit::Ratio => pick(language, "比率", "ratio"),
        IndicatorUnit::Day => pick(language, "天", "days"),
    }
}

/// A line of `--list --json`.
#[derive(Serialize)]
struct Line<'a> {
    code: &'a str,
    name: &'a str,
    name_en: &'a str,
    unit: &'a str,
    formula: &'a str,
    version_number: i32,
}

/// All indicators, one JSON object a line.
pub(super) fn lines_of(indicators: &[Indicator]) -> Result<String, serde_json::Error> {
    let line = |indicator: &Indicator| {
        let name = indicator.name.clone().unwrap_or_default();
        serde_json::to_string(&Line {
            code: &indicator.code,
            name: &name.zh,
            name_en: &name.en,
            unit: indicator.unit().as_str_name(),
            formula: &indicator.formula,
            version_number: indicator.version_number,
        })
    };
    Ok(indicators.iter().map(line).collect::<Result<Vec<_>, _>>()?.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_easily() {
        for (value, shown) in
            [("0", "0"), ("999", "999"), ("10005534", "10,005,534"), ("-1234.5", "-1,234.5"), ("", "")]
        {
            assert_eq!(grouped(value), shown);
        }
        for (share, shown) in [("0.631501", "63.15%"), ("1", "100%"), ("-0.05", "-5%"), ("", "")] {
            assert_eq!(percent(share), shown);
        }
    }
}
