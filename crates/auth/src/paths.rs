//! Where every territory lies: what a process knows of the tree.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Path by code of every territory, in memory. A service keeps it up to date from its table or from the feed of
/// `client-registry`; a path that is behind for a moment hides rows, it never shows any: codes are unique, so no other territory has
/// had that path. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct TerritoryPaths(Arc<RwLock<HashMap<String, String>>>);

impl TerritoryPaths {
    /// The path of a territory, codes from the root each followed by `/`.
    #[must_use]
    pub fn path_of(&self, code: &str) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(code).cloned()
    }

    /// The paths of the territories that have none above them.
    #[must_use]
    pub fn roots(&self) -> Vec<String> {
        self.right_below("")
    }

    /// The paths of the territories right below the one with this path; the empty path is above the roots.
    #[must_use]
    pub fn right_below(&self, path: &str) -> Vec<String> {
        let paths = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let is_step = |below: &str| below.bytes().filter(|byte| *byte == b'/').count() == 1;
        paths.values().filter(|below| below.strip_prefix(path).is_some_and(is_step)).cloned().collect()
    }

    /// Replaces everything.
    pub fn replace(&self, paths: impl IntoIterator<Item = (String, String)>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = paths.into_iter().collect();
    }

    /// Notes a territory, and hangs what lies below its old path under the new one.
    pub fn put(&self, code: &str, path: &str) {
        let mut paths = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let old = paths.insert(code.to_owned(), path.to_owned());
        if let Some(old) = old.filter(|old| old != path) {
            for below in paths.values_mut().filter(|below| below.starts_with(&old)) {
                *below = format!("{path}{}", &below[old.len()..]);
            }
        }
    }

    /// Forgets a territory.
    pub fn remove(&self, code: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_follows_a_move() {
        let paths = TerritoryPaths::default();
        paths.replace(
            [("CN", "CN/"), ("44", "CN/44/"), ("4403", "CN/44/4403/"), ("440", "CN/440/")]
                .map(|(a, b)| (a.to_owned(), b.to_owned())),
        );
        paths.put("44", "CN/440/44/");
        assert_eq!(paths.path_of("4403").as_deref(), Some("CN/440/44/4403/"));
        assert_eq!(paths.path_of("440").as_deref(), Some("CN/440/"));
        assert_eq!(paths.roots(), ["CN/"]);
        assert_eq!(paths.right_below("CN/440/"), ["CN/440/44/"]);
        paths.remove("4403");
        assert_eq!(paths.path_of("4403"), None);
    }
}
