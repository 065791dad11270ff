//! `guanxi verify`: it says yes to figures that are right, and exactly what differs where they are not.

use guanxi_local_postgres::SUPERUSER;
use guanxi_proto::client_registry::v1::territory_service_client::TerritoryServiceClient;
use guanxi_proto::client_registry::v1::{CreateTerritoryRequest, Territory};
use guanxi_proto::events::v1::GetFeedHeadRequest;
use guanxi_proto::events::v1::event_feed_service_client::EventFeedServiceClient;
use guanxi_proto::opportunity_pipeline::v1::opportunity_service_client::OpportunityServiceClient;
use guanxi_proto::opportunity_pipeline::v1::pipeline_service_client::PipelineServiceClient;
use guanxi_proto::opportunity_pipeline::v1::{
    CloseReason, CreateOpportunityRequest, CreatePipelineRequest, ListOpportunitiesRequest, Opportunity,
    OpportunityState, Pipeline, Stage, StageKind, UpdateOpportunityRequest, WinOpportunityRequest,
};
use guanxi_proto::r#type::v1::{LocalizedText, Money};
use guanxi_test_support::{number, rows};
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Row as _};

use crate::support::{Place, Up, channel, channel_to, request};

/// The database of the cluster, as whoever may damage it.
async fn database(place: &Place) -> PgConnection {
    let running: Value = serde_json::from_slice(&std::fs::read(place.data().join("running.json")).unwrap()).unwrap();
    let options: PgConnectOptions = running["database_url"].as_str().unwrap().parse().unwrap();
    options.username(SUPERUSER).connect().await.unwrap()
}

/// What `verify --json` says, and whether it was content.
fn verify(place: &Place, arguments: &[&str]) -> (bool, Value) {
    let said = place.run(&[&["verify", "--json"], arguments].concat());
    let report = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
    (said.success, report)
}

/// The tables that differ, each with how many rows of it and the first one.
fn tables(report: &Value) -> Vec<(&str, u64, &Value)> {
    let tables = report["rebuild"].as_array().unwrap().iter().filter(|table| table["differing"] != 0);
    tables
        .map(|table| (table["table"].as_str().unwrap(), table["differing"].as_u64().unwrap(), &table["first"][0]))
        .collect()
}

/// Wins a deal, and changes its value afterwards, which changes nothing of what was won.
async fn win_and_change(place: &Place) {
    let token = place.token("operator", "administrator", "*");
    let mut opportunities = OpportunityServiceClient::new(channel_to(place, 2).await);
    let all = ListOpportunitiesRequest { page_size: 1_000, ..Default::default() };
    let all = opportunities.list_opportunities(request(all, &token)).await.unwrap().into_inner().opportunities;
    let deal = all.into_iter().find(|deal| deal.state() == OpportunityState::Open && deal.value.is_some()).unwrap();
    let stage = |code: &str, kind: StageKind, probability_percent| Stage {
        code: code.to_owned(),
        name: Some(LocalizedText { zh: code.to_owned(), en: String::new() }),
        kind: kind.into(),
        probability_percent,
        ..Default::default()
    };
    let pipeline = Pipeline {
        code: "SHORT".to_owned(),
        name: Some(LocalizedText { zh: "短".to_owned(), en: String::new() }),
        stages: vec![
            stage("BEGUN", StageKind::Open, 50),
            stage("WON", StageKind::Won, 100),
            stage("LOST", StageKind::Lost, 0),
        ],
        ..Default::default()
    };
    let create = CreatePipelineRequest { pipeline: Some(pipeline), ..Default::default() };
    PipelineServiceClient::new(channel_to(place, 2).await).create_pipeline(request(create, &token)).await.unwrap();
    let deal = Opportunity {
        title: "已赢".to_owned(),
        account_id: deal.account_id,
        kind: deal.kind,
        owner_id: deal.owner_id,
        pipeline_code: "SHORT".to_owned(),
        amount: Some(Money { currency_code: "CNY".to_owned(), amount: "100.00".to_owned() }),
        ..Default::default()
    };
    let create = CreateOpportunityRequest { opportunity: Some(deal), ..Default::default() };
    let deal =
        opportunities.create_opportunity(request(create, &token)).await.unwrap().into_inner().opportunity.unwrap();
    let win = WinOpportunityRequest {
        id: deal.id,
        close_reason: CloseReason::Price.into(),
        reason: "价格合适".to_owned(),
        ..Default::default()
    };
    let won = opportunities.win_opportunity(request(win, &token)).await.unwrap().into_inner().opportunity.unwrap();
    let amount = Some(Money { currency_code: "CNY".to_owned(), amount: "123.45".to_owned() });
    let update = UpdateOpportunityRequest {
        opportunity: Some(Opportunity { id: won.id, amount, etag: won.etag, ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["amount".to_owned()] }),
        request_id: String::new(),
    };
    opportunities.update_opportunity(request(update, &token)).await.unwrap();
}

/// Has kpi believe that it took in an event that it never saw.
async fn skip_one(place: &Place, database: &mut PgConnection) {
    let token = place.token("operator", "administrator", "*");
    rows(database, "begin").await;
    rows(database, "select position from kpi.followed where source = 'client-registry' for update").await;
    let territory = Territory {
        code: "990000".to_owned(),
        parent_code: "CN".to_owned(),
        level: "PROVINCE".to_owned(),
        name: Some(LocalizedText { zh: "某省".to_owned(), en: String::new() }),
        ..Default::default()
    };
    let create = CreateTerritoryRequest { territory: Some(territory), ..Default::default() };
    TerritoryServiceClient::new(channel(place).await).create_territory(request(create, &token)).await.unwrap();
    let mut feed = EventFeedServiceClient::new(channel(place).await);
    let head = feed.get_feed_head(request(GetFeedHeadRequest {}, &token)).await.unwrap().into_inner().newest_position;
    rows(database, format!("update kpi.followed set position = {head} where source = 'client-registry'")).await;
    rows(database, "commit").await;
}

#[tokio::test]
async fn right_figures_are_proven_and_each_damage_is_named() {
    let place = Place::new("verify");
    let up = Up::start_demo(&place).await;
    win_and_change(&place).await;
    let (content, report) = verify(&place, &[]);
    assert!(content && report["agrees"] == true, "{report}");
    assert_eq!(report["rebuild"].as_array().unwrap().len(), 7, "{report}");
    assert!(report["rebuild"].as_array().unwrap().iter().all(|table| table["live"].as_u64().unwrap() > 0), "{report}");
    let won = report["recount"].as_array().unwrap().iter().find(|one| one["indicator"] == "won-value");
    assert_eq!(won.unwrap()["figures"], 1, "{report}");

    let mut database = database(&place).await;
    let root = "measure = 'accounts' and territory_code = 'CN' and dimension = ''";
    let accounts = number(&mut database, format!("select sum(value)::bigint from kpi.rollup_month where {root}")).await;
    rows(&mut database, format!("update kpi.rollup_month set value = value + 1 where {root}")).await;
    let fact = "delete from kpi.fact where (subject_id, digest) = (select subject_id, digest from kpi.fact where measure = 'new_accounts' \
        order by subject_id limit 1) returning noun || '/' || subject_id";
    let fact: String = rows(&mut database, fact).await[0].get(0);
    skip_one(&place, &mut database).await;

    let (content, report) = verify(&place, &["--only", "rebuild"]);
    assert!(!content && report["agrees"] == false && report["recount"].is_null(), "{report}");
    let [territory, name, lost, sum] = tables(&report)[..] else { panic!("{report}") };
    assert_eq!((territory.0, territory.1, &territory.2["key"][0]), ("territory", 1, &Value::from("990000")));
    assert_eq!((&territory.2["live"], &territory.2["rebuilt"]), (&Value::Null, &Value::from("CN/990000/ PROVINCE")));
    assert_eq!((name.0, name.1, &name.2["key"][1]), ("name", 1, &Value::from("990000")));
    assert_eq!((lost.0, lost.1, &lost.2["key"][0], &lost.2["live"]), ("fact", 1, &Value::from(fact), &Value::Null));
    assert_eq!((sum.0, sum.1), ("rollup_month", 1));
    assert_eq!(sum.2["live"], Value::from((accounts + 1).to_string()), "{report}");
    assert_eq!(sum.2["rebuilt"], Value::from(accounts.to_string()), "{report}");

    let said = place.run(&["verify", "--only", "recount"]);
    assert!(!said.success && said.err.contains("accounts by WHOLE"), "{said:?}");
    let differs = format!("answers {}\n   counted {accounts}", accounts + 1);
    assert!(said.out.contains(&differs) && said.out.contains("✓  won-value"), "{said:?}");

    let left = "select count(*) from pg_database where datname like 'guanxi_verify%'";
    assert_eq!(number(&mut database, left).await, 0, "the second place is gone");
    up.stop("INT").await;
}

#[tokio::test]
async fn without_a_cluster_it_says_what_to_do() {
    let place = Place::new("verify-nothing");
    let said = place.run(&["verify", "--only", "rebuild"]);
    assert!(!said.success && said.err.contains("guanxi up") && said.err.contains("--only recount"), "{said:?}");
}
