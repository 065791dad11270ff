//! A change of one resource, from its lock to its commit.

use guanxi_db::{PgConnection, RequestKey, Transaction};
use guanxi_events::NewEvent;
use guanxi_grpc::{Call, check_etag};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Error, Resources};

/// A resource that is changed version by version.
pub trait Resource: Clone + PartialEq {
    /// What tells its versions apart.
    fn stamp(&mut self) -> Stamp<'_>;
}

/// The columns that every changeable resource has.
pub struct Stamp<'a> {
    /// The resource.
    pub id: Uuid,
    /// 1 at its creation, one more with each change; what the etag is made of.
    pub version: &'a mut i64,
    /// When it was last changed.
    pub update_time: &'a mut OffsetDateTime,
}

impl Stamp<'_> {
    /// Makes it that of the next version.
    pub fn advance(self, now: OffsetDateTime) {
        *self.version += 1;
        *self.update_time = now;
    }
}

/// A change that is under way: the resource as it is, locked, and as it is to be.
pub struct Change<'a, R> {
    resources: &'a Resources,
    call: &'a Call,
    /// The transaction that holds the lock.
    pub transaction: Transaction,
    /// The resource as it is.
    pub before: R,
    /// The resource as it is to be.
    pub after: R,
    /// The request took effect before: it is answered with the resource as it is.
    pub repeats: bool,
}

impl Resources {
    /// Claims the request id for a change of a resource that is locked, and checks the etag.
    pub async fn change<'a, R: Resource>(
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
        Ok(Change { resources: self, call, transaction, after: before.clone(), before, repeats })
    }
}

impl<R: Resource> Change<'_, R> {
    /// What a rule makes of the resource, unless the request is a repeat.
    pub fn decide(&mut self, rule: impl FnOnce(&R) -> Result<R, Error>) -> Result<(), Error> {
        if !self.repeats {
            self.after = rule(&self.before)?;
        }
        Ok(())
    }

    /// Saves the next version with its event and commits, where something changed. Returns the resource and the position of the
    /// event, 0 without one.
    pub async fn finish(
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
        let position = self.resources.commit(self.transaction, self.call, events).await?;
        Ok((self.after, position))
    }
}
