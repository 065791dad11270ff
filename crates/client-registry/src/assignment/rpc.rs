//! The methods.

use std::slice;

use guanxi_db::PgConnection;
use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, check_etag, day, number, parse_id};
use guanxi_proto::client_registry::v1::assignment_service_server::AssignmentService;
use guanxi_proto::client_registry::v1::{
    CloseAssignmentRequest, CloseAssignmentResponse, FindResponsibleRequest, FindResponsibleResponse,
    GetAssignmentRequest, GetAssignmentResponse, HandOverAccountRequest, HandOverAccountResponse,
    ListAssignmentsRequest, ListAssignmentsResponse, OpenAssignmentRequest, OpenAssignmentResponse,
};
use guanxi_resource::Resources;
use tonic::{Request, Response, Status};

use super::desk::Desk;
use super::model::Assignment as Row;
use super::{convert, store};
use crate::account;
use crate::hand_over::{Order, carry_out};

/// Serves assignments.
#[derive(Clone)]
pub(crate) struct AssignmentRpc {
    resources: Resources,
}

impl AssignmentRpc {
    pub(crate) fn new(resources: Resources) -> Self {
        Self { resources }
    }
}

#[tonic::async_trait]
impl AssignmentService for AssignmentRpc {
    async fn open_assignment(
        &self,
        request: Request<OpenAssignmentRequest>,
    ) -> Result<Response<OpenAssignmentResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let today = day::of(call.now);
        let (wish, reason) = convert::opening(&request, today)?;
        let (scope, id) = (self.resources.scope(&call), guanxi_db::new_id(call.now));
        let mut transaction = self.resources.begin().await?;
        if let Some(first) = self.resources.claim(&mut transaction, key.as_ref(), id, call.now).await? {
            let first = store::get(&mut transaction, &scope, first).await?;
            let assignment = Some(convert::wire(&first));
            return Ok(Response::new(OpenAssignmentResponse { assignment, position: 0 }));
        }
        let desk = Desk::lock(&mut transaction, &scope, slice::from_ref(&wish), today).await?;
        desk.check(&wish, false)?;
        let assignment = desk.opened(id, &wish, reason.as_deref(), call.now)?;
        store::insert(&mut transaction, slice::from_ref(&assignment)).await?;
        let event = convert::event("assignment.opened", None, &assignment);
        let position = self.resources.commit(transaction, &call, vec![event]).await?;
        Ok(Response::new(OpenAssignmentResponse { assignment: Some(convert::wire(&assignment)), position }))
    }

    async fn close_assignment(
        &self,
        request: Request<CloseAssignmentRequest>,
    ) -> Result<Response<CloseAssignmentResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (id, end_date, reason) = convert::closing(&request)?;
        let (scope, today) = (self.resources.scope(&call), day::of(call.now));
        let mut transaction = self.resources.begin().await?;
        let before = store::lock(&mut transaction, &scope, id).await?;
        let mut change = self.resources.change(&call, key, &request.etag, transaction, before).await?;
        change.decide(|assignment| {
            // The clocks of two processes may disagree about midnight.
            let (earliest, latest) = (assignment.start_date, today.max(assignment.start_date));
            assignment.closed(number("end_date", end_date.unwrap_or(latest), earliest, latest)?, &reason)
        })?;
        let save = async |connection: &mut PgConnection, assignment: &Row| {
            store::close(connection, slice::from_ref(assignment)).await?;
            store::vacate(connection, slice::from_ref(assignment)).await
        };
        let (assignment, position) = change.finish("assignment.closed", save, convert::event).await?;
        Ok(Response::new(CloseAssignmentResponse { assignment: Some(convert::wire(&assignment)), position }))
    }

    async fn hand_over_account(
        &self,
        request: Request<HandOverAccountRequest>,
    ) -> Result<Response<HandOverAccountResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let today = day::of(call.now);
        let (wish, reason) = convert::hand_over(&request, today)?;
        let (scope, id) = (self.resources.scope(&call), guanxi_db::new_id(call.now));
        let mut transaction = self.resources.begin().await?;
        if let Some(first) = self.resources.claim(&mut transaction, key.as_ref(), id, call.now).await? {
            let first = store::get(&mut transaction, &scope, first).await?;
            let assignment = Some(convert::wire(&first));
            return Ok(Response::new(HandOverAccountResponse { assignment, position: 0 }));
        }
        let desk = Desk::lock(&mut transaction, &scope, slice::from_ref(&wish), today).await?;
        desk.account(&wish)?;
        check_etag(&request.etag, desk.open.get(&wish.account_id).map_or(0, |current| current.version))?;
        desk.check(&wish, true)?;
        let opened = desk.opened(id, &wish, Some(&reason), call.now)?;
        let order = Order { id: guanxi_db::new_id(call.now), reason: &reason, note: None };
        let done = carry_out(&mut transaction, &call, &desk, vec![opened], order).await?;
        let position = self.resources.commit(transaction, &call, done.events).await?;
        let assignment = done.opened.first().map(convert::wire);
        Ok(Response::new(HandOverAccountResponse { assignment, position }))
    }

    async fn get_assignment(
        &self,
        request: Request<GetAssignmentRequest>,
    ) -> Result<Response<GetAssignmentResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let id = parse_id("id", &request.id)?;
        let mut connection = self.resources.connection().await?;
        let assignment = store::get(&mut connection, &self.resources.scope(&call), id).await?;
        connection.release();
        Ok(Response::new(GetAssignmentResponse { assignment: Some(convert::wire(&assignment)) }))
    }

    async fn list_assignments(
        &self,
        request: Request<ListAssignmentsRequest>,
    ) -> Result<Response<ListAssignmentsResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let query = store::LISTING.query(&PageRequest::of(&request, &[&request.territory_code]))?;
        let page = self.resources.page::<Row>(&self.resources.scope(&call), &request.territory_code, query).await?;
        Ok(Response::new(ListAssignmentsResponse {
            assignments: page.rows.iter().map(convert::wire).collect(),
            next_page_token: page.next_page_token,
            total: page.total,
        }))
    }

    async fn find_responsible(
        &self,
        request: Request<FindResponsibleRequest>,
    ) -> Result<Response<FindResponsibleResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let (account_id, day) = convert::question(&request, day::of(call.now))?;
        let mut connection = self.resources.connection().await?;
        account::check_visible(&mut connection, &self.resources.scope(&call), account_id).await?;
        let found = store::in_force(&mut connection, account_id, day).await?;
        connection.release();
        Ok(Response::new(FindResponsibleResponse { assignments: found.iter().map(convert::wire).collect() }))
    }
}
