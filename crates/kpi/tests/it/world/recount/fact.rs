//! What counts, one by one, as `docs/decisions/0017-what-a-figure-counts.md` says.

use guanxi_proto::client_registry::v1::{
    Account, AccountChange, AccountManagerState, AccountState, AssignmentChange, AssignmentRole, AssignmentState, Tier,
};
use guanxi_proto::opportunity_pipeline::v1::{Opportunity, OpportunityChange, OpportunityState, QuoteState};
use guanxi_proto::r#type::v1::Money;
use rust_decimal::Decimal;
use time::Date;
use time::macros::format_description;

use super::history::{Histories, Told, day, latest};

/// Something that counts, and what it is attributed to; empty where that is unknown.
#[derive(Clone, Debug, Default)]
pub(super) struct Fact {
    pub(super) territory: String,
    pub(super) manager: String,
    pub(super) account: String,
    pub(super) stage: String,
    pub(super) tier: String,
    pub(super) industry: String,
    /// The offerings with their list amounts.
    pub(super) lines: Vec<(String, Option<Decimal>)>,
    pub(super) currency: String,
    pub(super) amount: Decimal,
}

/// What was held since a day, `None` for nothing; an unknown day is one that no range has.
type Entry = (Option<Date>, Option<Fact>);

/// Which days are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Span {
    /// All of them, and what has no day.
    Everything,
    /// Only what has no day.
    Undated,
    /// From a day to a day, both included; what has no day lies in none.
    Between(Option<Date>, Option<Date>),
}

/// All that ever counted in a measure.
pub(super) enum Course {
    /// Each on its day.
    Flow(Vec<(Option<Date>, Fact)>),
    /// What each resource was since when.
    Stock(Vec<Vec<Entry>>),
}

impl Course {
    pub(super) fn of(histories: &Histories, measure: &str) -> Self {
        match measure {
            "accounts" | "assigned_accounts" => Self::Stock(accounts(histories, measure)),
            "new_accounts" => Self::Flow(new_accounts(histories)),
            "managers_in_service" => Self::Stock(managers(histories)),
            "pipeline_count" | "pipeline_value" | "weighted_pipeline_value" => {
                let deals = histories.opportunities.values();
                Self::Stock(deals.map(|events| pipeline(histories, events, measure)).collect())
            }
            "quotes_waiting" => Self::Stock(quotes(histories)),
            _ => {
                let deals = histories.opportunities.values();
                Self::Flow(deals.filter_map(|events| closed_or_opened(events, measure)).collect())
            }
        }
    }

    /// What counts in a span.
    pub(super) fn within<'a>(&'a self, span: Span) -> Vec<&'a Fact> {
        match self {
            Self::Flow(facts) => facts.iter().filter(|(date, _)| contains(span, *date)).map(|(_, fact)| fact).collect(),
            // A stock has no beginning: what was there before the first day is there on the last.
            Self::Stock(resources) => {
                let since_ever = match span {
                    Span::Between(_, to) => Span::Between(None, to),
                    other => other,
                };
                let held = |entries: &'a Vec<Entry>| entries.iter().rfind(|(date, _)| contains(since_ever, *date));
                resources.iter().filter_map(held).filter_map(|(_, fact)| fact.as_ref()).collect()
            }
        }
    }

    /// Every day on which something happened.
    pub(super) fn days(&self) -> Vec<Date> {
        match self {
            Self::Flow(facts) => facts.iter().filter_map(|(date, _)| *date).collect(),
            Self::Stock(resources) => resources.iter().flatten().filter_map(|(date, _)| *date).collect(),
        }
    }
}

fn contains(span: Span, date: Option<Date>) -> bool {
    match (span, date) {
        (Span::Everything, _) | (Span::Undated, None) => true,
        (Span::Undated, Some(_)) | (Span::Between(..), None) => false,
        (Span::Between(from, to), Some(date)) => from.is_none_or(|from| from <= date) && to.is_none_or(|to| date <= to),
    }
}

/// After each event of an account or of one of its assignments: what the account counts for.
fn accounts(histories: &Histories, measure: &str) -> Vec<Vec<Entry>> {
    let mut resources = Vec::new();
    for (id, events) in &histories.accounts {
        let assignments = assignments(histories, id);
        let mut moments: Vec<(i64, Date)> = events.iter().map(|told| (told.position, told.day)).collect();
        moments.extend(assignments.iter().flat_map(|events| events.iter()).map(|told| (told.position, told.day)));
        moments.sort_unstable();
        let entry = |(position, day): (i64, Date)| {
            let account = latest(events, position)?.change.after.as_ref().unwrap();
            let manager = primary(&assignments, position);
            let there = !matches!(account.state(), AccountState::Deleted | AccountState::Merged);
            let counts = there && (measure == "accounts" || manager.is_some());
            Some((Some(day), counts.then(|| account_fact(account, manager))))
        };
        resources.push(moments.into_iter().filter_map(entry).collect());
    }
    resources
}

/// The assignments of an account, each with its events.
fn assignments<'h>(histories: &'h Histories, account_id: &str) -> Vec<&'h Vec<Told<AssignmentChange>>> {
    let of_account =
        |events: &&Vec<Told<AssignmentChange>>| events[0].change.after.as_ref().unwrap().account_id == account_id;
    histories.assignments.values().filter(of_account).collect()
}

/// The manager of the open PRIMARY among assignments, right after a position.
fn primary(assignments: &[&Vec<Told<AssignmentChange>>], position: i64) -> Option<String> {
    let now = assignments.iter().filter_map(|events| latest(events, position));
    let open = now
        .map(|told| told.change.after.as_ref().unwrap())
        .find(|after| after.role() == AssignmentRole::Primary && after.state() == AssignmentState::Open);
    open.map(|assignment| assignment.account_manager_id.clone())
}

fn account_fact(account: &Account, manager: Option<String>) -> Fact {
    Fact {
        account: account.id.clone(),
        manager: manager.unwrap_or_default(),
        territory: account.territory_code.clone(),
        tier: tier(account.tier()),
        industry: account.industry_code.clone(),
        amount: Decimal::ONE,
        ..Fact::default()
    }
}

/// Each account once: where it became ACTIVE first, else where it was created.
fn new_accounts(histories: &Histories) -> Vec<(Option<Date>, Fact)> {
    let mut facts = Vec::new();
    for (id, events) in &histories.accounts {
        let after = |told: &Told<AccountChange>| told.change.after.clone().unwrap();
        if matches!(after(events.last().unwrap()).state(), AccountState::Deleted | AccountState::Merged) {
            continue;
        }
        let told = events.iter().find(|told| after(told).activate_time.is_some()).unwrap_or(&events[0]);
        let account = after(told);
        let time = account.activate_time.as_ref().or(account.create_time.as_ref()).unwrap();
        let manager = primary(&assignments(histories, id), told.position);
        facts.push((Some(day(time)), account_fact(&account, manager)));
    }
    facts
}

fn managers(histories: &Histories) -> Vec<Vec<Entry>> {
    let entries = histories.managers.values().map(|events| {
        let entry = |told: &Told<_>| {
            let change: &guanxi_proto::client_registry::v1::AccountManagerChange = &told.change;
            let manager = change.after.as_ref().unwrap();
            let counts = manager.state() == AccountManagerState::InService;
            let fact = || Fact {
                territory: manager.territory_code.clone(),
                manager: manager.id.clone(),
                amount: Decimal::ONE,
                ..Fact::default()
            };
            (Some(told.day), counts.then(fact))
        };
        events.iter().map(entry).collect()
    });
    entries.collect()
}

/// What an event says that counts of its opportunity from then on: the last one that told the past, else the creation.
fn beginning(events: &[Told<OpportunityChange>]) -> usize {
    events.iter().rposition(|told| told.imported).unwrap_or(0)
}

/// After each event of an opportunity, or of its pipeline: what it counts for.
fn pipeline(histories: &Histories, events: &[Told<OpportunityChange>], measure: &str) -> Vec<Entry> {
    let first = &events[beginning(events)];
    let told = first.change.after.as_ref().unwrap();
    let (open_date, close_date) = (date(&told.open_date), date(&told.close_date));
    let closed = matches!(told.state(), OpportunityState::Won | OpportunityState::Lost);
    let undated = first.imported && !closed && open_date.is_none();
    let mut entries = Vec::new();
    if first.imported && closed {
        if open_date.is_some() && close_date.is_some() {
            let fact = Fact { stage: String::new(), ..deal(&first.change) };
            let amount = match measure {
                "pipeline_count" => Decimal::ONE,
                "pipeline_value" => value(told),
                _ => Decimal::ZERO,
            };
            entries.extend([(open_date, Some(Fact { amount, ..fact })), (close_date, None)]);
        }
    } else {
        let since = if first.imported { open_date } else { open_date.or(Some(first.day)) };
        entries.push((since, open(histories, first, first.position, measure)));
    }
    let pipeline: Vec<_> = histories.pipelines.values().flatten().map(|told| (told.position, told.day)).collect();
    let mut moments: Vec<(i64, Date)> = events.iter().map(|told| (told.position, told.day)).chain(pipeline).collect();
    moments.retain(|(position, _)| *position > first.position);
    moments.sort_unstable();
    for (position, day) in moments {
        let since = if undated { None } else { Some(day) };
        entries.push((since, open(histories, latest(events, position).unwrap(), position, measure)));
    }
    entries
}

/// What an opportunity that is OPEN counts for, by its pipeline as it was right after a position.
fn open(histories: &Histories, told: &Told<OpportunityChange>, position: i64, measure: &str) -> Option<Fact> {
    let after = told.change.after.as_ref().unwrap();
    if after.state() != OpportunityState::Open {
        return None;
    }
    let amount = match measure {
        "pipeline_count" => Decimal::ONE,
        "pipeline_value" => value(after),
        _ => value(after) * Decimal::from(chance(histories, after, position)) / Decimal::ONE_HUNDRED,
    };
    Some(Fact { amount, ..deal(&told.change) })
}

/// The chance in percent: that by hand, else that of the stage.
fn chance(histories: &Histories, opportunity: &Opportunity, position: i64) -> i32 {
    let of_stage = || {
        let pipelines = histories.pipelines.values().filter_map(|events| latest(events, position));
        let mut pipelines = pipelines.map(|told| told.change.after.as_ref().unwrap());
        let pipeline = pipelines.find(|pipeline| pipeline.code == opportunity.pipeline_code).unwrap();
        let stage = pipeline.stages.iter().find(|stage| stage.code == opportunity.stage_code).unwrap();
        stage.probability_percent
    };
    opportunity.probability_percent.unwrap_or_else(of_stage)
}

/// The one fact of an opportunity in a flow.
fn closed_or_opened(events: &[Told<OpportunityChange>], measure: &str) -> Option<(Option<Date>, Fact)> {
    let begin = beginning(events);
    let now = events.last().unwrap().change.after.as_ref().unwrap().state();
    if now == OpportunityState::Deleted {
        return None;
    }
    if measure == "opportunities_opened" {
        let told = &events[begin].change;
        let opened = date(&told.after.as_ref().unwrap().open_date);
        return Some((opened, Fact { amount: Decimal::ONE, ..deal(told) }));
    }
    let wanted = if measure.contains("lost") { OpportunityState::Lost } else { OpportunityState::Won };
    if now != wanted {
        return None;
    }
    let made = |(index, told): &(usize, &Told<OpportunityChange>)| {
        let before = told.change.before.as_ref().map(Opportunity::state);
        let was = before == Some(wanted) || before == Some(OpportunityState::Deleted);
        told.change.after.as_ref().unwrap().state() == wanted && (*index == 0 || !was)
    };
    let (_, told) = events[begin..].iter().enumerate().rev().find(made).unwrap();
    let after = told.change.after.as_ref().unwrap();
    let (open_date, close_date) = (date(&after.open_date), date(&after.close_date));
    let days = open_date.zip(close_date).map(|(opened, closed)| (closed - opened).whole_days());
    let listed = amount(after.list_amount.as_ref()).zip(amount(after.value.as_ref()));
    let amount = match measure {
        "opportunities_won" | "opportunities_lost" => Some(Decimal::ONE),
        "won_value" | "lost_value" => Some(value(after)),
        "cycles_won" | "cycles_lost" => days.map(|_| Decimal::ONE),
        "cycle_days_won" | "cycle_days_lost" => days.map(Decimal::from),
        "won_list_value" => listed.map(|(list, _)| list),
        "won_net_value" => listed.map(|(_, net)| net),
        _ => panic!("no measure: {measure}"),
    };
    Some((close_date, Fact { amount: amount?, ..deal(&told.change) }))
}

/// After each event of a quote, or of its opportunity: what the quote counts for.
fn quotes(histories: &Histories) -> Vec<Vec<Entry>> {
    let mut resources = Vec::new();
    for events in histories.quotes.values() {
        let opportunity = &histories.opportunities[&events[0].change.after.as_ref().unwrap().opportunity_id];
        let mut moments: Vec<(i64, Date)> = events.iter().map(|told| (told.position, told.day)).collect();
        moments.extend(opportunity.iter().map(|told| (told.position, told.day)));
        moments.sort_unstable();
        let entry = |(position, day): (i64, Date)| {
            let waiting = latest(events, position)?.change.after.as_ref().unwrap().state() == QuoteState::Waiting;
            let told = &latest(opportunity, position).unwrap().change;
            let there = told.after.as_ref().unwrap().state() != OpportunityState::Deleted;
            Some((Some(day), (waiting && there).then(|| Fact { amount: Decimal::ONE, ..deal(told) })))
        };
        resources.push(moments.into_iter().filter_map(entry).collect());
    }
    resources
}

/// What is attributed to whom by an event of an opportunity.
fn deal(change: &OpportunityChange) -> Fact {
    let after = change.after.as_ref().unwrap();
    let line = |line: &guanxi_proto::opportunity_pipeline::v1::OpportunityLine| {
        (line.offering_code.clone(), amount(line.list_amount.as_ref()))
    };
    Fact {
        territory: after.territory_code.clone(),
        manager: after.owner_id.clone(),
        account: after.account_id.clone(),
        stage: format!("{}/{}", after.pipeline_code, after.stage_code),
        tier: tier(change.account_tier()),
        industry: change.account_industry_code.clone(),
        lines: after.lines.iter().map(line).collect(),
        currency: after.value.as_ref().map(|value| value.currency_code.clone()).unwrap_or_default(),
        amount: Decimal::ZERO,
    }
}

fn tier(tier: Tier) -> String {
    match tier {
        Tier::Unspecified => "",
        Tier::A => "A",
        Tier::B => "B",
        Tier::C => "C",
    }
    .to_owned()
}

fn value(opportunity: &Opportunity) -> Decimal {
    amount(opportunity.value.as_ref()).unwrap_or_default()
}

fn amount(money: Option<&Money>) -> Option<Decimal> {
    money.map(|money| money.amount.parse().unwrap())
}

fn date(text: &str) -> Option<Date> {
    let day = format_description!("[year]-[month]-[day]");
    (!text.is_empty()).then(|| Date::parse(text, day).unwrap())
}
