//! The offering and its rules.

use std::collections::BTreeMap;

use guanxi_resource::{Deletable, Error, Resource, Stamp};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::eligibility::Eligibility;
use crate::specification::Characteristic;

time::serde::format_description!(iso_day, Date, "[year]-[month]-[day]");

/// Where a version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum State {
    Draft,
    Published,
    Retired,
}

/// Who delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Supply {
    Own,
    Partner,
    SystemIntegration,
}

/// What the database neither ensures nor looks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) description_zh: Option<String>,
    pub(super) description_en: Option<String>,
    pub(super) partner_name: Option<String>,
    pub(super) group_payment: bool,
    pub(super) trial_days: i32,
    pub(super) available_territory_codes: Vec<String>,
    pub(super) eligibility: Option<Eligibility>,
    pub(super) excluded_offering_codes: Vec<String>,
    /// As they were when the version was published.
    pub(super) characteristics: Vec<Characteristic>,
}

/// A version of an offering as it is stored; its fields are the columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(super) struct Offering {
    pub(super) id: Uuid,
    pub(super) code: String,
    pub(super) version_number: i32,
    pub(super) state: State,
    pub(super) name_zh: String,
    pub(super) name_en: Option<String>,
    pub(super) category_codes: Vec<String>,
    pub(super) specification_code: Option<String>,
    pub(super) supply: Supply,
    #[serde(with = "iso_day::option")]
    pub(super) valid_from_date: Option<Date>,
    #[serde(with = "iso_day::option")]
    pub(super) valid_to_date: Option<Date>,
    pub(super) prerequisite_offering_codes: Vec<String>,
    pub(super) successor_code: Option<String>,
    pub(super) content: Json<Content>,
    pub(super) version: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) create_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) update_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(super) publish_time: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(super) retire_time: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(super) delete_time: Option<OffsetDateTime>,
}

impl Offering {
    /// The first version of an offering that nothing is known of yet.
    pub(super) fn blank(id: Uuid, now: OffsetDateTime) -> Self {
        Self {
            id,
            code: String::new(),
            version_number: 1,
            state: State::Draft,
            name_zh: String::new(),
            name_en: None,
            category_codes: Vec::new(),
            specification_code: None,
            supply: Supply::Own,
            valid_from_date: None,
            valid_to_date: None,
            prerequisite_offering_codes: Vec::new(),
            successor_code: None,
            content: Json(Content::default()),
            version: 1,
            create_time: now,
            update_time: now,
            publish_time: None,
            retire_time: None,
            delete_time: None,
        }
    }

    /// DRAFT → PUBLISHED, with what can be configured from now on.
    pub(super) fn published(&self, characteristics: Vec<Characteristic>, now: OffsetDateTime) -> Result<Self, Error> {
        self.check_state("DRAFT")?;
        let mut after = Self { state: State::Published, publish_time: Some(now), ..self.clone() };
        after.content.characteristics = characteristics;
        Ok(after)
    }

    /// PUBLISHED → RETIRED.
    fn retired(&self, successor_code: Option<&str>, now: OffsetDateTime) -> Self {
        let successor_code = successor_code.map(str::to_owned);
        Self { state: State::Retired, retire_time: Some(now), successor_code, ..self.clone() }
    }

    /// Every offering that it names, with the field that does.
    pub(super) fn named(&self) -> [(&'static str, &[String]); 4] {
        let eligibility = self.content.eligibility.as_ref();
        [
            ("prerequisite_offering_codes", &self.prerequisite_offering_codes),
            ("excluded_offering_codes", &self.content.excluded_offering_codes),
            ("eligibility.held_offering_codes", eligibility.map_or(&[], |one| &one.held_offering_codes)),
            ("eligibility.lacking_offering_codes", eligibility.map_or(&[], |one| &one.lacking_offering_codes)),
        ]
    }
}

/// Of the versions of a code in their order: the one with a number; for 0 the newest published one, or draft, or retired one.
pub(super) fn shown(mut versions: Vec<Offering>, number: i32) -> Option<Offering> {
    if number > 0 {
        return versions.into_iter().find(|version| version.version_number == number);
    }
    versions.retain(|version| version.delete_time.is_none());
    [State::Published, State::Draft, State::Retired]
        .into_iter()
        .find_map(|state| versions.iter().rfind(|version| version.state == state).cloned())
}

/// The draft that follows the newest of the live versions of a code, which are in their order.
pub(super) fn revised(
    versions: &[Offering],
    id: Uuid,
    version_number: i32,
    now: OffsetDateTime,
) -> Result<Option<Offering>, Error> {
    if versions.iter().any(|version| version.state == State::Draft) {
        return Err(Error::StateForbids { state: "DRAFT", expected: "PUBLISHED, RETIRED" });
    }
    let Some(newest) = versions.last() else { return Ok(None) };
    let blank = Offering::blank(id, now);
    let mut draft = Offering {
        id,
        version_number,
        state: State::Draft,
        successor_code: None,
        version: blank.version,
        create_time: now,
        update_time: now,
        publish_time: None,
        retire_time: None,
        ..newest.clone()
    };
    draft.content.characteristics.clear();
    Ok(Some(draft))
}

/// The pairs before and after of the published versions among some, all retired; at least one.
pub(super) fn retired(
    versions: &[Offering],
    successor_code: Option<&str>,
    now: OffsetDateTime,
) -> Result<Vec<(Offering, Offering)>, Error> {
    let published = versions.iter().filter(|version| version.state == State::Published);
    let pairs: Vec<_> = published
        .map(|version| {
            let mut after = version.retired(successor_code, now);
            after.stamp().advance(now);
            (version.clone(), after)
        })
        .collect();
    match versions.last() {
        Some(newest) if pairs.is_empty() => {
            Err(Error::StateForbids { state: newest.state_name(), expected: "PUBLISHED" })
        }
        _ => Ok(pairs),
    }
}

impl Resource for Offering {
    fn stamp(&mut self) -> Stamp<'_> {
        Stamp { id: self.id, version: &mut self.version, update_time: &mut self.update_time }
    }
}

impl Deletable for Offering {
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

/// Where an offering stands, by the version that stands highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// Nothing is left of it but its code.
    Deleted,
    /// A draft, or retired.
    Unsold,
    /// A version of it is published.
    OnSale,
}

/// Where offerings stand, by code; a code without an offering has no entry.
pub(crate) type Standings = BTreeMap<String, Standing>;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn version(version_number: i32, state: State) -> Offering {
        Offering { version_number, state, code: "MAIL".to_owned(), ..Offering::blank(Uuid::nil(), NOW) }
    }

    #[test]
    fn only_drafts_are_published_and_deleted_and_only_published_ones_retired() {
        let (draft, published) = (version(1, State::Draft), version(1, State::Published));
        assert_eq!(draft.published(Vec::new(), NOW).unwrap().state, State::Published);
        for other in [published.clone(), version(1, State::Retired), draft.deleted(NOW).unwrap()] {
            assert!(other.published(Vec::new(), NOW).is_err() && other.deleted(NOW).is_err());
        }
        assert_eq!(draft.deleted(NOW).unwrap().undeleted().unwrap(), draft);
        assert!(matches!(published.undeleted(), Err(Error::StateForbids { state: "PUBLISHED", expected: "DELETED" })));
        let pairs = retired(&[version(1, State::Retired), published, draft.clone()], Some("NEW"), NOW).unwrap();
        assert_eq!((pairs.len(), pairs[0].1.version, pairs[0].1.successor_code.as_deref()), (1, 2, Some("NEW")));
        assert!(matches!(retired(&[draft], None, NOW), Err(Error::StateForbids { state: "DRAFT", .. })));
    }

    #[test]
    fn the_version_shown_is_the_newest_that_is_sold() {
        let deleted = version(4, State::Draft).deleted(NOW).unwrap();
        let all = vec![version(1, State::Published), version(2, State::Retired), version(3, State::Draft), deleted];
        let number = |versions: &[Offering], number| shown(versions.to_vec(), number).map(|one| one.version_number);
        assert_eq!((number(&all, 0), number(&all[1..], 0), number(&all[1..2], 0)), (Some(1), Some(3), Some(2)));
        assert_eq!((number(&all[3..], 0), number(&all, 4), number(&all, 5)), (None, Some(4), None));
    }

    #[test]
    fn a_revision_is_a_draft_of_the_newest_version() {
        let mut newest = version(2, State::Retired);
        (newest.retire_time, newest.successor_code) = (Some(NOW), Some("NEW".to_owned()));
        let versions = [version(1, State::Published), newest];
        let draft = revised(&versions, Uuid::max(), 3, NOW).unwrap().unwrap();
        assert_eq!(draft, Offering { id: Uuid::max(), ..version(3, State::Draft) });
        assert!(revised(&[version(1, State::Draft)], Uuid::max(), 2, NOW).is_err());
        assert_eq!(revised(&[], Uuid::max(), 1, NOW).unwrap(), None);
    }
}
