//! Names and numbers of persons: whole for those who meet the customer, masked for the others, in no event for anybody.

use std::collections::BTreeSet;

use guanxi_auth::{ROLES, Role, permission};
use guanxi_proto::DESCRIPTOR_POOL;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use super::wire::{self, Caller};
use super::{INSIDE, Subject};

/// The person that is filled in everywhere.
pub const PERSON: &str = "欧阳机密姓名";
/// What follows the first character of it stands in nothing else.
pub const SECRET: &str = "阳机密姓名";

/// True for a field with the option `guanxi.auth.v1.personal`.
pub(super) fn is_personal(field: &FieldDescriptor) -> bool {
    let extension = DESCRIPTOR_POOL.get_extension_by_name("guanxi.auth.v1.personal").unwrap();
    field.options().get_extension(&extension).as_bool() == Some(true)
}

/// Full names of the personal fields that a message can have in it.
fn personal_fields(message: &MessageDescriptor, seen: &mut BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if !seen.insert(message.full_name().to_owned()) {
        return found;
    }
    for field in message.fields() {
        if is_personal(&field) {
            found.insert(field.full_name().to_owned());
        }
        if let Kind::Message(inner) = field.kind() {
            found.extend(personal_fields(&inner, seen));
        }
    }
    found
}

/// The values of the personal fields in an answer, by full name of the field.
#[must_use]
pub fn personal_values(answer: &DynamicMessage) -> Vec<(String, String)> {
    let mut values = Vec::new();
    wire::visit(answer, &mut |_, field, value| {
        if is_personal(field) {
            let texts = match value {
                Value::List(texts) => texts.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                one => vec![
                    one.as_str()
                        .unwrap_or_else(|| panic!("{} is no text: mask it here too", field.full_name()))
                        .to_owned(),
                ],
            };
            values.extend(texts.into_iter().map(|text| (field.full_name().to_owned(), text)));
        }
    });
    values
}

/// Every method, by every role, about something with a person.
pub async fn persons_are_masked_in_every_answer_to_those_who_may_not_see_them<S: Subject>() {
    let service = S::start().await;
    for method in wire::served_methods(S::PACKAGE) {
        let shown = personal_fields(&method.output(), &mut BTreeSet::new());
        let fixture = S::fixture_of(&method);
        for entry in ROLES {
            let context = format!("{} as {}", method.full_name(), entry.name);
            let sees = sees_persons(entry.role);
            let fresh = service.fresh(fixture.needs, INSIDE).await;
            service.with_person(fixture.needs, &fresh, PERSON).await;
            let (request, token) = ((fixture.request)(INSIDE, &fresh), service.token(entry.role, INSIDE.city));
            let Ok(answers) = wire::ask(&service, Caller::with(&token), &method, &request).await else { continue };
            let values: Vec<_> = answers.iter().flat_map(personal_values).collect();
            for (field, value) in &values {
                assert!(sees || is_masked(value), "{context}: {field} is {value}");
            }
            let told = answers.iter().flat_map(wire::texts).any(|(_, text)| text.contains(SECRET));
            let creates = method.name().starts_with("Create");
            assert_eq!(told, sees && !shown.is_empty() && !creates, "{context}: {values:?}");
            let in_answer: BTreeSet<String> = values.into_iter().map(|(field, _)| field).collect();
            assert!(creates || in_answer == shown, "{context} shows {in_answer:?} of {shown:?}");
        }
    }
}

/// The same roles see every noun's persons.
fn sees_persons(role: Role) -> bool {
    let mut seeing = permission::ALL.iter().filter(|name| name.ends_with(".read_personal")).map(|name| role.may(name));
    let sees = seeing.next().unwrap_or_default();
    assert!(seeing.all(|other| other == sees), "{role} sees some persons and not others");
    sees
}

/// All but the first character hidden.
#[must_use]
pub fn is_masked(value: &str) -> bool {
    value.chars().count() >= 1 && value.chars().skip(1).all(|character| character == '*') && value.contains('*')
}
