//! The node and its rules.

use crate::error::Refused;
use std::collections::HashMap;

use guanxi_resource::{Resource, Stamp};
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct Territory {
    pub(crate) id: Uuid,
    pub(crate) code: String,
    pub(crate) name_zh: String,
    pub(crate) name_en: Option<String>,
    pub(crate) level: String,
    pub(crate) parent_code: Option<String>,
    pub(crate) path: String,
    pub(crate) version: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) create_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) update_time: OffsetDateTime,
}

/// What a caller says of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewTerritory {
    pub(crate) code: String,
    pub(crate) name_zh: String,
    pub(crate) name_en: Option<String>,
    pub(crate) level: String,
    pub(crate) parent_code: Option<String>,
}

/// Rank by code of the levels: a child's is greater than its parent's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Levels(pub(crate) HashMap<String, i32>);

impl Levels {
    /// Refuses a level that is not below another.
    pub(crate) fn check_below(&self, level: &str, parent_level: &str) -> Result<(), Refused> {
        if self.0.get(level) > self.0.get(parent_level) {
            Ok(())
        } else {
            Err(Refused::LevelNotBelowParent { level: level.to_owned(), parent_level: parent_level.to_owned() })
        }
    }
}

impl NewTerritory {
    /// The node under its parent.
    pub(crate) fn place(
        self,
        parent: Option<&Territory>,
        levels: &Levels,
        id: Uuid,
        now: OffsetDateTime,
    ) -> Result<Territory, Refused> {
        if let Some(parent) = parent {
            levels.check_below(&self.level, &parent.level)?;
        }
        Ok(Territory {
            id,
            path: path_under(parent, &self.code),
            code: self.code,
            name_zh: self.name_zh,
            name_en: self.name_en,
            level: self.level,
            parent_code: self.parent_code,
            version: 1,
            create_time: now,
            update_time: now,
        })
    }
}

impl Territory {
    /// The node under another parent.
    pub(crate) fn moved(&self, parent: &Territory, levels: &Levels) -> Result<Territory, Refused> {
        if parent.path.starts_with(&self.path) {
            return Err(Refused::TerritoryCycle { code: self.code.clone(), parent_code: parent.code.clone() });
        }
        levels.check_below(&self.level, &parent.level)?;
        let path = path_under(Some(parent), &self.code);
        Ok(Territory { parent_code: Some(parent.code.clone()), path, ..self.clone() })
    }
}

impl Resource for Territory {
    fn stamp(&mut self) -> Stamp<'_> {
        Stamp { id: self.id, version: &mut self.version, update_time: &mut self.update_time }
    }
}

fn path_under(parent: Option<&Territory>, code: &str) -> String {
    format!("{}{code}/", parent.map_or("", |parent| &parent.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels() -> Levels {
        Levels([("PROVINCE", 20), ("CITY", 30), ("COUNTY", 40)].map(|(code, rank)| (code.to_owned(), rank)).into())
    }

    fn territory(code: &str, level: &str, parent: Option<&Territory>) -> Result<Territory, Refused> {
        let new = NewTerritory {
            code: code.to_owned(),
            name_zh: code.to_owned(),
            name_en: None,
            level: level.to_owned(),
            parent_code: parent.map(|parent| parent.code.clone()),
        };
        new.place(parent, &levels(), Uuid::nil(), OffsetDateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_child_is_below_its_parent() {
        let province = territory("440000", "PROVINCE", None).unwrap();
        let county = territory("440305", "COUNTY", Some(&province)).unwrap();
        assert_eq!((province.path.as_str(), county.path.as_str()), ("440000/", "440000/440305/"));
        assert!(matches!(territory("1", "CITY", Some(&county)), Err(Refused::LevelNotBelowParent { .. })));
        assert!(matches!(territory("1", "PROVINCE", Some(&province)), Err(Refused::LevelNotBelowParent { .. })));
    }

    #[test]
    fn a_node_does_not_move_below_itself() {
        let province = territory("440000", "PROVINCE", None).unwrap();
        let city = territory("440300", "CITY", Some(&province)).unwrap();
        let other = territory("450000", "PROVINCE", None).unwrap();
        assert!(matches!(province.moved(&city, &levels()), Err(Refused::TerritoryCycle { .. })));
        assert!(matches!(city.moved(&city, &levels()), Err(Refused::TerritoryCycle { .. })));
        assert_eq!(city.moved(&other, &levels()).unwrap().path, "450000/440300/");
        // A code that begins like another is not below it.
        let short = territory("44", "PROVINCE", None).unwrap();
        assert!(
            short
                .moved(&territory("4401", "PROVINCE", None).unwrap(), &levels())
                .is_err_and(|error| matches!(error, Refused::LevelNotBelowParent { .. }))
        );
    }
}
