//! Wrong requests: each is refused with a published reason, the field and what to do, in the caller's language, and changes nothing.
//! Those about accounts are in `bad_account.rs`, wrong rows in `bad_import.rs`, what cannot be written as JSON in `bad_bytes.rs`.

use serde_json::{Value as Json, json};
use tonic::Code;

use crate::refused::{Case, NOBODY, World, account, check, fields, refusal};
use crate::support::{Service, metadata, reason, violations};
use crate::wire;

const CREATE: &str = "AccountService/CreateAccount";
const GET: &str = "AccountService/GetAccount";
const BATCH: &str = "AccountService/BatchGetAccounts";
const LIST: &str = "AccountService/ListAccounts";
const SEARCH: &str = "AccountService/SearchAccounts";
const IMPORT: &str = "AccountService/ImportAccounts";
const EXPORT: &str = "AccountService/ExportAccounts";
const CREATE_TERRITORY: &str = "TerritoryService/CreateTerritory";
const GET_TERRITORY: &str = "TerritoryService/GetTerritory";
const LIST_TERRITORIES: &str = "TerritoryService/ListTerritories";
const UPDATE_TERRITORY: &str = "TerritoryService/UpdateTerritory";
const MOVE_TERRITORY: &str = "TerritoryService/MoveTerritory";
const DELETE_TERRITORY: &str = "TerritoryService/DeleteTerritory";
const IMPORT_TERRITORIES: &str = "TerritoryService/ImportTerritories";
const FOLLOW: &str = "EventFeedService/Follow";
const CHANGES: &str = "ChangeService/ListChanges";

#[tokio::test]
async fn queries_are_refused_where_they_cannot_be_answered() {
    let world = World::start().await;
    check(world.service(), queries(&world)).await;
}

#[tokio::test]
async fn territories_refuse_what_is_wrong() {
    let world = World::start().await;
    check(world.service(), territories(&world)).await;
}

#[tokio::test]
async fn imports_refuse_wrong_options() {
    let world = World::start().await;
    check(world.service(), imports(&world)).await;
}

/// Every case of this file, for the check that no published reason is left out.
pub(crate) fn cases(world: &World) -> Vec<Case> {
    [queries(world), territories(world), imports(world)].into_iter().flatten().collect()
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
fn queries(world: &World) -> Vec<Case> {
    let list = |name, request, wrong: &[(&str, &'static str)]| fields(name, LIST, request, wrong);
    let mut cases = vec![
        list("a negative page size", json!({"pageSize": -1}), &[("page_size", "OUT_OF_RANGE")]),
        list(
            "a filter on an unknown field",
            json!({"filter": "legal_representative = 张三"}),
            &[("filter", "FILTER_FIELD_UNKNOWN")],
        ),
        list("a filter of the wrong type", json!({"filter": "employee_count = many"}), &[("filter", "FILTER_TYPE")]),
        list("an operator that the field has not", json!({"filter": "tier > TIER_A"}), &[("filter", "FILTER_TYPE")]),
        list("a filter that cannot be read", json!({"filter": "tier = "}), &[("filter", "FILTER_SYNTAX")]),
        list(
            "a filter with a zero character",
            json!({"filter": "legal_name = \"a\u{0}\""}),
            &[("filter", "FILTER_SYNTAX")],
        ),
        list(
            "a filter of 10,000 characters",
            json!({"filter": format!("legal_name = {}", "长".repeat(10_000))}),
            &[("filter", "FILTER_SYNTAX")],
        ),
        list(
            "a number of 19 digits",
            json!({"filter": "employee_count > 10000000000000000000"}),
            &[("filter", "FILTER_TYPE")],
        ),
        list("an order that no index serves", json!({"orderBy": "legal_name"}), &[("order_by", "ORDER_UNKNOWN")]),
        list(
            "the token of another query",
            json!({"pageToken": world.page_token}),
            &[("page_token", "PAGE_TOKEN_INVALID")],
        ),
        list(
            "no token",
            json!({"pageSize": 2, "filter": "public_sector = false", "pageToken": "garbage\u{0}"}),
            &[("page_token", "PAGE_TOKEN_INVALID")],
        ),
        list(
            "everything wrong at once",
            json!({"pageSize": -5, "filter": "a = 1 b = 2", "orderBy": "x desc", "pageToken": "?"}),
            &[
                ("page_size", "OUT_OF_RANGE"),
                ("page_token", "PAGE_TOKEN_INVALID"),
                ("filter", "FILTER_FIELD_UNKNOWN"),
                ("filter", "FILTER_FIELD_UNKNOWN"),
                ("order_by", "ORDER_UNKNOWN"),
            ],
        ),
        refusal("an unknown territory", LIST, json!({"territoryCode": "999999"}), Code::NotFound, "RESOURCE_NOT_FOUND"),
        refusal(
            "a territory that is no code",
            LIST,
            json!({"territoryCode": "\u{0}'"}),
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        ),
        refusal(
            "an unknown territory",
            EXPORT,
            json!({"territoryCode": "999999"}),
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        ),
        fields("a filter that cannot be read", EXPORT, json!({"filter": "((("}), &[("filter", "FILTER_SYNTAX")]),
        fields("one character", SEARCH, json!({"query": "深"}), &[("query", "QUERY_TOO_SHORT")]),
        fields("nothing to search for", SEARCH, json!({"query": " "}), &[("query", "REQUIRED")]),
        fields("punctuation", SEARCH, json!({"query": "(.)\u{0}"}), &[("query", "QUERY_TOO_SHORT")]),
        fields("a long query", SEARCH, json!({"query": "长".repeat(101)}), &[("query", "TOO_LONG")]),
        fields(
            "a negative page size",
            SEARCH,
            json!({"query": "样例", "pageSize": -1}),
            &[("page_size", "OUT_OF_RANGE")],
        ),
        refusal(
            "an unknown territory",
            SEARCH,
            json!({"query": "样例", "territoryCode": "999999"}),
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        ),
        fields(
            "the token of another method",
            LIST_TERRITORIES,
            json!({"pageSize": 2, "pageToken": world.page_token}),
            &[("page_token", "PAGE_TOKEN_INVALID")],
        ),
        refusal(
            "an unknown territory",
            LIST_TERRITORIES,
            json!({"underCode": "999999"}),
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        ),
        fields("no resource", CHANGES, json!({}), &[("subject", "FORMAT")]),
        fields("a resource that is none", CHANGES, json!({"subject": "account/1"}), &[("subject", "FORMAT")]),
        fields(
            "a noun with a zero character",
            CHANGES,
            json!({"subject": format!("a\u{0}/{NOBODY}")}),
            &[("subject", "FORMAT")],
        ),
        refusal(
            "a resource that nobody has",
            CHANGES,
            json!({"subject": format!("account/{NOBODY}")}),
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        ),
        fields(
            "everything wrong with a page",
            CHANGES,
            json!({"subject": format!("account/{}", world.known), "pageSize": -1, "pageToken": "MSBhY2NvdW50L3g"}),
            &[("page_size", "OUT_OF_RANGE"), ("page_token", "PAGE_TOKEN_INVALID")],
        ),
        fields("a negative position", FOLLOW, json!({"afterPosition": "-1"}), &[("after_position", "OUT_OF_RANGE")]),
        fields("too many types", FOLLOW, json!({"types": vec!["x"; 51]}), &[("types", "TOO_MANY")]),
        refusal(
            "a position beyond the head",
            FOLLOW,
            json!({"afterPosition": "1000000000000000000"}),
            Code::OutOfRange,
            "POSITION_UNKNOWN",
        ),
    ];
    for time in ["2026-13-01T00:00:00Z", "yesterday", "99999-01-01T00:00:00Z"] {
        cases.push(list(
            "a time that is none",
            json!({"filter": format!("create_time > \"{time}\"")}),
            &[("filter", "FILTER_TYPE")],
        ));
    }
    cases
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
fn territories(world: &World) -> Vec<Case> {
    let _ = world;
    let territory = |fields: Json| {
        let mut territory =
            json!({"code": "440306", "name": {"zh": "宝安区"}, "level": "COUNTY", "parentCode": "440300"});
        territory.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({ "territory": territory })
    };
    let create =
        |name, fields_: Json, wrong: &[(&str, &'static str)]| fields(name, CREATE_TERRITORY, territory(fields_), wrong);
    let forbidden = |name, method, request, reason| refusal(name, method, request, Code::FailedPrecondition, reason);
    let not_found = |name, method, request| refusal(name, method, request, Code::NotFound, "RESOURCE_NOT_FOUND");
    vec![
        fields("no territory", CREATE_TERRITORY, json!({}), &[("territory", "REQUIRED")]),
        create(
            "everything wrong",
            json!({"code": "a/b", "name": {"zh": "", "en": "a\u{0}"}, "level": "", "parentCode": "长".repeat(40)}),
            &[
                ("territory.code", "FORMAT"),
                ("territory.name.zh", "REQUIRED"),
                ("territory.name.en", "FORMAT"),
                ("territory.level", "REQUIRED"),
                ("territory.parent_code", "FORMAT"),
            ],
        ),
        create(
            "a name of 10,000 characters",
            json!({"name": {"zh": "长".repeat(10_000)}}),
            &[("territory.name.zh", "TOO_LONG")],
        ),
        create("a level that there is not", json!({"level": "VILLAGE"}), &[("territory.level", "UNKNOWN_VALUE")]),
        create("a root of one's own", json!({"parentCode": ""}), &[("territory.parent_code", "REQUIRED")])
            .by_director(),
        refusal(
            "a code that another has",
            CREATE_TERRITORY,
            territory(json!({"code": "440305"})),
            Code::AlreadyExists,
            "RESOURCE_EXISTS",
        ),
        refusal(
            "a request id of another request",
            CREATE_TERRITORY,
            json!({"territory": territory(json!({}))["territory"], "requestId": world.territory_request_id}),
            Code::AlreadyExists,
            "REQUEST_ID_REUSED",
        ),
        not_found("an unknown parent", CREATE_TERRITORY, territory(json!({"parentCode": "999999"}))),
        not_found("a parent outside one's own", CREATE_TERRITORY, territory(json!({"parentCode": "330100"})))
            .by_director(),
        forbidden(
            "a level above the parent's",
            CREATE_TERRITORY,
            territory(json!({"level": "PROVINCE"})),
            "TERRITORY_LEVEL_NOT_BELOW_PARENT",
        ),
        forbidden(
            "a city under itself",
            MOVE_TERRITORY,
            json!({"code": "440300", "parentCode": "440300"}),
            "TERRITORY_CYCLE",
        ),
        forbidden("a cycle", MOVE_TERRITORY, json!({"code": "440000", "parentCode": "440305"}), "TERRITORY_CYCLE"),
        forbidden(
            "a level that is not below",
            MOVE_TERRITORY,
            json!({"code": "330100", "parentCode": "440300"}),
            "TERRITORY_LEVEL_NOT_BELOW_PARENT",
        ),
        not_found("an unknown territory", MOVE_TERRITORY, json!({"code": "999999", "parentCode": "440300"})),
        not_found("an unknown parent", MOVE_TERRITORY, json!({"code": "440305", "parentCode": "999999"})),
        not_found("a parent outside one's own", MOVE_TERRITORY, json!({"code": "440305", "parentCode": "330100"}))
            .by_director(),
        refusal(
            "a stale etag",
            MOVE_TERRITORY,
            json!({"code": "440305", "parentCode": "440000", "etag": "\"9\""}),
            Code::Aborted,
            "ETAG_MISMATCH",
        ),
        fields("nothing to move", MOVE_TERRITORY, json!({}), &[("code", "REQUIRED"), ("parent_code", "REQUIRED")]),
        fields(
            "a mask with a path that cannot be changed",
            UPDATE_TERRITORY,
            json!({"territory": {"code": "440305"}, "updateMask": "level"}),
            &[("update_mask", "MASK_PATH_UNKNOWN")],
        ),
        fields(
            "a name that is emptied",
            UPDATE_TERRITORY,
            json!({"territory": {"code": "440305"}, "updateMask": "name"}),
            &[("territory.name.zh", "REQUIRED")],
        ),
        not_found(
            "an unknown territory",
            UPDATE_TERRITORY,
            json!({"territory": {"code": "999999", "name": {"zh": "新"}}}),
        ),
        not_found(
            "a territory outside one's own",
            UPDATE_TERRITORY,
            json!({"territory": {"code": "330100", "name": {"zh": "新"}}}),
        )
        .by_director(),
        forbidden("a territory with children", DELETE_TERRITORY, json!({"code": "330000"}), "TERRITORY_HAS_CHILDREN"),
        forbidden("a territory with accounts", DELETE_TERRITORY, json!({"code": "330100"}), "TERRITORY_HAS_ACCOUNTS"),
        forbidden(
            "a territory with account managers",
            DELETE_TERRITORY,
            json!({"code": "440307"}),
            "TERRITORY_HAS_ACCOUNT_MANAGERS",
        ),
        not_found("an unknown territory", DELETE_TERRITORY, json!({"code": "999999"})),
        not_found("an unknown territory", GET_TERRITORY, json!({"code": "999999"})),
        fields("a code that is none", GET_TERRITORY, json!({"code": "440300/"}), &[("code", "FORMAT")]),
        fields("no code", GET_TERRITORY, json!({}), &[("code", "REQUIRED")]),
    ]
}

fn imports(world: &World) -> Vec<Case> {
    let rows: Vec<Json> = (1..=1_001).map(|number| json!({"rowNumber": number})).collect();
    let options = json!({"options": {"importId": NOBODY, "dryRun": true}});
    let mut cases = vec![fields("options twice", IMPORT, options.clone(), &[("options", "DUPLICATE")]).then(options)];
    for method in [IMPORT, IMPORT_TERRITORIES] {
        cases.extend([
            fields("no options", method, json!({"rows": [{"rowNumber": 1}]}), &[("options", "REQUIRED")]),
            fields(
                "wrong options",
                method,
                json!({"options": {"importId": "x", "mode": 9}}),
                &[("options.import_id", "FORMAT"), ("options.mode", "UNKNOWN_VALUE")],
            ),
            fields(
                "1,001 rows",
                method,
                json!({"options": {"importId": NOBODY}, "rows": rows}),
                &[("rows", "TOO_MANY")],
            ),
        ]);
    }
    cases.push(refusal(
        "an import that was begun in another mode",
        IMPORT,
        json!({"options": {"importId": world.import_id, "mode": "IMPORT_MODE_INSERT_ONLY"}}),
        Code::FailedPrecondition,
        "IMPORT_CHANGED",
    ));
    cases.push(refusal(
        "an import of another noun",
        IMPORT_TERRITORIES,
        json!({"options": {"importId": world.import_id}}),
        Code::FailedPrecondition,
        "IMPORT_CHANGED",
    ));
    cases
}

#[tokio::test]
async fn what_looks_odd_but_is_right_is_taken() {
    let service = Service::with_tree().await;
    let caller = wire::Caller::with(&service.admin);
    let call = async |method: &str, request: Json| {
        wire::call(&service.channel, caller, &wire::method(method), &[request]).await
    };
    for name in ["𠮷野家（中国）有限公司", "😀集团", "Société d'Électricité", "公司\u{202e}", "a b"]
    {
        call(CREATE, account(json!({"legalName": name}))).await.unwrap_or_else(|status| panic!("{name}: {status:?}"));
        call(SEARCH, json!({"query": name})).await.unwrap_or_else(|status| panic!("{name}: {status:?}"));
    }
    // Output-only fields are ignored, whatever they hold.
    call(
        CREATE,
        account(json!({"id": "x", "tier": 99, "state": 77, "etag": "x", "createTime": "2000-01-01T00:00:00Z"})),
    )
    .await
    .unwrap();
    for filter in [
        "create_time > \"0000-01-01T00:00:00Z\"",
        "tax_rank < 9223372036854775807",
        "legal_name = \"' or 1=1 --\"",
        "legal_name = 😀*",
    ] {
        call(LIST, json!({"filter": filter, "pageSize": i32::MAX}))
            .await
            .unwrap_or_else(|status| panic!("{filter}: {status:?}"));
    }
    call(BATCH, json!({"ids": [NOBODY, NOBODY]})).await.unwrap();
    call(SEARCH, json!({"query": "长".repeat(100), "pageSize": i32::MAX})).await.unwrap();
}

/// Details travel in a header, and clients refuse a response whose headers are longer than 8 KiB (Java, C, Python) in all.
#[tokio::test]
async fn the_longest_refusal_fits_in_the_headers_that_every_client_takes() {
    const ROOM: usize = 8 * 1024 - 512;
    let world = World::start().await;
    let service = world.service();
    let wrong = format!("{}\u{0}", "长".repeat(190));
    let texts: Vec<String> = (0..20).map(|number| format!("{number}{wrong}")).collect();
    let many = account(
        json!({"legalName": wrong, "aliases": texts, "tags": texts, "creditCode": wrong, "industryCode": wrong}),
    );
    let name = "a".repeat(100_000);
    let long = account(json!({"attributes": {name: wrong.repeat(6)}}));
    let unknown = json!({"id": "😀".repeat(10_000)});
    for (method, request, count) in [(CREATE, many, 43), (CREATE, long, 2), (GET, unknown, 1)] {
        for language in [None, Some("en")] {
            let caller = wire::Caller { language, ..wire::Caller::with(&service.admin) };
            let refused = wire::call(&service.channel, caller, &wire::method(method), std::slice::from_ref(&request))
                .await
                .unwrap_err();
            assert_eq!(reason(&refused), "FIELDS_INVALID", "{refused:?}");
            let length = refused.details().len().div_ceil(3) * 4 + refused.message().len() * 3;
            assert!(length <= ROOM, "{length} bytes");
            // What does not fit is counted.
            assert_eq!(metadata(&refused, "count").unwrap(), count.to_string());
            let named = violations(&refused).len();
            assert!(named >= count.min(4), "only {named} fields are named");
        }
    }
}
