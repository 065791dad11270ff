//! How every method of the process is called on a resource inside a territory and on one outside it.
//!
//! A new method needs an entry in [`FIXTURES`]; the permission matrix fails without it. A new noun needs a [`Need`] as well: a
//! resource of it that every call gets for itself.

use std::sync::atomic::{AtomicU32, Ordering};

use guanxi_proto::client_registry::v1::*;
use guanxi_test_support::contract::{Fixture, OUTSIDE, Outside, Place, Subject, fixture};
use serde_json::json;

use crate::personal;
use crate::support::{Service, employee, named};

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Subject for Service {
    type Need = Need;

    const PACKAGE: &'static str = "guanxi.client_registry.v1";
    const FIXTURES: &'static [Fixture<Need>] = FIXTURES;
    const CREATES: &'static str = "AccountService/CreateAccount";
    const RIGHTS: &'static [(&'static str, &'static str)] = &[
        ("account", "INSERT SELECT UPDATE"),
        ("account_external_id", "DELETE INSERT SELECT"),
        ("account_manager", "INSERT SELECT UPDATE"),
        ("account_tier_period", "INSERT SELECT UPDATE"),
        ("assignment", "INSERT SELECT UPDATE"),
        ("assignment_policy", "SELECT UPDATE"),
        ("event", "INSERT SELECT"),
        ("event_head", "SELECT UPDATE"),
        ("hand_over", "INSERT SELECT"),
        ("import", "INSERT SELECT UPDATE"),
        ("request", "DELETE INSERT SELECT UPDATE"),
        ("territory", "DELETE INSERT SELECT UPDATE"),
        ("territory_level", "SELECT"),
        ("territory_retired", "INSERT SELECT"),
        ("tree", "SELECT UPDATE"),
        ("vacancy", "DELETE INSERT SELECT UPDATE"),
    ];
    // The assignment that ends, the one that begins, and the hand-over.
    const EVENTS: &'static [(&'static str, usize)] =
        &[("AssignmentService/HandOverAccount", 3), ("HandOverService/TransferAccounts", 3)];
    const MADE_FOR_READERS: &'static [&'static str] = &["guanxi.client_registry.v1.Territory.path"];

    async fn start() -> Self {
        let service = Self::with_tree().await;
        service.territory(OUTSIDE.county, "COUNTY", OUTSIDE.city).await.unwrap();
        service
    }

    async fn fresh(&self, need: Need, place: Place) -> String {
        need.fresh(self, place).await
    }

    async fn with_person(&self, need: Need, fresh: &str, person: &str) {
        personal::with_person(self, need, fresh, person).await;
    }
}

/// What has to be there before the call. Each call gets one of its own, so that it may change or delete it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing; the request gets a name that nobody has.
    Name,
    /// A live account in the city; the request gets its id.
    Account,
    /// A deleted account in the city; the request gets its id.
    DeletedAccount,
    /// A live account manager in the city; the request gets its id.
    AccountManager,
    /// A deleted account manager in the city; the request gets its id.
    DeletedAccountManager,
    /// An account manager in the city who departed; the request gets its id.
    DepartedAccountManager,
    /// A live account and a manager who fits it, in the city; the request gets both ids.
    Pair,
    /// An account in the city with a PRIMARY, and another manager; the request gets the ids of account, assignment and other manager.
    Assignment,
    /// A hand-over in the city; the request gets its id.
    HandOver,
    /// A grid in the city; the request gets its code.
    Territory,
}

impl Need {
    pub(crate) async fn fresh(self, service: &Service, place: Place) -> String {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        match self {
            Need::Name => format!("n{number}"),
            Need::Account => service.account(named(&format!("样例第{number}公司"), place.city)).await.unwrap().id,
            Need::DeletedAccount => {
                let account = service.account(named(&format!("样例第{number}公司"), place.city)).await.unwrap();
                let request = DeleteAccountRequest { id: account.id.clone(), ..Default::default() };
                service.accounts().delete_account(service.as_admin(request)).await.unwrap();
                account.id
            }
            Need::AccountManager => service.manager(employee(&format!("E{number}"), place.city)).await.unwrap().id,
            Need::DeletedAccountManager => {
                let manager = service.manager(employee(&format!("E{number}"), place.city)).await.unwrap();
                let request = DeleteAccountManagerRequest { id: manager.id.clone(), ..Default::default() };
                service.managers().delete_account_manager(service.as_admin(request)).await.unwrap();
                manager.id
            }
            Need::DepartedAccountManager => {
                let manager = service.manager(employee(&format!("E{number}"), place.city)).await.unwrap();
                let reason = "离职".to_owned();
                let request = DepartAccountManagerRequest { id: manager.id.clone(), reason, ..Default::default() };
                service.managers().depart_account_manager(service.as_admin(request)).await.unwrap();
                manager.id
            }
            Need::Pair => {
                let account = service.account(named(&format!("样例第{number}公司"), place.city)).await.unwrap();
                let manager = service.manager(employee(&format!("E{number}"), place.city)).await.unwrap();
                format!("{} {}", account.id, manager.id)
            }
            Need::Assignment => {
                let account = service.account(named(&format!("样例第{number}公司"), place.city)).await.unwrap();
                let manager = service.manager(employee(&format!("E{number}"), place.city)).await.unwrap();
                let other = service.manager(employee(&format!("E{number}b"), place.city)).await.unwrap();
                let assignment = service.assign(&account.id, &manager.id).await.unwrap();
                format!("{} {} {}", account.id, assignment.id, other.id)
            }
            Need::HandOver => {
                let account = service.account(named(&format!("样例第{number}公司"), place.city)).await.unwrap();
                let manager = service.manager(employee(&format!("E{number}"), place.city)).await.unwrap();
                service.hand_over(&account.id, &manager.id, "").await.unwrap().hand_over_id
            }
            Need::Territory => service.territory(&format!("g{number}"), "GRID", place.city).await.unwrap().code,
        }
    }
}

/// One of the ids that the request got.
pub(crate) fn part(fresh: &str, index: usize) -> &str {
    fresh.split(' ').nth(index).unwrap()
}

const NOT_FOUND: Outside = Outside::NotFound;

/// An entry for every method that the process serves.
pub(crate) const FIXTURES: &[Fixture<Need>] = &[
    fixture(
        "AccountService/CreateAccount",
        Need::Name,
        NOT_FOUND,
        |place, name| json!({"account": {"legalName": name, "territoryCode": place.city}}),
    ),
    fixture("AccountService/GetAccount", Need::Account, NOT_FOUND, |_, id| json!({"id": id})),
    fixture("AccountService/BatchGetAccounts", Need::Account, Outside::Empty("accounts"), |_, id| json!({"ids": [id]})),
    fixture("AccountService/ListAccounts", Need::Account, NOT_FOUND, |place, _| json!({"territoryCode": place.city})),
    fixture(
        "AccountService/SearchAccounts",
        Need::Account,
        NOT_FOUND,
        |place, _| json!({"query": "样例", "territoryCode": place.city}),
    ),
    fixture(
        "AccountService/UpdateAccount",
        Need::Account,
        NOT_FOUND,
        |_, id| json!({"account": {"id": id, "shortName": "新"}}),
    ),
    fixture("AccountService/DeleteAccount", Need::Account, NOT_FOUND, |_, id| json!({"id": id})),
    fixture("AccountService/UndeleteAccount", Need::DeletedAccount, NOT_FOUND, |_, id| json!({"id": id})),
    fixture("AccountService/ActivateAccount", Need::Assignment, NOT_FOUND, |_, fresh| json!({"id": part(fresh, 0)})),
    fixture(
        "AccountService/SetAccountTier",
        Need::Account,
        NOT_FOUND,
        |_, id| json!({"id": id, "tier": "TIER_A", "reason": "年度"}),
    ),
    fixture("AccountService/ListAccountTierPeriods", Need::Account, NOT_FOUND, |_, id| json!({"accountId": id})),
    fixture("AccountService/GetAccountTree", Need::Account, NOT_FOUND, |_, id| json!({"id": id})),
    fixture(
        "AccountService/ImportAccounts",
        Need::Account,
        Outside::RowRejected,
        |_, id| json!({"options": {"importId": uuid::Uuid::now_v7()}, "rows": [{"rowNumber": 1, "account": {"id": id, "shortName": "新"}}]}),
    ),
    fixture("AccountService/ExportAccounts", Need::Account, NOT_FOUND, |place, _| json!({"territoryCode": place.city})),
    fixture("AccountManagerService/CreateAccountManager", Need::Name, NOT_FOUND, |place, number| {
        let channel = "ACCOUNT_MANAGER_CHANNEL_PHONE";
        let manager = json!({"employeeNumber": number, "name": "新", "territoryCode": place.city, "channel": channel});
        json!({"accountManager": manager})
    }),
    fixture("AccountManagerService/GetAccountManager", Need::AccountManager, NOT_FOUND, |_, id| json!({"id": id})),
    fixture(
        "AccountManagerService/ListAccountManagers",
        Need::AccountManager,
        NOT_FOUND,
        |place, _| json!({"territoryCode": place.city}),
    ),
    fixture(
        "AccountManagerService/UpdateAccountManager",
        Need::AccountManager,
        NOT_FOUND,
        |_, id| json!({"accountManager": {"id": id, "grade": 3}}),
    ),
    fixture("AccountManagerService/DeleteAccountManager", Need::AccountManager, NOT_FOUND, |_, id| json!({"id": id})),
    fixture(
        "AccountManagerService/UndeleteAccountManager",
        Need::DeletedAccountManager,
        NOT_FOUND,
        |_, id| json!({"id": id}),
    ),
    fixture(
        "AccountManagerService/DepartAccountManager",
        Need::AccountManager,
        NOT_FOUND,
        |_, id| json!({"id": id, "reason": "离职"}),
    ),
    fixture(
        "AccountManagerService/ReinstateAccountManager",
        Need::DepartedAccountManager,
        NOT_FOUND,
        |_, id| json!({"id": id, "reason": "返岗"}),
    ),
    fixture("AssignmentService/OpenAssignment", Need::Pair, NOT_FOUND, |_, fresh| {
        let role = "ASSIGNMENT_ROLE_PRIMARY";
        json!({"accountId": part(fresh, 0), "accountManagerId": part(fresh, 1), "role": role})
    }),
    fixture(
        "AssignmentService/CloseAssignment",
        Need::Assignment,
        NOT_FOUND,
        |_, fresh| json!({"id": part(fresh, 1), "reason": "调整"}),
    ),
    fixture(
        "AssignmentService/HandOverAccount",
        Need::Assignment,
        NOT_FOUND,
        |_, fresh| json!({"accountId": part(fresh, 0), "accountManagerId": part(fresh, 2), "reason": "调整"}),
    ),
    fixture("AssignmentService/GetAssignment", Need::Assignment, NOT_FOUND, |_, fresh| json!({"id": part(fresh, 1)})),
    fixture(
        "AssignmentService/ListAssignments",
        Need::Assignment,
        NOT_FOUND,
        |place, _| json!({"territoryCode": place.city}),
    ),
    fixture(
        "AssignmentService/FindResponsible",
        Need::Assignment,
        NOT_FOUND,
        |_, fresh| json!({"accountId": part(fresh, 0)}),
    ),
    fixture("HandOverService/TransferAccounts", Need::Assignment, NOT_FOUND, |_, fresh| {
        let transfer = json!({"accountId": part(fresh, 0), "accountManagerId": part(fresh, 2)});
        json!({"transfers": {"transfers": [transfer]}, "reason": "调整"})
    }),
    fixture("HandOverService/GetHandOver", Need::HandOver, NOT_FOUND, |_, id| json!({"id": id})),
    fixture(
        "HandOverService/ListHandOvers",
        Need::HandOver,
        NOT_FOUND,
        |place, _| json!({"territoryCode": place.city}),
    ),
    fixture(
        "VacancyService/ListVacantAccounts",
        Need::Account,
        NOT_FOUND,
        |place, _| json!({"territoryCode": place.city}),
    ),
    fixture(
        "VacancyService/SuggestAssignments",
        Need::Account,
        NOT_FOUND,
        |place, _| json!({"territoryCode": place.city}),
    ),
    fixture("AssignmentPolicyService/GetAssignmentPolicy", Need::Name, Outside::Same, |_, _| json!({})),
    fixture(
        "AssignmentPolicyService/UpdateAssignmentPolicy",
        Need::Name,
        Outside::RootOnly("ROOT_GRANT_MISSING"),
        |_, _| json!({"assignmentPolicy": {"vacancyDays": 9}}),
    ),
    fixture(
        "TerritoryService/CreateTerritory",
        Need::Name,
        NOT_FOUND,
        |place, code| json!({"territory": {"code": code, "name": {"zh": "新网格"}, "level": "GRID", "parentCode": place.city}}),
    ),
    fixture("TerritoryService/GetTerritory", Need::Territory, NOT_FOUND, |_, code| json!({"code": code})),
    fixture("TerritoryService/ListTerritories", Need::Territory, NOT_FOUND, |_, code| json!({"underCode": code})),
    fixture("TerritoryService/ListTerritoryLevels", Need::Name, Outside::Same, |_, _| json!({})),
    fixture(
        "TerritoryService/UpdateTerritory",
        Need::Territory,
        NOT_FOUND,
        |_, code| json!({"territory": {"code": code, "name": {"zh": "改名"}}}),
    ),
    fixture(
        "TerritoryService/MoveTerritory",
        Need::Territory,
        NOT_FOUND,
        |place, code| json!({"code": code, "parentCode": place.county}),
    ),
    fixture("TerritoryService/DeleteTerritory", Need::Territory, NOT_FOUND, |_, code| json!({"code": code})),
    fixture("TerritoryService/ImportTerritories", Need::Territory, Outside::RowRejected, |place, code| {
        let territory = json!({"code": code, "name": {"zh": "改名"}, "level": "GRID", "parentCode": place.city});
        json!({"options": {"importId": uuid::Uuid::now_v7()}, "rows": [{"rowNumber": 1, "territory": territory}]})
    }),
    // What lies in territories is in the answers, not in the request: `leak.rs` looks at them.
    fixture("EventFeedService/Follow", Need::Name, Outside::Same, |_, _| json!({})),
    fixture("EventFeedService/GetFeedHead", Need::Name, Outside::Same, |_, _| json!({})),
    fixture("ChangeService/ListChanges", Need::Account, NOT_FOUND, |_, id| json!({"subject": format!("account/{id}")})),
    fixture("IdentityService/WhoAmI", Need::Name, Outside::Same, |_, _| json!({})),
    fixture("IdentityService/ListRoles", Need::Name, Outside::Same, |_, _| json!({})),
];
