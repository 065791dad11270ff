//! Roles, and the one published table of what each may do.

use std::fmt;
use std::str::FromStr;

/// The permissions, as method rules name them.
pub mod permission {
    /// Convert a prospect into an active account.
    pub const ACCOUNT_ACTIVATE: &str = "account.activate";
    /// Set an account's tier and value class.
    pub const ACCOUNT_CLASSIFY: &str = "account.classify";
    /// Take accounts out in bulk.
    pub const ACCOUNT_EXPORT: &str = "account.export";
    /// Bring accounts in, in bulk.
    pub const ACCOUNT_IMPORT: &str = "account.import";
    /// See accounts, the names and numbers of persons masked.
    pub const ACCOUNT_READ: &str = "account.read";
    /// See the names and numbers of persons at an account.
    pub const ACCOUNT_READ_PERSONAL: &str = "account.read_personal";
    /// Create, change and delete accounts.
    pub const ACCOUNT_WRITE: &str = "account.write";
    /// See account managers, their names and numbers masked.
    pub const ACCOUNT_MANAGER_READ: &str = "account_manager.read";
    /// See the names and numbers of account managers.
    pub const ACCOUNT_MANAGER_READ_PERSONAL: &str = "account_manager.read_personal";
    /// Create, change and delete account managers.
    pub const ACCOUNT_MANAGER_WRITE: &str = "account_manager.write";
    /// See who is responsible for which account, hand-overs and vacant accounts.
    pub const ASSIGNMENT_READ: &str = "assignment.read";
    /// Hand over many accounts at once.
    pub const ASSIGNMENT_TRANSFER: &str = "assignment.transfer";
    /// Open and close assignments, and hand over an account.
    pub const ASSIGNMENT_WRITE: &str = "assignment.write";
    /// See the numbers by which accounts are assigned.
    pub const ASSIGNMENT_POLICY_READ: &str = "assignment_policy.read";
    /// Change the numbers by which accounts are assigned; held at the root of the tree.
    pub const ASSIGNMENT_POLICY_WRITE: &str = "assignment_policy.write";
    /// See the catalog: categories, specifications, offerings, prices, bundles, discount policies.
    pub const CATALOG_READ: &str = "catalog.read";
    /// Work on the catalog: drafts and prices, publishing and retiring.
    pub const CATALOG_WRITE: &str = "catalog.write";
    /// Read the history of a resource.
    pub const CHANGE_READ: &str = "change.read";
    /// Say how much discount which level may grant.
    pub const DISCOUNT_POLICY_WRITE: &str = "discount_policy.write";
    /// Follow the event feed of a service.
    pub const EVENT_FOLLOW: &str = "event.follow";
    /// Ask for indicators and their figures: one's own.
    pub const INDICATOR_READ: &str = "indicator.read";
    /// See the figures of everybody in the territory.
    pub const INDICATOR_READ_ALL: &str = "indicator.read_all";
    /// Change indicators; held at the root of the tree.
    pub const INDICATOR_WRITE: &str = "indicator.write";
    /// See the names and numbers of persons at a lead.
    pub const LEAD_READ_PERSONAL: &str = "lead.read_personal";
    /// Bring measurements of billing and usage in, in bulk.
    pub const MEASUREMENT_IMPORT: &str = "measurement.import";
    /// Bring opportunities in with their past, past what their stages ask for.
    pub const OPPORTUNITY_IMPORT: &str = "opportunity.import";
    /// See the leads, opportunities and quotes that one owns or works on.
    pub const OPPORTUNITY_READ: &str = "opportunity.read";
    /// See those of everybody in the territory.
    pub const OPPORTUNITY_READ_ALL: &str = "opportunity.read_all";
    /// Give leads and opportunities to another owner or territory.
    pub const OPPORTUNITY_REASSIGN: &str = "opportunity.reassign";
    /// Work on leads, opportunities, needs and quotes.
    pub const OPPORTUNITY_WRITE: &str = "opportunity.write";
    /// See pipelines, their stages, and the policy of approvals.
    pub const PIPELINE_READ: &str = "pipeline.read";
    /// Change pipelines and the policy of approvals; held at the root of the tree.
    pub const PIPELINE_WRITE: &str = "pipeline.write";
    /// Bring a price book in, in bulk.
    pub const PRICE_IMPORT: &str = "price.import";
    /// Ask what something would cost.
    pub const PRICE_QUOTE_READ: &str = "price_quote.read";
    /// Decide on quotes that wait for approval, within the level of authority.
    pub const QUOTE_APPROVE: &str = "quote.approve";
    /// See targets and how far they are reached.
    pub const TARGET_READ: &str = "target.read";
    /// Set targets, split them over the tree, lock them.
    pub const TARGET_WRITE: &str = "target.write";
    /// Bring territories in, in bulk.
    pub const TERRITORY_IMPORT: &str = "territory.import";
    /// See territories.
    pub const TERRITORY_READ: &str = "territory.read";
    /// Create, change, move and delete territories.
    pub const TERRITORY_WRITE: &str = "territory.write";

    /// Every permission of the product, sorted. What is not here can be neither demanded nor granted.
    pub const ALL: &[&str] = &[
        ACCOUNT_ACTIVATE,
        ACCOUNT_CLASSIFY,
        ACCOUNT_EXPORT,
        ACCOUNT_IMPORT,
        ACCOUNT_READ,
        ACCOUNT_READ_PERSONAL,
        ACCOUNT_WRITE,
        ACCOUNT_MANAGER_READ,
        ACCOUNT_MANAGER_READ_PERSONAL,
        ACCOUNT_MANAGER_WRITE,
        ASSIGNMENT_READ,
        ASSIGNMENT_TRANSFER,
        ASSIGNMENT_WRITE,
        ASSIGNMENT_POLICY_READ,
        ASSIGNMENT_POLICY_WRITE,
        CATALOG_READ,
        CATALOG_WRITE,
        CHANGE_READ,
        DISCOUNT_POLICY_WRITE,
        EVENT_FOLLOW,
        INDICATOR_READ,
        INDICATOR_READ_ALL,
        INDICATOR_WRITE,
        LEAD_READ_PERSONAL,
        MEASUREMENT_IMPORT,
        OPPORTUNITY_IMPORT,
        OPPORTUNITY_READ,
        OPPORTUNITY_READ_ALL,
        OPPORTUNITY_REASSIGN,
        OPPORTUNITY_WRITE,
        PIPELINE_READ,
        PIPELINE_WRITE,
        PRICE_IMPORT,
        PRICE_QUOTE_READ,
        QUOTE_APPROVE,
        TARGET_READ,
        TARGET_WRITE,
        TERRITORY_IMPORT,
        TERRITORY_READ,
        TERRITORY_WRITE,
    ];
}

use permission::{
    ACCOUNT_ACTIVATE, ACCOUNT_CLASSIFY, ACCOUNT_EXPORT, ACCOUNT_IMPORT, ACCOUNT_MANAGER_READ,
    ACCOUNT_MANAGER_READ_PERSONAL, ACCOUNT_MANAGER_WRITE, ACCOUNT_READ, ACCOUNT_READ_PERSONAL, ACCOUNT_WRITE,
    ASSIGNMENT_POLICY_READ, ASSIGNMENT_POLICY_WRITE, ASSIGNMENT_READ, ASSIGNMENT_TRANSFER, ASSIGNMENT_WRITE,
    CATALOG_READ, CATALOG_WRITE, CHANGE_READ, DISCOUNT_POLICY_WRITE, EVENT_FOLLOW, INDICATOR_READ, INDICATOR_READ_ALL,
    INDICATOR_WRITE, LEAD_READ_PERSONAL, MEASUREMENT_IMPORT, OPPORTUNITY_IMPORT, OPPORTUNITY_READ,
    OPPORTUNITY_READ_ALL, OPPORTUNITY_REASSIGN, OPPORTUNITY_WRITE, PIPELINE_READ, PIPELINE_WRITE, PRICE_IMPORT,
    PRICE_QUOTE_READ, QUOTE_APPROVE, TARGET_READ, TARGET_WRITE, TERRITORY_IMPORT, TERRITORY_READ, TERRITORY_WRITE,
};

/// A named set of permissions that a grant gives in a territory and everything below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Looks after accounts.
    AccountManager,
    /// Leads account managers.
    Supervisor,
    /// Answers for a territory and its structure.
    Director,
    /// Keeps the catalog.
    ProductManager,
    /// Works out solutions and delivers them.
    SupportManager,
    /// Reads figures; sees no person.
    Analyst,
    /// Decides on requests.
    Approver,
    /// Reads everything that happened; sees no person and changes nothing.
    Auditor,
    /// Runs the product.
    Administrator,
    /// A machine of the product.
    Service,
}

/// A line of the published table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleEntry {
    /// The role.
    pub role: Role,
    /// Its name in tokens and messages.
    pub name: &'static str,
    /// What people call it in Chinese.
    pub zh: &'static str,
    /// What people call it in English.
    pub en: &'static str,
    /// Its permissions, sorted.
    pub permissions: &'static [&'static str],
}

/// The published table, in the order of [`Role`].
///
/// Personal values are for those who meet the customer; who only counts or checks works without them. Who belongs to a
/// territory is decided by who answers for its structure.
#[rustfmt::skip]
pub const ROLES: &[RoleEntry] = &[
    RoleEntry { role: Role::AccountManager, name: "account_manager", zh: "客户经理", en: "Account manager",
        permissions: &[ACCOUNT_READ, ACCOUNT_READ_PERSONAL, ACCOUNT_WRITE, ACCOUNT_MANAGER_READ, ACCOUNT_MANAGER_READ_PERSONAL,
            ASSIGNMENT_READ, ASSIGNMENT_POLICY_READ, CATALOG_READ, CHANGE_READ, INDICATOR_READ, LEAD_READ_PERSONAL, OPPORTUNITY_READ,
            OPPORTUNITY_WRITE, PIPELINE_READ, PRICE_QUOTE_READ, QUOTE_APPROVE, TARGET_READ, TERRITORY_READ] },
    RoleEntry { role: Role::Supervisor, name: "supervisor", zh: "主管", en: "Supervisor",
        permissions: &[ACCOUNT_ACTIVATE, ACCOUNT_CLASSIFY, ACCOUNT_EXPORT, ACCOUNT_READ, ACCOUNT_READ_PERSONAL, ACCOUNT_WRITE,
            ACCOUNT_MANAGER_READ, ACCOUNT_MANAGER_READ_PERSONAL, ASSIGNMENT_READ, ASSIGNMENT_TRANSFER,
            ASSIGNMENT_WRITE, ASSIGNMENT_POLICY_READ, CATALOG_READ, CHANGE_READ, INDICATOR_READ, INDICATOR_READ_ALL, LEAD_READ_PERSONAL, OPPORTUNITY_READ,
            OPPORTUNITY_READ_ALL, OPPORTUNITY_REASSIGN, OPPORTUNITY_WRITE, PIPELINE_READ, PRICE_QUOTE_READ,
            QUOTE_APPROVE, TARGET_READ, TARGET_WRITE, TERRITORY_READ] },
    RoleEntry { role: Role::Director, name: "director", zh: "总监", en: "Director",
        permissions: &[ACCOUNT_ACTIVATE, ACCOUNT_CLASSIFY, ACCOUNT_EXPORT, ACCOUNT_IMPORT, ACCOUNT_READ, ACCOUNT_READ_PERSONAL,
            ACCOUNT_WRITE, ACCOUNT_MANAGER_READ, ACCOUNT_MANAGER_READ_PERSONAL, ACCOUNT_MANAGER_WRITE,
            ASSIGNMENT_READ, ASSIGNMENT_TRANSFER, ASSIGNMENT_WRITE, ASSIGNMENT_POLICY_READ, ASSIGNMENT_POLICY_WRITE,
            CATALOG_READ, CHANGE_READ, DISCOUNT_POLICY_WRITE, INDICATOR_READ, INDICATOR_READ_ALL, INDICATOR_WRITE, LEAD_READ_PERSONAL, OPPORTUNITY_IMPORT, OPPORTUNITY_READ,
            OPPORTUNITY_READ_ALL, OPPORTUNITY_REASSIGN, OPPORTUNITY_WRITE, PIPELINE_READ, PIPELINE_WRITE,
            PRICE_QUOTE_READ, QUOTE_APPROVE, TARGET_READ, TARGET_WRITE, TERRITORY_IMPORT, TERRITORY_READ, TERRITORY_WRITE] },
    RoleEntry { role: Role::ProductManager, name: "product_manager", zh: "产品经理", en: "Product manager",
        permissions: &[ACCOUNT_READ, ACCOUNT_MANAGER_READ, ASSIGNMENT_READ, ASSIGNMENT_POLICY_READ, CATALOG_READ,
            CATALOG_WRITE, CHANGE_READ, INDICATOR_READ, OPPORTUNITY_READ, OPPORTUNITY_WRITE, PIPELINE_READ, PRICE_IMPORT,
            PRICE_QUOTE_READ, TARGET_READ, TERRITORY_READ] },
    RoleEntry { role: Role::SupportManager, name: "support_manager", zh: "支撑经理", en: "Support manager",
        permissions: &[ACCOUNT_READ, ACCOUNT_MANAGER_READ, ASSIGNMENT_READ, ASSIGNMENT_POLICY_READ, CATALOG_READ,
            INDICATOR_READ, OPPORTUNITY_READ, OPPORTUNITY_WRITE, PIPELINE_READ, PRICE_QUOTE_READ, TARGET_READ, TERRITORY_READ] },
    RoleEntry { role: Role::Analyst, name: "analyst", zh: "分析员", en: "Analyst",
        permissions: &[ACCOUNT_EXPORT, ACCOUNT_READ, ACCOUNT_MANAGER_READ, ASSIGNMENT_READ, ASSIGNMENT_POLICY_READ,
            CATALOG_READ, CHANGE_READ, INDICATOR_READ, INDICATOR_READ_ALL, OPPORTUNITY_READ, OPPORTUNITY_READ_ALL, PIPELINE_READ, PRICE_QUOTE_READ,
            TARGET_READ, TERRITORY_READ] },
    RoleEntry { role: Role::Approver, name: "approver", zh: "审批人", en: "Approver",
        permissions: &[ACCOUNT_READ, ACCOUNT_MANAGER_READ, ASSIGNMENT_READ, ASSIGNMENT_POLICY_READ, CATALOG_READ,
            INDICATOR_READ, INDICATOR_READ_ALL, OPPORTUNITY_READ, OPPORTUNITY_READ_ALL, PIPELINE_READ, PRICE_QUOTE_READ, QUOTE_APPROVE, TARGET_READ, TERRITORY_READ] },
    RoleEntry { role: Role::Auditor, name: "auditor", zh: "审计员", en: "Auditor",
        permissions: &[ACCOUNT_READ, ACCOUNT_MANAGER_READ, ASSIGNMENT_READ, ASSIGNMENT_POLICY_READ, CATALOG_READ, CHANGE_READ,
            EVENT_FOLLOW, INDICATOR_READ, INDICATOR_READ_ALL, OPPORTUNITY_READ, OPPORTUNITY_READ_ALL, PIPELINE_READ, TARGET_READ, TERRITORY_READ] },
    RoleEntry { role: Role::Administrator, name: "administrator", zh: "管理员", en: "Administrator",
        permissions: permission::ALL },
    RoleEntry { role: Role::Service, name: "service", zh: "服务", en: "Service",
        permissions: &[ACCOUNT_READ, ACCOUNT_MANAGER_READ, ASSIGNMENT_READ, ASSIGNMENT_POLICY_READ, CATALOG_READ, EVENT_FOLLOW,
            INDICATOR_READ, INDICATOR_READ_ALL, MEASUREMENT_IMPORT, OPPORTUNITY_READ, OPPORTUNITY_READ_ALL, PIPELINE_READ, PRICE_QUOTE_READ, TARGET_READ, TERRITORY_READ] },
];

impl Role {
    /// The role's line of the published table.
    #[must_use]
    pub fn entry(self) -> &'static RoleEntry {
        &ROLES[self as usize]
    }

    /// The name in tokens and messages, for example `account_manager`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// What the role may do, sorted.
    #[must_use]
    pub fn permissions(self) -> &'static [&'static str] {
        self.entry().permissions
    }

    /// True if the role has the permission.
    #[must_use]
    pub fn may(self, permission: &str) -> bool {
        self.permissions().binary_search(&permission).is_ok()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// There is no role of this name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("there is no role `{0}`")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;

    /// Reads a name as it stands in tokens and messages.
    fn from_str(name: &str) -> Result<Self, UnknownRole> {
        let entry = ROLES.iter().find(|entry| entry.name == name);
        entry.map(|entry| entry.role).ok_or_else(|| UnknownRole(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_finds_its_own_line_and_its_name_finds_the_role() {
        for entry in ROLES {
            assert_eq!(entry.role.entry(), entry);
            assert_eq!(entry.name.parse(), Ok(entry.role));
            assert_eq!(entry.role.to_string(), entry.name);
        }
        assert_eq!(Role::Service as usize + 1, ROLES.len(), "the table has a line for every role");
        assert_eq!("boss".parse::<Role>(), Err(UnknownRole("boss".to_owned())));
    }

    #[test]
    fn the_table_is_sorted_and_names_only_permissions_that_exist() {
        assert!(permission::ALL.is_sorted_by(|one, next| one < next));
        for entry in ROLES {
            assert!(entry.permissions.is_sorted_by(|one, next| one < next), "{}", entry.name);
            for permission in entry.permissions {
                assert!(permission::ALL.contains(permission), "{} names {permission}", entry.name);
            }
        }
    }

    #[test]
    fn only_who_meets_the_customer_sees_persons_and_the_administrator_may_do_everything() {
        for permission in [ACCOUNT_READ_PERSONAL, ACCOUNT_MANAGER_READ_PERSONAL, LEAD_READ_PERSONAL] {
            let seeing: Vec<&str> =
                ROLES.iter().filter(|entry| entry.role.may(permission)).map(|entry| entry.name).collect();
            assert_eq!(seeing, ["account_manager", "supervisor", "director", "administrator"]);
        }
        assert_eq!(Role::Administrator.permissions(), permission::ALL);
        assert!(!Role::Auditor.may(ACCOUNT_WRITE));
        assert!(!Role::Administrator.may("nothing.known"));
    }
}
