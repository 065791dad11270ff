//! Who may call a method, as the protos say.

use std::collections::HashMap;

use prost_reflect::{DescriptorPool, ExtensionDescriptor, MethodDescriptor};

use crate::{Caller, permission};

/// Who may call a method: the option `guanxi.auth.v1.rule`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodRule {
    /// The permission that one of the caller's roles must have, and whose territories are the scope of the call; none
    /// where any verified caller may call.
    pub permission: Option<&'static str>,
}

impl MethodRule {
    /// True if the caller may call the method, somewhere in the tree.
    #[must_use]
    pub fn allows(&self, caller: &Caller) -> bool {
        self.permission.is_none_or(|permission| caller.may(permission))
    }
}

/// The rules of all methods, by path (`/package.Service/Method`).
#[derive(Clone, Debug)]
pub struct MethodRules(HashMap<String, MethodRule>);

/// A method's rule cannot be applied. The protos are to be corrected, so a service that meets this does not start.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the rule of {method} {problem}")]
pub struct RuleError {
    /// Full name of the method.
    pub method: String,
    /// What is wrong.
    pub problem: String,
}

impl MethodRules {
    /// Reads the rule of every method in the pool.
    ///
    /// Refuses a method without a rule, a rule that names both or neither of a permission and `authenticated`, and a
    /// permission that is not in [`permission::ALL`]: no role could ever have it.
    pub fn from_descriptors(pool: &DescriptorPool) -> Result<Self, RuleError> {
        let extension = pool.get_extension_by_name("guanxi.auth.v1.rule");
        let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
        let rules = methods.map(|method| {
            let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
            let rule = read(&method, extension.as_ref());
            let method = method.full_name().to_owned();
            Ok((path, rule.map_err(|problem| RuleError { method, problem })?))
        });
        rules.collect::<Result<_, _>>().map(Self)
    }

    /// The rule of the method with this path; none if there is no such method, which then nobody may call.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<MethodRule> {
        self.0.get(path).copied()
    }

    /// All methods with their rules, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, MethodRule)> {
        self.0.iter().map(|(path, rule)| (path.as_str(), *rule))
    }
}

fn read(method: &MethodDescriptor, extension: Option<&ExtensionDescriptor>) -> Result<MethodRule, String> {
    let options = method.options();
    let extension = extension.filter(|extension| options.has_extension(extension)).ok_or("is missing")?;
    let rule = options.get_extension(extension);
    let field = |name| rule.as_message().and_then(|rule| rule.get_field_by_name(name));
    let named = field("permission").and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
    let authenticated = field("authenticated").and_then(|value| value.as_bool()).unwrap_or_default();
    rule_of(&named, authenticated)
}

fn rule_of(named: &str, authenticated: bool) -> Result<MethodRule, String> {
    match (named, authenticated) {
        ("", true) => Ok(MethodRule { permission: None }),
        ("", false) | (_, true) => Err("must name either a permission or `authenticated`".to_owned()),
        (name, false) => match permission::ALL.iter().find(|known| **known == name) {
            Some(&known) => Ok(MethodRule { permission: Some(known) }),
            None => Err(format!("names the permission `{name}`, which no role can have")),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use guanxi_proto::DESCRIPTOR_POOL;
    use prost_reflect::prost_types::{FileDescriptorProto, MethodDescriptorProto, ServiceDescriptorProto};
    use time::OffsetDateTime;

    use super::*;
    use crate::{Grant, Principal, Role};

    #[test]
    fn every_method_has_a_rule_and_the_administrator_may_call_all_of_them() {
        let rules = MethodRules::from_descriptors(&DESCRIPTOR_POOL).unwrap();
        let methods: usize = DESCRIPTOR_POOL.services().map(|service| service.methods().len()).sum();
        assert_eq!(rules.iter().count(), methods);
        for (path, rule) in rules.iter() {
            assert!(rule.permission.is_none_or(|permission| Role::Administrator.may(permission)), "{path}");
        }
    }

    #[test]
    fn rules_are_found_by_the_path_of_a_call() {
        let rules = MethodRules::from_descriptors(&DESCRIPTOR_POOL).unwrap();
        let rule = |path| rules.get(path).map(|rule| rule.permission);
        assert_eq!(rule("/guanxi.client_registry.v1.AccountService/GetAccount"), Some(Some(permission::ACCOUNT_READ)));
        assert_eq!(rule("/guanxi.auth.v1.IdentityService/WhoAmI"), Some(None));
        assert_eq!(rule("/guanxi.auth.v1.IdentityService/Unknown"), None);
        assert_eq!(rule("guanxi.auth.v1.IdentityService.WhoAmI"), None);
    }

    #[test]
    fn a_rule_allows_whoever_has_its_permission_and_any_verified_caller_where_it_names_none() {
        let caller = |role| {
            let grants = vec![Grant { role, territory_code: "440000".to_owned() }];
            let expire_time = OffsetDateTime::UNIX_EPOCH;
            Caller { principal: Arc::new(Principal { subject: "10023".to_owned(), grants, expire_time }) }
        };
        let write = MethodRule { permission: Some(permission::ACCOUNT_WRITE) };
        assert!(write.allows(&caller(Role::AccountManager)));
        assert!(!write.allows(&caller(Role::Auditor)));
        assert!(MethodRule { permission: None }.allows(&caller(Role::Approver)));
    }

    #[test]
    fn a_rule_that_cannot_be_applied_is_refused() {
        let either = Err("must name either a permission or `authenticated`".to_owned());
        assert_eq!(rule_of("", false), either);
        assert_eq!(rule_of(permission::ACCOUNT_READ, true), either);
        assert_eq!(
            rule_of("account.raed", false),
            Err("names the permission `account.raed`, which no role can have".to_owned())
        );
    }

    #[test]
    fn a_method_without_a_rule_is_refused() {
        let method = MethodDescriptorProto {
            name: Some("Do".to_owned()),
            input_type: Some(".google.protobuf.Timestamp".to_owned()),
            output_type: Some(".google.protobuf.Timestamp".to_owned()),
            ..MethodDescriptorProto::default()
        };
        let service = ServiceDescriptorProto {
            name: Some("DemoService".to_owned()),
            method: vec![method],
            ..ServiceDescriptorProto::default()
        };
        let file = FileDescriptorProto {
            name: Some("demo/v1/demo.proto".to_owned()),
            package: Some("demo.v1".to_owned()),
            dependency: vec!["google/protobuf/timestamp.proto".to_owned()],
            service: vec![service],
            ..FileDescriptorProto::default()
        };
        let mut pool = DESCRIPTOR_POOL.clone();
        pool.add_file_descriptor_proto(file).unwrap();
        let error = MethodRules::from_descriptors(&pool).unwrap_err();
        assert_eq!(error.to_string(), "the rule of demo.v1.DemoService.Do is missing");
    }
}
