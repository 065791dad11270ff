//! Who calls, and what follows from its grants.

use std::collections::BTreeSet;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::Role;

/// How the subject of a machine begins: `service:<name>`.
pub const SERVICE_PREFIX: &str = "service:";

/// The territory code that means the whole tree.
pub const EVERYWHERE: &str = "*";

/// A role held in a territory and everything below it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// Code of the territory; [`EVERYWHERE`] is the whole tree.
    pub territory_code: String,
}

/// What a verified token says about its bearer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The employee number, or `service:<name>` for a machine (RFC 7519, `sub`).
    pub subject: String,
    /// What it was granted, as the token lists it.
    pub grants: Vec<Grant>,
    /// From this instant on the token is worth nothing (RFC 7519, `exp`).
    pub expire_time: OffsetDateTime,
}

impl Principal {
    /// The name of the machine, if it is one: `kpi` for `service:kpi`.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.subject.strip_prefix(SERVICE_PREFIX)
    }
}

/// A principal that makes a call. Its methods answer for all its grants together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who it is.
    pub principal: Arc<Principal>,
}

impl Caller {
    /// True if a role of one of the grants has the permission, in whatever territory.
    #[must_use]
    pub fn may(&self, permission: &str) -> bool {
        self.principal.grants.iter().any(|grant| grant.role.may(permission))
    }

    /// The territories of the grants whose role has the permission, sorted and each once: what
    /// [`Scope::resolve`](crate::Scope::resolve) takes.
    #[must_use]
    pub fn territory_codes(&self, permission: &str) -> Vec<&str> {
        let granting = self.principal.grants.iter().filter(|grant| grant.role.may(permission));
        granting.map(|grant| grant.territory_code.as_str()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Every permission that follows from the grants, sorted.
    #[must_use]
    pub fn permissions(&self) -> Vec<&'static str> {
        let all = self.principal.grants.iter().flat_map(|grant| grant.role.permissions());
        all.copied().collect::<BTreeSet<_>>().into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::{ACCOUNT_READ, ACCOUNT_WRITE, EVENT_FOLLOW};

    fn caller(subject: &str, grants: &[(Role, &str)]) -> Caller {
        let grants =
            grants.iter().map(|&(role, code)| Grant { role, territory_code: code.to_owned() }).collect::<Vec<_>>();
        let expire_time = OffsetDateTime::UNIX_EPOCH;
        Caller { principal: Arc::new(Principal { subject: subject.to_owned(), grants, expire_time }) }
    }

    #[test]
    fn a_permission_holds_only_where_a_role_that_has_it_was_granted() {
        let caller = caller(
            "10023",
            &[(Role::AccountManager, "440305"), (Role::Auditor, "440000"), (Role::AccountManager, "440304")],
        );
        assert_eq!(caller.territory_codes(ACCOUNT_WRITE), ["440304", "440305"]);
        assert_eq!(caller.territory_codes(ACCOUNT_READ), ["440000", "440304", "440305"]);
        assert_eq!(caller.territory_codes(EVENT_FOLLOW), ["440000"]);
        assert!(caller.territory_codes("account.activate").is_empty());
        assert!(caller.may(ACCOUNT_WRITE));
        assert!(!caller.may("account.activate"));
    }

    #[test]
    fn permissions_of_several_grants_are_listed_once_and_sorted() {
        let caller = caller("10023", &[(Role::Auditor, "CN"), (Role::Approver, "CN"), (Role::Auditor, "440000")]);
        let both = [
            "account.read",
            "account_manager.read",
            "assignment.read",
            "assignment_policy.read",
            "catalog.read",
            "change.read",
            "event.follow",
            "indicator.read",
            "indicator.read_all",
            "opportunity.read",
            "opportunity.read_all",
            "pipeline.read",
            "price_quote.read",
            "quote.approve",
            "target.read",
            "territory.read",
        ];
        assert_eq!(caller.permissions(), both);
    }

    #[test]
    fn a_machine_is_known_by_its_subject_and_nothing_follows_from_no_grants() {
        assert_eq!(caller("service:kpi", &[]).principal.service(), Some("kpi"));
        let person = caller("10023", &[]);
        assert_eq!(person.principal.service(), None);
        assert!(person.permissions().is_empty());
        assert!(!person.may(ACCOUNT_READ));
    }
}
