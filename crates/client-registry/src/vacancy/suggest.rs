//! Who could look after what: a pure function of accounts, managers and what these have to do already.
//!
//! First everybody gets the one who is least full for his channel, those with the fewest choices first. Whoever got nobody then gets
//! somebody if others can make room for it, so as many as possible are placed. At last accounts go from fuller managers to less full
//! ones as long as that evens them out. Nothing depends on the order in which accounts and managers come.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

use crate::assignment::gate::{self, Account, Gate, Manager};
use crate::assignment_policy::AssignmentPolicy;

/// Rounds of evening out; two are usual.
const MAX_ROUNDS: usize = 50;

/// What was found for an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// The index of the manager, and what he has to do when all suggestions are followed.
    Manager { index: usize, load: i64 },
    /// What keeps how many managers away.
    Nobody(Vec<(Obstacle, usize)>),
}

/// A gate that keeps managers from an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    Territory,
    Grade,
    Channel,
    Load,
}

/// Finds somebody for each account, in its order.
pub(super) fn suggest(
    policy: &AssignmentPolicy,
    accounts: &[Account],
    managers: &[Manager],
    loads: &HashMap<Uuid, i64>,
) -> Vec<Finding> {
    let mut board = Board::new(policy, accounts, managers, loads);
    board.place_greedily();
    board.make_room();
    board.even_out();
    let finding = |(account, place): (usize, &Option<usize>)| match *place {
        Some(index) => Finding::Manager { index, load: board.loads[index] },
        None => Finding::Nobody(obstacles(policy, &accounts[account], managers)),
    };
    board.places.iter().enumerate().map(finding).collect()
}

/// Why nobody was found, by those whose territory or industry it is.
fn obstacles(policy: &AssignmentPolicy, account: &Account, managers: &[Manager]) -> Vec<(Obstacle, usize)> {
    let near = managers.iter().filter(|manager| gate::covers(account, manager));
    let near: Vec<Vec<Gate>> = near.map(|manager| gate::misfits(policy, account, manager, false)).collect();
    if near.is_empty() {
        return vec![(Obstacle::Territory, managers.len())];
    }
    let count = |holds: &dyn Fn(&[Gate]) -> bool| near.iter().filter(|gates| holds(gates)).count();
    let grade = count(&|gates| gates.iter().any(|gate| matches!(gate, Gate::GradeTooLow { .. })));
    let channel = count(&|gates| gates.iter().any(|gate| matches!(gate, Gate::ChannelWrongForTier { .. })));
    let load = count(&|gates| gates.is_empty());
    let all = [(Obstacle::Grade, grade), (Obstacle::Channel, channel), (Obstacle::Load, load)];
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}

struct Board {
    /// Most accounts of each manager, and what each has, suggestions included.
    caps: Vec<i64>,
    loads: Vec<i64>,
    /// The managers that fit each account, nearest first, and the one it has.
    fits: Vec<Vec<usize>>,
    places: Vec<Option<usize>>,
    /// The accounts in an order of their own.
    order: Vec<usize>,
}

impl Board {
    fn new(policy: &AssignmentPolicy, accounts: &[Account], managers: &[Manager], loads: &HashMap<Uuid, i64>) -> Self {
        let mut nearest: Vec<usize> = (0..managers.len()).filter(|index| !managers[*index].departed).collect();
        nearest.retain(|index| !managers[*index].deleted);
        nearest.sort_by_key(|index| (Reverse(managers[*index].territory_path.len()), managers[*index].id));
        let fitting = |account: &Account| {
            // Most cover nothing, which is told at once.
            let fits = |index: &usize| {
                let manager = &managers[*index];
                gate::covers(account, manager) && gate::misfits(policy, account, manager, false).is_empty()
            };
            nearest.iter().copied().filter(fits).collect::<Vec<_>>()
        };
        let fits: Vec<_> = accounts.iter().map(fitting).collect();
        let mut order: Vec<usize> = (0..accounts.len()).collect();
        order.sort_by_key(|account| (fits[*account].len(), accounts[*account].id));
        Self {
            caps: managers.iter().map(|manager| policy.max_accounts(manager.channel)).collect(),
            loads: managers.iter().map(|manager| loads.get(&manager.id).copied().unwrap_or_default()).collect(),
            fits,
            places: vec![None; accounts.len()],
            order,
        }
    }

    /// Gives every account in turn to the one who is least full then; of equal ones to the nearest.
    fn place_greedily(&mut self) {
        for account in self.order.clone() {
            if let Some(manager) = self.least_full(account) {
                self.move_to(account, manager);
            }
        }
    }

    /// Of the managers that fit and have room, the one who would be least full.
    fn least_full(&self, account: usize) -> Option<usize> {
        let open = self.fits[account].iter().copied().filter(|manager| self.loads[*manager] < self.caps[*manager]);
        open.reduce(|best, other| if self.fuller(best, other) { other } else { best })
    }

    /// True if one would be fuller with another account than the other would.
    fn fuller(&self, one: usize, other: usize) -> bool {
        (self.loads[one] + 1) * self.caps[other] > (self.loads[other] + 1) * self.caps[one]
    }

    fn move_to(&mut self, account: usize, manager: usize) {
        if let Some(before) = self.places[account].replace(manager) {
            self.loads[before] -= 1;
        }
        self.loads[manager] += 1;
    }

    /// Finds a chain of moves to somebody with room for each account without a place (augmenting paths). Whom a search reaches in vain, no
    /// later one reaches otherwise.
    fn make_room(&mut self) {
        let mut dead = vec![false; self.caps.len()];
        for account in self.order.clone() {
            if self.places[account].is_none() {
                self.search(account, &mut dead);
            }
        }
    }

    fn search(&mut self, wanting: usize, dead: &mut [bool]) {
        let mut at: Vec<Vec<usize>> = vec![Vec::new(); self.caps.len()];
        for account in &self.order {
            if let Some(manager) = self.places[*account] {
                at[manager].push(*account);
            }
        }
        // By whom each manager was reached: the account that would go there.
        let mut reached: HashMap<usize, usize> = HashMap::new();
        let mut queue = VecDeque::from([wanting]);
        while let Some(account) = queue.pop_front() {
            for &manager in &self.fits[account] {
                if dead[manager] || reached.contains_key(&manager) {
                    continue;
                }
                reached.insert(manager, account);
                if self.loads[manager] < self.caps[manager] {
                    return self.shift(manager, &reached);
                }
                queue.extend(&at[manager]);
            }
        }
        for manager in reached.into_keys() {
            dead[manager] = true;
        }
    }

    /// Moves along the chain that ends at a manager.
    fn shift(&mut self, end: usize, reached: &HashMap<usize, usize>) {
        let mut next = Some(end);
        while let Some(manager) = next {
            let Some(&account) = reached.get(&manager) else { return };
            next = self.places[account];
            self.move_to(account, manager);
        }
    }

    /// Moves accounts to who is then still less full than the one before was: nobody gets fuller than the fullest.
    fn even_out(&mut self) {
        for _ in 0..MAX_ROUNDS {
            let mut moved = false;
            for account in self.order.clone() {
                let Some(now) = self.places[account] else { continue };
                let Some(best) = self.least_full(account).filter(|best| *best != now) else { continue };
                if (self.loads[best] + 1) * self.caps[now] < self.loads[now] * self.caps[best] {
                    self.move_to(account, best);
                    moved = true;
                }
            }
            if !moved {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::account::{State, Tier};
    use crate::account_manager::Channel;

    const PATHS: [&str; 4] = ["CN/", "CN/44/", "CN/44/4403/", "CN/33/"];
    const INDUSTRIES: [&str; 3] = ["I63", "J66", "D44"];

    fn id(number: usize) -> Uuid {
        Uuid::from_u128(u128::try_from(number).unwrap())
    }

    fn account(number: usize, path: usize, tier: usize, industry: usize) -> Account {
        Account {
            id: id(number),
            territory_path: PATHS[path].to_owned(),
            industry_code: Some(INDUSTRIES[industry].to_owned()),
            tier: [None, Some(Tier::A), Some(Tier::B), Some(Tier::C)][tier],
            state: State::Active,
            deleted: false,
        }
    }

    fn manager(number: usize, path: usize, channel: usize, grade: i32, industry: usize) -> Manager {
        let channel = [Channel::Field, Channel::Phone, Channel::Industry][channel];
        let industries = (channel == Channel::Industry).then(|| INDUSTRIES[industry].to_owned());
        Manager {
            id: id(1_000 + number),
            territory_path: PATHS[path].to_owned(),
            channel,
            grade,
            industry_codes: industries.into_iter().collect(),
            departed: false,
            deleted: false,
        }
    }

    fn policy() -> AssignmentPolicy {
        let shipped = AssignmentPolicy::shipped();
        AssignmentPolicy { field_max_accounts: 3, industry_max_accounts: 2, phone_max_accounts: 6, ..shipped }
    }

    prop_compose! {
        fn worlds()(
            accounts in prop::collection::vec((0..4usize, 0..4usize, 0..3usize), 0..25),
            managers in prop::collection::vec((0..4usize, 0..3usize, 1..=5i32, 0..3usize, 0..4i64), 0..10),
        ) -> (Vec<Account>, Vec<Manager>, HashMap<Uuid, i64>) {
            let accounts =
                accounts.iter().enumerate().map(|(number, one)| account(number, one.0, one.1, one.2)).collect();
            let loads = managers.iter().enumerate().map(|(number, one)| (id(1_000 + number), one.4)).collect();
            let managers =
                managers.iter().enumerate().map(|(number, one)| manager(number, one.0, one.1, one.2, one.3)).collect();
            (accounts, managers, loads)
        }
    }

    fn placed(board: &Board) -> usize {
        board.places.iter().flatten().count()
    }

    /// True if somebody is fuller in one than the fullest of those who got something in the other.
    fn fullest(board: &Board) -> f64 {
        let used = board.places.iter().flatten();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let ratios = used.map(|manager| board.loads[*manager] as f64 / board.caps[*manager] as f64);
        ratios.fold(0.0, f64::max)
    }

    /// Most accounts that can be placed, by trying everything.
    fn most(board: &Board, account: usize, loads: &mut Vec<i64>) -> usize {
        if account == board.fits.len() {
            return 0;
        }
        let mut best = most(board, account + 1, loads);
        for &manager in &board.fits[account] {
            if loads[manager] < board.caps[manager] {
                loads[manager] += 1;
                best = best.max(1 + most(board, account + 1, loads));
                loads[manager] -= 1;
            }
        }
        best
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

        #[test]
        fn a_suggestion_passes_every_gate_and_fills_nobody_over((accounts, managers, loads) in worlds()) {
            let policy = policy();
            let mut after = loads.clone();
            let findings = suggest(&policy, &accounts, &managers, &loads);
            for (account, finding) in accounts.iter().zip(&findings) {
                match finding {
                    Finding::Manager { index, .. } => {
                        prop_assert_eq!(gate::misfits(&policy, account, &managers[*index], false), vec![]);
                        *after.get_mut(&managers[*index].id).unwrap() += 1;
                    }
                    Finding::Nobody(why) => prop_assert!(!why.is_empty()),
                }
            }
            for manager in &managers {
                let (before, after) = (loads[&manager.id], after[&manager.id]);
                prop_assert!(after == before || after <= policy.max_accounts(manager.channel));
                let told = findings.iter().find_map(|finding| match finding {
                    Finding::Manager { index, load } if managers[*index].id == manager.id => Some(*load),
                    _ => None,
                });
                prop_assert!(told.is_none_or(|load| load == after));
            }
        }

        #[test]
        fn it_does_not_matter_in_which_order_they_come((accounts, managers, loads) in worlds()) {
            let by_id = |accounts: &[Account], managers: &[Manager]| {
                let findings = suggest(&policy(), accounts, managers, &loads);
                let found = accounts.iter().zip(findings).map(|(account, finding)| match finding {
                    Finding::Manager { index, load } => (account.id, Some((managers[index].id, load))),
                    Finding::Nobody(_) => (account.id, None),
                });
                found.collect::<HashMap<_, _>>()
            };
            let (mut other_accounts, mut other_managers) = (accounts.clone(), managers.clone());
            other_accounts.reverse();
            other_managers.reverse();
            prop_assert_eq!(by_id(&accounts, &managers), by_id(&other_accounts, &other_managers));
        }

        #[test]
        fn it_is_never_worse_than_greedy((accounts, managers, loads) in worlds()) {
            let mut board = Board::new(&policy(), &accounts, &managers, &loads);
            board.place_greedily();
            let (greedily, fullest_then) = (placed(&board), fullest(&board));
            board.make_room();
            let with_room = placed(&board);
            board.even_out();
            prop_assert!(with_room >= greedily && placed(&board) == with_room);
            prop_assert!(with_room > greedily || fullest(&board) <= fullest_then);
        }

        #[test]
        fn as_many_as_possible_are_placed((accounts, managers, loads) in worlds()) {
            let (accounts, managers) = (&accounts[..accounts.len().min(6)], &managers[..managers.len().min(4)]);
            let mut board = Board::new(&policy(), accounts, managers, &loads);
            let most = most(&board, 0, &mut board.loads.clone());
            board.place_greedily();
            board.make_room();
            prop_assert_eq!(placed(&board), most);
        }
    }

    #[test]
    fn equals_share_alike() {
        let accounts: Vec<_> = (0..9).map(|number| account(number, 2, 0, 0)).collect();
        let managers: Vec<_> = (0..3).map(|number| manager(number, 2, 0, 3, 0)).collect();
        let findings = suggest(&policy(), &accounts, &managers, &HashMap::new());
        assert!(findings.iter().all(|finding| matches!(finding, Finding::Manager { load: 3, .. })), "{findings:?}");
    }

    #[test]
    fn whom_nobody_fits_is_told_why() {
        let managers = [manager(0, 2, 0, 1, 0), manager(1, 2, 0, 3, 0), manager(2, 2, 1, 5, 0)];
        let loads = HashMap::from([(id(1_000), 3), (id(1_001), 3), (id(1_002), 6)]);
        let why = |account: Account| suggest(&policy(), &[account], &managers, &loads).remove(0);
        assert_eq!(why(account(0, 3, 0, 0)), Finding::Nobody(vec![(Obstacle::Territory, 3)]));
        let expected = vec![(Obstacle::Grade, 2), (Obstacle::Load, 1)];
        assert_eq!(why(account(0, 2, 1, 0)), Finding::Nobody(expected));
        let expected = vec![(Obstacle::Channel, 2), (Obstacle::Load, 1)];
        assert_eq!(why(account(0, 2, 3, 0)), Finding::Nobody(expected));
    }
}
