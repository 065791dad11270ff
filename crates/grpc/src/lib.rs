//! How we speak gRPC: server assembly, identity, deadlines, overload, refusals, traces and metrics, the same for every service.

mod call;
mod chassis;
mod convert;
pub mod day;
mod deadline;
mod fields;
mod holding;
mod identity;
mod language;
mod peer;
mod reason;
mod refusal;
mod rescue;
mod server;
mod stream;
pub mod value;

pub use call::{BearerToken, Call, check_etag, etag, now, parse_id};
pub use convert::{known, list, number, text, timestamp};
pub use fields::Fields;
pub use language::{Language, language};
pub use peer::{Peer, PeerError, pass_on};
pub use reason::Reason;
pub use refusal::{RETRY_DELAY, Refusal, Violation, Violations};
pub use rescue::{MAX_MESSAGE_BYTES, rescue};
pub use server::{Error, Services, Settings, Stopping, block_on, health_check, serve, stop_signal};
pub use stream::{Answers, stream};
