//! The methods.

use guanxi_db::{RequestKey, Transaction};
use guanxi_filter::{PageRequest, Value};
use guanxi_grpc::{Call, check_etag, day, language, parse_id, text};
use guanxi_proto::Verb;
use guanxi_proto::opportunity_pipeline::v1::quote_service_server::QuoteService;
use guanxi_proto::opportunity_pipeline::v1::{
    AcceptQuoteRequest, AcceptQuoteResponse, ApproveQuoteRequest, ApproveQuoteResponse, CreateQuoteRequest,
    CreateQuoteResponse, DeclineQuoteRequest, DeclineQuoteResponse, GetQuoteProposalRequest, GetQuoteProposalResponse,
    GetQuoteRequest, GetQuoteResponse, ListQuotesRequest, ListQuotesResponse, ListQuotesWaitingRequest,
    ListQuotesWaitingResponse, RejectQuoteRequest, RejectQuoteResponse, ReviseQuoteRequest, ReviseQuoteResponse,
    SubmitQuoteRequest, SubmitQuoteResponse, UpdateQuoteRequest, UpdateQuoteResponse, WithdrawQuoteRequest,
    WithdrawQuoteResponse,
};
use guanxi_resource::{Error, Noun, Resources, Sight};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::authority::Authority;
use super::decision::conflict;
use super::listing::{LISTING, WAITING, above};
use super::model::{Quote as Row, State};
use super::pricing::{self, Priced};
use super::{patch, proposal, store};
use crate::approval_policy::{Level, store as policies};
use crate::copies::Copies;
use crate::need;
use crate::opportunity::Opportunity;
use crate::sight;

/// Serves quotes.
#[derive(Clone)]
pub(crate) struct QuoteRpc {
    resources: Resources,
    copies: Copies,
}

impl QuoteRpc {
    pub(crate) fn new(resources: Resources, copies: Copies) -> Self {
        Self { resources, copies }
    }

    /// Who may not see all opportunities of a territory sees the quotes of his own.
    fn sight(&self, call: &Call) -> Sight {
        sight::of(&self.resources, call)
    }

    async fn read<N: Noun>(&self, sight: &Sight, id: Uuid) -> Result<N, Error> {
        let mut connection = self.resources.connection().await?;
        let resource = self.resources.get(&mut connection, sight, id).await?;
        connection.release();
        Ok(resource)
    }

    /// True if a request took effect before: then it needs no prices. Nothing stays of the claim, as it is not committed.
    async fn repeats(&self, call: &Call, key: Option<&RequestKey>) -> Result<bool, Error> {
        if key.is_none() {
            return Ok(false);
        }
        let mut transaction = self.resources.begin().await?;
        Ok(self.resources.claim(&mut transaction, key, Uuid::nil(), call.now).await?.is_some())
    }

    /// What a quote costs now; none for a repeat. `field` names its opportunity in the request.
    async fn price(
        &self,
        call: &Call,
        key: Option<&RequestKey>,
        quote: &Row,
        field: &str,
    ) -> Result<Option<Priced>, Error> {
        if self.repeats(call, key).await? {
            return Ok(None);
        }
        quote.check_open(field)?;
        pricing::price(&self.copies, call, quote).await.map(Some)
    }

    /// What a quote costs now, for a verb; none in a state that the verb is not for.
    async fn price_again(
        &self,
        call: &Call,
        request: &impl Verb,
        sight: &Sight,
        state: State,
    ) -> Result<Option<Priced>, Error> {
        let key = call.request_key(request.request_id(), request)?;
        let quote: Row = self.read(sight, parse_id("id", request.id())?).await?;
        if quote.state != state {
            return Ok(None);
        }
        self.price(call, key.as_ref(), &quote, "id").await
    }

    /// Makes the next version of an opportunity's offer of a priced draft.
    async fn make(
        &self,
        transaction: &mut Transaction,
        sight: &Sight,
        id: Uuid,
        draft: Row,
        priced: Option<Priced>,
    ) -> Result<Row, Error> {
        let opportunity_id = draft.opportunity_id;
        store::lock_opportunity(transaction, opportunity_id).await?;
        let opportunity: Opportunity = self.resources.get(transaction, sight, opportunity_id).await?;
        let number = store::next_number(transaction, opportunity_id).await?;
        let quote = draft.made(id, number, &opportunity);
        quote.check_open("quote.opportunity_id")?;
        let policy = policies::get(transaction).await?;
        quote.priced(priced.ok_or_else(conflict)?, &policy)
    }

    /// The caller's authority where a quote lies.
    async fn authority(&self, transaction: &mut Transaction, call: &Call, quote: &Row) -> Result<Option<Level>, Error> {
        Ok(Authority::of(transaction, call, self.resources.paths()).await?.at(&quote.territory_path))
    }
}

#[tonic::async_trait]
impl QuoteService for QuoteRpc {
    async fn create_quote(
        &self,
        request: Request<CreateQuoteRequest>,
    ) -> Result<Response<CreateQuoteResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (opportunity_id, values) = patch::creation(request.quote, day::of(call.now))?;
        let sight = self.sight(&call);
        let opportunity: Opportunity = self.read(&sight, opportunity_id).await?;
        let draft = values.applied(Row::blank(&opportunity, &call))?;
        let priced = self.price(&call, key.as_ref(), &draft, "quote.opportunity_id").await?;
        let make = async |transaction: &mut Transaction, id| self.make(transaction, &sight, id, draft, priced).await;
        let created = self.resources.create(&call, key, &sight, "quote.created", make).await?;
        Ok(Response::new(CreateQuoteResponse { quote: Some(created.0), position: created.1 }))
    }

    async fn get_quote(&self, request: Request<GetQuoteRequest>) -> Result<Response<GetQuoteResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let quote = self.resources.show::<Row>(&self.sight(&call), parse_id("id", &request.id)?).await?;
        Ok(Response::new(GetQuoteResponse { quote: Some(quote) }))
    }

    async fn list_quotes(&self, request: Request<ListQuotesRequest>) -> Result<Response<ListQuotesResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let sight = self.sight(&call);
        let bound = [request.territory_code.as_str(), &request.opportunity_id];
        let mut query = LISTING.query(&PageRequest::of(&request, &bound))?;
        if !request.opportunity_id.is_empty() {
            let id = parse_id("opportunity_id", &request.opportunity_id)?;
            self.read::<Opportunity>(&sight, id).await?;
            query = query.only("quote.opportunity_id", Value::Id(id));
        }
        let page = self.resources.list::<Row>(&sight, &request.territory_code, query).await?;
        let (quotes, next_page_token, total) = (page.rows, page.next_page_token, page.total);
        Ok(Response::new(ListQuotesResponse { quotes, next_page_token, total }))
    }

    async fn list_quotes_waiting(
        &self,
        request: Request<ListQuotesWaitingRequest>,
    ) -> Result<Response<ListQuotesWaitingResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let query = WAITING.query(&PageRequest::of(&request, &[&request.territory_code]))?;
        let mut connection = self.resources.connection().await?;
        let authority = Authority::of(&mut connection, &call, self.resources.paths()).await?;
        connection.release();
        let of = |text: &str| Value::Text(text.to_owned());
        let query = query.only("quote.state", of("WAITING"));
        let query = query.except("quote.author", of(call.subject())).except("quote.submitter", of(call.subject()));
        let within = |query, level| above(query, level, &authority.ranges(level));
        let query = Level::ALL.into_iter().fold(query, within);
        let page = self.resources.list::<Row>(&self.sight(&call), &request.territory_code, query).await?;
        let (quotes, next_page_token, total) = (page.rows, page.next_page_token, page.total);
        Ok(Response::new(ListQuotesWaitingResponse { quotes, next_page_token, total }))
    }

    async fn get_quote_proposal(
        &self,
        request: Request<GetQuoteProposalRequest>,
    ) -> Result<Response<GetQuoteProposalResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let quote: Row = self.read(&self.sight(&call), parse_id("id", &request.id)?).await?;
        let codes: Vec<String> = quote.asked.0.lines.iter().map(|line| line.offering_code.clone()).collect();
        let offerings = self.copies.offerings(&codes).await?;
        let mut connection = self.resources.connection().await?;
        let needs = need::store::known_texts(&mut connection, quote.opportunity_id).await?;
        connection.release();
        let markdown = proposal::markdown(&quote, &needs, &offerings, language());
        Ok(Response::new(GetQuoteProposalResponse { markdown }))
    }

    async fn update_quote(
        &self,
        request: Request<UpdateQuoteRequest>,
    ) -> Result<Response<UpdateQuoteResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (id, etag, values) = patch::update(request, day::of(call.now))?;
        let sight = self.sight(&call);
        let present: Row = self.read(&sight, id).await?;
        let priced = match present.state {
            State::Draft => self.price(&call, key.as_ref(), &values.clone().applied(present)?, "quote.id").await?,
            _ => None,
        };
        let transaction = self.resources.begin().await?;
        let mut change = self.resources.begin_change::<Row>(&call, key, transaction, (id, &etag), &sight).await?;
        if !change.repeats {
            change.before.expect(&[State::Draft], "DRAFT")?;
            change.before.check_open("quote.id")?;
            let policy = policies::get(&mut change.transaction).await?;
            let draft = values.applied(change.before.clone())?;
            change.after = draft.priced(priced.ok_or_else(conflict)?, &policy)?;
        }
        let updated = change.commit("quote.updated", &sight).await?;
        Ok(Response::new(UpdateQuoteResponse { quote: Some(updated.0), position: updated.1 }))
    }

    async fn revise_quote(
        &self,
        request: Request<ReviseQuoteRequest>,
    ) -> Result<Response<ReviseQuoteResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let key = call.request_key(&request.request_id, &request)?;
        let (sight, source) = (self.sight(&call), parse_id("id", &request.id)?);
        let version: Row = self.read(&sight, source).await?;
        let opportunity: Opportunity = self.read(&sight, version.opportunity_id).await?;
        let draft = version.revised(&opportunity, &call);
        let priced = self.price(&call, key.as_ref(), &draft, "id").await?;
        let make = async |transaction: &mut Transaction, id| {
            let made = self.make(transaction, &sight, id, draft, priced).await?;
            Row::lock(transaction, source).await?;
            let version: Row = self.resources.get(transaction, &sight, source).await?;
            check_etag(&request.etag, version.version)?;
            Ok(made)
        };
        let revised = self.resources.create(&call, key, &sight, "quote.revised", make).await?;
        Ok(Response::new(ReviseQuoteResponse { quote: Some(revised.0), position: revised.1 }))
    }

    async fn submit_quote(
        &self,
        request: Request<SubmitQuoteRequest>,
    ) -> Result<Response<SubmitQuoteResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let sight = self.sight(&call);
        let priced = self.price_again(&call, &request, &sight, State::Draft).await?;
        let rule = async |transaction: &mut Transaction, quote: &Row| {
            let authority = self.authority(transaction, &call, quote).await?;
            quote.submitted(&call, priced, &policies::get(transaction).await?, authority)
        };
        let submitted = self.resources.alter(&call, &request, &sight, "quote.submitted", rule).await?;
        Ok(Response::new(SubmitQuoteResponse { quote: Some(submitted.0), position: submitted.1 }))
    }

    async fn approve_quote(
        &self,
        request: Request<ApproveQuoteRequest>,
    ) -> Result<Response<ApproveQuoteResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let sight = self.sight(&call);
        let priced = self.price_again(&call, &request, &sight, State::Waiting).await?;
        let rule = async |transaction: &mut Transaction, quote: &Row| {
            let authority = self.authority(transaction, &call, quote).await?;
            quote.approved(&call, priced, &policies::get(transaction).await?, authority)
        };
        let approved = self.resources.alter(&call, &request, &sight, "quote.approved", rule).await?;
        Ok(Response::new(ApproveQuoteResponse { quote: Some(approved.0), position: approved.1 }))
    }

    async fn reject_quote(
        &self,
        request: Request<RejectQuoteRequest>,
    ) -> Result<Response<RejectQuoteResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let reason = text("reason", &request.reason, 1, 500)?;
        let rule = async |transaction: &mut Transaction, quote: &Row| {
            quote.rejected(&call, reason, self.authority(transaction, &call, quote).await?)
        };
        let rejected = self.resources.alter(&call, &request, &self.sight(&call), "quote.rejected", rule).await?;
        Ok(Response::new(RejectQuoteResponse { quote: Some(rejected.0), position: rejected.1 }))
    }

    async fn withdraw_quote(
        &self,
        request: Request<WithdrawQuoteRequest>,
    ) -> Result<Response<WithdrawQuoteResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let reason = text("reason", &request.reason, 1, 500)?;
        let rule = async |_: &mut Transaction, quote: &Row| quote.withdrawn(reason);
        let withdrawn = self.resources.alter(&call, &request, &self.sight(&call), "quote.withdrawn", rule).await?;
        Ok(Response::new(WithdrawQuoteResponse { quote: Some(withdrawn.0), position: withdrawn.1 }))
    }

    async fn accept_quote(
        &self,
        request: Request<AcceptQuoteRequest>,
    ) -> Result<Response<AcceptQuoteResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let (on, reference) = patch::acceptance(&request)?;
        let today = day::of(call.now);
        let rule = async |_: &mut Transaction, quote: &Row| quote.accepted(today, on, reference);
        let accepted = self.resources.alter(&call, &request, &self.sight(&call), "quote.accepted", rule).await?;
        Ok(Response::new(AcceptQuoteResponse { quote: Some(accepted.0), position: accepted.1 }))
    }

    async fn decline_quote(
        &self,
        request: Request<DeclineQuoteRequest>,
    ) -> Result<Response<DeclineQuoteResponse>, Status> {
        let (call, request) = Call::open(request)?;
        let reason = text("reason", &request.reason, 1, 500)?;
        let rule = async |_: &mut Transaction, quote: &Row| quote.declined(reason);
        let declined = self.resources.alter(&call, &request, &self.sight(&call), "quote.declined", rule).await?;
        Ok(Response::new(DeclineQuoteResponse { quote: Some(declined.0), position: declined.1 }))
    }
}
