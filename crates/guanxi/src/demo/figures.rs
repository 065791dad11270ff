//! What the demo gives kpi: monthly revenue, and a target for the year that is split down the tree.

use std::time::Duration;

use guanxi_proto::client_registry::v1::{Account, Tier};
use guanxi_proto::kpi::v1::indicator_service_client::IndicatorServiceClient;
use guanxi_proto::kpi::v1::target_service_client::TargetServiceClient;
use guanxi_proto::kpi::v1::{
    CreateTargetRequest, DecomposeTargetRequest, FigureQuestion, ImportMeasurementRow, LockTargetRequest, Measurement,
    QueryIndicatorRequest, Target, TargetHistory, WatchIndicatorRequest, decompose_target_request,
};
use time::Date;
use tonic::Code;
use tonic::transport::Channel;

use super::past::{MONTHS, months_before};
use super::random::Random;
use super::{Loader, today};
use crate::import::Measurements;
use crate::wording::{Failure, Language};

/// How long kpi may take to follow what was just loaded.
const PATIENCE: Duration = Duration::from_mins(2);
const INDICATOR: &str = "won-value";
const ROOT: &str = "CN";
const CURRENCY: &str = "CNY";

impl Loader {
    /// Waits until kpi counts so many opportunities.
    pub(super) async fn await_figures(&self, kpi: &Channel, opportunities: usize) -> Result<(), Failure> {
        let indicator_code = "opportunities-opened".to_owned();
        let question = Some(FigureQuestion { indicator_code, ..Default::default() });
        let mut client = IndicatorServiceClient::new(kpi.clone());
        let mut answers = client.watch_indicator(self.ask(WatchIndicatorRequest { question })?).await?.into_inner();
        let counted = async {
            while let Some(answer) = answers.message().await? {
                let count = answer.totals.first().and_then(|total| total.value.parse::<usize>().ok());
                if count.is_some_and(|count| count >= opportunities) {
                    break;
                }
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, counted).await.unwrap_or_else(|_elapsed| {
            let text = "kpi has not counted the demo's opportunities yet: look into its log";
            Err(Failure::new(Language::English, text, text))
        })
    }

    /// Imports what accounts brought in each month, as billing would; months that are there stay as they are. Counts the months of all.
    pub(super) async fn bill(&self, kpi: &Channel, customers: &[(Account, String)]) -> Result<usize, Failure> {
        let today = today();
        let mut rows: Vec<ImportMeasurementRow> = Vec::new();
        for (number, (account, owner)) in (0..).zip(customers) {
            rows.extend(bills(self.seed ^ (number << 20), account, owner, today));
        }
        let count = rows.len();
        let numbered =
            (1..).zip(rows).map(|(row_number, row)| (row_number, ImportMeasurementRow { row_number, ..row }));
        self.import_into::<Measurements>(kpi, numbered).await?;
        Ok(count)
    }

    /// Sets a target for the year, a tenth above what was won in the year before, and splits it over provinces and cities as these won then. One
    /// that is there stays.
    pub(super) async fn aim(&self, kpi: &Channel) -> Result<(), Failure> {
        let year = today().year();
        let won = self.won_in(kpi, year - 1).await?;
        let mut client = TargetServiceClient::new(kpi.clone());
        let target = Target {
            indicator_code: INDICATOR.to_owned(),
            territory_code: ROOT.to_owned(),
            period: year.to_string(),
            currency_code: CURRENCY.to_owned(),
            value: (won / 100_000 * 110_000).max(100_000).to_string(),
            ..Default::default()
        };
        let request_id = self.id(&["target", &target.period]).to_string();
        let message = CreateTargetRequest { target: Some(target), request_id };
        let id = match client.create_target(self.ask(message)?).await {
            Err(status) if status.code() == Code::AlreadyExists => return Ok(()),
            answer => answer?.into_inner().target.unwrap_or_default().id,
        };
        let provinces = self.split(&mut client, &id).await?;
        for province in provinces {
            self.split(&mut client, &province.id).await?;
        }
        let request_id = self.id(&["lock", &id]).to_string();
        client.lock_target(self.ask(LockTargetRequest { id, request_id, ..Default::default() })?).await?;
        Ok(())
    }

    /// What was won in a year, in whole yuan.
    async fn won_in(&self, kpi: &Channel, year: i32) -> Result<i64, Failure> {
        let question = FigureQuestion {
            indicator_code: INDICATOR.to_owned(),
            from_date: format!("{year}-01-01"),
            to_date: format!("{year}-12-31"),
            currency_code: CURRENCY.to_owned(),
            ..Default::default()
        };
        let message = QueryIndicatorRequest { question: Some(question), ..Default::default() };
        let answer = IndicatorServiceClient::new(kpi.clone()).query_indicator(self.ask(message)?).await?.into_inner();
        let whole = |value: &str| value.split('.').next().and_then(|whole| whole.parse().ok());
        Ok(answer.figures.first().and_then(|figure| whole(&figure.value)).unwrap_or_default())
    }

    /// Splits a target over the territories below by what they won a year before; where nobody won anything it stays whole.
    async fn split(&self, client: &mut TargetServiceClient<Channel>, id: &str) -> Result<Vec<Target>, Failure> {
        let message = DecomposeTargetRequest {
            id: id.to_owned(),
            request_id: self.id(&["split", id]).to_string(),
            method: Some(decompose_target_request::Method::History(TargetHistory::default())),
            ..Default::default()
        };
        match client.decompose_target(self.ask(message)?).await {
            Err(status) if status.code() == Code::FailedPrecondition => Ok(Vec::new()),
            answer => Ok(answer?.into_inner().parts),
        }
    }
}

/// What an account brought in each of the last two years' months, on the last day of each: more for a higher tier, and growing.
fn bills(seed: u64, account: &Account, owner: &str, today: Date) -> Vec<ImportMeasurementRow> {
    let mut random = Random::new(seed ^ 0x0062_696C_6C73);
    let base = match account.tier() {
        Tier::A => 60_000,
        Tier::B => 18_000,
        Tier::C | Tier::Unspecified => 3_000,
    };
    let base = base * random.between(60, 140) / 100;
    let mut rows = Vec::new();
    for back in (1..=MONTHS).rev() {
        let Some(day) = months_before(today, back - 1).and_then(Date::previous_day) else { continue };
        let growth = 100 + u64::try_from(MONTHS - back).unwrap_or_default();
        let value = base * growth * random.between(90, 110) / 10_000;
        let measurement = Measurement {
            measure_code: "revenue".to_owned(),
            date: day.to_string(),
            territory_code: account.territory_code.clone(),
            account_id: account.id.clone(),
            tier: account.tier,
            industry_code: account.industry_code.clone(),
            value: value.to_string(),
            currency_code: CURRENCY.to_owned(),
            ..Default::default()
        };
        rows.push(ImportMeasurementRow {
            measurement: Some(measurement.into()),
            manager_employee_number: owner.to_owned(),
            ..Default::default()
        });
    }
    rows
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn an_account_is_billed_at_the_end_of_each_month() {
        let account = Account { id: "a".to_owned(), tier: Tier::A.into(), ..Account::default() };
        let rows = bills(1, &account, "D4403-1", date!(2026 - 03 - 15));
        assert_eq!(rows, bills(1, &account, "D4403-1", date!(2026 - 03 - 15)));
        let days: Vec<String> = rows.iter().map(|row| row.measurement.as_ref().unwrap().date.clone()).collect();
        assert_eq!((days.len(), days[0].as_str(), days[23].as_str()), (24, "2024-03-31", "2026-02-28"));
    }
}
