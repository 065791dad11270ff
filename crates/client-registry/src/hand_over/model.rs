//! The hand-over.

use time::OffsetDateTime;
use uuid::Uuid;

/// A hand-over as it is stored; its fields are the columns.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct HandOver {
    pub(super) id: Uuid,
    /// Sorted, as the others.
    pub(super) from_account_manager_ids: Vec<Uuid>,
    pub(super) to_account_manager_ids: Vec<Uuid>,
    pub(super) account_count: i32,
    pub(super) reason: String,
    pub(super) note: Option<String>,
    pub(super) actor: String,
    pub(super) territory_path: String,
    pub(super) create_time: OffsetDateTime,
}

/// The path of the smallest territory that contains all; empty where none does.
pub(super) fn common_path<'a>(paths: impl IntoIterator<Item = &'a str>) -> String {
    let mut paths = paths.into_iter();
    let mut common = paths.next().unwrap_or_default();
    for path in paths {
        while !path.starts_with(common) {
            let above = common.trim_end_matches('/').rfind('/').map_or(0, |slash| slash + 1);
            common = &common[..above];
        }
    }
    common.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_territory_is_the_smallest_that_contains_all() {
        for (paths, expected) in [
            (&["CN/44/4403/"][..], "CN/44/4403/"),
            (&["CN/44/4403/", "CN/44/4403/440305/"], "CN/44/4403/"),
            (&["CN/44/4403/440305/", "CN/44/4403/440306/"], "CN/44/4403/"),
            (&["CN/44/", "CN/440/"], "CN/"),
            (&["CN/44/4403/", "US/"], ""),
            (&[], ""),
        ] {
            assert_eq!(common_path(paths.iter().copied()), expected, "{paths:?}");
        }
    }
}
