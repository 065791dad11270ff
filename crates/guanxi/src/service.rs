//! The services of a cluster.

use std::error::Error;

/// In the order in which they start and take their ports.
pub(crate) const SERVICES: [Service; 1] = [Service::ClientRegistry];

/// One of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    ClientRegistry,
}

impl Service {
    /// What operators call it: the word after `guanxi serve`, and the name of its log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ClientRegistry => "client-registry",
        }
    }

    /// Its schema, from which the names of its roles follow.
    pub(crate) fn schema(self) -> &'static str {
        match self {
            Self::ClientRegistry => client_registry::SCHEMA,
        }
    }

    /// Its port, counted from the first of the cluster.
    pub(crate) fn number(self) -> u16 {
        self as u16
    }

    /// Brings its schema up to date.
    pub(crate) async fn migrate(self, owner_url: &str) -> Result<(), Box<dyn Error>> {
        match self {
            Self::ClientRegistry => Ok(guanxi_db::migrate(owner_url, &client_registry::MIGRATOR).await?),
        }
    }
}
