//! Wrong requests for quotes; what is wrong with a line is in the answer instead.

use guanxi_test_support::contract::Subject;
use guanxi_test_support::contract::refused::{check, fields, refusal};
use serde_json::json;
use tonic::Code;

use crate::support::Service;

const QUOTE: &str = "PricingService/PriceQuote";

#[tokio::test]
async fn a_wrong_request_for_a_quote_is_refused_with_the_reason() {
    let service = <Service as Subject>::start().await;
    let line = json!({"offeringCode": "mail", "quantity": 1});
    let cases = vec![
        fields("no lines", QUOTE, json!({}), &[("lines", "REQUIRED")]),
        refusal(
            "a version that is still to come",
            QUOTE,
            json!({"lines": [line], "catalogVersion": 1_000}),
            Code::OutOfRange,
            "CATALOG_VERSION_UNKNOWN",
        ),
        refusal(
            "a territory that there is not",
            QUOTE,
            json!({"lines": [line], "profile": {"territoryCode": "999999"}}),
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        ),
    ];
    check(&service, cases).await;
}
