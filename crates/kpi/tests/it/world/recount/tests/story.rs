//! A small world, told event by event.

use guanxi_proto::client_registry::v1::{
    Account, AccountChange, AccountManager, AccountManagerChange, AccountManagerState, AccountState, Assignment,
    AssignmentChange, AssignmentRole, AssignmentState, Territory, TerritoryChange, Tier,
};
use guanxi_proto::events::v1::Event;
use guanxi_proto::opportunity_pipeline::v1::{
    Opportunity, OpportunityChange, OpportunityLine, OpportunityState, Pipeline, PipelineChange, Quote, QuoteChange,
    QuoteState, Stage,
};
use guanxi_proto::r#type::v1::Money;
use prost::Name;
use prost_types::{Any, Timestamp};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::World;

const WIN: &str = "WinOpportunity";
const IMPORT: &str = "ImportOpportunities";

/// A moment of 2026: month, day and time in UTC.
fn at(moment: &str) -> Timestamp {
    let moment = if moment.contains('T') { format!("2026-{moment}:00Z") } else { format!("2026-{moment}T04:00:00Z") };
    Timestamp { seconds: OffsetDateTime::parse(&moment, &Rfc3339).unwrap().unix_timestamp(), nanos: 0 }
}

fn tell(feed: &mut Vec<Event>, moment: &str, subject: &str, method: &str, change: &impl Name) {
    let position = i64::try_from(feed.len()).unwrap() + 1;
    let (payload, time) = (Any::from_msg(change).unwrap(), Some(at(moment)));
    let (subject, method) = (subject.to_owned(), format!("guanxi.some.v1.Service/{method}"));
    feed.push(Event { position, subject, method, time, payload: Some(payload), ..Event::default() });
}

/// What happens from January to March 2026. The tests say it in words beside the figures.
pub(super) fn world() -> World {
    World { registry: registry(), catalog: Vec::new(), pipeline: pipeline() }
}

fn registry() -> Vec<Event> {
    let mut feed = Vec::new();
    for (code, parent) in [("CN", ""), ("P1", "CN"), ("P2", "CN"), ("C1", "P1"), ("C2", "P1")] {
        territory(&mut feed, "01-01", code, None, parent);
    }
    for (id, code) in [("M1", "C1"), ("M2", "P2")] {
        manager(&mut feed, "01-02", id, code, AccountManagerState::InService);
    }
    let prospect = Account {
        id: "A1".to_owned(),
        territory_code: "C1".to_owned(),
        industry_code: "J66".to_owned(),
        state: AccountState::Prospect.into(),
        create_time: Some(at("01-05T16:30")),
        ..Account::default()
    };
    account(&mut feed, "01-05T16:30", &prospect);
    assignment(&mut feed, "01-20", "A1", "M1");
    let active = Account { state: AccountState::Active.into(), activate_time: Some(at("02-01")), ..prospect };
    account(&mut feed, "02-01", &active);
    let second = Account {
        id: "A2".to_owned(),
        territory_code: "P2".to_owned(),
        create_time: Some(at("02-10")),
        activate_time: Some(at("02-10")),
        ..active.clone()
    };
    account(&mut feed, "02-10", &second);
    account(&mut feed, "03-01", &Account { tier: Tier::A.into(), ..active });
    manager(&mut feed, "03-10", "M2", "P2", AccountManagerState::Departed);
    account(&mut feed, "03-15", &Account { state: AccountState::Deleted.into(), ..second });
    territory(&mut feed, "03-20", "C1", Some("P1"), "P2");
    feed
}

fn territory(feed: &mut Vec<Event>, moment: &str, code: &str, before: Option<&str>, after: &str) {
    let lies =
        |parent: &str| Territory { code: code.to_owned(), parent_code: parent.to_owned(), ..Territory::default() };
    let change = TerritoryChange { before: before.map(lies), after: Some(lies(after)) };
    tell(feed, moment, &format!("territory/{code}"), "Any", &change);
}

fn manager(feed: &mut Vec<Event>, moment: &str, id: &str, territory: &str, state: AccountManagerState) {
    let after = AccountManager {
        id: id.to_owned(),
        territory_code: territory.to_owned(),
        state: state.into(),
        ..AccountManager::default()
    };
    let change = AccountManagerChange { after: Some(after), ..AccountManagerChange::default() };
    tell(feed, moment, &format!("account_manager/{id}"), "Any", &change);
}

fn account(feed: &mut Vec<Event>, moment: &str, account: &Account) {
    let change = AccountChange { after: Some(account.clone()), ..AccountChange::default() };
    tell(feed, moment, &format!("account/{}", account.id), "Any", &change);
}

fn assignment(feed: &mut Vec<Event>, moment: &str, account: &str, manager: &str) {
    let after = Assignment {
        account_id: account.to_owned(),
        account_manager_id: manager.to_owned(),
        role: AssignmentRole::Primary.into(),
        state: AssignmentState::Open.into(),
        ..Assignment::default()
    };
    tell(feed, moment, "assignment/1", "Any", &AssignmentChange { after: Some(after), ..AssignmentChange::default() });
}

fn pipeline() -> Vec<Event> {
    let mut feed = Vec::new();
    chances(&mut feed, "01-01", 10);
    let d1 = deal("D1", "C1", "2026-01-10", "100", "CNY");
    let line = |code: &str, list: &str| OpportunityLine {
        offering_code: code.to_owned(),
        list_amount: Some(money(list, "CNY")),
        ..OpportunityLine::default()
    };
    let d1 = Opportunity { lines: vec![line("X", "1"), line("Y", "2")], list_amount: Some(money("3", "CNY")), ..d1 };
    told(&mut feed, "01-10", None, &d1, "Create");
    let d5 = deal("D5", "NOWHERE", "2026-02-01", "1000000", "CNY");
    told(&mut feed, "02-01", None, &d5, "Create");
    let d6 = Opportunity { probability_percent: Some(90), ..deal("D6", "CN", "2026-02-03", "7", "CNY") };
    told(&mut feed, "02-03", None, &d6, "Create");
    let deep = Opportunity { stage_code: "DEEP".to_owned(), ..d1.clone() };
    told(&mut feed, "02-05", Some(&d1), &deep, "Advance");
    let won = Opportunity { value: Some(money("80", "CNY")), ..closed(&deep, OpportunityState::Won, "2026-02-20") };
    told(&mut feed, "02-20", Some(&deep), &won, WIN);
    let lost = closed(&d6, OpportunityState::Lost, "2026-02-28");
    told(&mut feed, "02-28", Some(&d6), &lost, "Lose");
    let delivered = Opportunity {
        owner_id: "M2".to_owned(),
        territory_code: "P2".to_owned(),
        value: Some(money("85", "CNY")),
        ..won.clone()
    };
    told(&mut feed, "03-01", Some(&won), &delivered, "Reassign");
    told(&mut feed, "03-01", None, &deal("D7", "CN", "2026-03-01", "40", "CNY"), "Create");
    let d8 = deal("D8", "P1", "2026-03-02", "3", "CNY");
    told(&mut feed, "03-02", None, &d8, "Create");
    told(&mut feed, "03-03", Some(&lost), &d6, "Reopen");
    quote(&mut feed, "03-04");
    let d8_won = closed(&d8, OpportunityState::Won, "2026-03-04");
    told(&mut feed, "03-04", Some(&d8), &d8_won, WIN);
    chances(&mut feed, "03-05", 20);
    let deleted = |deal: &Opportunity| Opportunity { state: OpportunityState::Deleted.into(), ..deal.clone() };
    told(&mut feed, "03-06", Some(&d6), &deleted(&d6), "Delete");
    told(&mut feed, "03-07", Some(&d8_won), &deleted(&d8_won), "Delete");
    of_tier(&mut feed, "03-08", (Some(&deleted(&d6)), &d6), "Undelete", Tier::B);
    imports(&mut feed);
    feed
}

/// What another system tells of the past.
fn imports(feed: &mut Vec<Event>) {
    told(feed, "03-20", None, &deal("D2", "P2", "2025-12-15", "1000", "USD"), IMPORT);
    let d3 = deal("D3", "P1", "", "500", "CNY");
    told(feed, "03-20", None, &d3, IMPORT);
    let d4 = closed(&deal("D4", "P1", "2026-01-01", "50", "CNY"), OpportunityState::Lost, "2026-02-01");
    told(feed, "03-20", None, &d4, IMPORT);
    let deep = Opportunity { stage_code: "DEEP".to_owned(), ..d3.clone() };
    told(feed, "03-25", Some(&d3), &deep, "Advance");
    let corrected = Opportunity { close_date: "2026-03-02".to_owned(), ..d4.clone() };
    told(feed, "03-28", Some(&d4), &corrected, IMPORT);
}

/// Three deals that other systems told of, and what became of them: R1 was won and is reopened, R2 the same without a day of opening, R3 is open
/// without one while the chances of its stage change.
pub(super) fn reopened() -> World {
    let mut feed = Vec::new();
    chances(&mut feed, "01-01", 10);
    for (id, open_date) in [("R1", "2026-01-10"), ("R2", "")] {
        let won = closed(&deal(id, "CN", open_date, "10", "CNY"), OpportunityState::Won, "2026-02-10");
        told(&mut feed, "03-01", None, &won, IMPORT);
        told(&mut feed, "03-10", Some(&won), &deal(id, "CN", open_date, "10", "CNY"), "Reopen");
    }
    told(&mut feed, "03-01", None, &deal("R3", "CN", "", "100", "CNY"), IMPORT);
    chances(&mut feed, "03-15", 30);
    World { registry: registry(), catalog: Vec::new(), pipeline: feed }
}

/// The standard pipeline, with the chance of its first stage.
fn chances(feed: &mut Vec<Event>, moment: &str, first: i32) {
    let stage = |(code, probability_percent): (&str, i32)| Stage {
        code: code.to_owned(),
        probability_percent,
        ..Stage::default()
    };
    let stages = [("NEW", first), ("DEEP", 50), ("WON", 100), ("LOST", 0)].map(stage).to_vec();
    let after = Pipeline { code: "STANDARD".to_owned(), stages, ..Pipeline::default() };
    tell(feed, moment, "pipeline/1", "Any", &PipelineChange { before: None, after: Some(after) });
}

fn money(amount: &str, currency_code: &str) -> Money {
    Money { amount: amount.to_owned(), currency_code: currency_code.to_owned() }
}

fn deal(id: &str, territory: &str, open_date: &str, value: &str, currency: &str) -> Opportunity {
    Opportunity {
        id: id.to_owned(),
        pipeline_code: "STANDARD".to_owned(),
        stage_code: "NEW".to_owned(),
        state: OpportunityState::Open.into(),
        owner_id: "M1".to_owned(),
        territory_code: territory.to_owned(),
        value: Some(money(value, currency)),
        open_date: open_date.to_owned(),
        ..Opportunity::default()
    }
}

fn closed(deal: &Opportunity, state: OpportunityState, day: &str) -> Opportunity {
    let stage_code = if state == OpportunityState::Won { "WON" } else { "LOST" }.to_owned();
    Opportunity { state: state.into(), stage_code, close_date: day.to_owned(), ..deal.clone() }
}

fn told(feed: &mut Vec<Event>, moment: &str, before: Option<&Opportunity>, after: &Opportunity, method: &str) {
    of_tier(feed, moment, (before, after), method, Tier::Unspecified);
}

fn of_tier(
    feed: &mut Vec<Event>,
    moment: &str,
    (before, after): (Option<&Opportunity>, &Opportunity),
    method: &str,
    tier: Tier,
) {
    let change = OpportunityChange {
        before: before.cloned(),
        after: Some(after.clone()),
        account_tier: tier.into(),
        ..OpportunityChange::default()
    };
    tell(feed, moment, &format!("opportunity/{}", after.id), method, &change);
}

fn quote(feed: &mut Vec<Event>, moment: &str) {
    let after = Quote { opportunity_id: "D6".to_owned(), state: QuoteState::Waiting.into(), ..Quote::default() };
    tell(feed, moment, "quote/1", "Any", &QuoteChange { before: None, after: Some(after) });
}
