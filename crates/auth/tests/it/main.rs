//! Tokens and keys as a service meets them: signed, sent, verified against a key file that changes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests end the test this way; clippy exempts only the tests themselves"
)]

mod fixture;
mod keys;
mod token;
