//! The bundle and its rules.

use guanxi_grpc::{Violation, Violations};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::product_catalog::v1::ErrorReason;
use guanxi_resource::{Deletable, Error, Resource, Stamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::error::{not_publishable, reason};
use crate::offering::{Standing, Standings};

/// A bundle of one is none.
const MIN_COMPONENTS: usize = 2;
pub(super) const MAX_COMPONENTS: usize = 20;

time::serde::format_description!(iso_day, Date, "[year]-[month]-[day]");

/// What a bundle binds together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Kind {
    MobileFixed,
    TerminalTariffApplication,
    Custom,
}

/// Where a bundle stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum State {
    Draft,
    Published,
    Retired,
}

/// A part of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Component {
    pub(super) offering_code: String,
    pub(super) min_quantity: i64,
    pub(super) max_quantity: Option<i64>,
}

/// What the database need not know of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) components: Vec<Component>,
    pub(super) discount: Decimal,
}

/// A bundle as it is stored; its fields are the columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(super) struct Bundle {
    pub(super) id: Uuid,
    pub(super) code: String,
    pub(super) name_zh: String,
    pub(super) name_en: Option<String>,
    pub(super) kind: Kind,
    pub(super) state: State,
    /// Those of the components, in their order.
    pub(super) offering_codes: Vec<String>,
    #[serde(with = "iso_day::option")]
    pub(super) valid_from_date: Option<Date>,
    #[serde(with = "iso_day::option")]
    pub(super) valid_to_date: Option<Date>,
    pub(super) content: Json<Content>,
    pub(super) version: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) create_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) update_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(super) delete_time: Option<OffsetDateTime>,
}

impl Bundle {
    /// A draft that nothing is known of yet.
    pub(super) fn blank(id: Uuid, now: OffsetDateTime) -> Self {
        Self {
            id,
            code: String::new(),
            name_zh: String::new(),
            name_en: None,
            kind: Kind::Custom,
            state: State::Draft,
            offering_codes: Vec::new(),
            valid_from_date: None,
            valid_to_date: None,
            content: Json(Content { components: Vec::new(), discount: Decimal::ZERO }),
            version: 1,
            create_time: now,
            update_time: now,
            delete_time: None,
        }
    }

    /// DRAFT → PUBLISHED. `offerings` says where its parts stand.
    pub(super) fn published(&self, offerings: &Standings, today: Date) -> Result<Self, Error> {
        self.check_state("DRAFT")?;
        let mut wrong = Violations::default();
        let count = self.offering_codes.len();
        if count < MIN_COMPONENTS {
            let few = Violation::new("bundle.components", Shared::OutOfRange).with("value", count);
            wrong.push(few.with("min", MIN_COMPONENTS).with("max", MAX_COMPONENTS));
        }
        let unsold =
            self.offering_codes.iter().enumerate().filter(|(_, code)| offerings.get(*code) != Some(&Standing::OnSale));
        for (index, code) in unsold {
            let field = format!("bundle.components[{index}].offering_code");
            wrong.push(Violation::new(field, reason(ErrorReason::OfferingUnknown)).with("value", code));
        }
        if let Some(day) = self.valid_to_date.filter(|day| *day <= today) {
            let over = Violation::new("bundle.valid_to_date", Shared::OutOfRange).with("value", day);
            wrong.push(over.with("min", today.next_day().unwrap_or(Date::MAX)).with("max", Date::MAX));
        }
        if wrong.is_empty() {
            return Ok(Self { state: State::Published, ..self.clone() });
        }
        Err(not_publishable(wrong).into())
    }

    /// PUBLISHED → RETIRED.
    pub(super) fn retired(&self) -> Result<Self, Error> {
        self.check_state("PUBLISHED")?;
        Ok(Self { state: State::Retired, ..self.clone() })
    }
}

impl Resource for Bundle {
    fn stamp(&mut self) -> Stamp<'_> {
        Stamp { id: self.id, version: &mut self.version, update_time: &mut self.update_time }
    }
}

impl Deletable for Bundle {
    const LIVE: &'static str = "DRAFT, PUBLISHED, RETIRED";

    fn delete_time(&self) -> Option<OffsetDateTime> {
        self.delete_time
    }

    fn set_delete_time(&mut self, time: Option<OffsetDateTime>) {
        self.delete_time = time;
    }

    fn state_name(&self) -> &'static str {
        match self.state {
            _ if self.delete_time.is_some() => "DELETED",
            State::Draft => "DRAFT",
            State::Published => "PUBLISHED",
            State::Retired => "RETIRED",
        }
    }

    fn check_deletable(&self) -> Result<(), Error> {
        self.check_state("DRAFT")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;
    const TODAY: Date = date!(2026 - 06 - 15);

    fn draft(codes: &[&str]) -> Bundle {
        let offering_codes = codes.iter().map(|code| (*code).to_owned()).collect();
        Bundle { offering_codes, ..Bundle::blank(Uuid::nil(), NOW) }
    }

    fn standing(codes: &[(&str, Standing)]) -> Standings {
        codes.iter().map(|(code, standing)| ((*code).to_owned(), *standing)).collect()
    }

    #[test]
    fn a_draft_is_published_and_retired_or_deleted_and_comes_back() {
        let draft = draft(&["A", "B"]);
        let published = draft.published(&standing(&[("A", Standing::OnSale), ("B", Standing::OnSale)]), TODAY).unwrap();
        let retired = published.retired().unwrap();
        let deleted = draft.deleted(NOW).unwrap();
        assert_eq!(deleted.undeleted().unwrap(), draft);
        let state = |outcome: Result<Bundle, Error>| match outcome {
            Err(Error::StateForbids { state, expected }) => (state, expected),
            other => panic!("{other:?}"),
        };
        for (bundle, name) in [(&published, "PUBLISHED"), (&retired, "RETIRED"), (&deleted, "DELETED")] {
            assert_eq!(state(bundle.deleted(NOW)), (name, "DRAFT"));
            assert_eq!(state(bundle.published(&Standings::new(), TODAY)), (name, "DRAFT"));
        }
        for (bundle, name) in [(&draft, "DRAFT"), (&retired, "RETIRED"), (&deleted, "DELETED")] {
            assert_eq!(state(bundle.retired()), (name, "PUBLISHED"));
        }
        assert_eq!(state(published.undeleted()), ("PUBLISHED", "DELETED"));
    }

    #[test]
    fn what_is_published_has_parts_that_are_sold_and_time_left() {
        let offerings = standing(&[("A", Standing::OnSale), ("B", Standing::Unsold)]);
        let missing = |bundle: &Bundle| match bundle.published(&offerings, TODAY) {
            Ok(_) => None,
            Err(error) => Some(tonic::Status::from(error).message().to_owned()),
        };
        let refused = |fields: &str| Some(format!("NOT_PUBLISHABLE: Cannot be published yet: {fields}."));
        assert_eq!(missing(&draft(&["A"])), refused("components"));
        assert_eq!(missing(&draft(&["A", "B", "C"])), refused("components"));
        let over = Bundle { valid_to_date: Some(TODAY), ..draft(&["A", "A"]) };
        assert_eq!(missing(&over), refused("valid_to_date"));
        assert_eq!(missing(&Bundle { valid_to_date: TODAY.next_day(), ..over }), None);
    }
}
