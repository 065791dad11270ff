//! Events: every change writes one in its own transaction, the feed hands them out in commit order, the change log reads them back
//! per resource, and a follower takes in those of another service.
//!
//! The tables `event_head` and `event` lie in the schema of each service (see its first migration). `event_head` has one row; its
//! `position` is advanced as the last step of a transaction, right before the events and the commit. The row's lock makes positions
//! visible in order and without holes, so a hole is a proven loss.

mod change;
mod feed;
mod follower;
mod outbox;
mod reader;
mod stored;

pub use change::{Changes, Guard};
pub use feed::Feed;
pub use follower::{FollowError, Follower};
pub use outbox::{NewEvent, Outbox, Place};
pub use reader::Reader;
pub use stored::StoredEvent;
