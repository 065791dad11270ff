//! What a caller sees of the resources of a noun.

use guanxi_auth::{Scope, TerritoryPaths};
use guanxi_filter::PageQuery;
use guanxi_grpc::Call;
use guanxi_proto::Personal;

use crate::personal::mask;

/// Where a caller may see resources of a noun, and where the persons in them.
pub struct Sight {
    /// Where it may see resources.
    pub scope: Scope,
    persons: Scope,
    own: Option<Own>,
}

/// A caller who sees, outside a part of its scope, only what it works on itself.
struct Own {
    subject: String,
    everything: Scope,
}

impl Sight {
    /// `permission` is the one that persons are seen with.
    #[must_use]
    pub fn of(call: &Call, permission: &str, paths: &TerritoryPaths) -> Self {
        Self { scope: call.scope(paths), persons: call.scope_of(permission, paths), own: None }
    }

    /// Of a caller for what lies in no territory and has no persons.
    #[must_use]
    pub fn everywhere() -> Self {
        Self { scope: Scope::everything(), persons: Scope::nothing(), own: None }
    }

    /// Where the caller has not `permission`, it sees only what it works on itself.
    #[must_use]
    pub fn or_own(mut self, call: &Call, permission: &str, paths: &TerritoryPaths) -> Self {
        let everything = call.scope_of(permission, paths);
        self.own = Some(Own { subject: call.subject().to_owned(), everything });
        self
    }

    /// True if the caller sees what lies at a path. `seen_by` are the employee numbers of those who work on it; `None` where whoever sees
    /// the territory sees it.
    #[must_use]
    pub fn shows(&self, territory_path: &str, seen_by: Option<&[String]>) -> bool {
        let shared = |seen_by: &[String]| match &self.own {
            Some(own) => own.everything.contains(territory_path) || seen_by.contains(&own.subject),
            None => true,
        };
        self.scope.contains(territory_path) && seen_by.is_none_or(shared)
    }

    /// Only what the caller sees; `column` has the employee numbers of those who work on a row.
    #[must_use]
    pub fn narrow(&self, query: PageQuery, column: Option<&'static str>) -> PageQuery {
        match (&self.own, column) {
            (Some(own), Some(column)) => query.or_listed(&own.everything.ranges(), column, own.subject.clone()),
            _ => query,
        }
    }

    /// The whole scope and the subject for statements that are no lists: rows at paths outside the ranges have to name the subject.
    /// Without a subject nothing is asked of them.
    #[must_use]
    pub fn own(&self) -> (Vec<(String, String)>, Option<&str>) {
        match &self.own {
            Some(own) => (own.everything.ranges(), Some(&own.subject)),
            None => (self.scope.ranges(), None),
        }
    }

    /// A resource that lies at a path, as the caller may see it.
    pub fn veil<M: Personal>(&self, territory_path: &str, mut message: M) -> M {
        if !self.persons.contains(territory_path) {
            for (_, value) in message.personal() {
                *value = mask(value);
            }
        }
        message
    }
}
