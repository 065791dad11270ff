//! Answers that show many things: none shows anything that lies outside the caller's territories, but for the bare name of the account
//! of an opportunity that lies inside.

use guanxi_test_support::contract::shown::{self, Text};
use guanxi_test_support::contract::{INSIDE, OUTSIDE, Subject};
use serde_json::{Value as Json, json};

use crate::fixtures::Need;
use crate::support::{ACCOUNT_OUTSIDE, E2000, Service};

/// What a caller of 440300 does not see: territories above and beside, and who is there.
const OUTSIDE_TEXTS: [&str; 7] = ["CN", "440000", "330000", "330100", "330106", E2000, ACCOUNT_OUTSIDE];

/// Something in every state, inside and outside.
struct World {
    service: Service,
    inside: Vec<(Need, String)>,
    outside: Vec<String>,
}

impl World {
    async fn start() -> Self {
        let service = <Service as Subject>::start().await;
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        for need in [
            Need::Opportunity,
            Need::DeletedOpportunity,
            Need::Pipeline,
            Need::DeletedPipeline,
            Need::WonOpportunity,
            Need::LostOpportunity,
            Need::SuspendedOpportunity,
            Need::Hypothesis,
            Need::VerifiedHypothesis,
            Need::DeletedHypothesis,
            Need::Lead,
            Need::DisqualifiedLead,
            Need::DeletedLead,
            Need::Deal,
            Need::Quote,
            Need::WaitingQuote,
            Need::ApprovedQuote,
        ] {
            inside.push((need, need.fresh(&service, INSIDE).await));
            // Pipelines lie nowhere.
            if !matches!(need, Need::Pipeline | Need::DeletedPipeline) {
                outside.push(need.fresh(&service, OUTSIDE).await);
            }
        }
        Self { service, inside, outside }
    }

    fn id(&self, need: Need) -> &str {
        self.inside.iter().find(|(known, _)| *known == need).map_or("", |(_, id)| id)
    }

    fn gets(&self, live: Need, gone: Need) -> Vec<Json> {
        [live, gone].map(|need| json!({"id": self.id(need)})).to_vec()
    }

    /// Everything that a read may be asked for.
    fn requests(&self) -> Vec<(&'static str, Vec<Json>)> {
        [self.opportunities(), self.others(), self.events()].concat()
    }

    fn opportunities(&self) -> Vec<(&'static str, Vec<Json>)> {
        let views = || vec![json!({}), json!({"territoryCode": INSIDE.city})];
        vec![
            ("OpportunityService/GetOpportunity", self.gets(Need::Opportunity, Need::DeletedOpportunity)),
            ("OpportunityService/ListOpportunities", lists()),
            ("PipelineService/GetPipeline", self.gets(Need::Pipeline, Need::DeletedPipeline)),
            (
                "PipelineService/ListPipelines",
                vec![json!({"showDeleted": true, "withTotal": true}), json!({"showDeleted": true, "pageSize": 1})],
            ),
            ("OpportunityViewService/GetBoard", views()),
            ("OpportunityViewService/GetFunnel", views()),
            ("OpportunityViewService/GetForecast", views()),
            (
                "OpportunityViewService/ListStalledOpportunities",
                vec![
                    json!({"asOfDate": "2100-01-01", "withTotal": true}),
                    json!({"asOfDate": "2100-01-01", "pageSize": 1}),
                ],
            ),
            (
                "OpportunityService/ListStagePeriods",
                [Need::Opportunity, Need::DeletedOpportunity, Need::WonOpportunity, Need::LostOpportunity]
                    .map(|need| json!({"opportunityId": self.id(need)}))
                    .to_vec(),
            ),
            ("OpportunityService/ImportOpportunities", vec![import()]),
        ]
    }

    fn others(&self) -> Vec<(&'static str, Vec<Json>)> {
        vec![
            ("LeadService/GetLead", self.gets(Need::Lead, Need::DeletedLead)),
            ("LeadService/ListLeads", lists()),
            ("NeedService/GetNeed", self.gets(Need::Hypothesis, Need::DeletedHypothesis)),
            ("NeedService/ListNeeds", [lists(), vec![json!({"opportunityId": self.id(Need::Opportunity)})]].concat()),
            ("QuoteService/GetQuote", self.gets(Need::Quote, Need::WaitingQuote)),
            ("QuoteService/ListQuotes", [lists(), vec![json!({"opportunityId": self.id(Need::Deal)})]].concat()),
            (
                "QuoteService/ListQuotesWaiting",
                vec![json!({"withTotal": true}), json!({"pageSize": 1}), json!({"territoryCode": INSIDE.county})],
            ),
            ("QuoteService/GetQuoteProposal", self.gets(Need::Quote, Need::ApprovedQuote)),
            ("ApprovalPolicyService/GetApprovalPolicy", vec![json!({})]),
        ]
    }

    fn events(&self) -> Vec<(&'static str, Vec<Json>)> {
        let history = |noun: &str, need: Need| json!({"subject": format!("{noun}/{}", self.id(need)), "pageSize": 1});
        vec![
            (
                "EventFeedService/Follow",
                vec![json!({}), json!({"types": ["guanxi.opportunity_pipeline.v1.opportunity.*"]})],
            ),
            ("EventFeedService/GetFeedHead", vec![json!({})]),
            (
                "ChangeService/ListChanges",
                vec![
                    history("opportunity", Need::Opportunity),
                    history("opportunity", Need::DeletedOpportunity),
                    history("lead", Need::DisqualifiedLead),
                    history("lead", Need::DeletedLead),
                    history("need", Need::VerifiedHypothesis),
                    history("need", Need::DeletedHypothesis),
                    history("quote", Need::ApprovedQuote),
                ],
            ),
            ("IdentityService/WhoAmI", vec![json!({})]),
            ("IdentityService/ListRoles", vec![json!({})]),
        ]
    }
}

/// How a list may be asked for.
fn lists() -> Vec<Json> {
    vec![
        json!({"showDeleted": true, "withTotal": true}),
        json!({"showDeleted": true, "pageSize": 1}),
        json!({"territoryCode": INSIDE.county}),
    ]
}

/// A row of somebody outside.
fn import() -> Json {
    let row = json!({
        "rowNumber": 1,
        "externalId": {"system": "maven", "value": "1"},
        "ownerEmployeeNumber": "E2000",
        "stages": [{"stageCode": "SOLUTION"}],
    });
    json!({"options": {"importId": uuid::Uuid::now_v7(), "dryRun": true}, "rows": [row]})
}

#[tokio::test]
async fn no_answer_tells_of_what_lies_outside() {
    let world = World::start().await;
    let told = |text: &Text<'_>| {
        let mut words = text.text.split(|character: char| !character.is_ascii_alphanumeric() && character != '-');
        let outside = |word: &&str| OUTSIDE_TEXTS.contains(word) || world.outside.iter().any(|id| id == word);
        words.find(outside).map(str::to_owned)
    };
    shown::look_through::<Service>(&world.service, INSIDE.city, &world.requests(), told).await;
}
