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
        let needs = [
            Need::Opportunity,
            Need::DeletedOpportunity,
            Need::Deal,
            Need::Quote,
            Need::WaitingQuote,
            Need::ApprovedQuote,
        ];
        for need in needs {
            inside.push((need, need.fresh(&service, INSIDE).await));
            outside.push(need.fresh(&service, OUTSIDE).await);
        }
        Self { service, inside, outside }
    }

    /// Everything that a read may be asked for.
    fn requests(&self) -> Vec<(&'static str, Vec<Json>)> {
        let id = |need: Need| self.inside.iter().find(|(known, _)| *known == need).map_or("", |(_, id)| id.as_str());
        let gets = |live: Need, gone: Need| vec![json!({"id": id(live)}), json!({"id": id(gone)})];
        let lists = || {
            vec![
                json!({"showDeleted": true, "withTotal": true}),
                json!({"showDeleted": true, "pageSize": 1}),
                json!({"territoryCode": INSIDE.county}),
            ]
        };
        let history = |noun: &str, need: Need| json!({"subject": format!("{noun}/{}", id(need)), "pageSize": 1});
        vec![
            ("OpportunityService/GetOpportunity", gets(Need::Opportunity, Need::DeletedOpportunity)),
            ("OpportunityService/ListOpportunities", lists()),
            ("QuoteService/GetQuote", gets(Need::Quote, Need::WaitingQuote)),
            ("QuoteService/ListQuotes", [lists(), vec![json!({"opportunityId": id(Need::Deal)})]].concat()),
            (
                "QuoteService/ListQuotesWaiting",
                vec![json!({"withTotal": true}), json!({"pageSize": 1}), json!({"territoryCode": INSIDE.county})],
            ),
            ("QuoteService/GetQuoteProposal", gets(Need::Quote, Need::ApprovedQuote)),
            ("ApprovalPolicyService/GetApprovalPolicy", vec![json!({})]),
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
                    history("quote", Need::ApprovedQuote),
                ],
            ),
            ("IdentityService/WhoAmI", vec![json!({})]),
            ("IdentityService/ListRoles", vec![json!({})]),
        ]
    }
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
