//! What three services would tell in two years, from a seed.

mod catalog;
mod deal;
mod deals;
mod feed;
mod pipelines;
mod quotes;
mod random;
mod registry;
mod territories;
#[cfg(test)]
mod tests;

use guanxi_proto::events::v1::Event;

use self::feed::early_uuid;
use self::random::Random;

/// The feeds of client-registry, product-catalog and opportunity-pipeline, whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) registry: Vec<Event>,
    pub(crate) catalog: Vec<Event>,
    pub(crate) pipeline: Vec<Event>,
}

impl World {
    /// A world with so many opportunities. The same seed makes the same world.
    pub(crate) fn new(seed: u64, opportunities: usize) -> Self {
        let mut random = Random::new(seed);
        let cast = Cast::new(opportunities);
        Self {
            registry: registry::feed(&mut random, &cast),
            catalog: catalog::feed(&mut random, &cast),
            pipeline: deals::feed(&mut random, &cast, opportunities),
        }
    }
}

/// Who and what there will be. Services name each other's resources without waiting for each other's feeds.
struct Cast {
    /// Codes; the registry never tells of the last two.
    territories: Vec<String>,
    /// Ids.
    accounts: Vec<String>,
    managers: Vec<String>,
    /// Codes; the catalog never tells of the last one.
    offerings: Vec<String>,
}

impl Cast {
    fn new(opportunities: usize) -> Self {
        let mut territories = territories::codes();
        territories.extend(["NOWHERE".to_owned(), "ELSEWHERE".to_owned()]);
        Self {
            territories,
            accounts: (0..opportunities / 4 + 20).map(|number| early_uuid(1, number).to_string()).collect(),
            managers: (0..opportunities / 20 + 12).map(|number| early_uuid(2, number).to_string()).collect(),
            offerings: (1..=12).map(|number| format!("OFFERING-{number}")).collect(),
        }
    }
}
