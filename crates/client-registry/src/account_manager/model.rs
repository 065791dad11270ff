//! The manager and its rules.

use guanxi_resource::{Error, Resource, Stamp};
use serde::Serialize;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::error::Refused;
use crate::territory::Territory;

time::serde::format_description!(iso_day, Date, "[year]-[month]-[day]");

/// How a manager works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Channel {
    Field,
    Phone,
    Industry,
}

/// How a manager is employed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum EmploymentType {
    Regular,
    Outsourced,
    Agent,
}

impl Channel {
    /// An industry manager has at least one industry, and no other has any.
    pub(super) fn fits_industries(self, count: usize) -> bool {
        (self == Channel::Industry) == (count > 0)
    }
}

/// What a manager is asked for by.
pub(super) enum Key {
    Id(Uuid),
    EmployeeNumber(String),
}

/// A manager as it is stored; its fields are the columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(super) struct AccountManager {
    pub(super) id: Uuid,
    pub(super) employee_number: String,
    pub(super) name: String,
    pub(super) phone: Option<String>,
    pub(super) territory_code: String,
    pub(super) territory_path: String,
    pub(super) channel: Channel,
    pub(super) grade: i32,
    pub(super) industry_codes: Vec<String>,
    pub(super) skills: Vec<String>,
    pub(super) employment_type: EmploymentType,
    pub(super) version: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) create_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) update_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(super) delete_time: Option<OffsetDateTime>,
    /// First day on which the manager is no longer there.
    #[serde(with = "iso_day::option")]
    pub(super) depart_date: Option<Date>,
}

impl AccountManager {
    /// A manager that nothing is known of yet but where it lies.
    pub(super) fn blank(id: Uuid, territory: &Territory, now: OffsetDateTime) -> Self {
        Self {
            id,
            employee_number: String::new(),
            name: String::new(),
            phone: None,
            territory_code: territory.code.clone(),
            territory_path: territory.path.clone(),
            channel: Channel::Field,
            grade: 1,
            industry_codes: Vec::new(),
            skills: Vec::new(),
            employment_type: EmploymentType::Regular,
            version: 1,
            create_time: now,
            update_time: now,
            delete_time: None,
            depart_date: None,
        }
    }

    /// Puts the manager into a territory.
    pub(super) fn lie_in(&mut self, territory: &Territory) {
        self.territory_code.clone_from(&territory.code);
        self.territory_path.clone_from(&territory.path);
    }

    /// Refuses a change of a deleted manager.
    pub(super) fn check_live(&self) -> Result<(), Error> {
        if self.delete_time.is_some() {
            return Err(Error::StateForbids { state: "DELETED", expected: "IN_SERVICE, DEPARTED" });
        }
        Ok(())
    }

    /// Where the manager stands.
    pub(super) fn state(&self) -> &'static str {
        match (self.delete_time, self.depart_date) {
            (Some(_), _) => "DELETED",
            (None, Some(_)) => "DEPARTED",
            (None, None) => "IN_SERVICE",
        }
    }

    /// IN_SERVICE → DEPARTED.
    pub(super) fn departed(&self, day: Date) -> Result<Self, Error> {
        if self.state() != "IN_SERVICE" {
            return Err(Error::StateForbids { state: self.state(), expected: "IN_SERVICE" });
        }
        Ok(Self { depart_date: Some(day), ..self.clone() })
    }

    /// DEPARTED → IN_SERVICE.
    pub(super) fn reinstated(&self) -> Result<Self, Error> {
        if self.state() != "DEPARTED" {
            return Err(Error::StateForbids { state: self.state(), expected: "DEPARTED" });
        }
        Ok(Self { depart_date: None, ..self.clone() })
    }

    /// Any live state → DELETED. `assignments` of the manager are open, `visible` of them are what the caller may know of.
    pub(super) fn deleted(&self, assignments: usize, visible: usize, now: OffsetDateTime) -> Result<Self, Error> {
        self.check_live()?;
        if assignments > 0 {
            return Err(Refused::ManagerHasAssignments { count: visible }.into());
        }
        Ok(Self { delete_time: Some(now), ..self.clone() })
    }

    /// DELETED → the state before.
    pub(super) fn undeleted(&self) -> Result<Self, Error> {
        if self.delete_time.is_none() {
            return Err(Error::StateForbids { state: self.state(), expected: "DELETED" });
        }
        Ok(Self { delete_time: None, ..self.clone() })
    }
}

impl Resource for AccountManager {
    fn stamp(&mut self) -> Stamp<'_> {
        Stamp { id: self.id, version: &mut self.version, update_time: &mut self.update_time }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manager() -> AccountManager {
        let now = OffsetDateTime::UNIX_EPOCH;
        let territory = Territory {
            id: Uuid::nil(),
            code: "CN".to_owned(),
            name_zh: String::new(),
            name_en: None,
            level: String::new(),
            parent_code: None,
            path: "CN/".to_owned(),
            version: 1,
            create_time: now,
            update_time: now,
        };
        AccountManager::blank(Uuid::nil(), &territory, now)
    }

    #[test]
    fn a_deleted_manager_comes_back_as_it_was() {
        let (now, manager) = (OffsetDateTime::UNIX_EPOCH, manager());
        assert!(matches!(manager.undeleted(), Err(Error::StateForbids { expected: "DELETED", .. })));
        assert_eq!(manager.deleted(2, 1, now).unwrap_err().refused_for(), Some("MANAGER_HAS_ASSIGNMENTS"));
        let deleted = manager.deleted(0, 0, now).unwrap();
        assert!(matches!(deleted.deleted(0, 0, now), Err(Error::StateForbids { state: "DELETED", .. })));
        assert_eq!(deleted.undeleted().unwrap(), manager);
    }

    #[test]
    fn who_departed_may_come_back() {
        let (now, manager) = (OffsetDateTime::UNIX_EPOCH, manager());
        assert!(matches!(manager.reinstated(), Err(Error::StateForbids { state: "IN_SERVICE", .. })));
        let departed = manager.departed(now.date()).unwrap();
        assert!(matches!(departed.departed(now.date()), Err(Error::StateForbids { state: "DEPARTED", .. })));
        assert_eq!(departed.reinstated().unwrap(), manager);
        let deleted = departed.deleted(0, 0, now).unwrap();
        assert!(deleted.reinstated().is_err() && deleted.departed(now.date()).is_err());
        assert_eq!(deleted.undeleted().unwrap().state(), "DEPARTED");
    }

    #[test]
    fn industries_are_for_industry_managers() {
        assert!(Channel::Industry.fits_industries(2) && !Channel::Industry.fits_industries(0));
        assert!(Channel::Phone.fits_industries(0) && !Channel::Field.fits_industries(1));
    }
}
