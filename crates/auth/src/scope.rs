//! The part of the territory tree that a caller may see.

use crate::EVERYWHERE;

/// No text that Postgres can hold in `collate "C"` and that begins with a territory code sorts at or after this.
const UPPER_BOUND: &str = "\u{10FFFF}";

/// The part of the territory tree that a caller may see, as the fewest subtrees that cover it.
///
/// A territory's path is the codes from the root, each followed by `/`: `CN/440000/440300/`. Codes are letters, digits
/// and `_`. A subtree is then the paths that begin with the path of its root, and these are one contiguous range in
/// byte order (`collate "C"`), because every path in it goes on after a `/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Sorted, none beginning with another. The empty text stands for the whole tree.
    prefixes: Vec<String>,
}

impl Scope {
    /// The whole tree.
    #[must_use]
    pub fn everything() -> Self {
        Self { prefixes: vec![String::new()] }
    }

    /// No territory at all.
    #[must_use]
    pub fn nothing() -> Self {
        Self { prefixes: Vec::new() }
    }

    /// The subtrees of the territories with these codes; `*` is the whole tree.
    ///
    /// A code that `path_of` does not know gives nothing, and neither does one with a path that does not end with `/`:
    /// an empty path would otherwise open the whole tree.
    pub fn resolve<'a>(codes: impl IntoIterator<Item = &'a str>, path_of: impl Fn(&str) -> Option<String>) -> Self {
        let mut prefixes = Vec::new();
        for code in codes {
            if code == EVERYWHERE {
                return Self::everything();
            }
            prefixes.extend(path_of(code).filter(|path| path.ends_with('/')));
        }
        Self::covering(prefixes)
    }

    /// In byte order a subtree's root comes right before everything inside it, so one pass drops what is nested.
    fn covering(mut prefixes: Vec<String>) -> Self {
        prefixes.sort_unstable();
        prefixes.dedup_by(|inner, outer| inner.starts_with(outer.as_str()));
        Self { prefixes }
    }

    /// True if the territory with this path lies in the scope.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.subtree_of(path).is_some()
    }

    /// True for the whole tree.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.subtree_of("").is_some()
    }

    /// True if no territory lies in the scope, so that there is nothing to ask the database for.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// The scope as half-open ranges of paths in byte order, sorted and disjoint: `path >= .0 and path < .1` with
    /// `collate "C"`.
    ///
    /// A subtree ends before its path with `0` in place of the last `/`, as `0` follows `/` in ASCII. The whole tree is
    /// the range from the empty text to U+10FFFF, the last character there is: Postgres takes it in text (UTF-8 F4 8F
    /// BF BF), and every path sorts before it, since codes are ASCII.
    #[must_use]
    pub fn ranges(&self) -> Vec<(String, String)> {
        self.prefixes.iter().map(|prefix| (prefix.clone(), subtree_end(prefix))).collect()
    }

    /// What of the scope lies in the subtree of the territory with this path; the empty path is the whole tree.
    #[must_use]
    pub fn within(&self, subtree_path: &str) -> Self {
        if !subtree_path.is_empty() && !subtree_path.ends_with('/') {
            return Self::nothing();
        }
        if self.contains(subtree_path) {
            return Self { prefixes: vec![subtree_path.to_owned()] };
        }
        let inside = self.prefixes.iter().filter(|prefix| prefix.starts_with(subtree_path));
        Self { prefixes: inside.cloned().collect() }
    }

    /// The part of a path that the caller may see: it begins with the topmost territory of the scope.
    ///
    /// In a scope rooted at `CN/440000/` the path `CN/440000/440300/` shows as `440000/440300/`; a path outside shows
    /// nothing.
    #[must_use]
    pub fn visible_path<'a>(&self, path: &'a str) -> &'a str {
        let Some(prefix) = self.subtree_of(path) else { return "" };
        let above = prefix.strip_suffix('/').and_then(|stem| stem.rfind('/')).map_or(0, |slash| slash + 1);
        &path[above..]
    }

    /// The root of the subtree that the path lies in. At most one: the prefixes are disjoint.
    fn subtree_of(&self, path: &str) -> Option<&str> {
        self.prefixes.iter().map(String::as_str).find(|prefix| path.starts_with(prefix))
    }
}

/// Where the subtree of a path ends in byte order; see [`Scope::ranges`].
#[must_use]
pub fn subtree_end(path: &str) -> String {
    path.strip_suffix('/').map_or(UPPER_BOUND.to_owned(), |stem| format!("{stem}0"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Resolves codes of a small real tree.
    fn scope(codes: &[&str]) -> Scope {
        Scope::resolve(codes.iter().copied(), |code| {
            let path = match code {
                "CN" => "CN/",
                "440000" => "CN/440000/",
                "440300" => "CN/440000/440300/",
                "440305" => "CN/440000/440300/440305/",
                "4400000" => "CN/4400000/",
                "110000" => "CN/110000/",
                "broken" => "",
                "half" => "CN/44",
                _ => return None,
            };
            Some(path.to_owned())
        })
    }

    fn range(from: &str, to: &str) -> (String, String) {
        (from.to_owned(), to.to_owned())
    }

    #[test]
    fn nested_and_repeated_territories_are_one_subtree() {
        let scope = scope(&["440305", "110000", "440000", "440300", "440000"]);
        assert_eq!(scope.ranges(), [range("CN/110000/", "CN/1100000"), range("CN/440000/", "CN/4400000")]);
        assert!(scope.contains("CN/440000/440300/440305/"));
        assert!(!scope.contains("CN/"));
        assert!(!scope.is_everything());
    }

    #[test]
    fn a_code_that_begins_like_another_is_not_inside_it() {
        assert!(!scope(&["440000"]).contains("CN/4400000/"));
        assert_eq!(scope(&["440000", "4400000"]).ranges().len(), 2);
    }

    #[test]
    fn unknown_codes_and_broken_paths_give_nothing() {
        assert_eq!(scope(&["999999"]), Scope::nothing());
        assert_eq!(scope(&["broken", "half"]), Scope::nothing());
        assert_eq!(scope(&[]), Scope::nothing());
        assert!(Scope::nothing().is_nothing());
        assert!(Scope::nothing().ranges().is_empty());
        assert!(!Scope::nothing().contains(""));
        assert_eq!(scope(&["999999", "440300"]), scope(&["440300"]));
    }

    #[test]
    fn the_star_is_the_whole_tree() {
        let everything = scope(&["440000", "*"]);
        assert_eq!(everything, Scope::everything());
        assert!(everything.is_everything());
        assert_eq!(everything.ranges(), [range("", "\u{10FFFF}")]);
        assert!(everything.contains("CN/"));
        assert!(everything.contains("zz_Z9/"));
    }

    #[test]
    fn within_is_the_intersection() {
        let two = scope(&["440000", "110000"]);
        assert_eq!(two.within(""), two);
        assert_eq!(two.within("CN/"), two);
        assert_eq!(two.within("CN/440000/440300/"), scope(&["440300"]));
        assert_eq!(two.within("CN/440000/"), scope(&["440000"]));
        assert_eq!(two.within("CN/310000/"), Scope::nothing());
        assert_eq!(two.within("CN/44"), Scope::nothing());
        assert_eq!(Scope::everything().within("CN/"), scope(&["CN"]));
        assert_eq!(Scope::everything().within(""), Scope::everything());
        assert_eq!(Scope::nothing().within(""), Scope::nothing());
    }

    #[test]
    fn a_path_shows_from_the_topmost_visible_territory() {
        let guangdong = scope(&["440000"]);
        assert_eq!(guangdong.visible_path("CN/440000/440300/"), "440000/440300/");
        assert_eq!(guangdong.visible_path("CN/440000/"), "440000/");
        assert_eq!(guangdong.visible_path("CN/110000/"), "");
        assert_eq!(guangdong.visible_path("CN/"), "");
        assert_eq!(scope(&["CN"]).visible_path("CN/440000/"), "CN/440000/");
        assert_eq!(Scope::everything().visible_path("CN/440000/"), "CN/440000/");
    }

    /// Paths over an alphabet of the smallest and largest allowed characters, so that neighbours are likely.
    fn path() -> impl Strategy<Value = String> {
        prop::collection::vec("[0A_z]{1,2}", 1..4).prop_map(|codes| codes.join("/") + "/")
    }

    fn in_a_range(scope: &Scope, path: &str) -> usize {
        scope.ranges().iter().filter(|(from, to)| from.as_str() <= path && path < to.as_str()).count()
    }

    proptest! {
        #[test]
        fn contains_agrees_with_ranges(roots in prop::collection::vec(path(), 0..6), path in path()) {
            let scope = Scope::resolve(roots.iter().map(String::as_str), |root| Some(root.to_owned()));
            prop_assert_eq!(scope.contains(&path), roots.iter().any(|root| path.starts_with(root)));
            // Disjoint ranges: a path is in one or in none.
            prop_assert_eq!(in_a_range(&scope, &path), usize::from(scope.contains(&path)));
            prop_assert!(scope.ranges().windows(2).all(|pair| pair[0].1 <= pair[1].0));
            prop_assert_eq!(in_a_range(&Scope::everything(), &path), 1);
        }

        #[test]
        fn within_agrees_with_both(
            roots in prop::collection::vec(path(), 0..6), subtree in path(), path in path()
        ) {
            let scope = Scope::resolve(roots.iter().map(String::as_str), |root| Some(root.to_owned()));
            let inside = scope.within(&subtree);
            prop_assert_eq!(inside.contains(&path), scope.contains(&path) && path.starts_with(&subtree));
            prop_assert_eq!(in_a_range(&inside, &path), usize::from(inside.contains(&path)));
        }

        #[test]
        fn what_is_visible_is_the_end_of_the_path(roots in prop::collection::vec(path(), 0..6), path in path()) {
            let scope = Scope::resolve(roots.iter().map(String::as_str), |root| Some(root.to_owned()));
            let visible = scope.visible_path(&path);
            prop_assert!(path.ends_with(visible));
            prop_assert_eq!(visible.is_empty(), !scope.contains(&path));
        }
    }
}
