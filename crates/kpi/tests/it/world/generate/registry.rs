//! What client-registry tells: territories, accounts, managers, and who is responsible for whom.

use guanxi_proto::client_registry::v1::{
    Account, AccountChange, AccountManager, AccountManagerChange, AccountManagerChannel, AccountManagerState,
    AccountState, Assignment, AssignmentChange, AssignmentRole, AssignmentState, HandOver, HandOverChange, Tier,
};
use guanxi_proto::events::v1::Event;

use super::Cast;
use super::feed::{Feed, Kept, uuid};
use super::random::Random;
use super::territories::Territories;

const TIERS: [Tier; 4] = [Tier::Unspecified, Tier::A, Tier::B, Tier::C];
const INDUSTRIES: [&str; 6] = ["", "I6510", "C3921", "J66", "O", "P8334"];

struct Registry<'a> {
    feed: Feed,
    random: &'a mut Random,
    territories: Territories,
    /// Who is not told of yet.
    accounts_to_come: Vec<String>,
    managers_to_come: Vec<String>,
    accounts: Vec<Kept<Account>>,
    managers: Vec<Kept<AccountManager>>,
    /// The open ones: a closed one never changes again.
    assignments: Vec<Kept<Assignment>>,
    assigned: i64,
}

/// A tier of an account, by chance.
pub(super) fn tier(random: &mut Random) -> Tier {
    *random.pick(&TIERS)
}

/// An industry of an account, by chance.
pub(super) fn industry(random: &mut Random) -> String {
    (*random.pick(&INDUSTRIES)).to_owned()
}

pub(super) fn feed(random: &mut Random, cast: &Cast) -> Vec<Event> {
    let steps = cast.territories.len() + 9 * cast.accounts.len() + 9 * cast.managers.len();
    let mut feed = Feed::new("client_registry", steps, random);
    let territories = Territories::new(&mut feed);
    let mut registry = Registry {
        feed,
        random,
        territories,
        accounts_to_come: cast.accounts.clone(),
        managers_to_come: cast.managers.clone(),
        accounts: Vec::new(),
        managers: Vec::new(),
        assignments: Vec::new(),
        assigned: 0,
    };
    for _ in cast.territories.len()..steps {
        registry.feed.step();
        registry.step();
    }
    registry.feed.events
}

impl Registry<'_> {
    fn step(&mut self) {
        match self.random.between(0, 99) {
            0..=15 => self.create_account(),
            16..=22 => self.create_manager(),
            23..=40 => self.open_assignment(),
            41..=45 => self.close_assignment(),
            46..=51 => self.hand_over(),
            52..=58 => self.activate(),
            59..=65 => self.set_tier(),
            66..=70 => self.update_account(),
            71..=75 => self.move_account(),
            76..=81 => self.delete_or_undelete_account(),
            82..=84 => self.end_account(),
            85..=87 => self.update_manager(),
            88..=91 => self.depart_or_reinstate(),
            92..=94 => self.delete_or_undelete_manager(),
            95..=96 => self.territories.move_one(&mut self.feed, self.random),
            97 => self.territories.rename(&mut self.feed, self.random),
            98 => self.territories.create_late(&mut self.feed),
            _ => self.territories.delete(&mut self.feed),
        }
    }

    fn create_account(&mut self) {
        if self.accounts_to_come.is_empty() {
            return;
        }
        let id = self.accounts_to_come.swap_remove(self.random.index(self.accounts_to_come.len()));
        let imported = self.random.chance(40);
        let new = self.feed.create(Account {
            id,
            legal_name: format!("公司{}", self.accounts.len()),
            territory_code: self.territories.pick(self.random),
            industry_code: industry(self.random),
            tier: if imported { tier(self.random) } else { Tier::Unspecified }.into(),
            state: if imported { AccountState::Active } else { AccountState::Prospect }.into(),
            activate_time: imported.then(|| self.feed.timestamp()),
            ..Account::default()
        });
        let method = if imported { "AccountService/ImportAccounts" } else { "AccountService/CreateAccount" };
        self.tell_account("account.created", method, None, &new);
        self.accounts.push(new);
    }

    fn tell_account(&mut self, kind: &str, method: &str, before: Option<Account>, account: &Kept<Account>) {
        let change = AccountChange { before, after: Some(account.now.clone()), ..AccountChange::default() };
        self.feed.tell(kind, method, account.key(), &account.now.territory_code, &change);
    }

    /// Changes an account, if there is one that may be changed so.
    fn alter_account(
        &mut self,
        kind: &str,
        method: &str,
        may: impl Fn(&Self, &Account) -> bool,
        change: impl FnOnce(&mut Account, &mut Random, &Territories),
    ) {
        let Some(index) = self.pick_account(may) else { return };
        let mut account = self.accounts[index].clone();
        let before = self.feed.change(&mut account, |account| change(account, self.random, &self.territories));
        self.tell_account(kind, method, Some(before), &account);
        self.accounts[index] = account;
    }

    fn activate(&mut self) {
        let now = self.feed.timestamp();
        let may = |this: &Self, account: &Account| {
            account.state() == AccountState::Prospect && this.primary(account).is_some()
        };
        self.alter_account("account.activated", "AccountService/ActivateAccount", may, |account, _, _| {
            account.state = AccountState::Active.into();
            account.activate_time = account.activate_time.or(Some(now));
        });
    }

    fn set_tier(&mut self) {
        self.alter_account("account.tier_set", "AccountService/SetAccountTier", lives, |account, random, _| {
            account.tier = tier(random).into();
        });
    }

    fn update_account(&mut self) {
        self.alter_account("account.updated", "AccountService/UpdateAccount", lives, |account, random, _| {
            account.short_name = format!("简称{}", random.between(1, 99));
            if random.chance(60) {
                account.industry_code = industry(random);
            }
        });
    }

    fn move_account(&mut self) {
        self.alter_account("account.updated", "AccountService/UpdateAccount", lives, |account, random, territories| {
            account.territory_code = territories.pick(random);
        });
    }

    fn delete_or_undelete_account(&mut self) {
        let now = self.feed.timestamp();
        if self.random.chance(50) {
            let may = |this: &Self, account: &Account| {
                let known = matches!(account.state(), AccountState::Prospect | AccountState::Active);
                known && this.assignments.iter().all(|open| open.now.account_id != account.id)
            };
            self.alter_account("account.deleted", "AccountService/DeleteAccount", may, |account, _, _| {
                account.delete_time = Some(now);
                account.state = AccountState::Deleted.into();
            });
        } else {
            let may = |_: &Self, account: &Account| account.state() == AccountState::Deleted;
            self.alter_account("account.undeleted", "AccountService/UndeleteAccount", may, |account, _, _| {
                account.delete_time = None;
                let active = account.activate_time.is_some();
                account.state = if active { AccountState::Active } else { AccountState::Prospect }.into();
            });
        }
    }

    /// Lets an account leave or be merged, or takes that back.
    fn end_account(&mut self) {
        let ended =
            |_: &Self, account: &Account| matches!(account.state(), AccountState::Churned | AccountState::Merged);
        let active = |_: &Self, account: &Account| account.state() == AccountState::Active;
        match self.random.between(0, 2) {
            0 => self.alter_account("account.churned", "AccountService/ChurnAccount", active, |account, _, _| {
                account.state = AccountState::Churned.into();
            }),
            1 => self.alter_account("account.merged", "AccountService/MergeAccounts", active, |account, _, _| {
                account.state = AccountState::Merged.into();
            }),
            _ => self.alter_account("account.won_back", "AccountService/WinBackAccount", ended, |account, _, _| {
                account.state = AccountState::Active.into();
            }),
        }
    }

    fn create_manager(&mut self) {
        let Some(id) = self.managers_to_come.pop() else { return };
        let new = self.feed.create(AccountManager {
            id,
            employee_number: format!("E{:04}", 1_000 + self.managers.len()),
            territory_code: self.territories.pick(self.random),
            channel: AccountManagerChannel::Field.into(),
            grade: 5,
            state: AccountManagerState::InService.into(),
            ..AccountManager::default()
        });
        self.tell_manager("account_manager.created", "CreateAccountManager", None, &new);
        self.managers.push(new);
    }

    fn tell_manager(
        &mut self,
        kind: &str,
        method: &str,
        before: Option<AccountManager>,
        manager: &Kept<AccountManager>,
    ) {
        let change =
            AccountManagerChange { before, after: Some(manager.now.clone()), ..AccountManagerChange::default() };
        let method = format!("AccountManagerService/{method}");
        self.feed.tell(kind, &method, manager.key(), &manager.now.territory_code, &change);
    }

    fn alter_manager(&mut self, index: usize, kind: &str, method: &str, change: impl FnOnce(&mut AccountManager)) {
        let mut manager = self.managers[index].clone();
        let before = self.feed.change(&mut manager, change);
        self.tell_manager(kind, method, Some(before), &manager);
        self.managers[index] = manager;
    }

    /// A manager, if there is one in one of these states.
    fn pick_manager(&mut self, states: &[AccountManagerState]) -> Option<usize> {
        let fits = |index: &usize| states.contains(&self.managers[*index].now.state());
        let fits: Vec<usize> = (0..self.managers.len()).filter(fits).collect();
        if fits.is_empty() { None } else { Some(*self.random.pick(&fits)) }
    }

    fn update_manager(&mut self) {
        let live = [AccountManagerState::InService, AccountManagerState::Departed];
        let Some(index) = self.pick_manager(&live) else { return };
        let territory = self.random.chance(60).then(|| self.territories.pick(self.random));
        self.alter_manager(index, "account_manager.updated", "UpdateAccountManager", |manager| {
            manager.grade = 4;
            manager.territory_code = territory.unwrap_or_else(|| manager.territory_code.clone());
        });
    }

    fn depart_or_reinstate(&mut self) {
        let today = self.feed.today().to_string();
        if self.random.chance(60) {
            let Some(index) = self.pick_manager(&[AccountManagerState::InService]) else { return };
            self.alter_manager(index, "account_manager.departed", "DepartAccountManager", |manager| {
                manager.state = AccountManagerState::Departed.into();
                manager.depart_date = today;
            });
            let id = self.managers[index].now.id.clone();
            while let Some(index) = self.assignments.iter().position(|open| open.now.account_manager_id == id) {
                self.close(index, "AccountManagerService/DepartAccountManager");
            }
        } else if let Some(index) = self.pick_manager(&[AccountManagerState::Departed]) {
            self.alter_manager(index, "account_manager.reinstated", "ReinstateAccountManager", |manager| {
                manager.state = AccountManagerState::InService.into();
                manager.depart_date.clear();
            });
        }
    }

    fn delete_or_undelete_manager(&mut self) {
        let now = self.feed.timestamp();
        if self.random.chance(50) {
            let live = [AccountManagerState::InService, AccountManagerState::Departed];
            let Some(index) = self.pick_manager(&live) else { return };
            let id = self.managers[index].now.id.clone();
            if self.assignments.iter().any(|open| open.now.account_manager_id == id) {
                return;
            }
            self.alter_manager(index, "account_manager.deleted", "DeleteAccountManager", |manager| {
                manager.state = AccountManagerState::Deleted.into();
                manager.delete_time = Some(now);
            });
        } else if let Some(index) = self.pick_manager(&[AccountManagerState::Deleted]) {
            self.alter_manager(index, "account_manager.undeleted", "UndeleteAccountManager", |manager| {
                let departed = !manager.depart_date.is_empty();
                manager.state =
                    if departed { AccountManagerState::Departed } else { AccountManagerState::InService }.into();
                manager.delete_time = None;
            });
        }
    }

    /// The place of the open PRIMARY assignment of an account.
    fn primary(&self, account: &Account) -> Option<usize> {
        let is = |open: &Assignment| open.role() == AssignmentRole::Primary && open.account_id == account.id;
        self.assignments.iter().position(|open| is(&open.now))
    }

    /// The place of an account that may be taken, if one is found soon.
    fn pick_account(&mut self, may: impl Fn(&Self, &Account) -> bool) -> Option<usize> {
        if self.accounts.is_empty() {
            return None;
        }
        let tries = (0..8).map(|_| self.random.index(self.accounts.len())).collect::<Vec<_>>();
        tries.into_iter().find(|index| may(self, &self.accounts[*index].now))
    }

    fn open_assignment(&mut self) {
        let primary = self.random.chance(75);
        let may =
            |this: &Self, account: &Account| lives(this, account) && !(primary && this.primary(account).is_some());
        let Some(index) = self.pick_account(may) else { return };
        let account = self.accounts[index].now.clone();
        let Some(manager) = self.pick_manager(&[AccountManagerState::InService]) else { return };
        let others = [AssignmentRole::Backup, AssignmentRole::ProductManager, AssignmentRole::SupportManager];
        let role = if primary { AssignmentRole::Primary } else { *self.random.pick(&others) };
        self.assign(&account, manager, role, "AssignmentService/OpenAssignment");
    }

    fn assign(&mut self, account: &Account, manager: usize, role: AssignmentRole, method: &str) {
        // Responsibility may have begun before anybody wrote it down.
        let start_date = self.feed.today() - time::Duration::days(self.random.between(0, 20));
        self.assigned += 1;
        let new = self.feed.create(Assignment {
            id: uuid(self.feed.now, 1_000_000 + self.assigned).to_string(),
            account_id: account.id.clone(),
            account_manager_id: self.managers[manager].now.id.clone(),
            role: role.into(),
            start_date: start_date.to_string(),
            state: AssignmentState::Open.into(),
            territory_code: account.territory_code.clone(),
            ..Assignment::default()
        });
        self.tell_assignment("assignment.opened", method, None, &new);
        self.assignments.push(new);
    }

    fn tell_assignment(&mut self, kind: &str, method: &str, before: Option<Assignment>, now: &Kept<Assignment>) {
        let account = self.accounts.iter().find(|account| account.now.id == now.now.account_id).unwrap();
        let change = AssignmentChange {
            before,
            after: Some(now.now.clone()),
            reason: String::new(),
            account_tier: account.now.tier,
        };
        let territory = account.now.territory_code.clone();
        self.feed.tell(kind, method, now.key(), &territory, &change);
    }

    fn close_assignment(&mut self) {
        if !self.assignments.is_empty() {
            let index = self.random.index(self.assignments.len());
            self.close(index, "AssignmentService/CloseAssignment");
        }
    }

    fn close(&mut self, index: usize, method: &str) {
        let mut assignment = self.assignments.swap_remove(index);
        let today = self.feed.today().to_string();
        let of_account = |account: &&Kept<Account>| account.now.id == assignment.now.account_id;
        let territory = self.accounts.iter().find(of_account).unwrap().now.territory_code.clone();
        let before = self.feed.change(&mut assignment, |assignment| {
            assignment.territory_code = territory;
            assignment.state = AssignmentState::Closed.into();
            assignment.end_date = today;
        });
        self.tell_assignment("assignment.closed", method, Some(before), &assignment);
    }

    /// Another manager answers for an account from now on.
    fn hand_over(&mut self) {
        let may = |this: &Self, account: &Account| lives(this, account) && this.primary(account).is_some();
        let Some(index) = self.pick_account(may) else { return };
        let account = self.accounts[index].now.clone();
        let Some(manager) = self.pick_manager(&[AccountManagerState::InService]) else { return };
        let method = *self.random.pick(&["HandOverService/TransferAccounts", "AssignmentService/HandOverAccount"]);
        let primary = self.primary(&account).unwrap();
        self.close(primary, method);
        self.assign(&account, manager, AssignmentRole::Primary, method);
        if method.starts_with("HandOver") {
            let id = uuid(self.feed.now, 2_000_000 + i64::try_from(self.feed.events.len()).unwrap());
            let after = HandOver { id: id.to_string(), account_count: 1, ..HandOver::default() };
            let change = HandOverChange { after: Some(after), reason: String::new() };
            self.feed.tell("hand_over.created", method, (id, 1), &account.territory_code, &change);
        }
    }
}

fn lives(_: &Registry<'_>, account: &Account) -> bool {
    matches!(account.state(), AccountState::Prospect | AccountState::Active | AccountState::Churned)
}
