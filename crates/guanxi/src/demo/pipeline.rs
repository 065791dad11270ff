//! Loads the demo's opportunities into opportunity-pipeline.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use guanxi_proto::opportunity_pipeline::v1::opportunity_service_client::OpportunityServiceClient;
use guanxi_proto::opportunity_pipeline::v1::{CreateOpportunityRequest, ListOpportunitiesRequest, Opportunity};
use time::{Duration, OffsetDateTime};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tonic::Code;
use tonic::transport::Channel;

use super::accounts::Plan;
use super::{CALLS, Loader, managers, opportunities, places};
use crate::wording::{Failure, Language};

/// How often to ask again for what has not reached opportunity-pipeline yet; each try waits for some seconds there.
const TRIES: usize = 20;

impl Loader {
    /// Opens the opportunities that are not there; counts all.
    pub(super) async fn deal(
        &self,
        pipeline: &Channel,
        plans: &[Plan],
        managers: &HashMap<String, String>,
    ) -> Result<usize, Failure> {
        let (wanted, there) = (self.deals(plans, managers).await?, self.dealt(pipeline).await?);
        let count = wanted.len();
        let (permits, mut calls) = (Arc::new(Semaphore::new(CALLS)), JoinSet::new());
        for opportunity in wanted.into_iter().filter(|opportunity| !there.contains(&opportunity.title)) {
            let (loader, pipeline, permits) = (self.clone(), pipeline.clone(), Arc::clone(&permits));
            calls.spawn(async move {
                let _permit = permits.acquire().await;
                loader.open(pipeline, opportunity).await
            });
        }
        while let Some(outcome) = calls.join_next().await {
            outcome.map_err(|error| Failure::new(Language::English, error.to_string(), error.to_string()))??;
        }
        Ok(count)
    }

    /// The opportunities of all accounts, owned by those who look after them.
    async fn deals(&self, plans: &[Plan], managers: &HashMap<String, String>) -> Result<Vec<Opportunity>, Failure> {
        let (known, counties) = (self.known().await?, places::counties());
        let today = OffsetDateTime::now_utc().saturating_add(Duration::hours(8)).date();
        let mut wanted = Vec::new();
        for (number, plan) in (0..).zip(plans) {
            let key = plan.row.account.iter().flat_map(|account| &account.external_ids).next();
            let Some(account) = key.and_then(|key| known.get(&key.value)) else { continue };
            let owner = managers::responsible(&counties, account, plan.tier.as_ref().map(|(tier, ..)| *tier));
            let Some(owner_id) = managers.get(&owner) else { continue };
            wanted.extend(opportunities::of_account(self.seed, number, account, owner_id, today));
        }
        Ok(wanted)
    }

    /// Titles of the demo's opportunities that are there.
    async fn dealt(&self, pipeline: &Channel) -> Result<HashSet<String>, Failure> {
        let message = ListOpportunitiesRequest {
            filter: format!("tags:\"{}\"", opportunities::TAG),
            page_size: 1_000,
            show_deleted: true,
            ..Default::default()
        };
        let answer = OpportunityServiceClient::new(pipeline.clone()).list_opportunities(self.ask(message)?).await?;
        Ok(answer.into_inner().opportunities.into_iter().map(|opportunity| opportunity.title).collect())
    }

    async fn open(&self, pipeline: Channel, opportunity: Opportunity) -> Result<(), Failure> {
        let request_id = self.id(&["opportunity", &opportunity.title]).to_string();
        let message = CreateOpportunityRequest { opportunity: Some(opportunity), request_id };
        let mut client = OpportunityServiceClient::new(pipeline);
        let mut answer = client.create_opportunity(self.ask(message.clone())?).await;
        for _ in 0..TRIES {
            // An owner or an offering that has not arrived is as good as none.
            if !answer.as_ref().is_err_and(|status| status.code() == Code::InvalidArgument) {
                break;
            }
            answer = client.create_opportunity(self.ask(message.clone())?).await;
        }
        Ok(answer.map(drop)?)
    }
}
