//! How every method of the process is called.
//!
//! A new method needs an entry in [`FIXTURES`]; the permission matrix fails without it. A new noun needs a [`Need`] as well: a
//! resource of it that every call gets for itself.

use std::sync::atomic::{AtomicU32, Ordering};

use guanxi_test_support::contract::change::Answer;
use guanxi_test_support::contract::{Fixture, INSIDE, Outside, Place, Subject, fixture};
use serde_json::{Value as Json, json};

use crate::support::{Service, opportunity, owner_at, pipeline};
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
            Need::Pipeline => service.pipeline(pipeline(&code)).await.unwrap().id,
            Need::DeletedPipeline => {
                let id = Box::pin(Need::Pipeline.fresh(service, place)).await;
                made(service, "PipelineService/DeletePipeline", json!({"id": id})).await
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
    fixture("OpportunityViewService/GetBoard", Need::Opportunity, Outside::NotFound, in_county),
    fixture("OpportunityViewService/GetFunnel", Need::Opportunity, Outside::NotFound, in_county),
    fixture("OpportunityViewService/GetForecast", Need::Opportunity, Outside::NotFound, in_county),
    fixture("OpportunityViewService/ListStalledOpportunities", Need::Opportunity, Outside::NotFound, in_county),
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
