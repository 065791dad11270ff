//! The methods.

use std::collections::BTreeSet;

use guanxi_auth::Scope;
use guanxi_db::PgConnection;
use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, day};
use guanxi_proto::client_registry::v1::vacancy_service_server::VacancyService;
use guanxi_proto::client_registry::v1::{
    ListVacantAccountsRequest, ListVacantAccountsResponse, SuggestAssignmentsRequest, SuggestAssignmentsResponse,
};
use guanxi_resource::{Error, Resources};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::convert::{self, Wanting};
use super::store::{self, VacantAccount};
use super::suggest::{Finding, suggest};
use crate::assignment::gate::Account;
use crate::assignment::store as assignments;
use crate::assignment_policy as policies;

/// Serves vacant accounts.
#[derive(Clone)]
pub(crate) struct VacancyRpc {
    resources: Resources,
}

impl VacancyRpc {
    pub(crate) fn new(resources: Resources) -> Self {
        Self { resources }
    }

    /// The accounts that want a manager, one more than are wanted if there are more, and the manager who is out of the question.
    async fn wanting(
        &self,
        connection: &mut PgConnection,
        scope: &Scope,
        wanting: Wanting,
        max: usize,
    ) -> Result<(Vec<Account>, Option<Uuid>), Error> {
        match wanting {
            Wanting::Territory(code) => {
                self.resources.within(scope, &code)?;
                let path = self.resources.paths().path_of(&code).unwrap_or_default();
                let limit = i64::try_from(max + 1).unwrap_or(i64::MAX);
                Ok((store::vacant(connection, &path, limit).await?, None))
            }
            Wanting::ManagedBy(manager_id) => {
                assignments::check_manager(connection, scope, manager_id).await?;
                let mut ids = assignments::portfolio(connection, scope, manager_id).await?;
                ids.truncate(max + 1);
                Ok((store::accounts(connection, &ids).await?, Some(manager_id)))
            }
        }
    }
}

/// The paths of all territories that contain some accounts.
fn paths_above(accounts: &[Account]) -> Vec<String> {
    let ends = |path: &str| path.match_indices('/').map(|(slash, _)| slash + 1).collect::<Vec<_>>();
    let above = accounts.iter().map(|account| account.territory_path.as_str());
    let above = above.flat_map(|path| ends(path).into_iter().map(|end| path[..end].to_owned()));
    above.collect::<BTreeSet<_>>().into_iter().collect()
}

#[tonic::async_trait]
impl VacancyService for VacancyRpc {
    async fn list_vacant_accounts(
        &self,
        request: Request<ListVacantAccountsRequest>,
    ) -> Result<Response<ListVacantAccountsResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let query = store::LISTING.query(&PageRequest::of(&request, &[&request.territory_code]))?;
        let mut connection = self.resources.connection().await?;
        let policy = policies::store::get(&mut connection).await?;
        connection.release();
        let scope = self.resources.scope(&call);
        let page = self.resources.page::<VacantAccount>(&scope, &request.territory_code, query).await?;
        let today = day::of(call.now);
        Ok(Response::new(ListVacantAccountsResponse {
            vacant_accounts: page.rows.iter().map(|account| convert::vacant(account, &policy, today)).collect(),
            next_page_token: page.next_page_token,
            total: page.total,
        }))
    }

    async fn suggest_assignments(
        &self,
        request: Request<SuggestAssignmentsRequest>,
    ) -> Result<Response<SuggestAssignmentsResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let (wanting, max) = convert::question(request)?;
        let scope = self.resources.scope(&call);
        let mut connection = self.resources.connection().await?;
        let (mut accounts, leaving) = self.wanting(&mut connection, &scope, wanting, max).await?;
        let truncated = accounts.len() > max;
        accounts.truncate(max);
        let mut managers = store::candidates(&mut connection, &scope, &paths_above(&accounts)).await?;
        managers.retain(|manager| Some(manager.id) != leaving);
        let ids: Vec<Uuid> = managers.iter().map(|manager| manager.id).collect();
        let loads = assignments::loads(&mut connection, &ids).await?;
        let policy = policies::store::get(&mut connection).await?;
        connection.release();
        let findings = suggest(&policy, &accounts, &managers, &loads);
        let mut answer = SuggestAssignmentsResponse { truncated, ..Default::default() };
        for (account, finding) in accounts.iter().zip(findings) {
            match finding {
                Finding::Manager { index, load } => {
                    answer.suggestions.push(convert::suggestion(&policy, account, &managers[index], load));
                }
                Finding::Nobody(obstacles) => answer.unplaced.push(convert::unplaced(account, &obstacles)),
            }
        }
        Ok(Response::new(answer))
    }
}
