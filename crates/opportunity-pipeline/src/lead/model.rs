//! The lead and its rules.

use guanxi_grpc::Violation;
use guanxi_proto::opportunity_pipeline::v1::ErrorReason;
use guanxi_resource::{Deletable, Error, Resource, Stamp};
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::reason;
use crate::opportunity::Placing;

/// Where a lead stands, beside being deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum State {
    New,
    Working,
    Qualified,
    Disqualified,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Working => "WORKING",
            Self::Qualified => "QUALIFIED",
            Self::Disqualified => "DISQUALIFIED",
        }
    }
}

/// Where a lead came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Source {
    Campaign,
    Manager,
    Phone,
    Portal,
    Recommendation,
    Warning,
    Interaction,
}

/// Why a lead is no chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum DisqualifyReason {
    NoNeed,
    NoBudget,
    Duplicate,
    Unreachable,
    Competitor,
    Other,
}

/// A lead as it is stored; its fields are the columns, but for what is known of the account, which is read beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(super) struct Lead {
    pub(super) id: Uuid,
    pub(super) title: String,
    pub(super) title_key: String,
    pub(super) source: Source,
    pub(super) source_reference: String,
    pub(super) account_id: Option<Uuid>,
    pub(super) account_name: Option<String>,
    pub(super) account_tier: Option<String>,
    pub(super) account_industry_code: Option<String>,
    pub(super) company_name: String,
    pub(super) company_key: Option<String>,
    pub(super) contact_name: String,
    pub(super) contact_phone: Option<String>,
    pub(super) description: String,
    pub(super) score: Option<i32>,
    pub(super) owner_id: Uuid,
    pub(super) owner_employee_number: String,
    pub(super) territory_code: String,
    pub(super) territory_path: String,
    pub(super) seen_by: Vec<String>,
    pub(super) state: State,
    pub(super) disqualify_reason: Option<DisqualifyReason>,
    pub(super) reason: String,
    pub(super) duplicate_of_lead_id: Option<Uuid>,
    pub(super) opportunity_id: Option<Uuid>,
    pub(super) tags: Vec<String>,
    pub(super) version: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) create_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) update_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(super) delete_time: Option<OffsetDateTime>,
}

impl Lead {
    /// A lead that nothing is known of yet but where it belongs.
    pub(super) fn blank(id: Uuid, placing: Placing, now: OffsetDateTime) -> Self {
        let blank = Self {
            id,
            title: String::new(),
            title_key: String::new(),
            source: Source::Manager,
            source_reference: String::new(),
            account_id: None,
            account_name: None,
            account_tier: None,
            account_industry_code: None,
            company_name: String::new(),
            company_key: None,
            contact_name: String::new(),
            contact_phone: None,
            description: String::new(),
            score: None,
            owner_id: Uuid::nil(),
            owner_employee_number: String::new(),
            territory_code: String::new(),
            territory_path: String::new(),
            seen_by: Vec::new(),
            state: State::New,
            disqualify_reason: None,
            reason: String::new(),
            duplicate_of_lead_id: None,
            opportunity_id: None,
            tags: Vec::new(),
            version: 1,
            create_time: now,
            update_time: now,
            delete_time: None,
        };
        blank.placed(placing)
    }

    /// With another owner and another place.
    fn placed(self, placing: Placing) -> Self {
        Self {
            seen_by: vec![placing.owner_employee_number.clone()],
            owner_id: placing.owner_id,
            owner_employee_number: placing.owner_employee_number,
            territory_code: placing.territory_code,
            territory_path: placing.territory_path,
            ..self
        }
    }

    /// Where it belongs.
    pub(super) fn placing(&self) -> Placing {
        Placing {
            owner_id: self.owner_id,
            owner_employee_number: self.owner_employee_number.clone(),
            territory_code: self.territory_code.clone(),
            territory_path: self.territory_path.clone(),
        }
    }

    /// With what follows from its texts, where it says whom it is about.
    pub(super) fn settled(self) -> Result<Self, Violation> {
        if self.account_id.is_none() && self.company_name.is_empty() {
            return Err(Violation::required("lead.company_name"));
        }
        let company_key = self.account_id.is_none().then(|| normal(&self.company_name));
        Ok(Self { title_key: normal(&self.title), company_key, ..self })
    }

    fn check(&self, states: &[State], expected: &'static str) -> Result<(), Error> {
        self.check_live()?;
        if states.contains(&self.state) {
            return Ok(());
        }
        Err(Error::StateForbids { state: self.state.name(), expected })
    }

    /// Refuses work on a lead that is decided.
    pub(super) fn check_undecided(&self) -> Result<(), Error> {
        self.check(&[State::New, State::Working], "NEW, WORKING")
    }

    /// New → working.
    pub(super) fn worked(&self) -> Result<Self, Error> {
        self.check(&[State::New], State::New.name())?;
        Ok(Self { state: State::Working, ..self.clone() })
    }

    /// New or working → qualified by an opportunity.
    pub(super) fn qualified(&self, opportunity_id: Uuid) -> Result<Self, Error> {
        self.check_undecided()?;
        Ok(Self { state: State::Qualified, opportunity_id: Some(opportunity_id), ..self.clone() })
    }

    /// New or working → disqualified.
    pub(super) fn disqualified(&self, why: DisqualifyReason, reason: String) -> Result<Self, Error> {
        self.check_undecided()?;
        Ok(Self { state: State::Disqualified, disqualify_reason: Some(why), reason, ..self.clone() })
    }

    /// Disqualified → working.
    pub(super) fn reopened(&self, reason: String) -> Result<Self, Error> {
        self.check(&[State::Disqualified], State::Disqualified.name())?;
        Ok(Self { state: State::Working, disqualify_reason: None, reason, ..self.clone() })
    }

    /// Given to another owner or territory.
    pub(super) fn reassigned(&self, placing: Placing, reason: String) -> Result<Self, Error> {
        self.check_undecided()?;
        Ok(Self { reason, ..self.clone().placed(placing) })
    }

    /// Linked to what it repeats, or to nothing. `chain` has the leads from there to the one that repeats no other.
    pub(super) fn linked(&self, target: Option<Uuid>, chain: &[Uuid]) -> Result<Self, Error> {
        self.check_live()?;
        if chain.contains(&self.id) {
            let circular = Violation::new("duplicate_of_lead_id", reason(ErrorReason::LeadDuplicateCircular));
            return Err(circular.with("value", target.unwrap_or(self.id)).into());
        }
        Ok(Self { duplicate_of_lead_id: target, ..self.clone() })
    }
}

/// A text as duplicates are told by: half-width, lower case, without blanks.
fn normal(text: &str) -> String {
    let half_width = |character: char| match character {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character),
        other => other,
    };
    let shown = text.chars().map(half_width).filter(|character| !character.is_whitespace());
    shown.flat_map(char::to_lowercase).collect()
}

impl Resource for Lead {
    fn stamp(&mut self) -> Stamp<'_> {
        Stamp { id: self.id, version: &mut self.version, update_time: &mut self.update_time }
    }
}

impl Deletable for Lead {
    const LIVE: &'static str = "NEW, WORKING, QUALIFIED, DISQUALIFIED";

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

    fn lead() -> Lead {
        let placing = Placing {
            owner_id: Uuid::nil(),
            owner_employee_number: "E1".to_owned(),
            territory_code: "CN".to_owned(),
            territory_path: "CN/".to_owned(),
        };
        let blank = Lead::blank(Uuid::from_u128(1), placing, OffsetDateTime::UNIX_EPOCH);
        Lead { title: "专线".to_owned(), company_name: "样例公司".to_owned(), ..blank }
    }

    fn state_that_forbids(outcome: Result<Lead, Error>) -> &'static str {
        match outcome.err() {
            Some(Error::StateForbids { state, .. }) => state,
            _ => "",
        }
    }

    #[test]
    fn a_lead_is_worked_on_until_it_is_decided() {
        let working = lead().worked().unwrap();
        assert_eq!(state_that_forbids(working.worked()), "WORKING");
        let qualified = working.qualified(Uuid::nil()).unwrap();
        assert_eq!((qualified.state, qualified.opportunity_id), (State::Qualified, Some(Uuid::nil())));
        let disqualified = lead().disqualified(DisqualifyReason::NoNeed, "无".to_owned()).unwrap();
        for decided in [qualified, disqualified.clone()] {
            let state = decided.state.name();
            assert_eq!(state_that_forbids(decided.qualified(Uuid::nil())), state);
            assert_eq!(state_that_forbids(decided.disqualified(DisqualifyReason::Other, String::new())), state);
            assert_eq!(state_that_forbids(decided.reassigned(decided.placing(), String::new())), state);
        }
        let reopened = disqualified.reopened("又来电".to_owned()).unwrap();
        assert_eq!((reopened.state, reopened.disqualify_reason), (State::Working, None));
        assert_eq!(state_that_forbids(reopened.reopened(String::new())), "WORKING");
        assert_eq!(state_that_forbids(lead().deleted(OffsetDateTime::UNIX_EPOCH).unwrap().worked()), "DELETED");
    }

    #[test]
    fn a_lead_of_no_account_has_a_company_and_duplicates_are_told_by_its_normal_name() {
        let settled = Lead { company_name: "ＡＢＣ　科技 (深圳)".to_owned(), ..lead() }.settled().unwrap();
        assert_eq!(settled.company_key.as_deref(), Some("abc科技(深圳)"));
        let of_account =
            Lead { account_id: Some(Uuid::nil()), company_name: String::new(), ..lead() }.settled().unwrap();
        assert_eq!((of_account.company_key, of_account.title_key.as_str()), (None, "专线"));
        assert!(Lead { company_name: String::new(), ..lead() }.settled().is_err());
    }

    #[test]
    fn a_lead_never_repeats_itself() {
        let [own, other] = [Uuid::from_u128(1), Uuid::from_u128(2)];
        assert_eq!(lead().linked(Some(other), &[other]).unwrap().duplicate_of_lead_id, Some(other));
        for chain in [vec![own], vec![other, own], vec![own, other]] {
            assert_eq!(lead().linked(Some(other), &chain).unwrap_err().refused_for(), Some("FIELDS_INVALID"));
        }
        assert_eq!(lead().linked(None, &[]).unwrap().duplicate_of_lead_id, None);
    }
}
