//! The services of a cluster.

use std::error::Error;

/// In the order in which they start and take their ports.
pub(crate) const SERVICES: [Service; 4] =
    [Service::ClientRegistry, Service::ProductCatalog, Service::OpportunityPipeline, Service::Kpi];

/// One of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    ClientRegistry,
    ProductCatalog,
    OpportunityPipeline,
    Kpi,
}

impl Service {
    /// What operators call it: the word after `guanxi serve`, the name of its log and its key, and whom its key may assert.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ClientRegistry => "client-registry",
            Self::ProductCatalog => "product-catalog",
            Self::OpportunityPipeline => "opportunity-pipeline",
            Self::Kpi => "kpi",
        }
    }

    /// The environment variable that tells the others its URL.
    pub(crate) fn url_variable(self) -> &'static str {
        match self {
            Self::ClientRegistry => "GUANXI_CLIENT_REGISTRY",
            Self::ProductCatalog => "GUANXI_PRODUCT_CATALOG",
            Self::OpportunityPipeline => "GUANXI_OPPORTUNITY_PIPELINE",
            Self::Kpi => "GUANXI_KPI",
        }
    }

    /// Its schema, from which the names of its roles follow.
    pub(crate) fn schema(self) -> &'static str {
        match self {
            Self::ClientRegistry => client_registry::SCHEMA,
            Self::ProductCatalog => product_catalog::SCHEMA,
            Self::OpportunityPipeline => opportunity_pipeline::SCHEMA,
            Self::Kpi => kpi::SCHEMA,
        }
    }

    /// Its port, counted from the first of the cluster.
    pub(crate) fn number(self) -> u16 {
        self as u16
    }

    /// Brings its schema up to date.
    pub(crate) async fn migrate(self, owner_url: &str) -> Result<(), Box<dyn Error>> {
        let migrator = match self {
            Self::ClientRegistry => &client_registry::MIGRATOR,
            Self::ProductCatalog => &product_catalog::MIGRATOR,
            Self::OpportunityPipeline => &opportunity_pipeline::MIGRATOR,
            Self::Kpi => &kpi::MIGRATOR,
        };
        Ok(guanxi_db::migrate(owner_url, migrator).await?)
    }
}
