//! The example of the Maven CRM data: 8,800 deals with their past, in a cluster as an operator starts it.
//!
//! The data is not in the repository; where it is not beside it this test says so and passes.

use std::collections::HashMap;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use guanxi_proto::opportunity_pipeline::v1::opportunity_service_client::OpportunityServiceClient;
use guanxi_proto::opportunity_pipeline::v1::opportunity_view_service_client::OpportunityViewServiceClient;
use guanxi_proto::opportunity_pipeline::v1::{
    BoardStage, GetBoardRequest, ListOpportunitiesRequest, ListStalledOpportunitiesRequest, Opportunity,
};
use guanxi_test_support::skip;
use tonic::transport::{Channel, Endpoint};

use crate::figures;
use crate::support::{Place, Up, request};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/maven-crm");

/// The folder with the public data beside the repository.
fn shared_data() -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").canonicalize().ok();
    if shared.is_none() {
        skip("../shared/data is not there");
    }
    shared
}

/// Brings everything in, as the README says.
fn bringing(place: &Place, shared: &Path) -> Command {
    let mut run = Command::new(format!("{EXAMPLE}/run.sh"));
    run.args([shared, &place.folder.join("maven")]).env("LANG", "en_US.UTF-8");
    run.envs([("GUANXI", Path::new(env!("CARGO_BIN_EXE_guanxi"))), ("GUANXI_DATA_DIR", &place.data())]);
    run
}

fn bring(place: &Place, shared: &Path) {
    let said = bringing(place, shared).output().unwrap();
    assert!(said.status.success(), "{said:?}");
}

/// Brings a part in: it is killed amid the deals, with everything that it started.
async fn begin_to_bring(place: &Place, shared: &Path, token: &str) {
    let mut run = bringing(place, shared);
    let mut begun = run.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut client = OpportunityServiceClient::new(pipeline(place));
    let mut count = 0;
    while count < 1_000 {
        let message = ListOpportunitiesRequest { page_size: 1, with_total: true, ..Default::default() };
        count = client.list_opportunities(request(message, token)).await.unwrap().into_inner().total;
        assert!(begun.try_wait().unwrap().is_none(), "it was over before it was cut off");
    }
    let group = format!("-{}", begun.id());
    assert!(Command::new("kill").args(["-KILL", "--", &group]).status().unwrap().success());
    begun.wait().unwrap();
}

fn pipeline(place: &Place) -> Channel {
    Endpoint::from_shared(format!("http://127.0.0.1:{}", place.port_base + 2)).unwrap().connect_lazy()
}

/// What the board says of each stage: its code, how many there are, what they are worth in whole dollars.
async fn board(place: &Place, token: &str) -> Vec<(String, i64, i64)> {
    let message = GetBoardRequest { pipeline_code: "MAVEN".to_owned(), ..Default::default() };
    let mut views = OpportunityViewServiceClient::new(pipeline(place));
    let stages = views.get_board(request(message, token)).await.unwrap().into_inner().stages.into_iter();
    let dollars = |stage: &BoardStage| {
        let values = stage.sums.iter().flat_map(|sum| &sum.value);
        values.map(|value| value.amount.parse::<i64>().unwrap()).sum()
    };
    stages.map(|stage| (stage.stage_code.clone(), stage.opportunity_count, dollars(&stage))).collect()
}

/// How many deals have been in a stage for more than 180 days on the last day of 2017.
async fn stalled(place: &Place, token: &str, stage_code: &str) -> i64 {
    let message = ListStalledOpportunitiesRequest {
        pipeline_code: "MAVEN".to_owned(),
        stage_code: stage_code.to_owned(),
        as_of_date: "2017-12-31".to_owned(),
        min_days: 180,
        with_total: true,
        ..Default::default()
    };
    let mut views = OpportunityViewServiceClient::new(pipeline(place));
    views.list_stalled_opportunities(request(message, token)).await.unwrap().into_inner().total
}

/// Everything that a caller sees of a filter.
async fn list(place: &Place, token: &str, filter: &str) -> Vec<Opportunity> {
    let mut client = OpportunityServiceClient::new(pipeline(place));
    let (mut deals, mut page_token) = (Vec::new(), String::new());
    loop {
        let message =
            ListOpportunitiesRequest { page_size: 1_000, filter: filter.to_owned(), page_token, ..Default::default() };
        let page = client.list_opportunities(request(message, token)).await.unwrap().into_inner();
        deals.extend(page.opportunities);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return deals;
        }
    }
}

/// The rows of a table.
fn read(shared: &Path, name: &str) -> Vec<HashMap<String, String>> {
    let mut reader = csv::Reader::from_path(shared.join("maven-crm").join(name)).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

#[tokio::test]
async fn every_deal_lands_with_its_past_and_everybody_sees_his_own() {
    let Some(shared) = shared_data() else { return };
    let place = Place::new("maven");
    let up = Up::start(&place).await;
    let operator = place.token("operator", "administrator", "*");
    begin_to_bring(&place, &shared, &operator).await;
    bring(&place, &shared);
    let deals = list(&place, &operator, "pipeline_code = \"MAVEN\"").await;
    let [prospecting, engaging, won, lost] = &board(&place, &operator).await[..] else { panic!("four stages") };
    assert_eq!(*prospecting, ("PROSPECTING".to_owned(), 500, 1_073_986));
    assert_eq!(*engaging, ("ENGAGING".to_owned(), 1_589, 3_892_229));
    assert_eq!(*won, ("WON".to_owned(), 4_238, 10_005_534));
    assert_eq!((lost.0.as_str(), lost.1), ("LOST", 2_473));
    assert_eq!(stalled(&place, &operator, "ENGAGING").await, 730);
    assert_eq!(deals.iter().filter(|deal| deal.account_id.is_empty()).count(), 1_425);
    assert!(deals.iter().all(|deal| deal.lines.len() == 1 && deal.list_amount.is_some()));

    everybody_sees_his_own(&place, &shared).await;
    bring(&place, &shared);
    assert_eq!(list(&place, &operator, "").await, deals);

    // kpi ran from the beginning; then another one starts when everything is there.
    figures::await_opened(&place, 8_800).await;
    figures::say_what_the_data_says(&place);
    figures::line_up_and_refuse(&place);
    let first = figures::all(&place);
    figures::forget(&place).await;
    assert!(up.stop("TERM").await.0.success());
    let up = Up::start(&place).await;
    figures::await_opened(&place, 8_800).await;
    assert_eq!(figures::all(&place), first);
    assert!(up.stop("TERM").await.0.success());
}

/// An agent sees his deals with the names of their accounts, who leads a team those of the team, a region its own.
async fn everybody_sees_his_own(place: &Place, shared: &Path) {
    let (rows, agents) = (read(shared, "sales_pipeline.csv"), read(shared, "sales_teams.csv"));
    let ids = |column: &str, of: &str| {
        let whose = |row: &&HashMap<String, String>| {
            agents.iter().any(|agent| agent["sales_agent"] == row["sales_agent"] && agent[column] == of)
        };
        let mut ids: Vec<_> = rows.iter().filter(whose).map(|row| format!("maven/{}", row["opportunity_id"])).collect();
        ids.sort();
        ids
    };
    for (subject, role, territory, column, of) in [
        ("moses.frase", "account_manager", "MAVEN_BRINKMANN", "sales_agent", "Moses Frase"),
        ("dustin.brinkmann", "supervisor", "MAVEN_BRINKMANN", "manager", "Dustin Brinkmann"),
        ("central", "director", "MAVEN_CENTRAL", "regional_office", "Central"),
    ] {
        let seen = list(place, &place.token(subject, role, territory), "").await;
        assert!(seen.iter().all(|deal| deal.account_id.is_empty() == deal.account_name.is_empty()));
        let mut seen: Vec<String> = seen.into_iter().map(|deal| deal.imported_from).collect();
        seen.sort();
        assert_eq!(seen, ids(column, of), "{subject}");
    }
}
