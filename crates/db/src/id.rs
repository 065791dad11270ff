//! Ids.

use std::sync::Mutex;

use time::OffsetDateTime;
use uuid::{ContextV7, Timestamp, Uuid};

static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());

/// A new UUIDv7 (RFC 9562) of a moment. Ids made by one process ascend even within a millisecond.
#[must_use]
pub fn new_id(now: OffsetDateTime) -> Uuid {
    let context = CONTEXT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(&*context, seconds, now.nanosecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_moment_ascend() {
        let now = OffsetDateTime::now_utc();
        let ids: Vec<Uuid> = (0..1_000).map(|_| new_id(now)).collect();
        assert!(ids.is_sorted());
    }
}
