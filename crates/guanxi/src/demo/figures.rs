//! Waits for kpi to know what the demo brought.

use std::time::Duration;

use guanxi_proto::kpi::v1::indicator_service_client::IndicatorServiceClient;
use guanxi_proto::kpi::v1::{FigureQuestion, WatchIndicatorRequest};
use tonic::transport::Channel;

use super::Loader;
use crate::wording::{Failure, Language};

/// How long kpi may take to follow what was just loaded.
const PATIENCE: Duration = Duration::from_mins(2);

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
}
