//! Between the wire and the model.

use guanxi_events::NewEvent;
use guanxi_grpc::{Fields, Violation, Violations, etag, parse_id, text, timestamp};
use guanxi_proto::errors::v1::ErrorReason;
use guanxi_proto::product_catalog::v1::{self as pb, CategoryChange, UpdateCategoryRequest, get_category_request};
use guanxi_resource::{Deletable, Error, Update};

use super::model::{Category, FunctionalClass, StrategicClass};
use crate::value::{self, Key, wire_enum};

wire_enum!(
    FunctionalClass,
    pb::FunctionalClass,
    BasicCommunication,
    OfficeManagement,
    MarketingService,
    ProductionControl
);
wire_enum!(StrategicClass, pb::StrategicClass, Foundation, IndustryApplication, StrategicInnovation);

/// The category on the wire.
pub(super) fn wire(category: &Category) -> pb::Category {
    let functional_class = category.functional_class.map_or(pb::FunctionalClass::Unspecified, Into::into);
    let strategic_class = category.strategic_class.map_or(pb::StrategicClass::Unspecified, Into::into);
    pb::Category {
        id: category.id.to_string(),
        code: category.code.clone(),
        name: Some(value::localized(&category.name_zh, category.name_en.as_deref())),
        parent_code: category.parent_code.clone().unwrap_or_default(),
        path: category.path.clone(),
        functional_class: functional_class.into(),
        strategic_class: strategic_class.into(),
        create_time: Some(timestamp(category.create_time)),
        update_time: Some(timestamp(category.update_time)),
        delete_time: category.delete_time.map(timestamp),
        etag: etag(category.version),
    }
}

/// The event of a change.
pub(super) fn event(kind: &'static str, before: Option<&Category>, after: &Category) -> NewEvent {
    let change = CategoryChange { before: before.map(wire), after: Some(wire(after)) };
    guanxi_resource::event_of_all(kind, after.id, after.version, &change)
}

/// Reads the key of a Get.
pub(super) fn key(key: Option<get_category_request::Key>) -> Result<Key, Violation> {
    match key {
        None => Err(Violation::required("key")),
        Some(get_category_request::Key::Id(id)) => Ok(Key::Id(parse_id("id", &id)?)),
        Some(get_category_request::Key::Code(code)) => Ok(Key::Code(value::code("code", &code)?)),
    }
}

/// A checked creation: the code of the category above, and what becomes of a blank category.
pub(super) fn creation(
    sent: Option<pb::Category>,
) -> Result<(Option<String>, impl FnOnce(Category) -> Category), Violations> {
    let sent = sent.ok_or_else(|| Violation::required("category"))?;
    let mut fields = Fields::of_creation("category");
    if sent.parent_code.is_empty() {
        fields.keep(check_class("functional_class", sent.functional_class != 0));
        fields.keep(check_class("strategic_class", sent.strategic_class != 0));
    }
    let (parent_code, patch) = patch(&mut fields, sent);
    fields.finish(Some((parent_code.flatten(), patch)))
}

/// Reads an update: what a category becomes, with everything that is wrong with it beside the category as it is.
pub(super) fn update(
    request: UpdateCategoryRequest,
) -> Result<Update<impl FnOnce(&Category) -> Result<Category, Error>>, Violations> {
    let sent = request.category.ok_or_else(|| Violation::required("category"))?;
    let mut fields = Fields::of_update("category", request.update_mask);
    let (id, etag) = (fields.keep(parse_id("category.id", &sent.id)), sent.etag.clone());
    let (parent_code, patch) = patch(&mut fields, sent);
    let patch = move |before: &Category| {
        before.check_live()?;
        let after = patch(before.clone());
        let mut violations = Violations::default();
        if after.code != before.code {
            violations.push(Violation::new("category.code", ErrorReason::Immutable).with("value", &before.code));
        }
        if parent_code.is_some_and(|code| code != before.parent_code) {
            let immutable = Violation::new("category.parent_code", ErrorReason::Immutable);
            violations.push(immutable.with("value", before.parent_code.as_deref().unwrap_or_default()));
        }
        if before.parent_code.is_none() {
            violations.keep(check_class("functional_class", after.functional_class.is_some()));
            violations.keep(check_class("strategic_class", after.strategic_class.is_some()));
        }
        violations.check()?;
        Ok(after)
    };
    fields.finish(id.map(|id| Update { id, etag, patch }))
}

/// A top category has nothing to take a class from.
fn check_class(name: &str, present: bool) -> Result<(), Violation> {
    if present { Ok(()) } else { Err(Violation::required(format!("category.{name}"))) }
}

/// Reads the fields: the category above, and what becomes of a category by the others.
#[expect(clippy::option_option, reason = "left alone, or emptied")]
fn patch(
    fields: &mut Fields,
    sent: pb::Category,
) -> (Option<Option<String>>, impl FnOnce(Category) -> Category + use<>) {
    let name = sent.name.unwrap_or_default();
    let code = fields.required("code", &sent.code, value::code);
    let name_zh = fields.required("name.zh", &name.zh, |field, value| text(field, value, 1, 100));
    let name_en = fields.optional_text("name.en", &name.en, 100);
    let parent_code = fields.optional("parent_code", &sent.parent_code, value::code);
    let functional_class = fields.read("functional_class", sent.functional_class != 0, |field| {
        FunctionalClass::read(field, sent.functional_class)
    });
    let strategic_class = fields
        .read("strategic_class", sent.strategic_class != 0, |field| StrategicClass::read(field, sent.strategic_class));
    let patch = move |before: Category| Category {
        code: code.unwrap_or(before.code),
        name_zh: name_zh.unwrap_or(before.name_zh),
        name_en: name_en.unwrap_or(before.name_en),
        functional_class: functional_class.unwrap_or(before.functional_class),
        strategic_class: strategic_class.unwrap_or(before.strategic_class),
        ..before
    };
    (parent_code, patch)
}
