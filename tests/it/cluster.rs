//! The services on a database of their own.

use std::net::SocketAddr;

use guanxi_auth::Role;
use guanxi_test_support::{Keys, Running, TestDatabase};

/// A running client-registry; it stops when it is dropped.
pub(crate) struct Cluster {
    pub(crate) registry: SocketAddr,
    keys: Keys,
    _running: Running,
    _database: TestDatabase,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create(client_registry::SCHEMA, &client_registry::MIGRATOR).await;
        let keys = Keys::new();
        let (grpc, database_settings) = (keys.settings(), database.settings());
        let settings = guanxi_service::Settings { grpc, database: database_settings, cluster: "test".to_owned() };
        let running = Running::start(async move |listener, stop| {
            Ok(client_registry::serve(&settings, Some(listener), stop).await?)
        });
        Self { registry: running.address, keys, _running: running, _database: database }
    }

    pub(crate) fn token(&self, role: Role, territory: &str) -> String {
        self.keys.token("E0001", &[(role, territory)])
    }
}
