//! Loads the demo's opportunities into opportunity-pipeline.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use guanxi_proto::client_registry::v1::Account;
use guanxi_proto::opportunity_pipeline::v1::opportunity_service_client::OpportunityServiceClient;
use guanxi_proto::opportunity_pipeline::v1::{
    CreateOpportunityRequest, ListOpportunitiesRequest, LoseOpportunityRequest, SuspendOpportunityRequest,
};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tonic::Code;
use tonic::transport::Channel;

use super::accounts::Plan;
use super::opportunities::{Deal, Fate};
use super::{CALLS, Loader, managers, opportunities, past, places, today};
use crate::import::Opportunities;
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
        for deal in wanted.into_iter().filter(|deal| !there.contains(&deal.opportunity.title)) {
            let (loader, pipeline, permits) = (self.clone(), pipeline.clone(), Arc::clone(&permits));
            calls.spawn(async move {
                let _permit = permits.acquire().await;
                loader.open(OpportunityServiceClient::new(pipeline), deal).await
            });
        }
        while let Some(outcome) = calls.join_next().await {
            outcome.map_err(|error| Failure::new(Language::English, error.to_string(), error.to_string()))??;
        }
        Ok(count)
    }

    /// The deals of all accounts, owned by those who look after them.
    async fn deals(&self, plans: &[Plan], managers: &HashMap<String, String>) -> Result<Vec<Deal>, Failure> {
        let mut wanted = Vec::new();
        for (number, (account, owner)) in (0..).zip(self.customers(plans).await?) {
            let Some(owner_id) = managers.get(&owner) else { continue };
            wanted.extend(opportunities::of_account(self.seed, number, &account, owner_id, today()));
        }
        Ok(wanted)
    }

    /// Imports the closed deals of the two years before, those that are there excepted; counts all.
    pub(super) async fn remember(&self, pipeline: &Channel, plans: &[Plan]) -> Result<usize, Failure> {
        let mut rows = Vec::new();
        for (number, (account, owner)) in (0..).zip(self.customers(plans).await?) {
            let first = i64::try_from(rows.len()).unwrap_or_default() + 1;
            rows.extend(past::of_account(self.seed, (number, first), &account, &owner, today()));
        }
        let count = rows.len();
        self.import_into::<Opportunities>(pipeline, rows.into_iter().map(|row| (row.row_number, row))).await?;
        Ok(count)
    }

    /// The accounts of the demo, each with the employee number of who looks after it.
    pub(super) async fn customers(&self, plans: &[Plan]) -> Result<Vec<(Account, String)>, Failure> {
        let (mut known, counties) = (self.known().await?, places::counties());
        let mut customers = Vec::new();
        for plan in plans {
            let key = plan.row.account.iter().flat_map(|account| &account.external_ids).next();
            let Some(account) = key.and_then(|key| known.remove(&key.value)) else { continue };
            let owner = managers::responsible(&counties, &account, plan.tier.as_ref().map(|(tier, ..)| *tier));
            customers.push((account, owner));
        }
        Ok(customers)
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

    async fn open(&self, mut client: OpportunityServiceClient<Channel>, deal: Deal) -> Result<(), Failure> {
        let request_id = self.id(&["opportunity", &deal.opportunity.title]).to_string();
        let message = CreateOpportunityRequest { opportunity: Some(deal.opportunity), request_id };
        let mut answer = client.create_opportunity(self.ask(message.clone())?).await;
        for _ in 0..TRIES {
            // An owner or an offering that has not arrived is as good as none.
            if !answer.as_ref().is_err_and(|status| status.code() == Code::InvalidArgument) {
                break;
            }
            answer = client.create_opportunity(self.ask(message.clone())?).await;
        }
        let id = answer?.into_inner().opportunity.unwrap_or_default().id;
        self.settle_deal(client, id, deal.fate).await
    }

    async fn settle_deal(
        &self,
        mut client: OpportunityServiceClient<Channel>,
        id: String,
        fate: Fate,
    ) -> Result<(), Failure> {
        let request_id = self.id(&["fate", &id]).to_string();
        match fate {
            Fate::Open => {}
            Fate::Lost(close_reason, reason) => {
                let (reason, close_reason) = (reason.to_owned(), close_reason.into());
                let message = LoseOpportunityRequest { id, close_reason, reason, request_id, ..Default::default() };
                client.lose_opportunity(self.ask(message)?).await?;
            }
            Fate::Suspended(reason, until) => {
                let (reason, suspend_until_date) = (reason.to_owned(), until.to_string());
                let message =
                    SuspendOpportunityRequest { id, reason, suspend_until_date, request_id, ..Default::default() };
                client.suspend_opportunity(self.ask(message)?).await?;
            }
        }
        Ok(())
    }
}
