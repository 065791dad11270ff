//! The services on a database of their own.

use std::net::SocketAddr;

use guanxi_auth::Role;
use guanxi_test_support::{Keys, TestDatabase};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A running client-registry; it stops when it is dropped.
pub(crate) struct Cluster {
    pub(crate) registry: SocketAddr,
    keys: Keys,
    _stop: oneshot::Sender<()>,
    _database: TestDatabase,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create(client_registry::SCHEMA, &client_registry::MIGRATOR).await;
        let keys = Keys::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let registry = listener.local_addr().unwrap();
        let settings = guanxi_service::Settings {
            grpc: guanxi_grpc::Settings { listen: registry, jwks: keys.jwks(), max_calls: 512, max_streams: 2_000 },
            database: guanxi_db::Settings {
                database_url: database.service_url(),
                owner_database_url: None,
                database_connections: 8,
            },
            cluster: "test".to_owned(),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let listener = listener.into_std().unwrap();
        std::thread::spawn(move || {
            let outcome = guanxi_grpc::block_on(async {
                let stopped = async {
                    let _ = stopped.await;
                };
                Ok(client_registry::serve(&settings, Some(TcpListener::from_std(listener)?), stopped).await?)
            });
            outcome.map_err(|error| error.to_string()).unwrap();
        });
        Self { registry, keys, _stop: stop, _database: database }
    }

    pub(crate) fn token(&self, role: Role, territory: &str) -> String {
        self.keys.token("E0001", &[(role, territory)])
    }
}
