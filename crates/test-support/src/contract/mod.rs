//! What every service of the product owes its callers, whatever its nouns: the same tests for all.
//!
//! A service says by [`Subject`] what it is, and by fixtures how its methods are called; [`contract!`](crate::contract!) makes the tests.

use std::fmt::Debug;
use std::ops::DerefMut;

use guanxi_proto::DESCRIPTOR_POOL;
use prost_reflect::MethodDescriptor;
use prost_reflect::prost_types::method_options::IdempotencyLevel;
use serde_json::Value as Json;

use crate::Served;

pub mod change;
pub mod fixture;
pub mod identity;
pub mod isolation;
pub mod permission;
pub mod personal;
pub mod reasons;
pub mod refused;
pub mod repeat;
pub mod shown;
pub mod strain;
pub mod wire;

pub use fixture::{Fixture, INSIDE, OUTSIDE, Outside, Place, fixture};

/// A service under test.
pub trait Subject: DerefMut<Target = Served> + Sized {
    /// What a call can need to be there.
    type Need: Copy + Debug + PartialEq + 'static;

    /// Its package, for example `guanxi.client_registry.v1`.
    const PACKAGE: &'static str;
    /// How each of its methods is called.
    const FIXTURES: &'static [Fixture<Self::Need>];
    /// The name of the method that stands for all that write: it makes something new, from nothing but a name.
    const CREATES: &'static str;
    /// The rights of its role, by table: words of `DELETE INSERT SELECT UPDATE`, sorted.
    const RIGHTS: &'static [(&'static str, &'static str)];

    /// Methods that write more than one event, and how many their fixtures make.
    const EVENTS: &'static [(&'static str, usize)] = &[];

    /// Fields, by full name, that are made for each reader and therefore stand in no event.
    const MADE_FOR_READERS: &'static [&'static str] = &[];

    /// Starts it on a database of its own, with [`INSIDE`] and [`OUTSIDE`] under `440000` and `330000` under the root `CN`.
    fn start() -> impl Future<Output = Self>;

    /// Makes what a call needs, of its own for each call, so that it may change or delete it; gives what the request names it by.
    fn fresh(&self, need: Self::Need, place: Place) -> impl Future<Output = String>;

    /// Fills in the person at what was made, where it has one.
    fn with_person(&self, _need: Self::Need, _fresh: &str, _person: &str) -> impl Future<Output = ()> {
        async {}
    }

    /// The request of a fixture, about something fresh.
    fn request(&self, fixture: &Fixture<Self::Need>, place: Place) -> impl Future<Output = Json> {
        async move { (fixture.request)(place, &self.fresh(fixture.needs, place).await) }
    }

    /// The fixture of a method.
    #[must_use]
    fn fixture_of(method: &MethodDescriptor) -> &'static Fixture<Self::Need> {
        let name = wire::short_name(method);
        let fixture = Self::FIXTURES.iter().find(|fixture| fixture.method == name);
        fixture.unwrap_or_else(|| panic!("no fixture for {name}"))
    }

    /// The methods that change something, each with its fixture; imports have their own ways.
    #[must_use]
    fn changes_with_fixtures() -> Vec<(MethodDescriptor, &'static Fixture<Self::Need>)> {
        let methods = wire::served_methods(Self::PACKAGE).into_iter();
        let changes = methods.filter(|method| has_side_effects(method) && !method.is_client_streaming());
        changes.map(|method| (method.clone(), Self::fixture_of(&method))).collect()
    }
}

/// True for a method that makes a resource: its caller has read no version of it.
fn makes(method: &MethodDescriptor) -> bool {
    ["Create", "Open", "Transfer"].iter().any(|verb| method.name().starts_with(verb))
}

/// False for a method that only reads.
#[must_use]
pub fn has_side_effects(method: &MethodDescriptor) -> bool {
    let options = method.method_descriptor_proto().options.clone().unwrap_or_default();
    options.idempotency_level() != IdempotencyLevel::NoSideEffects
}

/// Packages with reasons of their own, and the one with those that every service gives.
fn packages_with_reasons() -> Vec<String> {
    let reasons = DESCRIPTOR_POOL.all_enums().filter(|one| one.name() == "ErrorReason");
    reasons.map(|one| one.package_name().to_owned()).collect()
}

/// Makes the tests of the contract for a [`Subject`].
#[macro_export]
macro_rules! contract {
    ($subject:ty) => {
        $crate::contract_tests! { $subject:
            change {
                every_change_is_one_event_with_what_became_of_the_resource
                whoever_follows_is_told_what_comes_next_by_every_process
                an_etag_that_is_not_the_current_one_is_refused
            }
            identity {
                who_cannot_prove_who_it_is_is_refused_with_the_reason
                other_schemes_are_no_token
                a_caller_sees_what_is_made_of_its_token
                the_table_of_roles_is_the_one_that_is_applied
                keys_change_while_the_service_runs
                a_stream_ends_when_the_key_of_its_token_is_taken_away
                refusals_read_in_the_language_that_was_asked_for
            }
            isolation {
                both_roles_are_refused_on_any_other_schema
                the_service_can_neither_rewrite_its_history_nor_change_its_schema
                the_rights_of_the_service_are_these_and_no_others
            }
            permission {
                every_method_has_a_fixture
                every_role_may_do_what_the_table_says_inside_its_territory_and_finds_nothing_outside
                a_permission_in_one_territory_and_another_role_in_the_next_do_not_add_up
                a_grant_in_a_territory_that_is_not_there_gives_nothing
                without_a_token_nothing_answers_but_health_and_reflection
            }
            personal {
                persons_are_masked_in_every_answer_to_those_who_may_not_see_them
            }
            repeat {
                every_method_remembers_its_requests_across_a_restart
                a_request_id_belongs_to_its_principal
                a_request_id_names_one_request
            }
            strain {
                a_process_that_is_full_says_so
                a_call_that_waits_is_answered_at_its_deadline_and_nothing_happened
                a_process_that_stops_says_so_on_its_streams
                changes_that_wait_for_each_other_end_in_a_conflict
                a_fault_of_the_service_tells_nothing_of_its_cause
            }
        }
    };
}

/// Makes a test of each function.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
    ($subject:ty: $($topic:ident { $($name:ident)* })*) => {
        $(mod $topic {
            $(#[tokio::test]
            async fn $name() {
                $crate::contract::$topic::$name::<$subject>().await;
            })*
        })*
    };
}
