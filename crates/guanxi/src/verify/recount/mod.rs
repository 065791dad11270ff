//! A count of what the other services list, by code that kpi does not share, compared with what QueryIndicator answers.

mod count;
mod gather;
mod indicator;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::Duration;

use guanxi_proto::kpi::v1::indicator_service_client::IndicatorServiceClient;
use guanxi_proto::kpi::v1::{FigureDimension, FigureQuestion, QueryIndicatorRequest};
use rust_decimal::Decimal;
use serde::Serialize;
use tonic::transport::Channel;

use self::count::{Figures, Told};
use self::indicator::{INDICATORS, Indicator};
use super::MOST;
use crate::cluster::{Target, request};
use crate::service::Service;
use crate::terminal::Step;

/// In a cluster that works, the lists and the figures are not of one moment: what differs is counted again so often.
const TRIES: usize = 5;
/// By then kpi has taken in what happened.
const PAUSE: Duration = Duration::from_secs(2);
/// Figures of a page.
const PAGE: i32 = 10_000;
const TOKEN_LIFE: time::Duration = time::Duration::hours(12);

/// What came of comparing an indicator's figures in one break-down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Recounted {
    /// Code of the indicator.
    pub(super) indicator: &'static str,
    /// The dimension; `WHOLE` without a break-down.
    pub(super) by: &'static str,
    /// Figures that were counted.
    pub(super) figures: u64,
    /// Figures that differ, or that only one of the two has.
    pub(super) differing: u64,
    /// The first of these.
    pub(super) first: Vec<Difference>,
}

/// A figure that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    /// Its key and its currency.
    pub(super) key: Vec<String>,
    /// What kpi answers, empty for a figure without a value; `None` where it answers nothing.
    pub(super) answered: Option<String>,
    /// What was counted.
    pub(super) counted: Option<String>,
}

impl Recounted {
    pub(super) fn agrees(&self) -> bool {
        self.differing == 0
    }

    /// For the last line.
    pub(super) fn title(&self) -> String {
        format!("{} by {}", self.indicator, self.by)
    }
}

/// A break-down that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    Whole,
    Territory,
    Manager,
    Tier,
    Offering,
    Month,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Whole => "WHOLE",
            Self::Territory => "TERRITORY",
            Self::Manager => "MANAGER",
            Self::Tier => "TIER",
            Self::Offering => "OFFERING",
            Self::Month => "MONTH",
        }
    }

    fn dimension(self) -> FigureDimension {
        match self {
            Self::Whole => FigureDimension::Unspecified,
            Self::Territory => FigureDimension::Territory,
            Self::Manager => FigureDimension::Manager,
            Self::Tier => FigureDimension::Tier,
            Self::Offering => FigureDimension::Offering,
            Self::Month => FigureDimension::Month,
        }
    }
}

/// Counts and compares, again while something differs that may be on its way.
pub(super) async fn prove(target: &Target) -> Result<Vec<Recounted>, Box<dyn Error>> {
    let mut kpi = IndicatorServiceClient::new(target.connect(Service::Kpi).await?);
    let token = target.token(Service::Kpi, TOKEN_LIFE)?;
    let step = Step::begin("Counting what the other services list");
    let mut tries = 1;
    loop {
        let told = gather::gather(target, &step).await?;
        step.note("compares …");
        let recounted = compare_all(&mut kpi, &token, &told).await?;
        if tries == TRIES || recounted.iter().all(Recounted::agrees) {
            step.done(&format!("{} accounts, {} opportunities", told.accounts.len(), told.deals.len()));
            return Ok(recounted);
        }
        tries += 1;
        step.note("something differs that may be on its way: counting again …");
        tokio::time::sleep(PAUSE).await;
    }
}

async fn compare_all(
    kpi: &mut IndicatorServiceClient<Channel>,
    token: &str,
    told: &Told,
) -> Result<Vec<Recounted>, Box<dyn Error>> {
    let facts = told.facts();
    let mut recounted = Vec::new();
    for indicator in &INDICATORS {
        for by in indicator.break_downs() {
            let answered = figures(kpi, token, indicator, by).await?;
            let counted = told.figures(&facts, indicator, by);
            recounted.push(compare(indicator.code, by.name(), &answered, &counted));
        }
    }
    Ok(recounted)
}

/// What kpi answers.
async fn figures(
    kpi: &mut IndicatorServiceClient<Channel>,
    token: &str,
    indicator: &Indicator,
    by: By,
) -> Result<Figures, Box<dyn Error>> {
    let question = FigureQuestion {
        indicator_code: indicator.code.to_owned(),
        by: by.dimension().into(),
        ..FigureQuestion::default()
    };
    let mut asked =
        QueryIndicatorRequest { question: Some(question), page_size: PAGE, ..QueryIndicatorRequest::default() };
    let mut found = BTreeMap::new();
    loop {
        let answer = kpi.query_indicator(request(asked.clone(), token)?).await;
        let answer = answer.map_err(|status| format!("kpi does not answer: {}", status.message()))?.into_inner();
        for figure in answer.figures {
            let value: Option<Decimal> =
                Some(figure.value).filter(|value| !value.is_empty()).map(|value| value.parse()).transpose()?;
            found.insert((figure.key, figure.currency_code), value);
        }
        if answer.next_page_token.is_empty() {
            return Ok(found);
        }
        asked.page_token = answer.next_page_token;
    }
}

/// Compares figure by figure.
fn compare(indicator: &'static str, by: &'static str, answered: &Figures, counted: &Figures) -> Recounted {
    let text = |value: Option<&Option<Decimal>>| {
        value.map(|value| value.map(|value| value.normalize().to_string()).unwrap_or_default())
    };
    let keys: BTreeSet<&(String, String)> = answered.keys().chain(counted.keys()).collect();
    let differing: Vec<&(String, String)> =
        keys.into_iter().filter(|&key| answered.get(key) != counted.get(key)).collect();
    let difference = |key: &(String, String)| Difference {
        key: vec![key.0.clone(), key.1.clone()],
        answered: text(answered.get(key)),
        counted: text(counted.get(key)),
    };
    Recounted {
        indicator,
        by,
        figures: counted.len() as u64,
        differing: differing.len() as u64,
        first: differing.into_iter().take(MOST).map(difference).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(all: &[(&str, Option<i64>)]) -> Figures {
        all.iter().map(|(key, value)| (((*key).to_owned(), String::new()), value.map(Decimal::from))).collect()
    }

    #[test]
    fn what_differs_is_told_with_both_sides() {
        let answered = figures(&[("A", Some(1)), ("B", None), ("C", Some(3))]);
        let same = compare("accounts", "TIER", &answered, &answered);
        assert!(same.agrees() && same.figures == 3 && same.first.is_empty());
        let counted = figures(&[("A", Some(2)), ("B", None), ("D", None)]);
        let found = compare("accounts", "TIER", &answered, &counted);
        let told = |key: &str, answered: Option<&str>, counted: Option<&str>| Difference {
            key: vec![key.to_owned(), String::new()],
            answered: answered.map(str::to_owned),
            counted: counted.map(str::to_owned),
        };
        let expected = [told("A", Some("1"), Some("2")), told("C", Some("3"), None), told("D", None, Some(""))];
        assert_eq!((found.differing, found.first.as_slice()), (3, expected.as_slice()));
    }
}
