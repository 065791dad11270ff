//! Believable data for a cluster to try things with, made up from a seed and loaded through the API that everybody uses.

mod accounts;
mod catalog;
mod figures;
mod managers;
mod offerings;
mod opportunities;
mod past;
mod pipeline;
mod places;
mod random;
mod trades;

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use guanxi_proto::client_registry::v1::account_manager_service_client::AccountManagerServiceClient;
use guanxi_proto::client_registry::v1::account_service_client::AccountServiceClient;
use guanxi_proto::client_registry::v1::assignment_service_client::AssignmentServiceClient;
use guanxi_proto::client_registry::v1::{
    Account, AccountState, ActivateAccountRequest, AssignmentRole, CloseAssignmentRequest, CreateAccountManagerRequest,
    ExportAccountsRequest, GetAccountManagerRequest, ImportTerritoryRow, OpenAssignmentRequest, SetAccountTierRequest,
    Tier, get_account_manager_request,
};
use guanxi_proto::imports::v1::ImportMode;
use indicatif::ProgressBar;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tonic::Code;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::cluster::{self, Place};
use crate::import::{Accounts, Courier, Item, Noun, Tally, Territories, request};
use crate::service::Service;
use crate::terminal::Step;
use crate::wording::{Failure, Language};
use accounts::{Plan, SYSTEM};

/// Calls at once.
const CALLS: usize = 8;
const BATCH: usize = 500;
/// Of so many customers one has lost its manager.
const ONE_VACANT_IN: usize = 20;

/// Loads the data of a seed. What is there already stays as it is, so loading twice does no harm.
pub(crate) async fn load(place: &Place, token: &str, seed: u64) -> Result<(), Box<dyn Error>> {
    let step = Step::begin("Demo data");
    let connect = async |service| cluster::connect(&place.endpoint(service)).await;
    let loader = Loader { channel: connect(Service::ClientRegistry).await?, token: Arc::from(token), seed };
    let territories = places::territories();
    step.note(&format!("{} territories", territories.len()));
    let rows = territories
        .into_iter()
        .zip(1..)
        .map(|(territory, number)| ImportTerritoryRow { row_number: number, territory: Some(Box::new(territory)) });
    loader.import::<Territories>(rows.map(|row| (row.row_number, row))).await?;
    let plans = accounts::plans(seed);
    step.note(&format!("{} accounts", plans.len()));
    loader.import::<Accounts>(plans.iter().map(|plan| (plan.row.row_number, plan.row.clone()))).await?;
    step.note("account managers");
    let managers = loader.staff().await?;
    step.note("tiers, assignments and states");
    let (tiers, states) = loader.settle(&plans, &managers).await?;
    step.note("offerings and prices");
    let offerings = loader.sell(&connect(Service::ProductCatalog).await?).await?;
    step.note("opportunities");
    let pipeline = connect(Service::OpportunityPipeline).await?;
    let opportunities = loader.deal(&pipeline, &plans, &managers).await?;
    step.note("two years of deals that are over");
    let closed = loader.remember(&pipeline, &plans).await?;
    step.note("figures");
    let kpi = connect(Service::Kpi).await?;
    loader.await_figures(&kpi, opportunities + closed).await?;
    step.note("revenue and targets");
    let bills = loader.bill(&kpi, &loader.customers(&plans).await?).await?;
    loader.aim(&kpi).await?;
    let (accounts, managers) = (plans.len(), managers.len());
    step.done(&format!(
        "of seed {seed} is there: {managers} managers, {accounts} accounts, {tiers} tiers set, {states} activated, \
         {offerings} offerings, {opportunities} opportunities, {closed} of the two years before, {bills} monthly bills, a target for the year"
    ));
    Ok(())
}

/// Who looks after an account, since when, and until when (empty for today) where nobody does any more.
struct Care {
    manager_id: String,
    start_date: String,
    lost: Option<&'static str>,
}

/// A cluster that is filled.
#[derive(Clone)]
struct Loader {
    channel: Channel,
    token: Arc<str>,
    seed: u64,
}

impl Loader {
    /// Imports rows; those that exist stay as they are.
    async fn import<N: Noun>(&self, rows: impl Iterator<Item = (i64, N::Row)>) -> Result<(), Failure> {
        self.import_into::<N>(&self.channel, rows).await
    }

    /// The same into another service.
    async fn import_into<N: Noun>(
        &self,
        channel: &Channel,
        rows: impl Iterator<Item = (i64, N::Row)>,
    ) -> Result<(), Failure> {
        let courier = Courier {
            channel: channel.clone(),
            token: &|| Ok(self.token.to_string()),
            import_id: self.id(&[N::NAME]),
            mode: ImportMode::InsertOnly,
            dry_run: false,
            batch: BATCH,
            patience: Duration::from_secs(30),
            language: Language::English,
            bar: ProgressBar::hidden(),
        };
        let mut items = rows.map(|(number, row)| Ok(Item { number, line: 0, row, broken: Vec::new() }));
        let mut tally = Tally::default();
        courier.pass::<N>(&mut items, &mut |items, progress| tally.add::<N>(items, progress, false)).await?;
        let violations = tally.rejected.values().flat_map(|rejected| &rejected.violations);
        match violations.into_iter().find(|violation| violation.reason != "RESOURCE_EXISTS") {
            Some(violation) => {
                let text = format!("the demo's {} does not fit: {}: {}", N::NAME, violation.field, violation.message);
                Err(Failure::new(Language::English, text.clone(), text))
            }
            None => Ok(()),
        }
    }

    /// Makes the managers that are not there; gives the ids of all by employee number.
    async fn staff(&self) -> Result<HashMap<String, String>, Failure> {
        let mut client = AccountManagerServiceClient::new(self.channel.clone());
        let mut ids = HashMap::new();
        for manager in managers::managers(self.seed) {
            let number = manager.employee_number.clone();
            let request_id = self.id(&["manager", &number]).to_string();
            let message = CreateAccountManagerRequest { account_manager: Some(manager), request_id };
            let answer = client.create_account_manager(request(message, &self.token, Language::English)?).await;
            let found = match answer {
                Err(status) if status.code() == Code::AlreadyExists => {
                    let key = Some(get_account_manager_request::Key::EmployeeNumber(number.clone()));
                    let message = request(GetAccountManagerRequest { key }, &self.token, Language::English)?;
                    client.get_account_manager(message).await?.into_inner().account_manager
                }
                answer => answer?.into_inner().account_manager,
            };
            ids.extend(found.map(|manager| (number, manager.id)));
        }
        Ok(ids)
    }

    /// Gives the accounts that were just made their tiers, managers and states; counts tiers and states.
    async fn settle(&self, plans: &[Plan], managers: &HashMap<String, String>) -> Result<(usize, usize), Failure> {
        let (known, counties) = (self.known().await?, places::counties());
        let (permits, mut calls) = (Arc::new(Semaphore::new(CALLS)), JoinSet::new());
        let (mut tiers, mut states) = (0, 0);
        for (number, plan) in plans.iter().enumerate() {
            let key = plan.row.account.iter().flat_map(|account| &account.external_ids).next();
            let Some(account) = key.and_then(|key| known.get(&key.value)) else { continue };
            let tier = plan.tier.clone().filter(|_| account.tier() == Tier::Unspecified);
            let active = plan.active && account.state() == AccountState::Prospect;
            let of = managers::responsible(&counties, account, plan.tier.as_ref().map(|(tier, ..)| *tier));
            let care = managers.get(&of).filter(|_| active).map(|manager_id| Care {
                manager_id: manager_id.clone(),
                start_date: format!("2025-{:02}-{:02}", number % 12 + 1, number % 28 + 1),
                lost: (number % ONE_VACANT_IN == 0).then_some(if number % 40 == 0 { "2026-01-15" } else { "" }),
            });
            (tiers, states) = (tiers + usize::from(tier.is_some()), states + usize::from(care.is_some()));
            let (loader, id, permits) = (self.clone(), account.id.clone(), Arc::clone(&permits));
            calls.spawn(async move {
                let _permit = permits.acquire().await;
                loader.finish(id, tier, care).await
            });
        }
        while let Some(outcome) = calls.join_next().await {
            outcome.map_err(|error| Failure::new(Language::English, error.to_string(), error.to_string()))??;
        }
        Ok((tiers, states))
    }

    async fn finish(
        &self,
        id: String,
        tier: Option<(Tier, String, &'static str)>,
        care: Option<Care>,
    ) -> Result<(), Failure> {
        let mut client = AccountServiceClient::new(self.channel.clone());
        if let Some((tier, start_date, reason)) = tier {
            let request_id = self.id(&["tier", &id]).to_string();
            let message = SetAccountTierRequest {
                id: id.clone(),
                tier: tier.into(),
                reason: reason.to_owned(),
                start_date,
                etag: String::new(),
                request_id,
            };
            client.set_account_tier(request(message, &self.token, Language::English)?).await?;
        }
        let Some(care) = care else { return Ok(()) };
        let mut assignments = AssignmentServiceClient::new(self.channel.clone());
        let message = OpenAssignmentRequest {
            account_id: id.clone(),
            account_manager_id: care.manager_id,
            role: AssignmentRole::Primary.into(),
            start_date: care.start_date,
            reason: "划分包保".to_owned(),
            exception_reason: String::new(),
            request_id: self.id(&["assign", &id]).to_string(),
        };
        let opened = assignments.open_assignment(request(message, &self.token, Language::English)?).await?.into_inner();
        let request_id = self.id(&["activate", &id]).to_string();
        let message = ActivateAccountRequest { id: id.clone(), etag: String::new(), request_id };
        client.activate_account(request(message, &self.token, Language::English)?).await?;
        if let Some((end_date, assignment)) = care.lost.zip(opened.assignment) {
            let message = CloseAssignmentRequest {
                id: assignment.id,
                reason: "客户经理调岗".to_owned(),
                end_date: end_date.to_owned(),
                etag: String::new(),
                request_id: self.id(&["close", &id]).to_string(),
            };
            assignments.close_assignment(request(message, &self.token, Language::English)?).await?;
        }
        Ok(())
    }

    /// The accounts of the demo that are there, by their id in it.
    async fn known(&self) -> Result<HashMap<String, Account>, Failure> {
        let message = ExportAccountsRequest { filter: format!("source = \"{SYSTEM}\""), ..Default::default() };
        let mut client = AccountServiceClient::new(self.channel.clone());
        let mut stream = client.export_accounts(request(message, &self.token, Language::English)?).await?.into_inner();
        let mut known = HashMap::new();
        while let Some(batch) = stream.message().await? {
            for account in batch.accounts {
                let key = account.external_ids.iter().find(|id| id.system == SYSTEM).map(|id| id.value.clone());
                known.extend(key.map(|key| (key, account)));
            }
        }
        Ok(known)
    }

    fn ask<T>(&self, message: T) -> Result<tonic::Request<T>, Failure> {
        request(message, &self.token, Language::English)
    }

    /// An id that follows from the seed (a UUID of version 8, RFC 9562): what is asked for again is the same request.
    fn id(&self, parts: &[&str]) -> Uuid {
        let digest =
            parts.iter().fold(Sha256::new_with_prefix(format!("guanxi demo {}", self.seed)), |digest, part| {
                digest.chain_update([0]).chain_update(part)
            });
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.finalize()[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}

/// The business day of Asia/Shanghai.
fn today() -> time::Date {
    time::OffsetDateTime::now_utc().saturating_add(time::Duration::hours(8)).date()
}
