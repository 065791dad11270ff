//! A change of one resource, from its lock to its commit.

use guanxi_db::{PgConnection, RequestKey, Transaction};
use guanxi_events::NewEvent;
use guanxi_grpc::{Call, check_etag};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::Error;
use crate::registry::Registry;

/// A resource that is changed version by version.
pub(crate) trait Resource: Clone + PartialEq {
    /// What tells its versions apart.
    fn stamp(&mut self) -> Stamp<'_>;
}

/// The columns that every changeable resource has.
pub(crate) struct Stamp<'a> {
    pub(crate) id: Uuid,
    pub(crate) version: &'a mut i64,
    pub(crate) update_time: &'a mut OffsetDateTime,
}

impl Stamp<'_> {
    /// Makes it that of the next version.
    pub(crate) fn advance(self, now: OffsetDateTime) {
        *self.version += 1;
        *self.update_time = now;
    }
}

/// A change that is under way: the resource as it is, locked, and as it is to be.
pub(crate) struct Change<'a, R> {
    registry: &'a Registry,
    call: &'a Call,
    pub(crate) transaction: Transaction,
    pub(crate) before: R,
    pub(crate) after: R,
    /// The request took effect before: it is answered with the resource as it is.
    pub(crate) repeats: bool,
}

impl Registry {
    /// Claims the request id for a change of a resource that is locked, and checks the etag.
    pub(crate) async fn change<'a, R: Resource>(
        &'a self,
        call: &'a Call,
        key: Option<RequestKey>,
        etag: &str,
        mut transaction: Transaction,
        mut before: R,
    ) -> Result<Change<'a, R>, Error> {
        let stamp = before.stamp();
        let repeats = self.claim(&mut transaction, key.as_ref(), stamp.id, call.now).await?.is_some();
        if !repeats {
            check_etag(etag, *stamp.version)?;
        }
        Ok(Change { registry: self, call, transaction, after: before.clone(), before, repeats })
    }
}

impl<R: Resource> Change<'_, R> {
    /// What a rule makes of the resource, unless the request is a repeat.
    pub(crate) fn decide(&mut self, rule: impl FnOnce(&R) -> Result<R, Error>) -> Result<(), Error> {
        if !self.repeats {
            self.after = rule(&self.before)?;
        }
        Ok(())
    }

    /// Saves the next version with its event and commits, where something changed. Returns the resource and the position of the
    /// event, 0 without one.
    pub(crate) async fn finish(
        mut self,
        kind: &'static str,
        save: impl AsyncFnOnce(&mut PgConnection, &R) -> Result<(), Error>,
        event: impl FnOnce(&'static str, Option<&R>, &R) -> NewEvent,
    ) -> Result<(R, i64), Error> {
        let mut events = Vec::new();
        if self.after != self.before {
            self.after.stamp().advance(self.call.now);
            save(&mut self.transaction, &self.after).await?;
            events.push(event(kind, Some(&self.before), &self.after));
        }
        let position = self.registry.commit(self.transaction, self.call, events).await?;
        Ok((self.after, position))
    }
}
