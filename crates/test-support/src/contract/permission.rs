//! The permission matrix: every method of the descriptor set, every role, a resource inside the caller's territory and one outside.

use std::collections::BTreeSet;

use guanxi_auth::{MethodRule, MethodRules, ROLES, Role};
use guanxi_proto::DESCRIPTOR_POOL;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use tonic::{Code, Status};

use super::wire::{self, Caller};
use super::{Fixture, INSIDE, OUTSIDE, Outside, Place, Subject};
use crate::{metadata, reason};

/// A service with the tree that the fixtures stand on.
struct Matrix<S> {
    service: S,
    rules: MethodRules,
}

impl<S: Subject> Matrix<S> {
    async fn start() -> Self {
        Self { service: S::start().await, rules: MethodRules::from_descriptors(&DESCRIPTOR_POOL).unwrap() }
    }

    fn rule(&self, method: &MethodDescriptor) -> MethodRule {
        self.rules.get(&wire::path(method)).unwrap()
    }

    /// Calls a method on a fresh resource. A stream without an end is read up to what there was before the call.
    async fn call(
        &self,
        fixture: &Fixture<S::Need>,
        place: Place,
        token: Option<&str>,
    ) -> Result<Vec<DynamicMessage>, Status> {
        let method = wire::method(fixture.method);
        let request = self.service.request(fixture, place).await;
        wire::ask(&self.service, Caller { token, ..Caller::default() }, &method, &request).await
    }

    /// A refusal that must not have changed anything.
    async fn refused(&self, fixture: &Fixture<S::Need>, place: Place, token: Option<&str>) -> Status {
        let method = wire::method(fixture.method);
        let request = self.service.request(fixture, place).await;
        let before = self.service.head().await;
        let caller = Caller { token, ..Caller::default() };
        let outcome = wire::call(&self.service.channel, caller, &method, &[request]).await;
        assert_eq!(self.service.head().await, before, "{} changed something", fixture.method);
        outcome.unwrap_err()
    }
}

/// A method without a fixture fails, and a fixture without a method.
#[expect(clippy::unused_async, reason = "all tests of the contract look alike")]
pub async fn every_method_has_a_fixture<S: Subject>() {
    let served: BTreeSet<String> = wire::served_methods(S::PACKAGE).iter().map(wire::short_name).collect();
    let known: BTreeSet<String> = S::FIXTURES.iter().map(|fixture| fixture.method.to_owned()).collect();
    let missing: Vec<&String> = served.difference(&known).collect();
    assert!(
        missing.is_empty(),
        "no fixture for {missing:?}. Add to FIXTURES in tests/it/fixtures.rs, for each: fixture(\"<Service>/<Method>\", what it needs to be \
         there (a new noun: a new Need), what a caller gets for a resource outside its territories, |place, name| json!({{the request}}))"
    );
    let gone: Vec<&String> = known.difference(&served).collect();
    assert!(gone.is_empty(), "fixtures of methods that are not served: {gone:?}");
    assert_eq!(known.len(), S::FIXTURES.len(), "a method has two fixtures");
}

/// The table of roles is the one that is applied, by territory.
pub async fn every_role_may_do_what_the_table_says_inside_its_territory_and_finds_nothing_outside<S: Subject>() {
    let matrix = Matrix::<S>::start().await;
    for method in wire::served_methods(S::PACKAGE) {
        let (fixture, rule) = (S::fixture_of(&method), matrix.rule(&method));
        for entry in ROLES {
            let context = format!("{} as {}", fixture.method, entry.name);
            let token = matrix.service.token(entry.role, INSIDE.city);
            if rule.permission.is_some_and(|permission| !entry.role.may(permission)) {
                for place in [INSIDE, OUTSIDE] {
                    let refused = matrix.refused(fixture, place, Some(&token)).await;
                    assert_eq!(
                        (refused.code(), reason(&refused).as_str()),
                        (Code::PermissionDenied, "PERMISSION_MISSING"),
                        "{context}"
                    );
                    assert_eq!(metadata(&refused, "permission").as_deref(), rule.permission, "{context}");
                }
                continue;
            }
            if let Outside::RootOnly(refusal) = fixture.outside {
                check_root(&matrix, fixture, entry.role, refusal).await;
                continue;
            }
            let inside = matrix.call(fixture, INSIDE, Some(&token)).await;
            let inside = inside.unwrap_or_else(|status| panic!("{context}, inside: {status:?}"));
            assert_eq!(rejections(&inside), [""; 0], "{context}, inside");
            check_outside(&matrix, fixture, &token, &context).await;
        }
    }
}

/// What holds for the whole tree is changed with a grant at its root alone.
async fn check_root<S: Subject>(matrix: &Matrix<S>, fixture: &Fixture<S::Need>, role: Role, refusal: &str) {
    let context = format!("{} as {role}", fixture.method);
    for territory in [INSIDE.county, INSIDE.city, "440000", "999999"] {
        let refused = matrix.refused(fixture, INSIDE, Some(&matrix.service.token(role, territory))).await;
        let told = (refused.code(), reason(&refused));
        assert_eq!(told, (Code::PermissionDenied, refusal.to_owned()), "{context}, {territory}");
    }
    for territory in ["CN", "*"] {
        let answered = matrix.call(fixture, INSIDE, Some(&matrix.service.token(role, territory))).await;
        let answered = answered.unwrap_or_else(|status| panic!("{context}, {territory}: {status:?}"));
        assert_eq!(rejections(&answered), [""; 0], "{context}, {territory}");
    }
}

/// A caller that may call the method does so on a resource outside its territories.
async fn check_outside<S: Subject>(matrix: &Matrix<S>, fixture: &Fixture<S::Need>, token: &str, context: &str) {
    let list = |answer: &DynamicMessage, field: &str| answer.get_field_by_name(field).unwrap().as_list().unwrap().len();
    match fixture.outside {
        Outside::NotFound => {
            let refused = matrix.refused(fixture, OUTSIDE, Some(token)).await;
            assert_eq!(
                (refused.code(), reason(&refused).as_str()),
                (Code::NotFound, "RESOURCE_NOT_FOUND"),
                "{context}, outside"
            );
        }
        Outside::RowRejected => {
            let answers = matrix.call(fixture, OUTSIDE, Some(token)).await.unwrap();
            assert_eq!(rejections(&answers), ["RESOURCE_NOT_FOUND"], "{context}, outside");
        }
        Outside::Empty(field) => {
            let inside = matrix.call(fixture, INSIDE, Some(token)).await.unwrap();
            assert_eq!(list(&inside[0], field), 1, "{context}, inside");
            let outside = matrix.call(fixture, OUTSIDE, Some(token)).await.unwrap();
            assert_eq!(list(&outside[0], field), 0, "{context}, outside");
        }
        Outside::RootOnly(_) => unreachable!("it is checked apart"),
        Outside::Same => {
            matrix.call(fixture, OUTSIDE, Some(token)).await.unwrap();
        }
    }
}

/// The reasons of rejected rows, where the answers are those of an import.
fn rejections(answers: &[DynamicMessage]) -> Vec<String> {
    let mut reasons = Vec::new();
    for answer in answers {
        wire::visit(answer, &mut |_, field, value| {
            if field.full_name() == "guanxi.imports.v1.RowViolation.reason" {
                reasons.extend(value.as_str().map(str::to_owned));
            }
        });
    }
    reasons
}

/// What one grant gives in its territory is not given by another in its own.
pub async fn a_permission_in_one_territory_and_another_role_in_the_next_do_not_add_up<S: Subject>() {
    let matrix = Matrix::<S>::start().await;
    for method in wire::served_methods(S::PACKAGE) {
        let fixture = S::fixture_of(&method);
        let Some(permission) = matrix.rule(&method).permission else { continue };
        let with: Vec<Role> = ROLES.iter().map(|entry| entry.role).filter(|role| role.may(permission)).collect();
        let without: Vec<Role> = ROLES.iter().map(|entry| entry.role).filter(|role| !role.may(permission)).collect();
        let (Some(with), Some(without)) = (with.first(), without.first()) else { continue };
        // The caller may call the method outside; inside it only has another role.
        let token = matrix.service.keys.token("E2000", &[(*with, OUTSIDE.city), (*without, INSIDE.city)]);
        let context = fixture.method;
        match fixture.outside {
            Outside::NotFound => {
                let refused = matrix.refused(fixture, INSIDE, Some(&token)).await;
                assert_eq!(reason(&refused), "RESOURCE_NOT_FOUND", "{context}");
                assert!(matrix.call(fixture, OUTSIDE, Some(&token)).await.is_ok(), "{context}");
            }
            Outside::RowRejected => {
                let answers = matrix.call(fixture, INSIDE, Some(&token)).await.unwrap();
                assert_eq!(rejections(&answers), ["RESOURCE_NOT_FOUND"], "{context}");
            }
            Outside::RootOnly(refusal) => {
                let refused = matrix.refused(fixture, INSIDE, Some(&token)).await;
                assert_eq!(reason(&refused), refusal, "{context}");
            }
            Outside::Empty(_) | Outside::Same => {}
        }
    }
}

/// A territory that nobody knows is no territory.
pub async fn a_grant_in_a_territory_that_is_not_there_gives_nothing<S: Subject>() {
    let matrix = Matrix::<S>::start().await;
    let token = matrix.service.token(Role::Administrator, "999999");
    for fixture in S::FIXTURES.iter().filter(|fixture| fixture.outside == Outside::NotFound) {
        let refused = matrix.refused(fixture, INSIDE, Some(&token)).await;
        assert_eq!(reason(&refused), "RESOURCE_NOT_FOUND", "{}", fixture.method);
    }
}

/// Who calls without a token learns that the process lives, and what it serves.
pub async fn without_a_token_nothing_answers_but_health_and_reflection<S: Subject>() {
    let matrix = Matrix::<S>::start().await;
    for method in wire::served_methods(S::PACKAGE) {
        let refused = matrix.refused(S::fixture_of(&method), INSIDE, None).await;
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::Unauthenticated, "TOKEN_MISSING"),
            "{}",
            method.full_name()
        );
    }
    let channel = matrix.service.channel.clone();
    let services: BTreeSet<String> =
        wire::served_methods(S::PACKAGE).iter().map(|method| method.parent_service().full_name().to_owned()).collect();
    for service in services.iter().map(String::as_str).chain([""]) {
        // HealthCheckRequest { service } → HealthCheckResponse { status: SERVING }
        let request = [&[0x0a, u8::try_from(service.len()).unwrap()], service.as_bytes()].concat();
        let health =
            wire::call_raw(&channel, Caller::default(), "/grpc.health.v1.Health/Check", vec![request]).await.unwrap();
        assert_eq!(health, [[0x08, 0x01]], "{service}");
    }
    for version in ["v1", "v1alpha"] {
        // ServerReflectionRequest { list_services: "" }
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let answers = wire::call_raw(&channel, Caller::default(), &path, vec![vec![0x3a, 0x00]]).await.unwrap();
        let answer = String::from_utf8_lossy(&answers[0]).into_owned();
        for service in &services {
            assert!(answer.contains(service), "{version} does not list {service}");
        }
    }
}
