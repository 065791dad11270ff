//! Opportunities that count, with their quotes that wait.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_grpc::day;
use guanxi_proto::opportunity_pipeline::v1::{self as pb, OpportunityChange, OpportunityState};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use time::Date;
use uuid::Uuid;

use super::{Holding, Ledger};
use crate::fact::{Attribution, Fact, UNDATED, shares};
use crate::follow::tier;
use crate::measure::{
    CYCLE_DAYS_LOST, CYCLE_DAYS_WON, CYCLES_LOST, CYCLES_WON, LOST_VALUE, OPPORTUNITIES_LOST, OPPORTUNITIES_OPENED,
    OPPORTUNITIES_WON, PIPELINE_COUNT, PIPELINE_VALUE, QUOTES_WAITING, WEIGHTED_PIPELINE_VALUE, WON_LIST_VALUE,
    WON_NET_VALUE, WON_VALUE,
};

pub(crate) const STOCKS: [&str; 3] = [PIPELINE_COUNT, PIPELINE_VALUE, WEIGHTED_PIPELINE_VALUE];

/// What is known of an opportunity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Opportunity {
    /// As its newest event tells.
    now: Deal,
    open: bool,
    deleted: bool,
    /// It is open, and nobody knows since when.
    undated: bool,
    /// As its creation tells.
    opened: Deal,
    /// As the event tells that closed it.
    closed: Option<Closed>,
    /// Chance by hand, in percent.
    chance_by_hand: Option<i32>,
    /// Chance of its stage, in percent, as far as its pipeline is known.
    chance_of_stage: Option<i32>,
    /// Ids of quotes that wait for approval.
    waiting: BTreeSet<String>,
}

/// An opportunity at the moment of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Deal {
    attribution: Attribution,
    open_date: Option<Date>,
    close_date: Option<Date>,
    /// Empty where it has no value.
    currency_code: String,
    value: Option<Decimal>,
    list_amount: Option<Decimal>,
    /// Offerings with their list amounts.
    lines: Vec<(String, Option<Decimal>)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Closed {
    won: bool,
    deal: Deal,
}

/// What an event tells of an opportunity.
pub(crate) struct Told {
    deal: Deal,
    state: OpportunityState,
    chance_by_hand: Option<i32>,
    /// True where an import tells the past.
    pub(crate) past: bool,
}

impl Told {
    /// Reads an event; `None` where it does not say what became of the opportunity.
    pub(crate) fn read(change: &OpportunityChange, past: bool) -> Option<Self> {
        let after = change.after.as_ref()?;
        let amount =
            |money: Option<&guanxi_proto::r#type::v1::Money>| money.and_then(|money| money.amount.parse().ok());
        let line = |line: &pb::OpportunityLine| (line.offering_code.clone(), amount(line.list_amount.as_ref()));
        let attribution = Attribution {
            territory_code: after.territory_code.clone(),
            manager_id: Uuid::try_parse(&after.owner_id).ok(),
            account_id: Uuid::try_parse(&after.account_id).ok(),
            stage: format!("{}/{}", after.pipeline_code, after.stage_code),
            tier: tier(change.account_tier()).to_owned(),
            industry_code: change.account_industry_code.clone(),
        };
        let deal = Deal {
            attribution,
            open_date: day::read("open_date", &after.open_date).ok()?,
            close_date: day::read("close_date", &after.close_date).ok()?,
            currency_code: after.value.as_ref().map(|money| money.currency_code.clone()).unwrap_or_default(),
            value: amount(after.value.as_ref()),
            list_amount: amount(after.list_amount.as_ref()),
            lines: after.lines.iter().map(line).collect(),
        };
        Some(Self { deal, state: after.state(), chance_by_hand: after.probability_percent, past })
    }

    /// `PIPELINE/STAGE`.
    pub(crate) fn stage(&self) -> &str {
        &self.deal.attribution.stage
    }

    /// The day of the first entry of what it tells, where that is not the day of its event.
    pub(crate) fn open_date(&self) -> Option<Date> {
        self.deal.open_date
    }
}

impl Opportunity {
    /// A new one, before it holds anything.
    pub(crate) fn new(told: &Told) -> Self {
        Self {
            now: told.deal.clone(),
            open: false,
            deleted: false,
            undated: false,
            opened: told.deal.clone(),
            closed: None,
            chance_by_hand: None,
            chance_of_stage: None,
            waiting: BTreeSet::new(),
        }
    }

    /// Takes in what an event of the opportunity tells. `chance` is that of its stage.
    pub(crate) fn take(&mut self, told: &Told, chance: Option<i32>) {
        self.deleted = told.state == OpportunityState::Deleted;
        if !self.deleted {
            self.open = told.state == OpportunityState::Open;
            let won = told.state == OpportunityState::Won;
            let closed = won || told.state == OpportunityState::Lost;
            if !closed {
                self.closed = None;
            } else if told.past || self.closed.as_ref().is_none_or(|closed| closed.won != won) {
                self.closed = Some(Closed { won, deal: told.deal.clone() });
            }
        }
        if told.past {
            self.opened = told.deal.clone();
            self.undated = self.open && told.deal.open_date.is_none();
        }
        self.now = told.deal.clone();
        (self.chance_by_hand, self.chance_of_stage) = (told.chance_by_hand, chance);
    }

    /// Tells the past anew, in place of what is there: what it held from its opening to its close, if it is closed. What it holds now enters by itself.
    pub(crate) fn retell(&self, ledger: &mut Ledger, there: &[(Fact, i32)]) {
        ledger.forget(&STOCKS, there);
        let Some(Closed { deal, .. }) = &self.closed else { return };
        if let (Some(opened), Some(closed)) = (deal.open_date, deal.close_date) {
            let attribution = Attribution { stage: String::new(), ..deal.attribution.clone() };
            let held = held(deal, &attribution, None, false);
            ledger.turn(opened, &[], &held);
            ledger.turn(closed, &held, &[]);
        }
    }

    /// A pipeline says what the stages are worth from now on.
    pub(crate) fn reweigh(&mut self, chance: Option<i32>) {
        self.chance_of_stage = chance;
    }

    /// `PIPELINE/STAGE`.
    pub(crate) fn stage(&self) -> &str {
        &self.now.attribution.stage
    }

    /// A quote of it waits for approval, or does not any more.
    pub(crate) fn take_quote(&mut self, id: &str, waits: bool) {
        if waits {
            self.waiting.insert(id.to_owned());
        } else {
            self.waiting.remove(id);
        }
    }

    /// What it holds in the pipeline.
    pub(crate) fn holdings(&self) -> Vec<Holding> {
        if self.deleted || !self.open {
            return Vec::new();
        }
        let chance = self.chance_by_hand.or(self.chance_of_stage);
        held(&self.now, &self.now.attribution, chance, self.undated)
    }

    /// Its quotes that wait.
    pub(crate) fn quotes(&self) -> Vec<Holding> {
        if self.deleted || self.waiting.is_empty() {
            return Vec::new();
        }
        let count = Decimal::from(self.waiting.len());
        let offerings = each_offering(&self.now.lines, count);
        let one = Holding::one(QUOTES_WAITING, self.now.attribution.clone());
        vec![Holding { value: count, offerings, ..one }]
    }

    /// What it brought about.
    pub(crate) fn flows(&self) -> Vec<Fact> {
        if self.deleted {
            return Vec::new();
        }
        let opened = count(OPPORTUNITIES_OPENED, self.opened.open_date, &self.opened, Decimal::ONE);
        let closed = self.closed.iter().flat_map(Closed::flows);
        std::iter::once(opened).chain(closed).collect()
    }
}

impl Closed {
    fn flows(&self) -> Vec<Fact> {
        let deal = &self.deal;
        let (closed, worth, cycles, days) = if self.won {
            (OPPORTUNITIES_WON, WON_VALUE, CYCLES_WON, CYCLE_DAYS_WON)
        } else {
            (OPPORTUNITIES_LOST, LOST_VALUE, CYCLES_LOST, CYCLE_DAYS_LOST)
        };
        let mut flows = vec![count(closed, deal.close_date, deal, Decimal::ONE)];
        flows.extend(deal.value.map(|value| money(worth, deal, value)));
        if let (Some(opened), Some(day)) = (deal.open_date, deal.close_date) {
            let length = Decimal::from((day - opened).whole_days());
            flows.push(count(cycles, Some(day), deal, Decimal::ONE));
            flows.push(count(days, Some(day), deal, length));
        }
        if let (true, Some(list), Some(net)) = (self.won, deal.list_amount, deal.value) {
            flows.extend([money(WON_LIST_VALUE, deal, list), money(WON_NET_VALUE, deal, net)]);
        }
        flows
    }
}

/// Something that is no money; it goes with the currency of the deal, so that it can be divided by.
fn count(measure: &str, day: Option<Date>, deal: &Deal, value: Decimal) -> Fact {
    Fact {
        measure: measure.to_owned(),
        day: day.unwrap_or(UNDATED),
        attribution: deal.attribution.clone(),
        currency_code: deal.currency_code.clone(),
        value,
        offerings: each_offering(&deal.lines, value),
    }
}

/// Money on the day of closing.
fn money(measure: &str, deal: &Deal, value: Decimal) -> Fact {
    Fact { offerings: shares(value, &deal.lines), ..count(measure, deal.close_date, deal, value) }
}

/// The same value for each offering of the lines.
fn each_offering(lines: &[(String, Option<Decimal>)], value: Decimal) -> BTreeMap<String, Decimal> {
    if lines.is_empty() {
        return BTreeMap::from([(String::new(), value)]);
    }
    lines.iter().map(|(code, _)| (code.clone(), value)).collect()
}

/// What an open opportunity holds, without a weight where its chance is not known.
fn held(deal: &Deal, attribution: &Attribution, chance: Option<i32>, undated: bool) -> Vec<Holding> {
    let holding = |measure, value: Decimal, offerings| Holding {
        measure,
        attribution: attribution.clone(),
        currency_code: deal.currency_code.clone(),
        value,
        offerings,
        undated,
    };
    let mut held = vec![holding(PIPELINE_COUNT, Decimal::ONE, each_offering(&deal.lines, Decimal::ONE))];
    if let Some(value) = deal.value {
        held.push(holding(PIPELINE_VALUE, value, shares(value, &deal.lines)));
        if let Some(chance) = chance {
            let weighted = value * Decimal::new(i64::from(chance), 2);
            held.push(holding(WEIGHTED_PIPELINE_VALUE, weighted, shares(weighted, &deal.lines)));
        }
    }
    held
}
