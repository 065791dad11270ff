//! How every method of the process is called.
//!
//! A new method needs an entry in [`FIXTURES`]; the permission matrix fails without it. A new noun needs a [`Need`] as well: a
//! resource of it that every call gets for itself.

use std::sync::atomic::{AtomicU32, Ordering};

use guanxi_proto::opportunity_pipeline::v1::Opportunity;
use guanxi_test_support::contract::change::Answer;
use guanxi_test_support::contract::{Fixture, INSIDE, Outside, Place, Subject, fixture};
use serde_json::{Value as Json, json};

use crate::personal;
use crate::support::{E1001, PLAIN, Service, deal, lead, offer, opportunity, owner_at, pipeline};
use crate::wire::{self, Caller};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// What has to be there before the call. Each call gets one of its own, so that it may change or delete it; the request gets its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing; the request gets a code that nobody has.
    Code,
    /// An open opportunity of the caller of the matrix, or of somebody outside.
    Opportunity,
    /// A deleted opportunity.
    DeletedOpportunity,
    /// A live pipeline without opportunities.
    Pipeline,
    /// A deleted pipeline.
    DeletedPipeline,
    /// An open opportunity in the first stage of a pipeline that asks for nothing.
    PlainOpportunity,
    /// An opportunity in its last open stage, with an account and a value.
    RipeOpportunity,
    /// A won opportunity.
    WonOpportunity,
    /// A lost opportunity.
    LostOpportunity,
    /// A suspended opportunity.
    SuspendedOpportunity,
    /// The hypothesis of a need of such an opportunity.
    Hypothesis,
    /// A need that was verified.
    VerifiedHypothesis,
    /// A deleted need.
    DeletedHypothesis,
    /// A new lead.
    Lead,
    /// Two new leads, with a blank between their ids.
    LeadPair,
    /// A lead that is no chance.
    DisqualifiedLead,
    /// A deleted lead.
    DeletedLead,
    /// An open opportunity with an account.
    Deal,
    /// A draft of a quote.
    Quote,
    /// A quote by somebody without authority, which waits for anybody who has some.
    WaitingQuote,
    /// An approved quote.
    ApprovedQuote,
}

impl Need {
    pub(crate) async fn fresh(self, service: &Service, place: Place) -> String {
        let code = format!("c{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let then = async |need: Need, method: &str, request: fn(&str) -> Json| {
            let id = Box::pin(need.fresh(service, place)).await;
            made(service, method, request(&id)).await
        };
        let mail = || vec![offer("MAIL", 1)];
        match self {
            Need::Code => code,
            Need::Opportunity => service.opportunity(opportunity(&code, place)).await.unwrap().id,
            Need::DeletedOpportunity => then(Need::Opportunity, "OpportunityService/DeleteOpportunity", by_id).await,
            Need::Pipeline => service.pipeline(pipeline(&code)).await.unwrap().id,
            Need::DeletedPipeline => then(Need::Pipeline, "PipelineService/DeletePipeline", by_id).await,
            Need::PlainOpportunity => {
                let plain = Opportunity { pipeline_code: PLAIN.to_owned(), ..opportunity(&code, place) };
                service.opportunity(plain).await.unwrap().id
            }
            Need::RipeOpportunity => service.ripe(&code, place).await.id,
            Need::WonOpportunity => then(Need::RipeOpportunity, "OpportunityService/WinOpportunity", closing).await,
            Need::LostOpportunity => then(Need::Opportunity, "OpportunityService/LoseOpportunity", closing).await,
            Need::SuspendedOpportunity => {
                let why = |id: &str| json!({"id": id, "reason": "等"});
                then(Need::Opportunity, "OpportunityService/SuspendOpportunity", why).await
            }
            Need::Hypothesis => {
                let need = |id: &str| json!({"need": {"opportunityId": id, "text": "需求"}});
                then(Need::Opportunity, "NeedService/CreateNeed", need).await
            }
            Need::VerifiedHypothesis => {
                let how = |id: &str| json!({"id": id, "verification": "是", "evidence": "访谈"});
                then(Need::Hypothesis, "NeedService/VerifyNeed", how).await
            }
            Need::DeletedHypothesis => then(Need::Hypothesis, "NeedService/DeleteNeed", by_id).await,
            Need::Lead => service.lead(lead(&code, place)).await.unwrap().id,
            Need::LeadPair => {
                let first = Box::pin(Need::Lead.fresh(service, place)).await;
                format!("{first} {}", Box::pin(Need::Lead.fresh(service, place)).await)
            }
            Need::DisqualifiedLead => {
                let why = |id: &str| json!({"id": id, "disqualifyReason": "DISQUALIFY_REASON_NO_NEED"});
                then(Need::Lead, "LeadService/DisqualifyLead", why).await
            }
            Need::DeletedLead => then(Need::Lead, "LeadService/DeleteLead", by_id).await,
            Need::Deal => service.opportunity(deal(&code, place)).await.unwrap().id,
            Need::Quote => service.draft(&service.admin, place, mail()).await.id,
            Need::WaitingQuote => {
                let draft = service.draft(&service.supporter(), place, mail()).await;
                service.submit(&service.supporter(), &draft.id).await.unwrap().id
            }
            Need::ApprovedQuote => then(Need::Quote, "QuoteService/SubmitQuote", by_id).await,
        }
    }
}

/// The request that only says which.
fn by_id(id: &str) -> Json {
    json!({ "id": id })
}

/// A win or a loss.
fn closing(id: &str) -> Json {
    json!({"id": id, "closeReason": "CLOSE_REASON_PRICE", "reason": "价格"})
}

/// One of the ids that a request gets.
pub(crate) fn part(fresh: &str, index: usize) -> &str {
    fresh.split(' ').nth(index).unwrap()
}

/// Changes something, and gives the id of what it is.
pub(crate) async fn made(service: &Service, method: &str, request: Json) -> String {
    let answers = wire::ask(service, Caller::with(&service.admin), &wire::method(method), &request).await;
    Answer::of(&answers.unwrap_or_else(|status| panic!("{method} {request}: {status:?}"))[0]).id
}

impl Subject for Service {
    type Need = Need;

    const PACKAGE: &'static str = "guanxi.opportunity_pipeline.v1";
    const FIXTURES: &'static [Fixture<Need>] = FIXTURES;
    const CREATES: &'static str = "OpportunityService/CreateOpportunity";
    const RIGHTS: &'static [(&'static str, &'static str)] = &[
        ("account", "INSERT SELECT UPDATE"),
        ("account_external_id", "DELETE INSERT SELECT UPDATE"),
        ("account_manager", "INSERT SELECT UPDATE"),
        ("approval_policy", "INSERT SELECT UPDATE"),
        ("event", "INSERT SELECT"),
        ("event_head", "SELECT UPDATE"),
        ("followed", "INSERT SELECT UPDATE"),
        ("import", "INSERT SELECT UPDATE"),
        ("lead", "INSERT SELECT UPDATE"),
        ("need", "INSERT SELECT UPDATE"),
        ("offering", "INSERT SELECT UPDATE"),
        ("opportunity", "INSERT SELECT UPDATE"),
        ("pipeline", "INSERT SELECT UPDATE"),
        ("price", "INSERT SELECT UPDATE"),
        ("quote", "INSERT SELECT UPDATE"),
        ("request", "DELETE INSERT SELECT UPDATE"),
        ("stage_period", "INSERT SELECT UPDATE"),
        ("territory", "DELETE INSERT SELECT UPDATE"),
    ];

    // The opportunity and the lead.
    const EVENTS: &'static [(&'static str, usize)] = &[("LeadService/QualifyLead", 2)];

    async fn start() -> Self {
        let service = Self::start().await;
        // It answers once its own pipeline is there.
        service.opportunity(opportunity("first", INSIDE)).await.unwrap();
        service
    }

    async fn fresh(&self, need: Need, place: Place) -> String {
        need.fresh(self, place).await
    }

    async fn with_person(&self, need: Need, fresh: &str, person: &str) {
        personal::with_person(self, need, fresh, person).await;
    }
}

/// What holds for the whole operator.
const ROOT_ONLY: Outside = Outside::RootOnly("ROOT_GRANT_MISSING");

/// The pipeline of [`pipeline`] as JSON.
fn small_pipeline(code: &str) -> Json {
    let stage = |code: &str, kind: &str, percent: i32| json!({"code": code, "name": {"zh": code}, "kind": kind, "probabilityPercent": percent});
    let (open, won) = (stage("DOING", "STAGE_KIND_OPEN", 50), stage("DONE", "STAGE_KIND_WON", 100));
    json!({"code": code, "name": {"zh": code}, "stages": [open, won, stage("GONE", "STAGE_KIND_LOST", 0)]})
}

/// Of everything in a county.
fn in_county(place: Place, _: &str) -> Json {
    json!({"territoryCode": place.county})
}

/// An entry for every method that the process serves.
pub(crate) const FIXTURES: &[Fixture<Need>] = &[
    fixture(
        "OpportunityService/CreateOpportunity",
        Need::Code,
        Outside::NotFound,
        |place, code| json!({"opportunity": {"title": code, "ownerId": owner_at(place)}}),
    ),
    fixture("OpportunityService/GetOpportunity", Need::Opportunity, Outside::NotFound, |_, id| json!({"id": id})),
    fixture(
        "OpportunityService/ListOpportunities",
        Need::Opportunity,
        Outside::NotFound,
        |place, _| json!({"territoryCode": place.county}),
    ),
    fixture(
        "OpportunityService/UpdateOpportunity",
        Need::Opportunity,
        Outside::NotFound,
        |_, id| json!({"opportunity": {"id": id, "title": "改名"}}),
    ),
    fixture("OpportunityService/DeleteOpportunity", Need::Opportunity, Outside::NotFound, |_, id| json!({"id": id})),
    fixture(
        "OpportunityService/UndeleteOpportunity",
        Need::DeletedOpportunity,
        Outside::NotFound,
        |_, id| json!({"id": id}),
    ),
    fixture("OpportunityService/ImportOpportunities", Need::Code, Outside::RowRejected, |place, code| {
        let row = json!({
            "rowNumber": 1,
            "externalId": {"system": "maven", "value": code},
            "opportunity": {"ownerId": owner_at(place)},
            "stages": [{"stageCode": "NEED_HYPOTHESIS"}],
        });
        json!({"options": {"importId": uuid::Uuid::now_v7()}, "rows": [row]})
    }),
    fixture(
        "PipelineService/CreatePipeline",
        Need::Code,
        ROOT_ONLY,
        |_, code| json!({"pipeline": small_pipeline(code)}),
    ),
    fixture("PipelineService/GetPipeline", Need::Pipeline, Outside::Same, |_, id| json!({"id": id})),
    fixture("PipelineService/ListPipelines", Need::Pipeline, Outside::Same, |_, _| json!({})),
    fixture(
        "PipelineService/UpdatePipeline",
        Need::Pipeline,
        ROOT_ONLY,
        |_, id| json!({"pipeline": {"id": id, "name": {"zh": "改名"}}}),
    ),
    fixture("PipelineService/DeletePipeline", Need::Pipeline, ROOT_ONLY, |_, id| json!({"id": id})),
    fixture("PipelineService/UndeletePipeline", Need::DeletedPipeline, ROOT_ONLY, |_, id| json!({"id": id})),
    fixture(
        "OpportunityService/AdvanceOpportunity",
        Need::PlainOpportunity,
        Outside::NotFound,
        |_, id| json!({"id": id}),
    ),
    fixture("OpportunityService/WinOpportunity", Need::RipeOpportunity, Outside::NotFound, |_, id| closing(id)),
    fixture("OpportunityService/LoseOpportunity", Need::Opportunity, Outside::NotFound, |_, id| closing(id)),
    fixture(
        "OpportunityService/SuspendOpportunity",
        Need::Opportunity,
        Outside::NotFound,
        |_, id| json!({"id": id, "reason": "等"}),
    ),
    fixture(
        "OpportunityService/ReopenOpportunity",
        Need::LostOpportunity,
        Outside::NotFound,
        |_, id| json!({"id": id, "reason": "回来了"}),
    ),
    fixture(
        "OpportunityService/ReassignOpportunity",
        Need::Opportunity,
        Outside::NotFound,
        |place, id| json!({"id": id, "territoryCode": place.city, "reason": "划转"}),
    ),
    fixture(
        "OpportunityService/ListStagePeriods",
        Need::Opportunity,
        Outside::NotFound,
        |_, id| json!({"opportunityId": id}),
    ),
    fixture(
        "LeadService/CreateLead",
        Need::Code,
        Outside::NotFound,
        |place, code| json!({"lead": {"title": code, "source": "LEAD_SOURCE_PORTAL", "companyName": code, "ownerId": owner_at(place)}}),
    ),
    fixture("LeadService/GetLead", Need::Lead, Outside::NotFound, |_, id| json!({"id": id})),
    fixture(
        "LeadService/ListLeads",
        Need::Lead,
        Outside::NotFound,
        |place, _| json!({"territoryCode": place.county, "orderBy": "create_time desc", "pageSize": 1}),
    ),
    fixture(
        "LeadService/UpdateLead",
        Need::Lead,
        Outside::NotFound,
        |_, id| json!({"lead": {"id": id, "title": "改名"}}),
    ),
    fixture("LeadService/WorkLead", Need::Lead, Outside::NotFound, |_, id| json!({"id": id})),
    fixture("LeadService/QualifyLead", Need::Lead, Outside::NotFound, |_, id| json!({"id": id})),
    fixture(
        "LeadService/DisqualifyLead",
        Need::Lead,
        Outside::NotFound,
        |_, id| json!({"id": id, "disqualifyReason": "DISQUALIFY_REASON_NO_BUDGET"}),
    ),
    fixture(
        "LeadService/ReopenLead",
        Need::DisqualifiedLead,
        Outside::NotFound,
        |_, id| json!({"id": id, "reason": "又来电"}),
    ),
    fixture(
        "LeadService/LinkDuplicateLead",
        Need::LeadPair,
        Outside::NotFound,
        |_, ids| json!({"id": part(ids, 0), "duplicateOfLeadId": part(ids, 1)}),
    ),
    fixture(
        "LeadService/ReassignLead",
        Need::Lead,
        Outside::NotFound,
        |_, id| json!({"id": id, "ownerId": E1001, "reason": "休假"}),
    ),
    fixture("LeadService/DeleteLead", Need::Lead, Outside::NotFound, |_, id| json!({"id": id})),
    fixture("LeadService/UndeleteLead", Need::DeletedLead, Outside::NotFound, |_, id| json!({"id": id})),
    fixture(
        "NeedService/CreateNeed",
        Need::Opportunity,
        Outside::NotFound,
        |_, id| json!({"need": {"opportunityId": id, "text": "邮箱上云"}}),
    ),
    fixture("NeedService/GetNeed", Need::Hypothesis, Outside::NotFound, |_, id| json!({"id": id})),
    fixture("NeedService/ListNeeds", Need::Opportunity, Outside::NotFound, |_, id| json!({"opportunityId": id})),
    fixture(
        "NeedService/UpdateNeed",
        Need::Hypothesis,
        Outside::NotFound,
        |_, id| json!({"need": {"id": id, "text": "改名"}}),
    ),
    fixture(
        "NeedService/VerifyNeed",
        Need::Hypothesis,
        Outside::NotFound,
        |_, id| json!({"id": id, "verification": "是", "evidence": "访谈"}),
    ),
    fixture(
        "NeedService/EvaluateNeed",
        Need::VerifiedHypothesis,
        Outside::NotFound,
        |_, id| json!({"id": id, "fit": 80}),
    ),
    fixture("NeedService/RefuteNeed", Need::Hypothesis, Outside::NotFound, |_, id| json!({"id": id, "reason": "没有"})),
    fixture("NeedService/DeleteNeed", Need::Hypothesis, Outside::NotFound, |_, id| json!({"id": id})),
    fixture("NeedService/UndeleteNeed", Need::DeletedHypothesis, Outside::NotFound, |_, id| json!({"id": id})),
    fixture("OpportunityViewService/GetBoard", Need::Opportunity, Outside::NotFound, in_county),
    fixture("OpportunityViewService/GetFunnel", Need::Opportunity, Outside::NotFound, in_county),
    fixture("OpportunityViewService/GetForecast", Need::Opportunity, Outside::NotFound, in_county),
    fixture("OpportunityViewService/ListStalledOpportunities", Need::Opportunity, Outside::NotFound, in_county),
    fixture(
        "QuoteService/CreateQuote",
        Need::Deal,
        Outside::NotFound,
        |_, id| json!({"quote": {"opportunityId": id, "lines": [{"offeringCode": "MAIL", "quantity": "2"}]}}),
    ),
    fixture("QuoteService/GetQuote", Need::Quote, Outside::NotFound, |_, id| json!({"id": id})),
    fixture("QuoteService/ListQuotes", Need::Deal, Outside::NotFound, |_, id| json!({"opportunityId": id})),
    fixture(
        "QuoteService/ListQuotesWaiting",
        Need::WaitingQuote,
        Outside::NotFound,
        |place, _| json!({"territoryCode": place.county}),
    ),
    fixture("QuoteService/GetQuoteProposal", Need::Quote, Outside::NotFound, |_, id| json!({"id": id})),
    fixture(
        "QuoteService/UpdateQuote",
        Need::Quote,
        Outside::NotFound,
        |_, id| json!({"quote": {"id": id, "terms": "先付后用"}}),
    ),
    fixture("QuoteService/ReviseQuote", Need::ApprovedQuote, Outside::NotFound, |_, id| json!({"id": id})),
    fixture("QuoteService/SubmitQuote", Need::Quote, Outside::NotFound, |_, id| json!({"id": id})),
    fixture("QuoteService/ApproveQuote", Need::WaitingQuote, Outside::NotFound, |_, id| json!({"id": id})),
    fixture(
        "QuoteService/RejectQuote",
        Need::WaitingQuote,
        Outside::NotFound,
        |_, id| json!({"id": id, "reason": "太便宜"}),
    ),
    fixture(
        "QuoteService/WithdrawQuote",
        Need::Quote,
        Outside::NotFound,
        |_, id| json!({"id": id, "reason": "客户改了主意"}),
    ),
    fixture("QuoteService/AcceptQuote", Need::ApprovedQuote, Outside::NotFound, |_, id| json!({"id": id})),
    fixture(
        "QuoteService/DeclineQuote",
        Need::ApprovedQuote,
        Outside::NotFound,
        |_, id| json!({"id": id, "reason": "选了别家"}),
    ),
    fixture("ApprovalPolicyService/GetApprovalPolicy", Need::Code, Outside::Same, |_, _| json!({})),
    fixture(
        "ApprovalPolicyService/UpdateApprovalPolicy",
        Need::Code,
        Outside::RootOnly("ROOT_GRANT_MISSING"),
        |_, code| {
            // Another amount each time, in a currency that nothing is quoted in.
            let amount = json!({"currencyCode": "SGD", "amount": code.trim_start_matches('c')});
            json!({"approvalPolicy": {"thresholds": [{"aboveAmount": amount, "level": "AUTHORITY_LEVEL_CITY"}]}})
        },
    ),
    fixture("EventFeedService/Follow", Need::Code, Outside::Same, |_, _| json!({})),
    fixture("EventFeedService/GetFeedHead", Need::Code, Outside::Same, |_, _| json!({})),
    fixture(
        "ChangeService/ListChanges",
        Need::Opportunity,
        Outside::NotFound,
        |_, id| json!({"subject": format!("opportunity/{id}")}),
    ),
    fixture("IdentityService/WhoAmI", Need::Code, Outside::Same, |_, _| json!({})),
    fixture("IdentityService/ListRoles", Need::Code, Outside::Same, |_, _| json!({})),
];
