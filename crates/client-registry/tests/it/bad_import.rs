//! Wrong rows of imports: each is rejected with every reason, by its number, and the rows beside it land.

use guanxi_auth::Role;
use serde_json::{Value as Json, json};

use crate::refused::{NOBODY, World, check_text, is_published};
use crate::support::Service;
use crate::wire::{self, Caller};

const ACCOUNTS: &str = "AccountService/ImportAccounts";
const TERRITORIES: &str = "TerritoryService/ImportTerritories";

/// A rejected row: its number, and field and reason of each violation.
type Rejection = (i64, Vec<(String, String)>);

/// Rows of which some are rejected.
pub(crate) struct Case {
    name: &'static str,
    method: &'static str,
    mode: &'static str,
    director: bool,
    rows: Vec<Json>,
    expected: Vec<(i64, Vec<(&'static str, &'static str)>)>,
}

impl Case {
    /// The reasons that it expects.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = &'static str> {
        self.expected.iter().flat_map(|(_, violations)| violations.iter().map(|(_, reason)| *reason))
    }

    fn in_mode(self, mode: &'static str) -> Self {
        Self { mode, ..self }
    }

    fn by_director(self) -> Self {
        Self { director: true, ..self }
    }
}

/// Rows whose numbers count from 1, of which one is rejected.
fn row(
    name: &'static str,
    method: &'static str,
    rows: &[Json],
    number: i64,
    violations: &[(&'static str, &'static str)],
) -> Case {
    let numbered = rows.iter().zip(1..).map(|(row, number)| {
        let mut row = row.clone();
        row.as_object_mut().unwrap().entry("rowNumber").or_insert(json!(number));
        row
    });
    let expected = vec![(number, violations.to_vec())];
    Case { name, method, mode: "IMPORT_MODE_UPDATE", director: false, rows: numbered.collect(), expected }
}

/// Every case of this file, for the check that no published reason is left out.
pub(crate) fn cases(world: &World) -> Vec<Case> {
    [accounts(world), hierarchies(world), territories()].into_iter().flatten().collect()
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
fn accounts(world: &World) -> Vec<Case> {
    let of = |account: Json| json!({ "account": account });
    let new = |id: &str| {
        of(
            json!({"legalName": "新样例公司", "territoryCode": "440305", "externalIds": [{"system": "crm", "value": id}]}),
        )
    };
    let with = |id: &str, fields: Json| {
        let mut row = new(id);
        row["account"].as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        row
    };
    let (known, active) = (&world.known, &world.active);
    let case = |name, rows: &[Json], number, violations: &[(&'static str, &'static str)]| {
        row(name, ACCOUNTS, rows, number, violations)
    };
    vec![
        case("no account", &[json!({})], 1, &[("account", "ROW_WITHOUT_KEY")]),
        case(
            "nothing to recognise it by",
            &[of(json!({"legalName": "新样例公司", "territoryCode": "440305"}))],
            1,
            &[("account", "ROW_WITHOUT_KEY")],
        ),
        case(
            "keys of two accounts",
            &[of(json!({"id": active, "creditCode": World::CREDIT_CODE}))],
            1,
            &[("account", "ROW_AMBIGUOUS")],
        ),
        case("a key that an earlier row has", &[new("1"), new("2"), new("1")], 3, &[("account", "ROW_REPEATED")]),
        case(
            "another key of the account of an earlier row",
            &[
                of(json!({"id": known, "shortName": "甲"})),
                of(json!({"creditCode": World::CREDIT_CODE, "shortName": "乙"})),
            ],
            2,
            &[("account", "ROW_REPEATED")],
        ),
        case(
            "a number that is smaller than the one before",
            &[with("1", json!({})), json!({"rowNumber": "1", "account": new("2")["account"]})],
            1,
            &[("row_number", "ROW_NUMBER_NOT_ASCENDING")],
        ),
        case(
            "no number",
            &[json!({"rowNumber": "0", "account": new("2")["account"]})],
            0,
            &[("row_number", "OUT_OF_RANGE")],
        ),
        case(
            "a negative number",
            &[json!({"rowNumber": "-7", "account": new("2")["account"]})],
            -7,
            &[("row_number", "OUT_OF_RANGE")],
        ),
        case(
            "the largest number",
            &[json!({"rowNumber": i64::MAX.to_string(), "account": new("2")["account"]})],
            i64::MAX,
            &[("row_number", "OUT_OF_RANGE")],
        ),
        case(
            "an id that nobody has",
            &[of(json!({"id": NOBODY, "shortName": "甲"}))],
            1,
            &[("account.id", "RESOURCE_NOT_FOUND")],
        ),
        case(
            "an id that nobody has beside a key that somebody has",
            &[of(json!({"id": NOBODY, "creditCode": World::CREDIT_CODE}))],
            1,
            &[("account.id", "RESOURCE_NOT_FOUND")],
        ),
        case("an id that is none", &[of(json!({"id": "x"}))], 1, &[("account.id", "FORMAT")]),
        case(
            "a new account without what it needs",
            &[of(json!({"externalIds": [{"system": "crm", "value": "1"}]}))],
            1,
            &[("account.legal_name", "REQUIRED"), ("account.territory_code", "REQUIRED")],
        ),
        case(
            "everything wrong",
            &[
                new("1"),
                with(
                    "2",
                    json!({"legalName": "a\u{0}", "creditCode": "91110000600037341N", "industryCode": "?", "employeeCount": "-1", "taxRank": 0,
                    "legalRepresentative": "张**", "tags": [""], "registeredCapital": {"currencyCode": "cny"}}),
                ),
                new("3"),
            ],
            2,
            &[
                ("account.legal_name", "FORMAT"),
                ("account.credit_code", "CREDIT_CODE_CHECK_DIGIT"),
                ("account.industry_code", "FORMAT"),
                ("account.employee_count", "OUT_OF_RANGE"),
                ("account.registered_capital.currency_code", "FORMAT"),
                ("account.tax_rank", "OUT_OF_RANGE"),
                ("account.legal_representative", "FORMAT"),
                ("account.tags[0]", "REQUIRED"),
            ],
        ),
        case(
            "an unknown territory",
            &[with("1", json!({"territoryCode": "999999"}))],
            1,
            &[("account.territory_code", "RESOURCE_NOT_FOUND")],
        ),
        case(
            "a deleted account",
            &[of(json!({"id": world.deleted, "shortName": "甲"}))],
            1,
            &[("account", "STATE_FORBIDS")],
        ),
        case(
            "an account that is there",
            &[of(json!({"creditCode": World::CREDIT_CODE, "shortName": "甲"}))],
            1,
            &[("account.credit_code", "RESOURCE_EXISTS")],
        )
        .in_mode("IMPORT_MODE_INSERT_ONLY"),
        case(
            "an account that differs",
            &[of(json!({"creditCode": World::CREDIT_CODE, "shortName": "甲"}))],
            1,
            &[("account", "ROW_DIFFERS")],
        )
        .in_mode("IMPORT_MODE_REPORT_DIFFERENCES"),
        case(
            "an account outside one's territory, by id",
            &[of(json!({"id": world.outside, "shortName": "甲"}))],
            1,
            &[("account.id", "RESOURCE_NOT_FOUND")],
        )
        .by_director(),
        case(
            "a territory outside one's own",
            &[of(json!({"id": known, "territoryCode": "330100"}))],
            1,
            &[("account.territory_code", "RESOURCE_NOT_FOUND")],
        )
        .by_director(),
        case(
            "a parent outside one's territory",
            &[of(json!({"id": known, "parentAccountId": world.outside}))],
            1,
            &[("account.parent_account_id", "RESOURCE_NOT_FOUND")],
        )
        .by_director(),
    ]
}

fn hierarchies(world: &World) -> Vec<Case> {
    let chain = &world.chain;
    let under = |id: &str, parent: &str| json!({"account": {"id": id, "parentAccountId": parent}});
    let by_key = |id: &str, parent: Json| json!({"account": {"id": id}, "parentExternalId": parent});
    let case = |name, rows: &[Json], number, violations: &[(&'static str, &'static str)]| {
        row(name, ACCOUNTS, rows, number, violations)
    };
    let known = &world.known;
    vec![
        case("an unknown parent", &[under(known, NOBODY)], 1, &[("account.parent_account_id", "RESOURCE_NOT_FOUND")]),
        case(
            "a parent with an id that nobody has there",
            &[by_key(known, json!({"system": "crm", "value": "0"}))],
            1,
            &[("parent_external_id", "RESOURCE_NOT_FOUND")],
        ),
        case(
            "a parent with an id of no system",
            &[by_key(known, json!({"value": "0"}))],
            1,
            &[("parent_external_id.system", "REQUIRED")],
        ),
        case(
            "an account that is its own parent",
            &[under(known, known)],
            1,
            &[("account.parent_account_id", "ACCOUNT_CYCLE")],
        ),
        case("a cycle", &[under(&chain[0], &chain[2])], 1, &[("account.parent_account_id", "ACCOUNT_CYCLE")]),
        case(
            "a cycle of two rows",
            &[under(known, &world.active), under(&world.active, known)],
            2,
            &[("account.parent_account_id", "ACCOUNT_CYCLE")],
        ),
        case(
            "an eleventh level",
            &[under(known, &chain[9])],
            1,
            &[("account.parent_account_id", "ACCOUNT_TREE_TOO_DEEP")],
        ),
        case(
            "a hierarchy under a hierarchy",
            &[under(&world.parent, &chain[8])],
            1,
            &[("account.parent_account_id", "ACCOUNT_TREE_TOO_DEEP")],
        ),
        case("a deleted parent", &[under(known, &world.deleted)], 1, &[("account", "STATE_FORBIDS")]),
    ]
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
fn territories() -> Vec<Case> {
    let of = |fields: Json| {
        let mut territory =
            json!({"code": "440306", "name": {"zh": "宝安区"}, "level": "COUNTY", "parentCode": "440300"});
        territory.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({ "territory": territory })
    };
    let case = |name, rows: &[Json], number, violations: &[(&'static str, &'static str)]| {
        row(name, TERRITORIES, rows, number, violations)
    };
    vec![
        case("no territory", &[json!({})], 1, &[("territory", "REQUIRED")]),
        case(
            "everything wrong",
            &[of(json!({"code": "宝安", "name": {}, "level": "?", "parentCode": "/"}))],
            1,
            &[
                ("territory.code", "FORMAT"),
                ("territory.name.zh", "REQUIRED"),
                ("territory.level", "FORMAT"),
                ("territory.parent_code", "FORMAT"),
            ],
        ),
        case(
            "a level that there is not",
            &[of(json!({"level": "VILLAGE"}))],
            1,
            &[("territory.level", "UNKNOWN_VALUE")],
        ),
        case(
            "an unknown parent",
            &[of(json!({})), of(json!({"code": "1", "parentCode": "999999"}))],
            2,
            &[("territory", "RESOURCE_NOT_FOUND")],
        ),
        case(
            "a parent in a later row",
            &[of(json!({"code": "1", "level": "GRID", "parentCode": "440306"})), of(json!({}))],
            1,
            &[("territory", "RESOURCE_NOT_FOUND")],
        ),
        case(
            "a level above the parent's",
            &[of(json!({"level": "PROVINCE"}))],
            1,
            &[("territory", "TERRITORY_LEVEL_NOT_BELOW_PARENT")],
        ),
        case(
            "another level",
            &[of(json!({"code": "440305", "level": "GRID"}))],
            1,
            &[("territory.level", "IMMUTABLE")],
        ),
        case(
            "a cycle",
            &[of(json!({"code": "440000", "level": "PROVINCE", "parentCode": "440300"}))],
            1,
            &[("territory", "TERRITORY_CYCLE")],
        ),
        case(
            "a territory that is there",
            &[of(json!({"code": "440305"}))],
            1,
            &[("territory.code", "RESOURCE_EXISTS")],
        )
        .in_mode("IMPORT_MODE_INSERT_ONLY"),
        case("a territory that differs", &[of(json!({"code": "440305"}))], 1, &[("territory", "ROW_DIFFERS")])
            .in_mode("IMPORT_MODE_REPORT_DIFFERENCES"),
        case(
            "a number that is smaller than the one before",
            &[of(json!({})), json!({"rowNumber": "1", "territory": of(json!({"code": "2"}))["territory"]})],
            1,
            &[("row_number", "ROW_NUMBER_NOT_ASCENDING")],
        ),
        case(
            "a territory outside one's own",
            &[of(json!({"code": "330100", "level": "CITY", "parentCode": ""}))],
            1,
            &[("territory", "RESOURCE_NOT_FOUND")],
        )
        .by_director(),
        case("a root of one's own", &[of(json!({"parentCode": ""}))], 1, &[("territory.parent_code", "REQUIRED")])
            .by_director(),
    ]
}

#[tokio::test]
async fn wrong_rows_of_accounts_are_rejected() {
    let world = World::start().await;
    check(&world, [accounts(&world), hierarchies(&world)].into_iter().flatten()).await;
}

#[tokio::test]
async fn wrong_rows_of_territories_are_rejected() {
    let world = World::start().await;
    check(&world, territories()).await;
}

/// Judges the rows of every case in both languages, dry.
async fn check(world: &World, cases: impl IntoIterator<Item = Case>) {
    let service = world.service();
    let director = service.token(Role::Director, "440300");
    let before = service.contents().await;
    for case in cases {
        let context = format!("{}: {}", case.method, case.name);
        let token = if case.director { &director } else { &service.admin };
        for (header, tag) in [(None, "zh-CN"), (Some("en"), "en")] {
            let caller = Caller { language: header, ..Caller::with(token) };
            let options = json!({"importId": uuid::Uuid::now_v7(), "mode": case.mode, "dryRun": true});
            let progress = import(service, caller, case.method, &options, &case.rows).await;
            let expected: Vec<Rejection> = case
                .expected
                .iter()
                .map(|(number, violations)| {
                    (
                        *number,
                        violations.iter().map(|(field, reason)| ((*field).to_owned(), (*reason).to_owned())).collect(),
                    )
                })
                .collect();
            assert_eq!(rejections(&progress), expected, "{context}");
            for violation in progress["rejectedRows"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|row| row["violations"].as_array().unwrap())
            {
                let (reason, message) = (violation["reason"].as_str().unwrap(), violation["message"].as_str().unwrap());
                assert!(
                    ["guanxi.errors.v1", "guanxi.client_registry.v1"]
                        .iter()
                        .any(|package| is_published(package, reason)),
                    "{context}: {reason}"
                );
                check_text(&context, message, tag);
            }
        }
        assert_eq!(service.contents().await, before, "{context} changed something");
    }
}

/// The progress of the only message of an import.
async fn import(service: &Service, caller: Caller<'_>, method: &str, options: &Json, rows: &[Json]) -> Json {
    let request = json!({"options": options, "rows": rows});
    let answers = wire::call(&service.channel, caller, &wire::method(method), &[request]).await;
    let answers = answers.unwrap_or_else(|status| panic!("{method}, {rows:?}: {status:?}"));
    serde_json::to_value(&answers[0]).unwrap()["progress"].clone()
}

fn rejections(progress: &Json) -> Vec<Rejection> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let rows = progress["rejectedRows"].as_array().cloned().unwrap_or_default();
    let violations = |row: &Json| {
        row["violations"].as_array().unwrap().iter().map(|one| (text(&one["field"]), text(&one["reason"]))).collect()
    };
    rows.iter()
        .map(|row| (row["rowNumber"].as_str().map_or(0, |number| number.parse().unwrap()), violations(row)))
        .collect()
}

#[tokio::test]
async fn rows_beside_a_rejected_one_land_and_the_rejected_one_is_judged_anew() {
    let service = Service::with_tree().await;
    let caller = Caller::with(&service.admin);
    let options = json!({"importId": uuid::Uuid::now_v7()});
    let row = |number: i64, name: &str| json!({"rowNumber": number, "account": {"legalName": name, "territoryCode": "440305", "externalIds": [{"system": "crm", "value": number.to_string()}]}});
    // The second row has no name, the last one stands in the wrong place.
    let first =
        import(&service, caller, ACCOUNTS, &options, &[row(2, "第二"), row(3, ""), row(4, "第四"), row(1, "第一")])
            .await;
    assert_eq!((&first["createdCount"], rejections(&first).len()), (&json!(2), 2), "{first}");
    let again =
        import(&service, caller, ACCOUNTS, &options, &[row(1, "第一"), row(2, "第二"), row(3, "第三"), row(4, "第四")])
            .await;
    assert_eq!((&again["createdCount"], &again["repeatedCount"]), (&json!(2), &json!(2)), "{again}");
    assert_eq!(rejections(&again), []);
    let third =
        import(&service, caller, ACCOUNTS, &options, &[row(1, "第一"), row(2, "第二"), row(3, "第三"), row(4, "第四")])
            .await;
    assert_eq!(third["repeatedCount"], json!(4), "{third}");
}

#[tokio::test]
async fn a_row_that_stands_twice_lands_once() {
    let service = Service::with_tree().await;
    let caller = Caller::with(&service.admin);
    let row = json!({"rowNumber": 1, "account": {"legalName": "样例", "territoryCode": "440305", "externalIds": [{"system": "crm", "value": "1"}]}});
    let options = json!({"importId": uuid::Uuid::now_v7(), "mode": "IMPORT_MODE_INSERT_ONLY"});
    let first = import(&service, caller, ACCOUNTS, &options, &[row.clone(), row.clone()]).await;
    assert_eq!((&first["createdCount"], rejections(&first).len()), (&json!(1), 1), "{first}");
    let again = import(&service, caller, ACCOUNTS, &options, std::slice::from_ref(&row)).await;
    assert_eq!((&again["repeatedCount"], rejections(&again).len()), (&json!(1), 0), "{again}");
}

#[tokio::test]
async fn rows_that_were_never_sent_do_not_pass_for_repeated() {
    let service = Service::with_tree().await;
    let caller = Caller::with(&service.admin);
    let row = |number: i64| json!({"rowNumber": number, "account": {"legalName": "样例", "territoryCode": "440305", "externalIds": [{"system": "crm", "value": number.to_string()}]}});
    let options = json!({"importId": uuid::Uuid::now_v7()});
    // Later rows first: in one stream, and in two, as two workers would that share a file.
    let messages = [json!({"options": options, "rows": [row(5), row(6)]}), json!({"rows": [row(3), row(4)]})];
    let answers = wire::call(&service.channel, caller, &wire::method(ACCOUNTS), &messages).await.unwrap();
    let second = serde_json::to_value(&answers[1]).unwrap()["progress"].clone();
    assert_eq!(second["createdCount"], json!(2), "{second}");
    let all: Vec<Json> = (1..=6).map(row).collect();
    let other = import(&service, caller, ACCOUNTS, &options, &all[..2]).await;
    assert_eq!(other["createdCount"], json!(2), "{other}");
    let again = import(&service, caller, ACCOUNTS, &options, &all).await;
    assert_eq!(again["repeatedCount"], json!(6), "{again}");
}
