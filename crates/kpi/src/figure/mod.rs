//! Figures: what indicators say, broken down, compared and explained.
//!
//! A figure is a formula over sums. Sums come from roll-ups where these have them, else from the facts: by account, across two dimensions, for the days at
//! the ends of a range that are no whole month, and where the caller sees only its own.

mod answer;
mod convert;
mod explain;
mod place;
mod question;
mod reckon;
mod span;
mod store;
mod watch;

pub(crate) use answer::{Answer, answer, by_territory};
pub(crate) use convert::{currency, query, question};
pub(crate) use explain::explain;
pub(crate) use place::code;
pub(crate) use question::{By, Question, later};
pub(crate) use watch::{Watched, watch};
