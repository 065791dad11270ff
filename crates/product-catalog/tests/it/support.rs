//! A service of its own for each test.

use std::net::SocketAddr;

use guanxi_auth::Role;
use guanxi_proto::events::v1::change_service_client::ChangeServiceClient;
use guanxi_proto::events::v1::{Change, ListChangesRequest};
use guanxi_test_support::{Keys, TestDatabase, with_token};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

/// A running service. It stops when it is dropped.
pub(crate) struct Service {
    pub(crate) database: TestDatabase,
    pub(crate) keys: Keys,
    pub(crate) channel: Channel,
    pub(crate) admin: String,
    _stop: oneshot::Sender<()>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create(product_catalog::SCHEMA, &product_catalog::MIGRATOR).await;
        let keys = Keys::new();
        let (address, stop) = serve(&database, &keys).await;
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        let admin = keys.token("E0001", &[(Role::Administrator, "*")]);
        Self { database, keys, channel, admin, _stop: stop }
    }

    pub(crate) fn as_admin<T>(&self, message: T) -> Request<T> {
        with_token(message, &self.admin)
    }

    /// What became of a resource, newest first.
    pub(crate) async fn changes(&self, noun: &str, id: &str) -> Vec<Change> {
        let request = ListChangesRequest { subject: format!("{noun}/{id}"), ..Default::default() };
        let mut changes = ChangeServiceClient::new(self.channel.clone());
        changes.list_changes(self.as_admin(request)).await.unwrap().into_inner().changes
    }
}

/// Starts one more process' worth of service on a database.
pub(crate) async fn serve(database: &TestDatabase, keys: &Keys) -> (SocketAddr, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = guanxi_service::Settings {
        grpc: guanxi_grpc::Settings { listen: address, jwks: keys.jwks(), max_calls: 512, max_streams: 2_000 },
        database: guanxi_db::Settings {
            database_url: database.service_url(),
            owner_database_url: None,
            database_connections: 8,
        },
        cluster: "test".to_owned(),
    };
    let settings = product_catalog::Settings { service };
    let (stop, stopped) = oneshot::channel::<()>();
    // A thread and a runtime of its own, as a process has.
    let listener = listener.into_std().unwrap();
    std::thread::spawn(move || {
        let outcome = guanxi_grpc::block_on(async {
            let stopped = async {
                let _ = stopped.await;
            };
            let listener = TcpListener::from_std(listener)?;
            Ok(product_catalog::serve(&settings, Some(listener), stopped).await?)
        });
        outcome.map_err(|error| error.to_string()).unwrap();
    });
    (address, stop)
}

/// Code and reason of a refusal.
pub(crate) fn refusal(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    (status.code(), info.reason.clone())
}

/// Field and reason of every violation.
pub(crate) fn violations(status: &Status) -> Vec<(String, String)> {
    let details = status.get_error_details();
    let violations = &details.bad_request().unwrap_or_else(|| panic!("no BadRequest: {status:?}")).field_violations;
    violations.iter().map(|violation| (violation.field.clone(), violation.reason.clone())).collect()
}

/// What is said to people, in the language that was asked for.
pub(crate) fn text(status: &Status) -> String {
    status.get_error_details().localized_message().unwrap().message.clone()
}

/// What violations are expected, below a message of the request.
pub(crate) fn named(message: &str, fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(field, reason)| (format!("{message}.{field}"), (*reason).to_owned())).collect()
}
