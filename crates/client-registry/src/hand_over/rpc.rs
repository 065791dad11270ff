//! The methods.

use guanxi_auth::Scope;
use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, day, parse_id};
use guanxi_proto::client_registry::v1::hand_over_service_server::HandOverService;
use guanxi_proto::client_registry::v1::{
    GetHandOverRequest, GetHandOverResponse, ListHandOversRequest, ListHandOversResponse, TransferAccountsRequest,
    TransferAccountsResponse,
};
use guanxi_resource::Resources;
use tonic::{Request, Response, Status};

use super::carry::{Order, carry_out};
use super::model::HandOver as Row;
use super::{convert, store};

/// Serves hand-overs.
#[derive(Clone)]
pub(crate) struct HandOverRpc {
    resources: Resources,
}

impl HandOverRpc {
    pub(crate) fn new(resources: Resources) -> Self {
        Self { resources }
    }
}

#[tonic::async_trait]
impl HandOverService for HandOverRpc {
    async fn transfer_accounts(
        &self,
        request: Request<TransferAccountsRequest>,
    ) -> Result<Response<TransferAccountsResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?.filter(|_| !request.validate_only);
        let validate_only = request.validate_only;
        let transfer = convert::transfer(request)?;
        let (scope, id) = (self.resources.scope(&call), guanxi_db::new_id(call.now));
        let mut transaction = self.resources.begin().await?;
        if let Some(first) = self.resources.claim(&mut transaction, key.as_ref(), id, call.now).await? {
            // The caller made it, wherever it lies.
            let first = store::get(&mut transaction, &Scope::everything(), first).await?;
            let hand_over = Some(convert::wire(&first));
            return Ok(Response::new(TransferAccountsResponse { hand_over, ..Default::default() }));
        }
        let (wishes, desk) = transfer.lock(&mut transaction, &scope, day::of(call.now)).await?;
        if validate_only {
            let violations = convert::violations(&wishes, transfer.broken(&wishes, &desk)?);
            return Ok(Response::new(TransferAccountsResponse { violations, ..Default::default() }));
        }
        transfer.check(&wishes, &desk)?;
        let opened = wishes
            .iter()
            .map(|wish| desk.opened(guanxi_db::new_id(call.now), wish, Some(&transfer.reason), call.now))
            .collect::<Result<_, _>>()?;
        let order = Order { id, reason: &transfer.reason, note: transfer.note.clone() };
        let done = carry_out(&mut transaction, &call, &desk, opened, order).await?;
        let position = self.resources.commit(transaction, &call, done.events).await?;
        let hand_over = Some(convert::wire(&done.hand_over));
        Ok(Response::new(TransferAccountsResponse { hand_over, violations: Vec::new(), position }))
    }

    async fn get_hand_over(
        &self,
        request: Request<GetHandOverRequest>,
    ) -> Result<Response<GetHandOverResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let id = parse_id("id", &request.id)?;
        let mut connection = self.resources.connection().await?;
        let hand_over = store::get(&mut connection, &self.resources.scope(&call), id).await?;
        connection.release();
        Ok(Response::new(GetHandOverResponse { hand_over: Some(convert::wire(&hand_over)) }))
    }

    async fn list_hand_overs(
        &self,
        request: Request<ListHandOversRequest>,
    ) -> Result<Response<ListHandOversResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let query = store::LISTING.query(&PageRequest::of(&request, &[&request.territory_code]))?;
        let page = self.resources.page::<Row>(&self.resources.scope(&call), &request.territory_code, query).await?;
        Ok(Response::new(ListHandOversResponse {
            hand_overs: page.rows.iter().map(convert::wire).collect(),
            next_page_token: page.next_page_token,
            total: page.total,
        }))
    }
}
