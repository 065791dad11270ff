//! Page tokens: where a page ended, and of which query.
//!
//! A token is neither secret nor signed, because it grants nothing: the scope is applied to every page anew. The digest
//! only catches a client that changes its query half-way. As anybody can read it, it names no territory above the caller's.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use guanxi_grpc::Violation;
use guanxi_proto::errors::v1::ErrorReason;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::page::Range;

const VERSION: u8 = 2;

/// What a token is bound to.
pub(crate) type Digest = [u8; 8];

/// The digest of the texts that make up a query.
pub(crate) fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> Digest {
    let mut hasher = Sha256::new();
    for part in parts {
        // With its length, so that no text can pass into its neighbour.
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let mut digest = Digest::default();
    digest.copy_from_slice(&hasher.finalize()[..8]);
    digest
}

/// The last row of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Its order key, a path as by [`shown`]; empty where the order has none.
    pub(crate) key: String,
    /// Its id.
    pub(crate) id: Uuid,
}

impl Cursor {
    pub(crate) fn encode(&self, digest: Digest) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(digest);
        bytes.extend(self.id.as_bytes());
        bytes.extend(self.key.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The cursor in a token, if it is one of ours, for the query with this digest.
    pub(crate) fn decode(token: &str, digest: Digest) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (&version, rest) = bytes.split_first()?;
        let (&of, rest) = rest.split_first_chunk()?;
        let (&id, key) = rest.split_first_chunk()?;
        let key = String::from_utf8(key.to_vec()).ok()?;
        // Postgres has no texts with a zero character.
        let ours = version == VERSION && of == digest && !key.contains('\0');
        ours.then_some(Self { key, id: Uuid::from_bytes(id) })
    }
}

/// The token of a page of something that is no [`Listing`](crate::Listing): it ended at a place, and is good for the query of these texts.
#[must_use]
pub fn page_token(query: &[&str], place: &str) -> String {
    Cursor { key: place.to_owned(), id: Uuid::nil() }.encode(digest(query.iter().copied()))
}

/// The place in a token of [`page_token`], empty where none was sent; or the violation that it is none of this query.
pub fn page_place(query: &[&str], token: &str) -> Result<String, Violation> {
    if token.is_empty() {
        return Ok(String::new());
    }
    let cursor = Cursor::decode(token, digest(query.iter().copied()));
    cursor.map(|cursor| cursor.key).ok_or_else(|| Violation::new("page_token", ErrorReason::PageTokenInvalid))
}

/// A territory path as a token shows it: from the topmost territory of the caller on, behind a `/` where codes above it were
/// left out.
pub(crate) fn shown(path: &str, ranges: &[Range]) -> String {
    let low = ranges.iter().map(|(low, _)| low).find(|low| path.starts_with(low.as_str()));
    match low.map_or(0, |low| above(low)) {
        0 => path.to_owned(),
        above => format!("/{}", &path[above..]),
    }
}

/// The path that a token means for the scope it is used in, wherever the territory lies by now. None where the token was given
/// for another scope and what it shows is not in this one: then nobody knows where the list stood.
pub(crate) fn meant(shown: &str, ranges: &[Range]) -> Option<String> {
    if !shown.starts_with('/') {
        return Some(shown.to_owned());
    }
    let subtrees = ranges.iter().map(|(low, _)| low).filter(|low| low.ends_with('/'));
    let places = subtrees.filter_map(|low| {
        let code = format!("/{}", &low[above(low)..]);
        let (before, below) = shown.split_once(&code)?;
        Some((before.len(), format!("{low}{below}")))
    });
    places.min().map(|(_, path)| path)
}

/// How much of a path stands before its last code.
fn above(path: &str) -> usize {
    path.strip_suffix('/').and_then(|stem| stem.rfind('/')).map_or(0, |slash| slash + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subtrees(paths: &[&str]) -> Vec<Range> {
        paths.iter().map(|path| ((*path).to_owned(), format!("{}0", path.trim_end_matches('/')))).collect()
    }

    #[test]
    fn a_path_is_shown_from_the_callers_territory_on_and_means_the_same_again() {
        let several = subtrees(&["CN/330000/", "CN/440000/440300/"]);
        for (path, ranges, expected) in [
            ("CN/330000/", &several, "/330000/"),
            ("CN/330000/330100/", &several, "/330000/330100/"),
            ("CN/440000/440300/440305/", &several, "/440300/440305/"),
            ("CN/440000/440300/", &subtrees(&["CN/"]), "CN/440000/440300/"),
            ("CN/440000/440300/", &vec![(String::new(), "\u{10ffff}".to_owned())], "CN/440000/440300/"),
        ] {
            assert_eq!(shown(path, ranges), expected);
            assert_eq!(meant(expected, ranges).as_deref(), Some(path));
        }
    }

    #[test]
    fn a_token_is_understood_where_the_tree_or_the_scope_is_another_by_now() {
        let understood = |shown: &str, paths: &[&str]| meant(shown, &subtrees(paths));
        // The territory moved; the scope became narrower.
        assert_eq!(understood("/440300/440305/", &["CN/33/440300/"]).unwrap(), "CN/33/440300/440305/");
        assert_eq!(understood("/440000/440300/440305/", &["CN/440000/440300/"]).unwrap(), "CN/440000/440300/440305/");
        // The scope became wider, or another. Half a code is none.
        for paths in [["CN/"].as_slice(), &["CN/330000/"], &["CN/300/"], &["CN/440000/44030/"], &[]] {
            assert_eq!(understood("/440300/440305/", paths), None);
        }
        assert_eq!(meant("/440300/", &[(String::new(), "\u{10ffff}".to_owned())]), None);
        // Given for the whole tree, it says everything.
        assert_eq!(understood("CN/440000/", &["CN/330000/"]).unwrap(), "CN/440000/");
    }

    #[test]
    fn a_token_comes_back_only_for_its_query() {
        let ours = digest(["account", "tier = A", "", "330000"]);
        for key in ["", "330100/330106", "华为"] {
            let cursor = Cursor { key: key.to_owned(), id: Uuid::from_u128(7) };
            let token = cursor.encode(ours);
            assert_eq!(Cursor::decode(&token, ours), Some(cursor));
            assert_eq!(Cursor::decode(&token, digest(["account", "tier = A", "", "33000", "0"])), None);
            assert_eq!(Cursor::decode(&format!("{token}="), ours), None);
            assert_eq!(Cursor::decode(&token[..20], ours), None);
        }
    }

    #[test]
    fn what_is_no_token_of_this_version_is_refused() {
        let ours = digest([]);
        let of =
            |version: u8, key: &[u8]| URL_SAFE_NO_PAD.encode([&[version], ours.as_slice(), &[0; 16], key].concat());
        assert!(Cursor::decode(&of(2, b"key"), ours).is_some());
        for token in [of(1, b"key"), of(2, b"k\0y"), of(2, b"\xff"), "?".to_owned(), "中文".to_owned(), String::new()]
        {
            assert_eq!(Cursor::decode(&token, ours), None, "{token}");
        }
    }
}
