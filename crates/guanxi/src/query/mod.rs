//! `guanxi query`: what an indicator says.

mod name;
mod table;

use std::error::Error;

use guanxi_proto::kpi::v1::indicator_service_client::IndicatorServiceClient;
use guanxi_proto::kpi::v1::{
    Figure, FigureDimension, FigureQuestion, Indicator, ListIndicatorsRequest, QueryIndicatorRequest,
};
use serde::Serialize;
use tonic::Code;
use tonic::transport::Channel;

use crate::cluster::Target;
use crate::import::request;
use crate::service::Service;
use crate::terminal::say;
use crate::wording::{Failure, Language, language, pick};

/// Figures of a page.
const PAGE: i32 = 1_000;
/// How long the tokens of the command are good for.
const TTL: time::Duration = time::Duration::minutes(10);

/// Ask what an indicator says: as a table, or one JSON object a line.
///
/// Figures are usually milliseconds behind the change that they tell of. Rows come by key for territories and time, else the best first; what
/// has no key comes last. Shares are of the total; changes are against the period before and the same one a year before, where a range
/// or a break-down by time says which.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Code of the indicator, for example won-value; --list has all of them
    #[arg(required_unless_present = "list")]
    indicator: Option<String>,
    /// List the indicators instead
    #[arg(long, conflicts_with = "by")]
    list: bool,
    /// What the figures are broken down by
    #[arg(long, value_enum)]
    by: Option<By>,
    /// First day that counts, for example 2026-01-01 [default: no beginning]
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Last day that counts; what there is, is as of it [default: no end, as of now]
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    /// Code of a territory: its figures, with everything below it [default: everything that the token shows]
    #[arg(long, value_name = "CODE")]
    territory: Option<String>,
    /// With --by territory: code of the level of the rows, for example CITY [default: those right below]
    #[arg(long, value_name = "LEVEL")]
    level: Option<String>,
    /// Only figures in this currency, for example CNY
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// Print one JSON object a line: `key`, `name`, `value` as text (empty where there is none), `currency_code`, `share`, `rank`,
    /// `previous_value`, `year_before_value`
    #[arg(long)]
    json: bool,
    /// zh or en
    #[arg(long, env = "LANG", value_parser = language, default_value = "zh", hide_default_value = true)]
    language: Language,
    #[command(flatten)]
    target: Target,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Territory,
    Manager,
    Account,
    Offering,
    Stage,
    Tier,
    Industry,
    Month,
    Quarter,
    Year,
}

const EXAMPLES: &str = "\
Examples:
  guanxi query --list
  guanxi query won-value --by territory --from 2026-01-01 --to 2026-12-31
  guanxi query won-value --by manager --territory 440300
  guanxi query win-rate --by month --json | jq -r '[.key, .value] | @tsv'
  guanxi query pipeline-value --by stage --to 2026-06-30";

impl By {
    fn dimension(self) -> FigureDimension {
        match self {
            Self::Territory => FigureDimension::Territory,
            Self::Manager => FigureDimension::Manager,
            Self::Account => FigureDimension::Account,
            Self::Offering => FigureDimension::Offering,
            Self::Stage => FigureDimension::Stage,
            Self::Tier => FigureDimension::Tier,
            Self::Industry => FigureDimension::Industry,
            Self::Month => FigureDimension::Month,
            Self::Quarter => FigureDimension::Quarter,
            Self::Year => FigureDimension::Year,
        }
    }

    /// Territories and time have an order of their own.
    fn order(self) -> &'static str {
        match self {
            Self::Territory | Self::Month | Self::Quarter | Self::Year => "key",
            _ => "rank",
        }
    }
}

/// A line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    key: &'a str,
    name: String,
    value: &'a str,
    currency_code: &'a str,
    share: &'a str,
    rank: i32,
    previous_value: &'a str,
    year_before_value: &'a str,
}

/// What was asked for, whole.
pub(crate) struct Answer {
    pub(crate) indicator: Indicator,
    pub(crate) figures: Vec<Figure>,
    pub(crate) totals: Vec<Figure>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let (target, language) = (&arguments.target, arguments.language);
    let client = IndicatorServiceClient::new(target.connect(Service::Kpi).await?);
    let token = target.token(Service::Kpi, TTL)?;
    if arguments.list {
        let indicators = all(client, &token, language).await?;
        say(&if arguments.json { table::lines_of(&indicators)? } else { table::of_indicators(&indicators, language) });
        return Ok(());
    }
    let mut answer = match ask(client.clone(), &token, &arguments).await {
        Err(status) if status.code() == Code::NotFound => {
            let known = all(client, &token, language).await?;
            return Err(unknown(&arguments, &known, &status).into());
        }
        answer => answer.map_err(|status| Failure::status(&status))?,
    };
    if arguments.by == Some(By::Manager) {
        name::managers(target, language, &mut answer.figures).await;
    }
    say(&if arguments.json {
        lines(&answer, language)?
    } else {
        table::of_figures(&answer, arguments.by.is_some(), language)
    });
    Ok(())
}

fn question(arguments: &Arguments) -> FigureQuestion {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    FigureQuestion {
        indicator_code: text(&arguments.indicator),
        by: arguments.by.map_or(FigureDimension::Unspecified, By::dimension).into(),
        territory_code: text(&arguments.territory),
        territory_level: text(&arguments.level),
        from_date: text(&arguments.from),
        to_date: text(&arguments.to),
        currency_code: text(&arguments.currency),
        ..Default::default()
    }
}

/// Asks for every page.
async fn ask(
    mut client: IndicatorServiceClient<Channel>,
    token: &str,
    arguments: &Arguments,
) -> Result<Answer, tonic::Status> {
    let order_by = arguments.by.map_or("key", By::order).to_owned();
    let mut message =
        QueryIndicatorRequest { question: Some(question(arguments)), page_size: PAGE, order_by, ..Default::default() };
    let mut figures = Vec::new();
    loop {
        let asked = request(message.clone(), token, arguments.language);
        let asked = asked.map_err(|error| tonic::Status::unauthenticated(error.to_string()))?;
        let page = client.query_indicator(asked).await?.into_inner();
        figures.extend(page.figures);
        if page.next_page_token.is_empty() {
            return Ok(Answer { indicator: page.indicator.unwrap_or_default(), figures, totals: page.totals });
        }
        message.page_token = page.next_page_token;
    }
}

async fn all(
    mut client: IndicatorServiceClient<Channel>,
    token: &str,
    language: Language,
) -> Result<Vec<Indicator>, Failure> {
    let message = ListIndicatorsRequest { page_size: PAGE, ..Default::default() };
    Ok(client.list_indicators(request(message, token, language)?).await?.into_inner().indicators)
}

/// Says what there is where something is not.
fn unknown(arguments: &Arguments, known: &[Indicator], status: &tonic::Status) -> Failure {
    let asked = arguments.indicator.as_deref().unwrap_or_default();
    if known.iter().any(|indicator| indicator.code == asked) {
        return Failure::status(status);
    }
    let mut near: Vec<(usize, &str)> =
        known.iter().map(|indicator| (distance(asked, &indicator.code), indicator.code.as_str())).collect();
    near.sort_unstable();
    let near: Vec<&str> = near.into_iter().take(3).map(|(_, code)| code).collect();
    let near = near.join(", ");
    Failure::new(
        arguments.language,
        format!("没有指标“{asked}”，相近的有：{near}；全部指标见 `guanxi query --list`"),
        format!("there is no indicator \"{asked}\"; near are {near}; `guanxi query --list` has all of them"),
    )
}

/// How many characters have to change to make one text of another (Levenshtein 1966).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (number, from) in (1..).zip(one.chars()) {
        let mut diagonal = std::mem::replace(&mut row[0], number);
        for (column, to) in (1..).zip(other.chars()) {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[column];
            row[column] = changed.min(row[column] + 1).min(row[column - 1] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

fn lines(answer: &Answer, language: Language) -> Result<String, serde_json::Error> {
    let line = |figure: &Figure| {
        serde_json::to_string(&Line {
            key: &figure.key,
            name: name_of(figure, language),
            value: &figure.value,
            currency_code: &figure.currency_code,
            share: &figure.share,
            rank: figure.rank,
            previous_value: &figure.previous_value,
            year_before_value: &figure.year_before_value,
        })
    };
    Ok(answer.figures.iter().map(line).collect::<Result<Vec<_>, _>>()?.join("\n"))
}

/// What people call the part of a figure, in their language as far as that is known.
fn name_of(figure: &Figure, language: Language) -> String {
    let name = figure.name.clone().unwrap_or_default();
    if name.en.is_empty() { name.zh } else { pick(language, name.zh, name.en) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_differ_in_few_characters() {
        assert_eq!(distance("won-value", "won-value"), 0);
        assert_eq!(distance("won-valeu", "won-value"), 2);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("赢单", "丢单"), 1);
    }
}
