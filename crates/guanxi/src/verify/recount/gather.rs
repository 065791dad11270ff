//! What the other services list, and what their feeds tell of the moments that lists forget: when an account became one, an opportunity was
//! opened and closed, and whose it was then.

use std::collections::HashMap;
use std::error::Error;

use guanxi_proto::client_registry::v1::account_manager_service_client::AccountManagerServiceClient;
use guanxi_proto::client_registry::v1::account_service_client::AccountServiceClient;
use guanxi_proto::client_registry::v1::assignment_service_client::AssignmentServiceClient;
use guanxi_proto::client_registry::v1::territory_service_client::TerritoryServiceClient;
use guanxi_proto::client_registry::v1::{
    self as registry, AccountChange, AccountManagerState, AccountState, Assignment, AssignmentChange, AssignmentRole,
    AssignmentState, ListAccountManagersRequest, ListAccountsRequest, ListAssignmentsRequest, ListTerritoriesRequest,
    Tier,
};
use guanxi_proto::events::v1::event_feed_service_client::EventFeedServiceClient;
use guanxi_proto::events::v1::{Event, FollowRequest, GetFeedHeadRequest};
use guanxi_proto::opportunity_pipeline::v1::opportunity_service_client::OpportunityServiceClient;
use guanxi_proto::opportunity_pipeline::v1::pipeline_service_client::PipelineServiceClient;
use guanxi_proto::opportunity_pipeline::v1::quote_service_client::QuoteServiceClient;
use guanxi_proto::opportunity_pipeline::v1::{
    ListOpportunitiesRequest, ListPipelinesRequest, ListQuotesRequest, OpportunityChange, OpportunityState, QuoteState,
};
use prost::Message;
use time::{Date, OffsetDateTime, UtcOffset};
use tonic::transport::Channel;

use super::TOKEN_LIFE;
use super::count::{Account, Deal, Moment, Told, Whose};
use crate::cluster::{Target, request};
use crate::service::Service;
use crate::terminal::Step;

type Outcome<T> = Result<T, Box<dyn Error>>;

const PAGE: i32 = 1_000;
/// An event holds a resource twice.
const MAX_EVENT_BYTES: usize = 12 * 1024 * 1024;
const IMPORT: &str = "guanxi.opportunity_pipeline.v1.OpportunityService/ImportOpportunities";

/// All pages of a list.
macro_rules! all {
    ($client:expr, $list:ident, $asked:expr, $rows:ident, $token:expr) => {{
        let mut asked = $asked;
        let mut rows = Vec::new();
        loop {
            let answer = $client.$list(request(asked.clone(), $token)?).await;
            let answer = answer.map_err(|status| format!("{}: {}", stringify!($list), status.message()))?.into_inner();
            rows.extend(answer.$rows);
            if answer.next_page_token.is_empty() {
                break rows;
            }
            asked.page_token = answer.next_page_token;
        }
    }};
}

/// Asks for everything.
pub(super) async fn gather(target: &Target, step: &Step) -> Outcome<Told> {
    let mut told = Told::default();
    step.note("accounts …");
    let channel = target.connect(Service::ClientRegistry).await?;
    of_registry(channel, &target.token(Service::ClientRegistry, TOKEN_LIFE)?, &mut told).await?;
    step.note("opportunities …");
    let channel = target.connect(Service::OpportunityPipeline).await?;
    of_pipeline(channel, &target.token(Service::OpportunityPipeline, TOKEN_LIFE)?, &mut told).await?;
    Ok(told)
}

async fn of_registry(channel: Channel, token: &str, told: &mut Told) -> Outcome<()> {
    let mut territories = TerritoryServiceClient::new(channel.clone());
    let asked = ListTerritoriesRequest { page_size: PAGE, ..ListTerritoriesRequest::default() };
    let territories = all!(territories, list_territories, asked, territories, token);
    told.territories = territories.into_iter().map(|territory| (territory.code, territory.parent_code)).collect();

    let mut managers = AccountManagerServiceClient::new(channel.clone());
    let asked = ListAccountManagersRequest { page_size: PAGE, ..ListAccountManagersRequest::default() };
    let managers = all!(managers, list_account_managers, asked, account_managers, token);
    let in_service = managers.into_iter().filter(|manager| manager.state() == AccountManagerState::InService);
    told.managers_in_service = in_service
        .map(|manager| Whose { territory_code: manager.territory_code, manager_id: manager.id, tier: String::new() })
        .collect();

    let mut assignments = AssignmentServiceClient::new(channel.clone());
    let asked = ListAssignmentsRequest { page_size: PAGE, ..ListAssignmentsRequest::default() };
    let assignments = all!(assignments, list_assignments, asked, assignments, token);
    let primary = |assignment: &Assignment| {
        assignment.role() == AssignmentRole::Primary && assignment.state() == AssignmentState::Open
    };
    let primaries: HashMap<String, String> = assignments
        .into_iter()
        .filter(primary)
        .map(|assignment| (assignment.account_id, assignment.account_manager_id))
        .collect();

    let mut beginnings = Beginnings::default();
    let types = ["guanxi.client_registry.v1.account.*", "guanxi.client_registry.v1.assignment.*"];
    events(channel.clone(), token, &types, |event| beginnings.take(event)).await?;

    let mut accounts = AccountServiceClient::new(channel);
    let asked = ListAccountsRequest { page_size: PAGE, ..ListAccountsRequest::default() };
    let accounts = all!(accounts, list_accounts, asked, accounts, token);
    let there =
        accounts.into_iter().filter(|account| !matches!(account.state(), AccountState::Merged | AccountState::Deleted));
    told.accounts = there
        .map(|account| Account {
            whose: whose(&account, primaries.get(&account.id)),
            assigned: primaries.contains_key(&account.id),
            new: beginnings.new.remove(&account.id).map(|(day, whose, _)| (day, whose)),
        })
        .collect();
    Ok(())
}

async fn of_pipeline(channel: Channel, token: &str, told: &mut Told) -> Outcome<()> {
    let mut pipelines = PipelineServiceClient::new(channel.clone());
    let asked = ListPipelinesRequest { page_size: PAGE, show_deleted: true, ..ListPipelinesRequest::default() };
    for pipeline in all!(pipelines, list_pipelines, asked, pipelines, token) {
        for stage in pipeline.stages {
            told.chances.insert((pipeline.code.clone(), stage.code), stage.probability_percent);
        }
    }

    let mut quotes = QuoteServiceClient::new(channel.clone());
    let asked = ListQuotesRequest { page_size: PAGE, ..ListQuotesRequest::default() };
    let mut waiting: HashMap<String, i64> = HashMap::new();
    for quote in all!(quotes, list_quotes, asked, quotes, token) {
        if quote.state() == QuoteState::Waiting {
            *waiting.entry(quote.opportunity_id).or_default() += 1;
        }
    }

    let mut pasts: HashMap<String, Past> = HashMap::new();
    let types = ["guanxi.opportunity_pipeline.v1.opportunity.*"];
    events(channel.clone(), token, &types, |event| take_opportunity(&mut pasts, event)).await?;

    let mut opportunities = OpportunityServiceClient::new(channel);
    let asked = ListOpportunitiesRequest { page_size: PAGE, ..ListOpportunitiesRequest::default() };
    for deal in all!(opportunities, list_opportunities, asked, opportunities, token) {
        // What the list has and the feed has not is newer than the feed was, and comes when this is counted again.
        let Some(past) = pasts.remove(&deal.id) else { continue };
        let closed = matches!(deal.state(), OpportunityState::Won | OpportunityState::Lost);
        told.deals.push(Deal {
            quotes_waiting: waiting.get(&deal.id).copied().unwrap_or_default(),
            closed: past.closed.filter(|_| closed),
            opened: past.opened,
            now: Moment { deal, tier: past.tier },
        });
    }
    Ok(())
}

/// Hands over all events of some types that there are, oldest first.
async fn events(
    channel: Channel,
    token: &str,
    types: &[&str],
    mut take: impl FnMut(&Event) -> Outcome<()>,
) -> Outcome<()> {
    let mut feed = EventFeedServiceClient::new(channel).max_decoding_message_size(MAX_EVENT_BYTES);
    let failed = |status: tonic::Status| format!("the feed cannot be read: {}", status.message());
    let head = feed.get_feed_head(request(GetFeedHeadRequest {}, token)?).await.map_err(failed)?;
    let newest = head.into_inner().newest_position;
    let types = types.iter().map(|&kind| kind.to_owned()).collect();
    let asked = FollowRequest { after_position: 0, types };
    let mut stream = feed.follow(request(asked, token)?).await.map_err(failed)?.into_inner();
    let mut at = 0;
    while at < newest {
        let answer = stream.message().await.map_err(failed)?.ok_or("the feed ended")?;
        at = answer.checked_position;
        if let Some(event) = &answer.event {
            take(event)?;
        }
    }
    Ok(())
}

/// What an opportunity was at the moments that count.
struct Past {
    opened: Moment,
    closed: Option<Moment>,
    /// Tier of the account as its newest event tells.
    tier: String,
}

fn take_opportunity(pasts: &mut HashMap<String, Past>, event: &Event) -> Outcome<()> {
    let change: OpportunityChange = payload(event)?;
    let tier = tier(change.account_tier());
    let Some(deal) = change.after else { return Ok(()) };
    let (id, state, import) = (deal.id.clone(), deal.state(), event.method == IMPORT);
    let moment = Moment { deal, tier: tier.clone() };
    let past = pasts.entry(id).or_insert_with(|| Past { opened: moment.clone(), closed: None, tier: String::new() });
    past.tier = tier;
    if import {
        past.opened = moment.clone();
        past.closed = None;
    }
    match state {
        // Undeleted, it is what it was.
        OpportunityState::Deleted => {}
        OpportunityState::Won | OpportunityState::Lost => {
            if past.closed.as_ref().is_none_or(|closed| closed.deal.state() != state) {
                past.closed = Some(moment);
            }
        }
        _ => past.closed = None,
    }
    Ok(())
}

/// When accounts became new ones, and whose they were then.
#[derive(Default)]
struct Beginnings {
    /// The day, whose it was, and whether it is that of an activation.
    new: HashMap<String, (Date, Whose, bool)>,
    /// The open PRIMARY of each account at this moment: its id, and the manager's.
    primaries: HashMap<String, (String, String)>,
}

impl Beginnings {
    fn take(&mut self, event: &Event) -> Outcome<()> {
        if event.subject.starts_with("assignment/") {
            let change: AssignmentChange = payload(event)?;
            if let Some(assignment) = change.after.filter(|assignment| assignment.role() == AssignmentRole::Primary) {
                self.take_primary(assignment);
            }
        } else if event.subject.starts_with("account/") {
            let change: AccountChange = payload(event)?;
            if let Some(account) = &change.after {
                self.take_account(account);
            }
        }
        Ok(())
    }

    fn take_primary(&mut self, assignment: Assignment) {
        if assignment.state() == AssignmentState::Open {
            self.primaries.insert(assignment.account_id, (assignment.id, assignment.account_manager_id));
        } else if self.primaries.get(&assignment.account_id).is_some_and(|(id, _)| *id == assignment.id) {
            self.primaries.remove(&assignment.account_id);
        }
    }

    fn take_account(&mut self, account: &registry::Account) {
        let active = account.activate_time.is_some();
        let known = self.new.get(&account.id).map(|(.., active)| *active);
        if known.is_none() || (active && known == Some(false)) {
            let time = account.activate_time.as_ref().or(account.create_time.as_ref());
            let manager = self.primaries.get(&account.id).map(|(_, manager)| manager);
            if let Some(day) = time.and_then(|time| business_day(time.seconds)) {
                self.new.insert(account.id.clone(), (day, whose(account, manager), active));
            }
        }
    }
}

fn whose(account: &registry::Account, manager_id: Option<&String>) -> Whose {
    Whose {
        territory_code: account.territory_code.clone(),
        manager_id: manager_id.cloned().unwrap_or_default(),
        tier: tier(account.tier()),
    }
}

/// The letter of a tier.
fn tier(tier: Tier) -> String {
    tier.as_str_name().strip_prefix("TIER_").filter(|letter| letter.len() == 1).unwrap_or_default().to_owned()
}

/// The day of an instant in Asia/Shanghai.
fn business_day(seconds: i64) -> Option<Date> {
    let shanghai = UtcOffset::from_hms(8, 0, 0).ok()?;
    Some(OffsetDateTime::from_unix_timestamp(seconds).ok()?.to_offset(shanghai).date())
}

fn payload<C: Message + Default>(event: &Event) -> Outcome<C> {
    let packed =
        event.payload.as_ref().ok_or_else(|| format!("the event at position {} has no payload", event.position))?;
    Ok(C::decode(packed.value.as_slice())?)
}
