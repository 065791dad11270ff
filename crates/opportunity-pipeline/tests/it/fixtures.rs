//! How every method of the process is called.
//!
//! A new method needs an entry in [`FIXTURES`]; the permission matrix fails without it. A new noun needs a [`Need`] as well: a
//! resource of it that every call gets for itself.

use std::sync::atomic::{AtomicU32, Ordering};

use guanxi_test_support::contract::change::Answer;
use guanxi_test_support::contract::{Fixture, INSIDE, Outside, Place, Subject, fixture};
use serde_json::{Value as Json, json};

use crate::support::{Service, deal, offer, opportunity, owner_at};
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
        match self {
            Need::Code => code,
            Need::Opportunity => service.opportunity(opportunity(&code, place)).await.unwrap().id,
            Need::DeletedOpportunity => {
                let id = Box::pin(Need::Opportunity.fresh(service, place)).await;
                made(service, "OpportunityService/DeleteOpportunity", json!({"id": id})).await
            }
            Need::Deal => service.opportunity(deal(&code, place)).await.unwrap().id,
            Need::Quote => service.draft(&service.admin, place, vec![offer("MAIL", 1)]).await.id,
            Need::WaitingQuote => {
                let draft = service.draft(&service.supporter(), place, vec![offer("MAIL", 1)]).await;
                service.submit(&service.supporter(), &draft.id).await.unwrap().id
            }
            Need::ApprovedQuote => {
                let draft = Box::pin(Need::Quote.fresh(service, place)).await;
                service.submit(&service.admin, &draft).await.unwrap().id
            }
        }
    }
}

/// Changes something, and gives the id of what it is.
async fn made(service: &Service, method: &str, request: Json) -> String {
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

    async fn start() -> Self {
        let service = Self::start().await;
        // It answers once its own pipeline is there.
        service.opportunity(opportunity("first", INSIDE)).await.unwrap();
        service
    }

    async fn fresh(&self, need: Need, place: Place) -> String {
        need.fresh(self, place).await
    }
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
