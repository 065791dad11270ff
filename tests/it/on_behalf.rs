//! One service calls another for a user: who the user is, the language and the refusals get through.

use std::sync::Arc;
use std::time::Duration;

use guanxi_auth::{Caller, Principal, Role, ServiceIdentity};
use guanxi_grpc::{BearerToken, Call, Peer, pass_on};
use guanxi_proto::auth::v1::WhoAmIRequest;
use guanxi_proto::auth::v1::identity_service_client::IdentityServiceClient;
use guanxi_proto::client_registry::v1::GetTerritoryRequest;
use guanxi_proto::client_registry::v1::territory_service_client::TerritoryServiceClient;
use guanxi_test_support::reason;
use tokio::time::Instant;
use tonic::Code;

use crate::cluster::{CATALOG, Cluster, REGISTRY};

#[tokio::test]
async fn a_service_calls_another_as_the_user_who_calls_it() {
    let mut cluster = Cluster::prepare().await;
    cluster.registry.start().await;
    let identity = ServiceIdentity::load(CATALOG, &cluster.catalog.key).unwrap();
    let registry = Peer::at(&cluster.registry.url(), Arc::new(identity)).unwrap();
    let now = guanxi_grpc::now();
    let principal = Principal { subject: "E0001".to_owned(), grants: Vec::new(), expire_time: now };
    let call = Call {
        caller: Caller { principal: Arc::new(principal) },
        method: "test/Test",
        permission: "",
        now,
        traceparent: None,
        token: BearerToken::new(&cluster.token(Role::Director, "CN")),
        due: Some(Instant::now() + Duration::from_secs(20)),
    };

    let request = registry.on_behalf(&call, WhoAmIRequest {}).unwrap();
    let who = IdentityServiceClient::new(registry.channel()).who_am_i(request).await.unwrap().into_inner();
    assert_eq!(who.subject, "E0001");

    let request = registry.on_behalf(&call, GetTerritoryRequest { code: "CN".to_owned() }).unwrap();
    let status = TerritoryServiceClient::new(registry.channel()).get_territory(request).await.unwrap_err();
    let status = pass_on(REGISTRY, status);
    assert_eq!((status.code(), &*reason(&status)), (Code::NotFound, "RESOURCE_NOT_FOUND"));
}
