//! Wrong requests about accounts.

use serde_json::{Value as Json, json};
use tonic::Code;

use crate::refused::{Case, NOBODY, World, account, check, fields, refusal};

const CREATE: &str = "AccountService/CreateAccount";
const GET: &str = "AccountService/GetAccount";
const BATCH: &str = "AccountService/BatchGetAccounts";
const UPDATE: &str = "AccountService/UpdateAccount";
const DELETE: &str = "AccountService/DeleteAccount";
const UNDELETE: &str = "AccountService/UndeleteAccount";
const ACTIVATE: &str = "AccountService/ActivateAccount";
const TIER: &str = "AccountService/SetAccountTier";
const PERIODS: &str = "AccountService/ListAccountTierPeriods";
const TREE: &str = "AccountService/GetAccountTree";

#[tokio::test]
async fn accounts_refuse_what_is_wrong_with_a_field() {
    let world = World::start().await;
    check(world.service(), account_fields(&world)).await;
}

#[tokio::test]
async fn accounts_refuse_what_the_state_of_things_does_not_allow() {
    let world = World::start().await;
    check(world.service(), account_states(&world)).await;
}

/// Every case of this file, for the check that no published reason is left out.
pub(crate) fn cases(world: &World) -> Vec<Case> {
    [account_fields(world), account_states(world)].into_iter().flatten().collect()
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
fn account_fields(world: &World) -> Vec<Case> {
    let wrong = |name, account_: Json, wrong: &[(&str, &'static str)]| fields(name, CREATE, account(account_), wrong);
    let many: Vec<String> = (0..21).map(|number| format!("别名{number}")).collect();
    let attributes: Json =
        (0..101).map(|number| (format!("a{number}"), json!("1"))).collect::<serde_json::Map<_, _>>().into();
    let long = "长".repeat(10_000);
    let mut cases = vec![
        wrong(
            "a wrong check digit",
            json!({"creditCode": "91110000600037341N"}),
            &[("account.credit_code", "CREDIT_CODE_CHECK_DIGIT")],
        ),
        wrong(
            "a short credit code",
            json!({"creditCode": "9111000060003734"}),
            &[("account.credit_code", "CREDIT_CODE_LENGTH")],
        ),
        wrong(
            "a letter that no credit code has",
            json!({"creditCode": "9111000060003734IL"}),
            &[("account.credit_code", "CREDIT_CODE_CHARSET")],
        ),
        wrong(
            "a full-width credit code",
            json!({"creditCode": "９１１１００００６０００３７３４１Ｌ"}),
            &[("account.credit_code", "CREDIT_CODE_CHARSET")],
        ),
        fields("no account", CREATE, json!({}), &[("account", "REQUIRED")]),
        fields(
            "an empty account",
            CREATE,
            json!({"account": {}}),
            &[("account.legal_name", "REQUIRED"), ("account.territory_code", "REQUIRED")],
        ),
        wrong(
            "10,000 characters",
            json!({"legalName": long, "shortName": long, "address": long, "source": long, "tags": [long]}),
            &[
                ("account.legal_name", "TOO_LONG"),
                ("account.short_name", "TOO_LONG"),
                ("account.address", "TOO_LONG"),
                ("account.source", "TOO_LONG"),
                ("account.tags[0]", "TOO_LONG"),
            ],
        ),
        wrong(
            "10^18",
            json!({"employeeCount": "1000000000000000000", "registeredCapital": {"currencyCode": "CNY", "amount": "1000000000000000000"}}),
            &[("account.employee_count", "OUT_OF_RANGE"), ("account.registered_capital.amount", "FORMAT")],
        ),
        wrong(
            "numbers below the least",
            json!({"employeeCount": "-1", "taxRank": 0, "registeredCapital": {"currencyCode": "CNY", "amount": "-0.01"}}),
            &[
                ("account.employee_count", "OUT_OF_RANGE"),
                ("account.registered_capital.amount", "FORMAT"),
                ("account.tax_rank", "OUT_OF_RANGE"),
            ],
        ),
        wrong(
            "a currency that is none",
            json!({"registeredCapital": {"currencyCode": "元", "amount": "1"}}),
            &[("account.registered_capital.currency_code", "FORMAT")],
        ),
        wrong("too many aliases", json!({"aliases": many}), &[("account.aliases", "TOO_MANY")]),
        wrong(
            "an alias and a tag twice",
            json!({"aliases": ["样例", "样例"], "tags": ["重点", "重点"]}),
            &[("account.aliases[1]", "DUPLICATE"), ("account.tags[1]", "DUPLICATE")],
        ),
        wrong(
            "two ids of one system",
            json!({"externalIds": [{"system": "boss", "value": "8"}, {"system": "boss", "value": "9"}]}),
            &[("account.external_ids[1]", "DUPLICATE")],
        ),
        wrong(
            "ids of no system",
            json!({"externalIds": [{"value": "8"}, {"system": "BOSS", "value": "8"}, {"system": "crm"}]}),
            &[
                ("account.external_ids[0].system", "REQUIRED"),
                ("account.external_ids[1].system", "FORMAT"),
                ("account.external_ids[2].value", "REQUIRED"),
            ],
        ),
        wrong("too many attributes", json!({"attributes": attributes}), &[("account.attributes", "TOO_MANY")]),
        wrong(
            "attributes that cannot be kept",
            json!({"attributes": {"名": "1", "long": "长".repeat(1_001), "line": "a\u{0}b"}}),
            &[
                ("account.attributes[line]", "FORMAT"),
                ("account.attributes[long]", "TOO_LONG"),
                ("account.attributes", "FORMAT"),
            ],
        ),
        wrong("a masked person", json!({"legalRepresentative": "张**"}), &[("account.legal_representative", "FORMAT")]),
        wrong("an industry that there is not", json!({"industryCode": "Z99"}), &[("account.industry_code", "FORMAT")]),
        wrong("a parent that is no id", json!({"parentAccountId": "1"}), &[("account.parent_account_id", "FORMAT")]),
        wrong("a territory that is no code", json!({"territoryCode": "深圳"}), &[("account.territory_code", "FORMAT")]),
        fields(
            "a request id that is no UUID",
            CREATE,
            json!({"account": account(json!({}))["account"], "requestId": "1"}),
            &[("request_id", "FORMAT")],
        ),
        fields("no key", GET, json!({}), &[("key", "REQUIRED")]),
        fields("an id that is none", GET, json!({"id": "../../etc/passwd"}), &[("id", "FORMAT")]),
        fields("an id with a zero character", GET, json!({"id": "\u{0}"}), &[("id", "FORMAT")]),
        fields("an empty credit code", GET, json!({"creditCode": ""}), &[("credit_code", "REQUIRED")]),
        fields(
            "an external id without a system",
            GET,
            json!({"externalId": {"value": "1"}}),
            &[("external_id.system", "REQUIRED")],
        ),
        fields("no ids", BATCH, json!({}), &[("ids", "REQUIRED")]),
        fields("201 ids", BATCH, json!({"ids": vec![NOBODY; 201]}), &[("ids", "TOO_MANY")]),
        fields(
            "wrong ids among right ones",
            BATCH,
            json!({"ids": [NOBODY, "x", NOBODY, ""]}),
            &[("ids[1]", "FORMAT"), ("ids[3]", "REQUIRED")],
        ),
        fields("an update of nothing", UPDATE, json!({}), &[("account", "REQUIRED")]),
        fields(
            "an update without an id",
            UPDATE,
            json!({"account": {"shortName": "新"}}),
            &[("account.id", "REQUIRED")],
        ),
        fields(
            "masks with paths that cannot be changed",
            UPDATE,
            json!({"account": {"id": world.known}, "updateMask": "legalName,state,noSuchField"}),
            &[
                ("update_mask", "MASK_PATH_UNKNOWN"),
                ("update_mask", "MASK_PATH_UNKNOWN"),
                ("account.legal_name", "REQUIRED"),
            ],
        ),
        fields(
            "an update that empties what is required",
            UPDATE,
            json!({"account": {"id": world.known}, "updateMask": "legalName,territoryCode"}),
            &[("account.legal_name", "REQUIRED"), ("account.territory_code", "REQUIRED")],
        ),
        fields(
            "a tier that there is not",
            TIER,
            json!({"id": world.known, "tier": 99, "reason": "r"}),
            &[("tier", "UNKNOWN_VALUE")],
        ),
        fields(
            "a tier without a reason",
            TIER,
            json!({"id": world.known, "tier": "TIER_A"}),
            &[("reason", "REQUIRED")],
        ),
        fields(
            "a tier from tomorrow on",
            TIER,
            json!({"id": world.known, "tier": "TIER_A", "reason": "r", "startDate": "2999-01-01"}),
            &[("start_date", "OUT_OF_RANGE")],
        ),
        fields(
            "the same tier from tomorrow on",
            TIER,
            json!({"id": world.known, "reason": "r", "startDate": "2999-01-01"}),
            &[("start_date", "OUT_OF_RANGE")],
        ),
        fields(
            "a tier since before there were dates",
            TIER,
            json!({"id": world.known, "tier": "TIER_A", "reason": "r", "startDate": "-9999-01-01"}),
            &[("start_date", "FORMAT")],
        ),
        fields(
            "everything wrong with a tier",
            TIER,
            json!({"id": "", "tier": -1, "reason": "长".repeat(501), "startDate": "2026-02-30"}),
            &[("id", "REQUIRED"), ("tier", "UNKNOWN_VALUE"), ("reason", "TOO_LONG"), ("start_date", "FORMAT")],
        ),
    ];
    for method in [DELETE, UNDELETE, ACTIVATE, TREE] {
        cases.push(fields("an id that is none", method, json!({"id": "1"}), &[("id", "FORMAT")]));
        cases.push(refusal(
            "an id that nobody has",
            method,
            json!({"id": NOBODY}),
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        ));
    }
    cases.push(fields("an id that is none", PERIODS, json!({"accountId": "1"}), &[("account_id", "FORMAT")]));
    for control in ["\u{0}", "\u{7}", "\u{1b}", "\u{7f}", "\u{85}", "\n", "\r"] {
        let name = format!("样例{control}公司");
        let text = json!({"legalName": name, "shortName": name, "aliases": [name], "address": name, "legalRepresentative": name, "source": name, "tags": [name],
            "externalIds": [{"system": "crm", "value": name}]});
        cases.push(wrong(
            "a control character",
            text,
            &[
                ("account.legal_name", "FORMAT"),
                ("account.short_name", "FORMAT"),
                ("account.aliases[0]", "FORMAT"),
                ("account.external_ids[0].value", "FORMAT"),
                ("account.address", "FORMAT"),
                ("account.legal_representative", "FORMAT"),
                ("account.source", "FORMAT"),
                ("account.tags[0]", "FORMAT"),
            ],
        ));
    }
    cases
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
fn account_states(world: &World) -> Vec<Case> {
    let not_found = |name, method, request| refusal(name, method, request, Code::NotFound, "RESOURCE_NOT_FOUND");
    let create = |name, account_: Json, code, reason| refusal(name, CREATE, account(account_), code, reason);
    let update = |name, account: Json, code, reason| refusal(name, UPDATE, json!({ "account": account }), code, reason);
    let (exists, forbidden) = (Code::AlreadyExists, Code::FailedPrecondition);
    let mut cases = vec![
        create("an unknown territory", json!({"territoryCode": "999999"}), Code::NotFound, "RESOURCE_NOT_FOUND"),
        create("an unknown parent", json!({"parentAccountId": NOBODY}), Code::NotFound, "RESOURCE_NOT_FOUND"),
        create("a deleted parent", json!({"parentAccountId": world.deleted}), forbidden, "STATE_FORBIDS"),
        create("a credit code that another has", json!({"creditCode": World::CREDIT_CODE}), exists, "RESOURCE_EXISTS"),
        create(
            "an external id that another has",
            json!({"externalIds": [{"system": "boss", "value": "1"}]}),
            exists,
            "RESOURCE_EXISTS",
        ),
        create("an eleventh level", json!({"parentAccountId": world.chain[9]}), forbidden, "ACCOUNT_TREE_TOO_DEEP"),
        create(
            "a territory outside one's own",
            json!({"territoryCode": "330100"}),
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        )
        .by_director(),
        create(
            "the territory above one's own",
            json!({"territoryCode": "440000"}),
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        )
        .by_director(),
        create(
            "a parent outside one's territory",
            json!({"parentAccountId": world.outside}),
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        )
        .by_director(),
        refusal(
            "a request id of another request",
            CREATE,
            json!({"account": account(json!({}))["account"], "requestId": world.request_id}),
            exists,
            "REQUEST_ID_REUSED",
        ),
        update(
            "an unknown territory",
            json!({"id": world.known, "territoryCode": "999999"}),
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        ),
        update(
            "a territory outside one's own",
            json!({"id": world.known, "territoryCode": "330100"}),
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        )
        .by_director(),
        update(
            "a parent outside one's territory",
            json!({"id": world.known, "parentAccountId": world.outside}),
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        )
        .by_director(),
        update(
            "an account outside one's territory",
            json!({"id": world.outside, "shortName": "新"}),
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        )
        .by_director(),
        update(
            "an unknown parent",
            json!({"id": world.known, "parentAccountId": NOBODY}),
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        ),
        update(
            "an account that is its own parent",
            json!({"id": world.chain[0], "parentAccountId": world.chain[0]}),
            forbidden,
            "ACCOUNT_CYCLE",
        ),
        update(
            "a cycle of parents",
            json!({"id": world.chain[0], "parentAccountId": world.chain[2]}),
            forbidden,
            "ACCOUNT_CYCLE",
        ),
        update(
            "a hierarchy under a hierarchy",
            json!({"id": world.parent, "parentAccountId": world.chain[8]}),
            forbidden,
            "ACCOUNT_TREE_TOO_DEEP",
        ),
        update("a deleted account", json!({"id": world.deleted, "shortName": "新"}), forbidden, "STATE_FORBIDS"),
        update(
            "an account that nobody has",
            json!({"id": NOBODY, "shortName": "新"}),
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        ),
        update(
            "a stale etag",
            json!({"id": world.active, "shortName": "新", "etag": "\"1\""}),
            Code::Aborted,
            "ETAG_MISMATCH",
        ),
        update(
            "a credit code that another has",
            json!({"id": world.active, "creditCode": World::CREDIT_CODE}),
            exists,
            "RESOURCE_EXISTS",
        ),
        update(
            "an external id that another has",
            json!({"id": world.active, "externalIds": [{"system": "boss", "value": "1"}]}),
            exists,
            "RESOURCE_EXISTS",
        ),
        refusal(
            "a parent with subsidiaries",
            DELETE,
            json!({"id": world.parent}),
            forbidden,
            "ACCOUNT_HAS_SUBSIDIARIES",
        ),
        refusal("a deleted account", DELETE, json!({"id": world.deleted}), forbidden, "STATE_FORBIDS"),
        refusal("an account that is not deleted", UNDELETE, json!({"id": world.known}), forbidden, "STATE_FORBIDS"),
        refusal(
            "an account whose parent is deleted",
            UNDELETE,
            json!({"id": world.deleted_child}),
            forbidden,
            "STATE_FORBIDS",
        ),
        refusal("an active account", ACTIVATE, json!({"id": world.active}), forbidden, "STATE_FORBIDS"),
        refusal("a deleted account", ACTIVATE, json!({"id": world.deleted}), forbidden, "STATE_FORBIDS"),
        refusal(
            "a deleted account",
            TIER,
            json!({"id": world.deleted, "tier": "TIER_A", "reason": "r"}),
            forbidden,
            "STATE_FORBIDS",
        ),
        fields(
            "a tier from before the current one",
            TIER,
            json!({"id": world.active, "tier": "TIER_B", "reason": "r", "startDate": "2020-01-01"}),
            &[("start_date", "OUT_OF_RANGE")],
        ),
        not_found("a credit code that nobody has", GET, json!({"creditCode": "91440300192192192L"})),
        not_found("an external id that nobody has", GET, json!({"externalId": {"system": "boss", "value": "0"}})),
        not_found("an id that nobody has", PERIODS, json!({"accountId": NOBODY})),
    ];
    for method in [DELETE, ACTIVATE] {
        cases.push(refusal(
            "a stale etag",
            method,
            json!({"id": world.known, "etag": "\"7\""}),
            Code::Aborted,
            "ETAG_MISMATCH",
        ));
    }
    cases
}
