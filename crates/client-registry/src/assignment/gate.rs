//! The gates: who may look after which account, as pure functions. Whoever does not pass is told everything that keeps him out.

use std::collections::HashMap;

use time::Date;
use uuid::Uuid;

use super::model::{Assignment, Role};
use crate::account::{State, Tier};
use crate::account_manager::Channel;
use crate::assignment_policy::AssignmentPolicy;
use crate::industry;

/// What the gates ask of an account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: Uuid,
    pub(crate) territory_path: String,
    pub(crate) industry_code: Option<String>,
    pub(crate) tier: Option<Tier>,
    pub(crate) state: State,
    pub(crate) deleted: bool,
}

/// What the gates ask of a manager.
#[derive(Clone, Debug)]
pub(crate) struct Manager {
    pub(crate) id: Uuid,
    pub(crate) territory_path: String,
    pub(crate) channel: Channel,
    pub(crate) grade: i32,
    pub(crate) industry_codes: Vec<String>,
    pub(crate) departed: bool,
    pub(crate) deleted: bool,
}

/// What keeps a manager from an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    PrimaryExists { assignment_id: Uuid, account_manager_id: Uuid },
    Overlaps { start_date: Date, end_date: Date },
    AccountNotServed { state: &'static str },
    ManagerNotInService { state: &'static str },
    GradeTooLow { tier: Option<Tier>, required: i32, grade: i32 },
    TerritoryNotCovered { manager: String, account: String },
    ChannelWrongForTier { expected: Channel, channel: Channel },
    LoadFull { load: i64, max: i64 },
}

/// A wish that somebody looks after something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<'a> {
    pub(crate) account: &'a Account,
    pub(crate) manager: &'a Manager,
    pub(crate) role: Role,
    pub(crate) start_date: Date,
    /// Somebody decided that tier C goes elsewhere.
    pub(crate) exception: bool,
    /// The open PRIMARY of the account.
    pub(crate) current: Option<&'a Assignment>,
    /// The current one is to be closed for this one.
    pub(crate) replaces: bool,
    /// When the last closed PRIMARY of the account ended, where that matters.
    pub(crate) last_end: Option<Date>,
}

/// The broken gates of all steps that are taken together, each with the index of its step. `loads` are the open PRIMARYs of each manager.
pub(crate) fn broken(policy: &AssignmentPolicy, steps: &[Step<'_>], loads: &HashMap<Uuid, i64>) -> Vec<(usize, Gate)> {
    let mut loads = loads.clone();
    for current in steps.iter().filter(|step| step.replaces).filter_map(|step| step.current) {
        if let Some(load) = loads.get_mut(&current.account_manager_id) {
            *load -= 1;
        }
    }
    let mut broken = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let mut gates = step.occupied();
        gates.extend(out_of_service(step.account, step.manager));
        if step.role == Role::Primary {
            gates.extend(misfits(policy, step.account, step.manager, step.exception));
            let (load, max) = (loads.entry(step.manager.id).or_default(), policy.max_accounts(step.manager.channel));
            if *load >= max {
                gates.push(Gate::LoadFull { load: *load, max });
            }
            *load += 1;
        }
        broken.extend(gates.into_iter().map(|gate| (index, gate)));
    }
    broken
}

impl Step<'_> {
    /// Who stands in the way as PRIMARY, now or then.
    fn occupied(&self) -> Vec<Gate> {
        let mut gates = Vec::new();
        if self.role != Role::Primary {
            return gates;
        }
        let stays = |current: &&Assignment| !self.replaces || current.account_manager_id == self.manager.id;
        if let Some(current) = self.current.filter(stays) {
            let (assignment_id, account_manager_id) = (current.id, current.account_manager_id);
            gates.push(Gate::PrimaryExists { assignment_id, account_manager_id });
        }
        if let Some(end_date) = self.last_end.filter(|end| *end > self.start_date) {
            gates.push(Gate::Overlaps { start_date: self.start_date, end_date });
        }
        gates
    }
}

/// What holds whatever the role is: both must be there.
fn out_of_service(account: &Account, manager: &Manager) -> Vec<Gate> {
    let mut gates = Vec::new();
    if account.deleted {
        gates.push(Gate::AccountNotServed { state: "DELETED" });
    } else if account.state == State::Merged {
        gates.push(Gate::AccountNotServed { state: "MERGED" });
    }
    if manager.deleted {
        gates.push(Gate::ManagerNotInService { state: "DELETED" });
    } else if manager.departed {
        gates.push(Gate::ManagerNotInService { state: "DEPARTED" });
    }
    gates
}

/// Why a manager does not fit an account, whatever he has to do already.
pub(crate) fn misfits(policy: &AssignmentPolicy, account: &Account, manager: &Manager, exception: bool) -> Vec<Gate> {
    let mut gates = Vec::new();
    let required = policy.min_grade(account.tier);
    if manager.grade < required {
        gates.push(Gate::GradeTooLow { tier: account.tier, required, grade: manager.grade });
    }
    if !covers(account, manager) {
        let (manager, account) = (manager.territory_path.clone(), account.territory_path.clone());
        gates.push(Gate::TerritoryNotCovered { manager, account });
    }
    if let Some(expected) = policy.channel_of(account.tier).filter(|channel| *channel != manager.channel && !exception)
    {
        gates.push(Gate::ChannelWrongForTier { expected, channel: manager.channel });
    }
    gates
}

/// True if the account lies in the manager's territory or industry.
pub(crate) fn covers(account: &Account, manager: &Manager) -> bool {
    account.territory_path.starts_with(&manager.territory_path) || industry_of(account, manager).is_some()
}

/// The industry of the account that an industry manager answers for.
pub(crate) fn industry_of<'a>(account: &'a Account, manager: &Manager) -> Option<&'a str> {
    let industry = account.industry_code.as_deref().filter(|_| manager.channel == Channel::Industry)?;
    manager.industry_codes.iter().any(|code| industry::covers(code, industry)).then_some(industry)
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    fn account(tier: Option<Tier>, industry: &str) -> Account {
        Account {
            id: Uuid::now_v7(),
            territory_path: "CN/440000/440300/".to_owned(),
            industry_code: Some(industry.to_owned()),
            tier,
            state: State::Prospect,
            deleted: false,
        }
    }

    fn manager(channel: Channel, grade: i32, path: &str, industries: &[&str]) -> Manager {
        Manager {
            id: Uuid::now_v7(),
            territory_path: path.to_owned(),
            channel,
            grade,
            industry_codes: industries.iter().map(|code| (*code).to_owned()).collect(),
            departed: false,
            deleted: false,
        }
    }

    fn step<'a>(account: &'a Account, manager: &'a Manager) -> Step<'a> {
        Step {
            account,
            manager,
            role: Role::Primary,
            start_date: date!(2026 - 03 - 01),
            exception: false,
            current: None,
            replaces: false,
            last_end: None,
        }
    }

    fn open(account: &Account, manager: &Manager) -> Assignment {
        let now = time::OffsetDateTime::UNIX_EPOCH;
        Assignment {
            id: Uuid::now_v7(),
            account_id: account.id,
            account_manager_id: manager.id,
            role: Role::Primary,
            start_date: date!(2026 - 01 - 01),
            end_date: None,
            open_reason: None,
            close_reason: None,
            exception_reason: None,
            hand_over_id: None,
            closing_hand_over_id: None,
            territory_path: account.territory_path.clone(),
            version: 1,
            create_time: now,
            update_time: now,
            account_tier: None,
        }
    }

    fn gates(step: Step<'_>, load: i64) -> Vec<Gate> {
        let broken = broken(&AssignmentPolicy::shipped(), &[step], &HashMap::from([(step.manager.id, load)]));
        broken.into_iter().map(|(_, gate)| gate).collect()
    }

    #[test]
    fn a_grade_suits_its_tiers() {
        for (tier, lowest) in [(Some(Tier::A), 4), (Some(Tier::B), 2), (None, 1)] {
            let account = account(tier, "I63");
            for grade in 1..=5 {
                let manager = manager(Channel::Field, grade, "CN/", &[]);
                let expected = Gate::GradeTooLow { tier, required: lowest, grade };
                let expected = if grade < lowest { vec![expected] } else { Vec::new() };
                assert_eq!(gates(step(&account, &manager), 0), expected, "{tier:?} {grade}");
            }
        }
    }

    #[test]
    fn a_manager_covers_what_lies_below_and_an_industry_manager_the_industry() {
        let account = account(None, "I6311");
        for (channel, path, industries, covers) in [
            (Channel::Field, "CN/440000/440300/", &[][..], true),
            (Channel::Field, "CN/440000/", &[], true),
            (Channel::Field, "CN/440000/440300/440305/", &[], false),
            (Channel::Field, "CN/330000/", &[], false),
            (Channel::Industry, "CN/330000/", &["I63"], true),
            (Channel::Industry, "CN/330000/", &["J", "631"], true),
            (Channel::Industry, "CN/330000/", &["I64"], false),
            (Channel::Industry, "CN/440000/", &["I64"], true),
        ] {
            let manager = manager(channel, 5, path, industries);
            let uncovered = gates(step(&account, &manager), 0);
            assert_eq!(uncovered.is_empty(), covers, "{channel:?} {path} {industries:?}: {uncovered:?}");
        }
    }

    #[test]
    fn tier_c_goes_to_the_phone_unless_somebody_decides_otherwise() {
        let account = account(Some(Tier::C), "I63");
        let (phone, field) = (manager(Channel::Phone, 1, "CN/", &[]), manager(Channel::Field, 1, "CN/", &[]));
        assert_eq!(gates(step(&account, &phone), 0), []);
        let expected = Gate::ChannelWrongForTier { expected: Channel::Phone, channel: Channel::Field };
        assert_eq!(gates(step(&account, &field), 0), [expected]);
        assert_eq!(gates(Step { exception: true, ..step(&account, &field) }, 0), []);
    }

    #[test]
    fn everything_broken_is_told_at_once() {
        let account = Account { deleted: true, ..account(Some(Tier::A), "I63") };
        let manager = Manager { departed: true, ..manager(Channel::Field, 1, "CN/33/", &[]) };
        let current = open(&account, &manager);
        let last_end = Some(date!(2026 - 03 - 02));
        let found = gates(Step { current: Some(&current), last_end, ..step(&account, &manager) }, 250);
        let [
            Gate::PrimaryExists { .. },
            Gate::Overlaps { .. },
            Gate::AccountNotServed { state: "DELETED" },
            Gate::ManagerNotInService { state: "DEPARTED" },
            Gate::GradeTooLow { .. },
            Gate::TerritoryNotCovered { .. },
            Gate::LoadFull { load: 250, max: 250 },
        ] = &found[..]
        else {
            panic!("{found:?}")
        };
        // Whoever only helps needs neither grade nor room, but has to be there.
        let helps =
            gates(Step { role: Role::Backup, current: Some(&current), last_end, ..step(&account, &manager) }, 250);
        assert_eq!(helps.len(), 2, "{helps:?}");
    }

    #[test]
    fn loads_are_those_after_the_steps() {
        let policy = AssignmentPolicy { field_max_accounts: 2, ..AssignmentPolicy::shipped() };
        let accounts: Vec<_> = (0..4).map(|_| account(None, "I63")).collect();
        let (one, other) = (manager(Channel::Field, 1, "CN/", &[]), manager(Channel::Field, 1, "CN/", &[]));
        let loads = HashMap::from([(one.id, 2), (other.id, 1)]);
        // One gives two away and takes two; the other gives one and takes two, and then another.
        let of_one: Vec<_> = accounts[..2].iter().map(|account| open(account, &one)).collect();
        let of_other = open(&accounts[2], &other);
        let swap = |account, manager, current| Step { replaces: true, current, ..step(account, manager) };
        let steps = [
            swap(&accounts[0], &other, Some(&of_one[0])),
            swap(&accounts[1], &other, Some(&of_one[1])),
            swap(&accounts[2], &one, Some(&of_other)),
            swap(&accounts[3], &one, None),
        ];
        assert_eq!(broken(&policy, &steps, &loads), []);
        let fifth = account(None, "I63");
        let too_many = [&steps[..], &[swap(&fifth, &one, None)]].concat();
        assert_eq!(broken(&policy, &too_many, &loads), [(4, Gate::LoadFull { load: 2, max: 2 })]);
        // Handing over to who has it already is none.
        let same = swap(&accounts[0], &one, Some(&of_one[0]));
        assert!(matches!(broken(&policy, &[same], &loads)[..], [(0, Gate::PrimaryExists { .. })]));
    }
}
