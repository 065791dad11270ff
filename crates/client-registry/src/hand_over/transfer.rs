//! What a transfer wishes, and everything that keeps it from being carried out.

use guanxi_auth::Scope;
use guanxi_db::PgConnection;
use guanxi_grpc::{Refusal, Violation};
use guanxi_proto::errors::v1::ErrorReason;
use guanxi_resource::Error;
use time::Date;
use uuid::Uuid;

use crate::assignment::{Desk, Role, Wish, store as assignments, unmet};
use crate::error::Refused;

/// Most accounts of a transfer.
pub(super) const MAX_ACCOUNTS: usize = 1_000;

/// Which accounts go to whom.
pub(super) enum Accounts {
    Portfolio { from: Uuid, to: Uuid },
    Named(Vec<(Uuid, Uuid)>),
}

/// A checked transfer.
pub(super) struct Transfer {
    pub(super) accounts: Accounts,
    pub(super) reason: String,
    pub(super) note: Option<String>,
    pub(super) exception_reason: Option<String>,
}

impl Transfer {
    /// The wishes, locked with everything that the gates ask. What the manager of a portfolio gave away meanwhile is none any more.
    pub(super) async fn lock(
        &self,
        connection: &mut PgConnection,
        scope: &Scope,
        today: Date,
    ) -> Result<(Vec<Wish>, Desk), Error> {
        let wish = |(account_id, account_manager_id): (Uuid, Uuid)| {
            let exception_reason = self.exception_reason.clone();
            Wish { account_id, account_manager_id, role: Role::Primary, start_date: today, exception_reason }
        };
        let pairs = match &self.accounts {
            Accounts::Named(pairs) => pairs.clone(),
            Accounts::Portfolio { from, to } => {
                let portfolio = portfolio(connection, scope, *from).await?;
                portfolio.into_iter().map(|account| (account, *to)).collect()
            }
        };
        let mut wishes: Vec<Wish> = pairs.into_iter().map(wish).collect();
        let desk = Desk::lock(connection, scope, &wishes, today).await?;
        if let Accounts::Portfolio { from, .. } = self.accounts {
            let has = |wish: &Wish| desk.open.get(&wish.account_id).is_some_and(|open| open.account_manager_id == from);
            wishes.retain(has);
            if wishes.is_empty() {
                return Err(Refused::PortfolioEmpty { account_manager_id: from.to_string() }.into());
            }
        }
        Ok((wishes, desk))
    }

    /// What is broken, each with the index of its wish.
    pub(super) fn broken(&self, wishes: &[Wish], desk: &Desk) -> Result<Vec<(usize, Violation)>, Error> {
        let subject = |index: usize| match &self.accounts {
            Accounts::Named(_) => format!("transfers.transfers[{index}]"),
            Accounts::Portfolio { .. } => format!("account/{}", wishes[index].account_id),
        };
        let mut broken = Vec::new();
        let (mut there, mut places) = (Vec::new(), Vec::new());
        for (index, wish) in wishes.iter().enumerate() {
            let Some((resource, id)) = missing(wish, desk) else {
                there.push(wish.clone());
                places.push(index);
                continue;
            };
            let missing = Violation::new(subject(index), ErrorReason::ResourceNotFound);
            broken.push((index, missing.with("resource", resource).with("value", id)));
        }
        let gates = desk.broken(&there, true)?;
        broken.extend(gates.iter().map(|(place, gate)| (places[*place], unmet(&subject(places[*place]), gate))));
        broken.sort_by_key(|(index, _)| *index);
        Ok(broken)
    }

    /// Refuses wishes that are not all granted.
    pub(super) fn check(&self, wishes: &[Wish], desk: &Desk) -> Result<(), Error> {
        if let Some((resource, id)) = wishes.iter().find_map(|wish| missing(wish, desk)) {
            return Err(Error::NotFound { resource, value: id.to_string() });
        }
        let broken = self.broken(wishes, desk)?;
        if broken.is_empty() {
            return Ok(());
        }
        Err(Refusal::unmet(broken.into_iter().map(|(_, violation)| violation).collect()).into())
    }
}

/// What a wish names and the caller does not see.
fn missing(wish: &Wish, desk: &Desk) -> Option<(&'static str, Uuid)> {
    if !desk.accounts.contains_key(&wish.account_id) {
        return Some(("account", wish.account_id));
    }
    let manager = wish.account_manager_id;
    (!desk.managers.contains_key(&manager)).then_some(("account_manager", manager))
}

/// The accounts of a manager that the caller sees.
async fn portfolio(connection: &mut PgConnection, scope: &Scope, manager_id: Uuid) -> Result<Vec<Uuid>, Error> {
    assignments::check_manager(connection, scope, manager_id).await?;
    let accounts = assignments::portfolio(connection, scope, manager_id).await?;
    if accounts.len() > MAX_ACCOUNTS {
        let many = Violation::new("portfolio.from_account_manager_id", ErrorReason::TooMany);
        return Err(many.with("max", MAX_ACCOUNTS).with("count", accounts.len()).into());
    }
    Ok(accounts)
}
