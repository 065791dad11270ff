//! The methods.

use guanxi_db::Transaction;
use guanxi_filter::PageRequest;
use guanxi_grpc::{Call, Refusal, day, parse_id};
use guanxi_proto::Verb;
use guanxi_proto::kpi::v1::target_service_server::TargetService;
use guanxi_proto::kpi::v1::{
    self as pb, CreateTargetRequest, CreateTargetResponse, DecomposeTargetRequest, DecomposeTargetResponse,
    DeleteTargetRequest, DeleteTargetResponse, ErrorReason, GetTargetProgressRequest, GetTargetProgressResponse,
    GetTargetRequest, GetTargetResponse, ListTargetProgressRequest, ListTargetProgressResponse, ListTargetsRequest,
    ListTargetsResponse, LockTargetRequest, LockTargetResponse, UndeleteTargetRequest, UndeleteTargetResponse,
    UnlockTargetRequest, UnlockTargetResponse, UpdateTargetRequest, UpdateTargetResponse,
};
use guanxi_resource::{Change, Deletable, Error, Noun, Resources, Sight};
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use super::desk::{self, Split, Step};
use super::listing::LISTING;
use super::model::{Target as Row, places};
use super::period::Period;
use super::progress::Progress;
use super::{convert, store};
use crate::error::reason;
use crate::figure::{self, By, Question};
use crate::indicator::Indicator;

/// Serves targets.
#[derive(Clone)]
pub(crate) struct TargetRpc {
    resources: Resources,
}

impl TargetRpc {
    pub(crate) fn new(resources: Resources) -> Self {
        Self { resources }
    }

    fn sight(&self, call: &Call) -> Sight {
        self.resources.sight(call, call.permission)
    }

    /// Begins a change of a target that others may follow.
    async fn begin<'a>(&'a self, call: &'a Call, request: &impl Verb, sight: &Sight) -> Result<Change<'a, Row>, Error> {
        let key = call.request_key(request.request_id(), request)?;
        let id = parse_id("id", request.id())?;
        let mut transaction = self.resources.begin().await?;
        store::take_turn(&mut transaction).await?;
        self.resources.begin_change(call, key, transaction, (id, request.etag()), sight).await
    }

    /// Commits what a rule makes of a target and of those that follow it; a repeat asks no rule. Returns the target and the position of the last event.
    async fn finish(
        &self,
        call: &Call,
        change: Change<'_, Row>,
        why: &str,
        rule: impl AsyncFnOnce(&mut Transaction, &Row) -> Result<Vec<Step>, Error>,
    ) -> Result<(Row, i64), Error> {
        let Change { mut transaction, before, repeats, .. } = change;
        if repeats {
            return Ok((before, 0));
        }
        let mut steps = rule(&mut transaction, &before).await?;
        let position = desk::commit(&self.resources, call, transaction, &mut steps, why).await?;
        let after = steps.into_iter().find(|step| step.after.id == before.id).map(|step| step.after);
        Ok((after.unwrap_or(before), position))
    }

    /// Refuses to unlock to whoever is measured by a target: it takes the permission in the territory above, if there is one.
    fn check_above(&self, call: &Call, target: &Row) -> Result<(), Refusal> {
        let above =
            target.territory_path.trim_end_matches('/').rfind('/').map(|slash| &target.territory_path[..=slash]);
        if self.resources.scope(call).contains(above.unwrap_or(&target.territory_path)) {
            return Ok(());
        }
        let refusal = Refusal::new(Code::PermissionDenied, reason(ErrorReason::TargetUnlockFromAbove));
        Err(refusal.with("permission", call.permission))
    }

    /// A target with its indicator, whose parts add up.
    async fn divisible(&self, sight: &Sight, id: Uuid) -> Result<(Row, Indicator), Error> {
        let mut connection = self.resources.connection().await?;
        let target: Row = self.resources.get(&mut connection, sight, id).await?;
        let indicator = desk::indicator_of(&mut connection, &target.indicator_code).await?;
        connection.release();
        if !indicator.adds_up() {
            let refusal = Refusal::new(Code::FailedPrecondition, reason(ErrorReason::TargetNotDivisible));
            return Err(refusal.with("code", &indicator.code).into());
        }
        Ok((target, indicator))
    }

    /// How targets of one indicator and period stand.
    async fn stand(&self, call: &Call, targets: &[Row]) -> Result<Vec<pb::TargetProgress>, Error> {
        let Some(first) = targets.first() else { return Ok(Vec::new()) };
        let period = Period::of(&first.period);
        let question = Question {
            indicator_code: first.indicator_code.clone(),
            by: By::Territory,
            territory_code: String::new(),
            territory_level: String::new(),
            from: period.map(|period| period.first),
            to: period.map(|period| period.last),
            currency_code: String::new(),
            only: Vec::new(),
        };
        let paths = targets.iter().map(|target| target.territory_path.clone()).collect();
        let (indicator, figures) = figure::by_territory(&self.resources, call, &question, paths).await?;
        let progress = |target: &Row| {
            let key = (target.territory_code.clone(), target.currency_code.clone());
            let figure = figures.get(&key).copied().flatten();
            convert::wire_progress(target, &Progress::of(target, &indicator, figure, day::of(call.now)))
        };
        Ok(targets.iter().map(progress).collect())
    }
}

#[tonic::async_trait]
impl TargetService for TargetRpc {
    async fn create_target(
        &self,
        request: Request<CreateTargetRequest>,
    ) -> Result<Response<CreateTargetResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let new = convert::creation(request.target)?;
        let sight = self.sight(&call);
        self.resources.within(&sight.scope, &new.territory_code)?;
        let make = async |transaction: &mut Transaction, id| {
            store::take_turn(transaction).await?;
            let path = store::lock_territory(transaction, &new.territory_code).await?;
            let indicator = desk::indicator_of(transaction, &new.indicator_code).await?;
            Ok::<Row, Error>(new.target(id, call.now, (&indicator, path))?)
        };
        let created = self.resources.create(&call, key, &sight, "target.created", make).await?;
        Ok(Response::new(CreateTargetResponse { target: Some(created.0), position: created.1 }))
    }

    async fn get_target(&self, request: Request<GetTargetRequest>) -> Result<Response<GetTargetResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let id = parse_id("id", &request.id)?;
        let target = self.resources.show::<Row>(&self.sight(&call), id).await?;
        Ok(Response::new(GetTargetResponse { target: Some(target) }))
    }

    async fn list_targets(
        &self,
        request: Request<ListTargetsRequest>,
    ) -> Result<Response<ListTargetsResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let query = LISTING.query(&PageRequest::of(&request, &[&request.territory_code]))?;
        let page = self.resources.list::<Row>(&self.sight(&call), &request.territory_code, query).await?;
        Ok(Response::new(ListTargetsResponse {
            targets: page.rows,
            next_page_token: page.next_page_token,
            total: page.total,
        }))
    }

    async fn update_target(
        &self,
        request: Request<UpdateTargetRequest>,
    ) -> Result<Response<UpdateTargetResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let update = convert::update(request)?;
        let (sight, mut transaction) = (self.sight(&call), self.resources.begin().await?);
        store::take_turn(&mut transaction).await?;
        let target = (update.id, update.etag.as_str());
        let change: Change<'_, Row> = self.resources.begin_change(&call, key, transaction, target, &sight).await?;
        let rule = async |transaction: &mut Transaction, before: &Row| {
            before.check_live()?;
            let indicator = desk::indicator_of(transaction, &before.indicator_code).await?;
            let after = (update.patch)(before, &indicator)?;
            let mut steps = vec![Step::of("target.updated", before, after.clone())];
            if after.value != before.value {
                before.check_no_parent()?;
                let places = places(&indicator, &after.currency_code);
                steps.extend(desk::followed(transaction, &[after], places).await?);
            }
            Ok(steps)
        };
        let (target, position) = self.finish(&call, change, "", rule).await?;
        Ok(Response::new(UpdateTargetResponse { target: Some(target.message(&sight)), position }))
    }

    async fn lock_target(&self, request: Request<LockTargetRequest>) -> Result<Response<LockTargetResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let sight = self.sight(&call);
        let change = self.begin(&call, &request, &sight).await?;
        let rule = async |transaction: &mut Transaction, before: &Row| {
            let locked = |target: &Row| Ok(Row { locked: true, ..target.clone() });
            desk::with_below(transaction, "target.locked", (before, before.set_locked(true)?), locked).await
        };
        let (target, position) = self.finish(&call, change, "", rule).await?;
        Ok(Response::new(LockTargetResponse { target: Some(target.message(&sight)), position }))
    }

    async fn unlock_target(
        &self,
        request: Request<UnlockTargetRequest>,
    ) -> Result<Response<UnlockTargetResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let why = convert::why(&request.reason)?;
        let sight = self.sight(&call);
        let change = self.begin(&call, &request, &sight).await?;
        let rule = async |transaction: &mut Transaction, before: &Row| {
            let after = before.set_locked(false)?;
            self.check_above(&call, before)?;
            if let Some(parent) = before.parent_target_id
                && let Some(parent) = Row::find(transaction, parent).await?
            {
                parent.check_open()?;
            }
            let open = |target: &Row| Ok(Row { locked: false, ..target.clone() });
            desk::with_below(transaction, "target.unlocked", (before, after), open).await
        };
        let (target, position) = self.finish(&call, change, &why, rule).await?;
        Ok(Response::new(UnlockTargetResponse { target: Some(target.message(&sight)), position }))
    }

    async fn decompose_target(
        &self,
        request: Request<DecomposeTargetRequest>,
    ) -> Result<Response<DecomposeTargetResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let id = parse_id("id", &request.id)?;
        let method = convert::method(request.method)?;
        let sight = self.sight(&call);
        let (target, indicator) = self.divisible(&sight, id).await?;
        // Figures are read before the turn is taken: whoever has it waits for no connection.
        let history = desk::history(&self.resources, &call, &target, &method).await?;
        let mut transaction = self.resources.begin().await?;
        store::take_turn(&mut transaction).await?;
        let path = store::lock_territory(&mut transaction, &target.territory_code).await?;
        let right_below = store::lock_right_below(&mut transaction, &path).await?;
        let change = self.resources.begin_change(&call, key, transaction, (id, &request.etag), &sight).await?;
        let rule = async |transaction: &mut Transaction, before: &Row| {
            before.check_open()?;
            let split = Split { indicator: &indicator, method: &method, history: &history, right_below: &right_below };
            desk::decomposed(transaction, &call, before, &split).await
        };
        let (target, position) = self.finish(&call, change, "", rule).await?;
        let mut connection = self.resources.connection().await?;
        let parts = store::parts(&mut connection, id).await?;
        connection.release();
        let parts = parts.iter().map(|part| part.message(&sight)).collect();
        Ok(Response::new(DecomposeTargetResponse { target: Some(target.message(&sight)), parts, position }))
    }

    async fn delete_target(
        &self,
        request: Request<DeleteTargetRequest>,
    ) -> Result<Response<DeleteTargetResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let sight = self.sight(&call);
        let change = self.begin(&call, &request, &sight).await?;
        let rule = async |transaction: &mut Transaction, before: &Row| {
            let deleted = |target: &Row| {
                target.check_open()?;
                Ok(Row { delete_time: Some(call.now), ..target.clone() })
            };
            desk::with_below(transaction, "target.deleted", (before, before.deleted(call.now)?), deleted).await
        };
        let (target, position) = self.finish(&call, change, "", rule).await?;
        Ok(Response::new(DeleteTargetResponse { target: Some(target.message(&sight)), position }))
    }

    async fn undelete_target(
        &self,
        request: Request<UndeleteTargetRequest>,
    ) -> Result<Response<UndeleteTargetResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let sight = self.sight(&call);
        let change = self.begin(&call, &request, &sight).await?;
        let rule = async |_: &mut Transaction, before: &Row| {
            let live = before.undeleted()?;
            before.check_no_parent()?;
            Ok(vec![Step::of("target.undeleted", before, live)])
        };
        let (target, position) = self.finish(&call, change, "", rule).await?;
        Ok(Response::new(UndeleteTargetResponse { target: Some(target.message(&sight)), position }))
    }

    async fn get_target_progress(
        &self,
        request: Request<GetTargetProgressRequest>,
    ) -> Result<Response<GetTargetProgressResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let id = parse_id("id", &request.id)?;
        let mut connection = self.resources.connection().await?;
        let target: Row = self.resources.get(&mut connection, &self.sight(&call), id).await?;
        target.check_live()?;
        desk::indicator_of(&mut connection, &target.indicator_code).await?;
        connection.release();
        let progress = self.stand(&call, &[target]).await?.pop();
        Ok(Response::new(GetTargetProgressResponse { progress }))
    }

    async fn list_target_progress(
        &self,
        request: Request<ListTargetProgressRequest>,
    ) -> Result<Response<ListTargetProgressResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let (indicator_code, period) = convert::listed(&request)?;
        let filter = format!("indicator_code = \"{indicator_code}\" AND period = \"{period}\"");
        let query = LISTING.query(&PageRequest {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &filter,
            bound: &[&request.territory_code],
            ..PageRequest::default()
        })?;
        let mut connection = self.resources.connection().await?;
        desk::indicator_of(&mut connection, &indicator_code).await?;
        connection.release();
        let scope = self.sight(&call).scope;
        let page = self.resources.page::<Row>(&scope, &request.territory_code, query).await?;
        let progress = self.stand(&call, &page.rows).await?;
        Ok(Response::new(ListTargetProgressResponse { progress, next_page_token: page.next_page_token }))
    }
}
