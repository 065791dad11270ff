//! Soft deletion: what is deleted is hidden, keeps its id and its keys, and comes back as it was.

use time::OffsetDateTime;

use crate::{Error, Resource};

/// A resource that is deleted softly.
pub trait Deletable: Resource {
    /// Names of the states in which it lives, for refusals, with `, ` between them.
    const LIVE: &'static str;

    /// When it was deleted; `None` while it lives.
    fn delete_time(&self) -> Option<OffsetDateTime>;
    /// Deletes it, or brings it back.
    fn set_delete_time(&mut self, time: Option<OffsetDateTime>);

    /// Name of the state in which it is, for refusals.
    fn state_name(&self) -> &'static str {
        if self.delete_time().is_some() { "DELETED" } else { Self::LIVE }
    }

    /// Refuses what is for another state than the one in which it is.
    fn check_state(&self, expected: &'static str) -> Result<(), Error> {
        match self.state_name() {
            state if state == expected => Ok(()),
            state => Err(Error::StateForbids { state, expected }),
        }
    }

    /// Refuses a change of a deleted one.
    fn check_live(&self) -> Result<(), Error> {
        match self.delete_time() {
            None => Ok(()),
            Some(_) => Err(Error::StateForbids { state: "DELETED", expected: Self::LIVE }),
        }
    }

    /// Refuses to delete it: what is deleted already, if nothing else.
    fn check_deletable(&self) -> Result<(), Error> {
        self.check_live()
    }

    /// Live → deleted.
    fn deleted(&self, now: OffsetDateTime) -> Result<Self, Error> {
        self.check_deletable()?;
        let mut deleted = self.clone();
        deleted.set_delete_time(Some(now));
        Ok(deleted)
    }

    /// Deleted → as it was.
    fn undeleted(&self) -> Result<Self, Error> {
        self.check_state("DELETED")?;
        let mut live = self.clone();
        live.set_delete_time(None);
        Ok(live)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::Stamp;

    #[derive(Clone, Debug, PartialEq)]
    struct Thing(i64, OffsetDateTime, Option<OffsetDateTime>);

    impl Resource for Thing {
        fn stamp(&mut self) -> Stamp<'_> {
            Stamp { id: Uuid::nil(), version: &mut self.0, update_time: &mut self.1 }
        }
    }

    impl Deletable for Thing {
        const LIVE: &'static str = "LIVE";

        fn delete_time(&self) -> Option<OffsetDateTime> {
            self.2
        }

        fn set_delete_time(&mut self, time: Option<OffsetDateTime>) {
            self.2 = time;
        }
    }

    #[test]
    fn what_is_deleted_comes_back_as_it_was() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let thing = Thing(1, now, None);
        assert!(matches!(thing.undeleted(), Err(Error::StateForbids { state: "LIVE", expected: "DELETED" })));
        let deleted = thing.deleted(now).unwrap();
        assert!(matches!(deleted.deleted(now), Err(Error::StateForbids { state: "DELETED", expected: "LIVE" })));
        assert_eq!(deleted.undeleted().unwrap(), thing);
    }
}
