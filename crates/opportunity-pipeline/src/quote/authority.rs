//! What a caller may decide on, and where.

use guanxi_auth::{Role, Scope, TerritoryPaths};
use guanxi_db::PgConnection;
use guanxi_grpc::Call;
use guanxi_resource::Error;

use super::store;
use crate::approval_policy::Level;

/// What a caller's grants let it approve: levels with the territories that they hold in.
pub(super) struct Authority(Vec<(Level, Scope)>);

impl Authority {
    /// The authority of a caller. That of an account manager is the lowest; who leads, approves or administrates a territory has that of its
    /// level.
    pub(super) async fn of(connection: &mut PgConnection, call: &Call, paths: &TerritoryPaths) -> Result<Self, Error> {
        let grants = &call.caller.principal.grants;
        let codes: Vec<String> = grants.iter().map(|grant| grant.territory_code.clone()).collect();
        let levels = store::levels(connection, &codes).await?;
        let held = grants.iter().filter_map(|grant| {
            let code = grant.territory_code.as_str();
            let of_territory = || match code {
                guanxi_auth::EVERYWHERE => Some(Level::Headquarters),
                code => levels.get(code).and_then(|level| Level::of_territory(level)),
            };
            Some((level(grant.role, of_territory)?, Scope::resolve([code], |code| paths.path_of(code))))
        });
        Ok(Self(held.collect()))
    }

    /// The highest authority at a place; `None` where there is none.
    pub(super) fn at(&self, territory_path: &str) -> Option<Level> {
        self.0.iter().filter(|(_, scope)| scope.contains(territory_path)).map(|(level, _)| *level).max()
    }

    /// The territories in which the caller has a level or a higher one, as ranges of paths.
    pub(super) fn ranges(&self, level: Level) -> Vec<(String, String)> {
        self.0.iter().filter(|(held, _)| *held >= level).flat_map(|(_, scope)| scope.ranges()).collect()
    }
}

/// The authority that a role gives in a territory.
fn level(role: Role, of_territory: impl FnOnce() -> Option<Level>) -> Option<Level> {
    match role {
        Role::AccountManager => Some(Level::Manager),
        Role::Supervisor | Role::Director | Role::Approver | Role::Administrator => of_territory(),
        Role::ProductManager | Role::SupportManager | Role::Analyst | Role::Auditor | Role::Service => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_holds_where_it_was_granted_and_the_highest_counts() {
        let scope = |code: &'static str, path: &'static str| {
            Scope::resolve([code], |known| (known == code).then(|| path.to_owned()))
        };
        let authority =
            Authority(vec![(Level::Manager, scope("CN", "CN/")), (Level::City, scope("440300", "CN/440000/440300/"))]);
        assert_eq!(authority.at("CN/440000/440300/440305/"), Some(Level::City));
        assert_eq!(authority.at("CN/440000/"), Some(Level::Manager));
        assert_eq!(authority.at("US/"), None);
        assert_eq!(authority.ranges(Level::County).len(), 1);
        assert_eq!(authority.ranges(Level::Province), []);
    }

    #[test]
    fn who_leads_decides_by_the_level_of_the_territory_and_who_supports_never() {
        let city = || Some(Level::City);
        assert_eq!(level(Role::AccountManager, city), Some(Level::Manager));
        for role in [Role::Supervisor, Role::Director, Role::Approver, Role::Administrator] {
            assert_eq!((level(role, city), level(role, || None)), (Some(Level::City), None));
        }
        for role in [Role::ProductManager, Role::SupportManager, Role::Analyst, Role::Auditor, Role::Service] {
            assert_eq!(level(role, city), None);
        }
    }
}
