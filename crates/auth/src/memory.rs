//! Tokens that were verified before.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::Principal;

/// SHA-256 of a token: a fixed size, however long the token, and nothing to steal.
pub(crate) type Digest = [u8; 32];

/// Two of these are the most that is remembered.
const GENERATION: usize = 5_000;

/// Verified tokens in two generations. When the young one is full it becomes the old one, and what the old one still
/// held is forgotten; a token in use moves up, so it stays. The size is bounded and nothing ever needs sweeping.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    young: HashMap<Digest, Arc<Principal>>,
    old: HashMap<Digest, Arc<Principal>>,
}

impl Memory {
    /// What a token was found to say, unless it has expired meanwhile.
    pub(crate) fn recall(&mut self, token: &Digest, now: OffsetDateTime) -> Option<Arc<Principal>> {
        if let Some(principal) = self.old.remove(token) {
            self.remember(*token, principal);
        }
        let principal = self.young.get(token)?;
        if now < principal.expire_time {
            return Some(Arc::clone(principal));
        }
        self.young.remove(token);
        None
    }

    /// Keeps what a token says.
    pub(crate) fn remember(&mut self, token: Digest, principal: Arc<Principal>) {
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(token, principal);
    }

    /// How many tokens are remembered.
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn digest(number: usize) -> Digest {
        let mut digest = Digest::default();
        digest[..8].copy_from_slice(&number.to_be_bytes());
        digest
    }

    fn principal(number: usize) -> Arc<Principal> {
        let expire_time = NOW + Duration::HOUR;
        Arc::new(Principal { subject: number.to_string(), grants: Vec::new(), expire_time })
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_what_is_in_use() {
        let mut memory = Memory::default();
        memory.remember(digest(0), principal(0));
        for number in 1..10 * GENERATION {
            memory.remember(digest(number), principal(number));
            assert!(memory.len() <= 2 * GENERATION);
            assert!(memory.recall(&digest(0), NOW).is_some(), "in use at {number}");
        }
        assert!(memory.recall(&digest(1), NOW).is_none(), "not used for long");
        assert_eq!(memory.recall(&digest(10 * GENERATION - 1), NOW).unwrap().subject, "49999");
    }

    #[test]
    fn an_expired_token_is_forgotten() {
        let mut memory = Memory::default();
        memory.remember(digest(0), principal(0));
        assert!(memory.recall(&digest(0), NOW + Duration::HOUR).is_none());
        assert_eq!(memory.len(), 0);
    }
}
