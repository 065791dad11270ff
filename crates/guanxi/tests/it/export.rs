//! What is exported comes back; the demo is such data too.

use std::fs;

use guanxi_proto::client_registry::v1::ListVacantAccountsRequest;
use guanxi_proto::client_registry::v1::vacancy_service_client::VacancyServiceClient;
use guanxi_proto::opportunity_pipeline::v1::ListOpportunitiesRequest;
use guanxi_proto::opportunity_pipeline::v1::opportunity_service_client::OpportunityServiceClient;

use crate::registry::{Registry, gb18030};
use crate::support::{Place, Up, channel, channel_to, request};

const ACCOUNTS: &str = "\
legal_name,aliases,credit_code,external_ids,parent_external_id,territory_code,employee_count,registered_capital.amount,registered_capital.currency_code,tax_rank,public_sector,legal_representative,tags,attributes
子样例有限公司,,,boss=2,boss=1,330100,0,,,,false,,,
\"样例，\"\"引号\"\"（集团）股份有限公司\",\"Sample Group\n=1+1\",,\"boss=1\nsap=00007\",,440305,12,1000.5,USD,3,true,王样例,\"重点\n专精特新\",\"a=b=c\nz= 空白\"
";

#[tokio::test]
async fn what_is_exported_comes_back_unchanged() {
    let first = Registry::with_tree().await;
    first.file("accounts.csv", ACCOUNTS);
    let said = first.import("account", "accounts.csv", &[]);
    assert_eq!((said.code, said.counts()), (0, [2, 0, 0, 0, 0]), "{said:?}");
    let (territories, accounts) = (first.export("territory", "t.csv", &[]), first.export("account", "a.csv", &[]));
    // Parents first, though the subsidiary's territory comes first.
    assert!(accounts.find("子样例").unwrap() > accounts.find("样例，").unwrap(), "{accounts}");
    let gb = fs::read(first.path("a.csv")).map(|bytes| gb18030(&String::from_utf8(bytes).unwrap())).unwrap();
    first.export("account", "gb.csv", &["--encoding", "gb18030"]);
    assert_eq!(fs::read(first.path("gb.csv")).unwrap(), gb);

    let second = Registry::start().await;
    second.file("t.csv", &territories);
    second.file("a.csv", gb);
    assert_eq!(second.import("territory", "t.csv", &[]).counts(), [6, 0, 0, 0, 0]);
    assert_eq!(second.import("account", "a.csv", &["--encoding", "gb18030"]).counts(), [2, 0, 0, 0, 0]);
    assert_eq!(second.export("territory", "t2.csv", &[]), territories);
    assert_eq!(second.export("account", "a2.csv", &[]), accounts);

    // With ids, into the same cluster: nothing changes, and what is edited does.
    let full = first.export("account", "full.csv", &["--full", "--bom"]);
    assert!(full.starts_with("\u{FEFF}id,") && full.contains("ACCOUNT_STATE_PROSPECT"), "{full}");
    let said = first.import("account", "full.csv", &[]);
    assert_eq!((said.code, said.counts()), (0, [0, 0, 2, 0, 0]), "{said:?}");
    assert!(said.err.contains("未用到的列：tier, state"), "{said:?}");
    first.file("full.csv", full.replace("王样例", "李样例"));
    assert_eq!(first.import("account", "full.csv", &[]).counts(), [0, 1, 1, 0, 0]);

    let safe = first.export(
        "account",
        "safe.csv",
        &["--spreadsheet-safe", "--territory", "440000", "--filter", "employee_count > 5"],
    );
    assert!(safe.contains("00007") && !safe.contains("子样例"), "{safe}");
    let said = first.run(&["export", "account", "--territory", "999999"]);
    assert!(said.code == 1 && said.err.contains("999999"), "{said:?}");
    assert!(!first.path("a.csv.part").exists());
}

#[tokio::test]
async fn the_demo_is_the_same_everywhere_and_harmless_when_it_comes_again() {
    let places = [Place::new("demo-one"), Place::new("demo-two")];
    let (mut exports, mut vacancies, mut opportunities) = (Vec::new(), Vec::new(), Vec::new());
    for place in &places {
        let up = Up::start_demo(place).await;
        vacancies.push(vacant(place).await);
        opportunities.push(deals(place).await);
        exports.push(["territory", "account"].map(|noun| exported(place, noun, &[])));
        if exports.len() == 1 {
            let full = exported(place, "account", &["--full"]);
            for mark in
                ["TIER_A", "TIER_B", "TIER_C", "TIER_UNSPECIFIED", "STATE_PROSPECT", "STATE_ACTIVE", "集团股份有限公司"]
            {
                assert!(full.contains(mark), "{mark}: {full}");
            }
            assert!(up.stop("INT").await.0.success());
            let _again = Up::start_demo(place).await;
            assert_eq!(exported(place, "account", &["--full"]), full);
            assert_eq!(vacant(place).await, vacancies[0]);
            assert_eq!(deals(place).await, opportunities[0]);
        }
    }
    assert_eq!(exports[0], exports[1]);
    assert_eq!(opportunities[0], opportunities[1]);
    assert!((250..350).contains(&opportunities[0].len()), "{}", opportunities[0].len());
    for state in ["STATE_OPEN", "STATE_LOST", "STATE_SUSPENDED"] {
        assert!(opportunities[0].iter().any(|(_, _, found)| found.ends_with(state)), "{state}");
    }
    // Somebody looks after most customers; of the few others some are late.
    assert_eq!(vacancies[0], vacancies[1]);
    let overdue = vacancies[0].iter().filter(|(_, overdue)| *overdue).count();
    assert!((2..15).contains(&vacancies[0].len()) && overdue > 0 && overdue < vacancies[0].len(), "{vacancies:?}");
    assert_eq!(exports[0][0].lines().count(), 1 + 1 + 69 + 2 * 45);

    // Into an empty cluster and out again: the same file, groups and subsidiaries included.
    let registry = Registry::start().await;
    for (noun, export) in ["territory", "account"].iter().zip(&exports[0]) {
        registry.file("in.csv", export);
        let said = registry.import(noun, "in.csv", &[]);
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(&registry.export(noun, "out.csv", &[]), export);
    }
}

/// Names of the customers without a manager, and whether that is overdue.
async fn vacant(place: &Place) -> Vec<(String, bool)> {
    let token = place.token("operator", "administrator", "*");
    let mut client = VacancyServiceClient::new(channel(place).await);
    let answer = client.list_vacant_accounts(request(ListVacantAccountsRequest::default(), &token)).await.unwrap();
    let accounts = answer.into_inner().vacant_accounts.into_iter();
    let mut names: Vec<_> = accounts.map(|account| (account.legal_name, account.overdue)).collect();
    names.sort();
    names
}

/// Titles, values and states of the opportunities.
async fn deals(place: &Place) -> Vec<(String, String, String)> {
    let token = place.token("operator", "administrator", "*");
    let mut client = OpportunityServiceClient::new(channel_to(place, 2).await);
    let filter = "tags:\"演示\"".to_owned();
    let message = ListOpportunitiesRequest { filter, page_size: 1_000, ..Default::default() };
    let answer = client.list_opportunities(request(message, &token)).await.unwrap();
    let deals = answer.into_inner().opportunities.into_iter().map(|opportunity| {
        let value = opportunity.value.clone().unwrap_or_else(|| panic!("{} has no list price", opportunity.title));
        (opportunity.title.clone(), value.amount, opportunity.state().as_str_name().to_owned())
    });
    let mut deals: Vec<_> = deals.collect();
    deals.sort();
    deals
}

fn exported(place: &Place, noun: &str, more: &[&str]) -> String {
    let said = place.run(&[&["export", noun], more].concat());
    assert!(said.success, "{said:?}");
    said.out
}
