//! `IdentityService`: what the server makes of a token.

use guanxi_auth::ROLES;
use guanxi_proto::auth::v1::identity_service_server::IdentityService;
use guanxi_proto::auth::v1::{self as pb, ListRolesRequest, ListRolesResponse, WhoAmIRequest, WhoAmIResponse};
use guanxi_proto::r#type::v1::LocalizedText;
use tonic::{Request, Response, Status};

use crate::{Call, timestamp};

pub(crate) struct Identity;

#[tonic::async_trait]
impl IdentityService for Identity {
    async fn who_am_i(&self, request: Request<WhoAmIRequest>) -> Result<Response<WhoAmIResponse>, Status> {
        let (call, _) = Call::open(request)?;
        let principal = &call.caller.principal;
        let grants = principal.grants.iter();
        Ok(Response::new(WhoAmIResponse {
            subject: principal.subject.clone(),
            grants: grants
                .map(|grant| pb::Grant {
                    role: grant.role.name().to_owned(),
                    territory_code: grant.territory_code.clone(),
                })
                .collect(),
            permissions: call.caller.permissions().into_iter().map(str::to_owned).collect(),
            expire_time: Some(timestamp(principal.expire_time)),
        }))
    }

    async fn list_roles(&self, _request: Request<ListRolesRequest>) -> Result<Response<ListRolesResponse>, Status> {
        let roles = ROLES.iter().map(|entry| pb::Role {
            name: entry.name.to_owned(),
            display_name: Some(LocalizedText { zh: entry.zh.to_owned(), en: entry.en.to_owned() }),
            permissions: entry.permissions.iter().map(|permission| (*permission).to_owned()).collect(),
        });
        Ok(Response::new(ListRolesResponse { roles: roles.collect() }))
    }
}
