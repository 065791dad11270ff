//! How every method of the process is called.
//!
//! A new method needs an entry in [`FIXTURES`]; the permission matrix fails without it. A new noun needs a [`Need`] as well: a
//! resource of it that every call gets for itself.

use std::sync::atomic::{AtomicU32, Ordering};

use guanxi_test_support::contract::change::Answer;
use guanxi_test_support::contract::{Fixture, Outside, Place, Subject, fixture};
use serde_json::{Value as Json, json};

use crate::support::{Service, indicator, target};
use crate::wire::{self, Caller};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// What has to be there before the call. Each call gets one of its own, so that it may change or delete it; the request gets its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing; the request gets a code that nobody has.
    Code,
    /// A live indicator that did not come with the product.
    Indicator,
    /// A deleted indicator.
    DeletedIndicator,
    /// An open target in the city of the place.
    CityTarget,
    /// An open target in the county of the place.
    Target,
    /// A locked target there.
    LockedTarget,
    /// A deleted target there.
    DeletedTarget,
}

impl Need {
    pub(crate) async fn fresh(self, service: &Service, place: Place) -> String {
        let code = format!("c{}", COUNT.fetch_add(1, Ordering::Relaxed));
        match self {
            Need::Code => code,
            Need::Indicator => service.indicator(indicator(&code)).await.unwrap().id,
            Need::DeletedIndicator => {
                let id = service.indicator(indicator(&code)).await.unwrap().id;
                made(service, "IndicatorService/DeleteIndicator", json!({ "id": id })).await
            }
            Need::CityTarget | Need::Target => {
                let territory = if self == Need::Target { place.county } else { place.city };
                service.indicator(indicator(&code)).await.unwrap();
                service.target(target(&code, territory, "100")).await.unwrap().id
            }
            Need::LockedTarget => {
                let id = Box::pin(Need::Target.fresh(service, place)).await;
                made(service, "TargetService/LockTarget", json!({ "id": id })).await
            }
            Need::DeletedTarget => {
                let id = Box::pin(Need::Target.fresh(service, place)).await;
                made(service, "TargetService/DeleteTarget", json!({ "id": id })).await
            }
        }
    }
}

/// Changes something, and gives the id of what it is.
pub(crate) async fn made(service: &Service, method: &str, request: Json) -> String {
    let answers = wire::ask(service, Caller::with(&service.admin), &wire::method(method), &request).await;
    Answer::of(&answers.unwrap_or_else(|status| panic!("{method} {request}: {status:?}"))[0]).id
}

impl Subject for Service {
    type Need = Need;

    const PACKAGE: &'static str = "guanxi.kpi.v1";
    const FIXTURES: &'static [Fixture<Need>] = FIXTURES;
    const CREATES: &'static str = "IndicatorService/CreateIndicator";
    // A part beside the target.
    const EVENTS: &'static [(&'static str, usize)] = &[("TargetService/DecomposeTarget", 2)];
    const RIGHTS: &'static [(&'static str, &'static str)] = &[
        ("counted", "SELECT"),
        ("event", "INSERT SELECT"),
        ("event_head", "SELECT UPDATE"),
        ("fact", "DELETE INSERT SELECT UPDATE"),
        ("followed", "INSERT SELECT UPDATE"),
        ("import", "INSERT SELECT UPDATE"),
        ("indicator", "INSERT SELECT UPDATE"),
        ("measurement", "DELETE INSERT SELECT UPDATE"),
        ("name", "INSERT SELECT UPDATE"),
        ("request", "DELETE INSERT SELECT UPDATE"),
        ("rollup_day", "INSERT SELECT UPDATE"),
        ("rollup_month", "INSERT SELECT UPDATE"),
        ("stage", "INSERT SELECT UPDATE"),
        ("subject", "INSERT SELECT UPDATE"),
        ("target", "INSERT SELECT UPDATE"),
        ("territory", "DELETE INSERT SELECT UPDATE"),
        ("turn", "SELECT UPDATE"),
    ];

    async fn start() -> Self {
        let service = Self::start().await;
        // It answers once its own indicators are there.
        service.indicator(indicator("first")).await.unwrap();
        service
    }

    async fn fresh(&self, need: Need, place: Place) -> String {
        need.fresh(self, place).await
    }
}

/// What holds for the whole operator.
const ROOT_ONLY: Outside = Outside::RootOnly("ROOT_GRANT_MISSING");

/// The figures of a county.
fn in_county(place: Place, _: &str) -> Json {
    json!({"question": {"indicatorCode": "won-value", "territoryCode": place.county}})
}

/// A period that no other call has.
fn period() -> String {
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{:02}", 1900 + count / 12 % 300, count % 12 + 1)
}

/// An entry for every method that the process serves.
pub(crate) const FIXTURES: &[Fixture<Need>] = &[
    fixture("IndicatorService/CreateIndicator", Need::Code, ROOT_ONLY, |_, code| {
        let kind = ("INDICATOR_KIND_SUM", "INDICATOR_UNIT_MONEY");
        json!({"indicator": {"code": code, "name": {"zh": code}, "formula": "lost_value", "kind": kind.0, "unit": kind.1}})
    }),
    fixture("IndicatorService/GetIndicator", Need::Indicator, Outside::Same, |_, id| json!({"id": id})),
    fixture("IndicatorService/ListIndicators", Need::Indicator, Outside::Same, |_, _| json!({})),
    fixture(
        "IndicatorService/UpdateIndicator",
        Need::Indicator,
        ROOT_ONLY,
        |_, id| json!({"indicator": {"id": id, "name": {"zh": "改名"}}}),
    ),
    fixture("IndicatorService/DeleteIndicator", Need::Indicator, ROOT_ONLY, |_, id| json!({"id": id})),
    fixture("IndicatorService/UndeleteIndicator", Need::DeletedIndicator, ROOT_ONLY, |_, id| json!({"id": id})),
    fixture("IndicatorService/ListMeasures", Need::Code, Outside::Same, |_, _| json!({})),
    fixture("IndicatorService/QueryIndicator", Need::Code, Outside::NotFound, in_county),
    fixture("IndicatorService/WatchIndicator", Need::Code, Outside::NotFound, in_county),
    fixture("IndicatorService/ExplainIndicator", Need::Code, Outside::NotFound, in_county),
    fixture("TargetService/CreateTarget", Need::Indicator, Outside::NotFound, |place, _| {
        let of = ("won-value", place.county, period());
        json!({"target": {"indicatorCode": of.0, "territoryCode": of.1, "period": of.2, "currencyCode": "CNY", "value": "1"}})
    }),
    fixture("TargetService/GetTarget", Need::Target, Outside::NotFound, |_, id| json!({"id": id})),
    fixture(
        "TargetService/ListTargets",
        Need::Target,
        Outside::NotFound,
        |place, _| json!({"territoryCode": place.county}),
    ),
    fixture(
        "TargetService/UpdateTarget",
        Need::Target,
        Outside::NotFound,
        |_, id| json!({"target": {"id": id, "value": "2"}}),
    ),
    fixture("TargetService/LockTarget", Need::Target, Outside::NotFound, |_, id| json!({"id": id})),
    fixture(
        "TargetService/UnlockTarget",
        Need::LockedTarget,
        Outside::NotFound,
        |_, id| json!({"id": id, "reason": "调整"}),
    ),
    fixture(
        "TargetService/DecomposeTarget",
        Need::CityTarget,
        Outside::NotFound,
        |place, id| json!({"id": id, "hand": {"parts": [{"territoryCode": place.county, "value": "100"}]}}),
    ),
    fixture("TargetService/DeleteTarget", Need::Target, Outside::NotFound, |_, id| json!({"id": id})),
    fixture("TargetService/UndeleteTarget", Need::DeletedTarget, Outside::NotFound, |_, id| json!({"id": id})),
    fixture("TargetService/GetTargetProgress", Need::Target, Outside::NotFound, |_, id| json!({"id": id})),
    fixture(
        "TargetService/ListTargetProgress",
        Need::Target,
        Outside::NotFound,
        |place, _| json!({"indicatorCode": "won-value", "period": "2026", "territoryCode": place.county}),
    ),
    fixture("MeasurementService/ImportMeasurements", Need::Code, Outside::RowRejected, |place, _| {
        let measurement =
            json!({"measureCode": "usage", "date": "2026-03-01", "territoryCode": place.county, "value": "1"});
        json!({"options": {"importId": uuid::Uuid::now_v7()}, "rows": [{"rowNumber": 1, "measurement": measurement}]})
    }),
    fixture("EventFeedService/Follow", Need::Code, Outside::Same, |_, _| json!({})),
    fixture("EventFeedService/GetFeedHead", Need::Code, Outside::Same, |_, _| json!({})),
    fixture(
        "ChangeService/ListChanges",
        Need::Indicator,
        Outside::Same,
        |_, id| json!({"subject": format!("indicator/{id}")}),
    ),
    fixture("IdentityService/WhoAmI", Need::Code, Outside::Same, |_, _| json!({})),
    fixture("IdentityService/ListRoles", Need::Code, Outside::Same, |_, _| json!({})),
];
