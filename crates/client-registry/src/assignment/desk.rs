//! What a decision about assignments looks at, locked: accounts, then managers, then open assignments.

use std::collections::{BTreeSet, HashMap};

use guanxi_auth::Scope;
use guanxi_db::PgConnection;
use guanxi_grpc::{Refusal, Violation};
use guanxi_resource::Error;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::convert::unmet;
use super::gate::{self, Account, Gate, Manager, Step};
use super::model::{Assignment, Role};
use super::store;
use crate::assignment_policy::{self as policies, AssignmentPolicy};

/// Who is to look after what.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) account_id: Uuid,
    pub(crate) account_manager_id: Uuid,
    pub(crate) role: Role,
    pub(crate) start_date: Date,
    pub(crate) exception_reason: Option<String>,
}

/// Everything that the gates ask for some wishes.
pub(crate) struct Desk {
    policy: AssignmentPolicy,
    pub(crate) accounts: HashMap<Uuid, Account>,
    pub(crate) managers: HashMap<Uuid, Manager>,
    loads: HashMap<Uuid, i64>,
    /// The open PRIMARYs of the accounts.
    pub(crate) open: HashMap<Uuid, Assignment>,
    last_ends: HashMap<Uuid, Date>,
}

impl Desk {
    /// Locks and reads, in a fixed number of statements. Whatever changes one of these accounts or gives one of these managers something
    /// to do waits; what lies outside the scope is missing.
    pub(crate) async fn lock(
        connection: &mut PgConnection,
        scope: &Scope,
        wishes: &[Wish],
        today: Date,
    ) -> Result<Self, Error> {
        let ids =
            |id: fn(&Wish) -> Uuid| wishes.iter().map(id).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
        let (account_ids, manager_ids) = (ids(|wish| wish.account_id), ids(|wish| wish.account_manager_id));
        let accounts = store::lock_accounts(connection, scope, &account_ids).await?;
        let managers = store::lock_managers(connection, scope, &manager_ids).await?;
        let open = store::lock_primaries(connection, &account_ids).await?;
        let backdated = wishes.iter().any(|wish| wish.start_date < today);
        let ended: &[Uuid] = if backdated { &account_ids } else { &[] };
        let last_ends = store::last_ends(connection, ended).await?;
        Ok(Self {
            policy: policies::store::get(connection).await?,
            accounts: accounts.into_iter().map(|account| (account.id, account)).collect(),
            managers: managers.into_iter().map(|manager| (manager.id, manager)).collect(),
            // Read after the managers are locked, so that it counts what those waited for have opened.
            loads: store::loads(connection, &manager_ids).await?,
            open: open.into_iter().map(|assignment| (assignment.account_id, assignment)).collect(),
            last_ends,
        })
    }

    /// The account of a wish, or the refusal that there is none.
    pub(crate) fn account(&self, wish: &Wish) -> Result<&Account, Error> {
        let missing = || Error::not_found("account", wish.account_id);
        self.accounts.get(&wish.account_id).ok_or_else(missing)
    }

    fn manager(&self, wish: &Wish) -> Result<&Manager, Error> {
        let missing = || Error::not_found("account_manager", wish.account_manager_id);
        self.managers.get(&wish.account_manager_id).ok_or_else(missing)
    }

    /// The broken gates of wishes that are granted together.
    pub(crate) fn broken(&self, wishes: &[Wish], replaces: bool) -> Result<Vec<(usize, Gate)>, Error> {
        let step = |wish: &Wish| {
            Ok(Step {
                account: self.account(wish)?,
                manager: self.manager(wish)?,
                role: wish.role,
                start_date: wish.start_date,
                exception: wish.exception_reason.is_some(),
                current: self.open.get(&wish.account_id),
                replaces,
                last_end: self.last_ends.get(&wish.account_id).copied(),
            })
        };
        let steps = wishes.iter().map(step).collect::<Result<Vec<_>, Error>>()?;
        Ok(gate::broken(&self.policy, &steps, &self.loads))
    }

    /// Refuses a wish that does not pass every gate.
    pub(crate) fn check(&self, wish: &Wish, replaces: bool) -> Result<(), Error> {
        let broken = self.broken(std::slice::from_ref(wish), replaces)?;
        let unmet: Vec<Violation> = broken.iter().map(|(_, gate)| unmet(&subject(gate), gate)).collect();
        if unmet.is_empty() { Ok(()) } else { Err(Refusal::unmet(unmet).into()) }
    }

    /// The assignment that a wish leads to.
    pub(crate) fn opened(
        &self,
        id: Uuid,
        wish: &Wish,
        reason: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Assignment, Error> {
        let account = self.account(wish)?;
        Ok(Assignment {
            id,
            account_id: wish.account_id,
            account_manager_id: wish.account_manager_id,
            role: wish.role,
            start_date: wish.start_date,
            end_date: None,
            open_reason: reason.map(str::to_owned),
            close_reason: None,
            exception_reason: wish.exception_reason.clone(),
            hand_over_id: None,
            closing_hand_over_id: None,
            territory_path: account.territory_path.clone(),
            version: 1,
            create_time: now,
            update_time: now,
            account_tier: account.tier,
        })
    }
}

/// The field of the request that a gate is about.
fn subject(gate: &Gate) -> String {
    let field = match gate {
        Gate::PrimaryExists { .. } | Gate::AccountNotServed { .. } => "account_id",
        Gate::Overlaps { .. } => "start_date",
        _ => "account_manager_id",
    };
    field.to_owned()
}
