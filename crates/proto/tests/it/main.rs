//! The protos of every service, looked at once for all.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod lint;
