//! The account and its rules.

use std::collections::{BTreeMap, HashMap};

use guanxi_resource::{Error, Resource, Stamp};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::name;
use crate::error::Refused;
use crate::territory::Territory;

/// Levels of a hierarchy.
pub(super) const MAX_DEPTH: usize = 10;
/// A UUID and a slash.
pub(super) const STEP: usize = 37;

/// Where an account stands. Kept beside `delete_time`: a deleted account remembers its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum State {
    Prospect,
    Active,
    AtRisk,
    Churned,
    Merged,
}

impl State {
    pub(super) const fn name(self) -> &'static str {
        match self {
            State::Prospect => "PROSPECT",
            State::Active => "ACTIVE",
            State::AtRisk => "AT_RISK",
            State::Churned => "CHURNED",
            State::Merged => "MERGED",
        }
    }
}

/// Classification by weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[sqlx(type_name = "text")]
pub(crate) enum Tier {
    A,
    B,
    C,
}

/// An account as it is stored; its fields are the columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(super) struct Account {
    pub(super) id: Uuid,
    pub(super) legal_name: String,
    pub(super) short_name: Option<String>,
    pub(super) aliases: Vec<String>,
    pub(super) credit_code: Option<String>,
    /// `system=value`, sorted.
    pub(super) external_ids: Vec<String>,
    pub(super) industry_code: Option<String>,
    pub(super) parent_id: Option<Uuid>,
    pub(super) tree_path: String,
    pub(super) territory_code: String,
    pub(super) territory_path: String,
    pub(super) address: Option<String>,
    pub(super) employee_count: Option<i64>,
    pub(super) registered_capital: Option<Decimal>,
    pub(super) registered_capital_currency: Option<String>,
    pub(super) tax_rank: Option<i32>,
    pub(super) public_sector: bool,
    pub(super) legal_representative: Option<String>,
    pub(super) tier: Option<Tier>,
    pub(super) state: State,
    pub(super) source: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) attributes: Json<BTreeMap<String, String>>,
    pub(super) version: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) create_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) update_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(super) delete_time: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(super) activate_time: Option<OffsetDateTime>,
    /// Of the parent, read along: who may not see that territory does not see the parent.
    #[serde(skip)]
    pub(super) parent_territory_code: Option<String>,
    #[serde(skip)]
    pub(super) parent_territory_path: Option<String>,
}

impl Account {
    /// An account that nothing is known of yet but where it lies.
    pub(super) fn blank(id: Uuid, now: OffsetDateTime, territory: &Territory) -> Self {
        Self {
            id,
            legal_name: String::new(),
            short_name: None,
            aliases: Vec::new(),
            credit_code: None,
            external_ids: Vec::new(),
            industry_code: None,
            parent_id: None,
            tree_path: format!("{id}/"),
            territory_code: territory.code.clone(),
            territory_path: territory.path.clone(),
            address: None,
            employee_count: None,
            registered_capital: None,
            registered_capital_currency: None,
            tax_rank: None,
            public_sector: false,
            legal_representative: None,
            tier: None,
            state: State::Prospect,
            source: None,
            tags: Vec::new(),
            attributes: Json::default(),
            version: 1,
            create_time: now,
            update_time: now,
            delete_time: None,
            activate_time: None,
            parent_territory_code: None,
            parent_territory_path: None,
        }
    }

    /// The grams of all names, for search.
    pub(super) fn grams(&self) -> Vec<String> {
        name::grams(self.names())
    }

    /// Legal name, short name, aliases.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let first = [Some(&self.legal_name), self.short_name.as_ref()];
        first.into_iter().flatten().chain(&self.aliases).map(String::as_str)
    }

    /// Hangs the account under a parent, or under none. `height` is the number of levels of its own subtree, itself included.
    pub(super) fn hang(&mut self, parent: Option<&Account>, height: usize) -> Result<(), Error> {
        if let Some(parent) = parent {
            if parent.tree_path.starts_with(&self.tree_path) {
                return Err(Refused::AccountCycle { parent_account_id: parent.id.to_string() }.into());
            }
            parent.check_live()?;
            if parent.depth() + height > MAX_DEPTH {
                return Err(Refused::AccountTreeTooDeep { max: MAX_DEPTH }.into());
            }
        }
        self.parent_id = parent.map(|parent| parent.id);
        self.parent_territory_code = parent.map(|parent| parent.territory_code.clone());
        self.parent_territory_path = parent.map(|parent| parent.territory_path.clone());
        self.tree_path = format!("{}{}/", parent.map_or("", |parent| &parent.tree_path), self.id);
        Ok(())
    }

    /// Levels from the topmost account to this one.
    pub(super) fn depth(&self) -> usize {
        self.tree_path.len() / STEP
    }

    /// Refuses a change of a deleted account.
    pub(super) fn check_live(&self) -> Result<(), Error> {
        if self.delete_time.is_none() {
            return Ok(());
        }
        Err(Error::StateForbids { state: "DELETED", expected: "PROSPECT, ACTIVE, AT_RISK, CHURNED" })
    }

    /// PROSPECT → ACTIVE, where somebody answers for it.
    pub(super) fn activated(&self, has_primary: bool, now: OffsetDateTime) -> Result<Self, Error> {
        self.check_live()?;
        if self.state != State::Prospect {
            return Err(Error::StateForbids { state: self.state.name(), expected: "PROSPECT" });
        }
        if !has_primary {
            return Err(Refused::PrimaryMissing.into());
        }
        Ok(Self { state: State::Active, activate_time: self.activate_time.or(Some(now)), ..self.clone() })
    }

    /// The ids of the accounts above, from the topmost one down.
    pub(super) fn ancestors(&self) -> Vec<Uuid> {
        let ids = self.tree_path.split_terminator('/').filter_map(|id| id.parse().ok());
        ids.filter(|id| *id != self.id).collect()
    }

    /// The topmost of the ancestors at hand that leads down to this account without a gap; itself where its parent is not at hand.
    pub(super) fn top_among<'a>(&'a self, ancestors: &'a [Account]) -> &'a Account {
        let mut top = self;
        while let Some(parent) = ancestors.iter().find(|ancestor| Some(ancestor.id) == top.parent_id) {
            top = parent;
        }
        top
    }

    /// Any live state → DELETED, where nothing hangs on the account: subsidiaries, of which the caller may know of `visible`, and open
    /// assignments.
    pub(super) fn deleted(
        &self,
        (subsidiaries, visible): (usize, usize),
        assignments: usize,
        now: OffsetDateTime,
    ) -> Result<Self, Error> {
        self.check_live()?;
        if subsidiaries > 0 {
            return Err(Refused::AccountHasSubsidiaries { count: visible }.into());
        }
        if assignments > 0 {
            return Err(Refused::AccountHasAssignments { count: assignments }.into());
        }
        Ok(Self { delete_time: Some(now), ..self.clone() })
    }

    /// DELETED → the state before.
    pub(super) fn undeleted(&self, parent: Option<&Account>) -> Result<Self, Error> {
        if self.delete_time.is_none() {
            return Err(Error::StateForbids { state: self.state.name(), expected: "DELETED" });
        }
        if let Some(parent) = parent {
            parent.check_live()?;
        }
        Ok(Self { delete_time: None, ..self.clone() })
    }
}

impl Resource for Account {
    fn stamp(&mut self) -> Stamp<'_> {
        Stamp { id: self.id, version: &mut self.version, update_time: &mut self.update_time }
    }
}

/// The accounts that hang together below a root, with their depth below it. They come parents first; what hangs on an account that is
/// not among them is left out, for its place would not be true.
pub(super) fn connected(accounts: &[Account], root: Uuid) -> Vec<(&Account, i32)> {
    let mut depths = HashMap::new();
    let mut tree = Vec::with_capacity(accounts.len());
    for account in accounts {
        let above = account.parent_id.and_then(|parent| depths.get(&parent)).copied();
        let depth = if account.id == root { Some(0) } else { above.map(|above: i32| above + 1) };
        if let Some(depth) = depth {
            depths.insert(account.id, depth);
            tree.push((account, depth));
        }
    }
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        let now = OffsetDateTime::UNIX_EPOCH;
        let territory = Territory {
            id: Uuid::nil(),
            code: "CN".to_owned(),
            name_zh: String::new(),
            name_en: None,
            level: String::new(),
            parent_code: None,
            path: "CN/".to_owned(),
            version: 1,
            create_time: now,
            update_time: now,
        };
        Account::blank(Uuid::now_v7(), now, &territory)
    }

    #[test]
    fn a_prospect_becomes_active_once() {
        let now = OffsetDateTime::UNIX_EPOCH;
        assert_eq!(account().activated(false, now).unwrap_err().refused_for(), Some("PRIMARY_MISSING"));
        let active = account().activated(true, now).unwrap();
        assert_eq!((active.state, active.activate_time), (State::Active, Some(now)));
        assert!(matches!(
            active.activated(true, now),
            Err(Error::StateForbids { state: "ACTIVE", expected: "PROSPECT" })
        ));
    }

    #[test]
    fn a_deleted_account_comes_back_as_it_was() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let active = account().activated(true, now).unwrap();
        assert_eq!(active.deleted((2, 1), 0, now).unwrap_err().refused_for(), Some("ACCOUNT_HAS_SUBSIDIARIES"));
        assert_eq!(active.deleted((0, 0), 1, now).unwrap_err().refused_for(), Some("ACCOUNT_HAS_ASSIGNMENTS"));
        let deleted = active.deleted((0, 0), 0, now).unwrap();
        assert!(deleted.activated(true, now).is_err() && deleted.deleted((0, 0), 0, now).is_err());
        let back = deleted.undeleted(None).unwrap();
        assert_eq!(back, active);
        assert!(matches!(back.undeleted(None), Err(Error::StateForbids { state: "ACTIVE", expected: "DELETED" })));
        assert!(deleted.undeleted(Some(&deleted)).is_err());
    }

    #[test]
    fn a_hierarchy_is_shown_without_what_hangs_on_something_hidden() {
        let (top, mut hidden, mut below, mut beside) = (account(), account(), account(), account());
        hidden.hang(Some(&top), 1).unwrap();
        below.hang(Some(&hidden), 1).unwrap();
        beside.hang(Some(&top), 1).unwrap();
        assert_eq!(below.ancestors(), [top.id, hidden.id]);
        assert_eq!(below.top_among(std::slice::from_ref(&top)).id, below.id);
        assert_eq!(below.top_among(&[top.clone(), hidden]).id, top.id);
        let accounts = [top.clone(), below, beside.clone()];
        let seen: Vec<_> =
            connected(&accounts, top.id).into_iter().map(|(account, depth)| (account.id, depth)).collect();
        assert_eq!(seen, [(top.id, 0), (beside.id, 1)]);
    }

    #[test]
    fn a_hierarchy_has_no_cycle_and_an_end() {
        let mut chain = vec![account()];
        for _ in 1..MAX_DEPTH {
            let mut child = account();
            child.hang(chain.last(), 1).unwrap();
            chain.push(child);
        }
        assert_eq!(account().hang(chain.last(), 1).unwrap_err().refused_for(), Some("ACCOUNT_TREE_TOO_DEEP"));
        let mut top = chain[0].clone();
        assert_eq!(top.hang(Some(&chain[3]), 1).unwrap_err().refused_for(), Some("ACCOUNT_CYCLE"));
        assert_eq!(top.hang(Some(&chain[0]), 1).unwrap_err().refused_for(), Some("ACCOUNT_CYCLE"));
        chain[3].hang(None, 7).unwrap();
        assert_eq!(chain[3].depth(), 1);
    }
}
