//! Tokens, roles, permissions read from method options, and the scope of a caller.
//!
//! A call brings a token. A [`Verifier`] makes a [`Principal`] of it (RFC 7519, with the keys of a JWK set, RFC 7517
//! and RFC 8037); [`MethodRules`] say which permission the method demands; a [`Caller`] knows whether and in which
//! territories its roles give it; and a [`Scope`] is what of the tree these territories cover.
//!
//! Signing is done by [`SigningKey`]: by the operator's CLI for people in a small set-up, by each service for itself.
//! A key set says which key may assert whom, so a service's key is worth nothing but that service.

mod caller;
mod identity;
mod keys;
mod memory;
mod paths;
mod role;
mod rule;
mod scope;
mod token;

pub use caller::{Caller, EVERYWHERE, Grant, Principal, SERVICE_PREFIX};
pub use identity::ServiceIdentity;
pub use keys::{KeyError, PublicKey, SigningKey, TokenRequest, write_key_set};
pub use paths::TerritoryPaths;
pub use role::{ROLES, Role, RoleEntry, UnknownRole, permission};
pub use rule::{MethodRule, MethodRules, RuleError};
pub use scope::{Scope, subtree_end};
pub use token::{AUDIENCE, TokenError, Verifier};
