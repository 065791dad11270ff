//! Whose figures the caller sees, and what territories break them down.

use guanxi_auth::permission::INDICATOR_READ_ALL;
use guanxi_auth::{Scope, TerritoryPaths};
use guanxi_db::PgConnection;
use guanxi_grpc::Call;
use guanxi_resource::{Error, Resources};
use uuid::Uuid;

use super::{By, Question};

/// Where figures come from, for one caller.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Where the caller sees everything.
    pub(crate) everything: Scope,
    /// True where that is all of what is asked.
    pub(crate) whole: bool,
    /// Where the caller sees its own as an account manager, beside `everything`.
    pub(crate) own: Option<(Scope, Uuid)>,
    /// The territories that a break-down has, in any order: their paths.
    pub(crate) parts: Vec<String>,
    /// The territory whose direct part stands under its own code, beside its parts: its path.
    pub(crate) rest: Option<String>,
}

impl Places {
    /// What the caller sees of what is asked.
    pub(crate) async fn of(
        resources: &Resources,
        connection: &mut PgConnection,
        call: &Call,
        question: &Question,
    ) -> Result<Self, Error> {
        let (seen, paths) = (resources.scope(call), resources.paths());
        let within = resources.within(&seen, &question.territory_code)?;
        let all = call.scope_of(INDICATOR_READ_ALL, paths);
        let everything = intersection(&within, &all);
        let whole = everything == within;
        let own = if whole { None } else { manager(connection, call).await?.map(|id| (within.clone(), id)) };
        let (parts, rest) = match question.by {
            // From the snapshot that the sums are from: what is in memory may be behind them for a moment.
            By::Territory if question.territory_level.is_empty() => {
                right_below(connection, tops(&within, paths)).await?
            }
            By::Territory => (of_level(connection, &within, &question.territory_level).await?, None),
            _ => (Vec::new(), None),
        };
        Ok(Self { everything, whole, own, parts, rest })
    }

    /// The part of a break-down by territory that something at a path belongs to: its code.
    pub(crate) fn part_of(&self, path: &str) -> Option<&str> {
        let part = self.parts.iter().filter(|part| path.starts_with(part.as_str())).max_by_key(|part| part.len());
        let rest = || self.rest.as_ref().filter(|rest| *rest == path);
        part.or_else(rest).map(|path| code(path))
    }
}

/// The last code of a path.
pub(crate) fn code(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// The territories on top of a scope: their paths.
pub(crate) fn tops(scope: &Scope, paths: &TerritoryPaths) -> Vec<String> {
    if scope.is_everything() { paths.roots() } else { scope.ranges().into_iter().map(|(low, _)| low).collect() }
}

/// What of a scope lies in another, too.
fn intersection(one: &Scope, other: &Scope) -> Scope {
    if one.is_everything() {
        return other.clone();
    }
    let inside = other.ranges().into_iter().filter(|(low, _)| one.contains(low));
    let around = one.ranges().into_iter().filter(|(low, _)| other.contains(low));
    let paths: Vec<String> = inside.chain(around).map(|(low, _)| low).collect();
    Scope::resolve(paths.iter().map(String::as_str), |path| Some(path.to_owned()))
}

/// The territories right below the only one on top, whose own part is the rest; those on top where there are several.
async fn right_below(connection: &mut PgConnection, tops: Vec<String>) -> Result<(Vec<String>, Option<String>), Error> {
    let [top] = tops.as_slice() else { return Ok((tops, None)) };
    let parts = sqlx::query_scalar!("select path from kpi.territory where path = $1 || code || '/'", top);
    Ok((parts.fetch_all(connection).await?, Some(top.clone())))
}

async fn of_level(connection: &mut PgConnection, within: &Scope, level: &str) -> Result<Vec<String>, Error> {
    let paths = sqlx::query_scalar!("select path from kpi.territory where level = $1", level);
    let paths = paths.fetch_all(connection).await?;
    Ok(paths.into_iter().filter(|path| within.contains(path)).collect())
}

/// The account manager that the caller is.
async fn manager(connection: &mut PgConnection, call: &Call) -> Result<Option<Uuid>, Error> {
    let key = sqlx::query_scalar!(
        "select key from kpi.name where dimension = 'MANAGER' and name_zh = $1 order by rank desc limit 1",
        call.subject(),
    );
    Ok(key.fetch_optional(connection).await?.and_then(|key| Uuid::try_parse(&key).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(paths: &[&str]) -> Scope {
        Scope::resolve(paths.iter().copied(), |path| Some(path.to_owned()))
    }

    #[test]
    fn what_both_scopes_have_is_seen() {
        let (all, none) = (Scope::everything(), Scope::nothing());
        let (province, city) = (scope(&["CN/44/"]), scope(&["CN/44/4403/", "CN/33/"]));
        assert_eq!(intersection(&all, &province), province);
        assert_eq!(intersection(&province, &all), province);
        assert_eq!(intersection(&province, &city), scope(&["CN/44/4403/"]));
        assert_eq!(intersection(&city, &province), scope(&["CN/44/4403/"]));
        assert_eq!(intersection(&province, &none), none);
    }

    #[test]
    fn something_belongs_to_the_part_it_lies_in() {
        let places = Places {
            everything: Scope::everything(),
            whole: true,
            own: None,
            parts: vec!["CN/44/".to_owned(), "CN/33/".to_owned()],
            rest: Some("CN/".to_owned()),
        };
        let parts = ["CN/44/4403/", "CN/33/", "CN/", "CN/440/"].map(|path| places.part_of(path));
        assert_eq!(parts, [Some("44"), Some("33"), Some("CN"), None]);
    }
}
