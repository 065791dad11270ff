//! The assembly of the process.

use std::sync::LazyLock;

use guanxi_grpc::Services;
use guanxi_proto::client_registry::v1::account_manager_service_server::AccountManagerServiceServer;
use guanxi_proto::client_registry::v1::account_service_server::AccountServiceServer;
use guanxi_proto::client_registry::v1::assignment_policy_service_server::AssignmentPolicyServiceServer;
use guanxi_proto::client_registry::v1::assignment_service_server::AssignmentServiceServer;
use guanxi_proto::client_registry::v1::hand_over_service_server::HandOverServiceServer;
use guanxi_proto::client_registry::v1::territory_service_server::TerritoryServiceServer;
use guanxi_proto::client_registry::v1::vacancy_service_server::VacancyServiceServer;
use guanxi_service::{Error, Foundation, Settings};
use sqlx::migrate::Migrator;
use tokio::net::TcpListener;

use crate::account::AccountRpc;
use crate::account_manager::AccountManagerRpc;
use crate::assignment::AssignmentRpc;
use crate::assignment_policy::AssignmentPolicyRpc;
use crate::directory;
use crate::hand_over::HandOverRpc;
use crate::territory::TerritoryRpc;
use crate::vacancy::VacancyRpc;

/// Name of the service's schema.
pub const SCHEMA: &str = "client_registry";

/// The service's migrations.
pub static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| guanxi_db::migrator(SCHEMA, &sqlx::migrate!()));

/// Serves until `stop` resolves. `listener` replaces the address of the settings where a test brings its own.
pub async fn serve(
    settings: &Settings,
    listener: Option<TcpListener>,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let foundation = Foundation::lay(settings, SCHEMA, &MIGRATOR).await?;
    let directory = directory::start(&foundation.database, &foundation.reader).await?;
    let resources = foundation.resources(directory.clone());
    let mut services = Services::default();
    services
        .add(TerritoryServiceServer::new(TerritoryRpc::new(resources.clone())))
        .add(AccountServiceServer::new(AccountRpc::new(resources.clone())))
        .add(AccountManagerServiceServer::new(AccountManagerRpc::new(resources.clone())))
        .add(AssignmentServiceServer::new(AssignmentRpc::new(resources.clone())))
        .add(AssignmentPolicyServiceServer::new(AssignmentPolicyRpc::new(resources.clone())))
        .add(HandOverServiceServer::new(HandOverRpc::new(resources.clone())))
        .add(VacancyServiceServer::new(VacancyRpc::new(resources)));
    foundation.serve(settings, "client-registry", &directory, services, listener, stop).await
}
