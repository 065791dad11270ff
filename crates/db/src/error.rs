//! What a driver error means.

/// A failure of the database, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server cannot be reached, is starting, stopping or out of connections: the same call may succeed later.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// The server is out of disk or memory.
    #[error("the database is out of space")]
    Full(#[source] sqlx::Error),
    /// A deadlock, a serialization failure or a lock that could not be had: the whole transaction may be tried again.
    #[error("the change collided with another one")]
    Conflict(#[source] sqlx::Error),
    /// The statement ran longer than it may.
    #[error("the statement was cancelled")]
    Cancelled(#[source] sqlx::Error),
    /// A named constraint was broken.
    #[error("the constraint {name} was broken")]
    Constraint {
        /// Name of the constraint, as in the migrations.
        name: String,
        /// The driver's error.
        #[source]
        source: sqlx::Error,
    },
    /// Anything else: a fault of ours.
    #[error("unexpected database error")]
    Unexpected(#[source] sqlx::Error),
}

impl Error {
    /// Name of the constraint that was broken, if that is what happened.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Error::Constraint { name, .. } => Some(name),
            _ => None,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Error::Unavailable(error),
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default().into_owned();
                match (code.get(..2).unwrap_or_default(), code.as_str()) {
                    ("23", _) => match database.constraint().map(constraint_name) {
                        Some(name) => Error::Constraint { name, source: error },
                        None => Error::Unexpected(error),
                    },
                    (_, "57014") => Error::Cancelled(error),
                    (_, "53100" | "53200") => Error::Full(error),
                    ("08" | "57", _) | (_, "53300" | "25P03" | "25P04") => Error::Unavailable(error),
                    ("40", _) | (_, "55P03") => Error::Conflict(error),
                    _ => Error::Unexpected(error),
                }
            }
            _ => Error::Unexpected(error),
        }
    }
}

/// Citus appends the number of the shard to the name of a constraint: `account_code_key_102008`.
fn constraint_name(name: &str) -> String {
    match name.rsplit_once('_') {
        Some((plain, shard)) if shard.len() >= 6 && shard.bytes().all(|byte| byte.is_ascii_digit()) => plain.to_owned(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::constraint_name;

    #[test]
    fn the_shard_is_cut_off_a_constraint() {
        assert_eq!(constraint_name("account_code_key_102008"), "account_code_key");
        assert_eq!(constraint_name("account_credit_code_key"), "account_credit_code_key");
    }
}
