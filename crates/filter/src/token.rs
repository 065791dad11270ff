//! Page tokens: where a page ended, and of which query.
//!
//! A token is neither secret nor signed, because it grants nothing: the scope is applied to every page anew. The digest
//! only catches a client that changes its query half-way.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

const VERSION: u8 = 1;

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
    /// Its order key; empty where the order has none.
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(Cursor::decode(&of(1, b"key"), ours).is_some());
        for token in [of(2, b"key"), of(1, b"k\0y"), of(1, b"\xff"), "?".to_owned(), "中文".to_owned(), String::new()]
        {
            assert_eq!(Cursor::decode(&token, ours), None, "{token}");
        }
    }
}
