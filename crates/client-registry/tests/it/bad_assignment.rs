//! Wrong requests about assignments and their policy: every gate by its own reason, all that are broken at once.

use serde_json::{Value as Json, json};
use tonic::Code;

use crate::refused::{Case, NOBODY, World, check, fields, refusal, unmet};

const OPEN: &str = "AssignmentService/OpenAssignment";
const CLOSE: &str = "AssignmentService/CloseAssignment";
const HAND_OVER: &str = "AssignmentService/HandOverAccount";
const FIND: &str = "AssignmentService/FindResponsible";
const LIST: &str = "AssignmentService/ListAssignments";
const TRANSFER: &str = "HandOverService/TransferAccounts";
const VACANT: &str = "VacancyService/ListVacantAccounts";
const SUGGEST: &str = "VacancyService/SuggestAssignments";
const DEPART: &str = "AccountManagerService/DepartAccountManager";
const REINSTATE: &str = "AccountManagerService/ReinstateAccountManager";
const POLICY: &str = "AssignmentPolicyService/UpdateAssignmentPolicy";

fn open(account: &str, manager: &str) -> Json {
    json!({"accountId": account, "accountManagerId": manager, "role": "ASSIGNMENT_ROLE_PRIMARY"})
}

fn pair(account: &str, manager: &str) -> Json {
    json!({"accountId": account, "accountManagerId": manager})
}

fn transfers(pairs: &[Json]) -> Json {
    json!({"transfers": {"transfers": pairs}, "reason": "调整"})
}

fn portfolio(from: &str, to: &str) -> Json {
    json!({"portfolio": {"fromAccountManagerId": from, "toAccountManagerId": to}, "reason": "离职"})
}

fn with(mut request: Json, field: &str, value: &str) -> Json {
    request[field] = json!(value);
    request
}

pub(crate) fn cases(world: &World) -> Vec<Case> {
    let all = [
        gates(world),
        openings(world),
        hand_overs_and_questions(world),
        endings(world),
        malformed_transfers(world),
        untransferable(world),
        policies(),
    ];
    all.into_iter().flatten().collect()
}

fn gates(world: &World) -> Vec<Case> {
    let account = ("account_id", "PRIMARY_EXISTS");
    let manager = |reason| ("account_manager_id", reason);
    let hand_over =
        |account: &str, manager: &str| json!({"accountId": account, "accountManagerId": manager, "reason": "调整"});
    vec![
        unmet("a second PRIMARY", OPEN, open(&world.active, &world.manager), &[account]),
        unmet("a manager who has it", HAND_OVER, hand_over(&world.active, &world.manager), &[account]),
        unmet("a low grade", HAND_OVER, hand_over(&world.active, &world.junior), &[manager("GRADE_TOO_LOW")]),
        unmet(
            "a manager of elsewhere",
            OPEN,
            open(&world.known, &world.manager_outside),
            &[manager("TERRITORY_NOT_COVERED")],
        ),
        unmet("tier C in the field", OPEN, open(&world.small, &world.junior), &[manager("CHANNEL_WRONG_FOR_TIER")]),
        unmet(
            "a manager who departed",
            OPEN,
            open(&world.known, &world.departed),
            &[manager("MANAGER_NOT_IN_SERVICE")],
        ),
        unmet(
            "a full manager of another industry",
            OPEN,
            open(&world.known, &world.full),
            &[manager("TERRITORY_NOT_COVERED"), manager("LOAD_FULL")],
        ),
        unmet(
            "everything at once",
            OPEN,
            with(open(&world.active, &world.full), "startDate", "2026-01-31"),
            &[account, manager("GRADE_TOO_LOW"), manager("TERRITORY_NOT_COVERED"), manager("LOAD_FULL")],
        ),
        unmet(
            "a deleted account",
            OPEN,
            with(open(&world.deleted, &world.departed), "role", "ASSIGNMENT_ROLE_BACKUP"),
            &[("account_id", "ACCOUNT_NOT_SERVED"), manager("MANAGER_NOT_IN_SERVICE")],
        ),
        unmet(
            "a start before the end of another PRIMARY",
            OPEN,
            with(with(open(&world.small, &world.junior), "startDate", "2026-02-28"), "exceptionReason", "上门服务"),
            &[("start_date", "ASSIGNMENT_OVERLAPS")],
        ),
    ]
}

fn openings(world: &World) -> Vec<Case> {
    let not_found = |name, method, request| refusal(name, method, request, Code::NotFound, "RESOURCE_NOT_FOUND");
    let long = "长".repeat(201);
    vec![
        fields(
            "an empty request",
            OPEN,
            json!({}),
            &[("account_id", "REQUIRED"), ("account_manager_id", "REQUIRED"), ("role", "REQUIRED")],
        ),
        fields(
            "everything wrong",
            OPEN,
            json!({"accountId": "1", "accountManagerId": "2", "role": 9, "startDate": "2026-2-1", "reason": long, "exceptionReason": long}),
            &[
                ("account_id", "FORMAT"),
                ("account_manager_id", "FORMAT"),
                ("role", "UNKNOWN_VALUE"),
                ("start_date", "FORMAT"),
                ("reason", "TOO_LONG"),
                ("exception_reason", "TOO_LONG"),
            ],
        ),
        fields(
            "a day to come",
            OPEN,
            with(open(&world.known, &world.junior), "startDate", "9999-01-01"),
            &[("start_date", "OUT_OF_RANGE")],
        ),
        not_found("an account that nobody has", OPEN, open(NOBODY, &world.manager)),
        not_found("a manager that nobody has", OPEN, open(&world.known, NOBODY)),
        not_found("a manager out of sight", OPEN, open(&world.known, &world.manager_outside)).by_director(),
        not_found("an account out of sight", OPEN, open(&world.outside, &world.manager)).by_director(),
    ]
}

fn hand_overs_and_questions(world: &World) -> Vec<Case> {
    let not_found = |name, method, request| refusal(name, method, request, Code::NotFound, "RESOURCE_NOT_FOUND");
    vec![
        fields(
            "nothing to hand over",
            HAND_OVER,
            json!({}),
            &[("account_id", "REQUIRED"), ("account_manager_id", "REQUIRED"), ("reason", "REQUIRED")],
        ),
        refusal(
            "a stale etag",
            HAND_OVER,
            json!({"accountId": world.active, "accountManagerId": world.junior, "reason": "调整", "etag": "\"7\""}),
            Code::Aborted,
            "ETAG_MISMATCH",
        ),
        fields(
            "no account and no day",
            FIND,
            json!({"onDate": "today"}),
            &[("account_id", "REQUIRED"), ("on_date", "FORMAT")],
        ),
        not_found("an account that nobody has", FIND, json!({"accountId": NOBODY})),
        not_found("a territory that nobody has", LIST, json!({"territoryCode": "999999"})),
        fields("an unknown field", LIST, json!({"filter": "open_reason = x"}), &[("filter", "FILTER_FIELD_UNKNOWN")]),
        refusal(
            "an account without a PRIMARY",
            "AccountService/ActivateAccount",
            json!({"id": world.known}),
            Code::FailedPrecondition,
            "PRIMARY_MISSING",
        ),
    ]
}

fn endings(world: &World) -> Vec<Case> {
    let forbidden = Code::FailedPrecondition;
    vec![
        fields("an empty request", CLOSE, json!({}), &[("id", "REQUIRED"), ("reason", "REQUIRED")]),
        fields(
            "an end before the start",
            CLOSE,
            json!({"id": world.assignment, "reason": "调岗", "endDate": "2026-01-01"}),
            &[("end_date", "OUT_OF_RANGE")],
        ),
        refusal("a closed one", CLOSE, json!({"id": world.closed, "reason": "调岗"}), forbidden, "STATE_FORBIDS"),
        refusal(
            "a stale etag",
            CLOSE,
            json!({"id": world.assignment, "reason": "调岗", "etag": "\"7\""}),
            Code::Aborted,
            "ETAG_MISMATCH",
        ),
        refusal(
            "one that nobody has",
            CLOSE,
            json!({"id": NOBODY, "reason": "调岗"}),
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        ),
        refusal(
            "an account that somebody looks after",
            "AccountService/DeleteAccount",
            json!({"id": world.active}),
            forbidden,
            "ACCOUNT_HAS_ASSIGNMENTS",
        ),
        refusal(
            "a manager with an account",
            "AccountManagerService/DeleteAccountManager",
            json!({"id": world.manager}),
            forbidden,
            "MANAGER_HAS_ASSIGNMENTS",
        ),
        fields(
            "a departure to come",
            DEPART,
            json!({"id": "1", "departDate": "9999-01-01"}),
            &[("id", "FORMAT"), ("reason", "REQUIRED"), ("depart_date", "OUT_OF_RANGE")],
        ),
        refusal("who departed", DEPART, json!({"id": world.departed, "reason": "离职"}), forbidden, "STATE_FORBIDS"),
        fields("an empty request", REINSTATE, json!({}), &[("id", "REQUIRED"), ("reason", "REQUIRED")]),
        refusal("who is there", REINSTATE, json!({"id": world.manager, "reason": "返岗"}), forbidden, "STATE_FORBIDS"),
    ]
}

fn malformed_transfers(world: &World) -> Vec<Case> {
    let pair = |account: &str, manager: &str| json!({"accountId": account, "accountManagerId": manager});
    let transfers = |pairs: &[Json]| json!({"transfers": {"transfers": pairs}, "reason": "调整"});
    let portfolio = |from: &str, to: &str| json!({"portfolio": {"fromAccountManagerId": from, "toAccountManagerId": to}, "reason": "离职"});
    let many = vec![pair(&world.known, &world.manager); 1_001];
    vec![
        fields("an empty request", TRANSFER, json!({}), &[("accounts", "REQUIRED"), ("reason", "REQUIRED")]),
        fields("no transfers", TRANSFER, transfers(&[]), &[("transfers.transfers", "REQUIRED")]),
        fields("too many", TRANSFER, transfers(&many), &[("transfers.transfers", "TOO_MANY")]),
        fields(
            "the same account twice, and no manager",
            TRANSFER,
            transfers(&[pair(&world.known, &world.manager), pair(&world.known, ""), pair("1", &world.junior)]),
            &[
                ("transfers.transfers[1].account_manager_id", "REQUIRED"),
                ("transfers.transfers[1].account_id", "DUPLICATE"),
                ("transfers.transfers[2].account_id", "FORMAT"),
            ],
        ),
        fields(
            "a portfolio of nobody",
            TRANSFER,
            portfolio("", "x"),
            &[("portfolio.from_account_manager_id", "REQUIRED"), ("portfolio.to_account_manager_id", "FORMAT")],
        ),
    ]
}

fn untransferable(world: &World) -> Vec<Case> {
    let not_found = |name, request| refusal(name, TRANSFER, request, Code::NotFound, "RESOURCE_NOT_FOUND");
    let forbidden = Code::FailedPrecondition;
    vec![
        not_found("an account that nobody has", transfers(&[pair(NOBODY, &world.manager)])),
        not_found("a manager out of sight", transfers(&[pair(&world.known, &world.full)])).by_director(),
        not_found("a portfolio out of sight", portfolio(&world.full, &world.manager)).by_director(),
        refusal("an empty portfolio", TRANSFER, portfolio(&world.junior, &world.manager), forbidden, "PORTFOLIO_EMPTY"),
        unmet(
            "each wrong one by its index",
            TRANSFER,
            transfers(&[
                pair(&world.known, &world.manager),
                pair(&world.small, &world.junior),
                pair(&world.active, &world.departed),
            ]),
            &[
                ("transfers.transfers[1]", "CHANNEL_WRONG_FOR_TIER"),
                ("transfers.transfers[2]", "MANAGER_NOT_IN_SERVICE"),
                ("transfers.transfers[2]", "GRADE_TOO_LOW"),
            ],
        ),
        unmet(
            "a portfolio to who may not have it",
            TRANSFER,
            portfolio(&world.manager, &world.junior),
            &[(&format!("account/{}", world.active), "GRADE_TOO_LOW")],
        ),
        fields(
            "no accounts",
            SUGGEST,
            json!({"maxAccounts": -1}),
            &[("accounts", "REQUIRED"), ("max_accounts", "OUT_OF_RANGE")],
        ),
        refusal(
            "nobody's accounts",
            SUGGEST,
            json!({"accountManagerId": NOBODY}),
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        ),
        fields("a name", VACANT, json!({"filter": "legal_name = x"}), &[("filter", "FILTER_FIELD_UNKNOWN")]),
    ]
}

fn policies() -> Vec<Case> {
    vec![
        fields("no policy", POLICY, json!({}), &[("assignment_policy", "REQUIRED")]),
        fields(
            "numbers out of range",
            POLICY,
            json!({"assignmentPolicy": {"tierAMinGrade": 6, "fieldMaxAccounts": -1, "vacancyDays": 366, "tierCChannel": 9}}),
            &[
                ("assignment_policy.tier_a_min_grade", "OUT_OF_RANGE"),
                ("assignment_policy.field_max_accounts", "OUT_OF_RANGE"),
                ("assignment_policy.vacancy_days", "OUT_OF_RANGE"),
                ("assignment_policy.tier_c_channel", "UNKNOWN_VALUE"),
            ],
        ),
        fields(
            "emptied numbers, and one that is not there",
            POLICY,
            json!({"assignmentPolicy": {}, "updateMask": "phoneMaxAccounts,untieredMinGrade,etag"}),
            &[
                ("update_mask", "MASK_PATH_UNKNOWN"),
                ("assignment_policy.untiered_min_grade", "OUT_OF_RANGE"),
                ("assignment_policy.phone_max_accounts", "OUT_OF_RANGE"),
            ],
        ),
        refusal(
            "a stale etag",
            POLICY,
            json!({"assignmentPolicy": {"vacancyDays": 3, "etag": "\"0\""}}),
            Code::Aborted,
            "ETAG_MISMATCH",
        ),
        refusal(
            "a director of a city",
            POLICY,
            json!({"assignmentPolicy": {"vacancyDays": 3}}),
            Code::PermissionDenied,
            "ROOT_GRANT_MISSING",
        )
        .by_director(),
    ]
}

#[tokio::test]
async fn wrong_requests_about_assignments_are_refused_with_everything_that_is_wrong() {
    let world = World::start().await;
    check(world.service(), cases(&world)).await;
}
