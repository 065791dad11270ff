//! What opportunity-pipeline tells: pipelines, opportunities and quotes, and leads that nobody counts.

use std::collections::BTreeMap;

use guanxi_proto::events::v1::Event;
use guanxi_proto::opportunity_pipeline::v1::{
    Lead, LeadChange, Opportunity, OpportunityChange, OpportunityState, StageKind,
};
use time::Duration;

use super::deal::{self, Class, Deal};
use super::feed::{Feed, uuid};
use super::pipelines::Pipelines;
use super::random::Random;
use super::registry::{industry, tier};
use super::{Cast, quotes};

/// Things that happen to an opportunity on average.
const STEPS: usize = 9;

const IMPORT: &str = "ImportOpportunities";

struct Deals<'a> {
    feed: Feed,
    random: &'a mut Random,
    cast: &'a Cast,
    pipelines: Pipelines,
    /// The accounts as this service knows them, by id.
    classes: BTreeMap<String, Class>,
    all: Vec<Deal>,
}

pub(super) fn feed(random: &mut Random, cast: &Cast, opportunities: usize) -> Vec<Event> {
    let steps = opportunities * STEPS;
    let mut feed = Feed::new("opportunity_pipeline", steps, random);
    let pipelines = Pipelines::new(&mut feed);
    let classes = cast.accounts.iter().map(|id| (id.clone(), (tier(random), industry(random)))).collect();
    let mut deals = Deals { feed, random, cast, pipelines, classes, all: Vec::new() };
    for step in 0..steps {
        deals.feed.step();
        // The chances of partners change four times, in the middle of everything.
        if [3, 4, 5, 6].iter().any(|part| step == steps * part / 10) {
            deals.pipelines.update(&mut deals.feed, deals.random);
        }
        let due = deals.all.len() * steps < opportunities * step + steps;
        if deals.all.len() < opportunities && due {
            deals.open();
        } else {
            deals.go_on();
        }
    }
    deals.feed.events
}

impl Deals<'_> {
    /// Opens one, or imports some in one message.
    fn open(&mut self) {
        match self.random.between(0, 19) {
            0 => self.lead(),
            1..=6 => (0..self.random.between(1, 3)).for_each(|_| self.import()),
            _ => self.create(),
        }
    }

    fn blank(&mut self) -> Opportunity {
        let mut blank = Opportunity {
            id: uuid(self.feed.now, 4_000_000 + i64::try_from(self.all.len()).unwrap()).to_string(),
            title: format!("商机{}", self.all.len()),
            pipeline_code: Pipelines::pick(self.random),
            owner_id: self.random.pick(&self.cast.managers).clone(),
            territory_code: self.random.pick(&self.cast.territories).clone(),
            state: OpportunityState::Open.into(),
            ..Opportunity::default()
        };
        if self.random.chance(80) {
            deal::set_account(&mut blank, self.random, self.cast);
        }
        if self.random.chance(60) {
            deal::set_lines(&mut blank, self.random, self.cast);
        }
        if self.random.chance(60) {
            deal::set_amount(&mut blank, self.random);
        }
        blank
    }

    fn create(&mut self) {
        let mut new = self.blank();
        let today = self.feed.today().to_string();
        new.stage_code.clone_from(&self.pipelines.stages(&new.pipeline_code, StageKind::Open)[0]);
        (new.open_date, new.stage_enter_date) = (today.clone(), today);
        let method =
            if self.random.chance(10) { "LeadService/QualifyLead" } else { "OpportunityService/CreateOpportunity" };
        self.keep(new, "created", method);
    }

    fn import(&mut self) {
        let mut new = self.blank();
        new.imported_from = format!("maven/{}", self.all.len());
        deal::tell_past(&mut new, &self.pipelines, self.feed.today(), self.random);
        self.keep(new, "imported", &format!("OpportunityService/{IMPORT}"));
    }

    fn keep(&mut self, new: Opportunity, what: &str, method: &str) {
        let state = new.state();
        let past = vec![self.pipelines.stages(&new.pipeline_code, StageKind::Open)[0].clone()];
        let kept = self.feed.create(new);
        let deal = Deal { kept, quotes: Vec::new(), past, moved: false, state };
        self.tell(None, &deal, what, method);
        self.all.push(deal);
    }

    /// Something that is told in the same feed and counts nowhere.
    fn lead(&mut self) {
        let id = uuid(self.feed.now, 5_000_000);
        let lead = Lead { id: id.to_string(), ..Lead::default() };
        let territory = self.random.pick(&self.cast.territories);
        let change = LeadChange { after: Some(lead), ..LeadChange::default() };
        self.feed.tell("lead.created", "LeadService/CreateLead", (id, 1), territory, &change);
    }

    /// Tells of a change, with what is known of the account at that moment.
    fn tell(&mut self, before: Option<Opportunity>, deal: &Deal, what: &str, method: &str) {
        let after = &deal.kept.now;
        let mut class = Class::default();
        if let Some(known) = self.classes.get_mut(&after.account_id) {
            if self.random.chance(8) {
                *known = (tier(self.random), industry(self.random));
            }
            class.clone_from(known);
        }
        let (tier, industry) = class;
        let change = OpportunityChange {
            before,
            after: Some(after.clone()),
            reason: String::new(),
            account_tier: tier.into(),
            account_industry_code: industry,
        };
        let kind = format!("opportunity.{what}");
        self.feed.tell(&kind, method, deal.kept.key(), &after.territory_code, &change);
    }

    fn alter(&mut self, index: usize, what: &str, method: &str, change: impl FnOnce(&mut Opportunity, &mut Self)) {
        let mut deal = self.all.swap_remove(index);
        let mut after = deal.kept.now.clone();
        change(&mut after, self);
        let before = self.feed.change(&mut deal.kept, |now| *now = after);
        if deal.kept.now.state() != OpportunityState::Deleted {
            deal.state = deal.kept.now.state();
        }
        self.tell(Some(before), &deal, what, &format!("OpportunityService/{method}"));
        self.all.push(deal);
    }

    /// Something happens to one of those that there are.
    fn go_on(&mut self) {
        if self.all.is_empty() {
            return;
        }
        let index = self.random.index(self.all.len());
        let deal = &mut self.all[index];
        let state = deal.kept.now.state();
        let may_import = !deal.kept.now.imported_from.is_empty() && !deal.moved;
        let lies = !matches!(state, OpportunityState::Deleted | OpportunityState::Suspended);
        if may_import && lies && self.random.chance(35) {
            self.import_again(index);
            return;
        }
        if self.random.chance(22) {
            quotes::step(&mut self.feed, self.random, deal);
            return;
        }
        match (state, self.random.between(0, 99)) {
            (OpportunityState::Deleted, 0..=59) => self.undelete(index),
            (OpportunityState::Deleted, _) => {}
            (_, 0..=6) => self.delete(index),
            (_, 7..=15) => self.reassign(index),
            (OpportunityState::Open, 16..=39) | (OpportunityState::Won | OpportunityState::Suspended, 16..=44) => {
                self.update(index);
            }
            (OpportunityState::Open, 40..=86) | (OpportunityState::Won, 45..=79) => self.advance_or_win(index),
            (OpportunityState::Open, 87..=93) | (OpportunityState::Suspended, 45..=59) => self.lose(index),
            (OpportunityState::Open, _) => self.suspend(index),
            (OpportunityState::Won, 80..=95) | (OpportunityState::Lost, 60..=99) | (OpportunityState::Suspended, _) => {
                self.reopen(index);
            }
            _ => {}
        }
    }

    /// Another system corrects what it told: dates, amounts, or where it led.
    fn import_again(&mut self, index: usize) {
        self.alter(index, "updated", IMPORT, |deal, this| {
            let today = this.feed.today();
            if this.random.chance(70) {
                deal::tell_past(deal, &this.pipelines, today, this.random);
            }
            let won = deal.state() == OpportunityState::Won;
            let whole = deal.clone();
            deal::update(deal, this.random, this.cast);
            if won && !deal::complete(deal) {
                *deal = whole;
            }
        });
    }

    fn update(&mut self, index: usize) {
        self.alter(index, "updated", "UpdateOpportunity", |deal, this| {
            deal::update(deal, this.random, this.cast);
        });
    }

    fn delete(&mut self, index: usize) {
        let now = self.feed.timestamp();
        self.alter(index, "deleted", "DeleteOpportunity", |deal, _| {
            deal.state = OpportunityState::Deleted.into();
            deal.delete_time = Some(now);
        });
    }

    fn undelete(&mut self, index: usize) {
        let state = self.all[index].state;
        self.alter(index, "undeleted", "UndeleteOpportunity", |deal, _| {
            deal.state = state.into();
            deal.delete_time = None;
        });
    }

    fn reassign(&mut self, index: usize) {
        self.alter(index, "reassigned", "ReassignOpportunity", |deal, this| {
            deal.owner_id.clone_from(this.random.pick(&this.cast.managers));
            if this.random.chance(60) {
                deal.territory_code.clone_from(this.random.pick(&this.cast.territories));
            }
        });
    }

    fn suspend(&mut self, index: usize) {
        self.alter(index, "suspended", "SuspendOpportunity", |deal, this| {
            deal.state = OpportunityState::Suspended.into();
            deal.suspend_until_date = (this.feed.today() + Duration::days(30)).to_string();
        });
    }

    /// On to the next stage, sometimes back to an earlier one; out of the last open one into the first of delivery.
    fn advance_or_win(&mut self, index: usize) {
        let deal = &self.all[index].kept.now;
        let kind = if deal.state() == OpportunityState::Won { StageKind::Won } else { StageKind::Open };
        let stages = self.pipelines.stages(&deal.pipeline_code, kind);
        let at = stages.iter().position(|stage| *stage == deal.stage_code).unwrap();
        let back = at > 0 && self.random.chance(15);
        let next = if back { self.random.index(at) } else { at + 1 };
        if let Some(stage) = stages.get(next).cloned() {
            self.alter(index, "advanced", "AdvanceOpportunity", |deal, this| {
                deal.stage_code.clone_from(&stage);
                deal.stage_enter_date = this.feed.today().to_string();
            });
            let deal = self.all.last_mut().unwrap();
            deal.moved = true;
            if kind == StageKind::Open {
                deal.past.push(stage);
            }
        } else if kind == StageKind::Open && deal::complete(deal) {
            let stage = self.pipelines.stages(&deal.pipeline_code, StageKind::Won)[0].clone();
            self.alter(index, "won", "WinOpportunity", |deal, this| {
                deal::close(deal, true, &stage, this.feed.today(), this.random);
            });
            self.all.last_mut().unwrap().moved = true;
        }
    }

    fn lose(&mut self, index: usize) {
        self.alter(index, "lost", "LoseOpportunity", |deal, this| {
            let stage = this.pipelines.stages(&deal.pipeline_code, StageKind::Lost)[0].clone();
            deal::close(deal, false, &stage, this.feed.today(), this.random);
        });
        self.all.last_mut().unwrap().moved = true;
    }

    /// Takes up again what rests, was lost, or was won and is not yet delivered.
    fn reopen(&mut self, index: usize) {
        let deal = &self.all[index];
        let (state, past) = (deal.kept.now.state(), deal.past.last().unwrap().clone());
        let delivered =
            self.pipelines.stages(&deal.kept.now.pipeline_code, StageKind::Won)[0] != deal.kept.now.stage_code;
        if state == OpportunityState::Won && delivered {
            return;
        }
        let rests = state == OpportunityState::Suspended;
        self.alter(index, "reopened", "ReopenOpportunity", |deal, this| {
            deal.state = OpportunityState::Open.into();
            deal.close_date.clear();
            deal.close_reason = 0;
            deal.suspend_until_date.clear();
            if !rests {
                deal.stage_code = past;
                deal.stage_enter_date = this.feed.today().to_string();
            }
        });
        self.all.last_mut().unwrap().moved |= !rests;
    }
}
