//! The category and its rules.

use guanxi_proto::product_catalog::v1::ErrorReason;
use guanxi_resource::{Deletable, Error, Resource, Stamp};
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::precondition;

/// How deep the tree may become.
const MAX_LEVELS: usize = 10;

/// What offerings do for a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum FunctionalClass {
    BasicCommunication,
    OfficeManagement,
    MarketingService,
    ProductionControl,
}

/// What offerings are for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum StrategicClass {
    Foundation,
    IndustryApplication,
    StrategicInnovation,
}

/// A category as it is stored; its fields are the columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(super) struct Category {
    pub(super) id: Uuid,
    pub(super) code: String,
    pub(super) name_zh: String,
    pub(super) name_en: Option<String>,
    pub(super) parent_code: Option<String>,
    pub(super) path: String,
    pub(super) functional_class: Option<FunctionalClass>,
    pub(super) strategic_class: Option<StrategicClass>,
    pub(super) version: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) create_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) update_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(super) delete_time: Option<OffsetDateTime>,
}

impl Category {
    /// A category that nothing is known of yet.
    pub(super) fn blank(id: Uuid, now: OffsetDateTime) -> Self {
        Self {
            id,
            code: String::new(),
            name_zh: String::new(),
            name_en: None,
            parent_code: None,
            path: String::new(),
            functional_class: None,
            strategic_class: None,
            version: 1,
            create_time: now,
            update_time: now,
            delete_time: None,
        }
    }

    /// The category in its place: below another one, or at the top.
    pub(super) fn placed(self, parent: Option<&Category>) -> Result<Self, Error> {
        let path = format!("{}{}/", parent.map_or("", |parent| &parent.path), self.code);
        if path.matches('/').count() > MAX_LEVELS {
            return Err(precondition(ErrorReason::CategoryTreeTooDeep).with("max", MAX_LEVELS).into());
        }
        Ok(Self { parent_code: parent.map(|parent| parent.code.clone()), path, ..self })
    }
}

impl Resource for Category {
    fn stamp(&mut self) -> Stamp<'_> {
        Stamp { id: self.id, version: &mut self.version, update_time: &mut self.update_time }
    }
}

impl Deletable for Category {
    const LIVE: &'static str = "LIVE";

    fn delete_time(&self) -> Option<OffsetDateTime> {
        self.delete_time
    }

    fn set_delete_time(&mut self, time: Option<OffsetDateTime>) {
        self.delete_time = time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(code: &str) -> Category {
        Category { code: code.to_owned(), ..Category::blank(Uuid::nil(), OffsetDateTime::UNIX_EPOCH) }
    }

    #[test]
    fn a_path_is_the_codes_from_the_top_and_has_ten_at_most() {
        let mut above = named("A").placed(None).unwrap();
        assert_eq!((above.path.as_str(), &above.parent_code), ("A/", &None));
        for level in 2..=MAX_LEVELS {
            above = named(&format!("L{level}")).placed(Some(&above)).unwrap();
        }
        assert_eq!(above.path, "A/L2/L3/L4/L5/L6/L7/L8/L9/L10/");
        assert_eq!(above.parent_code.as_deref(), Some("L9"));
        assert_eq!(named("L11").placed(Some(&above)).unwrap_err().refused_for(), Some("CATEGORY_TREE_TOO_DEEP"));
    }
}
