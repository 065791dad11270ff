//! The assignment and its rules.

use guanxi_resource::{Error, Resource, Stamp};
use serde::Serialize;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::account::Tier;

time::serde::format_description!(iso_day, Date, "[year]-[month]-[day]");

/// What a manager does for an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Role {
    Primary,
    Backup,
    ProductManager,
    SupportManager,
}

/// An assignment as it is stored; its fields are the columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct Assignment {
    pub(crate) id: Uuid,
    pub(crate) account_id: Uuid,
    pub(crate) account_manager_id: Uuid,
    pub(crate) role: Role,
    #[serde(with = "iso_day")]
    pub(crate) start_date: Date,
    /// The first day after the last; `None` while it is open.
    #[serde(with = "iso_day::option")]
    pub(crate) end_date: Option<Date>,
    pub(crate) open_reason: Option<String>,
    pub(crate) close_reason: Option<String>,
    pub(crate) exception_reason: Option<String>,
    pub(crate) hand_over_id: Option<Uuid>,
    pub(crate) closing_hand_over_id: Option<Uuid>,
    pub(crate) territory_path: String,
    pub(crate) version: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) create_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) update_time: OffsetDateTime,
    /// Of the account, read along where an event may follow, which carries it.
    #[serde(skip)]
    #[sqlx(default)]
    pub(crate) account_tier: Option<Tier>,
}

impl Assignment {
    /// OPEN → CLOSED. One that begins later than `day` ends when it begins: it never applied.
    pub(crate) fn closed(&self, day: Date, reason: &str) -> Result<Self, Error> {
        if self.end_date.is_some() {
            return Err(Error::StateForbids { state: "CLOSED", expected: "OPEN" });
        }
        let end_date = Some(day.max(self.start_date));
        Ok(Self { end_date, close_reason: Some(reason.to_owned()), ..self.clone() })
    }
}

impl Resource for Assignment {
    fn stamp(&mut self) -> Stamp<'_> {
        Stamp { id: self.id, version: &mut self.version, update_time: &mut self.update_time }
    }
}

/// The code of the territory that a path leads to.
pub(crate) fn territory_code(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn an_assignment_is_closed_once_and_not_before_it_began() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let open = Assignment {
            id: Uuid::nil(),
            account_id: Uuid::nil(),
            account_manager_id: Uuid::nil(),
            role: Role::Primary,
            start_date: date!(2026 - 03 - 01),
            end_date: None,
            open_reason: None,
            close_reason: None,
            exception_reason: None,
            hand_over_id: None,
            closing_hand_over_id: None,
            territory_path: "CN/440000/".to_owned(),
            version: 1,
            create_time: now,
            update_time: now,
            account_tier: None,
        };
        let closed = open.closed(date!(2026 - 03 - 09), "调岗").unwrap();
        assert_eq!((closed.end_date, closed.close_reason.as_deref()), (Some(date!(2026 - 03 - 09)), Some("调岗")));
        assert!(matches!(closed.closed(date!(2026 - 03 - 10), ""), Err(Error::StateForbids { state: "CLOSED", .. })));
        assert_eq!(open.closed(date!(2026 - 02 - 01), "").unwrap().end_date, Some(open.start_date));
        assert_eq!(
            (territory_code(&open.territory_path), territory_code("CN/"), territory_code("")),
            ("440000", "CN", "")
        );
    }
}
