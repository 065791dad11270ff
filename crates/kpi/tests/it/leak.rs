//! Answers that show many things: none shows anything that lies outside the caller's territories.

use guanxi_test_support::contract::shown::{self, Text};
use guanxi_test_support::contract::{INSIDE, OUTSIDE, Subject};
use serde_json::{Value as Json, json};

use crate::fixtures::Need;
use crate::support::{Service, target};

/// What a caller of 440300 does not see: territories above and beside.
const OUTSIDE_TEXTS: [&str; 5] = ["CN", "440000", "330000", "330100", "330106"];

/// Everything that a read may be asked for.
fn requests(indicator: &str, target: &str) -> Vec<(&'static str, Vec<Json>)> {
    let questions = || -> Vec<Json> {
        ["UNSPECIFIED", "TERRITORY", "MANAGER", "ACCOUNT", "OFFERING", "STAGE", "TIER", "INDUSTRY", "MONTH", "YEAR"]
            .map(|by| json!({"question": {"indicatorCode": "won-value", "by": format!("FIGURE_DIMENSION_{by}")}}))
            .to_vec()
    };
    vec![
        ("IndicatorService/GetIndicator", vec![json!({ "id": indicator })]),
        (
            "IndicatorService/ListIndicators",
            vec![json!({"showDeleted": true, "withTotal": true}), json!({"pageSize": 1})],
        ),
        ("IndicatorService/ListMeasures", vec![json!({})]),
        ("IndicatorService/QueryIndicator", questions()),
        ("IndicatorService/WatchIndicator", questions()),
        ("IndicatorService/ExplainIndicator", vec![json!({"question": {"indicatorCode": "won-value"}, "pageSize": 1})]),
        ("TargetService/GetTarget", vec![json!({ "id": target })]),
        ("TargetService/ListTargets", vec![json!({"showDeleted": true, "withTotal": true}), json!({"pageSize": 1})]),
        ("TargetService/GetTargetProgress", vec![json!({ "id": target })]),
        ("TargetService/ListTargetProgress", vec![json!({"indicatorCode": "won-value", "period": "2026"})]),
        ("MeasurementService/ImportMeasurements", vec![import()]),
        ("EventFeedService/Follow", vec![json!({})]),
        ("EventFeedService/GetFeedHead", vec![json!({})]),
        ("ChangeService/ListChanges", vec![json!({"subject": format!("indicator/{indicator}"), "pageSize": 1})]),
        ("IdentityService/WhoAmI", vec![json!({})]),
        ("IdentityService/ListRoles", vec![json!({})]),
    ]
}

/// A row that lands, and one that names what is not there.
fn import() -> Json {
    let rows = [(1, ""), (2, "E2000")].map(|(number, manager)| {
        let measurement =
            json!({"measureCode": "usage", "date": "2026-03-01", "territoryCode": INSIDE.county, "value": "1"});
        json!({"rowNumber": number, "measurement": measurement, "managerEmployeeNumber": manager})
    });
    json!({"options": {"importId": uuid::Uuid::now_v7()}, "rows": rows})
}

#[tokio::test]
async fn no_answer_tells_of_what_lies_outside() {
    let service = <Service as Subject>::start().await;
    let indicator = Need::Indicator.fresh(&service, INSIDE).await;
    let country = service.target(target("won-value", "CN", "200")).await.unwrap();
    let mut inside = String::new();
    // Each level is a part of the one above.
    for (place, above) in [(INSIDE, "440000"), (OUTSIDE, "330000")] {
        let province = service.target(target("won-value", above, "100")).await.unwrap();
        let parts = service.decompose(&province.id, &[(place.city, "100")]).await.unwrap();
        inside = if place == INSIDE { parts[0].id.clone() } else { inside };
    }
    service.decompose(&country.id, &[("440000", "100"), ("330000", "100")]).await.unwrap();
    let told = |text: &Text<'_>| {
        let mut words = text.text.split(|character: char| !character.is_ascii_alphanumeric() && character != '-');
        words.find(|word| OUTSIDE_TEXTS.contains(word)).map(str::to_owned)
    };
    shown::look_through::<Service>(&service, INSIDE.city, &requests(&indicator, &inside), told).await;
}
