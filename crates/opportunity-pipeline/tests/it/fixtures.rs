//! How every method of the process is called.
//!
//! A new method needs an entry in [`FIXTURES`]; the permission matrix fails without it. A new noun needs a [`Need`] as well: a
//! resource of it that every call gets for itself.

use std::sync::atomic::{AtomicU32, Ordering};

use guanxi_proto::opportunity_pipeline::v1::Opportunity;
use guanxi_test_support::contract::change::Answer;
use guanxi_test_support::contract::{Fixture, INSIDE, Outside, Place, Subject, fixture};
use serde_json::{Value as Json, json};

use crate::support::{PLAIN, Service, opportunity, owner_at};
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
            Need::PlainOpportunity => {
                let plain = Opportunity { pipeline_code: PLAIN.to_owned(), ..opportunity(&code, place) };
                service.opportunity(plain).await.unwrap().id
            }
            Need::RipeOpportunity => service.ripe(&code, place).await.id,
            Need::WonOpportunity => {
                let id = Box::pin(Need::RipeOpportunity.fresh(service, place)).await;
                made(service, "OpportunityService/WinOpportunity", closing(&id)).await
            }
            Need::LostOpportunity => {
                let id = Box::pin(Need::Opportunity.fresh(service, place)).await;
                made(service, "OpportunityService/LoseOpportunity", closing(&id)).await
            }
            Need::SuspendedOpportunity => {
                let id = Box::pin(Need::Opportunity.fresh(service, place)).await;
                made(service, "OpportunityService/SuspendOpportunity", json!({"id": id, "reason": "等"})).await
            }
        }
    }
}

/// A win or a loss.
fn closing(id: &str) -> Json {
    json!({"id": id, "closeReason": "CLOSE_REASON_PRICE", "reason": "价格"})
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
