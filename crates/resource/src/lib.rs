//! What every standard method of every noun does, written once: whose scope, which connection, is it a repeat, does the etag
//! match, the next version, its event, the commit; pages; imports; and the persons that a reader may not see.
//!
//! A noun brings its rules, its SQL and its messages. `CONTRIBUTING.md` walks through one.

mod change;
mod deletion;
mod error;
mod import;
mod noun;
pub mod personal;
mod resources;
mod sight;

pub use change::{Change, Resource, Stamp};
pub use deletion::Deletable;
pub use error::Error;
pub use import::{Import, Mode, Outcome, Rows, import};
pub use noun::{Noun, Update};
pub use resources::{Directory, Resources, event, event_of_all, place};
pub use sight::Sight;
